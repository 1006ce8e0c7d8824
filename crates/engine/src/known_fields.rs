//! What fields log sources have, for the examination of rules: what normalisation's tables know, handed to
//! the crate of rules, which knows nothing of them.

use etwatch_event::field::ANCESTORS;
use etwatch_event::{Layout, LogSourceSet, Vocabulary};
use etwatch_normalise::{Table, Taxonomy};
use etwatch_rules::lint::known_fields::KnownFields;
use etwatch_state::facts::{Holder, TABLE};

use crate::engine::EngineError;

/// The fields of the built-in tables, and the facts of the processes that events have.
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
        let role = vocabulary.layout(kind.layout).map(Layout::role).unwrap_or_default();
        known.give(facts_of(role.actor.is_some(), role.target.is_some()));
    }
    Ok(known)
}

/// The names of the facts of events that have an actor, a target; of an actor also its ancestors.
fn facts_of(actor: bool, target: bool) -> Vec<String> {
    let has = |holder: &Holder| if *holder == Holder::Target { target } else { actor };
    let holders = Holder::ALL.into_iter().filter(has);
    let names = holders.flat_map(|holder| {
        TABLE.iter().flat_map(move |row| [row.field(holder), row.since_field(holder)])
    });
    names.chain(actor.then(|| ANCESTORS.to_owned())).collect()
}
