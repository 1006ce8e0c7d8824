//! Where wall-clock time comes from.
//!
//! Engine time is event time; the clock of the machine is asked only for time-outs, progress, the time a run
//! took and what a run tells of itself, and always through this trait, so that a test can stand still.

use std::time::{Duration, SystemTime};

use crate::time::Timestamp;

/// Monotonic time since some fixed start.
pub trait Clock: Send + Sync {
    /// Time since the clock's own start; never goes backwards.
    fn elapsed(&self) -> Duration;
    /// What the machine takes the time to be, which may be set forth and back; unknown if this clock can't
    /// tell.
    fn now(&self) -> Timestamp {
        Timestamp::UNKNOWN
    }
}

/// The machine's monotonic clock, counted from when this was made.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock(std::time::Instant);

impl SystemClock {
    /// Starts counting now.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    #[must_use]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let millis = since_1970.map_or(0, |since| since.as_millis());
        i64::try_from(millis).ok().and_then(Timestamp::from_unix_millis).unwrap_or_default()
    }
}
