//! What must hold of the module `stacks`, by examples.

use etwatch_event::{Guid, Record, RecordBatch, Value};

use super::*;
use crate::kernel::{Context, KernelEvent};

const STACK_WALK: &str = "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3";

/// An event of the kernel at a time, by a thread if its header says so, on processor 1.
fn event(time: u64, thread_id: Option<u32>) -> RawHeader {
    let time = Timestamp::from_filetime(time);
    let form = RawForm::Kernel;
    RawHeader { form, time, thread_id, processor: 1, ..RawHeader::default() }
}

fn stack_walk(opcode: u8, time: u64) -> RawHeader {
    let provider = Guid::parse(STACK_WALK).unwrap();
    RawHeader { provider, opcode, ..event(time, None) }
}

/// A stack for an event of `time` and `thread`, written on processor 1.
fn stack(batch: &mut RecordBatch, time: u64, thread: u32) -> StackEvent<'_> {
    batch.clear();
    let mut record = batch.begin();
    record.push("EventTimeStamp", Value::Unsigned(time));
    record.push("StackProcess", Value::Unsigned(100));
    record.push("StackThread", Value::Unsigned(thread.into()));
    record.push("Stack", Value::Hex(0x1000));
    record.finish();
    match KernelEvent::of(&stack_walk(32, time + 9), &batch.get(0).unwrap()) {
        KernelEvent::Stack(stack) => stack,
        other => panic!("{other:?}"),
    }
}

/// The number of the event that a stack is joined to; the clock's ticks are 100 ns.
fn joined(join: &mut StackJoin<u64>, time: u64, thread: u32) -> Option<u64> {
    let mut batch = RecordBatch::default();
    let stack = stack(&mut batch, time, thread);
    join.event_of(&stack, Timestamp::from_filetime(time)).copied()
}

fn released(join: &mut StackJoin<u64>, now: u64) -> Vec<u64> {
    let now = Timestamp::from_filetime(now);
    std::iter::from_fn(|| join.release(now)).collect()
}

#[test]
fn a_stack_finds_the_event_of_its_time_and_thread() {
    let mut join = StackJoin::default();
    for (number, (time, thread)) in [(10, 1), (10, 2), (11, 1), (12, 1)].into_iter().enumerate() {
        join.hold(&event(time, Some(thread)), None, number as u64);
    }
    // Both parts of a stack belong to the same event, whatever came between.
    for (time, thread, expected) in [
        (10, 1, Some(0)),
        (11, 1, Some(2)),
        (10, 2, Some(1)),
        (10, 1, Some(0)),
        (13, 1, None),
        (12, 2, None),
    ] {
        assert_eq!(joined(&mut join, time, thread), expected, "{time} {thread}");
    }
    assert_eq!((join.joined(), join.unmatched()), (4, 2));
}

#[test]
fn an_event_without_a_thread_is_found_by_processor_and_then_belongs_to_the_thread() {
    let mut join = StackJoin::default();
    join.hold(&event(10, None), None, 0);
    join.hold(&RawHeader { processor: 2, ..event(10, None) }, None, 1);
    join.hold(&RawHeader { processor: 3, ..event(20, None) }, None, 2);
    // On its own processor, not that of the later one.
    assert_eq!(joined(&mut join, 10, 7), Some(0));
    assert_eq!(joined(&mut join, 10, 7), Some(0));
    // The other one is left for the other thread.
    assert_eq!(joined(&mut join, 10, 8), Some(1));
    // The thread went on elsewhere; no other event has this time.
    assert_eq!(joined(&mut join, 20, 9), Some(2));
    assert_eq!(joined(&mut join, 20, 10), None);
    assert_eq!(released(&mut join, u64::MAX), [0, 1, 2]);
    assert!(join.index.is_empty(), "{:?}", join.index);
}

#[test]
fn of_events_that_agree_the_latest_of_the_kernel_is_meant() {
    let classic = RawHeader { form: RawForm::Classic, ..event(10, Some(1)) };
    let mut join = StackJoin::default();
    join.hold(&classic, None, 0);
    join.hold(&event(10, Some(1)), None, 1);
    join.hold(&event(10, Some(1)), None, 2);
    join.hold(&classic, None, 3);
    assert_eq!(joined(&mut join, 10, 1), Some(2));
    // Without one of the kernel, the first will do.
    let mut join = StackJoin::default();
    join.hold(&classic, None, 0);
    join.hold(&classic, None, 1);
    assert_eq!(joined(&mut join, 10, 1), Some(0));
}

#[test]
fn the_rest_of_a_stack_is_found_by_match_id_and_a_whole_one_awaits_none() {
    let item = |match_id: u64| {
        let mut extended = Vec::new();
        let data = match_id.to_le_bytes();
        etwatch_event::raw::push_item(&mut extended, 6, &data, true);
        extended
    };
    let (whole, part) = (item(0), item(0x5555));
    let of = |extended| {
        ExtendedStack::of(&etwatch_event::RawRecord { extended, ..Default::default() }).unwrap()
    };
    let header = RawHeader { form: RawForm::Event, ..event(10, Some(1)) };
    let mut join = StackJoin::default();
    join.hold(&header, Some(&of(&whole)), 0);
    assert_eq!(joined(&mut join, 10, 1), None);
    join.hold(&header, Some(&of(&part)), 1);
    assert_eq!(joined(&mut join, 0x5555, 1), Some(1));
    assert_eq!(joined(&mut join, 0x5555, 2), None);
    assert_eq!(released(&mut join, u64::MAX), [0, 1]);
    assert!(join.index.is_empty());
}

