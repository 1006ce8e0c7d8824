//! Records of event logs that are read by their form are what reading them in full makes of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a failure in a test is a finding"
)]

#[path = "support/binary_xml.rs"]
mod binary_xml;
#[path = "../../../fuzz/src/reading.rs"]
mod reading;

use std::io::Write;
use std::path::PathBuf;

use binary_xml::{Chunk, Part, Value, text};
use etwatch_capture::{Decoder, Limits, find, open};
use etwatch_event::RecordBatch;
use proptest::prelude::*;

/// Where real recordings lie; `None` if they are not there, which is a failure in CI.
fn corpus() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let place = std::env::var_os("ETWATCH_CORPUS").map_or(beside, PathBuf::from);
    if place.join("evtx").is_dir() {
        return Some(place);
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "no corpus at {}", place.display());
    let message = format!("SKIPPED: no corpus at {}; set ETWATCH_CORPUS\n", place.display());
    std::io::stderr().write_all(message.as_bytes()).unwrap();
    None
}

#[test]
fn recordings_of_all_kinds_are_the_same_in_both_ways() {
    let Some(corpus) = corpus() else { return };
    for folder in ["evtx", "regression"] {
        let (mut count, mut recalled) = (0, 0);
        let mut files = find(&[corpus.join(folder)]).inputs;
        files.retain(|file| file.name().ends_with(".evtx"));
        for file in files {
            // This compares what the decoder makes of each chunk with what reading it in full does.
            let outcome = reading::read(&file, Limits::default()).unwrap();
            count += outcome.records.len() as u64;
            recalled += outcome.recalled;
        }
        println!("{folder}: {recalled} of {count} records by their form");
        assert!(count > 0, "{folder}");
    }
}

#[test]
fn nearly_all_records_are_read_by_their_form_once_it_is_known() {
    let Some(corpus) = corpus() else { return };
    let files = find(&[corpus.join("evtx"), corpus.join("regression")]).inputs;
    let (mut decoder, mut batch) = (Decoder::default(), RecordBatch::default());
    let mut pass = || {
        let (mut count, before) = (0, decoder.recalled());
        for file in files.iter().filter(|file| file.name().ends_with(".evtx")) {
            let mut source = open(file, Limits::default()).unwrap();
            while let Some(piece) = source.next_piece().unwrap() {
                decoder.decode(piece, &mut batch);
                count += batch.len() as u64;
            }
        }
        (decoder.recalled() - before, count)
    };
    for (name, (recalled, count)) in [("first", pass()), ("second", pass())] {
        println!("{name} pass: {recalled} of {count} records by their form");
        assert!(recalled * 100 > count * 95, "{name} pass: {recalled} of {count}");
    }
}

/// An event with attributes, numbers and texts; gaps 0 to 3 are of the header, 4 and 5 of the data.
fn event() -> Vec<Part> {
    use Part::{Attribute, Close, Content, Gap, Open, Text};
    vec![
        Open("Event"),
        Attribute("xmlns"),
        Text("http://schemas.microsoft.com/win/2004/08/events/event"),
        Content,
        Open("System"),
        Content,
        Open("Provider"),
        Attribute("Name"),
        Text("Some-Provider"),
        Attribute("Guid"),
        Gap(1),
        Content,
        Close,
        Open("EventID"),
        Content,
        Gap(0),
        Close,
        Open("TimeCreated"),
        Attribute("SystemTime"),
        Gap(2),
        Content,
        Close,
        Open("Channel"),
        Content,
        Gap(3),
        Close,
        Close,
        Open("EventData"),
        Content,
        Open("Data"),
        Attribute("Name"),
        Text("Image"),
        Content,
        Gap(4),
        Close,
        Open("Data"),
        Attribute("Name"),
        Text("Other"),
        Content,
        Gap(5),
        Close,
        Close,
        Close,
    ]
}

/// Values for [`event`].
fn values(id: u16, image: Value, other: Value) -> Vec<Value> {
    let time = 132_000_000_000_000_000_u64 + u64::from(id);
    vec![
        (0x06, id.to_le_bytes().to_vec()),
        (0x0f, (0..16).collect()),
        (0x11, time.to_le_bytes().to_vec()),
        text("Security"),
        image,
        other,
    ]
}

/// What a log of these records leads to, the same in both ways.
fn outcome(template: &[Part], records: &[Vec<Value>], damage: &[(usize, u8)]) -> reading::Outcome {
    let mut chunk = Chunk::new();
    records.iter().for_each(|values| chunk.record(template, values));
    reading::read_file(&chunk.log(damage), ".evtx", Limits::default()).unwrap()
}

