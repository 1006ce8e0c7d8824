//! Real logs: all that is in them is read, in order, whatever the size of the slices.

use std::collections::BTreeMap;
use std::path::PathBuf;

use etwatch_capture::etl::{EtlScratch, EtlSlice, TraceSchemaKind};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, open};

use crate::place::corpus;
use crate::reading::{Outcome, each_piece, read_at, slices_of};

/// Name, records, bookkeeping among them, the build of Windows, lost events, schemas.
pub(crate) const LOGS: &[(&str, u64, u64, u32, u32, usize)] = &[
    ("net.4.5.2.x64.etl", 179_474, 108, 9_200, 0, 61),
    ("gcevents.etl", 71, 2, 19_045, 0, 0),
    ("primitive-types.etl", 7, 2, 19_043, 0, 0),
    ("Process.etl", 10_344, 1, 7_600, 0, 0),
    ("ShutdownPerfDiagLogger.etl", 17_078, 9, 18_362, 0, 0),
    ("AMSITrace.etl", 21, 2, 18_362, 3, 0),
    ("lxcore_kernel.etl", 4, 2, 19_041, 0, 0),
    ("powershell.etl", 114, 2, 22_623, 0, 0),
];

/// The real logs and what is known of them; none if they are not there.
fn logs() -> impl Iterator<Item = (PathBuf, (u64, u64, u32, u32, usize))> {
    let folder = corpus().map(|corpus| corpus.join("etl"));
    folder.into_iter().flat_map(|folder| {
        let of = |&(name, a, b, c, d, e): &(&str, u64, u64, u32, u32, usize)| {
            (folder.join(name), (a, b, c, d, e))
        };
        LOGS.iter().map(of).collect::<Vec<_>>()
    })
}

fn read(path: &std::path::Path, limits: Limits, prepare: fn(EtlSlice) -> EtlSlice) -> Outcome {
    read_at(&Location::File(path.to_owned()), limits, prepare).unwrap()
}

#[test]
fn real_logs_are_read_whole() {
    for (path, (records, bookkeeping, build, events_lost, schemas)) in logs() {
        let outcome = read(&path, Limits::default(), |slice| slice);
        outcome.check();
        let ledger = &outcome.ledger;
        assert_eq!((ledger.read, ledger.bookkeeping), (records, bookkeeping), "{path:?}");
        assert_eq!((ledger.lost(), &outcome.damage), (0, &Vec::new()), "{path:?}");
        assert!(outcome.error.is_none(), "{path:?}: {:?}", outcome.error);
        let trace = outcome.trace.unwrap();
        assert_eq!((trace.os_build, trace.pointer_size), (build, 8), "{path:?}");
        assert_eq!(trace.events_lost, events_lost, "{path:?}");
        assert_eq!((ledger.events_lost, ledger.buffers_lost), (events_lost.into(), 0), "{path:?}");
        let infos = trace.schemas.iter();
        let infos = infos.filter(|schema| schema.kind == TraceSchemaKind::EventInfo);
        assert_eq!(infos.count(), schemas, "{path:?}");
    }
}

#[test]
fn records_come_by_time_each_once_whatever_the_size_of_slices() {
    for (path, (count, ..)) in logs() {
        let whole = read(&path, slices_of(usize::MAX >> 1), EtlSlice::with_bookkeeping);
        assert_eq!(whole.slices, 1);
        assert!(whole.records.is_sorted_by_key(|record| record.header.time), "{path:?}");
        let mut numbers: Vec<_> = whole.records.iter().map(|record| record.header.number).collect();
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(1..=count), "{path:?}");
        for bytes in [1, 100_000, 1 << 20] {
            let parts = read(&path, slices_of(bytes), EtlSlice::with_bookkeeping);
            assert!(parts.records == whole.records, "{path:?} in slices of {bytes}");
            assert_eq!(parts.ledger, whole.ledger, "{path:?} in slices of {bytes}");
        }
    }
}

#[test]
fn slices_that_are_read_again_give_the_same() {
    for (path, _) in logs() {
        let limits = slices_of(200_000);
        let once = read(&path, limits, |slice| slice);
        let location = Location::File(path.clone());
        let (mut first, mut again) =
            (open(&location, limits).unwrap(), open(&location, limits).unwrap());
        let mut marks = Vec::new();
        while let Some(piece) = first.next_piece().unwrap() {
            marks.extend(piece.mark());
        }
        let mut scratch = EtlScratch::default();
        let mut records = 0;
        // From the last on: nothing depends on what was read before.
        for mark in marks.into_iter().rev() {
            again.rest();
            let Some(Piece::Etl(slice)) = again.read_again(mark).unwrap() else {
                panic!("{mark:?}")
            };
            let mut read = Vec::new();
            slice.read(&mut scratch, &mut |record, _| read.push(record.header));
            records += read.len();
            let from = once.records.len() - records;
            let expected = once.records.iter().skip(from).map(|record| record.header);
            assert!(expected.take(read.len()).eq(read), "{path:?} {mark:?}");
        }
        assert_eq!(records, once.records.len());
    }
}

#[test]
fn what_explains_records_is_gathered() {
    let Some(corpus) = corpus() else { return };
    let path = corpus.join("etl/net.4.5.2.x64.etl");
    let trace = read(&path, Limits::default(), |slice| slice).trace.unwrap();
    let volumes: BTreeMap<_, _> =
        trace.volumes.iter().map(|volume| (volume.drive.as_str(), &*volume.device)).collect();
    assert_eq!(volumes[r"C:\"], r"\Device\HarddiskVolume2\");
    assert_eq!(volumes[r"C:\Windows\"], r"\SystemRoot\");
    assert_eq!(trace.system_paths.1, r"C:\Windows\");
    assert!(trace.build_text.starts_with("9200."));
    let parts = trace.schemas.iter().filter(|schema| schema.kind == TraceSchemaKind::Manifest);
    assert!(parts.clone().count() > 0);
    for part in parts {
        assert_eq!(part.bytes[3], 0x5b);
    }
}

#[test]
fn a_log_is_recognised_packed_and_under_any_name() {
    let Some(corpus) = corpus() else { return };
    let bytes = std::fs::read(corpus.join("etl/powershell.etl")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &bytes).unwrap();
    for bytes in [bytes, packed.finish().unwrap()] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut source = open(&Location::File(file.path().to_owned()), Limits::default()).unwrap();
        assert_eq!(source.format(), "etl");
        let mut outcome = Outcome::default();
        let mut scratch = EtlScratch::default();
        let first = source.first_time();
        each_piece(&mut *source, &mut outcome, |slice, _| {
            slice.read(&mut scratch, &mut |record, _| {
                assert!(record.header.time >= first);
            })
        });
        assert_eq!(outcome.ledger.read, 114);
    }
}
