//! Schemas arrive before the records that need them, or the records go on without.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use etwatch_event::{Guid, RawForm};

use super::*;
use crate::etl::{TraceSchema, TraceSchemaKind};
use crate::live::schemas::SchemaCounts;
use crate::live::{Describe, DescribeError, Schemas};

/// Answers with the id of the record once it may.
struct Asked {
    may: Receiver<()>,
    ids: SyncSender<u16>,
}

impl Describe for Asked {
    fn describe(&self, record: &RawRecord<'_>) -> Result<Option<Vec<u8>>, DescribeError> {
        let id = record.header.id;
        self.ids.send(id).unwrap();
        self.may.recv().unwrap();
        match id {
            100 => Ok(None),
            101 => Err(DescribeError { what: "TdhGetEventInformation", code: 1168 }),
            102 => panic!("as a test wants it"),
            // The record is a copy with all its bytes.
            _ => Ok(Some([&id.to_le_bytes(), record.payload].concat())),
        }
    }
}

/// Schemas that are answered one by one; what was asked.
fn asked() -> (Schemas, SyncSender<()>, Receiver<u16>) {
    let (allow, may) = sync_channel(99);
    let (ids, told) = sync_channel(99);
    let needs = Box::new(|header: &RawHeader| header.id >= 10);
    (Schemas::asking(Box::new(Asked { may, ids }), needs).unwrap(), allow, told)
}

fn event(intake: &mut impl Receive, id: u16) {
    let header = RawHeader { id, provider: Guid([1; 16]), ..RawHeader::default() };
    if intake.wants(&header) {
        intake.take(&RawRecord { header, extended: &[], payload: b"p" });
    }
}

fn schemas_of(batch: &LiveBatch) -> Vec<&[u8]> {
    batch.schemas().iter().map(|schema| &*schema.bytes).collect()
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_batch_waits_for_the_schemas_of_its_records_and_no_longer() {
    let (schemas, allow, told) = asked();
    let capture = builder(true).schemas(&schemas).schema_deadline(LONG);
    let Capture { mut intake, mut feed, flush } = capture.build().unwrap();
    for id in [5, 20, 21, 20] {
        event(&mut intake, id);
    }
    flush.tick();
    assert!(matches!(feed.next_batch(Duration::from_millis(30)), Next::Quiet), "it is kept back");
    for id in [20, 21] {
        assert_eq!(told.recv(), Ok(id));
        allow.send(()).unwrap();
    }
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    assert_eq!((batch.len(), schemas_of(&batch)), (4, vec![&b"\x14\0p"[..], b"\x15\0p"]));
    assert!(batch.ledger().incomplete.is_empty());
    // They are asked for once, and told once.
    event(&mut intake, 21);
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    assert!(batch.schemas().is_empty() && told.try_recv().is_err());
    assert_eq!(schemas.counts(), SchemaCounts { told: 2, asked: 2, ..SchemaCounts::default() });
    // A feed that comes later gets all of them.
    let mut late = feed.another();
    event(&mut intake, 21);
    flush.tick();
    let Next::Batch(batch) = late.next_batch(LONG) else { panic!("no batch") };
    assert_eq!(batch.schemas().len(), 2);
}

#[test]
fn without_an_answer_records_go_on_and_are_counted() {
    let (schemas, allow, told) = asked();
    let capture = builder(true).schemas(&schemas).schema_deadline(Duration::from_millis(30));
    let Capture { mut intake, mut feed, flush } = capture.build().unwrap();
    [20, 5, 20].into_iter().for_each(|id| event(&mut intake, id));
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    assert_eq!((batch.len(), batch.schemas().len()), (3, 0));
    assert_eq!(batch.ledger().incomplete["schema not in time"], 2);
    // The next ones do not wait again, and have the answer once it is there.
    event(&mut intake, 20);
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    assert!(batch.ledger().incomplete.is_empty());
    assert_eq!(told.recv(), Ok(20));
    allow.send(()).unwrap();
    while schemas.counts().told == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    event(&mut intake, 20);
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    assert_eq!(schemas_of(&batch), [b"\x14\0p"]);
}

#[test]
fn a_refusal_or_a_failure_is_an_answer() {
    let (schemas, allow, _told) = asked();
    let capture = builder(true).schemas(&schemas).schema_deadline(LONG);
    let Capture { mut intake, mut feed, flush } = capture.build().unwrap();
    for id in [100, 101, 102, 103] {
        event(&mut intake, id);
        allow.send(()).unwrap();
    }
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    assert_eq!((batch.len(), schemas_of(&batch)), (4, vec![&b"\x67\0p"[..]]));
    assert_eq!(schemas.counts().failed, 3);
}

#[test]
fn what_explains_itself_is_not_asked_for() {
    let asked = Mutex::new(());
    let needs = Box::new(move |_: &RawHeader| {
        drop(asked.lock().unwrap());
        true
    });
    let (_allow, may) = sync_channel(1);
    let (ids, told) = sync_channel(9);
    let schemas = Schemas::asking(Box::new(Asked { may, ids }), needs).unwrap();
    let capture = builder(true).schemas(&schemas).schema_deadline(LONG);
    let Capture { mut intake, mut feed, flush } = capture.build().unwrap();
    let mut extended = Vec::new();
    etwatch_event::raw::push_item(&mut extended, 11, b"\0\0\0a\0", true);
    let message = RawHeader { form: RawForm::Message, ..RawHeader::default() };
    let traced = RawHeader { channel: 11, ..RawHeader::default() };
    for (header, extended) in [(message, &[][..]), (traced, &[]), (header(1), &extended)] {
        assert!(intake.wants(&header));
        intake.take(&RawRecord { header, extended, payload: &[] });
    }
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    assert_eq!(batch.len(), 3);
    assert!(told.try_recv().is_err());
    assert_eq!(schemas.counts().asked, 0);
}

#[test]
fn manifests_in_the_stream_and_schemas_that_are_told_travel_along() {
    let schemas = Schemas::told();
    let Capture { mut intake, mut feed, flush } = builder(true).schemas(&schemas).build().unwrap();
    let (kind, provider) = (TraceSchemaKind::MapInfo, Guid::default());
    schemas.tell(TraceSchema { kind, provider, process_id: None, bytes: (*b"map").into() });
    let header =
        RawHeader { id: 0xfffe, provider: Guid([3; 16]), process_id: Some(8), ..header(1) };
    assert!(intake.wants(&header));
    intake.take(&RawRecord { header, extended: &[], payload: b"\x01\x01\0\x5bpart" });
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(LONG) else { panic!("no batch") };
    let kinds: Vec<_> = batch.schemas().iter().map(|schema| schema.kind).collect();
    assert_eq!(kinds, [TraceSchemaKind::MapInfo, TraceSchemaKind::Manifest]);
    assert_eq!(batch.schemas()[1].process_id, Some(8));
    let mut events = 0;
    let decoded = batch.read(&mut |_, _| events += 1);
    assert_eq!((events, decoded.ledger.bookkeeping, decoded.ledger.read), (0, 1, 1));
}
