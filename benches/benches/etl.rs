//! What reading a log of ETW costs: from the file to records with named fields, schemas and all.
//!
//! Input: `ETWATCH_BENCH_ETL`, a folder of `.etl` files; without it a log of a thousand TraceLogging events
//! made here. Each log is read as it is and, if it is compressed, also as the plain copy that the writer
//! makes of it: the same records, so both speeds are of the same thing. Units: records, and bytes of the
//! plain log. "Two workers" is the same with slices decoded on two threads.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark that fails must stop")]
#![allow(clippy::print_stdout, reason = "it tells its input")]

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use etwatch_capture::etl::{EtlScratch, EtlSlice, TraceHeader, Writer};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, open};
use etwatch_engine::etw::{SchemaStores, SliceDecoder};
use etwatch_event::raw::push_item;
use etwatch_event::{ExtendedItem, RawHeader, RawRecord, RecordBatch, Timestamp};

/// The slices of a log; both passes over the file are made.
fn slices(path: &Path) -> impl Iterator<Item = EtlSlice> {
    let mut source = open(&Location::File(path.to_owned()), Limits::default()).unwrap();
    std::iter::from_fn(move || match source.next_piece().unwrap()? {
        Piece::Etl(slice) => Some(slice),
        piece => panic!("{piece:?}"),
    })
}

/// Walks all records; how many there are.
fn walk(path: &Path) -> u64 {
    let mut scratch = EtlScratch::default();
    slices(path)
        .map(|slice| {
            slice
                .read(&mut scratch, &mut |record, _| {
                    black_box(record.payload.len());
                })
                .ledger
                .read
        })
        .sum()
}

/// What a worker decodes with: warm after its first log, as in a run over several.
#[derive(Default)]
struct Worker {
    decoder: SliceDecoder,
    records: RecordBatch,
}

impl Worker {
    /// Decodes slices as long as there are any; how many records they have.
    fn decode(&mut self, stores: &SchemaStores, mut next: impl FnMut() -> Option<EtlSlice>) -> u64 {
        let mut read = 0;
        while let Some(slice) = next() {
            read += self.decoder.decode(slice, stores, &mut self.records).ledger.read;
            black_box(self.records.len());
        }
        read
    }
}

/// Decodes all records on one thread.
fn decode(path: &Path, stores: &SchemaStores, worker: &mut Worker) -> u64 {
    let mut slices = slices(path);
    worker.decode(stores, || slices.next())
}

/// The same with slices decoded on two threads.
fn decode_on_two(path: &Path, stores: &SchemaStores, [one, two]: &mut [Worker; 2]) -> u64 {
    let slices = Mutex::new(slices(path));
    let next = || slices.lock().unwrap().next();
    std::thread::scope(|scope| {
        let two = scope.spawn(|| two.decode(stores, next));
        one.decode(stores, next) + two.join().unwrap()
    })
}

/// A plain copy of a log.
fn plain(path: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(path.file_name().unwrap());
    let mut output = Some(BufWriter::new(File::create(&copy).unwrap()));
    let (mut writer, mut scratch) = (None, EtlScratch::default());
    for slice in slices(path) {
        if let Some(output) = output.take() {
            let header = TraceHeader::from(&**slice.trace());
            writer = Some(Writer::create(output, &header).unwrap());
        }
        let writer = writer.as_mut().unwrap();
        // The copy has a header of its own.
        slice.with_bookkeeping().read(&mut scratch, &mut |record, _| drop(writer.write(record)));
    }
    writer.unwrap().finish().unwrap();
    copy
}

/// A log of events that describe themselves.
fn made(folder: &Path) -> PathBuf {
    let path = folder.join("made.etl");
    let mut extended = Vec::new();
    push_item(&mut extended, ExtendedItem::SCHEMA, b"\0\0\0Started\0Size\0\x08Name\0\x01", true);
    let header = TraceHeader { build: 26_100, ..TraceHeader::default() };
    let mut output = BufWriter::new(File::create(&path).unwrap());
    output.flush().unwrap();
    let mut writer = Writer::create(output, &header).unwrap();
    for number in 0..1_000_u64 {
        let time = Timestamp::from_filetime(133_000_000_000_000_000 + number * 1_000);
        let processor = u16::try_from(number % 4).unwrap();
        let header =
            RawHeader { time, processor, channel: 11, pointer_size: 8, ..RawHeader::default() };
        let payload = b"\x07\0\0\0c\0m\0d\0.\0e\0x\0e\0\0\0";
        writer.write(&RawRecord { header, extended: &extended, payload }).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let Some(given) = std::env::var_os("ETWATCH_BENCH_ETL") else { return vec![made(folder)] };
    let entries = std::fs::read_dir(given).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "etl")).collect();
    logs.sort();
    logs
}

fn etl(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    for log in logs(folder.path()) {
        let count = walk(&log);
        if count < 1_000 {
            continue;
        }
        let copies = tempfile::tempdir().unwrap();
        let copy = plain(&log, copies.path());
        let bytes = copy.metadata().unwrap().len();
        let name = log.file_name().unwrap().to_string_lossy().into_owned();
        println!("{name}: {count} records, {bytes} bytes as a plain log");
        let is_packed = log.metadata().unwrap().len() * 2 < bytes;
        let mut group = c.benchmark_group(format!("etl, {name}"));
        group.throughput(Throughput::Elements(count));
        let stores = SchemaStores::default();
        let mut workers = <[Worker; 2]>::default();
        group
            .bench_function("walk and merge, plain", |b| b.iter(|| assert_eq!(walk(&copy), count)));
        group.bench_function("decode, plain", |b| {
            b.iter(|| assert_eq!(decode(&copy, &stores, &mut workers[0]), count));
        });
        group.bench_function("decode, plain, two workers", |b| {
            b.iter(|| assert_eq!(decode_on_two(&copy, &stores, &mut workers), count));
        });
        if is_packed {
            group.bench_function("decode, compressed", |b| {
                b.iter(|| assert_eq!(decode(&log, &stores, &mut workers[0]), count));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, etl);
criterion_main!(benches);
