//! Twice as many records as can be worked on.
//!
//! First it is measured how many records a consumer takes in a second, then two sessions deliver twice as many: one
//! that may drop, and one of processes that must not. The consumer digests the bytes of each record, stands still now and
//! then, and keeps batches for a while, as one does whose workers are busy. However long that goes on, what was
//! delivered is what was filtered, dropped, handed on or bookkeeping, and of processes nothing was dropped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etwatch_capture::etl::Trace;
use etwatch_capture::live::{
    Capture, Counters, Dropped, Feed, Filtered, Flusher, Next, ProcessSelector, ProviderSettings,
    SessionSettings,
};
use etwatch_capture::sim::{Delivered, Faults, Recording, Running, Session, Speed, Stalls};
use etwatch_event::clock::SystemClock;
use etwatch_event::{Guid, Ledger, RawHeader, RawRecord, Timestamp};
use sha2::{Digest, Sha256};

/// 10,000 records; of ten, one each is refused for its provider, id, level, keyword, process and by the own filter, and
/// one is part of a manifest.
fn recording() -> Arc<Recording> {
    let payload = [0x5b; 200];
    let record = |number: u64| {
        let ours = RawHeader {
            time: Timestamp::from_filetime(134_000_000_000_000_000 + number * 1_000),
            provider: Guid([1; 16]),
            id: 1,
            level: 4,
            keyword: 1,
            process_id: Some(4),
            ..RawHeader::default()
        };
        let header = match number % 10 {
            0 => RawHeader { provider: Guid([2; 16]), ..ours },
            1 => RawHeader { id: 2, ..ours },
            2 => RawHeader { level: 5, ..ours },
            3 => RawHeader { keyword: 2, ..ours },
            4 => RawHeader { process_id: Some(8), ..ours },
            5 => RawHeader { opcode: 9, ..ours },
            6 => RawHeader { id: 0xfffe, ..ours },
            _ => ours,
        };
        RawRecord { header, extended: &[], payload: &payload }
    };
    Arc::new(Recording::of(&Trace::default(), (0..10_000).map(record)))
}

fn settings(may_drop: bool) -> SessionSettings {
    let provider = ProviderSettings {
        provider: Guid([1; 16]),
        any: 1,
        level: 4,
        ids: vec![1],
        ..ProviderSettings::default()
    };
    let not_processes = vec![ProcessSelector::Id(8)];
    SessionSettings { may_drop, providers: vec![provider], not_processes, ..Default::default() }
}

/// A session that delivers at this speed for ever.
fn start(may_drop: bool, speed: Speed, faults: Faults) -> (Running, Arc<Counters>, Feed, Flusher) {
    let capture = Capture::builder(&settings(may_drop)).filter(|header| header.opcode != 9);
    let Capture { intake, feed, flush } = capture.build().unwrap();
    let flusher = Flusher::start(vec![flush]).unwrap();
    let counters = intake.counters();
    let session = Session::new(recording()).times(u32::MAX).speed(speed).faults(faults);
    let clock = Arc::new(SystemClock::start());
    let running = session.start(intake, Arc::clone(&counters), clock).unwrap();
    (running, counters, feed, flusher)
}

/// What a consumer took.
#[derive(Default)]
struct Taken {
    handed_on: u64,
    ledger: Ledger,
    /// Batches that are worked on elsewhere.
    kept: VecDeque<etwatch_capture::live::LiveBatch>,
}

impl Taken {
    /// Takes the next batch of a feed; `false` at its end.
    fn take(&mut self, feed: &mut Feed, keep: usize) -> bool {
        let batch = match feed.next_batch(Duration::from_millis(1)) {
            Next::Batch(batch) => batch,
            Next::Quiet => return true,
            Next::Ended => return false,
        };
        let decoded = batch.read(&mut |record, _| {
            self.handed_on += 1;
            std::hint::black_box(Sha256::digest(record.payload));
        });
        self.ledger.add(&decoded.ledger);
        self.kept.push_back(batch);
        while self.kept.len() > keep {
            self.kept.pop_front();
        }
        true
    }
    fn check(&self, delivered: Delivered, counters: &Counters) {
        let Self { handed_on, ledger, .. } = self;
        let gone: u64 = ledger.filtered.values().chain(ledger.dropped.values()).sum();
        assert_eq!(ledger.read, delivered.records);
        assert_eq!(ledger.read, gone + ledger.bookkeeping + handed_on, "{ledger:?}");
        assert_eq!(counters.delivered(), delivered.records);
        assert_eq!(ledger.events_lost, delivered.lost);
        for why in Filtered::ALL {
            assert!(ledger.filtered[why.reason()] > 0, "{}", why.reason());
        }
        assert!(ledger.bookkeeping > 0 && *handed_on > 0);
    }
}

