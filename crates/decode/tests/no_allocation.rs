//! Once everything is known and has grown, decoding takes no memory: neither for events of a known schema,
//! nor for those that describe themselves, nor for what no schema explains.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use etwatch_decode::schema::{Field, FieldKind, InType, OutType};
use etwatch_decode::{Decoder, Key, NoTables, Schema, SchemaStore};
use etwatch_event::raw::push_item;
use etwatch_event::{ExtendedItem, RawHeader, RawRecord, RecordBatch};

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
    let before = ALLOCATIONS.with(Cell::get);
    assert!(before > 0, "the counter must count");
    assert_eq!(one_round(), 600);
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
}
