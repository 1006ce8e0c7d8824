//! The wiring of a replay: who hands what to whom, and nothing else.
//!
//! The calling thread merges, hands on and delivers; all that takes long is done by workers: they open
//! inputs and decode pieces, match batches and write alerts. At any time a bounded number of pieces is
//! being decoded and a bounded number of batches matched, so memory does not grow with the input. The
//! order of events is made before they are matched and results are taken in that order, so alerts depend
//! neither on the number of workers nor on the size of batches.

use std::collections::VecDeque;
use std::sync::Arc;

use etwatch_alert::{Forms, Sink};
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Source, SourceError, open};
use etwatch_correlate::saved::Restored;
use etwatch_event::{EventBatch, Timestamp};
use etwatch_state::{Heads, Settings, State};
use rayon::prelude::*;

use crate::correlating::{Correlating, Gap};
use crate::derived::DerivedTeller;
use crate::engine::{Engine, EngineError};
use crate::input::Input;
use crate::live::LiveEngine;
use crate::options::{HELD_LIMIT, Observer, Options, Progress};
use crate::report::{Report, StateNote};
use crate::resting::Resting;
use crate::saved::{self, Found, SavedState, Saver};
use crate::work::{AlertContext, MatchedBatch, Pending, Workers};

/// A batch is also full when its events hold this many bytes: some events are large.
const BATCH_BYTES: usize = 512 << 10;

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
    let settings = Settings {
        enrich: options.enrich,
        batch: options.batch.max(1),
        batch_bytes: BATCH_BYTES,
        ..Settings::default()
    };
    let (correlating, state, state_note) = take_up(&engine, &options, settings);
    let mut run = Run {
        live,
        saver: options.state.clone().map(Saver::start),
        options,
        context: Arc::new(AlertContext {
            files: locations.iter().map(Location::name).collect(),
            forms: Forms::of(sinks),
        }),
        correlating,
        engine,
        ordered: workers.batch(),
        workers: workers.clone(),
        matching: VecDeque::new(),
        state,
        inputs: Vec::new(),
        unopened: VecDeque::new(),
        opened_ahead: 0,
        report: Report::with_state(state_note),
        sinks,
        observer,
        progress: Progress::default(),
        open: 0,
        resting: Resting::default(),
        closed_bytes: 0,
        decoded_again: 0,
        derived: DerivedTeller::new(&workers.engine().vocabulary),
    };
    run.state.tell(run.engine.wanted());
    run.state.derive(run.engine.derivation());
    run.report.sets.resize(run.engine.vocabulary.sets().len(), 0);
    run.report.rules.loaded = run.engine.rules.rules().len();
    run.report.rules.correlations = run.engine.correlations.correlations().len();
    let heads = run.look_at(locations);
    run.merge(heads)?;
    run.finish()
}

/// What an earlier run left, as far as it fits, and what is to be said of it.
fn take_up(
    engine: &Engine,
    options: &Options,
    settings: Settings,
) -> (Correlating, State, Option<StateNote>) {
    let (plan, outline) = (&engine.correlations, Arc::clone(&engine.outline));
    let note = match options.state.as_ref().map(|file| saved::load(&file.path)) {
        None => None,
        Some(Found::Nothing) => Some(StateNote::default()),
        Some(Found::State(found)) => {
            let SavedState { correlations, hosts } = *found;
            let (correlating, Restored { groups, left_out }) =
                Correlating::restore(plan, correlations);
            let note = StateNote { groups, hosts: hosts.hosts(), left_out, problem: None };
            return (correlating, State::restore(settings, outline, hosts), Some(note));
        }
        Some(Found::Problem(problem)) => {
            Some(StateNote { problem: Some(problem.to_string()), ..StateNote::default() })
        }
    };
    (Correlating::new(plan), State::new(settings, outline), note)
}

struct Run<'a> {
    /// Where the engine in force is to be had, if it may change.
    live: Option<&'a LiveEngine>,
    /// The one that the batch in `ordered` began with.
    engine: Engine,
    options: Options,
    workers: Workers,
    correlating: Correlating,
    saver: Option<Saver>,
    context: Arc<AlertContext>,
    /// Events in order, not yet handed to matching.
    ordered: EventBatch,
    matching: VecDeque<(Pending<MatchedBatch>, Vec<Gap>)>,
    /// What is remembered, through which all events pass.
    state: State,
    inputs: Vec<Input>,
    /// Inputs that are not even being opened ahead, in the order of their turns.
    unopened: VecDeque<u32>,
    /// How many are being opened, or open, ahead of their turn.
    opened_ahead: usize,
    report: Report,
    sinks: &'a mut [Box<dyn Sink>],
    observer: &'a mut dyn Observer,
    progress: Progress,
    /// Inputs that are open now.
    open: usize,
    resting: Resting,
    closed_bytes: u64,
    /// Hands derived events on.
    derived: DerivedTeller,
    /// Events decoded once more since `held` was last changed.
    decoded_again: u64,
}

