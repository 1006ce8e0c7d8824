//! Any bytes as one JSON record: it is read or refused, and refused ones leave no trace.
#![no_main]

use etwatch_capture::Limits;
use etwatch_capture::json::RecordParser;
use etwatch_event::RecordBatch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut batch = RecordBatch::default();
    let mut parser = RecordParser::new(Limits::default());
    for expected in 1..=2 {
        let read = parser.parse(bytes, None, batch.begin());
        assert_eq!(batch.len(), if read.is_ok() { expected } else { 0 });
    }
    for record in batch.iter() {
        record.fields().for_each(drop);
    }
});
