//! A log that is delivered as a session gives the records that reading it gives.

use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::etl::EtlScratch;
use etwatch_capture::live::{Capture, Flusher, Next, Schemas, SessionSettings};
use etwatch_capture::sim::{Recording, RecordingError, Session, Speed};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, open};
use etwatch_event::clock::SystemClock;
use etwatch_event::{Ledger, RawHeader};

use crate::place::corpus;

/// What is compared of a record: all but its number, which is that of the session.
type Seen = (RawHeader, Vec<u8>, Vec<u8>);

/// The events of a log, in the order of time.
fn read(location: &Location) -> Vec<Seen> {
    let (mut seen, mut scratch) = (Vec::new(), EtlScratch::default());
    let mut source = open(location, Limits::default()).unwrap();
    while let Some(piece) = source.next_piece().unwrap() {
        let Piece::Etl(slice) = piece else { panic!("{piece:?}") };
        slice.read(&mut scratch, &mut |record, _| {
            let header = RawHeader { number: 0, ..record.header };
            seen.push((header, record.extended.to_vec(), record.payload.to_vec()));
        });
    }
    seen
}

#[test]
fn a_session_delivers_what_is_in_the_log() {
    let Some(corpus) = corpus() else { return };
    for name in ["net.4.5.2.x64.etl", "Process.etl", "ShutdownPerfDiagLogger.etl", "gcevents.etl"] {
        let location = Location::File(corpus.join("etl").join(name));
        let recording = Arc::new(Recording::read(&location, Limits::default()).unwrap());
        let schemas = Schemas::told();
        recording.tell(&schemas);
        let capture = Capture::builder(&SessionSettings::default()).session(3);
        let capture = capture.trace(Arc::clone(recording.trace())).schemas(&schemas);
        let Capture { intake, mut feed, flush } = capture.build().unwrap();
        let _flusher = Flusher::start(vec![flush]).unwrap();
        let counters = intake.counters();
        let session = Session::new(Arc::clone(&recording)).speed(Speed::Fastest);
        let running = session.start(intake, counters, Arc::new(SystemClock::start())).unwrap();
        let (mut seen, mut ledger, mut told) = (Vec::new(), Ledger::default(), 0);
        loop {
            match feed.next_batch(Duration::from_millis(100)) {
                Next::Batch(batch) => {
                    assert_eq!((batch.session(), batch.trace()), (3, recording.trace()));
                    told += batch.schemas().len() as u64;
                    let decoded = batch.read(&mut |record, _| {
                        let header = RawHeader { number: 0, ..record.header };
                        seen.push((header, record.extended.to_vec(), record.payload.to_vec()));
                    });
                    ledger.add(&decoded.ledger);
                }
                Next::Quiet => {}
                Next::Ended => break,
            }
        }
        assert_eq!(running.wait().unwrap().records, recording.len());
        assert!(seen == read(&location), "{name}");
        assert_eq!(ledger.read, seen.len() as u64 + ledger.bookkeeping, "{name}");
        // Parts of manifests stay among the records, and are found there.
        assert_eq!(told, schemas.counts().told + ledger.bookkeeping, "{name}");
        assert_eq!(recording.ledger().lost(), 0, "{name}");
    }
}

#[test]
fn what_is_no_log_is_refused() {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
    std::fs::write(file.path(), "{\"EventID\": 1}\n").unwrap();
    let error = Recording::read(&Location::File(file.path().to_owned()), Limits::default());
    assert!(matches!(error, Err(RecordingError::NotEtw(_))));
    let missing = Location::File(file.path().join("missing"));
    assert!(matches!(Recording::read(&missing, Limits::default()), Err(RecordingError::Source(_))));
}
