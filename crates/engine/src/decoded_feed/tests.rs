//! What a session delivers is decoded as the log it was made of is.

use etwatch_capture::etl::TraceSchemaKind;
use etwatch_capture::live::{Capture, DescribeError, SessionSettings};
use etwatch_capture::sim::{Recording, Session, Speed};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, open};
use etwatch_event::clock::SystemClock;
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord};

use super::*;

#[path = "../../../../tests/support/corpus.rs"]
mod place;

/// The fields of all records, and what was counted.
type Read = (Vec<String>, Ledger);

fn fields(records: &RecordBatch, into: &mut Vec<String>) {
    into.extend(records.iter().map(|record| {
        // Its number is that of the log in one case, that of the session in the other.
        let fields = record.fields().filter(|(name, _)| *name != "EventRecordID");
        format!("{:?}", fields.collect::<Vec<_>>())
    }));
}

fn of_log(location: &Location) -> Read {
    let (stores, mut decoder) = (SchemaStores::default(), SliceDecoder::default());
    let (mut read, mut records) = (Read::default(), RecordBatch::default());
    let mut source = open(location, Limits::default()).unwrap();
    while let Some(piece) = source.next_piece().unwrap() {
        let Piece::Etl(slice) = piece else { panic!("{piece:?}") };
        read.1.add(&decoder.decode(slice, &stores, &mut records).ledger);
        fields(&records, &mut read.0);
    }
    read
}

fn of_session(recording: Recording, schemas: &Schemas, stores: Arc<SchemaStores>) -> Read {
    let recording = Arc::new(recording);
    let capture = Capture::builder(&SessionSettings::default()).schemas(schemas);
    let capture = capture.trace(Arc::clone(recording.trace())).schema_deadline(Duration::MAX);
    let Capture { intake, feed, .. } = capture.build().unwrap();
    let counters = intake.counters();
    let session = Session::new(recording).speed(Speed::Fastest);
    let running = session.start(intake, counters, Arc::new(SystemClock::start())).unwrap();
    let mut read = Read::default();
    let mut feed = DecodedFeed::new(feed, Wanted::Both, stores);
    loop {
        match feed.next_batch(Duration::from_millis(100)) {
            NextDecoded::Batch(DecodedBatch { raw, records, ledger }) => {
                let (raw, records) = (raw.unwrap(), records.unwrap());
                let bookkeeping = usize::try_from(ledger.bookkeeping).unwrap();
                assert_eq!(raw.len(), records.len() + bookkeeping);
                fields(records, &mut read.0);
                read.1.add(&ledger);
            }
            NextDecoded::Quiet => {}
            NextDecoded::Ended => break,
        }
    }
    assert_eq!(running.wait().unwrap().lost, 0);
    read
}

#[test]
fn a_session_is_decoded_as_its_log_is() {
    let Some(corpus) = place::corpus() else { return };
    for name in ["net.4.5.2.x64.etl", "Process.etl", "AMSITrace.etl", "powershell.etl"] {
        let location = Location::File(corpus.join("etl").join(name));
        let recording = Recording::read(&location, Limits::default()).unwrap();
        let schemas = Schemas::told();
        recording.tell(&schemas);
        let (session, of_session) = of_session(recording, &schemas, Arc::default());
        let (log, of_log) = of_log(&location);
        assert!(session == log, "{name}");
        assert_eq!(of_session.unexplained, of_log.unexplained, "{name}");
    }
}

/// Knows the layouts that a log carries, as Windows does.
struct Table(Vec<Vec<u8>>);

impl Describe for Table {
    fn describe(&self, record: &RawRecord<'_>) -> Result<Option<Vec<u8>>, DescribeError> {
        // An answer begins with the provider and the class of a classic event; its event descriptor follows: id,
        // version, channel, level, opcode.
        let of = |info: &&Vec<u8>| {
            let header = &record.header;
            let id = u16::from_le_bytes([info[32], info[33]]);
            let is_event = match header.form {
                RawForm::Event => info[..16] == header.provider.0 && id == header.id,
                _ => info[16..32] == header.provider.0 && info[37] == header.opcode,
            };
            is_event && info[34] == header.version
        };
        let found = self.0.iter().find(of).cloned();
        std::thread::sleep(Duration::from_millis(2));
        found.map(Some).ok_or(DescribeError { what: "TdhGetEventInformation", code: 1168 })
    }
}

#[test]
fn what_nobody_knows_is_asked_and_there_before_its_records() {
    let Some(corpus) = place::corpus() else { return };
    let location = Location::File(corpus.join("etl/net.4.5.2.x64.etl"));
    let mut source = open(&location, Limits::default()).unwrap();
    let Some(Piece::Etl(slice)) = source.next_piece().unwrap() else { panic!("no log") };
    let infos = slice.trace().schemas.iter();
    let infos = infos.filter(|schema| schema.kind == TraceSchemaKind::EventInfo);
    let table = Table(infos.map(|schema| schema.bytes.to_vec()).collect());
    assert!(table.0.len() > 50);
    let recording = Recording::read(&location, Limits::default()).unwrap();
    let stores = Arc::<SchemaStores>::default();
    let schemas = DecodedFeed::schemas(&stores, recording.trace(), Box::new(table)).unwrap();
    let (session, ledger) = of_session(recording, &schemas, stores);
    let counts = schemas.counts();
    assert!(counts.told > 0 && counts.asked == counts.told + counts.failed, "{counts:?}");
    assert!(ledger.incomplete.is_empty(), "{:?}", ledger.incomplete);
    let (log, of_log) = of_log(&location);
    assert_eq!(session.len(), log.len());
    // Names of values come apart from layouts, which alone are asked for here.
    assert_eq!(ledger.unexplained, of_log.unexplained);
}

#[test]
fn raw_records_alone_are_not_decoded() {
    let header = RawHeader { provider: Guid([9; 16]), id: 7, ..RawHeader::default() };
    let record = RawRecord { header, extended: &[], payload: b"bytes" };
    let capture = Capture::builder(&SessionSettings::default()).build().unwrap();
    let Capture { mut intake, feed, .. } = capture;
    assert!(etwatch_capture::live::Receive::wants(&mut intake, &header));
    etwatch_capture::live::Receive::take(&mut intake, &record);
    drop(intake);
    let mut feed = DecodedFeed::new(feed, Wanted::Raw, Arc::default());
    let NextDecoded::Batch(batch) = feed.next_batch(Duration::ZERO) else { panic!("no batch") };
    assert!(batch.records.is_none());
    assert_eq!(batch.raw.unwrap().records().next().unwrap().payload, b"bytes");
    assert_eq!((batch.ledger.read, batch.ledger.unexplained.len()), (1, 0));
    assert!(matches!(feed.next_batch(Duration::ZERO), NextDecoded::Ended));
}
