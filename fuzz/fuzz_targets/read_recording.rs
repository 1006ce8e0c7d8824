//! Any bytes as a recording: reading ends and every record is counted once.
#![no_main]

use std::io::Write as _;

use etwatch_capture::source::Location;
use etwatch_capture::{Limits, open};
use etwatch_event::{Ledger, RecordBatch};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("etwatch-fuzz-{}", std::process::id()));
    std::fs::File::create(&path).and_then(|mut file| file.write_all(bytes)).expect("a temporary file");
    let limits = Limits { unpacked_bytes: 1 << 20, ..Limits::default() };
    let Ok(mut source) = open(&Location::File(path), limits) else { return };
    source.first_time();
    let (mut batch, mut count, mut ledger) = (RecordBatch::default(), 0, Ledger::default());
    while let Ok(Some(piece)) = source.next_piece() {
        ledger.add(&piece.decode(&mut batch).ledger);
        count += batch.len() as u64;
    }
    assert_eq!(ledger.read, count + ledger.lost());
});
