//! The wiring of a replay: who hands what to whom, and nothing else.
//!
//! The calling thread reads, merges and alerts; workers decode and match. At any time a bounded number
//! of pieces is being decoded and a bounded number of batches matched, so memory does not grow with the
//! input. The order of events is made before they are matched and results are taken in that order, so
//! alerts depend neither on the number of workers nor on the size of batches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use etwatch_alert::{Builder, Sink, json::to_line};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Source, SourceError, open};
use etwatch_event::{EventBatch, FieldId, Timestamp};
use etwatch_state::{Heads, Watermarks};
use rayon::prelude::*;

use crate::engine::{Engine, EngineError};
use crate::input::Input;
use crate::live::LiveEngine;
use crate::report::Report;
use crate::work::{MatchedBatch, Pending, Workers};

/// A batch is also full when its events hold this many bytes: some events are large.
const BATCH_BYTES: usize = 512 << 10;

/// What [`Options::held`] may grow to.
pub const HELD_LIMIT: usize = 256 << 20;

/// How a replay is run. None of it changes the alerts.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Worker threads to start; 0 is one for each processor.
    pub workers: usize,
    /// Events in a batch that is matched at once.
    pub batch: usize,
    /// Limits of reading.
    pub limits: Limits,
    /// Bytes of decoded events that inputs may hold at first while others have their turn. Beyond it,
    /// those whose turn is furthest away are decoded again when it comes. If that becomes more than
    /// half of the decoding, inputs may hold twice as much, up to [`HELD_LIMIT`].
    pub held: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 0, batch: 256, limits: Limits::default(), held: 2 << 20 }
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the inputs that were read.
    pub bytes: u64,
    /// Events that were matched.
    pub events: u64,
    /// Alerts so far.
    pub alerts: u64,
}

/// Is told how a run goes.
pub trait Observer {
    /// Called after each batch.
    fn progress(&mut self, progress: Progress);
}

/// An observer that looks away.
impl Observer for () {
    fn progress(&mut self, _: Progress) {}
}

/// Replays the recordings at `locations` through `engine` and hands the alerts to `sinks`.
///
/// # Errors
/// [`EngineError`] if a worker fails, or a sink can't be written to; a recording that can't be read, or
/// a batch of alerts that a receiver refuses, is told in the report, and the rest goes on.
pub fn replay(
    engine: &Engine,
    locations: Vec<Location>,
    sinks: &mut [Box<dyn Sink>],
    options: Options,
    observer: &mut dyn Observer,
) -> Result<Report, EngineError> {
    let workers = Workers::start(engine.clone(), options.workers)?;
    run(&workers, None, locations, sinks, options, observer)
}

/// The same by workers that were started before, and on which other runs may be under way: the calling
/// thread must be none of them.
///
/// # Errors
/// As [`replay`].
pub fn replay_on(
    workers: &Workers,
    locations: Vec<Location>,
    sinks: &mut [Box<dyn Sink>],
    options: Options,
    observer: &mut dyn Observer,
) -> Result<Report, EngineError> {
    run(workers, None, locations, sinks, options, observer)
}

/// The same with rules that may change while it runs: each batch of events is matched by the rules that
/// are in force when it begins.
///
/// # Errors
/// As [`replay`].
pub fn replay_live(
    engine: &LiveEngine,
    locations: Vec<Location>,
    sinks: &mut [Box<dyn Sink>],
    options: Options,
    observer: &mut dyn Observer,
) -> Result<Report, EngineError> {
    let workers = Workers::start(engine.current(), options.workers)?;
    run(&workers, Some(engine), locations, sinks, options, observer)
}

fn run(
    workers: &Workers,
    live: Option<&LiveEngine>,
    locations: Vec<Location>,
    sinks: &mut [Box<dyn Sink>],
    options: Options,
    observer: &mut dyn Observer,
) -> Result<Report, EngineError> {
    let engine = workers.engine().clone();
    let mut run = Run {
        live,
        options,
        builder: Builder::new(&engine.vocabulary),
        engine,
        ordered: workers.batch(),
        workers: workers.clone(),
        matching: VecDeque::new(),
        watermarks: Watermarks::default(),
        inputs: Vec::new(),
        report: Report::default(),
        sinks,
        observer,
        progress: Progress::default(),
        open: 0,
        resting: Resting::default(),
        closed_bytes: 0,
        decoded_again: 0,
    };
    run.report.sets.resize(run.engine.vocabulary.sets().len(), 0);
    run.report.rules.loaded = run.engine.rules.rules().len();
    let heads = run.look_at(locations);
    run.merge(heads)?;
    run.finish()
}

