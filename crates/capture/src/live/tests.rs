//! The hand-off as a whole: whatever happens in which order, each record is accounted for.

mod model;
mod reasons;
mod schemas;
mod threads;

use std::time::Duration;

use etwatch_event::{Ledger, RawHeader, RawRecord, Timestamp};

use super::{BufferSize, Builder, Capture, Feed, LiveBatch, Next, Receive, SessionSettings};

/// A capture of small batches.
fn builder(may_drop: bool) -> Builder {
    Capture::builder(&SessionSettings { may_drop, ..SessionSettings::default() })
        .batch_size(BufferSize { bytes: 64, records: 4 })
        .channel_capacity(2)
}

/// A header; its time tells records apart.
fn header(number: u64) -> RawHeader {
    RawHeader { time: Timestamp::from_filetime(number), ..RawHeader::default() }
}

/// Delivers a record as a session does.
fn deliver(receive: &mut impl Receive, number: u64, payload: &[u8]) {
    let header = header(number);
    if receive.wants(&header) {
        receive.take(&RawRecord { header, extended: &[], payload });
    }
}

/// What a feed has without waiting for more.
fn batch(feed: &mut Feed) -> Option<LiveBatch> {
    match feed.next_batch(Duration::ZERO) {
        Next::Batch(batch) => Some(batch),
        Next::Quiet | Next::Ended => None,
    }
}

/// The times of all that a feed has, and what was counted.
fn drain(feed: &mut Feed) -> (Vec<u64>, Ledger) {
    let (mut times, mut ledger) = (Vec::new(), Ledger::default());
    while let Some(batch) = batch(feed) {
        times.extend(batch.records().map(|record| record.header.time.filetime()));
        ledger.add(batch.ledger());
    }
    (times, ledger)
}

/// Records that a ledger says were lost or left out.
fn gone(ledger: &Ledger) -> u64 {
    ledger.filtered.values().chain(ledger.dropped.values()).sum()
}
