//! The tables of classic events have the offsets and lengths of real records.
//!
//! The numbers are those that recordings of Windows 7 to 11 were found to have (with pointers of 8 bytes),
//! and for pointers of 4 bytes those that follow from the classes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure in a test is a finding")]

use etwatch_decode::Schema;
use etwatch_decode::schema::{Amount, FieldKind, InType};
use etwatch_decode::table::{TableKey, Tables};
use etwatch_event::{Guid, RawForm};
use std::sync::Arc;

const PROCESS: &str = "3d6fa8d0-fe05-11d0-9dda-00c04fd7ba7c";
const THREAD: &str = "3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c";
const IMAGE: &str = "2cb15d1d-5fc1-11d2-abe1-00a0c911f518";
const TCP_IP: &str = "9a280ac0-c8e0-11d1-84e2-00c04fb998a2";
const UDP_IP: &str = "bf3a50c5-a9c9-4988-a005-2df0b7c80f80";
const FILE_IO: &str = "90cbdc39-4a3e-11d1-84f4-0000f80464e3";
const REGISTRY: &str = "ae53722e-c863-11d2-8659-00c04fa321a1";
const EVENT_TRACE: &str = "68fdd900-4a3e-11d1-84f4-0000f80464e3";
const DISK_IO: &str = "3d6fa8d4-fe05-11d0-9dda-00c04fd7ba7c";
const STACK_WALK: &str = "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3";
const PERF_INFO: &str = "ce1dbfb4-137e-4da6-87b0-3f59aa102cbc";
const IMAGE_ID: &str = "b3e675d7-2554-4f18-830b-2762732560de";
const SYSTEM_CONFIG: &str = "01853a65-418f-4f36-aefc-dc0f1d2fd235";
const SYSTEM_CONFIG_EX: &str = "9b79ee91-b5fd-41c0-a243-4248e266e9d0";

fn layouts(class: &str, opcode: u8, version: u8) -> Vec<Arc<Schema>> {
    let guid = Guid::parse(class).unwrap();
    let key = TableKey { form: RawForm::Kernel, guid, opcode, version, ..TableKey::default() };
    let candidates = Tables::embedded().candidates(&key);
    assert!(!candidates.newer(), "{class} {opcode} v{version}");
    candidates.iter().cloned().collect()
}

/// Bytes before the field `end`, or of all fields; all of them have to be of fixed length.
fn bytes(schema: &Schema, end: Option<&str>, pointer: usize) -> usize {
    let fields = schema.fields.iter().take_while(|field| Some(&*field.name) != end);
    fields
        .map(|field| match (&field.kind, field.length) {
            (FieldKind::Value(InType::Binary, ..), Amount::Fixed(bytes)) => usize::from(bytes),
            (FieldKind::Value(InType::UnicodeString, ..), Amount::Fixed(letters)) => {
                2 * usize::from(letters)
            }
            (FieldKind::Value(kind, ..), Amount::Implied) => match kind {
                InType::Int8 | InType::UInt8 => 1,
                InType::Int16 | InType::UInt16 => 2,
                InType::Int32 | InType::UInt32 | InType::HexInt32 => 4,
                InType::Int64 | InType::UInt64 | InType::HexInt64 | InType::FileTime => 8,
                InType::Guid => 16,
                InType::Pointer | InType::SizeT => pointer,
                other => panic!("{} {other:?}", field.name),
            },
            other => panic!("{} {other:?}", field.name),
        })
        .sum()
}

#[test]
fn fields_lie_where_real_records_have_them() {
    // Class, opcode, version, field, its offset with pointers of 4 and of 8 bytes.
    let table = [
        (PROCESS, 1, 1, "ProcessId", 4, 8),
        (PROCESS, 1, 1, "SessionId", 12, 16),
        (PROCESS, 1, 1, "UserSID", 20, 24),
        (PROCESS, 2, 2, "UserSID", 20, 24),
        (PROCESS, 3, 3, "DirectoryTableBase", 20, 24),
        (PROCESS, 3, 3, "UserSID", 24, 32),
        (PROCESS, 4, 4, "Flags", 24, 32),
        (PROCESS, 39, 4, "UserSID", 28, 36),
        (PROCESS, 39, 5, "UserSID", 28, 36),
        (THREAD, 1, 2, "StartAddr", 24, 40),
        (THREAD, 1, 2, "Win32StartAddr", 28, 48),
        (THREAD, 2, 2, "SubProcessTag", 36, 64),
        (THREAD, 3, 3, "Affinity", 24, 40),
        (THREAD, 4, 3, "BasePriority", 40, 68),
        (THREAD, 1, 4, "ThreadName", 44, 72),
        (IMAGE, 10, 1, "FileName", 12, 20),
        (IMAGE, 10, 2, "DefaultBase", 24, 32),
        (IMAGE, 2, 2, "FileName", 44, 56),
        (IMAGE, 3, 3, "SignatureLevel", 20, 28),
        (IMAGE, 4, 3, "SignatureType", 21, 29),
        (IMAGE, 10, 4, "FileName", 44, 56),
        (TCP_IP, 10, 2, "dport", 16, 16),
        (TCP_IP, 31, 2, "sport", 42, 42),
        (TCP_IP, 26, 2, "saddr", 24, 24),
        (REGISTRY, 14, 0, "KeyName", 16, 20),
        (REGISTRY, 14, 1, "KeyName", 20, 24),
        (REGISTRY, 25, 2, "KeyName", 20, 24),
        (FILE_IO, 64, 2, "OpenPath", 24, 36),
        (FILE_IO, 64, 3, "OpenPath", 24, 32),
        (EVENT_TRACE, 0, 2, "LoggerName", 0x38, 0x38),
        (EVENT_TRACE, 0, 2, "TimeZoneInformation", 0x40, 0x48),
        (EVENT_TRACE, 0, 2, "BootTime", 0xF0, 0xF8),
        (EVENT_TRACE, 0, 2, "StartTime", 0x100, 0x108),
        (EVENT_TRACE, 0, 2, "SessionNameString", 0x110, 0x118),
        (IMAGE_ID, 0, 2, "OriginalFileName", 16, 24),
        (IMAGE_ID, 36, 2, "PdbFileName", 28, 32),
    ];
    for (class, opcode, version, field, of_32, of_64) in table {
        let layouts = layouts(class, opcode, version);
        let schema = layouts.first().unwrap();
        assert!(schema.fields.iter().any(|known| &*known.name == field), "{field}");
        let place = format!("{} {opcode} v{version} {field}", schema.provider);
        assert_eq!(bytes(schema, Some(field), 4), of_32, "{place}");
        assert_eq!(bytes(schema, Some(field), 8), of_64, "{place}");
    }
}

