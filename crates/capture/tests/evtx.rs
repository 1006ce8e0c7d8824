//! Event logs whose chunks claim more than they hold: what is missing is counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failure in a test is a finding"
)]

use etwatch_capture::source::Location;
use etwatch_capture::{Decoded, Limits, SourceError, open};
use etwatch_event::RecordBatch;

const CHUNK: usize = 65_536;
/// A record without content: a fragment header and its end.
const RECORD: usize = 24 + 5 + 4;

/// A chunk of `count` records that claims the ids and numbers 1 to `ids` and 1 to `numbers`.
fn chunk(count: u64, ids: (u64, u64), numbers: (u64, u64)) -> Vec<u8> {
    let mut chunk = b"ElfChnk\0".to_vec();
    for number in [numbers.0, numbers.1, ids.0, ids.1] {
        chunk.extend_from_slice(&number.to_le_bytes());
    }
    let free = 512 + RECORD * count as usize;
    for number in [128, free - RECORD.min(free), free] {
        chunk.extend_from_slice(&(number as u32).to_le_bytes());
    }
    chunk.resize(512, 0);
    for id in 1..=count {
        chunk.extend_from_slice(b"**\0\0");
        chunk.extend_from_slice(&(RECORD as u32).to_le_bytes());
        chunk.extend_from_slice(&id.to_le_bytes());
        chunk.extend_from_slice(&132_000_000_000_000_000_u64.to_le_bytes());
        chunk.extend_from_slice(&[0x0f, 1, 1, 0, 0]);
        chunk.extend_from_slice(&(RECORD as u32).to_le_bytes());
    }
    chunk.resize(CHUNK, 0);
    chunk
}

fn log(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut log = b"ElfFile\0".to_vec();
    log.resize(42, 0);
    log.extend_from_slice(&(chunks.len() as u16).to_le_bytes());
    log.resize(4_096, 0);
    log.extend(chunks.concat());
    log
}

fn read(bytes: &[u8]) -> Result<Decoded, SourceError> {
    let mut file = tempfile::Builder::new().suffix(".evtx").tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let mut source = open(&Location::File(file.path().to_owned()), Limits::default())?;
    let mut all = Decoded::default();
    while let Some(piece) = source.next_piece()? {
        let decoded = piece.decode(&mut RecordBatch::default());
        all.ledger.add(&decoded.ledger);
        all.damage.extend(decoded.damage);
    }
    Ok(all)
}

/// How many records of the log are not found although its chunk claims them.
fn missing(chunk: Vec<u8>) -> u64 {
    let all = read(&log(&[chunk])).unwrap();
    let told = all.damage.iter().filter(|damage| damage.detail.contains("claims")).count();
    assert!(told <= 1);
    if told == 0 { 0 } else { all.ledger.read - 5 }
}

#[test]
fn records_that_a_whole_chunk_claims_and_does_not_have_are_counted() {
    let max = u64::MAX;
    for (ids, numbers, expected) in [
        ((1, 5), (1, 5), 0),
        ((1, 9), (1, 9), 4),
        // Either range may be damaged; what no chunk can hold is not believed.
        ((9, 1), (1, 8), 3),
        ((0, max), (1, 5), 0),
        ((0, max), (1, 7), 2),
        ((0, max), (7, 2), 0),
    ] {
        assert_eq!(missing(chunk(5, ids, numbers)), expected, "{ids:?} {numbers:?}");
    }
}

#[test]
fn records_behind_what_a_header_says_is_free_are_counted() {
    // The free space begins at once.
    let mut none = chunk(5, (1, 5), (1, 5));
    none[48..52].copy_from_slice(&512_u32.to_le_bytes());
    assert_eq!(read(&log(&[none])).unwrap().ledger.skipped.get("EVTX record"), Some(&5));
    // The last id is that of an earlier record.
    let last = read(&log(&[chunk(5, (1, 3), (1, 5))])).unwrap();
    assert_eq!(last.ledger.read, 5);
    // The last records are overwritten with zeros.
    let mut zeros = chunk(5, (1, 5), (1, 5));
    zeros[512 + 3 * RECORD..].fill(0);
    assert_eq!(read(&log(&[zeros])).unwrap().ledger.read, 5);
}

#[test]
fn a_chunk_of_zeros_is_missing_if_the_header_counts_it() {
    let sound = || chunk(5, (1, 5), (1, 5));
    let all = read(&log(&[sound(), vec![0; CHUNK], sound()])).unwrap();
    assert_eq!((all.ledger.skipped["EVTX chunk missing"], all.ledger.read), (1, 11));
    // One that was set aside for later holds nothing.
    let mut ahead = log(&[sound()]);
    ahead.resize(4_096 + 2 * CHUNK, 0);
    assert_eq!(read(&ahead).unwrap().ledger.read, 5);
}

#[test]
fn a_header_that_is_cut_off_states_nothing() {
    assert!(read(b"ElfFile\0").is_err());
    assert_eq!(read(&log(&[])).unwrap().ledger.read, 0);
    let two = log(&[vec![0; 0], vec![0; 0]]);
    assert_eq!(read(&two[..44]).unwrap().ledger.skipped["EVTX chunk missing"], 2);
}
