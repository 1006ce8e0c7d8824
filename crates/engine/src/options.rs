//! How a replay is run, and who is told how it goes.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use etwatch_capture::Limits;
use etwatch_event::EventBatch;

use crate::memory::MemoryLimit;
use crate::report::Report;

/// What [`Options::held`] may grow to.
pub const HELD_LIMIT: usize = 256 << 20;

/// How a replay is run. Nothing but `enrich`, `state` and `memory` changes the alerts.
#[derive(Clone, Debug)]
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
    /// Whether events of recorded logs get what their host knows, see [`etwatch_state::Settings::enrich`].
    pub enrich: bool,
    /// Where windows are taken up from, and kept for the next run. Without it, those that wait for time to
    /// pass are decided when the input ends.
    pub state: Option<StateFile>,
    /// How much may be remembered. What has to be forgotten for want of room can change alerts.
    pub memory: MemoryLimit,
}

/// A file of state, see [`crate::saved`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    /// Where it is.
    pub path: PathBuf,
    /// How often it is written while the run goes on.
    pub interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 0,
            batch: 256,
            limits: Limits::default(),
            held: 2 << 20,
            enrich: true,
            state: None,
            memory: MemoryLimit::default(),
        }
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
    /// Called about once a second while events come as they happen, whether they come or not; `report` is what
    /// the run came to so far.
    fn second(&mut self, report: &Report, progress: Progress) {
        let _ = (report, progress);
    }
    /// Called with each batch of events in their order, before its alerts are delivered; `files` are the
    /// names of the inputs by their numbers. Breaking off ends the run with
    /// [`crate::EngineError::Stopped`].
    fn events(&mut self, events: &EventBatch, files: &[String]) -> ControlFlow<()> {
        let _ = (events, files);
        ControlFlow::Continue(())
    }
}

/// An observer that looks away.
impl Observer for () {
    fn progress(&mut self, _: Progress) {}
}
