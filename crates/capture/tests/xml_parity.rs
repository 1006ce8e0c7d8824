//! An event that comes as XML is what it is from the event log: the same fields with the same values.
//!
//! Each record of the real recordings is rendered as XML by the crate `evtx`, which writes what Windows writes, and
//! read once as that and once from the log. What differs is told by what the XML does not say, and counted exactly.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a failure in a test is a finding"
)]

#[path = "../../../tests/support/corpus.rs"]
mod place;

use std::collections::BTreeMap;

use etwatch_capture::source::Location;
use etwatch_capture::xml::XmlBlock;
use etwatch_capture::{Decoder, Limits, Piece, find, open};
use etwatch_event::{RawValue, Record, RecordBatch, Value};
use evtx::{EvtxParser, ParserSettings};

/// A field: its name and its value.
type Field = (String, Owned);

#[derive(Clone, Debug, PartialEq)]
enum Owned {
    Text(String),
    Number(i128),
    Boolean(bool),
    Empty,
    Other(String),
}

#[derive(Debug, PartialEq)]
struct Row {
    header: String,
    fields: Vec<Field>,
}

fn row(record: &Record<'_>) -> Row {
    let header = (record.time(), record.number(), record.shape(), record.event_id());
    let names = (record.provider(), record.channel());
    let value = |value| match value {
        RawValue::Empty => Owned::Empty,
        RawValue::One(Value::Text(text)) => Owned::Text(text.to_owned()),
        RawValue::One(Value::Unsigned(number)) => Owned::Number(number.into()),
        RawValue::One(Value::Signed(number)) => Owned::Number(number.into()),
        RawValue::One(Value::Boolean(yes)) => Owned::Boolean(yes),
        RawValue::One(other) => Owned::Other(format!("{other:?}")),
    };
    let fields = record.fields().map(|(name, one)| (name.to_owned(), value(one))).collect();
    Row { header: format!("{header:?} {names:?}"), fields }
}

/// The records of a log by their numbers; those of a number that occurs twice are left out.
fn from_log(location: &Location) -> BTreeMap<u64, Row> {
    let (mut decoder, mut batch) = (Decoder::default(), RecordBatch::default());
    let mut source = open(location, Limits::default()).unwrap();
    let (mut rows, mut twice) = (BTreeMap::new(), Vec::new());
    while let Ok(Some(piece)) = source.next_piece() {
        decoder.decode(piece, &mut batch);
        for record in batch.iter() {
            if rows.insert(record.number(), row(&record)).is_some() {
                twice.push(record.number());
            }
        }
    }
    rows.retain(|number, _| !twice.contains(number));
    rows
}

/// The same, by way of XML.
fn from_xml(location: &Location) -> BTreeMap<u64, Row> {
    let Location::File(path) = location else { panic!("{location:?}") };
    let settings = ParserSettings::new().num_threads(1).indent(false);
    let mut parser = EvtxParser::from_path(path).unwrap().with_configuration(settings);
    let mut block = XmlBlock::default();
    for record in parser.records().flatten() {
        block.push(&record.data);
    }
    let (count, mut batch) = (block.len(), RecordBatch::default());
    let decoded = Decoder::default().decode(Piece::Xml(block), &mut batch);
    assert_eq!((decoded.ledger.read, decoded.ledger.lost()), (count as u64, 0), "{decoded:?}");
    assert_eq!(batch.len(), count);
    batch.iter().map(|record| (record.number(), row(&record))).collect()
}

/// What the XML does not say of a value.
fn reason(log: &Owned, xml: &Owned) -> &'static str {
    match (log, xml) {
        (Owned::Boolean(yes), Owned::Text(text)) if *text == yes.to_string() => "boolean as text",
        (Owned::Number(number), Owned::Text(text)) if *text == number.to_string() => {
            "number as text"
        }
        (Owned::Text(text), Owned::Number(number)) if *text == number.to_string() => {
            "text as number"
        }
        // Characters that XML can't have; Windows writes a line instead.
        (Owned::Text(log), Owned::Text(xml))
            if *xml == log.replace(|letter| matches!(letter, '\x01'..' '), "_") =>
        {
            "control characters"
        }
        _ => panic!("{log:?} became {xml:?}"),
    }
}

#[test]
fn events_are_the_same_by_way_of_xml() {
    let Some(corpus) = place::corpus() else { return };
    let (mut records, mut fields, mut missing) = (0, 0, 0);
    let mut differences = BTreeMap::new();
    let mut files = find(&[corpus.join("evtx"), corpus.join("regression")]).inputs;
    files.retain(|file| file.name().ends_with(".evtx"));
    for file in files {
        let (log, xml) = (from_log(&file), from_xml(&file));
        for (number, log) in &log {
            let Some(xml) = xml.get(number) else {
                missing += 1;
                continue;
            };
            records += 1;
            fields += log.fields.len();
            let place = || format!("{} {number}", file.name());
            assert_eq!(log.header, xml.header, "{}", place());
            assert_eq!(log.fields.len(), xml.fields.len(), "{}: {log:?} {xml:?}", place());
            for ((name, log), (xml_name, xml)) in log.fields.iter().zip(&xml.fields) {
                assert_eq!(name, xml_name, "{}", place());
                if log != xml {
                    *differences.entry(reason(log, xml)).or_insert(0) += 1;
                }
            }
        }
    }
    let expected = [
        // Sysmon's `Initiated`, BITS' `ignoreBandwidthLimitsOnLan`.
        ("boolean as text", 1_119),
        // `PrivilegeList` of old events of Security, which Windows itself fills with what lay in memory.
        ("control characters", 20),
        // An element beside `EventData`.
        ("number as text", 1),
        // `IpPort` and the like, which Windows declares as text.
        ("text as number", 1_440),
    ];
    assert_eq!((records, fields, missing), (8_389, 224_522, 0));
    assert_eq!(differences, BTreeMap::from(expected));
}
