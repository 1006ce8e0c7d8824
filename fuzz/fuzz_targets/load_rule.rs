//! Any text as a rule file: loading ends, documents add up, every message can be shown.
#![no_main]

use etwatch_event::FieldTable;
use etwatch_rules::load::{LoadOptions, load_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let loaded = load_text("r.yml", text, &LoadOptions::default(), &mut FieldTable::default());
    assert!(loaded.is_balanced());
    for diagnostic in &loaded.diagnostics {
        assert!(!diagnostic.render(false).is_empty());
    }
});