#[expect(clippy::disallowed_methods, reason = "a rate is measured")]
fn overload(time: Duration) {
    // What the consumer takes when it does nothing else, in delivered records a second.
    let (running, counters, mut feed, _flusher) = start(true, Speed::Fastest, Faults::default());
    let (begin, mut taken) = (Instant::now(), Taken::default());
    while begin.elapsed() < Duration::from_millis(500) {
        taken.take(&mut feed, 0);
    }
    let read = taken.handed_on + taken.ledger.bookkeeping;
    let capacity = (read as f64 / begin.elapsed().as_secs_f64() * 10.0 / 4.0) as u32;
    running.stop();
    while taken.take(&mut feed, 0) {}
    taken.check(running.wait().unwrap(), &counters);

    let speed = Speed::PerSecond((2 * capacity).max(1).try_into().unwrap());
    let faults = Faults {
        seed: 11,
        lost: 500,
        doubled: 500,
        moved: 500,
        moved_by: 100,
        bursts: 20,
        burst: 20_000,
    };
    let processes = Speed::PerSecond((capacity / 100).max(1_000).try_into().unwrap());
    let (noisy, noisy_counters, mut noisy_feed, _flusher) = start(true, speed, faults);
    let (kept, kept_counters, mut kept_feed, _other) = start(false, processes, faults);
    let stalls = Stalls { seed: 5, batches: 10, most: Duration::from_millis(100) };
    let (mut noise, mut lifecycle) = (Taken::default(), Taken::default());
    let (begin, mut turn, mut is_on) = (Instant::now(), 0, (true, true));
    while is_on != (false, false) {
        turn += 1;
        if begin.elapsed() >= time {
            noisy.stop();
            kept.stop();
        } else {
            std::thread::sleep(stalls.before(turn));
        }
        // Now and then so many batches are worked on elsewhere that none is free.
        let keep = if turn / 100 % 2 == 0 { 2 } else { 30 };
        is_on.0 = is_on.0 && noise.take(&mut noisy_feed, keep);
        is_on.1 = is_on.1 && lifecycle.take(&mut kept_feed, 1);
    }
    let (noisy, kept) = (noisy.wait().unwrap(), kept.wait().unwrap());
    println!("capacity {capacity} records a second; {noisy:?}; {kept:?}");
    for (name, taken, counters) in
        [("noisy", &noise, &noisy_counters), ("never shed", &lifecycle, &kept_counters)]
    {
        let (aside, grown, longest) = (counters.aside(), counters.grown(), counters.longest());
        let Ledger { filtered, dropped, .. } = &taken.ledger;
        println!("{name}: handed on {}, {dropped:?}, {filtered:?}", taken.handed_on);
        println!("{name}: longest callback {longest:?}, aside {aside}, buffers grown {grown}");
        assert!(longest > Duration::ZERO);
    }
    noise.check(noisy, &noisy_counters);
    lifecycle.check(kept, &kept_counters);
    assert!(lifecycle.ledger.dropped.is_empty(), "{:?}", lifecycle.ledger.dropped);
    for why in [Dropped::QueueFull, Dropped::NoBuffer] {
        assert!(noise.ledger.dropped[why.reason()] > 0, "{}", why.reason());
    }
    assert!(noisy.lost > 0 && noisy.doubled > 0 && noisy.moved > 0 && noisy.bursts > 0);
}

#[test]
fn under_twice_its_capacity_each_record_is_accounted_for_and_processes_are_kept() {
    overload(Duration::from_secs(3));
}

/// `cargo test --release -p etwatch-capture --test live -- --ignored --nocapture`
#[test]
#[ignore = "takes a minute"]
fn so_it_is_for_a_minute() {
    overload(Duration::from_secs(60));
}
