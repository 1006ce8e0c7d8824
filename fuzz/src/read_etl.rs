//! Any bytes as a log of ETW, or a log that they choose: reading ends and every record is counted once; a
//! slice that is read again is the same, and so are the records whatever the size of slices.
//!
//! The first byte says how. Odd: the others are the file. Even: they are choices, so that what lies behind
//! the headers of file, buffers and records is reached at once. Such a log is sound unless it was chosen
//! to do damage to it: then all its records come, each as it was written, those of a processor in their
//! order and all of them by time.

mod generate;

use std::collections::BTreeMap;

use etwatch_capture::etl::{EtlScratch, EtlSlice};
use etwatch_capture::source::Location;
use etwatch_capture::{Decoded, Limits, Piece, open};
use etwatch_event::{Ledger, RawHeader, Timestamp};

use super::choices::Choices;
use super::reading::file;
use generate::Made;

/// Sizes of slices: a buffer each, some, all.
const SLICES: [u64; 4] = [1, 600, 3_000, 1 << 20];

/// A record of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Owned {
    header: RawHeader,
    extended: Vec<u8>,
    payload: Vec<u8>,
}

/// What a log led to.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    /// Those of bookkeeping included.
    pub records: Vec<Owned>,
    /// What was read and skipped.
    pub ledger: Ledger,
    /// Why reading ended early.
    pub error: Option<String>,
}

/// Reads the log twice.
pub fn check(bytes: &[u8]) {
    outcome(bytes);
}

/// What the log led to; `None` if it is none.
pub fn outcome(bytes: &[u8]) -> Option<Outcome> {
    let mut choices = Choices::new(bytes);
    let how = choices.byte();
    let slices = [SLICES[usize::from(how >> 1 & 3)], SLICES[usize::from(how >> 3 & 3)]];
    if how & 1 == 1 {
        return read_twice(choices.rest(), slices);
    }
    let made = generate::log(&mut choices);
    let outcome = read_twice(&made.file, slices);
    if !made.damaged {
        compare(&made, outcome.as_ref().expect("a sound log is one"));
    }
    outcome
}

/// Reads a file in slices of both sizes.
fn read_twice(bytes: &[u8], [first, second]: [u64; 2]) -> Option<Outcome> {
    let file = file(bytes, ".etl");
    let location = Location::File(file.path().to_owned());
    let (first, second) = (read(&location, first), read(&location, second));
    assert_eq!(first, second, "in slices of another size");
    first
}

/// Reads a log slice by slice, each of them twice; `None` if it is none.
fn read(location: &Location, slice_bytes: u64) -> Option<Outcome> {
    let limits = Limits { slice_bytes, unpacked_bytes: 1 << 20, ..Limits::default() };
    let mut source = open(location, limits).ok()?;
    source.first_time();
    let (mut outcome, mut scratch) = (Outcome::default(), EtlScratch::default());
    loop {
        let piece = match source.next_piece() {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => {
                outcome.error = Some(error.to_string());
                break;
            }
        };
        let mark = piece.mark();
        let (records, decoded) = match piece {
            Piece::Etl(slice) => records(slice, &mut scratch),
            Piece::Damage(decoded) => (Vec::new(), decoded),
            // Some other recording.
            _ => return None,
        };
        if let Some(mark) = mark {
            source.rest();
            let again = source.read_again(mark).expect("the file is still there");
            let Some(Piece::Etl(again)) = again else { panic!("{again:?}") };
            let (same, decoded_again) = self::records(again, &mut EtlScratch::default());
            assert_eq!((&records, &decoded.ledger), (&same, &decoded_again.ledger), "read again");
        }
        outcome.records.extend(records);
        outcome.ledger.add(&decoded.ledger);
    }
    let Outcome { records, ledger, .. } = &outcome;
    assert_eq!(ledger.read, records.len() as u64 + ledger.lost());
    let mut numbers: Vec<_> = records.iter().map(|record| record.header.number).collect();
    numbers.sort_unstable();
    assert!(numbers.is_sorted_by(|a, b| a < b), "each has a number of its own: {numbers:?}");
    Some(outcome)
}

fn records(slice: EtlSlice, scratch: &mut EtlScratch) -> (Vec<Owned>, Decoded) {
    let mut records = Vec::new();
    let decoded = slice.with_bookkeeping().read(scratch, &mut |record, _| {
        let (extended, payload) = (record.extended.to_vec(), record.payload.to_vec());
        records.push(Owned { header: record.header, extended, payload });
    });
    (records, decoded)
}

/// Compares the records of a sound log with what was read.
fn compare(made: &Made, outcome: &Outcome) {
    let Outcome { records, ledger, error } = outcome;
    assert_eq!((error, ledger.skipped.len()), (&None, 0), "{ledger:?}");
    // The first record is the header of the log.
    assert_eq!(ledger.read, 1 + made.opaque + made.records.len() as u64);
    let read = records.iter().filter(|record| record.header.number > 1);
    let (mut made_streams, mut read_streams) = (BTreeMap::new(), BTreeMap::new());
    for (processor, payload) in &made.records {
        made_streams.entry(*processor).or_insert_with(Vec::new).push(payload.as_slice());
    }
    for Owned { header, payload, .. } in read {
        read_streams.entry(header.processor).or_insert_with(Vec::new).push(payload.as_slice());
    }
    assert_eq!(made_streams, read_streams);
    let times = records.iter().map(|record| record.header.time);
    assert!(times.filter(|time| *time != Timestamp::UNKNOWN).is_sorted(), "by time");
}
