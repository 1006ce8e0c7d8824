//! Records of event logs that are read by their form are what reading them in full makes of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failure in a test is a finding"
)]

use std::io::Write;
use std::path::PathBuf;

use etwatch_capture::source::Location;
use etwatch_capture::{Decoded, Decoder, Limits, find, open};
use etwatch_event::{Record, RecordBatch};

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

/// All that can be seen of a record.
fn seen(record: &Record<'_>) -> String {
    let fields: Vec<_> = record.fields().collect();
    let header = (record.time(), record.number(), record.shape(), record.event_id());
    format!("{header:?} {} {} {fields:?}", record.provider(), record.channel())
}

/// All that decoding a piece told besides its records.
fn told(decoded: &Decoded) -> String {
    format!("{:?} {:?}", decoded.ledger, decoded.damage)
}

/// Reads a file with both decoders and compares what they make of it; how many records there were.
fn compare(location: &Location, decoder: &mut Decoder, in_full: &mut Decoder) -> u64 {
    let pieces = || {
        let mut source = open(location, Limits::default()).unwrap();
        std::iter::from_fn(move || source.next_piece().unwrap())
    };
    let (mut short, mut full, mut count) = (RecordBatch::default(), RecordBatch::default(), 0);
    for (mine, other) in pieces().zip(pieces()) {
        let name = format!("{} {:?}", location.name(), mine.mark());
        let (mine, other) = (decoder.decode(mine, &mut short), in_full.decode(other, &mut full));
        assert_eq!(told(&mine), told(&other), "{name}");
        assert_eq!(short.len(), full.len(), "{name}");
        for (mine, other) in short.iter().zip(full.iter()) {
            assert_eq!(seen(&mine), seen(&other), "{name}");
        }
        count += short.len() as u64;
    }
    count
}

#[test]
fn recordings_of_all_kinds_are_the_same_in_both_ways() {
    let Some(corpus) = corpus() else { return };
    let (mut decoder, mut in_full, mut count) = (Decoder::default(), Decoder::in_full(), 0);
    for folder in ["evtx", "regression"] {
        let mut files = find(&[corpus.join(folder)]).inputs;
        files.retain(|file| file.name().ends_with(".evtx"));
        assert!(!files.is_empty(), "{folder}");
        for file in files {
            count += compare(&file, &mut decoder, &mut in_full);
        }
    }
    let by_form = decoder.recalled();
    assert_eq!(in_full.recalled(), 0);
    println!("{by_form} of {count} records by their form");
    assert!(by_form * 100 >= count * 50, "{by_form} of {count}");
}