#[test]
fn events_of_fixed_length_are_as_long_as_real_ones() {
    // Class, opcode, version, lengths of the layouts with pointers of 8 bytes, in the order of trying.
    let table: &[(&str, u8, u8, &[usize])] = &[
        (TCP_IP, 10, 2, &[40]),
        (TCP_IP, 26, 2, &[64]),
        (TCP_IP, 11, 2, &[32]),
        (TCP_IP, 29, 2, &[56]),
        (TCP_IP, 15, 2, &[48]),
        (TCP_IP, 28, 2, &[72]),
        (TCP_IP, 17, 2, &[4]),
        (TCP_IP, 12, 0, &[20]),
        (TCP_IP, 12, 1, &[48, 20]),
        (TCP_IP, 22, 1, &[32, 20]),
        (UDP_IP, 10, 2, &[32]),
        (UDP_IP, 27, 2, &[56]),
        (UDP_IP, 11, 1, &[20]),
        (THREAD, 2, 0, &[8]),
        (THREAD, 4, 1, &[57, 8]),
        (THREAD, 1, 1, &[57]),
        (THREAD, 1, 2, &[68]),
        (PROCESS, 32, 2, &[104]),
        (FILE_IO, 66, 2, &[32]),
        (FILE_IO, 66, 3, &[28]),
        (FILE_IO, 76, 3, &[20]),
        (DISK_IO, 10, 3, &[52]),
        (DISK_IO, 14, 3, &[28]),
        (PERF_INFO, 46, 2, &[16]),
        (EVENT_TRACE, 5, 2, &[36]),
        (EVENT_TRACE, 8, 2, &[0]),
        (SYSTEM_CONFIG, 10, 3, &[828]),
        (SYSTEM_CONFIG, 11, 2, &[568]),
        (SYSTEM_CONFIG, 12, 2, &[112]),
    ];
    for &(class, opcode, version, expected) in table {
        let layouts = layouts(class, opcode, version);
        let lengths: Vec<_> = layouts.iter().map(|schema| bytes(schema, None, 8)).collect();
        assert_eq!(lengths, expected, "{class} {opcode} v{version}");
    }
}

#[test]
fn a_process_of_version_0_may_have_its_user_in_two_places() {
    let places = layouts(PROCESS, 1, 0);
    let places: Vec<_> = places.iter().map(|schema| bytes(schema, Some("UserSID"), 8)).collect();
    assert_eq!(places, [8, 12]);
}

#[test]
fn each_class_has_its_opcodes_in_each_version() {
    let registry: Vec<u8> = (10..=21).collect();
    let table: &[(&str, &[u8], &[u8])] = &[
        (PROCESS, &[0, 1, 2, 3, 4], &[1, 2, 3, 4]),
        (THREAD, &[0, 1, 2, 3, 4], &[1, 2, 3, 4]),
        (IMAGE, &[0, 1, 2, 3, 4], &[2, 3, 4, 10]),
        (TCP_IP, &[0], &[10, 11, 12, 13, 14, 15]),
        (TCP_IP, &[1], &[10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]),
        (TCP_IP, &[2], &[10, 11, 12, 13, 14, 15, 16, 17, 18, 26, 27, 28, 29, 30, 31, 32, 34]),
        (UDP_IP, &[2], &[10, 11, 17, 26, 27]),
        (FILE_IO, &[0, 1], &[0, 32]),
        (FILE_IO, &[2, 3], &[0, 32, 35, 36, 37, 38, 39, 40, 64, 65, 66, 67, 68, 69, 70, 71, 72]),
        (FILE_IO, &[2, 3], &[73, 74, 75, 76, 77]),
        (FILE_IO, &[3], &[79, 80, 81]),
        (REGISTRY, &[0, 1, 2], &registry),
        (REGISTRY, &[2], &[22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32]),
        (STACK_WALK, &[2], &[32]),
        (SYSTEM_CONFIG_EX, &[0, 1, 2], &[32, 33, 35]),
    ];
    for (class, versions, opcodes) in table {
        for (version, opcode) in versions
            .iter()
            .flat_map(|version| opcodes.iter().map(move |opcode| (*version, *opcode)))
        {
            let layouts = layouts(class, opcode, version);
            assert!(!layouts.is_empty(), "{class} {opcode} v{version}");
            for schema in layouts {
                assert!(!schema.opcode.is_empty() && !schema.task.is_empty(), "{schema:?}");
            }
        }
    }
}
