//! Kernel events from bytes, in each layout, compared with golden output.
//!
//! | data | made by | holds |
//! |---|---|---|
//! | `kernel_events/cut.jsonl` | `cargo run --release -p etwatch-capture --example cut_kernel_events` | records cut out of real recordings |
//! | `kernel_events/synthetic.jsonl` | `kernel_events/synthetic.py` | records made by hand, for each layout, with their fields |
//! | `kernel_events/cases.json` | by hand | the six cases, see [`cases`] |
//! | `kernel_events/*.golden` | `ETWATCH_BLESS=1 cargo test` | what becomes of the records: fields and event |
//!
//! A record is decoded with the embedded tables and typed. Of a synthetic record the fields are known from
//! elsewhere, so they have to be the ones that come out, and an event built from them alone has to be the
//! same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure in a test is a finding")]

#[path = "kernel_events/cases.rs"]
mod cases;
#[path = "../../../tests/support/corpus.rs"]
mod corpus;
#[path = "kernel_events/golden.rs"]
mod golden;
#[path = "kernel_events/print.rs"]
mod print;
#[path = "kernel_events/sample.rs"]
mod sample;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use etwatch_decode::manifest::parse_manifest;
use etwatch_decode::schema::SchemaSource;
use etwatch_decode::{Decoder, Fit, KernelEvent, Key, Outcome, Schema, SchemaStore, Tables};
use etwatch_event::{Guid, RawHeader, Record, RecordBatch};

use sample::Sample;

/// The classes of typed events, and those of their opcodes that need no sample: they have no typed event,
/// and no more is known of them than the tables say.
const CLASSES: [(&str, &[u8]); 8] = [
    ("3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c", &[35]), // Process: InSwap
    ("3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c", &[]),   // Thread
    ("2cb15d1d-5fc1-11d2-abe1-00a0c911f518", &[]),   // Image
    ("9a280ac0-c8e0-11d1-84e2-00c04fb998a2", &[]),   // TcpIp
    ("bf3a50c5-a9c9-4988-a005-2df0b7c80f80", &[]),   // UdpIp
    ("90cbdc39-4a3e-11d1-84f4-0000f80464e3", &[]),   // FileIo
    // Registry: Config, hives, ChangeNotify
    ("ae53722e-c863-11d2-8659-00c04fa321a1", &[35, 36, 37, 38, 39, 40, 48]),
    // StackWalk: stacks by key
    ("def2fe46-7bd6-4b80-bd94-f57fe20d0ce3", &[34, 35, 36, 37, 38]),
];

const KERNEL_PROCESS: &str = "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716";
const KERNEL_NETWORK: &str = "7dd42a49-5329-4832-8dfd-43d979153a88";
const KERNEL_REGISTRY: &str = "70eb4f03-c1de-4f73-a051-33d13d5413bd";

fn store() -> SchemaStore {
    SchemaStore::new(Arc::new(Tables::embedded()), 0)
}

/// Decodes a sample, which has to be explained to the last byte, and shows the record and by what it was
/// explained.
fn decoded<T>(
    sample: &Sample,
    store: &SchemaStore,
    show: impl FnOnce(&Record<'_>, &Schema) -> T,
) -> T {
    let mut batch = RecordBatch::default();
    let outcome = Decoder::default().decode(&sample.record(), store, &mut batch);
    let Outcome::Event { schema, fit, newer } = outcome else {
        panic!("{}: {outcome:?}", sample.title())
    };
    let expected = match sample.behind {
        0 => Fit::Exact,
        behind => Fit::Trailing(behind),
    };
    assert_eq!((fit, newer), (expected, sample.newer), "{}", sample.title());
    assert_eq!(batch.len(), 1);
    show(&batch.get(0).unwrap(), &schema)
}

/// A sample, its header, its fields and its event, a line each.
fn told(sample: &Sample, store: &SchemaStore) -> String {
    decoded(sample, store, |record, _| {
        let mut text = String::new();
        let event = KernelEvent::of(&sample.header, record);
        writeln!(text, "{}", sample.title()).unwrap();
        writeln!(text, "  header {}", print::context(event.context())).unwrap();
        writeln!(text, "  fields {}", print::fields(sample::payload_fields(record))).unwrap();
        writeln!(text, "  event  {}", print::event(&event)).unwrap();
        text
    })
}

fn all_told(samples: &[Sample]) -> String {
    let store = store();
    samples.iter().map(|sample| told(sample, &store)).collect()
}

#[test]
fn records_of_real_recordings() {
    golden::check("cut.golden", &all_told(&Sample::read("cut.jsonl")));
}

#[test]
fn records_made_by_hand() {
    golden::check("synthetic.golden", &all_told(&Sample::read("synthetic.jsonl")));
}

#[test]
fn bytes_are_decoded_to_the_fields_they_were_made_of() {
    let store = store();
    for sample in Sample::read("synthetic.jsonl") {
        let expected = sample.fields();
        decoded(&sample, &store, |record, _| {
            let fields: Vec<_> = sample::payload_fields(record).collect();
            let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
            let known: Vec<_> = expected.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, known, "{}", sample.title());
            for ((name, value), (_, made)) in fields.iter().zip(&expected) {
                assert!(made.is(*value), "{} {name}: {value:?}, {made:?}", sample.title());
            }
        });
    }
}

