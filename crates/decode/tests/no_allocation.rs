//! Once everything is known and has grown, decoding takes no memory: neither for events of a known schema,
//! nor for those that describe themselves, nor for what no schema explains; nor does joining stacks to events.

#[path = "../../../tests/support/allocations.rs"]
mod allocations;

use std::sync::Arc;

use allocations::allocations;
use etwatch_decode::kernel::{Hold, StackJoin};
use etwatch_decode::schema::{Field, FieldKind, InType, OutType};
use etwatch_decode::{Decoder, KernelEvent, Key, NoTables, Schema, SchemaStore};
use etwatch_event::raw::push_item;
use etwatch_event::{
    ExtendedItem, Guid, RawForm, RawHeader, RawRecord, RecordBatch, Timestamp, Value,
};

#[test]
fn a_warm_decoder_allocates_nothing() {
    let kinds = [InType::UInt32, InType::UnicodeString, InType::AnsiString, InType::Pointer];
    let field = |kind: InType| Field {
        name: format!("{kind:?}").into(),
        kind: FieldKind::Value(kind, OutType::NONE, None),
        ..Field::default()
    };
    let header = RawHeader { id: 1, process_id: Some(4), pointer_size: 8, ..RawHeader::default() };
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    store.insert(Key::of(&header, 0), Schema::of_fields(kinds.map(field).to_vec())).unwrap();
    let payload = b"\x04\0\0\0c\0m\0d\0\xe9\0\0\0caf\xe9\0\0\0\0\0\0\0\0\0";
    let mut extended = Vec::new();
    push_item(&mut extended, ExtendedItem::SCHEMA, b"\0\0\0Event\0Size\0\x08", true);
    let known = RawRecord { header, payload, extended: &[] };
    let described = RawRecord { extended: &extended, ..known };
    let unknown = RawRecord { header: RawHeader { id: 2, ..header }, ..known };

    let mut decoder = Decoder::default();
    let mut batch = RecordBatch::default();
    let mut one_round = || {
        batch.clear();
        for record in [known, described, unknown].iter().cycle().take(600) {
            decoder.decode(record, &store, &mut batch);
        }
        batch.len()
    };
    one_round();
    assert_eq!(allocations(one_round), (600, 0));
}

#[test]
fn a_warm_join_of_stacks_allocates_nothing() {
    let provider = Guid::parse("def2fe46-7bd6-4b80-bd94-f57fe20d0ce3").unwrap();
    let form = RawForm::Kernel;
    let stack_walk = RawHeader { form, provider, opcode: 32, ..RawHeader::default() };
    let mut batch = RecordBatch::default();
    let hold = Hold { events: 500, ..Hold::default() };
    let mut join = StackJoin::new(hold);
    let mut ticks = 0;
    let mut one_round = || {
        let mut joined = 0;
        for _ in 0..10_000 {
            ticks += 1;
            let thread = ticks % 7;
            let time = Timestamp::from_filetime(ticks);
            let thread_id = if thread == 0 { None } else { u32::try_from(thread).ok() };
            join.hold(&RawHeader { form, time, thread_id, ..RawHeader::default() }, None, ticks);
            while join.release(time).is_some() {}
            batch.clear();
            let mut record = batch.begin();
            record.push("EventTimeStamp", Value::Unsigned(ticks));
            record.push("StackProcess", Value::Unsigned(4));
            record.push("StackThread", Value::Unsigned(thread));
            record.finish();
            let record = batch.get(0).unwrap();
            if let KernelEvent::Stack(stack) = KernelEvent::of(&stack_walk, &record) {
                joined +=
                    usize::from(join.event_of(&stack, time).is_some_and(|kept| *kept == ticks));
            }
        }
        joined
    };
    one_round();
    assert_eq!(allocations(one_round), (10_000, 0));
}
