//! The wiring of a replay: which input has its turn, and nothing else.
//!
//! The calling thread merges, hands on and delivers; all that takes long is done by workers: they open
//! inputs and decode pieces, match batches and write alerts. At any time a bounded number of pieces is
//! being decoded, so memory does not grow with the input. What becomes of an event once it has its place
//! in the order is the business of `ordered`.

use std::collections::VecDeque;

use etwatch_alert::Sink;
use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Source, SourceError, open};
use etwatch_event::Timestamp;
use etwatch_state::{Heads, Settings};
use rayon::prelude::*;

use crate::delivery::Delivery;
use crate::engine::{Engine, EngineError};
use crate::input::Input;
use crate::live::LiveEngine;
use crate::options::{HELD_LIMIT, Observer, Options};
use crate::ordered::Ordered;
use crate::report::Report;
use crate::resting::Resting;
use crate::work::Workers;

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
    let files = locations.iter().map(Location::name).collect();
    let delivery = Delivery::new(workers.engine(), options.memory, files, sinks, observer);
    let settings = Settings {
        enrich: options.enrich,
        batch: options.batch,
        memory: options.memory.of_hosts(),
        ..Settings::default()
    };
    let mut run = Run {
        ordered: Ordered::new(workers, live, settings, options.state.as_ref(), delivery),
        options,
        inputs: Vec::new(),
        unopened: VecDeque::new(),
        opened_ahead: 0,
        open: 0,
        resting: Resting::default(),
        closed_bytes: 0,
        decoded_again: 0,
    };
    let heads = run.look_at(locations);
    run.merge(heads)?;
    run.finish()
}

/// The inputs of a replay and their turns.
struct Run<'a> {
    ordered: Ordered<'a>,
    options: Options,
    inputs: Vec<Input>,
    /// Inputs that are not even being opened ahead, in the order of their turns.
    unopened: VecDeque<u32>,
    /// How many are being opened, or open, ahead of their turn.
    opened_ahead: usize,
    /// Inputs that are open now.
    open: usize,
    resting: Resting,
    closed_bytes: u64,
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
        let looks: Vec<FirstLook> = self.ordered.workers.pool().install(|| {
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
        self.ordered.end(true)
    }

    /// An input waits for its next turn; those that wait longest may have to park.
    fn rest(&mut self, time: Timestamp, number: u32) {
        let again = self.decoded_again;
        if again > self.ordered.report().ledger.evaluated.max(1 << 13)
            && self.options.held < HELD_LIMIT
        {
            self.options.held *= 2;
            self.decoded_again = 0;
        }
        let Some(input) = self.inputs.get_mut(number as usize) else { return };
        if let Some(bytes) = input.rest(&self.ordered.workers) {
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
            input.begin(&self.ordered.workers, self.options.limits)?;
            if let Some(host) = input.host() {
                self.ordered.state.name_input(number, &host);
            }
        }
        self.open += 1;
        self.opened_ahead = self.opened_ahead.saturating_sub(1);
        self.open_ahead();
        Ok(())
    }

    /// Has the next inputs opened, so that workers have something to do while this one has its turn.
    fn open_ahead(&mut self) {
        while self.opened_ahead < 2 * self.ordered.workers.count() + 1
            && let Some(number) = self.unopened.pop_front()
        {
            if let Some(input) = self.inputs.get_mut(number as usize) {
                input.open_ahead(&self.ordered.workers, self.options.limits);
                self.opened_ahead += 1;
            }
        }
    }

    fn advance(&mut self, number: u32) -> Result<Option<Timestamp>, EngineError> {
        let Ordered { workers, delivery, .. } = &mut self.ordered;
        // Many inputs open at once share what may be in flight.
        let ahead = (2 * workers.count() + 1) / self.open.max(1);
        let Some(input) = self.inputs.get_mut(number as usize) else { return Ok(None) };
        let time = input.advance(workers, ahead, &mut delivery.report.ledger)?;
        self.ordered.note_gap(time);
        self.decoded_again += std::mem::take(&mut input.decoded_again);
        if time.is_none() {
            self.open = self.open.saturating_sub(1);
            self.closed_bytes += input.position;
            self.ordered.report().inputs.0 += usize::from(input.error.is_none());
        }
        Ok(time)
    }

    /// Hands the next event of an input on.
    fn take_event(&mut self, number: u32) -> Result<(), EngineError> {
        let Some(input) = self.inputs.get_mut(number as usize) else { return Ok(()) };
        if let Some((events, row)) = input.next()
            && let Some(event) = events.get(row)
        {
            self.ordered.take(&event);
            self.ordered.delivery.progress.bytes = self.closed_bytes + input.position;
        }
        input.step();
        self.ordered.hand_on_if_full()
    }

    fn finish(self) -> Result<Report, EngineError> {
        let mut report = self.ordered.finish()?;
        report.inputs.1 = self.inputs.len();
        for input in self.inputs {
            let damage = input.damage.into_iter().map(|damage| (input.location.name(), damage));
            report.damage.extend(damage);
            report.unreadable.extend(input.error.map(|error| error.to_string()));
        }
        Ok(report)
    }
}
