//! Time that passes on a host of which nothing comes.
//!
//! Engine time is event time, so on an idle host it stands still: what waits for its turn would wait for the
//! next event, and an hour would not end. While events are read as they happen, a clock helps: the time of a
//! host is that of its latest event and what has passed since it came.
//!
//! ```text
//! event of 9:00:00.0 comes   clock 17.0 s
//! nothing comes              clock 22.0 s   the host's time is 9:00:05.0
//! ```
//!
//! Nothing depends on how the clock of the host and that of this machine stand to each other, and an event that
//! took long to come only makes the host's time too early, so nothing that is on its way becomes late.
//!
//! What may still wait for its turn is younger than the longest wait; so all that is older than the host's time
//! less that wait has left, and what comes later than that is late.

use std::time::Duration;

use etwatch_event::{EventBatch, Ledger, Timestamp};

use crate::derived::Derivation;
use crate::fields::Outline;
use crate::host::Host;

/// When the latest event happened, and what the clock showed when it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    time: Timestamp,
    came: Duration,
}

impl Seen {
    /// An event comes.
    pub(crate) fn see(&mut self, time: Timestamp, clock: Duration) {
        if time > self.time {
            *self = Self { time, came: clock };
        }
    }
    /// What time it is; unknown if nothing came yet.
    pub(crate) fn now(&self, clock: Duration) -> Timestamp {
        if !self.time.is_known() {
            return Timestamp::UNKNOWN;
        }
        let passed = clock.saturating_sub(self.came).as_nanos() / 100;
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        Timestamp::from_filetime(self.time.filetime().saturating_add(passed))
    }
}

impl Host {
    /// The clock shows a time; `wait` is how long an event may wait for its turn, in units of 100 ns. All whose
    /// turn has come have left.
    pub(crate) fn pass(
        &mut self,
        clock: Duration,
        wait: u64,
        derivation: &Derivation,
        outline: &Outline,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) {
        let now = self.latest.now(clock);
        let watermark = Timestamp::from_filetime(now.filetime().saturating_sub(wait));
        if watermark <= self.released {
            return;
        }
        self.released = watermark;
        let is_due = |derived: &crate::derived::Derived| derived.is_due(watermark);
        if self.derived.as_deref().is_some_and(is_due) {
            self.derive(false, derivation, outline, out, ledger);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use etwatch_event::{FieldId, LayoutId, LogSourceSetId, Value, Vocabulary};

    use super::*;
    use crate::fields::Outline;
    use crate::state::{Settings, State};

    const SECOND: u64 = 10_000_000;

    /// A state that holds events back for a second, and what left it.
    struct Scene {
        state: State,
        vocabulary: Arc<Vocabulary>,
        out: EventBatch,
        ledger: Ledger,
    }

    impl Scene {
        fn new() -> Self {
            let mut vocabulary = Vocabulary::default();
            let outline = Arc::new(Outline::new(&mut vocabulary));
            let vocabulary = Arc::new(vocabulary);
            let settings = Settings { hold: SECOND, json_hold: 0, batch: 2, ..Settings::default() };
            let out = EventBatch::new(Arc::clone(&vocabulary));
            Self {
                state: State::new(settings, outline),
                vocabulary,
                out,
                ledger: Ledger::default(),
            }
        }
        /// An event of a host at a second.
        fn take(&mut self, host: &str, second: u64) {
            let mut batch = EventBatch::new(Arc::clone(&self.vocabulary));
            let mut event = batch.begin(LayoutId::HEADER, LogSourceSetId::NONE);
            event.push(FieldId::COMPUTER, Value::Text(host));
            event.set_time(Timestamp::from_filetime(second * SECOND));
            event.finish();
            self.state.take(&batch.get(0).unwrap(), &mut self.out, &mut self.ledger);
        }
        /// The seconds of the events that leave when a clock shows a number of milliseconds.
        fn pass(&mut self, millis: u64) -> (Vec<u64>, bool) {
            self.state.set_clock(Duration::from_millis(millis));
            let more = self.state.pass(&mut self.out, &mut self.ledger);
            let left = self.out.iter().map(|event| event.time().filetime() / SECOND).collect();
            self.out.clear();
            (left, more)
        }
        fn watermark(&self, number: u32) -> u64 {
            let found = self.state.watermarks().find(|(host, _)| *host == number);
            found.map_or(0, |(_, time)| time.filetime() / SECOND)
        }
    }

    #[test]
    fn what_is_held_back_leaves_when_its_time_has_passed_though_nothing_comes() {
        let mut scene = Scene::new();
        scene.pass(7_000);
        scene.take("a", 100);
        assert_eq!(scene.pass(7_999), (vec![], false));
        assert_eq!(scene.pass(8_000), (vec![100], false));
        // What comes within the hold takes its place, what comes later is late.
        scene.pass(20_000);
        scene.take("a", 113);
        assert_eq!((scene.watermark(1), scene.ledger.late), (112, 0));
        scene.take("a", 111);
        assert_eq!(scene.ledger.late, 1);
    }

    #[test]
    fn no_more_leave_at_once_than_make_a_batch_and_the_watermark_waits_for_them() {
        let mut scene = Scene::new();
        for _ in 0..5 {
            scene.take("a", 100);
        }
        assert_eq!(scene.pass(9_000), (vec![100, 100], true));
        assert_eq!((scene.pass(9_001), scene.watermark(1)), ((vec![100, 100], true), 100));
        assert_eq!(scene.pass(9_002), (vec![100], false));
        assert_eq!(scene.watermark(1), 108);
    }

    #[test]
    fn each_host_has_a_time_of_its_own() {
        let mut scene = Scene::new();
        scene.take("a", 100);
        scene.take("b", 5_000);
        scene.pass(60_000);
        scene.pass(60_000);
        assert_eq!([scene.watermark(1), scene.watermark(2)], [159, 5_059]);
        assert_eq!(scene.ledger.evaluated, 2);
    }

    #[test]
    fn of_a_host_that_told_no_time_none_passes() {
        assert_eq!(Seen::default().now(Duration::from_secs(9)), Timestamp::UNKNOWN);
        let mut seen = Seen::default();
        seen.see(Timestamp::from_filetime(u64::MAX - 1), Duration::ZERO);
        assert_eq!(seen.now(Duration::MAX).filetime(), u64::MAX);
    }
}