#[test]
fn a_record_has_the_fields_of_its_template_with_its_own_values() {
    let image = |name: &str| values(7, text(name), (0x14, vec![0x10, 0, 0, 0]));
    let outcome = outcome(&event(), &[image("a.exe"), image("b ü.exe"), image("c.exe")], &[]);
    assert_eq!(outcome.recalled, 2);
    let second = &outcome.records[1];
    for part in [
        "Some(7)) (\"Some-Provider\", \"Security\")",
        "(\"Image\", One(Text(\"b ü.exe\")))",
        "(\"Other\", One(Text(\"0x10\")))",
        "(\"EventID\", One(Unsigned(7)))",
        "(\"Provider_Guid\", One(Text(\"{03020100-0504-0706-0809-0a0b0c0d0e0f}\")))",
    ] {
        assert!(second.contains(part), "{part} in {second}");
    }
}

#[test]
fn what_a_form_does_not_cover_is_read_in_full() {
    let plain = || values(1, text("a"), (0x0d, vec![1, 0, 0, 0]));
    for (recalled, other) in [
        (2, plain()),
        // Another form.
        (1, values(1, text(""), (0x0d, vec![1, 0, 0, 0]))),
        (1, values(1, text("a"), (0x0d, vec![0; 4]))),
        (1, values(1, text("a"), text("1"))),
        (1, plain()[..5].to_vec()),
        // Values that the short way leaves alone.
        (1, values(1, text("a"), (0x0d, vec![2, 0, 0, 0]))),
        (1, values(1, (0x01, vec![0x3d, 0xd8]), (0x0d, vec![1, 0, 0, 0]))),
        (1, values(1, text("a"), (0x0b, vec![0, 0, 0x80, 0x3f]))),
        (1, values(1, text("a"), (0x81, vec![65, 0]))),
        (1, values(1, text("a"), (0x99, vec![]))),
        (1, values(1, text("a"), (0x21, vec![0x0f, 1, 1, 0, 0]))),
    ] {
        let outcome = outcome(&event(), &[plain(), other.clone(), plain()], &[]);
        assert_eq!(outcome.recalled, recalled, "{other:?}");
    }
}

#[test]
fn a_value_that_names_a_field_has_no_form() {
    use Part::{Attribute, Close, Content, Gap, Open};
    let template = [
        vec![Open("Event"), Content, Open("EventData"), Content, Open("Data"), Attribute("Name")],
        vec![Gap(0), Content, Gap(1), Close, Close, Close],
    ];
    let record = |name: &str, value: &str| vec![text(name), text(value)];
    let records = [record("A", "A"), record("B", "x"), record("B", "B")];
    let outcome = outcome(&template.concat(), &records, &[]);
    assert_eq!(outcome.recalled, 0);
    assert!(outcome.records[1].contains("(\"B\", One(Text(\"x\")))"), "{:?}", outcome.records);
}

fn any_value() -> impl Strategy<Value = Value> {
    let sized = |kind: u8, length: usize| {
        prop::collection::vec(any::<u8>(), length).prop_map(move |bytes| (kind, bytes))
    };
    let kinds = (any::<u8>(), prop::collection::vec(any::<u8>(), 0..20));
    prop_oneof![
        4 => "[ -~]{0,20}|\\PC{0,10}".prop_map(|of| text(&of)),
        1 => prop::collection::vec("[a-z]{0,3}", 0..4)
            .prop_map(|texts| (0x81, text(&(texts.join("\0") + "\0")).1)),
        1 => (3..=10_u8).prop_flat_map(move |kind| sized(kind, 1 << ((kind - 3) / 2))),
        1 => prop::sample::select(vec![0x11_u8, 0x15]).prop_flat_map(move |kind| sized(kind, 8)),
        1 => sized(0x0f, 16),
        1 => sized(0x0e, 5),
        1 => any::<bool>().prop_map(|yes| (0x0d, vec![u8::from(yes), 0, 0, 0])),
        1 => Just((0, Vec::new())),
        1 => kinds,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_values_are_the_same_in_both_ways(
        pairs in prop::collection::vec((any::<u16>(), any_value(), any_value()), 1..5),
    ) {
        let records = pairs.into_iter().map(|(id, one, other)| values(id, one, other));
        let records: Vec<_> = records.collect();
        outcome(&event(), &[records.clone(), records].concat(), &[]);
    }

    #[test]
    fn so_are_records_with_damage(
        pairs in prop::collection::vec((any_value(), any_value()), 1..4),
        damage in prop::collection::vec((any::<usize>(), any::<u8>()), 1..4),
    ) {
        let records: Vec<_> = pairs.into_iter().map(|(one, other)| values(1, one, other)).collect();
        outcome(&event(), &[records.clone(), records.clone(), records].concat(), &damage);
    }

    #[test]
    fn so_are_templates_of_any_bytes(
        bytes in prop::collection::vec(prop_oneof![0..16_u8, any::<u8>()], 0..40),
        at in 0..40_usize,
    ) {
        let mut template = event();
        let at = at.min(template.len());
        template.splice(at..at, [Part::Bytes(bytes)]);
        let record = values(1, text("a"), text("b"));
        outcome(&template, &[record.clone(), record.clone(), record], &[]);
    }
}
