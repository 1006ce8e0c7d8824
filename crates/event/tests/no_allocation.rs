//! Once its buffers have grown, a batch is filled, copied and read without any allocation.

#[path = "../../../tests/support/allocations.rs"]
mod allocations;

use std::sync::Arc;

use allocations::allocations;
use etwatch_event::{EventBatch, LayoutId, LogSourceSetId, RecordBatch, Value, Vocabulary};

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
    let counted = allocations(|| one_round(&mut records, &mut events, &mut merged));
    assert_eq!(counted, (1_000, 0));
}
