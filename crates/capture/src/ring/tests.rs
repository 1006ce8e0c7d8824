//! What is kept, what goes, and that each file tells all by itself.

use std::sync::Arc;

use etwatch_event::{Guid, RawForm, RawHeader};

use super::*;
use crate::etl::{EtlScratch, Trace, TraceSchemaKind};
use crate::source::{Location, Piece};
use crate::{Limits, open};

const SECOND: u64 = 10_000_000;
const BEGIN: u64 = 134_000_000_000_000_000;

fn trace() -> Arc<Trace> {
    Arc::new(Trace { os_build: 19_045, pointer_size: 8, ..Trace::default() })
}

fn schema(kind: TraceSchemaKind, bytes: &[u8]) -> TraceSchema {
    let provider = Guid([7; 16]);
    TraceSchema { kind, provider, process_id: Some(8), bytes: bytes.into() }
}

/// A record of a second, of this many bytes.
fn batch(session: u32, second: u64, bytes: usize) -> LiveBatch {
    let mut batch = LiveBatch::new(session, trace());
    let time = Timestamp::from_filetime(BEGIN + second * SECOND);
    let header = RawHeader {
        form: RawForm::Event,
        time,
        provider: Guid([7; 16]),
        id: 5,
        pointer_size: 8,
        ..RawHeader::default()
    };
    let payload = vec![u8::try_from(second % 251).unwrap(); bytes];
    assert!(batch.push(&RawRecord { header, extended: &[], payload: &payload }));
    batch
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The seconds of the records of a file, and the kinds of its schemas.
fn read(path: &Path) -> (Vec<u64>, Vec<TraceSchemaKind>) {
    let mut source = open(&Location::File(path.into()), Limits::default()).unwrap();
    let (mut seconds, mut schemas) = (Vec::new(), Vec::new());
    while let Some(piece) = source.next_piece().unwrap() {
        let Piece::Etl(slice) = piece else { panic!("{piece:?}") };
        schemas = slice.trace().schemas.iter().map(|schema| schema.kind).collect();
        slice.read(&mut EtlScratch::default(), &mut |record, _| {
            seconds.push((record.header.time.filetime() - BEGIN) / SECOND);
        });
    }
    (seconds, schemas)
}

#[test]
fn the_oldest_files_go_and_the_rest_has_the_youngest_records() {
    let folder = tempfile::tempdir().unwrap();
    let limits = RingLimits { bytes: 12 << 20, age: None };
    let mut ring = Ring::open(folder.path(), limits).unwrap();
    for second in 0..600 {
        ring.record(&batch(0, second, 60_000));
    }
    ring.close();
    let recorded = ring.recorded();
    assert_eq!((recorded.records, recorded.refused), (600, 0));
    let names = names(folder.path());
    assert_eq!(recorded.files - recorded.removed, names.len() as u64);
    assert!(recorded.removed > 5 && names.len() > 3, "{names:?}");
    let bytes: u64 =
        names.iter().map(|name| fs::metadata(folder.path().join(name)).unwrap().len()).sum();
    assert!(bytes <= limits.bytes, "{bytes}");
    // In the order of their names, the files have the last records without a gap.
    let all: Vec<u64> = names.iter().flat_map(|name| read(&folder.path().join(name)).0).collect();
    let first = *all.first().unwrap();
    assert_eq!(all, (first..600).collect::<Vec<_>>());
}

#[test]
fn each_file_begins_with_the_schemas_that_its_session_has_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::open(folder.path(), RingLimits { bytes: 64 << 20, age: None }).unwrap();
    let mut first = batch(3, 0, 10);
    first.push_schema(schema(TraceSchemaKind::EventInfo, &[1; 200]));
    let manifest = [&[1, 1, 0, 0x5b, 1, 0, 0, 0][..], b"<xml/>"].concat();
    first.push_schema(schema(TraceSchemaKind::Manifest, &manifest));
    ring.record(&first);
    // Of another session, which told nothing.
    ring.record(&batch(4, 1, 10));
    for second in 2..300 {
        ring.record(&batch(3, second, 60_000));
    }
    drop(ring);
    let names = names(folder.path());
    let (theirs, ours): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.ends_with("-4.etl"));
    assert_eq!((theirs.len(), ours.len() > 1), (1, true), "{names:?}");
    let schemas = |name: &String| read(&folder.path().join(name)).1;
    assert!(schemas(theirs[0]).is_empty());
    for ours in ours {
        assert_eq!(schemas(ours), [TraceSchemaKind::EventInfo, TraceSchemaKind::Manifest]);
    }
}

#[test]
fn what_is_too_old_goes_also_if_an_earlier_run_wrote_it_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let limits = RingLimits { bytes: 1 << 30, age: Some(Duration::from_secs(800)) };
    fs::write(folder.path().join("etwatch-notes.etl"), "mine").unwrap();
    let mut ring = Ring::open(folder.path(), limits).unwrap();
    (0..500).for_each(|second| ring.record(&batch(0, second, 10)));
    drop(ring);
    let before = names(folder.path()).len();
    assert!((5..=7).contains(&before), "a file for each eighth of the age: {before}");
    let mut ring = Ring::open(folder.path(), limits).unwrap();
    (1_200..1_450).for_each(|second| ring.record(&batch(0, second, 10)));
    drop(ring);
    let names = names(folder.path());
    assert!(names.contains(&"etwatch-notes.etl".to_owned()));
    let kept: Vec<_> = names.iter().filter(|name| time_of(name).is_some()).collect();
    let oldest = read(&folder.path().join(kept[0])).0;
    assert!(oldest.last().is_some_and(|second| *second >= 1_450 - 800 - 100), "{oldest:?}");
}

#[test]
fn names_tell_their_time() {
    let time = Timestamp::from_filetime(BEGIN + 12_345);
    assert_eq!(time_of(&name_of(time, 2)), Some(time));
    for other in ["etwatch-.etl", "etwatch-x-0.etl", "etwatch-20261122T063001.25Z-x.etl", "a.etl"] {
        assert_eq!(time_of(other), None, "{other}");
    }
}
