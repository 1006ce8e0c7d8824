//! Each header byte by byte: (offset, bytes) as the layouts of Windows have them.

use super::*;
use etwatch_event::raw::push_item;
use etwatch_event::{Guid, Timestamp};

const PROVIDER: Guid = Guid([0xa0; 16]);
const ACTIVITY: Guid = Guid([0xb0; 16]);
const TIME: [u8; 8] = [8, 7, 6, 5, 4, 3, 2, 1];
const NO_ITEMS: &[u8] = &[];

fn header(form: RawForm) -> RawHeader {
    RawHeader {
        form,
        time: Timestamp::from_filetime(u64::from_le_bytes(TIME)),
        number: 77,
        provider: PROVIDER,
        pointer_size: 8,
        process_id: Some(0x1122_3344),
        thread_id: Some(0x5566_7788),
        processor: 3,
        ..RawHeader::default()
    }
}

fn encoded(header: RawHeader, extended: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0xee; 7];
    encode(&RawRecord { header, extended, payload }, &mut out).unwrap();
    out
}

fn refused(header: RawHeader, extended: &[u8], payload: &[u8]) -> String {
    let record = RawRecord { header, extended, payload };
    encode(&record, &mut Vec::new()).unwrap_err().to_string()
}

/// Checks fields at their offsets; bytes that no field covers must be 0.
fn check(bytes: &[u8], fields: &[(usize, &[u8])]) {
    let mut expected = vec![0; bytes.len()];
    for (offset, field) in fields {
        expected[*offset..offset + field.len()].copy_from_slice(field);
    }
    assert_eq!(bytes, expected);
    assert_eq!(bytes.len() % 8, 0);
}

const ACTOR: &[u8] = &[0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11];

#[test]
fn an_event() {
    let header = RawHeader {
        id: 0x0102,
        version: 3,
        channel: 4,
        level: 5,
        opcode: 6,
        task: 0x0708,
        keyword: 0x1112_1314_1516_1718,
        activity: ACTIVITY,
        processor_times: (9, 10),
        ..header(RawForm::Event)
    };
    let fields: &[(usize, &[u8])] = &[
        (0x00, &[0x55, 0, 0x13, 0xc0]),
        (0x08, ACTOR),
        (0x10, &TIME),
        (0x18, &PROVIDER.0),
        (0x28, &[2, 1, 3, 4, 5, 6, 8, 7]),
        (0x30, &[0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11]),
        (0x38, &[9, 0, 0, 0, 10, 0, 0, 0]),
        (0x40, &ACTIVITY.0),
        (0x50, b"bytes"),
    ];
    check(&encoded(header, NO_ITEMS, b"bytes"), fields);
    let narrow = encoded(RawHeader { pointer_size: 4, ..header }, NO_ITEMS, b"bytes");
    assert_eq!(narrow[2], 0x12);

    let mut extended = Vec::new();
    push_item(&mut extended, ExtendedItem::SCHEMA, b"abc", false);
    push_item(&mut extended, ExtendedItem::EVENT_KEY, &[7; 8], true);
    let items: [(usize, &[u8]); 5] = [
        (0x00, &[0x75, 0, 0x13, 0xc0, 1, 0]),
        (0x50, &[16, 0, 11, 0, 1, 0, 3, 0, b'a', b'b', b'c']),
        (0x60, &[16, 0, 10, 0, 0, 0, 8, 0]),
        (0x68, &[7; 8]),
        (0x70, b"bytes"),
    ];
    check(&encoded(header, &extended, b"bytes"), &[&fields[1..8], &items].concat());
}

#[test]
fn a_classic_event_and_one_of_an_instance() {
    let header = RawHeader {
        opcode: 32,
        level: 4,
        version: 2,
        processor_times: (1, 2),
        ..header(RawForm::Classic)
    };
    let fields: &[(usize, &[u8])] = &[
        (0x00, &[0x38, 0, 0x14, 0xc0, 32, 4, 2, 0]),
        (0x08, ACTOR),
        (0x10, &TIME),
        (0x18, &PROVIDER.0),
        (0x28, &[1, 0, 0, 0, 2, 0, 0, 0]),
        (0x30, &[1; 8]),
    ];
    check(&encoded(header, NO_ITEMS, &[1; 8]), fields);
    assert_eq!(encoded(RawHeader { pointer_size: 4, ..header }, NO_ITEMS, b"")[2], 0x0a);

    let mut extended = Vec::new();
    push_item(&mut extended, 4, &[9; 24], true);
    let instance: [(usize, &[u8]); 3] =
        [(0x00, &[0x50, 0, 0x15, 0xc0, 32, 4, 2, 0]), (0x30, &[9; 24]), (0x48, &[1; 8])];
    check(&encoded(header, &extended, &[1; 8]), &[&fields[1..5], &instance].concat());
    let narrow = encoded(RawHeader { pointer_size: 4, ..header }, &extended, b"");
    assert_eq!(narrow[2], 0x0b);
}