/// What a first look at an input gave: its source is kept if that costs nothing, or if it is standard
/// input, which can't be opened twice.
type FirstLook = Result<(Timestamp, Option<Box<dyn Source>>), SourceError>;

fn first_look(location: &Location, limits: Limits) -> FirstLook {
    let mut source = open(location, limits)?;
    let time = source.first_time();
    source.rest();
    let keep = *location == Location::Stdin || source.is_light();
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
        let mut turns = Vec::new();
        for ((number, location), look) in (0..).zip(locations).zip(looks) {
            let mut input = Input::new(location, number);
            match look {
                Ok((time, source)) => {
                    heads.push(time, number);
                    turns.push((time, number));
                    if let Some(source) = source {
                        input.keep(source);
                    }
                }
                Err(error) => input.error = Some(Box::new(error)),
            }
            self.inputs.push(input);
        }
        turns.sort_unstable();
        self.unopened = turns.into_iter().map(|(_, number)| number).collect();
        heads
    }

    /// Brings all events into one order and hands them on.
    fn merge(&mut self, mut heads: Heads) -> Result<(), EngineError> {
        let mut opened = vec![false; self.inputs.len()];
        self.open_ahead();
        while let Some(turn) = heads.pop() {
            let (_, number) = turn;
            self.resting.remove(turn);
            if let Some(seen) = opened.get_mut(number as usize)
                && !*seen
            {
                *seen = true;
                self.open_input(number)?;
            }
            // Its turn lasts until another input's next event is older.
            while let Some(time) = self.advance(number)? {
                if !heads.stays(time, number) {
                    heads.push(time, number);
                    self.rest(time, number);
                    break;
                }
                self.take_event(number)?;
            }
        }
        while self.leave() {
            self.hand_on()?;
            self.follow();
        }
        self.hand_on()?;
        self.take_all_matches()?;
        if self.saver.is_some() {
            return self.save();
        }
        self.correlating.finish();
        self.deliver_correlations(None)
    }

    /// There are no more events. What is open stays so if time goes on in another run.
    fn leave(&mut self) -> bool {
        let (out, ledger) = (&mut self.ordered, &mut self.report.ledger);
        match self.saver {
            Some(_) => self.state.pause(out, ledger),
            None => self.state.finish(out, ledger),
        }
    }

    /// Saves state: what hosts are known for and what correlations have seen end with the same event.
    fn save(&mut self) -> Result<(), EngineError> {
        self.take_all_matches()?;
        if let Some(saver) = &mut self.saver {
            let (correlations, hosts) = (self.correlating.save(), self.state.save());
            self.report.note_saving(saver.save(&SavedState { correlations, hosts }));
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

    /// The first turn of an input.
    fn open_input(&mut self, number: u32) -> Result<(), EngineError> {
        if let Some(input) = self.inputs.get_mut(number as usize) {
            input.begin(&self.workers, self.options.limits)?;
            if let Some(host) = input.host() {
                self.state.name_input(number, &host);
            }
        }
        self.open += 1;
        self.opened_ahead = self.opened_ahead.saturating_sub(1);
        self.open_ahead();
        Ok(())
    }

    /// Has the next inputs opened, so that workers have something to do while this one has its turn.
    fn open_ahead(&mut self) {
        while self.opened_ahead < 2 * self.workers.count() + 1
            && let Some(number) = self.unopened.pop_front()
        {
            if let Some(input) = self.inputs.get_mut(number as usize) {
                input.open_ahead(&self.workers, self.options.limits);
                self.opened_ahead += 1;
            }
        }
    }

    fn advance(&mut self, number: u32) -> Result<Option<Timestamp>, EngineError> {
        // Many inputs open at once share what may be in flight.
        let ahead = (2 * self.workers.count() + 1) / self.open.max(1);
        let Some(input) = self.inputs.get_mut(number as usize) else { return Ok(None) };
        let time = input.advance(&self.workers, ahead, &mut self.report.ledger)?;
        self.correlating.note_gap(&self.report.ledger, &self.ordered, time);
        self.decoded_again += std::mem::take(&mut input.decoded_again);
        if time.is_none() {
            self.open = self.open.saturating_sub(1);
            self.closed_bytes += input.position;
            self.report.inputs.0 += usize::from(input.error.is_none());
        }
        Ok(time)
    }

    /// Hands the next event of an input to the memory of its host, from which those whose turn has come go to
    /// the end of the order.
    fn take_event(&mut self, number: u32) -> Result<(), EngineError> {
        if self.ordered.is_empty() {
            self.follow();
        }
        let Some(input) = self.inputs.get_mut(number as usize) else { return Ok(()) };
        if let Some((events, row)) = input.next()
            && let Some(event) = events.get(row)
        {
            self.state.take(&event, &mut self.ordered, &mut self.report.ledger);
            self.correlating.note_late(&self.report.ledger, &self.ordered);
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
        self.report.rules.loaded = engine.rules.rules().len();
        self.report.rules.correlations = engine.correlations.correlations().len();
        self.state.tell(engine.wanted());
        self.state.derive(engine.derivation());
        self.engine = engine;
    }

    /// Hands the ordered events to matching; waits if enough is being matched.
    fn hand_on(&mut self) -> Result<(), EngineError> {
        if self.ordered.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.ordered, self.workers.batch());
        self.count(&batch);
        let gaps = self.correlating.take_gaps();
        self.matching.push_back((self.workers.match_batch(batch, &self.context), gaps));
        while self.matching.len() > 2 * self.workers.count() {
            self.take_matches()?;
        }
        if self.saver.as_ref().is_some_and(Saver::is_due) { self.save() } else { Ok(()) }
    }

    fn take_all_matches(&mut self) -> Result<(), EngineError> {
        while !self.matching.is_empty() {
            self.take_matches()?;
        }
        Ok(())
    }

    fn count(&mut self, batch: &EventBatch) {
        for event in batch.iter() {
            *self.report.shapes.entry(event.origin().shape).or_default() += 1;
            if let Some(place) = self.report.sets.get_mut(event.source_set().index()) {
                *place += 1;
            }
        }
    }

    /// Takes the oldest result and delivers its alerts.
    fn take_matches(&mut self) -> Result<(), EngineError> {
        let Some((pending, gaps)) = self.matching.pop_front() else { return Ok(()) };
        let mut batch = pending.wait()?;
        self.derived.begin();
        if self.observer.events(&batch.events, &self.context.files).is_break() {
            return Err(EngineError::Stopped);
        }
        self.report.tested += batch.tested;
        self.progress.events += batch.events.len() as u64;
        self.correlating.take(&batch, &gaps);
        for rule in batch.silent() {
            self.report.count_silent(&rule.attributes, &rule.file);
        }
        self.deliver(&batch)?;
        while batch.write_on(&self.context) {
            self.deliver(&batch)?;
        }
        self.tell_derived(&batch, usize::MAX)?;
        self.deliver_correlations(None)?;
        self.workers.give_back(batch.events);
        self.workers.give_back_alerts(batch.alerts);
        self.observer.progress(self.progress);
        Ok(())
    }

    /// Hands derived events to all sinks, those of the batch up to a row that were not told yet.
    fn tell_derived(&mut self, batch: &MatchedBatch, row: usize) -> Result<(), EngineError> {
        self.derived.tell(batch, row, &self.context, self.sinks, &mut self.report)
    }

    /// Hands the alerts that are written to all sinks.
    fn deliver(&mut self, batch: &MatchedBatch) -> Result<(), EngineError> {
        let matches = batch.matches.get(batch.before..).unwrap_or_default();
        for (index, found) in matches.iter().take(batch.alerts.len()).enumerate() {
            self.tell_derived(batch, found.row as usize)?;
            let Some(rule) = batch.rules().get(found.rule) else { continue };
            self.deliver_correlations(Some(found.row))?;
            self.progress.alerts += 1;
            self.report.count(&rule.attributes, &rule.file);
            for sink in self.sinks.iter_mut() {
                let alert = batch.alerts.get(index, sink.form());
                self.report.take_note(sink.accept(alert))?;
            }
        }
        Ok(())
    }

    /// Hands on the alerts of correlations that come before those of the event in a row, or all.
    fn deliver_correlations(&mut self, before: Option<u32>) -> Result<(), EngineError> {
        while let Some(found) = self.correlating.next(before) {
            let Some(planned) = found.planned() else { continue };
            let (attributes, file) = (&planned.correlation.attributes, &planned.correlation.file);
            if !planned.is_visible {
                self.report.count_silent(attributes, file);
                continue;
            }
            self.progress.alerts += 1;
            self.report.count(attributes, file);
            let text = self.correlating.write(&found, self.context.forms);
            for sink in self.sinks.iter_mut() {
                self.report.take_note(sink.accept(text.get(0, sink.form())))?;
            }
        }
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
        self.report.correlation = self.correlating.counts();
        self.report.name_log_sources(&self.engine.vocabulary);
        Ok(self.report)
    }
}
