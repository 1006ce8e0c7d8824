//! From ticks of a log's clock to time.
//!
//! A log says when it began, twice: as a time, and as the ticks of its first record. All others follow
//! from the ticks since then. The product of ticks and 10,000,000 does not fit 64 bits for long, and
//! records may be older than the log (rundown, hostile bytes), so the arithmetic has 128 bits, and what no
//! [`Timestamp`] can hold becomes the nearest that it can.

use etwatch_event::Timestamp;
use etwatch_event::time::TICKS_PER_SECOND;

/// What the ticks of a log are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClockKind {
    /// The performance counter.
    #[default]
    PerformanceCounter,
    /// The system time: 100 ns since 1601 UTC.
    SystemTime,
    /// Cycles of the processor.
    Cycles,
}

/// The clock of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceClock {
    /// What its ticks are.
    pub kind: ClockKind,
    /// When the log began.
    pub start: Timestamp,
    /// The ticks at that time.
    pub start_ticks: u64,
    /// Ticks in a second; 0 if the log does not say.
    pub ticks_per_second: u64,
}

impl TraceClock {
    /// The time of a record with these ticks, rounded down to 100 ns. Without a frequency all happens
    /// when the log began, which is the only time known.
    ///
    /// # Source
    /// `TRACE_LOGFILE_HEADER` (`StartTime`, `PerfFreq`, `CpuSpeedInMHz`) and the clock types of
    /// `WNODE_HEADER`.
    ///
    /// ```
    /// use etwatch_capture::etl::{ClockKind, TraceClock};
    /// use etwatch_event::Timestamp;
    /// let (kind, start) = (ClockKind::PerformanceCounter, Timestamp::UNIX_EPOCH);
    /// let clock = TraceClock { kind, start, start_ticks: 500, ticks_per_second: 1_000 };
    /// assert_eq!(Some(clock.time(1_500)), Timestamp::from_unix_millis(1_000));
    /// ```
    #[must_use]
    pub fn time(&self, ticks: u64) -> Timestamp {
        if self.kind == ClockKind::SystemTime {
            return Timestamp::from_filetime(ticks);
        }
        if self.ticks_per_second == 0 {
            return self.start;
        }
        match ticks.checked_sub(self.start_ticks) {
            Some(since) if self.ticks_per_second <= NARROW => self.near(since),
            _ => self.anywhere(ticks),
        }
    }

    /// The common case in 64 bits: a division of 128 bits takes as long as reading a record.
    fn near(&self, since: u64) -> Timestamp {
        let (seconds, rest) = (since / self.ticks_per_second, since % self.ticks_per_second);
        let rest = rest * TICKS_PER_SECOND / self.ticks_per_second;
        let since = seconds.saturating_mul(TICKS_PER_SECOND).saturating_add(rest);
        Timestamp::from_filetime(self.start.filetime().saturating_add(since))
    }

    fn anywhere(&self, ticks: u64) -> Timestamp {
        let since = i128::from(ticks) - i128::from(self.start_ticks);
        let since = since * i128::from(TICKS_PER_SECOND);
        let since = since.div_euclid(i128::from(self.ticks_per_second));
        let time = i128::from(self.start.filetime()) + since;
        let nearest = time.clamp(0, i128::from(u64::MAX));
        Timestamp::from_filetime(u64::try_from(nearest).unwrap_or(u64::MAX))
    }
}

/// The highest frequency at which the ticks of a second times 10,000,000 fit 64 bits.
const NARROW: u64 = u64::MAX / TICKS_PER_SECOND;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clock(start: u64, start_ticks: u64, ticks_per_second: u64) -> TraceClock {
        let (kind, start) = (ClockKind::PerformanceCounter, Timestamp::from_filetime(start));
        TraceClock { kind, start, start_ticks, ticks_per_second }
    }

    #[test]
    fn times_that_do_not_fit_become_the_nearest() {
        assert_eq!(clock(5, 100, TICKS_PER_SECOND).time(0).filetime(), 0);
        assert_eq!(clock(u64::MAX - 5, 0, TICKS_PER_SECOND).time(10).filetime(), u64::MAX);
        assert_eq!(clock(7, 0, 1).time(u64::MAX).filetime(), u64::MAX);
        assert_eq!(clock(7, 3, 0).time(9).filetime(), 7);
        // Rounded down on both sides of the start.
        assert_eq!(clock(1_000, 10, 30_000_000).time(11).filetime(), 1_000);
        assert_eq!(clock(1_000, 10, 30_000_000).time(9).filetime(), 999);
    }

    #[test]
    fn system_time_is_taken_as_it_is() {
        let clock = TraceClock { kind: ClockKind::SystemTime, ..clock(5, 100, TICKS_PER_SECOND) };
        assert_eq!(clock.time(3).filetime(), 3);
    }

    proptest! {
        #[test]
        fn the_short_way_gives_the_same(start: u64, since: u64, per_second in 1..=NARROW) {
            let clock = clock(start, 0, per_second);
            prop_assert_eq!(clock.near(since), clock.anywhere(since));
        }
        #[test]
        fn later_ticks_are_no_earlier(start: u64, at: u64, a: u64, b: u64, per_second: u64) {
            let clock = clock(start, at, per_second);
            prop_assert!(clock.time(a.min(b)) <= clock.time(a.max(b)));
        }
    }
}
