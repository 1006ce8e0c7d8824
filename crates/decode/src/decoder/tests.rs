//! What must hold of the module `decoder`, by examples.

use etwatch_event::raw::push_item;
use etwatch_event::{ExtendedItem, Guid, RawHeader, RawValue, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::payload::Reason;
use crate::store::{Candidates, NoTables, SchemaTables};

const PROVIDER: Guid = Guid([9; 16]);

fn header() -> RawHeader {
    RawHeader {
        time: Timestamp::from_filetime(77),
        number: 5,
        provider: PROVIDER,
        id: 3,
        version: 1,
        level: 4,
        opcode: 10,
        task: 6,
        keyword: 0x10,
        process_id: Some(100),
        thread_id: Some(200),
        processor: 1,
        pointer_size: 8,
        ..RawHeader::default()
    }
}
fn field(name: &str, kind: InType) -> Field {
    let kind = FieldKind::Value(kind, OutType::NONE, None);
    Field { name: name.into(), kind, ..Field::default() }
}
fn schema(fields: Vec<Field>) -> Schema {
    let provider = "Maker".into();
    Schema { provider, channel: "Maker/Log".into(), guid: PROVIDER, ..Schema::of_fields(fields) }
}
fn store(fields: Vec<Field>) -> SchemaStore {
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    store.insert(Key::of(&header(), 0), schema(fields)).unwrap();
    store
}
fn shown(batch: &RecordBatch, index: usize) -> Vec<(String, String)> {
    let record = batch.get(index).unwrap();
    let text = |value| match value {
        RawValue::One(value) => value.text(&mut String::new()).unwrap_or("null").to_owned(),
        RawValue::Empty => "-".to_owned(),
    };
    record.fields().map(|(name, value)| (name.to_owned(), text(value))).collect()
}
fn value<'v>(fields: &'v [(String, String)], wanted: &str) -> Option<&'v str> {
    fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| &**value)
}

