//! How a run is run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etwatch_event::clock::{Clock, SystemClock};

use crate::memory::MemoryLimit;
use crate::options::{Options, StateFile};
use crate::run::files::FileLookUps;

/// How a run is run.
#[derive(Clone)]
pub struct LiveOptions {
    /// Worker threads to start; 0 is one for each processor.
    pub workers: usize,
    /// Events in a batch that is matched at once.
    pub batch: usize,
    /// Whether events of event logs get what their host knows, see [`etwatch_state::Settings::enrich`].
    pub enrich: bool,
    /// Where windows are taken up from, and kept for the next run.
    pub state: Option<StateFile>,
    /// How much may be remembered.
    pub memory: MemoryLimit,
    /// How long an event is held back, in time of events, so that older ones can overtake it: the longest flush
    /// time of a session and a margin.
    pub hold: Duration,
    /// How fast the time of events passes by the clock: 1 for what happens now, 0 if a clock says nothing of it,
    /// as for recordings that are read as fast as may be.
    pub pace: f64,
    /// How often the run tells that it is alive; `None` for never.
    pub heartbeat: Option<Duration>,
    /// For how long nothing more is told of a loss after it was told, by its reason; `None` if losses are told
    /// by the report alone.
    pub gap: Option<Duration>,
    /// What this machine is called in what the run tells of itself.
    pub host: Option<String>,
    /// Who asks the host about the files of its events; `None` if nobody does.
    pub files: Option<Arc<FileLookUps>>,
    /// The clock of the machine.
    pub clock: Arc<dyn Clock>,
}

impl LiveOptions {
    /// Longest flush time of a session (1 s) and a margin.
    pub const HOLD: Duration = Duration::from_millis(1_500);
    /// Silence for longer than this means that something is wrong.
    pub const HEARTBEAT: Duration = Duration::from_secs(300);
    /// At most one gap a minute for each reason.
    pub const GAP: Duration = Duration::from_secs(60);
}

impl Default for LiveOptions {
    fn default() -> Self {
        let Options { workers, batch, enrich, .. } = Options::default();
        Self {
            workers,
            batch,
            enrich,
            state: None,
            memory: MemoryLimit::default(),
            hold: Self::HOLD,
            pace: 1.0,
            heartbeat: Some(Self::HEARTBEAT),
            gap: Some(Self::GAP),
            host: None,
            files: None,
            clock: Arc::new(SystemClock::start()),
        }
    }
}

impl fmt::Debug for LiveOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveOptions")
            .field("workers", &self.workers)
            .field("hold", &self.hold)
            .field("pace", &self.pace)
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}