#[test]
fn events_are_released_in_order_by_age_and_count() {
    let hold = Hold { events: 3, age: Duration::from_micros(1) };
    let mut join = StackJoin::new(hold);
    for number in 0..3 {
        join.hold(&event(100 + number, Some(1)), None, number);
    }
    assert_eq!(released(&mut join, 110), []);
    assert_eq!(released(&mut join, 111), [0]);
    assert_eq!(joined(&mut join, 100, 1), None);
    join.pass(Timestamp::from_filetime(103), 3);
    join.hold(&event(104, Some(1)), None, 4);
    assert_eq!((join.crowded(), released(&mut join, 104)), (0, vec![1]));
    assert_eq!(join.crowded(), 1);
    assert_eq!(joined(&mut join, 102, 1), Some(2));
    assert_eq!(join.release_early(), Some(2));
    assert_eq!(
        [join.release_any(), join.release_any(), join.release_any()],
        [Some(3), Some(4), None]
    );
    assert_eq!((join.crowded(), join.len(), join.index.len()), (2, 0, 0));
}

#[test]
fn nothing_is_kept_of_what_was_released() {
    let mut join = StackJoin::new(Hold { events: 64, age: Duration::from_secs(1) });
    // Many events of one time and few threads replace one another.
    for number in 0..10_000_u64 {
        let thread = (number % 3 != 0).then_some(u32::try_from(number % 5).unwrap());
        join.hold(&event(1 + number / 50, thread), None, number);
        joined(&mut join, 1 + number / 50, u32::try_from(number % 7).unwrap());
        released(&mut join, 1 + number / 50);
        assert!(join.len() <= 64 && join.index.len() <= 64 * 3, "{}", join.index.len());
    }
    while join.release_any().is_some() {}
    assert!(join.index.is_empty());
}

#[test]
fn a_record_without_a_time_waits_for_nothing() {
    let mut join = StackJoin::default();
    join.hold(&event(0, Some(1)), None, 0);
    assert_eq!(joined(&mut join, 0, 1), None);
    assert_eq!(join.len(), 1);
}

/// Takes a definition of key 7 with these addresses.
fn define(keys: &mut StackKeys, opcode: u8, time: u64, addresses: &[u64]) {
    let mut batch = RecordBatch::default();
    let mut record = batch.begin();
    record.push("key", Value::Hex(7));
    for address in addresses {
        record.push("StackFrame", Value::Hex(*address));
    }
    record.finish();
    let record: Record<'_> = batch.get(0).unwrap();
    match KernelEvent::of(&stack_walk(opcode, time), &record) {
        KernelEvent::StackKey(event) => {
            assert_eq!(event.context, Context::of(&stack_walk(opcode, time)));
            keys.take(&event);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_means_what_is_defined_at_its_time() {
    let mut keys = StackKeys::default();
    define(&mut keys, 35, 10, &[1, 2]);
    define(&mut keys, 35, 20, &[3]);
    define(&mut keys, 34, 30, &[4]);
    define(&mut keys, 35, 40, &[4]);
    define(&mut keys, 34, 50, &[5]);
    define(&mut keys, 36, 60, &[6]);
    for (time, expected) in [
        (5, Some(&[1_u64, 2][..])),
        (10, Some(&[1, 2])),
        (11, Some(&[3])),
        (20, Some(&[3])),
        // Given up, and not yet created again.
        (25, None),
        (30, Some(&[4])),
        (40, Some(&[4])),
        (45, None),
        (55, Some(&[6])),
        (61, None),
    ] {
        assert_eq!(keys.addresses(7, Timestamp::from_filetime(time)), expected, "{time}");
    }
    assert_eq!(keys.addresses(8, Timestamp::from_filetime(5)), None);
    define(&mut keys, 34, 70, &[8]);
    assert_eq!(keys.addresses(7, Timestamp::from_filetime(99)), Some(&[8][..]));
    assert_eq!((keys.len(), keys.forgotten()), (7, 0));
}

#[test]
fn a_stack_may_name_a_key_in_place_of_its_addresses() {
    let mut batch = RecordBatch::default();
    for keyed in [true, false] {
        let mut record = batch.begin();
        record.push("EventTimeStamp", Value::Unsigned(9));
        record.push("StackProcess", Value::Unsigned(100));
        record.push("StackThread", Value::Unsigned(1));
        if keyed {
            record.push("StackKey", Value::Hex(7));
        }
        record.finish();
    }
    for opcode in [37, 38] {
        let header = stack_walk(opcode, 9);
        match KernelEvent::of(&header, &batch.get(0).unwrap()) {
            KernelEvent::Stack(stack) => {
                assert_eq!((stack.key, stack.addresses().count()), (Some(7), 0));
            }
            other => panic!("{other:?}"),
        }
        let without = KernelEvent::of(&header, &batch.get(1).unwrap());
        assert!(matches!(without, KernelEvent::Generic(_)), "{without:?}");
    }
}
