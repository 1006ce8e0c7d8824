//! Any text as a rule file: loading and the closer look end, documents add up, every message has a hint and
//! can be shown.

use etwatch_event::{FieldTable, LogSource, LogSourceSet};
use etwatch_rules::lint::known_fields::KnownFields;
use etwatch_rules::load::{LoadOptions, load_text};

use super::choices::text;

/// Loads the text.
pub fn check(bytes: &[u8]) {
    load(text(bytes));
}

/// Loads a rule file and looks at all that is said of it.
pub fn load(text: &str) {
    let options = LoadOptions { examine: Some(known_fields()), ..LoadOptions::default() };
    let loaded = load_text("r.yml", text, &options, &mut FieldTable::default());
    assert!(loaded.is_balanced());
    assert_eq!(loaded.places.len(), loaded.rules.len());
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.hint.is_some(), "{diagnostic}: no hint");
        let (begin, end) = (diagnostic.place(), diagnostic.end_place());
        assert!(begin <= end, "{diagnostic}: ends at {end:?}");
        assert!(!diagnostic.render(false).is_empty());
        assert!(diagnostic.span.end <= text.len().max(diagnostic.span.start + 1));
    }
}

/// Windows' events, of one kind alone.
fn known_fields() -> KnownFields {
    let mut known = KnownFields::default();
    let source = LogSource::new(None, Some("windows"), None);
    known.add(LogSourceSet::new(vec![source]), vec!["Image".to_owned()], true);
    known
}
