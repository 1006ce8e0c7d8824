//! Reads a live session with its records decoded: named fields as the provider has them, raw bytes beside them.
//!
//! Without Windows the session is made of a log:
//!
//! ```sh
//! cargo run -p etwatch-engine --example live -- trace.etl
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it reads")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::Limits;
use etwatch_capture::live::{Capture, Flusher, Schemas, SessionSettings};
use etwatch_capture::sim::{Recording, Session, Speed};
use etwatch_capture::source::Location;
use etwatch_engine::decoded_feed::{DecodedBatch, DecodedFeed, NextDecoded, Wanted};
use etwatch_event::clock::SystemClock;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: live TRACE.etl")?;
    let recording = Recording::read(&Location::File(path.into()), Limits::default())?;
    let recording = Arc::new(recording);
    // Layouts that our tables do not have: those that the log carries. On Windows, `DecodedFeed::schemas` asks for them.
    let schemas = Schemas::told();
    recording.tell(&schemas);

    let Capture { intake, feed, flush } = Capture::builder(&SessionSettings::default())
        .trace(Arc::clone(recording.trace()))
        .schemas(&schemas)
        .build()?;
    let _flusher = Flusher::start(vec![flush])?;
    let counters = intake.counters();
    let session = Session::new(recording).speed(Speed::Fastest);
    let running = session.start(intake, counters, Arc::new(SystemClock::start()))?;

    let mut feed = DecodedFeed::new(feed, Wanted::Both, Arc::default());
    loop {
        match feed.next_batch(Duration::from_secs(1)) {
            NextDecoded::Batch(DecodedBatch { raw: Some(raw), records: Some(records), ledger }) => {
                println!("{} records, {} raw", records.len(), raw.len());
                for record in records.iter().take(1) {
                    println!("  such as {:?}", record.fields().collect::<Vec<_>>());
                }
                for (reason, count) in &ledger.unexplained {
                    println!("  not explained: {count} {reason}");
                }
            }
            NextDecoded::Batch(_) | NextDecoded::Quiet => {}
            NextDecoded::Ended => break,
        }
    }
    println!("{:?}", running.wait());
    Ok(())
}
