//! What fields log sources have, for the examination of rules: what normalisation's tables know, handed to
//! the crate of rules, which knows nothing of them.

use etwatch_event::{LogSourceSet, Vocabulary};
use etwatch_normalise::{Table, Taxonomy};
use etwatch_rules::lint::known_fields::KnownFields;

use crate::engine::EngineError;

/// The fields of the built-in tables.
///
/// # Errors
/// [`EngineError::Table`] if a built-in table is malformed.
pub fn known_fields() -> Result<KnownFields, EngineError> {
    let mut vocabulary = Vocabulary::default();
    let taxonomy = Taxonomy::compile(&Table::built_in()?, &mut vocabulary)?;
    let mut known = KnownFields::default();
    for kind in taxonomy.kinds() {
        let sources = LogSourceSet::new(vocabulary.log_sources(kind.sources).to_vec());
        let fields = vocabulary.layout(kind.layout).map_or(&[][..], |layout| layout.fields());
        let names = fields.iter().map(|id| vocabulary.fields.name(*id).to_owned()).collect();
        known.add(sources, names, kind.listed);
    }
    Ok(known)
}