#[test]
fn an_event_is_the_same_from_bytes_and_from_fields() {
    let store = store();
    for sample in Sample::read("synthetic.jsonl") {
        let from_bytes = decoded(&sample, &store, |record, _| {
            print::event(&KernelEvent::of(&sample.header, record))
        });
        let fields = sample.fields();
        let batch = sample::batch(&fields);
        let event = KernelEvent::of(&sample.header, &batch.get(0).unwrap());
        assert_eq!(print::event(&event), from_bytes, "{}", sample.title());
        assert_eq!(event.context().process_id, sample.header.process_id);
        assert_eq!(event.context().thread_id, sample.header.thread_id);
        assert_eq!(event.context().processor, sample.header.processor);
    }
}

/// Every layout of the classes has a sample: each opcode in each version with pointers of 8 bytes, and each
/// version of a class with pointers of 4 bytes.
#[test]
fn each_layout_has_a_sample() {
    let samples = [Sample::read("cut.jsonl"), Sample::read("synthetic.jsonl")].concat();
    let wide: BTreeSet<_> = samples
        .iter()
        .filter(|sample| sample.header.pointer_size == 8)
        .map(|sample| (sample.header.provider, sample.header.opcode, sample.header.version))
        .collect();
    let narrow: BTreeSet<_> = samples
        .iter()
        .filter(|sample| sample.header.pointer_size == 4)
        .map(|sample| (sample.header.provider, sample.header.version))
        .collect();
    let mut missing = Vec::new();
    for entry in Tables::embedded().entries().filter(|entry| entry.classic) {
        let guid = entry.schema.guid;
        let opcode = u8::try_from(entry.number).unwrap();
        let class = CLASSES.iter().find(|(class, _)| Guid::parse(class) == Some(guid));
        let Some((_, generic)) = class else { continue };
        if generic.contains(&opcode) {
            continue;
        }
        if !wide.contains(&(guid, opcode, entry.version)) {
            missing.push(format!("{} {opcode} v{}", entry.schema.provider, entry.version));
        }
        if !narrow.contains(&(guid, entry.version)) {
            missing.push(format!("{} v{} of 32 bits", entry.schema.provider, entry.version));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

/// The manifest that lies beside a real recording tells the same events as the tables, of all samples that it
/// describes: those of Kernel-Process in the recording, those of Kernel-Registry and Kernel-Network made by
/// hand. Where it leaves bytes behind, the tables step in.
#[test]
fn an_event_is_the_same_by_a_manifest_of_windows() {
    let Some(corpus) = corpus::corpus() else { return };
    let text = std::fs::read_to_string(corpus.join("etl/SystemEvents.man")).unwrap();
    let (by_tables, by_manifest) = (store(), store());
    for (id, version, schema) in parse_manifest(&text).unwrap() {
        let key = Key { guid: schema.guid, id, version, ..Key::default() };
        by_manifest.insert(key, schema).unwrap();
    }
    let mut compared = BTreeSet::new();
    for sample in [Sample::read("cut.jsonl"), Sample::read("synthetic.jsonl")].concat() {
        let event = |record: &Record<'_>| print::event(&KernelEvent::of(&sample.header, record));
        let expected = decoded(&sample, &by_tables, |record, _| event(record));
        decoded(&sample, &by_manifest, |record, schema| {
            assert_eq!(event(record), expected, "{}", sample.title());
            if schema.source == SchemaSource::Recording {
                let RawHeader { provider, id, pointer_size, .. } = sample.header;
                compared.insert((provider, id, pointer_size));
            }
        });
    }
    let ids = |guid, bytes| -> Vec<u16> {
        let guid = Guid::parse(guid).unwrap();
        let of = compared.iter().filter(|(of, _, size)| (*of, *size) == (guid, bytes));
        of.map(|(_, id, _)| *id).collect()
    };
    assert_eq!(ids(KERNEL_PROCESS, 8), (1..=10).collect::<Vec<_>>());
    assert_eq!(ids(KERNEL_REGISTRY, 8), (1..=15).collect::<Vec<_>>());
    // The manifest says that a connection's number has 32 bits, but it is as long as a pointer. Failures have
    // none.
    assert_eq!(ids(KERNEL_NETWORK, 4), [10, 11, 12, 17, 26, 27, 28, 42, 58]);
    assert_eq!(ids(KERNEL_NETWORK, 8), [17, 49]);
}
