//! What a feed hands out: copied records, and what happened since the batch before it.

use std::sync::Arc;

use etwatch_event::{Ledger, RawRecord};

use crate::etl::{EachRecord, Trace, TraceSchema, is_bookkeeping};
use crate::source::Decoded;

use super::buffer::{BufferSize, Filled, RecordBuffer};
use super::counters::Tally;

/// Records of a live session, not yet decoded.
///
/// The records belong to all that read them; a copy of a batch is cheap. Once the last copy is gone, their
/// memory goes back to the session, so who keeps batches takes buffers away from it.
#[derive(Clone, Debug)]
pub struct LiveBatch {
    pub(super) filled: Arc<Filled>,
    session: u32,
    trace: Arc<Trace>,
    pub(super) schemas: Vec<TraceSchema>,
    /// What was counted since the batch before, its own records as read.
    pub(super) ledger: Box<Ledger>,
    with_bookkeeping: bool,
}

impl LiveBatch {
    /// An empty batch of no session, to be filled by hand.
    #[must_use]
    pub fn new(session: u32, trace: Arc<Trace>) -> Self {
        Self::of_size(session, trace, BufferSize::default())
    }
    /// The same with room for so much.
    #[must_use]
    pub fn of_size(session: u32, trace: Arc<Trace>, size: BufferSize) -> Self {
        let buffer = RecordBuffer::new(size);
        let filled = Filled { buffer, tally: Tally::default(), home: None };
        Self::of(Arc::new(filled), session, trace, Ledger::default())
    }
    /// `ledger` has what was counted beside the records.
    pub(super) fn of(
        filled: Arc<Filled>,
        session: u32,
        trace: Arc<Trace>,
        mut ledger: Ledger,
    ) -> Self {
        ledger.read += filled.buffer.len() as u64;
        let ledger = Box::new(ledger);
        Self { filled, session, trace, schemas: Vec::new(), ledger, with_bookkeeping: false }
    }
    /// Copies a record behind the others; `false` if there is no room, or if another copy of the batch is read
    /// somewhere.
    pub fn push(&mut self, record: &RawRecord<'_>) -> bool {
        let pushed = Arc::get_mut(&mut self.filled).is_some_and(|to| to.buffer.push(record));
        self.ledger.read += u64::from(pushed);
        pushed
    }
    /// Adds a schema that its records, or later ones, are read by.
    pub fn push_schema(&mut self, schema: TraceSchema) {
        self.schemas.push(schema);
    }
    /// Its records, in the order in which the session delivered them.
    pub fn records(&self) -> impl ExactSizeIterator<Item = RawRecord<'_>> {
        self.filled.buffer.records()
    }
    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.filled.buffer.len()
    }
    /// Whether it has no record; it may tell of some that were filtered or lost all the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.filled.buffer.is_empty()
    }
    /// The number of its session.
    #[must_use]
    pub fn session(&self) -> u32 {
        self.session
    }
    /// What is known of the host.
    #[must_use]
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }
    /// Schemas that arrived since the batch before. They hold for this batch and all later ones, so they are to be
    /// learned in the order of the batches, before any of these is decoded.
    #[must_use]
    pub fn schemas(&self) -> &[TraceSchema] {
        &self.schemas
    }
    /// Takes them out.
    #[must_use]
    pub fn take_schemas(&mut self) -> Vec<TraceSchema> {
        std::mem::take(&mut self.schemas)
    }
    /// What was counted since the batch before: as read, its own records and those that were filtered and
    /// dropped; what Windows lost; what of schemas was missing (`incomplete`), and what passed unseen. Which of its
    /// own records are bookkeeping [`LiveBatch::read`] tells.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// Hands on the records of bookkeeping as well. They are counted as such all the same.
    #[must_use]
    pub fn with_bookkeeping(self) -> Self {
        Self { with_bookkeeping: true, ..self }
    }
    /// Hands on its records to `each`, with what is known of the host, as [`crate::etl::EtlSlice::read`] does those
    /// of a slice. What `each` was given, apart from bookkeeping, is left for the caller to account for.
    pub fn read(&self, each: EachRecord<'_>) -> Decoded {
        let mut decoded = Decoded { ledger: Ledger::clone(&self.ledger), ..Decoded::default() };
        for record in self.records() {
            let is_bookkeeping = is_bookkeeping(&record);
            decoded.ledger.bookkeeping += u64::from(is_bookkeeping);
            if !is_bookkeeping || self.with_bookkeeping {
                each(&record, &self.trace);
            }
        }
        decoded
    }
}
