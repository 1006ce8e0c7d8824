//! What a worker does: a piece to events, a batch to matches.
//!
//! Work is handed to the pool together with a place for its result; who asked waits for the results
//! in the order in which it asked. Batches and buffers come from stores and go back to them, so that
//! a run in its steady state allocates nothing for an event. The stores belong to an engine: when
//! another one takes over, work that is under way ends with the one it began with.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use etwatch_capture::{Decoded, Decoder, Piece};
use etwatch_event::{EventBatch, RecordBatch};
use etwatch_normalise::Normaliser;
use etwatch_rules::{Match, Matcher, RuleSet};

use crate::engine::{Engine, EngineError};

/// A batch that grew beyond this is not used again: it would hold its memory for the rest of the run.
const KEPT_BYTES: usize = 2 << 20;

/// A result that is being worked on.
#[derive(Debug)]
pub struct Pending<T> {
    result: Receiver<T>,
    what: &'static str,
}

impl<T> Pending<T> {
    /// Waits for the result.
    ///
    /// # Errors
    /// [`EngineError::WorkerFailed`] if the worker ended without one.
    pub fn wait(self) -> Result<T, EngineError> {
        self.result.recv().map_err(|_| EngineError::WorkerFailed(self.what))
    }
}

/// Things that are used again.
#[derive(Debug)]
struct Store<T>(Mutex<Vec<T>>);

impl<T> Store<T> {
    fn take(&self, new: impl FnOnce() -> T) -> T {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(new)
    }
    fn give_back(&self, thing: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }
}

/// The pool of workers and what they work with.
#[derive(Clone, Debug)]
pub struct Workers {
    pool: Arc<rayon::ThreadPool>,
    shared: Arc<Shared>,
}

/// An engine and what was made for it.
#[derive(Debug)]
struct Shared {
    engine: Engine,
    batches: Store<EventBatch>,
    decoders: Store<(Decoder, RecordBatch, Normaliser)>,
    matchers: Store<Matcher>,
}

impl Shared {
    fn new(engine: Engine) -> Self {
        let (batches, decoders) = (Store(Mutex::default()), Store(Mutex::default()));
        Self { engine, batches, decoders, matchers: Store(Mutex::default()) }
    }
}

/// Events of a piece, and what decoding it led to.
#[derive(Debug)]
pub struct DecodedPiece {
    /// The events, in the order of the recording.
    pub events: EventBatch,
    /// Records read and skipped, and the first damage.
    pub decoded: Decoded,
}

/// A batch and the rules that are true of its events.
#[derive(Debug)]
pub struct MatchedBatch {
    /// The events.
    pub events: EventBatch,
    /// The matches in the order of events, then rules.
    pub matches: Vec<Match>,
    /// Events to which some rule applies.
    pub tested: u64,
    /// What it was matched with: the rules' numbers are its own.
    pub rules: Arc<RuleSet>,
}

impl Workers {
    /// Starts `count` workers; 0 is one for each processor.
    ///
    /// # Errors
    /// [`EngineError::Workers`] if the operating system refuses the threads.
    pub fn start(engine: Engine, count: usize) -> Result<Self, EngineError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|number| format!("etwatch-worker-{number}"))
            // The one who waits notices, see `Pending::wait`; the default would end the process.
            .panic_handler(|_| {})
            .build()?;
        Ok(Self { pool: Arc::new(pool), shared: Arc::new(Shared::new(engine)) })
    }
    /// Work that is handed out from now on is done with this engine.
    pub fn change_to(&mut self, engine: Engine) {
        self.shared = Arc::new(Shared::new(engine));
    }
    /// How many workers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pool.current_num_threads()
    }
    /// What they work with.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }
    /// The pool itself, for work of another kind.
    #[must_use]
    pub fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }
    /// An empty batch.
    #[must_use]
    pub fn batch(&self) -> EventBatch {
        let vocabulary = || EventBatch::new(Arc::clone(&self.shared.engine.vocabulary));
        let mut batch = self.shared.batches.take(vocabulary);
        batch.clear();
        batch
    }
    /// Takes a batch back that is no longer needed.
    pub fn give_back(&self, batch: EventBatch) {
        let is_ours = Arc::ptr_eq(batch.vocabulary(), &self.shared.engine.vocabulary);
        if is_ours && batch.heap_bytes() <= KEPT_BYTES {
            self.shared.batches.give_back(batch);
        }
    }

    /// Decodes and normalises a piece of the input with this number.
    #[must_use]
    pub fn decode(&self, piece: Piece, input: u32) -> Pending<DecodedPiece> {
        let (send, result) = sync_channel(1);
        let shared = Arc::clone(&self.shared);
        let mut events = self.batch();
        self.pool.spawn(move || {
            let (mut decoder, mut records, mut normaliser) = shared.decoders.take(|| {
                let engine = &shared.engine;
                let (taxonomy, vocabulary) = (&engine.taxonomy, &engine.vocabulary);
                let normaliser = Normaliser::new(Arc::clone(taxonomy), Arc::clone(vocabulary));
                (Decoder::default(), RecordBatch::default(), normaliser)
            });
            let decoded = decoder.decode(piece, &mut records);
            normaliser.add(&records, input, &mut events);
            shared.decoders.give_back((decoder, records, normaliser));
            // Nobody waits any more if the run was given up.
            let _ = send.send(DecodedPiece { events, decoded });
        });
        Pending { result, what: "decoding" }
    }

    /// Matches a batch.
    #[must_use]
    pub fn match_batch(&self, events: EventBatch) -> Pending<MatchedBatch> {
        let (send, result) = sync_channel(1);
        let shared = Arc::clone(&self.shared);
        self.pool.spawn(move || {
            let mut matcher = shared.matchers.take(Matcher::default);
            let mut matches = Vec::new();
            let mut tested = 0;
            for (row, event) in (0..).zip(events.iter()) {
                let rules = &shared.engine.rules;
                tested += u64::from(rules.matches(&event, row, &mut matcher, &mut matches));
            }
            shared.matchers.give_back(matcher);
            let rules = Arc::clone(&shared.engine.rules);
            let _ = send.send(MatchedBatch { events, matches, tested, rules });
        });
        Pending { result, what: "matching" }
    }
}
