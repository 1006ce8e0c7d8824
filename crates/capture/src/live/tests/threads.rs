//! The same with threads: a session that never waits, a flusher, and feeds that stand still now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use etwatch_event::clock::SystemClock;

use super::*;
use crate::etl::Trace;
use crate::live::Flusher;
use crate::sim::{Faults, Recording, Session, Speed, Stalls};

const RECORDS: u64 = 300_000;

fn recording() -> Arc<Recording> {
    let payload = [7; 40];
    let records = (1..=1_000).map(|number| RawRecord {
        header: header(number),
        extended: &[],
        payload: &payload,
    });
    Arc::new(Recording::of(&Trace::default(), records))
}

/// Reads a feed to its end.
fn read(mut feed: Feed, stalls: Stalls) -> (u64, u64, Ledger) {
    let (mut records, mut last, mut ledger, mut batches) = (0, 0, Ledger::default(), 0);
    loop {
        std::thread::sleep(stalls.before(batches));
        match feed.next_batch(Duration::from_millis(5)) {
            Next::Batch(batch) => {
                batches += 1;
                for record in batch.records() {
                    assert!(record.header.number > last);
                    last = record.header.number;
                }
                records += batch.len() as u64;
                ledger.add(batch.ledger());
            }
            Next::Quiet => {}
            Next::Ended => return (records, last, ledger),
        }
    }
}

#[test]
fn each_record_is_handed_on_or_counted_whoever_is_slow() {
    for may_drop in [true, false] {
        let settings = SessionSettings { may_drop, ..SessionSettings::default() };
        let capture = Capture::builder(&settings)
            .batch_size(BufferSize { bytes: 4 << 10, records: 64 })
            .channel_capacity(8)
            .filter(|header| header.time.filetime() % 10 != 0);
        let Capture { intake, feed, flush } = capture.build().unwrap();
        let other = feed.another();
        let counters = intake.counters();
        let _flusher = Flusher::start(vec![flush]).unwrap();
        let faults = Faults {
            seed: 5,
            lost: 1_000,
            doubled: 1_000,
            moved: 1_000,
            moved_by: 50,
            ..Faults::default()
        };
        let session = Session::new(recording())
            .times(u32::try_from(RECORDS / 1_000).unwrap())
            .speed(Speed::Fastest)
            .faults(faults);
        let clock = Arc::new(SystemClock::start());
        let running = session.start(intake, Arc::clone(&counters), clock).unwrap();
        let slow = Stalls { seed: 1, batches: 20, most: Duration::from_millis(20) };
        let other = std::thread::spawn(move || read(other, slow));
        let (records, last, ledger) = read(feed, Stalls::default());
        let (slow_records, _, slow_ledger) = other.join().unwrap();
        let delivered = running.wait().unwrap();
        assert_eq!(delivered.records + delivered.lost, RECORDS + delivered.doubled);
        assert!(delivered.lost > 0 && delivered.doubled > 0 && delivered.moved > 0);
        for (records, ledger) in [(records, &ledger), (slow_records, &slow_ledger)] {
            assert_eq!(ledger.read, delivered.records);
            assert_eq!(ledger.read, records + gone(ledger), "{ledger:?}");
            assert_eq!(ledger.events_lost, delivered.lost);
            assert!(ledger.filtered["own filter"] > RECORDS / 11);
        }
        if !may_drop {
            assert!(ledger.dropped.is_empty() && slow_ledger.dropped.is_empty());
            assert!(last <= delivered.records);
        }
        assert!(counters.longest() > Duration::ZERO);
    }
}

#[test]
fn no_record_waits_longer_than_the_flusher_takes() {
    let Capture { mut intake, mut feed, flush } = builder(true).build().unwrap();
    let _flusher = Flusher::start(vec![flush]).unwrap();
    for number in 0..5 {
        deliver(&mut intake, number, b"");
        // Far longer than it takes, since tests run beside others; without a flusher it would be for ever.
        let Next::Batch(batch) = feed.next_batch(Duration::from_secs(20)) else {
            panic!("it was not handed on")
        };
        assert_eq!(batch.len(), 1);
    }
}

#[test]
fn a_session_that_is_stopped_ends_its_feeds() {
    let Capture { intake, mut feed, .. } = builder(true).build().unwrap();
    let counters = intake.counters();
    let clock = Arc::new(SystemClock::start());
    let session = Session::new(recording()).times(u32::MAX).speed(Speed::Fastest);
    let running = session.start(intake, counters, clock).unwrap();
    while !matches!(feed.next_batch(Duration::from_millis(1)), Next::Batch(_)) {}
    running.stop();
    while !matches!(feed.next_batch(Duration::from_millis(1)), Next::Ended) {}
    assert!(running.wait().unwrap().records > 0);
}

#[test]
fn a_recording_keeps_its_pace_and_its_times_go_on() {
    // 11 records, 10 ms apart; ten times as fast, that is 10 ms, and twice more behind a second's tenth.
    let records = (0..11).map(|number| RawRecord {
        header: header(1_000_000 + number * 100_000),
        ..RawRecord::default()
    });
    let recording = Arc::new(Recording::of(&Trace::default(), records));
    let Capture { mut intake, mut feed, .. } = builder(false).build().unwrap();
    let speed = Speed::Times(10.try_into().unwrap());
    let session = Session::new(recording).times(2).speed(speed);
    let counters = intake.counters();
    let stop = AtomicBool::new(false);
    let done = session.run(&mut intake, &counters, &SystemClock::start(), &stop);
    // 1.2 s of the recording, the last record being due then.
    assert!(done.time >= Duration::from_millis(119), "{:?}", done.time);
    stop.store(true, Relaxed);
    assert_eq!(session.run(&mut intake, &counters, &SystemClock::start(), &stop).records, 0);
    drop(intake);
    let (times, _) = drain(&mut feed);
    assert_eq!(times.len(), 22);
    assert!(times.is_sorted());
    assert_eq!(times[11] - times[0], 1_000_000 + 10_000_000);
}