#[test]
fn an_event_has_its_header_and_its_payload() {
    let store = store(vec![field("Id", InType::UInt16), field("Image", InType::UnicodeString)]);
    let mut batch = RecordBatch::default();
    let record = RawRecord { header: header(), payload: &[7, 0, b'x', 0, 0, 0], extended: &[] };
    let outcome = Decoder::default().decode(&record, &store, &mut batch);
    assert!(matches!(outcome, Outcome::Event { fit: Fit::Exact, newer: false, .. }));
    let expected = [
        ("EventID", "3"),
        ("Provider_Name", "Maker"),
        ("Channel", "Maker/Log"),
        ("Provider_Guid", "{09090909-0909-0909-0909-090909090909}"),
        ("Version", "1"),
        ("Level", "4"),
        ("Task", "6"),
        ("Opcode", "10"),
        ("Keywords", "0x10"),
        ("TimeCreated_SystemTime", "1601-01-01T00:00:00.0000077Z"),
        ("Execution_ProcessID", "100"),
        ("Execution_ThreadID", "200"),
        ("Execution_ProcessorID", "1"),
        ("Id", "7"),
        ("Image", "x"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(shown(&batch, 0), expected);
    let record = batch.get(0).unwrap();
    assert_eq!((record.provider(), record.channel()), ("Maker", "Maker/Log"));
    assert_eq!((record.event_id(), record.number()), (Some(3), 5));
    assert_eq!(record.time(), Timestamp::from_filetime(77));
    assert_eq!(record.shape(), etwatch_event::Shape::Etw);
}

#[test]
fn what_the_header_does_not_say_is_no_field() {
    let store = store(vec![field("Id", InType::UInt8)]);
    let sid = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
    let mut extended = Vec::new();
    push_item(&mut extended, ExtendedItem::RELATED_ACTIVITY, &[4; 16], false);
    push_item(&mut extended, ExtendedItem::SID, &sid, false);
    push_item(&mut extended, ExtendedItem::SESSION, &[2, 0, 0, 0], false);
    push_item(&mut extended, ExtendedItem::PROCESS_START_KEY, &[8, 0, 0, 0, 0, 0, 0, 0], true);
    let full = RawHeader { activity: Guid([3; 16]), ..header() };
    let bare = RawHeader { process_id: None, thread_id: None, ..header() };
    let (mut decoder, mut batch) = (Decoder::default(), RecordBatch::default());
    for (header, extended) in [(full, &*extended), (bare, &[])] {
        let record = RawRecord { header, extended, payload: &[1] };
        decoder.decode(&record, &store, &mut batch);
    }
    let names = [
        "Execution_ProcessID",
        "Execution_ThreadID",
        "Correlation_ActivityID",
        "Correlation_RelatedActivityID",
        "Security_UserID",
        "Execution_SessionID",
        "ProcessStartKey",
        "Id",
    ];
    let of = |index| {
        let fields = shown(&batch, index);
        names.map(|name| value(&fields, name).map(str::to_owned))
    };
    let full = [
        "100",
        "200",
        "{03030303-0303-0303-0303-030303030303}",
        "{04040404-0404-0404-0404-040404040404}",
        "S-1-5-18",
        "2",
        "0x8",
        "1",
    ];
    assert_eq!(of(0), full.map(|value| Some(value.to_owned())));
    let bare = [None, None, None, None, None, None, None, Some("1".to_owned())];
    assert_eq!(of(1), bare);
}

#[test]
fn records_of_a_flat_schema_share_their_names() {
    let tail = Field { optional: true, ..field("Tail", InType::UInt8) };
    let store = store(vec![field("Id", InType::UInt8), tail]);
    let mut batch = RecordBatch::default();
    let mut decoder = Decoder::default();
    for payload in [&[1, 2][..], &[1], &[1, 2, 3]] {
        let record = RawRecord { header: header(), payload, extended: &[] };
        decoder.decode(&record, &store, &mut batch);
    }
    let names = |index| batch.get(index).unwrap().shared_names().unwrap();
    assert!(Arc::ptr_eq(names(0), names(1)) && Arc::ptr_eq(names(0), names(2)));
    assert_eq!(value(&shown(&batch, 0), "Tail"), Some("2"));
    assert_eq!(value(&shown(&batch, 1), "Tail"), None);
}

#[test]
fn arrays_and_structures_are_named_by_their_path() {
    let structure = FieldKind::Structure { first: 2, members: 1 };
    let mut schema = schema(vec![
        Field { count: Amount::Prefixed, ..field("List", InType::UInt16) },
        Field { kind: structure, count: Amount::Fixed(2), ..field("Outer", InType::Null) },
        field("Member", InType::UInt8),
    ]);
    schema.top = 2;
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    store.insert(Key::of(&header(), 0), schema).unwrap();
    let mut batch = RecordBatch::default();
    let payload = &[0, 0, 5, 6];
    let record = RawRecord { header: header(), payload, extended: &[] };
    Decoder::default().decode(&record, &store, &mut batch);
    let fields = shown(&batch, 0);
    let own = [("List", "-"), ("Outer.Member", "5"), ("Outer.Member", "6")];
    assert_eq!(fields[13..], own.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn what_no_schema_explains_keeps_its_bytes() {
    let store = store(vec![field("Id", InType::UInt16)]);
    let unknown = RawHeader { id: 4, ..header() };
    let message = RawHeader { form: RawForm::Message, ..header() };
    let mut extended = Vec::new();
    push_item(&mut extended, ExtendedItem::SCHEMA, &[1], true);
    let rows = [
        (unknown, &[][..], "no schema"),
        (header(), &[], "schema does not fit"),
        (header(), &extended, "own schema not usable"),
        (message, &[], "message"),
    ];
    let mut batch = RecordBatch::default();
    for (index, (header, extended, expected)) in rows.into_iter().enumerate() {
        let record = RawRecord { header, extended, payload: &[0xab] };
        let outcome = Decoder::default().decode(&record, &store, &mut batch);
        let reason = match &outcome {
            Outcome::Generic(why) => why.reason(),
            Outcome::Message => "message",
            Outcome::Event { .. } => "event",
        };
        assert_eq!(reason, expected);
        assert_eq!(batch.len(), index + 1, "a record for each");
        let fields = shown(&batch, index);
        assert_eq!(value(&fields, "Payload"), Some("AB"), "{reason}");
        assert_eq!(value(&fields, "Execution_ProcessID"), Some("100"));
        let message = (value(&fields, "MessageNumber"), value(&fields, "EventID"));
        let is_message = index == 3;
        assert_eq!(message, if is_message { (Some("3"), None) } else { (None, message.1) });
        assert_eq!(message.1.is_none(), is_message);
        if let Outcome::Generic(why @ Why::Misfit { misfit, .. }) = &outcome {
            assert_eq!(*misfit, Misfit { field: 0, offset: 0, reason: Reason::TooShort });
            let text = "its schema does not fit at field `Id`, offset 0: \
                        the payload ends before it does";
            assert_eq!(why.to_string(), text);
        }
    }
}

#[test]
fn an_event_that_describes_itself_needs_no_store() {
    let metadata = b"\0\0\0Started\0Size\0\x08Name\0\x16";
    let mut extended = Vec::new();
    push_item(&mut extended, ExtendedItem::SCHEMA, metadata, false);
    push_item(&mut extended, ExtendedItem::PROVIDER_TRAITS, b"\x09\0Maker2\0", true);
    let payload = &[1, 0, 0, 0, 2, 0, b'x', 0];
    let record = RawRecord { header: header(), extended: &extended, payload };
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    let (mut decoder, mut batch) = (Decoder::default(), RecordBatch::default());
    for index in 0..2 {
        let outcome = decoder.decode(&record, &store, &mut batch);
        let Outcome::Event { schema, fit: Fit::Exact, newer: false } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(&*schema.name, "Started");
        let fields = shown(&batch, index);
        assert_eq!(value(&fields, "Size"), Some("1"));
        assert_eq!(value(&fields, "Name"), Some("x"));
        assert_eq!(batch.get(index).unwrap().provider(), "Maker2");
    }
    let names = |index| batch.get(index).unwrap().shared_names().unwrap();
    assert!(Arc::ptr_eq(names(0), names(1)));
}

#[test]
fn what_differs_between_the_headers_of_a_schema_is_that_of_each_record() {
    let store = store(vec![field("Id", InType::UInt8)]);
    let (mut decoder, mut batch) = (Decoder::default(), RecordBatch::default());
    let other = RawHeader { level: 1, task: 77, opcode: 9, keyword: 0x55, ..header() };
    let headers = [header(), other, header(), RawHeader { process_id: Some(8), ..header() }];
    for header in headers {
        let record = RawRecord { header, payload: &[1], extended: &[] };
        assert!(matches!(decoder.decode(&record, &store, &mut batch), Outcome::Event { .. }));
    }
    let alone = |header| {
        let mut batch = RecordBatch::default();
        let record = RawRecord { header, payload: &[1], extended: &[] };
        Decoder::default().decode(&record, &store, &mut batch);
        shown(&batch, 0)
    };
    let fields: Vec<_> = (0..headers.len()).map(|index| shown(&batch, index)).collect();
    assert_eq!(fields, headers.map(alone));
    assert_eq!(fields[0], fields[2]);
    let differing = fields[0].iter().zip(&fields[1]).filter(|(one, two)| one != two).count();
    assert_eq!(differing, 4);
}

/// A long layout, a short one, and one that is never reached.
struct Three;

impl SchemaTables for Three {
    fn candidates(&self, _: &Key) -> Candidates {
        let sizes = [InType::UInt32, InType::UInt8, InType::UInt64];
        let layout = |kind: InType| Arc::new(schema(vec![field(&format!("{kind:?}"), kind)]));
        Candidates { schemas: sizes.map(layout).to_vec(), newer: true }
    }
}

#[test]
fn of_several_layouts_the_one_that_consumes_the_payload_is_taken() {
    let store = SchemaStore::new(Arc::new(Three), 0);
    let mut decoder = Decoder::default();
    let rows = [
        (&[1; 4][..], Some(("UInt32", Fit::Exact))),
        (&[1; 1], Some(("UInt8", Fit::Exact))),
        (&[1; 8], Some(("UInt64", Fit::Exact))),
        (&[1; 6], Some(("UInt32", Fit::Trailing(2)))),
        (&[1; 2], Some(("UInt8", Fit::Trailing(1)))),
        (&[], None),
    ];
    for (payload, expected) in rows {
        let record = RawRecord { header: header(), payload, extended: &[] };
        match decoder.decode(&record, &store, &mut RecordBatch::default()) {
            Outcome::Event { schema, fit, newer } => {
                assert_eq!(Some((&*schema.fields[0].name, fit)), expected);
                assert!(newer);
            }
            other => assert_eq!(expected, None, "{other:?}"),
        }
    }
}

/// One record of 64 KiB has 65,000 values; with a name of a kilobyte each, four of them would fill a batch.
#[test]
fn a_list_has_its_name_once() {
    let name = "N".repeat(1_000);
    let kind = FieldKind::Value(InType::UInt8, OutType::BOOLEAN, None);
    let list = Field { name: name.as_str().into(), kind, count: Amount::Rest, ..Field::default() };
    let (store, mut decoder) = (store(vec![list]), Decoder::default());
    let payload = [1; 65_000];
    let record = RawRecord { header: header(), payload: &payload, extended: &[] };
    let mut batch = RecordBatch::default();
    for _ in 0..5 {
        decoder.decode(&record, &store, &mut batch);
    }
    assert!(!batch.is_full());
    let values = batch.iter().flat_map(|record| record.fields().collect::<Vec<_>>());
    let expected = (name.as_str(), RawValue::One(Value::Boolean(true)));
    assert_eq!(values.filter(|field| *field == expected).count(), 5 * payload.len());
}

/// Which header fields a record has is chosen by its writer, and each choice has a list of all names: what
/// decoders keep of them is bounded.
#[test]
fn lists_of_names_are_bounded() {
    for (letters, fields) in [(10, 2), (1_000, 600)] {
        let named = |number| field(&format!("{number}{}", "n".repeat(letters)), InType::UInt8);
        let store = store((0..fields).map(named).collect());
        let payload = vec![7; fields];
        let (mut batch, mut decoder) = (RecordBatch::default(), Decoder::default());
        let mut most = 0;
        for sets in 0..16_u8 {
            let is_set = |bit: u8| sets >> bit & 1 == 1;
            let mut extended = Vec::new();
            push_item(
                &mut extended,
                ExtendedItem::SESSION,
                &[1; 4][..4 * usize::from(is_set(0))],
                false,
            );
            push_item(&mut extended, ExtendedItem::EVENT_KEY, &[], true);
            let activity = if is_set(1) { Guid([1; 16]) } else { Guid::default() };
            let process_id = is_set(2).then_some(1);
            let thread_id = is_set(3).then_some(1);
            let header = RawHeader { activity, process_id, thread_id, ..header() };
            let record = RawRecord { header, payload: &payload, extended: &extended };
            batch.clear();
            decoder.decode(&record, &store, &mut batch);
            let record = batch.get(0).unwrap();
            most = most.max(decoder.templates.bytes());
            assert!(record.shared_names().is_some());
            let last = record.field(record.len() - 1).unwrap();
            assert_eq!(last.1, RawValue::One(Value::Unsigned(7)));
            assert!(last.0.starts_with(&format!("{}n", fields - 1)));
        }
        // The long names alone would take 16 times 600 times 1,000 bytes, and that four times.
        assert!((1..=16 << 20).contains(&most), "{most}");
    }
}

#[test]
fn a_schema_that_arrives_is_used_from_then_on() {
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    let mut decoder = Decoder::default();
    let record = RawRecord { header: header(), payload: &[1], extended: &[] };
    let mut decode = || decoder.decode(&record, &store, &mut RecordBatch::default());
    assert_eq!(decode(), Outcome::Generic(Why::NoSchema));
    store.insert(Key::of(&header(), 0), schema(vec![field("Id", InType::UInt8)])).unwrap();
    assert!(matches!(decode(), Outcome::Event { .. }));
}

#[test]
fn classic_events_are_known_by_class_and_opcode() {
    let classic = RawHeader { form: RawForm::Kernel, id: 0, ..header() };
    let store = SchemaStore::new(Arc::new(NoTables), 0);
    let key = Key { guid: PROVIDER, id: 10, version: 1, classic: true, build: 0 };
    store.insert(key, schema(vec![field("Id", InType::UInt8)])).unwrap();
    let mut decoder = Decoder::default();
    let mut decode = |header| {
        let record = RawRecord { header, payload: &[1], extended: &[] };
        decoder.decode(&record, &store, &mut RecordBatch::default())
    };
    assert!(matches!(decode(classic), Outcome::Event { .. }));
    let event = RawHeader { id: 10, ..header() };
    assert_eq!(decode(event), Outcome::Generic(Why::NoSchema));
}

proptest! {
    #[test]
    fn every_record_gives_exactly_one(
        payload in prop::collection::vec(any::<u8>(), 0..40),
        extended in prop::collection::vec(prop_oneof![Just(0_u8), Just(11), any::<u8>()], 0..60),
        form in prop::sample::select(
            vec![RawForm::Event, RawForm::Classic, RawForm::Kernel, RawForm::Message]),
        id in 3..5_u16,
    ) {
        let store = store(vec![field("Id", InType::UInt32), field("T", InType::UnicodeString)]);
        let header = RawHeader { form, id, ..header() };
        let record = RawRecord { header, payload: &payload, extended: &extended };
        let mut batch = RecordBatch::default();
        Decoder::default().decode(&record, &store, &mut batch);
        prop_assert_eq!(batch.len(), 1);
        prop_assert!(batch.get(0).unwrap().fields().count() > 4);
    }
}