struct Run<'a> {
    /// Where the engine in force is to be had, if it may change.
    live: Option<&'a LiveEngine>,
    /// The one that the batch in `ordered` began with.
    engine: Engine,
    options: Options,
    workers: Workers,
    builder: Builder,
    /// Events in order, not yet handed to matching.
    ordered: EventBatch,
    matching: VecDeque<Pending<MatchedBatch>>,
    watermarks: Watermarks,
    inputs: Vec<Input>,
    report: Report,
    sinks: &'a mut [Box<dyn Sink>],
    observer: &'a mut dyn Observer,
    progress: Progress,
    /// Inputs that are open now.
    open: usize,
    resting: Resting,
    closed_bytes: u64,
    /// Events decoded once more since `held` was last changed.
    decoded_again: u64,
}

/// The inputs that hold decoded events while others have their turn, and how many bytes of them.
#[derive(Debug, Default)]
struct Resting {
    by_time: BTreeMap<(Timestamp, u32), usize>,
    bytes: usize,
}

impl Resting {
    fn add(&mut self, turn: (Timestamp, u32), bytes: usize) {
        self.by_time.insert(turn, bytes);
        self.bytes += bytes;
    }
    fn remove(&mut self, turn: (Timestamp, u32)) {
        self.bytes -= self.by_time.remove(&turn).unwrap_or(0);
    }
    /// The input whose turn is furthest away, if more than `allowed` bytes are held.
    fn too_much(&mut self, allowed: usize) -> Option<u32> {
        if self.bytes <= allowed {
            return None;
        }
        let ((_, number), bytes) = self.by_time.pop_last()?;
        self.bytes -= bytes;
        Some(number)
    }
}

/// What a first look at an input gave: standard input can't be opened twice and stays open.
type FirstLook = Result<(Timestamp, Option<Box<dyn Source>>), SourceError>;

fn first_look(location: &Location, limits: Limits) -> FirstLook {
    let mut source = open(location, limits)?;
    let time = source.first_time();
    let keep = *location == Location::Stdin;
    Ok((time, keep.then_some(source)))
}

