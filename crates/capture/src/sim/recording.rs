//! The records of a log in memory, in the order of their times.
//!
//! What a log carries to explain its records comes apart from them, as it does live: layouts are told as schemas, and
//! what is said of the host is the [`Trace`]. Manifests that providers write among their events stay there.

use std::sync::Arc;

use etwatch_event::{Ledger, RawRecord, Timestamp};

use crate::etl::{
    EachRecord, EtlScratch, Trace, TraceSchema, TraceSchemaKind, is_bookkeeping, manifest_part,
};
use crate::limits::Limits;
use crate::live::{BufferSize, RecordBuffer, Schemas};
use crate::open::open;
use crate::source::{Location, Piece, SourceError};

/// Bytes of records that are held, about.
const MOST_BYTES: usize = 2 << 30;

/// Why a log can't be delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// It can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is no log of ETW.
    #[error("{0}: no log of ETW, so there is no session to simulate")]
    NotEtw(String),
    /// It is larger than what is held in memory.
    #[error("{0}: more than {MOST_BYTES} bytes of records")]
    TooLarge(String),
}

/// Records to be delivered.
#[derive(Debug, Default)]
pub struct Recording {
    trace: Arc<Trace>,
    schemas: Vec<TraceSchema>,
    buffers: Vec<RecordBuffer>,
    records: u64,
    times: Option<(Timestamp, Timestamp)>,
    ledger: Ledger,
}

impl Recording {
    /// Reads a log.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn read(location: &Location, limits: Limits) -> Result<Self, RecordingError> {
        let mut recording = Self::default();
        let mut scratch = EtlScratch::default();
        let mut source = open(location, limits)?;
        while let Some(piece) = source.next_piece()? {
            let decoded = match piece {
                Piece::Etl(slice) => {
                    recording.take_trace(slice.trace());
                    let slice = slice.with_bookkeeping();
                    let each: EachRecord<'_> = &mut |record, _| recording.push_event(record);
                    slice.read(&mut scratch, each)
                }
                Piece::Damage(decoded) => decoded,
                _ => return Err(RecordingError::NotEtw(location.name())),
            };
            recording.ledger.add(&decoded.ledger);
            if recording.buffers.len() > MOST_BYTES / BufferSize::default().bytes {
                return Err(RecordingError::TooLarge(location.name()));
            }
        }
        Ok(recording)
    }
    /// A recording of these records.
    pub fn of<'r>(trace: &Trace, records: impl IntoIterator<Item = RawRecord<'r>>) -> Self {
        let mut recording = Self::default();
        recording.take_trace(trace);
        records.into_iter().for_each(|record| recording.push(&record));
        recording
    }

    /// What is known of the host.
    #[must_use]
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }
    /// Tells the layouts that the log carries, as somebody who knows them would.
    pub fn tell(&self, schemas: &Schemas) {
        self.schemas.iter().cloned().for_each(|schema| schemas.tell(schema));
    }
    /// The records, in order.
    pub fn records(&self) -> impl Iterator<Item = RawRecord<'_>> {
        self.buffers.iter().flat_map(RecordBuffer::records)
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.records
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }
    /// The times of the earliest and the latest record.
    #[must_use]
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        self.times
    }
    /// What reading the log led to; what is damaged there is not delivered.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn take_trace(&mut self, trace: &Trace) {
        if self.buffers.is_empty() && self.schemas.is_empty() {
            let told = |schema: &&TraceSchema| schema.kind != TraceSchemaKind::Manifest;
            self.schemas = trace.schemas.iter().filter(told).cloned().collect();
            self.trace = Arc::new(Trace { schemas: Vec::new(), ..trace.clone() });
        }
    }
    fn push_event(&mut self, record: &RawRecord<'_>) {
        if !is_bookkeeping(record) || manifest_part(record).is_some() {
            self.push(record);
        }
    }
    fn push(&mut self, record: &RawRecord<'_>) {
        if !self.buffers.last_mut().is_some_and(|last| last.push(record)) {
            let mut next = RecordBuffer::new(BufferSize::default());
            if !next.push(record) {
                return;
            }
            self.buffers.push(next);
        }
        self.records += 1;
        let time = record.header.time;
        if time.is_known() {
            let (first, last) = self.times.unwrap_or((time, time));
            self.times = Some((first.min(time), last.max(time)));
        }
    }
}
