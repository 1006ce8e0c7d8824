//! Reads the raw records of a live session: a batch iterator with a filter, on a channel of its own size.
//!
//! ```sh
//! cargo run -p etwatch-capture --example live                    # processes of this Windows, for ten seconds
//! cargo run -p etwatch-capture --example live -- trace.etl       # a log, delivered as fast as it was recorded
//! ```

#![allow(clippy::print_stdout, reason = "an example tells what it reads")]

use std::error::Error;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::Limits;
use etwatch_capture::live::{Capture, Feed, Flusher, LiveBatch, Next, SessionSettings};
use etwatch_capture::sim::{Recording, Session, Speed};
use etwatch_capture::source::Location;
use etwatch_event::clock::SystemClock;

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(log) => of_log(log),
        None => of_this_windows(),
    }
}

/// A log, delivered as a session delivers.
fn of_log(path: OsString) -> Result<(), Box<dyn Error>> {
    let recording = Recording::read(&Location::File(path.into()), Limits::default())?;
    let recording = Arc::new(recording);

    // What is captured: every session's records, unless they are verbose; 32 batches wait for us at most.
    let settings = SessionSettings { may_drop: true, ..SessionSettings::default() };
    let Capture { intake, feed, flush } = Capture::builder(&settings)
        .trace(Arc::clone(recording.trace()))
        .channel_capacity(32)
        .filter(|header| header.level < 5)
        .build()?;
    let _flusher = Flusher::start(vec![flush])?;

    let counters = intake.counters();
    let session = Session::new(recording).speed(Speed::AsRecorded);
    let running = session.start(intake, counters, Arc::new(SystemClock::start()))?;
    read(feed, || ());
    println!("{:?}", running.wait());
    Ok(())
}

/// Starts and ends of processes, for ten seconds; a session needs an administrator.
#[cfg(windows)]
fn of_this_windows() -> Result<(), Box<dyn Error>> {
    use etwatch_capture::etw::{Manager, ManagerSettings, WantedSession, WindowsEtw, defaults};
    use etwatch_capture::live::ProviderSettings;
    use etwatch_event::{Clock as _, Guid};

    let provider = Guid::parse("22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716").unwrap_or_default();
    let settings = SessionSettings {
        // Names that begin so are taken to be left over from a crash, and are replaced.
        name: "etwatch-example".to_owned(),
        buffers: defaults::LIFECYCLE,
        independent: defaults::INDEPENDENT,
        providers: vec![ProviderSettings {
            provider,
            name: "Microsoft-Windows-Kernel-Process".to_owned(),
            any: 0x10,
            level: 4,
            ids: vec![1, 2],
            ..ProviderSettings::default()
        }],
        ..SessionSettings::default()
    };
    let Capture { intake, feed, flush } = Capture::builder(&settings).build()?;
    let _flusher = Flusher::start(vec![flush])?;

    let state = ManagerSettings::of(std::env::temp_dir().join("etwatch-example"));
    let mut manager = Manager::new(Arc::new(WindowsEtw), state)?;
    let report = manager.start(WantedSession { settings, receive: vec![Box::new(intake)] })?;
    report.notes.iter().for_each(|note| println!("{note}"));
    let clock = SystemClock::start();
    read(feed, || {
        manager.step(clock.elapsed()).iter().for_each(|change| println!("{change:?}"));
        if clock.elapsed() > Duration::from_secs(10) {
            // The feed has what is left, and ends.
            manager.stop();
        }
    });
    Ok(())
}

#[cfg(not(windows))]
fn of_this_windows() -> Result<(), Box<dyn Error>> {
    Err("usage: live TRACE.etl".into())
}

/// Prints what a feed has until it ends; in between, `look` is called.
fn read(mut feed: Feed, mut look: impl FnMut()) {
    loop {
        look();
        match feed.next_batch(Duration::from_secs(1)) {
            Next::Batch(batch) => print(&batch),
            Next::Quiet => {}
            Next::Ended => break,
        }
    }
    println!("longest callback {:?}", feed.counters().longest());
}

fn print(batch: &LiveBatch) {
    for record in batch.records() {
        let header = &record.header;
        let bytes = record.payload.len();
        println!("{} {} {} {bytes} bytes", header.time, header.provider, header.id);
    }
    let ledger = batch.ledger();
    if !ledger.dropped.is_empty() || ledger.events_lost > 0 {
        println!("dropped: {:?}, lost: {}", ledger.dropped, ledger.events_lost);
    }
}
