//! What a worker does: an input to its first piece, a piece to events, a batch to matches and alerts.
//!
//! Work is handed to the pool together with a place for its result; who asked waits for the results
//! in the order in which it asked. Batches and buffers come from stores and go back to them, so that
//! a run in its steady state allocates nothing for an event. The stores belong to an engine: when
//! another one takes over, work that is under way ends with the one it began with.
//!
//! Alerts are much larger than what they are about, so of a batch only [`ALERT_BYTES`] of them are
//! written ahead; who takes them has the next ones written then.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use etwatch_alert::{AlertTexts, AlertWriter, Forms};
use etwatch_capture::etl::Trace;
use etwatch_capture::source::Location;
use etwatch_capture::{Decoded, Decoder, Limits, Mark, Piece, Source, SourceError, open};
use etwatch_correlate::{Evidence, Plan};
use etwatch_event::{Event, EventBatch, RecordBatch};
use etwatch_normalise::{Context, Normaliser};
use etwatch_rules::{Match, Matcher, Rule, RuleIndex, RuleSet};

use crate::engine::{Engine, EngineError};
use crate::etw::{SchemaStores, SliceDecoder, context_of};

/// A batch that grew beyond this is not used again: it would hold its memory for the rest of the run.
const KEPT_BYTES: usize = 2 << 20;

/// Bytes of alerts that are written ahead of a batch; one alert more may go beyond it.
pub const ALERT_BYTES: usize = 1 << 20;

/// A result that is being worked on.
#[derive(Debug)]
pub struct Pending<T> {
    result: Receiver<T>,
    what: &'static str,
}

impl<T> Pending<T> {
    /// A result that is there already.
    #[must_use]
    pub fn ready(result: T) -> Self {
        let (send, ready) = sync_channel(1);
        // There is room for it.
        let _ = send.send(result);
        Self { result: ready, what: "waiting" }
    }
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

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

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
    decoders: Store<Decoders>,
    schemas: SchemaStores,
    matchers: Store<Matcher>,
    writers: Store<AlertWriter>,
    texts: Store<AlertTexts>,
}

/// What writing the alerts of a run takes besides events and rules.
#[derive(Debug)]
pub struct AlertContext {
    /// The names of the inputs, by their numbers.
    pub files: Vec<String>,
    /// The forms that sinks ask for.
    pub forms: Forms,
}

impl AlertContext {
    /// The name of the input that an event was read from.
    fn file(&self, event: &Event<'_>) -> &str {
        self.files.get(event.origin().input as usize).map_or("", String::as_str)
    }
}

/// An input that was opened ahead.
pub struct Opened {
    /// The source; `None` if it could not be opened.
    pub source: Option<Box<dyn Source>>,
    /// Its first piece.
    pub first: Option<(Option<Mark>, DecodedPiece)>,
    /// Why it could not be opened, or not be read.
    pub error: Option<SourceError>,
}

/// What a worker decodes and normalises with.
#[derive(Debug)]
struct Decoders {
    pieces: Decoder,
    slices: SliceDecoder,
    records: RecordBatch,
    normaliser: Normaliser,
    /// What a log says of its host, for the log of which a slice was decoded last.
    host: (Weak<Trace>, Context),
}

impl Decoders {
    /// What the values of a log's records are read by.
    fn take_host(&mut self, trace: &Arc<Trace>) {
        if self.host.0.as_ptr() != Arc::as_ptr(trace) {
            self.host = (Arc::downgrade(trace), context_of(trace));
        }
    }
}

