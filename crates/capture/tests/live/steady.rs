//! Once buffers are there, records are filtered, copied, handed on and read again without taking memory.

use std::time::Duration;

use etwatch_capture::live::{Capture, Feed, Intake, Next, Receive, SessionSettings};
use etwatch_event::{RawHeader, RawRecord};

use crate::allocations::most_held;

/// Delivers so many records, and reads what was handed on now and then; how many came back.
fn deliver(records: u64, intake: &mut Intake, feed: &mut Feed) -> usize {
    let mut read = 0;
    for number in 0..records {
        let header = RawHeader { id: 1, ..RawHeader::default() };
        if intake.wants(&header) {
            intake.take(&RawRecord { header, extended: &[], payload: &[7; 100] });
        }
        if number % 1_000 == 0 {
            while let Next::Batch(batch) = feed.next_batch(Duration::ZERO) {
                read += batch.len();
            }
        }
    }
    read
}

#[test]
fn a_record_takes_no_memory() {
    let settings = SessionSettings { may_drop: true, ..SessionSettings::default() };
    let Capture { mut intake, mut feed, .. } = Capture::builder(&settings).build().unwrap();
    deliver(20_000, &mut intake, &mut feed);
    let (read, held) = most_held(|| deliver(200_000, &mut intake, &mut feed));
    assert!(read > 190_000, "{read}");
    // What a batch has beside its buffer: its counts.
    assert!(held < 4_096, "{held} bytes");
    assert_eq!(intake.counters().grown(), 0);
}
