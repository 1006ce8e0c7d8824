//! Parts come in any order, and what is kept of them has bounds.

use std::sync::Arc;

use etwatch_event::{EventBatch, LayoutId, LogSourceSetId, Value, Vocabulary};

use super::*;

/// Parts of scripts that come.
struct Telling {
    fields: ScriptFields,
    batch: EventBatch,
    scripts: Scripts,
}

impl Telling {
    fn new() -> Self {
        let mut vocabulary = Vocabulary::default();
        let fields = ScriptFields::intern(&mut vocabulary.fields);
        let batch = EventBatch::new(Arc::new(vocabulary));
        Self { fields, batch, scripts: Scripts::new(MOST) }
    }
    fn comes(&mut self, id: &str, number: u64, total: u64, text: &str) -> Option<String> {
        self.batch.clear();
        let mut event = self.batch.begin(LayoutId::HEADER, LogSourceSetId::NONE);
        event.push(self.fields.id, Value::Text(id));
        event.push(self.fields.number, Value::Unsigned(number));
        event.push(self.fields.total, Value::Text(&total.to_string()));
        event.push(self.fields.text, Value::Text(text));
        event.finish();
        self.scripts.take(&self.batch.get(0)?, &self.fields)
    }
}

#[test]
fn a_script_is_whole_with_its_last_part_in_whatever_order() {
    let mut telling = Telling::new();
    assert_eq!(telling.comes("a", 3, 3, "mikatz"), None);
    assert_eq!(telling.comes("b", 1, 2, "other"), None);
    assert_eq!(telling.comes("a", 1, 3, "Invoke-"), None);
    assert_eq!(telling.comes("a", 1, 3, "Invoke-"), None, "one part twice is one");
    assert_eq!(telling.comes("a", 2, 3, "Mi").as_deref(), Some("Invoke-Mimikatz"));
    assert_eq!((telling.scripts.missing(), telling.scripts.evicted), (1, 0));
    telling.comes("b", 2, 2, "");
    assert_eq!((telling.scripts.missing(), telling.scripts.bytes), (0, 0));
}

#[test]
fn numbers_that_can_not_be_are_no_parts() {
    let mut telling = Telling::new();
    for (number, total) in [(1, 1), (0, 2), (3, 2), (1, 0), (1, u64::MAX)] {
        assert_eq!(telling.comes("a", number, total, "x"), None);
    }
    assert_eq!(telling.scripts.missing(), 0);
    // Another total is another telling.
    telling.comes("a", 1, 3, "x");
    telling.comes("a", 1, 2, "y");
    assert_eq!(telling.comes("a", 2, 2, "z").as_deref(), Some("yz"));
}

#[test]
fn scripts_without_end_take_a_bounded_room() {
    let mut telling = Telling::new();
    for script in 0..3_000 {
        telling.comes(&script.to_string(), 1, 2, "x");
    }
    assert_eq!(
        (telling.scripts.missing(), telling.scripts.evicted),
        (MOST.entries as u64, 3_000 - MOST.entries as u64)
    );
    let part = "x".repeat(1 << 20);
    for number in 1..=100 {
        telling.comes("long", number, 200, &part);
    }
    assert_eq!(
        telling.scripts.evicted,
        3_000 - MOST.entries as u64 + 2,
        "the long one, and one for it"
    );
    for script in 0..100 {
        telling.comes(&format!("large {script}"), 1, 2, &part);
        assert!(telling.scripts.bytes <= MOST.bytes);
    }
    assert!(telling.scripts.evicted > 3_000);
}

#[test]
fn empty_parts_without_end_take_a_bounded_room_too() {
    let mut telling = Telling::new();
    for number in 1..=100_000 {
        telling.comes("a", number, u64::from(u32::MAX - 1), "");
    }
    assert_eq!((telling.scripts.evicted, telling.scripts.bytes), (1, 0));
}
