//! The reading side of a session.
//!
//! A feed takes batches off its queue one after the other, gives each the schemas that arrived, and what was counted
//! since the batch before. A batch with a record that nobody can read yet is kept back until its schema is there or a
//! deadline has passed; those behind it stay in the queue meanwhile, so the order is that of the session.
//!
//! One session may have several feeds, each with its own queue. All get the same batches; what one of them loses
//! since its queue is full is counted for it alone.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use etwatch_event::{Clock, Ledger, RawRecord, Reason};

use crate::etl::{Trace, TraceSchema, manifest_part};

use super::batch::LiveBatch;
use super::buffer::{Filled, RecordBuffer};
use super::counters::{Counters, Tally};
use super::desk::{OutletState, Shared};
use super::loss::SequenceGaps;
use super::process_start::ProcessStart;
use super::schemas::{RecentKeys, SchemaKey, Schemas};

/// The ledger's words for what is missing beside the equation.
const LATE_SCHEMA: Reason = "schema not in time";
const MISSING_START: Reason = "process starts not seen";

/// What a feed has next.
#[derive(Debug)]
pub enum Next {
    /// Records, or counts alone.
    Batch(LiveBatch),
    /// Nothing came for as long as was to be waited.
    Quiet,
    /// The session is over, and all of it was handed out.
    Ended,
}

/// Of which session a feed is, and how it reads.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) session: u32,
    pub(super) trace: Arc<Trace>,
    pub(super) schemas: Schemas,
    /// How long a batch waits for its schemas.
    pub(super) deadline: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shared: Arc<Shared>,
}

/// Reads the batches of a session; see the module.
pub struct Feed {
    reading: Reading,
    queue: Receiver<Arc<Filled>>,
    outlet: Arc<OutletState>,
    /// What was counted when the last batch was handed on.
    tally: Tally,
    /// How many of the schemas were handed out.
    seen: usize,
    recent: RecentKeys,
    held: Option<Held>,
    gaps: SequenceGaps,
    is_over: bool,
}

/// A batch that was taken off the queue.
struct Held {
    batch: LiveBatch,
    /// Keys that it waits for, and until when.
    keys: Vec<SchemaKey>,
    until: Duration,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.debug_struct("Feed").field("session", &self.reading.session).finish_non_exhaustive()
    }
}

impl Feed {
    pub(super) fn new(reading: Reading) -> Self {
        let shared = &reading.shared;
        let mut desk = shared.desk();
        shared.aside.bring(&mut desk, &shared.counters);
        let (queue, outlet, tally) = desk.connect(&shared.counters);
        drop(desk);
        Self {
            reading,
            queue,
            outlet,
            tally,
            seen: 0,
            recent: RecentKeys::default(),
            held: None,
            gaps: SequenceGaps::default(),
            is_over: false,
        }
    }

    /// A further feed of the session. It gets what is delivered from now on, and all schemas.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(self.reading.clone())
    }
    /// What the session counts.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.reading.shared.counters
    }
    /// What is known of the host.
    #[must_use]
    pub fn trace(&self) -> &Arc<Trace> {
        &self.reading.trace
    }

    /// The next batch; waits for it at most so long.
    pub fn next_batch(&mut self, wait: Duration) -> Next {
        let end = self.reading.clock.elapsed().saturating_add(wait);
        loop {
            let Some(mut held) = self.held.take() else {
                match self.receive(end) {
                    Ok(held) => self.held = Some(held),
                    Err(next) => return next,
                }
                continue;
            };
            let now = self.reading.clock.elapsed();
            if held.keys.is_empty() || now >= held.until {
                return Next::Batch(self.finish(held));
            }
            if now < end {
                let wait = end.min(held.until).saturating_sub(now);
                self.reading.schemas.wait(&mut held.keys, wait);
                self.held = Some(held);
            } else {
                self.held = Some(held);
                return Next::Quiet;
            }
        }
    }

    fn receive(&mut self, end: Duration) -> Result<Held, Next> {
        let wait = end.saturating_sub(self.reading.clock.elapsed());
        match self.queue.recv_timeout(wait) {
            Ok(filled) => {
                self.outlet.queued.fetch_sub(1, Relaxed);
                Ok(self.look(filled))
            }
            Err(RecvTimeoutError::Timeout) => self.losses().ok_or(Next::Quiet),
            Err(RecvTimeoutError::Disconnected) => self.rest().ok_or(Next::Ended),
        }
    }

    /// What Windows lost while nothing else came.
    fn losses(&mut self) -> Option<Held> {
        let tally = self.tally.with_losses(&self.reading.shared.counters.tally());
        (tally != self.tally).then(|| self.hold(Arc::default(), tally))
    }

    /// What is left when the session is over: its last batch, then what was counted behind it.
    fn rest(&mut self) -> Option<Held> {
        let last = self.outlet.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(filled) = last {
            return Some(self.look(filled));
        }
        if std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        self.gaps.settle();
        let tally = self.reading.shared.counters.tally();
        let nothing = Filled { buffer: RecordBuffer::default(), tally, home: None };
        let rest = self.look(Arc::new(nothing));
        let is_anything = self.gaps.has_news() || *rest.batch.ledger() != Ledger::default();
        is_anything.then_some(rest)
    }

    /// Counts what happened since the batch before, and asks for the schemas of its records.
    fn look(&mut self, filled: Arc<Filled>) -> Held {
        let tally = filled.tally.with(&self.outlet.dropped).with_losses(&self.tally);
        self.hold(filled, tally)
    }

    /// A batch with what was counted since the one before.
    fn hold(&mut self, filled: Arc<Filled>, tally: Tally) -> Held {
        let ledger = tally.since(&self.tally);
        self.tally = tally;
        let Reading { session, trace, schemas, .. } = &self.reading;
        let mut keys = Vec::new();
        let mut manifests = Vec::new();
        for record in filled.buffer.records() {
            manifests.extend(manifest_part(&record));
            if let Some(number) = ProcessStart::of(&record).and_then(|start| start.sequence) {
                self.gaps.saw(trace.boot.filetime(), number);
            }
            if let Some(key) = schemas.open_key(&record, &mut self.recent)
                && !keys.contains(&key)
            {
                keys.push(key);
            }
        }
        let mut batch = LiveBatch::of(filled, *session, Arc::clone(trace), ledger);
        batch.schemas = manifests;
        let until = self.reading.clock.elapsed().saturating_add(self.reading.deadline);
        Held { batch, keys, until }
    }

    /// Gives a batch the schemas that are there.
    fn finish(&mut self, held: Held) -> LiveBatch {
        let Held { mut batch, keys, .. } = held;
        let mut schemas: Vec<TraceSchema> = self.reading.schemas.since(&mut self.seen);
        schemas.append(&mut batch.schemas);
        batch.schemas = schemas;
        if !keys.is_empty() {
            let waits = |record: &RawRecord<'_>| {
                SchemaKey::of(record).is_some_and(|key| keys.contains(&key))
            };
            let late = batch.records().filter(waits).count() as u64;
            batch.ledger.incomplete.insert(LATE_SCHEMA, late);
            self.reading.schemas.give_up(&keys);
        }
        let missing = self.gaps.take_news();
        if missing > 0 {
            batch.ledger.unseen.insert(MISSING_START, missing);
        }
        batch
    }
}
