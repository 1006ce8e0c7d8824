//! The ordered stage: events in, in the order of their inputs; through the memory of their hosts; batches of them
//! to workers and on to delivery. The same for a replay and for live events.
//!
//! ```text
//! take ─▶ state ─▶ ordered batch ─full─▶ matching, by workers ─oldest first─▶ delivery
//! ```
//!
//! A bounded number of batches is being matched at any time; whoever hands on more waits for the oldest. Their
//! results are taken in the order in which they were handed on, so alerts depend neither on the number of
//! workers nor on the size of batches.
//!
//! What a run takes up from an earlier one and leaves for the next, what is known of hosts and what correlations
//! have seen, is as of one place in that order: it is saved when all before has been delivered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use etwatch_correlate::saved::Restored;
use etwatch_event::{Event, EventBatch, Timestamp};
use etwatch_state::{Settings, State};

use crate::correlating::{Correlating, Gap};
use crate::delivery::Delivery;
use crate::engine::{Engine, EngineError};
use crate::live::LiveEngine;
use crate::memory::Memory;
use crate::options::StateFile;
use crate::pending::Pending;
use crate::report::{Report, StateNote};
use crate::saved::{self, Found, SavedState, Saver};
use crate::work::{MatchedBatch, Workers};

/// A batch is also full when its events hold this many bytes: some events are large.
pub(crate) const BATCH_BYTES: usize = 512 << 10;

/// What all events of a run pass through.
pub(crate) struct Ordered<'a> {
    pub(crate) workers: Workers,
    /// What is remembered, through which all events pass.
    pub(crate) state: State,
    pub(crate) delivery: Delivery<'a>,
    /// Where the engine in force is to be had, if it may change.
    live: Option<&'a LiveEngine>,
    /// The one that the batch in `ordered` began with.
    engine: Engine,
    /// Events of a full batch.
    batch: usize,
    /// Events in order, not yet handed to matching.
    ordered: EventBatch,
    matching: VecDeque<Matching>,
    saver: Option<Saver>,
}

/// What is on its way to delivery.
enum Matching {
    /// A batch, and what was found missing before its events.
    Batch(Pending<MatchedBatch>, Vec<Gap>),
    /// The times of hosts, when all before has been handed on.
    Passed(Vec<(u32, Timestamp)>),
}

/// What an earlier run left, as far as it fits; what is to be said of it is in the report.
fn take_up(
    engine: &Engine,
    file: Option<&StateFile>,
    settings: Settings,
    delivery: &mut Delivery<'_>,
) -> State {
    let (plan, outline) = (&engine.correlations, Arc::clone(&engine.outline));
    let note = match file.map(|file| saved::load(&file.path)) {
        None => None,
        Some(Found::Nothing) => Some(StateNote::default()),
        Some(Found::State(found)) => {
            let SavedState { correlations, hosts } = *found;
            let (correlating, Restored { groups, left_out }) =
                Correlating::restore(plan, delivery.memory.correlations(), correlations);
            let note = StateNote { groups, hosts: hosts.hosts(), left_out, problem: None };
            (delivery.correlating, delivery.report.state) = (correlating, Some(note));
            return State::restore(settings, outline, hosts);
        }
        Some(Found::Problem(problem)) => {
            Some(StateNote { problem: Some(problem.to_string()), ..StateNote::default() })
        }
    };
    delivery.report.state = note;
    State::new(settings, outline)
}

impl<'a> Ordered<'a> {
    /// Begins with what an earlier run left in `file`. `live`: where the engine of `workers` came from, if it may
    /// change.
    pub(crate) fn new(
        workers: &Workers,
        live: Option<&'a LiveEngine>,
        settings: Settings,
        file: Option<&StateFile>,
        mut delivery: Delivery<'a>,
    ) -> Self {
        let engine = workers.engine().clone();
        let settings =
            Settings { batch: settings.batch.max(1), batch_bytes: BATCH_BYTES, ..settings };
        let state = take_up(&engine, file, settings, &mut delivery);
        let mut stage = Self {
            workers: workers.clone(),
            state,
            delivery,
            live,
            ordered: workers.batch(),
            batch: settings.batch,
            matching: VecDeque::new(),
            engine,
            saver: file.cloned().map(Saver::start),
        };
        stage.use_engine();
        let sets = stage.engine.vocabulary.sets().len();
        stage.report().sets.resize(sets, 0);
        stage
    }

    /// What the run came to so far.
    pub(crate) fn report(&mut self) -> &mut Report {
        &mut self.delivery.report
    }

    /// Something may have been lost before the next event, of which the time may be known.
    pub(crate) fn note_gap(&mut self, next: Option<Timestamp>) {
        let Delivery { correlating, report, .. } = &mut self.delivery;
        correlating.note_gap(&report.ledger, &self.ordered, next);
    }

    /// Hands an event to the memory of its host, from which those whose turn has come go to the end of the
    /// order.
    pub(crate) fn take(&mut self, event: &Event<'_>) {
        if self.ordered.is_empty() {
            self.follow();
        }
        let Delivery { correlating, report, .. } = &mut self.delivery;
        self.state.take(event, &mut self.ordered, &mut report.ledger);
        correlating.note_late(&report.ledger, &self.ordered);
    }

    /// Hands the ordered events on if they make a batch.
    pub(crate) fn hand_on_if_full(&mut self) -> Result<(), EngineError> {
        let full = self.ordered.len() >= self.batch || self.ordered.payload_bytes() >= BATCH_BYTES;
        if full { self.hand_on() } else { Ok(()) }
    }

