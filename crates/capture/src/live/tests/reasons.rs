//! Each reason for which a record is not handed on, brought about by what it stands for.

use super::*;
use crate::live::{Dropped, Filtered, Intake, Unseen, guarded};

/// What a feed was told was dropped, at the end of the session.
fn dropped(intake: Intake, feed: &mut Feed) -> (usize, Vec<(&'static str, u64)>) {
    drop(intake);
    let (times, ledger) = drain(feed);
    assert_eq!(ledger.read, times.len() as u64 + gone(&ledger));
    assert!(matches!(feed.next_batch(Duration::ZERO), Next::Ended));
    (times.len(), ledger.dropped.into_iter().collect())
}

#[test]
fn a_reader_that_stands_still_fills_its_queue() {
    let Capture { mut intake, mut feed, .. } = builder(true).build().unwrap();
    (0..20).for_each(|number| deliver(&mut intake, number, b""));
    // Two batches are queued and one is filled when the session ends; those between are lost.
    assert_eq!(dropped(intake, &mut feed), (12, vec![(Dropped::QueueFull.reason(), 8)]));
}

#[test]
fn a_reader_that_keeps_batches_takes_all_buffers() {
    let Capture { mut intake, mut feed, .. } = builder(true).build().unwrap();
    let mut kept = Vec::new();
    for number in 0..200 {
        deliver(&mut intake, number, b"");
        kept.extend(batch(&mut feed));
    }
    let (read, reasons) = dropped(intake, &mut feed);
    // All buffers, 2 for the queue and 16 in hand, are full: nothing else was lost.
    assert_eq!(kept.len() * 4 + read, 18 * 4);
    assert_eq!(reasons, [(Dropped::NoBuffer.reason(), 200 - 18 * 4)]);
}

#[test]
fn what_must_not_drop_grows_up_to_its_limit() {
    let memory = crate::live::RecordBuffer::memory(BufferSize { bytes: 64, records: 4 });
    let build = |limit| builder(false).memory_limit(limit).build().unwrap();
    let Capture { mut intake, mut feed, .. } = build(usize::MAX >> 1);
    (0..40_000).for_each(|number| deliver(&mut intake, number, b""));
    assert!(intake.counters().grown() > 9_000);
    assert_eq!(dropped(intake, &mut feed), (40_000, vec![]));
    let Capture { mut intake, mut feed, .. } = build(50 * memory);
    (0..1_000).for_each(|number| deliver(&mut intake, number, b""));
    assert_eq!(dropped(intake, &mut feed), (200, vec![(Dropped::Limit.reason(), 800)]));
}

#[test]
fn what_is_too_large_is_lost_alone() {
    let Capture { mut intake, mut feed, .. } = builder(true).build().unwrap();
    let large = vec![0; (1 << 20) + 1];
    for payload in [&large[..], b"a", &large, &large[..1 << 20], b"b"] {
        deliver(&mut intake, 1, payload);
    }
    assert_eq!(dropped(intake, &mut feed), (3, vec![(Dropped::TooLarge.reason(), 2)]));
}

#[test]
fn while_the_desk_is_held_records_go_aside_and_keep_their_order() {
    // Beside the desk there is room for 64 buffers of 4 records in a session that may drop.
    for (may_drop, lost) in [(true, Some(42)), (false, None)] {
        let capture = builder(may_drop).channel_capacity(99).build().unwrap();
        let Capture { mut intake, mut feed, flush } = capture;
        (0..2).for_each(|number| deliver(&mut intake, number, b""));
        let desk = flush.0.desk();
        (2..300).for_each(|number| deliver(&mut intake, number, b""));
        drop(desk);
        deliver(&mut intake, 300, b"");
        assert_eq!(intake.counters().aside(), 298);
        drop(intake);
        let (times, ledger) = drain(&mut feed);
        let kept = 300 - lost.unwrap_or(0);
        assert!(times.into_iter().eq((0..kept).chain([300])));
        assert_eq!(ledger.read, 301);
        assert_eq!(ledger.dropped.get(Dropped::HeldUp.reason()).copied(), lost);
    }
}

#[test]
fn a_failure_in_the_callback_is_counted_and_costs_one_record() {
    let capture = builder(true).filter(|header| match header.time.filetime() {
        3 => panic!("as a test wants it"),
        time => time != 4,
    });
    let Capture { mut intake, mut feed, .. } = capture.build().unwrap();
    let counters = intake.counters();
    for number in 0..6 {
        guarded(&counters, || deliver(&mut intake, number, b""));
    }
    // Wanted, but whoever hands it on fails before it is taken.
    assert!(intake.wants(&header(6)));
    assert_eq!(counters.failures(), 1);
    drop(intake);
    let (times, ledger) = drain(&mut feed);
    assert_eq!(times, [0, 1, 2, 5]);
    assert_eq!((ledger.read, ledger.dropped[Dropped::NotTaken.reason()]), (7, 2));
    assert_eq!(ledger.filtered[Filtered::Own.reason()], 1);
    assert_eq!(counters.delivered(), 7);
}

#[test]
fn without_a_reader_all_is_counted() {
    let Capture { mut intake, feed, .. } = builder(true).build().unwrap();
    let counters = intake.counters();
    drop(feed);
    (0..10).for_each(|number| deliver(&mut intake, number, b""));
    drop(intake);
    let lost: Vec<_> = counters.dropped().collect();
    // The first batch finds out that the feed is gone.
    assert_eq!(lost, [(Dropped::NoReader.reason(), 6)]);
    assert_eq!((counters.delivered(), counters.copied()), (10, 10));
}

#[test]
fn what_is_lost_is_told_once_though_no_record_comes() {
    let Capture { mut intake, mut feed, flush } = builder(true).build().unwrap();
    let counters = intake.counters();
    counters.lose(5, 2);
    counters.miss(Unseen::LogBuffers, 3);
    let lost = batch(&mut feed).unwrap().ledger().clone();
    assert_eq!((lost.events_lost, lost.buffers_lost, lost.unseen.values().sum::<u64>()), (5, 2, 3));
    assert!(batch(&mut feed).is_none());
    // A batch that was tallied before the loss was told takes nothing of it along.
    deliver(&mut intake, 1, b"");
    flush.tick();
    counters.lose(1, 0);
    let ledgers = [batch(&mut feed).unwrap(), batch(&mut feed).unwrap()];
    assert_eq!(ledgers.map(|batch| (batch.len(), batch.ledger().events_lost)), [(1, 0), (0, 1)]);
    assert!(batch(&mut feed).is_none());
}

#[test]
fn what_windows_lost_travels_with_the_next_batch() {
    let Capture { mut intake, mut feed, flush } = builder(true).build().unwrap();
    intake.counters().lose(5, 2);
    deliver(&mut intake, 1, b"");
    flush.tick();
    let ledger = batch(&mut feed).unwrap().ledger().clone();
    assert_eq!((ledger.events_lost, ledger.buffers_lost, ledger.read), (5, 2, 1));
    intake.counters().lose(1, 0);
    drop(intake);
    // No record followed, so the counts come alone.
    let last = batch(&mut feed).unwrap();
    assert_eq!((last.len(), last.ledger().events_lost), (0, 1));
    assert!(matches!(feed.next_batch(Duration::ZERO), Next::Ended));
}

#[test]
fn the_flusher_leaves_alone_what_nobody_would_read_yet() {
    let Capture { mut intake, mut feed, flush } = builder(true).build().unwrap();
    for number in 0..3 {
        deliver(&mut intake, number, b"");
        flush.tick();
    }
    let counters = intake.counters();
    assert_eq!((counters.batches(), counters.flushes()), (1, 1));
    assert_eq!(batch(&mut feed).unwrap().len(), 1);
    flush.tick();
    assert_eq!(batch(&mut feed).unwrap().len(), 2);
    assert!(matches!(feed.next_batch(Duration::ZERO), Next::Quiet));
}

#[test]
fn gaps_in_the_numbers_of_processes_are_told() {
    let Capture { mut intake, mut feed, .. } =
        builder(false).channel_capacity(999).build().unwrap();
    for number in (0..600_u64).filter(|number| number % 100 != 50) {
        let mut payload = 4_u32.to_le_bytes().to_vec();
        payload.extend(number.to_le_bytes());
        payload.resize(60, 0);
        let provider = crate::live::process_start::KERNEL_PROCESS;
        let header = RawHeader { provider, id: 1, version: 3, ..RawHeader::default() };
        assert!(intake.wants(&header));
        intake.take(&RawRecord { header, extended: &[], payload: &payload });
    }
    drop(intake);
    let (_, ledger) = drain(&mut feed);
    assert_eq!((ledger.unseen["process starts not seen"], ledger.read), (6, 594));
}
