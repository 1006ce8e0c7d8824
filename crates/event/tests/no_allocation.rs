//! Once its buffers have grown, a batch is filled, copied and read without any allocation.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use etwatch_event::{EventBatch, LayoutId, LogSourceSetId, RecordBatch, Value, Vocabulary};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged; counting touches only a
// thread-local number that needs no allocation of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises about `layout` are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn one_round(records: &mut RecordBatch, events: &mut EventBatch, merged: &mut EventBatch) -> usize {
    records.clear();
    events.clear();
    merged.clear();
    for number in 0..500 {
        let mut record = records.begin();
        record.push("Image", Value::Text("C:\\Windows\\System32\\cmd.exe"));
        record.push("ProcessId", Value::Unsigned(number));
        record.push("Data", Value::Text("one"));
        record.push("Data", Value::Text("two"));
        record.finish();
    }
    for record in records.iter() {
        let mut event = events.begin(LayoutId::HEADER, LogSourceSetId::NONE);
        for (name, value) in record.fields() {
            event.push_raw_named(name, value);
        }
        event.finish();
    }
    events.iter().for_each(|event| merged.push_copy(&event));
    merged.iter().map(|event| event.get_named("Data").iter().count()).sum()
}

#[test]
fn a_warm_batch_allocates_nothing() {
    let vocabulary = Arc::new(Vocabulary::default());
    let mut records = RecordBatch::default();
    let mut events = EventBatch::new(Arc::clone(&vocabulary));
    let mut merged = EventBatch::new(vocabulary);
    one_round(&mut records, &mut events, &mut merged);
    let before = ALLOCATIONS.with(Cell::get);
    assert!(before > 0, "the counter must count");
    let values = one_round(&mut records, &mut events, &mut merged);
    assert_eq!(values, 1_000);
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
}