    /// There are no more events: what waits leaves, and everything is delivered. `is_over`: so is the time of
    /// what was read, and what waits for time to pass is decided, unless that is kept for another run.
    pub(crate) fn end(&mut self, is_over: bool) -> Result<(), EngineError> {
        while self.leave() {
            self.hand_on()?;
            self.follow();
        }
        self.hand_on()?;
        self.take_all_matches()?;
        self.note_memory();
        if self.saver.is_some() {
            return self.save();
        }
        self.delivery.end(is_over)
    }

    /// Says how much is remembered when there are no more events.
    fn note_memory(&mut self) {
        let Delivery { correlating, memory, report, .. } = &mut self.delivery;
        let of_hosts = self.state.memory();
        let of_groups = (correlating.memory(), correlating.counts().evicted);
        report.memory = Memory::of(*memory, &of_hosts, &report.ledger, of_groups);
    }

    /// There are no more events. What is open stays so if time goes on in another run.
    fn leave(&mut self) -> bool {
        let (out, ledger) = (&mut self.ordered, &mut self.delivery.report.ledger);
        match self.saver {
            Some(_) => self.state.pause(out, ledger),
            None => self.state.finish(out, ledger),
        }
    }

    /// Saves state: what hosts are known for and what correlations have seen end with the same event.
    fn save(&mut self) -> Result<(), EngineError> {
        self.take_all_matches()?;
        if let Some(saver) = &mut self.saver {
            let Delivery { correlating, report, .. } = &mut self.delivery;
            let (correlations, hosts) = (correlating.save(), self.state.save());
            report.note_saving(saver.save(&SavedState { correlations, hosts }));
        }
        Ok(())
    }

    /// Has all sinks deliver what they hold, and gives the report.
    pub(crate) fn finish(self) -> Result<Report, EngineError> {
        self.delivery.finish(&self.engine)
    }

    /// A batch begins: it is matched by the engine that is in force now.
    fn follow(&mut self) {
        let Some(engine) = self.live.map(LiveEngine::current) else { return };
        if Arc::ptr_eq(&engine.rules, &self.engine.rules) {
            return;
        }
        self.workers.change_to(engine.clone());
        self.ordered = self.workers.batch();
        self.engine = engine;
        self.use_engine();
    }

    fn use_engine(&mut self) {
        let rules = &mut self.delivery.report.rules;
        rules.loaded = self.engine.rules.rules().len();
        rules.correlations = self.engine.correlations.correlations().len();
        self.state.tell(self.engine.wanted());
        self.state.derive(self.engine.derivation());
    }

    /// Hands the ordered events to matching; waits if enough is being matched.
    fn hand_on(&mut self) -> Result<(), EngineError> {
        if self.ordered.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.ordered, self.workers.batch());
        self.count(&batch);
        let gaps = self.delivery.correlating.take_gaps();
        let batch = self.workers.match_batch(batch, &self.delivery.context);
        self.matching.push_back(Matching::Batch(batch, gaps));
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
        let report = &mut self.delivery.report;
        for event in batch.iter() {
            *report.shapes.entry(event.origin().shape).or_default() += 1;
            if let Some(place) = report.sets.get_mut(event.source_set().index()) {
                *place += 1;
            }
        }
    }

    /// Delivers what is next; waits for it.
    fn take_matches(&mut self) -> Result<(), EngineError> {
        match self.matching.pop_front() {
            Some(Matching::Batch(pending, gaps)) => self.deliver(pending.wait()?, &gaps),
            Some(Matching::Passed(watermarks)) => self.delivery.pass(&watermarks),
            None => Ok(()),
        }
    }

    fn deliver(&mut self, batch: MatchedBatch, gaps: &[Gap]) -> Result<(), EngineError> {
        let batch = self.delivery.take(batch, gaps)?;
        self.workers.give_back(batch.events);
        self.workers.give_back_alerts(batch.alerts);
        Ok(())
    }
}

/// While events come as they happen.
impl Ordered<'_> {
    /// A clock that never goes back shows this: events that are taken from now on come at that time.
    pub(crate) fn set_clock(&mut self, clock: Duration) {
        self.state.set_clock(clock);
    }

    /// Time has passed, by the clock: what had to wait for that is decided, and what makes no full batch is
    /// handed on.
    pub(crate) fn pass(&mut self) -> Result<(), EngineError> {
        loop {
            if self.ordered.is_empty() {
                self.follow();
            }
            let more = self.state.pass(&mut self.ordered, &mut self.delivery.report.ledger);
            self.hand_on()?;
            if !more {
                break;
            }
        }
        if self.delivery.correlating.has_deadlines() {
            self.matching.push_back(Matching::Passed(self.state.watermarks().collect()));
        }
        Ok(())
    }

    /// Delivers what is done, in order, without waiting.
    pub(crate) fn take_done(&mut self) -> Result<(), EngineError> {
        loop {
            match self.matching.front() {
                Some(Matching::Batch(pending, _)) => {
                    let Some(batch) = pending.try_take()? else { return Ok(()) };
                    let Some(Matching::Batch(_, gaps)) = self.matching.pop_front() else {
                        return Ok(());
                    };
                    self.deliver(batch, &gaps)?;
                }
                Some(Matching::Passed(_)) => self.take_matches()?,
                None => return Ok(()),
            }
        }
    }

    /// Whether something waits for time to pass, or for workers.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.matching.is_empty() || !self.ordered.is_empty() || self.state.is_waiting()
    }
}