impl Run<'_> {
    /// Finds out when each input begins.
    fn look_at(&mut self, locations: Vec<Location>) -> Heads {
        let limits = self.options.limits;
        let looks: Vec<FirstLook> = self.workers.pool().install(|| {
            locations.par_iter().map(|location| first_look(location, limits)).collect()
        });
        let mut heads = Heads::default();
        for ((number, location), look) in (0..).zip(locations).zip(looks) {
            let mut input = Input::new(location, number);
            match look {
                Ok((time, source)) => {
                    heads.push(time, number);
                    if let Some(source) = source {
                        input.begin(source);
                    }
                }
                Err(error) => input.error = Some(Box::new(error)),
            }
            self.inputs.push(input);
        }
        heads
    }

    /// Brings all events into one order and hands them on.
    fn merge(&mut self, mut heads: Heads) -> Result<(), EngineError> {
        let mut opened = vec![false; self.inputs.len()];
        while let Some(turn) = heads.pop() {
            let (_, number) = turn;
            self.resting.remove(turn);
            if let Some(seen) = opened.get_mut(number as usize)
                && !*seen
            {
                *seen = true;
                self.open_input(number);
            }
            // Its turn lasts until another input's next event is older.
            while let Some(time) = self.advance(number)? {
                if !heads.stays(time, number) {
                    heads.push(time, number);
                    self.rest(time, number);
                    break;
                }
                self.take_event(number, time)?;
            }
        }
        self.hand_on()?;
        while !self.matching.is_empty() {
            self.take_matches()?;
        }
        Ok(())
    }

    /// An input waits for its next turn; those that wait longest may have to park.
    fn rest(&mut self, time: Timestamp, number: u32) {
        let again = self.decoded_again;
        if again > self.report.ledger.evaluated.max(1 << 13) && self.options.held < HELD_LIMIT {
            self.options.held *= 2;
            self.decoded_again = 0;
        }
        let Some(input) = self.inputs.get_mut(number as usize) else { return };
        if let Some(bytes) = input.rest(&self.workers) {
            self.resting.add((time, number), bytes);
        }
        while let Some(furthest) = self.resting.too_much(self.options.held) {
            if let Some(input) = self.inputs.get_mut(furthest as usize) {
                input.park();
            }
        }
    }

    fn open_input(&mut self, number: u32) {
        let limits = self.options.limits;
        let Some(input) = self.inputs.get_mut(number as usize) else { return };
        self.open += 1;
        if input.location != Location::Stdin {
            match open(&input.location, limits) {
                Ok(source) => input.begin(source),
                Err(error) => input.error = Some(Box::new(error)),
            }
        }
    }

    fn advance(&mut self, number: u32) -> Result<Option<Timestamp>, EngineError> {
        // Many inputs open at once share what may be in flight.
        let ahead = (2 * self.workers.count() + 1) / self.open.max(1);
        let Some(input) = self.inputs.get_mut(number as usize) else { return Ok(None) };
        let time = input.advance(&self.workers, ahead, &mut self.report.ledger)?;
        self.decoded_again += std::mem::take(&mut input.decoded_again);
        if time.is_none() {
            self.open = self.open.saturating_sub(1);
            self.closed_bytes += input.position;
            self.report.inputs.0 += usize::from(input.error.is_none());
        }
        Ok(time)
    }

    /// Copies the next event of an input to the end of the order.
    fn take_event(&mut self, number: u32, time: Timestamp) -> Result<(), EngineError> {
        if self.ordered.is_empty() {
            self.follow();
        }
        let Some(input) = self.inputs.get_mut(number as usize) else { return Ok(()) };
        if let Some((events, row)) = input.next()
            && let Some(event) = events.get(row)
        {
            self.ordered.push_copy(&event);
            self.report.ledger.evaluated += 1;
            *self.report.shapes.entry(event.origin().shape).or_default() += 1;
            let host = event.text(FieldId::COMPUTER).unwrap_or_default();
            let late = time.is_known() && self.watermarks.is_late(host, time);
            self.report.ledger.late += u64::from(late);
            self.progress.bytes = self.closed_bytes + input.position;
        }
        input.step();
        let full = self.ordered.len() >= self.options.batch.max(1)
            || self.ordered.payload_bytes() >= BATCH_BYTES;
        if full { self.hand_on() } else { Ok(()) }
    }

    /// A batch begins: it is matched by the engine that is in force now.
    fn follow(&mut self) {
        let Some(engine) = self.live.map(LiveEngine::current) else { return };
        if Arc::ptr_eq(&engine.rules, &self.engine.rules) {
            return;
        }
        self.workers.change_to(engine.clone());
        self.ordered = self.workers.batch();
        self.builder = Builder::new(&engine.vocabulary);
        self.report.rules.loaded = engine.rules.rules().len();
        self.engine = engine;
    }

    /// Hands the ordered events to matching; waits if enough is being matched.
    fn hand_on(&mut self) -> Result<(), EngineError> {
        if self.ordered.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.ordered, self.workers.batch());
        self.count_log_sources(&batch);
        self.matching.push_back(self.workers.match_batch(batch));
        while self.matching.len() > 2 * self.workers.count() {
            self.take_matches()?;
        }
        Ok(())
    }

    fn count_log_sources(&mut self, batch: &EventBatch) {
        for event in batch.iter() {
            if let Some(place) = self.report.sets.get_mut(event.source_set().index()) {
                *place += 1;
            }
        }
    }

    /// Takes the oldest result and turns its matches into alerts.
    fn take_matches(&mut self) -> Result<(), EngineError> {
        let Some(pending) = self.matching.pop_front() else { return Ok(()) };
        let MatchedBatch { events, matches, tested, rules } = pending.wait()?;
        self.report.tested += tested;
        self.progress.events += events.len() as u64;
        for found in &matches {
            let Some(event) = events.get(found.row as usize) else { continue };
            let input = self.inputs.get(event.origin().input as usize);
            let file = input.map(|input| input.location.name()).unwrap_or_default();
            let Some(alert) = self.builder.build(&rules, found.rule, &event, &file) else {
                continue;
            };
            self.progress.alerts += 1;
            self.report.count(&alert);
            let json = to_line(&alert);
            for sink in self.sinks.iter_mut() {
                self.report.take_note(sink.accept(&alert, &json))?;
            }
        }
        self.workers.give_back(events);
        self.observer.progress(self.progress);
        Ok(())
    }

    fn finish(mut self) -> Result<Report, EngineError> {
        for sink in self.sinks.iter_mut() {
            self.report.take_note(sink.flush())?;
        }
        self.report.inputs.1 = self.inputs.len();
        for input in self.inputs {
            let damage = input.damage.into_iter().map(|damage| (input.location.name(), damage));
            self.report.damage.extend(damage);
            self.report.unreadable.extend(input.error.map(|error| error.to_string()));
        }
        self.report.name_log_sources(&self.engine.vocabulary);
        Ok(self.report)
    }
}