#[test]
fn a_kernel_event_with_and_without_a_process() {
    let header = RawHeader {
        provider: hooks::IMAGE,
        opcode: 10,
        version: 3,
        processor_times: (1, 2),
        ..header(RawForm::Kernel)
    };
    let system: &[(usize, &[u8])] = &[
        (0x00, &[3, 0, 2, 0xc0, 0x21, 0, 10, 3]),
        (0x08, ACTOR),
        (0x10, &TIME),
        (0x18, &[1, 0, 0, 0, 2, 0, 0, 0]),
        (0x20, &[5]),
    ];
    check(&encoded(header, NO_ITEMS, &[5]), system);
    assert_eq!(encoded(RawHeader { pointer_size: 4, ..header }, NO_ITEMS, b"")[2], 1);

    let nobody = RawHeader {
        opcode: 2,
        process_id: None,
        thread_id: None,
        processor_times: (0, 0),
        ..header
    };
    let performance: &[(usize, &[u8])] =
        &[(0x00, &[3, 0, 0x11, 0xc0, 0x11, 0, 2, 0x14]), (0x08, &TIME), (0x10, &[5])];
    check(&encoded(nobody, NO_ITEMS, &[5]), performance);
    assert_eq!(encoded(RawHeader { pointer_size: 4, ..nobody }, NO_ITEMS, b"")[2], 0x10);
    // Only the longer header has a place for these times.
    let bytes = encoded(RawHeader { processor_times: (1, 2), ..nobody }, NO_ITEMS, b"");
    assert_eq!((bytes[2], &bytes[8..16]), (2, &[0xff; 8][..]));
}

#[test]
fn a_message_with_and_without_a_process() {
    let header = RawHeader { id: 0x0102, ..header(RawForm::Message) };
    let fields: &[(usize, &[u8])] = &[
        (0x00, &[0x29, 0, 0, 0x90, 2, 1, 0xaa, 0]),
        (0x08, &PROVIDER.0),
        (0x18, &TIME),
        (0x20, ACTOR),
        (0x28, &[5]),
    ];
    check(&encoded(header, NO_ITEMS, &[5]), fields);

    let nobody = RawHeader { process_id: None, thread_id: None, pointer_size: 4, ..header };
    let fields: &[(usize, &[u8])] = &[
        (0x00, &[0x21, 0, 0, 0x90, 2, 1, 0x4a, 0]),
        (0x08, &PROVIDER.0),
        (0x18, &TIME),
        (0x20, &[5]),
    ];
    check(&encoded(nobody, NO_ITEMS, &[5]), fields);
}

#[test]
fn an_unknown_process_is_written_as_windows_does() {
    let header = RawHeader { process_id: None, ..header(RawForm::Event) };
    let bytes = encoded(header, NO_ITEMS, b"");
    assert_eq!(bytes[8..16], [0x88, 0x77, 0x66, 0x55, 0xff, 0xff, 0xff, 0xff]);
}

#[test]
fn what_has_no_place_is_refused() {
    let (event, classic) = (header(RawForm::Event), header(RawForm::Classic));
    let kernel = RawHeader { provider: hooks::PROCESS, opcode: 1, ..header(RawForm::Kernel) };
    let message = header(RawForm::Message);
    let no_place = |form: &str, field: &str| {
        format!("a header of the form {form} has no place for the {field}")
    };
    let cases = [
        (RawHeader { id: 1, ..classic }, no_place("Classic", "id")),
        (RawHeader { activity: ACTIVITY, ..classic }, no_place("Classic", "activity")),
        (RawHeader { level: 1, ..kernel }, no_place("Kernel", "level")),
        (RawHeader { version: 1, ..message }, no_place("Message", "version")),
        (RawHeader { processor_times: (1, 0), ..message }, no_place("Message", "processor times")),
        (RawHeader { pointer_size: 0, ..event }, "pointers of 0 bytes, not of 4 or 8".to_owned()),
        (
            RawHeader { provider: hooks::EVENT_TRACE, opcode: 0, ..kernel },
            "the header of the trace is written by the writer itself".to_owned(),
        ),
        (
            RawHeader { opcode: 10, ..kernel },
            format!("the kernel logger has no hook for opcode 10 of class {}", hooks::PROCESS),
        ),
    ];
    for (header, message) in cases {
        assert_eq!(refused(header, NO_ITEMS, b""), message);
    }
}

#[test]
fn a_record_has_at_most_as_many_bytes_as_its_size_can_say() {
    let most = 65_535 - 0x50;
    let longest = encoded(header(RawForm::Event), NO_ITEMS, &vec![1; most]);
    assert_eq!(longest.len(), 65_536);
    assert_eq!(longest[..2], [0xff, 0xff]);
    let message = refused(header(RawForm::Event), NO_ITEMS, &vec![1; most + 1]);
    assert_eq!(message, "the record has 65536 bytes, where 65535 are the most");
}

#[test]
fn extended_items_that_mean_something_else_in_a_file_are_refused() {
    let mut one = Vec::new();
    push_item(&mut one, 10, &[7; 8], true);
    let mut open = Vec::new();
    push_item(&mut open, 10, &[7; 8], false);
    let many: Vec<u8> = [open.repeat(16), one.clone()].concat();
    let end = "extended items: their end is not where the last one says";
    let cut = "extended items: the last one is cut off";
    let event = header(RawForm::Event);
    assert_eq!(refused(event, &open, b""), end);
    assert_eq!(refused(event, &one.repeat(2), b""), end);
    assert_eq!(refused(event, &one[..15], b""), cut);
    assert_eq!(refused(event, &one[..7], b""), cut);
    one[0] = 17;
    assert_eq!(refused(event, &one, b""), cut);
    one[0] = 16;
    assert_eq!(refused(event, &many, b""), "extended items: more than 16");
    for form in [RawForm::Classic, RawForm::Message] {
        assert!(refused(header(form), &one, b"").starts_with("extended items: a "));
    }
    let kernel = RawHeader { provider: hooks::IMAGE, opcode: 10, ..header(RawForm::Kernel) };
    assert!(refused(kernel, &one, b"").starts_with("extended items: a record of the kernel"));
}
