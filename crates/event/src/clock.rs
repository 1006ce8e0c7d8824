//! Where wall-clock time comes from.
//!
//! Engine time is event time; the clock of the machine is asked only for time-outs, progress and
//! the time a run took, and always through this trait, so that a test can stand still.

use std::time::Duration;

/// Monotonic time since some fixed start.
pub trait Clock: Send + Sync {
    /// Time since the clock's own start; never goes backwards.
    fn elapsed(&self) -> Duration;
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
}
