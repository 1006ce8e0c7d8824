//! A record that shares its names with others becomes the same event as one that has them itself.
//!
//! Each case is a list of names and, in order, which of them has a value next: names may be missing, come again at
//! once (a field of several values), come again later, or twice in the list; some have a slot, some a number, some
//! neither, and some have blanks.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails must stop at the place"
)]

use std::sync::Arc;

use etwatch_event::{EventBatch, FieldNames, RecordBatch, Shape, Value, Vocabulary};
use etwatch_normalise::{Context, Normaliser, Table, Taxonomy};

const PROVIDER: &str = "Microsoft-Windows-Kernel-File";
/// Of Kernel-File 30 (a new file) `FileName` has a slot and is converted; `ParentUser` has at most a number.
const NAMES: [&str; 11] = [
    "EventID",
    "Provider_Name",
    "Opcode",
    "Channel",
    "FileName",
    "Odd",
    "ParentUser",
    "Odder",
    "Computer",
    "Channel",
    "Odd",
];
const BLANKS: [&str; 7] =
    ["EventID", "Provider_Name", "Threat Name", "ThreatName", "FileName", "Odd One", "OddOne"];

fn events(names: &[&str], order: &[usize], sharing: bool) -> EventBatch {
    let mut vocabulary = Vocabulary::default();
    vocabulary.fields.intern("ThreatName");
    let taxonomy = Taxonomy::compile(&Table::built_in().unwrap(), &mut vocabulary).unwrap();
    let shared: Arc<FieldNames> = Arc::new(names.iter().copied().collect());
    let mut records = RecordBatch::default();
    for round in 0..2 {
        let mut record = records.begin();
        if sharing {
            record.share_names(&shared);
        }
        let mut before = None;
        for (place, index) in order.iter().enumerate() {
            let text = format!("\\Device\\HarddiskVolume3\\{place}.{round}");
            let value = match names[*index] {
                "EventID" => Value::Unsigned(30),
                "Provider_Name" => Value::Text(PROVIDER),
                "Odd" if place % 2 == 0 => Value::Unsigned(7),
                _ => Value::Text(&text),
            };
            match sharing {
                true if before == Some(index) => record.push_again(value),
                true => record.push_named(*index, value),
                false => record.push(names[*index], value),
            }
            before = Some(index);
            if *index == 1 {
                record.set_provider(place);
            }
        }
        record.set_event_id(30);
        record.set_shape(Shape::Etw);
        record.finish();
    }
    let vocabulary = Arc::new(vocabulary);
    let mut normaliser = Normaliser::new(Arc::new(taxonomy), Arc::clone(&vocabulary));
    let mut events = EventBatch::new(vocabulary);
    normaliser.add(&records, 0, &Context::default(), &mut events);
    events
}

/// A set of log sources, the fields and their values.
type Shown = (usize, Vec<(String, Vec<String>)>);

/// All that rules and alerts see of events.
fn shown(events: &EventBatch) -> Vec<Shown> {
    let of_event = |event: etwatch_event::Event<'_>| {
        let fields = event.fields().map(|(name, values)| {
            let named: Vec<_> = event.get_named(name).iter().collect();
            assert_eq!(named, values.iter().collect::<Vec<_>>(), "{name}");
            (name.to_owned(), named.iter().map(|value| format!("{value:?}")).collect())
        });
        (event.source_set().index(), fields.collect())
    };
    events.iter().map(of_event).collect()
}

#[test]
fn sharing_names_changes_nothing() {
    let orders: [&[usize]; 8] = [
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        &[0, 1, 2, 3, 4],
        &[0, 1, 2, 3, 4, 5, 5, 5, 6, 6, 7],
        &[0, 1, 2, 4, 4, 5, 7],
        &[0, 1, 2, 3, 4, 5, 7, 5, 6],
        &[1, 0, 2, 4, 5],
        &[0, 1, 2, 3, 3, 3, 9, 9, 10, 10, 10],
        &[0, 1, 1, 2, 2, 4, 7, 7, 7, 7, 7, 8, 8],
    ];
    for order in orders {
        let expected = shown(&events(&NAMES, order, false));
        assert!(expected.len() == 2 && expected[0].1.len() > 3, "{order:?}");
        assert_eq!(shown(&events(&NAMES, order, true)), expected, "{order:?}");
    }
    for order in [&[0, 1, 2, 3, 4, 5, 6][..], &[0, 1, 2, 2, 4, 6, 5]] {
        let expected = shown(&events(&BLANKS, order, false));
        assert!(expected[0].1.iter().any(|(name, _)| name == "ThreatName"));
        assert_eq!(shown(&events(&BLANKS, order, true)), expected, "{order:?}");
    }
}
