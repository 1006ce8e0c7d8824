//! Any text as a rule file: loading and the closer look end, documents add up, every message can be shown.
#![no_main]

use etwatch_event::FieldTable;
use etwatch_rules::lint::known_fields::KnownFields;
use etwatch_rules::load::{LoadOptions, load_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let options = LoadOptions { examine: Some(KnownFields::default()), ..LoadOptions::default() };
    let loaded = load_text("r.yml", text, &options, &mut FieldTable::default());
    assert!(loaded.is_balanced());
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.render(false).is_empty());
    }
});
