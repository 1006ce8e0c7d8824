//! What must hold of the module `kernel`, by examples.

use std::sync::Arc;

use etwatch_event::raw::push_item;
use etwatch_event::{ExtendedItem, RawForm, RawRecord, RecordBatch, Sid};

use super::*;
use crate::{Decoder, SchemaStore, Tables};

const PROCESS: &str = "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c";
const THREAD: &str = "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c";
const IMAGE: &str = "2cb15d1d-5fc1-11d2-abe1-00a0c911f518";
const TCP_IP: &str = "9a280ac0-c8e0-11d1-84e2-00c04fb998a2";
const UDP_IP: &str = "bf3a50c5-a9c9-4988-a005-2df0b7c80f80";
const FILE_IO: &str = "90cbdc39-4a3e-11d1-84f4-0000f80464e3";
const REGISTRY: &str = "ae53722e-c863-11d2-8659-00c04fa321a1";
const STACK_WALK: &str = "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3";
const KERNEL_PROCESS: &str = "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716";
const KERNEL_FILE: &str = "edd08927-9cc4-4e65-b970-c2560fb5c289";
const KERNEL_NETWORK: &str = "7dd42a49-5329-4832-8dfd-43d979153a88";
const KERNEL_REGISTRY: &str = "70eb4f03-c1de-4f73-a051-33d13d5413bd";

const SYSTEM: Sid<'static> = Sid(&[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);

/// A classic event, written by process 100, thread 101.
fn class(guid: &str, opcode: u8) -> RawHeader {
    let provider = Guid::parse(guid).unwrap();
    let (process_id, thread_id) = (Some(100), Some(101));
    let form = RawForm::Kernel;
    RawHeader {
        form,
        provider,
        opcode,
        process_id,
        thread_id,
        processor: 3,
        ..RawHeader::default()
    }
}

/// An event of a manifest; its opcode means nothing.
fn manifest(guid: &str, id: u16) -> RawHeader {
    RawHeader { form: RawForm::Event, id, opcode: 77, ..class(guid, 0) }
}

