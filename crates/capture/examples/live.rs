//! Reads the raw records of a live session: a batch iterator with a filter, on a channel of its own size.
//!
//! Without Windows the session is made of a log, delivered as fast as it was recorded:
//!
//! ```sh
//! cargo run -p etwatch-capture --example live -- trace.etl
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it reads")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::Limits;
use etwatch_capture::live::{Capture, Flusher, Next, SessionSettings};
use etwatch_capture::sim::{Recording, Session, Speed};
use etwatch_capture::source::Location;
use etwatch_event::clock::SystemClock;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: live TRACE.etl")?;
    let recording = Recording::read(&Location::File(path.into()), Limits::default())?;
    let recording = Arc::new(recording);

    // What is captured: every session's records, unless they are verbose; 32 batches wait for us at most.
    let settings = SessionSettings { may_drop: true, ..SessionSettings::default() };
    let Capture { intake, mut feed, flush } = Capture::builder(&settings)
        .trace(Arc::clone(recording.trace()))
        .channel_capacity(32)
        .filter(|header| header.level < 5)
        .build()?;
    let _flusher = Flusher::start(vec![flush])?;

    // Who delivers: here a log, on Windows a session that is given the same `intake`.
    let counters = intake.counters();
    let session = Session::new(recording).speed(Speed::AsRecorded);
    let running = session.start(intake, counters, Arc::new(SystemClock::start()))?;

    loop {
        let batch = match feed.next_batch(Duration::from_secs(1)) {
            Next::Batch(batch) => batch,
            Next::Quiet => continue,
            Next::Ended => break,
        };
        for record in batch.records() {
            let header = &record.header;
            let bytes = record.payload.len();
            println!("{} {} {} {bytes} bytes", header.time, header.provider, header.id);
        }
        let ledger = batch.ledger();
        if !ledger.dropped.is_empty() {
            println!("dropped: {:?}", ledger.dropped);
        }
    }
    println!("{:?}, longest callback {:?}", running.wait(), feed.counters().longest());
    Ok(())
}