impl Shared {
    fn new(engine: Engine) -> Self {
        Self {
            engine,
            batches: Store::default(),
            decoders: Store::default(),
            schemas: SchemaStores::default(),
            matchers: Store::default(),
            writers: Store::default(),
            texts: Store::default(),
        }
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

/// A batch, the rules that are true of its events, and the alerts that come of it.
#[derive(Debug)]
pub struct MatchedBatch {
    /// The events.
    pub events: EventBatch,
    /// The matches that are alerts, in the order of events, then rules.
    pub matches: Vec<Match>,
    /// The matches that some correlation is about, each with the row of its event and what is to be told of
    /// it, in the same order.
    pub contributions: Vec<(u32, (RuleIndex, Evidence))>,
    /// Events to which some rule applies.
    pub tested: u64,
    /// The next alerts, one for each match.
    pub alerts: AlertTexts,
    /// How many matches lie before them.
    pub before: usize,
    /// What it was matched with: the rules' numbers are those of its engine.
    shared: Arc<Shared>,
}

impl MatchedBatch {
    /// The rules that it was matched with.
    #[must_use]
    pub fn rules(&self) -> &RuleSet {
        &self.shared.engine.rules
    }
    /// The rules of matches that only correlations are about, one for each match.
    pub fn silent(&self) -> impl Iterator<Item = &Rule> {
        let Engine { rules, correlations, .. } = &self.shared.engine;
        let matched = self.contributions.iter().map(|(_, (rule, _))| *rule);
        matched.filter(|rule| !correlations.is_visible(*rule)).filter_map(|rule| rules.get(rule))
    }
    /// The correlations over these rules.
    #[must_use]
    pub fn correlations(&self) -> &Arc<Plan> {
        &self.shared.engine.correlations
    }
    /// What it was matched with.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.shared.engine
    }
    /// Writes the next alerts in place of those that were taken; returns whether there are any.
    pub fn write_on(&mut self, context: &AlertContext) -> bool {
        self.before += self.alerts.len();
        self.write(context);
        !self.alerts.is_empty()
    }

    /// Sets what correlations are about apart from what alerts by itself; some matches are both.
    fn set_apart(&mut self, context: &AlertContext) {
        let Self { events, matches, contributions, shared, .. } = self;
        let Engine { rules, vocabulary, correlations, .. } = &shared.engine;
        if correlations.is_empty() {
            return;
        }
        let mut writer = None;
        for found in matches.iter().filter(|found| correlations.contributes(found.rule)) {
            let Some(event) = events.get(found.row as usize) else { continue };
            let writer = writer.get_or_insert_with(|| {
                shared.writers.take(|| AlertWriter::new(Arc::clone(rules), vocabulary))
            });
            let evidence = writer.evidence(event, context.file(&event), *found);
            contributions.push((found.row, (found.rule, evidence)));
        }
        matches.retain(|found| correlations.is_visible(found.rule));
        if let Some(writer) = writer {
            shared.writers.give_back(writer);
        }
    }

    fn write(&mut self, context: &AlertContext) {
        let Self { events, matches, alerts, before, shared, .. } = self;
        alerts.clear();
        let unwritten = matches.get(*before..).unwrap_or_default();
        if unwritten.is_empty() {
            return;
        }
        let Engine { rules, vocabulary, .. } = &shared.engine;
        let mut writer = shared.writers.take(|| AlertWriter::new(Arc::clone(rules), vocabulary));
        for of_event in unwritten.chunk_by(|one, next| one.row == next.row) {
            let row = of_event.first().map_or(0, |found| found.row as usize);
            let Some(event) = events.get(row) else { break };
            let file = context.file(&event);
            writer.write(event, file, of_event, context.forms, ALERT_BYTES, alerts);
            if alerts.bytes() >= ALERT_BYTES {
                break;
            }
        }
        shared.writers.give_back(writer);
    }
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
    /// The same for alerts.
    pub fn give_back_alerts(&self, alerts: AlertTexts) {
        if alerts.heap_bytes() <= KEPT_BYTES {
            self.shared.texts.give_back(alerts);
        }
    }

    /// Opens an input, unless that was done before and `source` is it, and decodes its first piece.
    #[must_use]
    pub fn open(
        &self,
        location: Location,
        source: Option<Box<dyn Source>>,
        limits: Limits,
        input: u32,
    ) -> Pending<Opened> {
        let (send, result) = sync_channel(1);
        let shared = Arc::clone(&self.shared);
        let events = self.batch();
        self.pool.spawn(move || {
            let source = source.map_or_else(|| open(&location, limits), Ok);
            let mut opened = Opened { source: None, first: None, error: None };
            let first = source.and_then(|mut source| {
                let piece = source.next_piece();
                opened.source = Some(source);
                piece
            });
            match first {
                Ok(Some(piece)) => {
                    opened.first = Some((piece.mark(), shared.decode(piece, input, events)));
                }
                Ok(None) => {}
                Err(error) => opened.error = Some(error),
            }
            let _ = send.send(opened);
        });
        Pending { result, what: "opening" }
    }

    /// Decodes and normalises a piece of the input with this number.
    #[must_use]
    pub fn decode(&self, piece: Piece, input: u32) -> Pending<DecodedPiece> {
        let (send, result) = sync_channel(1);
        let shared = Arc::clone(&self.shared);
        let events = self.batch();
        self.pool.spawn(move || {
            // Nobody waits any more if the run was given up.
            let _ = send.send(shared.decode(piece, input, events));
        });
        Pending { result, what: "decoding" }
    }

    /// Matches a batch and writes its first alerts.
    #[must_use]
    pub fn match_batch(
        &self,
        events: EventBatch,
        context: &Arc<AlertContext>,
    ) -> Pending<MatchedBatch> {
        let (send, result) = sync_channel(1);
        let (shared, context) = (Arc::clone(&self.shared), Arc::clone(context));
        self.pool.spawn(move || {
            let mut matcher = shared.matchers.take(Matcher::default);
            let mut matches = Vec::new();
            let mut tested = 0;
            for (row, event) in (0..).zip(events.iter()) {
                let rules = &shared.engine.rules;
                tested += u64::from(rules.matches(&event, row, &mut matcher, &mut matches));
            }
            shared.matchers.give_back(matcher);
            let alerts = shared.texts.take(AlertTexts::default);
            let (before, shared) = (0, Arc::clone(&shared));
            let contributions = Vec::new();
            let mut batch =
                MatchedBatch { events, matches, contributions, tested, alerts, before, shared };
            batch.set_apart(&context);
            batch.write(&context);
            let _ = send.send(batch);
        });
        Pending { result, what: "matching" }
    }
}

impl Shared {
    fn decode(&self, piece: Piece, input: u32, mut events: EventBatch) -> DecodedPiece {
        let mut decoders = self.decoders.take(|| Decoders {
            pieces: Decoder::default(),
            slices: SliceDecoder::default(),
            records: RecordBatch::default(),
            normaliser: self.engine.normaliser(),
            host: (Weak::new(), Context::default()),
        });
        let nothing_known = Context::default();
        let of_log = match &piece {
            Piece::Etl(slice) => {
                decoders.take_host(slice.trace());
                true
            }
            _ => false,
        };
        let Decoders { pieces, slices, records, normaliser, host } = &mut decoders;
        let decoded = match piece {
            Piece::Etl(slice) => slices.decode(slice, &self.schemas, records),
            piece => pieces.decode(piece, records),
        };
        let context = if of_log { &host.1 } else { &nothing_known };
        normaliser.add(records, input, context, &mut events);
        self.decoders.give_back(decoders);
        DecodedPiece { events, decoded }
    }
}
