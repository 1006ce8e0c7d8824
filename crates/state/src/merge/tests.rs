//! Events leave in order of time, wait no longer than they may, and leave no memory behind.

use super::*;
use etwatch_event::{FieldId, LayoutId, LogSourceSetId, Value};

fn at(ticks: u64) -> Timestamp {
    Timestamp::from_filetime(ticks)
}

struct Bench {
    vocabulary: Arc<Vocabulary>,
    one: EventBatch,
    merge: Merge,
}

impl Bench {
    fn new() -> Self {
        let vocabulary = Arc::new(Vocabulary::default());
        let one = EventBatch::new(Arc::clone(&vocabulary));
        Self { vocabulary, one, merge: Merge::default() }
    }
    fn push(&mut self, time: u64, until: u64, id: u64) -> u64 {
        self.one.clear();
        let mut event = self.one.begin(LayoutId::HEADER, LogSourceSetId::NONE);
        event.push(FieldId::EVENT_ID, Value::Unsigned(id));
        event.finish();
        let event = self.one.get(0).unwrap();
        self.merge.push(&event, &self.vocabulary, at(time), {
            let patience = Patience::Needed;
            Waits { for_turn: at(time), until: at(until), patience }
        })
    }
    fn gone(&mut self, now: u64) -> Vec<u64> {
        let mut ids = Vec::new();
        while let Some(waiting) = self.merge.next(at(now)) {
            match self.merge.event(&waiting).unwrap().get(FieldId::EVENT_ID).first() {
                Some(Value::Unsigned(id)) => ids.push(id),
                other => panic!("{other:?}"),
            }
            self.merge.done(&waiting);
        }
        ids
    }
}

#[test]
fn what_waits_holds_up_what_is_behind_it_until_its_time() {
    let mut bench = Bench::new();
    bench.push(10, 60, 1);
    bench.push(11, 11, 2);
    assert_eq!(bench.gone(59), []);
    assert_eq!(bench.gone(60), [1, 2]);
    assert!(bench.merge.is_empty());
}

#[test]
fn what_is_complete_goes_at_once_and_in_order_of_time() {
    let mut bench = Bench::new();
    let first = bench.push(10, 60, 1);
    bench.push(12, 12, 3);
    let second = bench.push(11, 61, 2);
    bench.push(12, 12, 4);
    bench.merge.complete(second);
    assert_eq!(bench.gone(12), []);
    bench.merge.complete(first);
    assert_eq!(bench.gone(12), [1, 2, 3, 4]);
}

#[test]
fn room_is_bounded_and_who_is_hurried_is_counted() {
    let mut bench = Bench::new();
    let all = MOST_WAITING as u64 + 3;
    for id in 0..all {
        bench.push(10, 1_000, id);
    }
    assert_eq!(bench.gone(20), [0, 1, 2]);
    assert_eq!(bench.merge.hurried, 3);
    assert_eq!(bench.gone(1_000).len(), MOST_WAITING);
    assert!(bench.merge.segments.is_empty() && bench.merge.bytes == 0);
}