/// A record of these fields, behind one of the header.
fn batch(fields: &[(&str, Value<'_>)]) -> RecordBatch {
    let mut batch = RecordBatch::default();
    let mut record = batch.begin();
    record.push("Provider_Name", Value::Text("Anybody"));
    record.push("Execution_ProcessorID", Value::Unsigned(3));
    for (name, value) in fields {
        record.push(name, *value);
    }
    record.finish();
    batch
}

macro_rules! event {
    ($kind:ident, $header:expr, $fields:expr) => {{
        let batch = Box::leak(Box::new(batch($fields)));
        match KernelEvent::of(&$header, &batch.get(0).unwrap()) {
            KernelEvent::$kind(event) => event,
            other => panic!("{other:?}"),
        }
    }};
}

#[test]
fn a_process_is_the_same_whichever_voice_tells_it() {
    let classic = event!(
        Process,
        class(PROCESS, 1),
        &[
            ("UniqueProcessKey", Value::Hex(0xffff_8000)),
            ("ProcessId", Value::Unsigned(672)),
            ("ParentId", Value::Unsigned(2012)),
            ("ExitStatus", Value::Signed(-1_073_741_510)),
            ("UserSID", Value::Sid(SYSTEM)),
            ("ImageFileName", Value::Text("cmd.exe")),
            ("CommandLine", Value::Text("cmd /c dir")),
        ]
    );
    assert_eq!(classic.operation, ProcessOperation::Start);
    assert_eq!((classic.process_id, classic.parent_id), (672, Some(2012)));
    assert_eq!((classic.image_name, classic.command_line), (Some("cmd.exe"), Some("cmd /c dir")));
    assert_eq!((classic.user, classic.exit_status), (Some(SYSTEM), Some(0xc000_013a)));
    assert_eq!((classic.context.process_id, classic.context.processor), (Some(100), 3));
    assert_eq!(classic.sequence_number, None);

    let told = event!(
        Process,
        manifest(KERNEL_PROCESS, 15),
        &[
            ("ProcessID", Value::Unsigned(672)),
            ("ProcessSequenceNumber", Value::Unsigned(9)),
            ("CreateTime", Value::Time(Timestamp::UNIX_EPOCH)),
            ("ParentProcessID", Value::Unsigned(2012)),
            ("MandatoryLabel", Value::Sid(SYSTEM)),
            ("ImageName", Value::Text("\\Device\\X\\cmd.exe")),
        ]
    );
    assert_eq!(told.operation, ProcessOperation::RundownStart);
    assert_eq!((told.process_id, told.parent_id), (672, Some(2012)));
    assert_eq!((told.image_name, told.sequence_number), (Some("\\Device\\X\\cmd.exe"), Some(9)));
    assert_eq!(told.create_time, Some(Timestamp::UNIX_EPOCH));
    assert_eq!((told.command_line, told.mandatory_label), (None, Some(SYSTEM)));
}

#[test]
fn a_thread_started_by_another_process_is_told() {
    let fields = [("ProcessId", Value::Unsigned(100)), ("TThreadId", Value::Unsigned(7))];
    let own = event!(Thread, class(THREAD, 1), &fields);
    assert_eq!((own.process_id, own.thread_id), (100, 7));
    assert!(!own.from_another_process());
    let fields = [
        ("ProcessID", Value::Unsigned(200)),
        ("ThreadID", Value::Unsigned(7)),
        ("Win32StartAddr", Value::Hex(0x7ff6)),
        ("ThreadName", Value::Text("worker")),
    ];
    let remote = event!(Thread, manifest(KERNEL_PROCESS, 3), &fields);
    assert!(remote.from_another_process());
    assert_eq!((remote.win32_start_address, remote.name), (Some(0x7ff6), Some("worker")));
    let ended = event!(Thread, class(THREAD, 2), &fields);
    assert!(!ended.from_another_process());
    let unknown = RawHeader { process_id: Some(u32::MAX), ..class(THREAD, 1) };
    let nobody = event!(Thread, unknown, &fields);
    assert_eq!(nobody.context.process_id, None);
    assert!(!nobody.from_another_process());
}

#[test]
fn an_image_is_loaded_into_its_process() {
    let fields = [
        ("ImageBase", Value::Hex(0x7ffb_4808_0000)),
        ("ImageSize", Value::Hex(0x82000)),
        ("ProcessId", Value::Unsigned(3996)),
        ("SignatureLevel", Value::Unsigned(12)),
        ("FileName", Value::Text("\\Windows\\x.dll")),
    ];
    let image = event!(Image, class(IMAGE, 10), &fields);
    assert_eq!((image.operation, image.process_id), (ImageOperation::Load, Some(3996)));
    assert_eq!((image.image_base, image.image_size), (0x7ffb_4808_0000, Some(0x82000)));
    assert_eq!((image.signature_level, image.file_name), (Some(12), Some("\\Windows\\x.dll")));
    // Version 0 has no process of its own.
    let old = [("BaseAddress", Value::Hex(1)), ("ImageFileName", Value::Text("x.dll"))];
    assert_eq!(event!(Image, class(IMAGE, 3), &old).process_id, Some(100));
    assert_eq!(
        event!(Image, manifest(KERNEL_PROCESS, 6), &fields).operation,
        ImageOperation::Unload
    );
}

#[test]
fn a_connection_from_fields_that_a_schema_gave() {
    let fields = [
        ("PID", Value::Unsigned(1234)),
        ("saddr", Value::Text("10.0.0.10")),
        ("sport", Value::Unsigned(5050)),
        ("daddr", Value::Text("1.1.1.1")),
        ("dport", Value::Unsigned(443)),
    ];
    let sent = event!(Network, RawHeader { id: 10, ..class(TCP_IP, 10) }, &fields);
    assert_eq!((sent.protocol, sent.operation), (Protocol::Tcp, NetworkOperation::Send));
    assert_eq!((sent.process_id, sent.destination_port), (Some(1234), Some(443)));
    assert_eq!(sent.destination_address, Some([1, 1, 1, 1].into()));
    assert_eq!((sent.source_address, sent.source_port), (Some([10, 0, 0, 10].into()), Some(5050)));
}

#[test]
fn connections_of_both_protocols_and_families_have_their_numbers() {
    use NetworkOperation as O;
    use Protocol::{Tcp, Udp};
    let fields =
        [("daddr", Value::Ip([1, 1, 1, 1].into())), ("saddr", Value::Ip([2, 2, 2, 2].into()))];
    let told = |header: RawHeader| {
        let event = event!(Network, header, &fields);
        (event.protocol, event.operation)
    };
    for (opcode, operation) in [
        (11, O::Receive),
        (28, O::Connect),
        (13, O::Disconnect),
        (30, O::Retransmit),
        (15, O::Accept),
        (32, O::Reconnect),
        (34, O::Copy),
        (17, O::Fail),
    ] {
        assert_eq!(told(class(TCP_IP, opcode)), (Tcp, operation), "{opcode}");
        assert_eq!(told(manifest(KERNEL_NETWORK, opcode.into())), (Tcp, operation), "{opcode}");
    }
    for (opcode, operation) in [(10, O::Send), (27, O::Receive), (17, O::Fail)] {
        assert_eq!(told(class(UDP_IP, opcode)), (Udp, operation), "{opcode}");
        let id = u16::from(opcode) + 32;
        assert_eq!(told(manifest(KERNEL_NETWORK, id)), (Udp, operation), "{id}");
    }
    // A failure has no addresses; anything else without them is no connection.
    let code = [("Proto", Value::Unsigned(2)), ("FailureCode", Value::Unsigned(5))];
    assert_eq!(event!(Network, class(TCP_IP, 17), &code).failure_code, Some(5));
    event!(Generic, class(TCP_IP, 10), &code);
    event!(Generic, class(UDP_IP, 12), &fields);
    event!(Generic, manifest(KERNEL_NETWORK, 44), &fields);
}

#[test]
fn a_datagram_that_is_received_comes_from_its_source() {
    let fields = [
        ("saddr", Value::Ip([10, 128, 2, 23].into())),
        ("sport", Value::Unsigned(53_015)),
        ("daddr", Value::Ip([239, 255, 255, 250].into())),
        ("dport", Value::Unsigned(1_900)),
    ];
    let source = (Some([10, 128, 2, 23].into()), Some(53_015));
    let destination = (Some([239, 255, 255, 250].into()), Some(1_900));
    let received = event!(Network, class(UDP_IP, 11), &fields);
    assert_eq!((received.local(), received.remote()), (destination, source));
    for header in [class(UDP_IP, 10), class(TCP_IP, 11), manifest(KERNEL_NETWORK, 15)] {
        let event = event!(Network, header, &fields);
        assert_eq!((event.local(), event.remote()), (source, destination), "{header:?}");
    }
}

#[test]
fn a_creation_described_under_the_number_of_a_name_is_a_creation() {
    let fields = [
        ("ProcessId", Value::Unsigned(2222)),
        ("OpenPath", Value::Text("C:\\Temp\\test.txt")),
        ("FileObject", Value::Unsigned(4096)),
        ("IrpPtr", Value::Hex(8192)),
        ("CreateOptions", Value::Unsigned(32)),
    ];
    let file = event!(File, RawHeader { id: 32, ..class(FILE_IO, 32) }, &fields);
    assert_eq!((file.operation, file.process_id), (FileOperation::Create, Some(2222)));
    assert_eq!(file.path, Some("C:\\Temp\\test.txt"));
    assert_eq!((file.file_object, file.irp), (Some(4096), Some(8192)));
    assert_eq!(file.create_options, Some(32));
    let name = [("FileObject", Value::Hex(1)), ("FileName", Value::Text("x"))];
    assert_eq!(event!(File, class(FILE_IO, 32), &name).operation, FileOperation::NameCreate);
}

#[test]
fn files_have_the_numbers_of_both_voices() {
    use FileOperation as O;
    let fields = [("FileObject", Value::Hex(1)), ("IssuingThreadId", Value::Unsigned(9))];
    let table = [
        (O::Name, Some(0), None),
        (O::NameDelete, Some(35), Some(11)),
        (O::Create, Some(64), Some(12)),
        (O::Write, Some(68), Some(16)),
        (O::Delete, Some(70), Some(18)),
        (O::Rename, Some(71), Some(19)),
        (O::OperationEnd, Some(76), Some(24)),
        (O::DeletePath, Some(79), Some(26)),
        (O::RenamePath, Some(80), Some(27)),
        (O::CreateNew, None, Some(30)),
    ];
    for (operation, opcode, id) in table {
        let headers =
            [opcode.map(|opcode| class(FILE_IO, opcode)), id.map(|id| manifest(KERNEL_FILE, id))];
        for header in headers.into_iter().flatten() {
            let file = event!(File, header, &fields);
            assert_eq!((file.operation, file.process_id), (operation, Some(100)), "{header:?}");
            assert_eq!(file.thread_id, Some(9));
        }
    }
}

#[test]
fn a_value_set_from_fields_that_a_schema_gave() {
    let fields = [
        ("ProcessId", Value::Unsigned(5678)),
        ("KeyName", Value::Text("\\Registry\\Machine\\SOFTWARE")),
        ("ValueName", Value::Text("TestValue")),
        ("Status", Value::Unsigned(0)),
    ];
    let set = event!(Registry, RawHeader { id: 14, ..class(REGISTRY, 14) }, &fields);
    assert_eq!((set.operation, set.process_id), (RegistryOperation::SetValue, Some(5678)));
    assert_eq!((set.value_name, set.status), (Some("TestValue"), Some(0)));
    assert_eq!(set.key_name, Some("\\Registry\\Machine\\SOFTWARE"));
}

#[test]
fn the_name_of_a_classic_value_stands_in_the_field_of_the_key() {
    let fields = [("KeyHandle", Value::Hex(0x1000)), ("KeyName", Value::Text("Run"))];
    let value = event!(Registry, class(REGISTRY, 15), &fields);
    assert_eq!((value.key_name, value.value_name), (None, Some("Run")));
    let key = event!(Registry, class(REGISTRY, 10), &fields);
    assert_eq!((key.key_name, key.value_name, key.key), (Some("Run"), None, Some(0x1000)));
    // The manifest has a field for each, and the name of the key is often empty.
    let fields = [
        ("KeyObject", Value::Hex(0x2000)),
        ("Type", Value::Unsigned(4)),
        ("KeyName", Value::Text("")),
        ("ValueName", Value::Text("Run")),
        ("CapturedData", Value::Bytes(&[1, 0, 0, 0])),
    ];
    let set = event!(Registry, manifest(KERNEL_REGISTRY, 5), &fields);
    assert_eq!((set.key_name, set.value_name, set.key), (Some(""), Some("Run"), Some(0x2000)));
    assert_eq!((set.value_type, set.captured_data), (Some(4), Some(&[1, 0, 0, 0][..])));
}

#[test]
fn a_stack_has_its_addresses_in_order_however_they_are_named() {
    let head = [
        ("EventTimeStamp", Value::Unsigned(77)),
        ("StackProcess", Value::Unsigned(4)),
        ("StackThread", Value::Unsigned(8)),
    ];
    for names in [["Stack", "Stack"], ["Stack1", "Stack2"]] {
        let mut fields = head.to_vec();
        fields.extend(names.iter().zip([16, 32]).map(|(name, at)| (*name, Value::Hex(at))));
        let stack = event!(Stack, class(STACK_WALK, 32), &fields);
        assert_eq!((stack.event_time_stamp, stack.process_id, stack.thread_id), (77, 4, 8));
        assert_eq!(stack.addresses().collect::<Vec<_>>(), [16, 32]);
    }
}

#[test]
fn what_is_not_known_keeps_its_fields_or_its_bytes() {
    let anybody = RawHeader {
        id: 999,
        version: 1,
        opcode: 42,
        ..manifest("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", 0)
    };
    let generic = event!(Generic, anybody, &[("Example", Value::Unsigned(7))]);
    assert_eq!((generic.id, generic.version, generic.opcode), (999, 1, 42));
    let fields: Vec<_> = generic.fields().collect();
    assert_eq!(fields, [("Example", RawValue::One(Value::Unsigned(7)))]);
    let unknown = event!(Unknown, anybody, &[("Payload", Value::Bytes(&[1, 2]))]);
    assert_eq!((unknown.id, unknown.payload), (999, &[1, 2][..]));
    assert_eq!(event!(Unknown, anybody, &[]).payload, []);
    // A process that has no number is not given one.
    let nameless = event!(Generic, class(PROCESS, 1), &[("ParentId", Value::Unsigned(4))]);
    assert_eq!(nameless.fields().count(), 1);
}

#[test]
fn items_of_the_header_are_no_fields_of_the_payload() {
    let mut extended = Vec::new();
    push_item(&mut extended, ExtendedItem::SESSION, &[1, 0, 0, 0], false);
    push_item(&mut extended, ExtendedItem::PROCESS_START_KEY, &[9; 8], true);
    let header = manifest("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa", 999);
    let record = RawRecord { header, extended: &extended, payload: &[1, 2, 3] };
    let store = SchemaStore::new(Arc::new(Tables::embedded()), 0);
    let mut batch = RecordBatch::default();
    Decoder::default().decode(&record, &store, &mut batch);
    match KernelEvent::of(&header, &batch.get(0).unwrap()) {
        KernelEvent::Unknown(event) => assert_eq!(event.payload, [1, 2, 3]),
        other => panic!("{other:?}"),
    }
    // A field of the payload may have the name of one of the header.
    let fields = [("Version", Value::Unsigned(7)), ("Level", Value::Unsigned(4))];
    let generic = event!(Generic, header, &fields);
    assert_eq!(generic.fields().count(), 2);
}
