//! What decoding costs an event of ETW, beside a floor measured in the same run.
//!
//! Input: 4,096 events of one schema with ten fields (numbers, a pointer, a time, a SID, three texts, as a
//! process start has them), with the header that manifest events have. Unit: events. Goal: 200 ns an event.
//! Every pass must find all fields of all events.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etwatch_decode::schema::{Field, FieldKind, InType, OutType};
use etwatch_decode::{Decoder, Fit, Key, NoTables, Outcome, Schema, SchemaStore};
use etwatch_event::{Guid, RawHeader, RawRecord, RecordBatch, Timestamp};

const EVENTS: u64 = 4_096;

fn schema() -> Schema {
    use InType as I;
    let fields = [
        ("ProcessID", I::UInt32),
        ("CreateTime", I::FileTime),
        ("ParentProcessID", I::UInt32),
        ("SessionID", I::UInt32),
        ("Flags", I::HexInt32),
        ("UniqueProcessKey", I::Pointer),
        ("UserSID", I::Sid),
        ("ImageName", I::UnicodeString),
        ("CommandLine", I::UnicodeString),
        ("PackageFullName", I::AnsiString),
    ];
    let field = |(name, kind): (&str, InType)| Field {
        name: name.into(),
        kind: FieldKind::Value(kind, OutType::NONE, None),
        ..Field::default()
    };
    let provider = "Microsoft-Windows-Kernel-Process".into();
    Schema { provider, ..Schema::of_fields(fields.map(field).to_vec()) }
}

fn payload() -> Vec<u8> {
    let utf16 = |text: &str| -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    };
    let sid = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 32, 2, 0, 0];
    [
        &[4, 1, 0, 0][..],
        &[7; 8],
        &[8, 1, 0, 0],
        &[1, 0, 0, 0],
        &[0x10, 0, 0, 0],
        &[9; 8],
        &sid,
        &utf16("\\Device\\HarddiskVolume3\\Windows\\System32\\cmd.exe"),
        &utf16("\"C:\\Windows\\System32\\cmd.exe\" /c whoami /all"),
        b"package\0",
    ]
    .concat()
}

fn decode(c: &mut Criterion) {
    let header = RawHeader {
        time: Timestamp::UNIX_EPOCH,
        provider: Guid([3; 16]),
        id: 1,
        version: 3,
        process_id: Some(4),
        thread_id: Some(8),
        pointer_size: 8,
        ..RawHeader::default()
    };
    let store = SchemaStore::new(Arc::new(NoTables), 19_041);
    store.insert(Key::of(&header, 0), schema()).unwrap();
    let payload = payload();
    let record = RawRecord { header, extended: &[], payload: &payload };
    let mut decoder = Decoder::default();
    let mut batch = RecordBatch::default();

    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("ten fields", |b| {
        b.iter(|| {
            batch.clear();
            let mut exact = 0;
            for _ in 0..EVENTS {
                let outcome = decoder.decode(black_box(&record), &store, &mut batch);
                exact += u64::from(matches!(outcome, Outcome::Event { fit: Fit::Exact, .. }));
            }
            assert_eq!(exact, EVENTS);
        });
        assert_eq!(batch.get(7).unwrap().len(), 12 + 10);
    });
    group.bench_function("floor: the payload copied", |b| {
        let mut copied = Vec::new();
        b.iter(|| {
            copied.clear();
            for _ in 0..EVENTS {
                copied.extend_from_slice(black_box(record.payload));
            }
            black_box(copied.len())
        });
    });
    group.finish();
}

criterion_group!(benches, decode);
criterion_main!(benches);
