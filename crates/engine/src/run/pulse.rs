//! What a run tells of itself: heartbeats, and what was lost.
//!
//! A loss is told when it is noticed, by its reason, with how many since it was told last; then nothing more is
//! told of that reason for a while, however much is lost. What is left is told when the run ends.

use std::collections::BTreeMap;
use std::time::Duration;

use etwatch_alert::telemetry::Gap;
use etwatch_event::Ledger;

/// What was told of a reason.
#[derive(Clone, Copy, Debug)]
struct Told {
    total: u64,
    at: Duration,
}

/// Knows what is due.
#[derive(Debug)]
pub(crate) struct Pulse {
    start: Duration,
    heartbeat: Option<Duration>,
    /// When the last heartbeat was due.
    beaten: Duration,
    gap: Option<Duration>,
    told: BTreeMap<String, Told>,
}

/// What is lost, each with its reason.
fn losses(ledger: &Ledger) -> impl Iterator<Item = (String, u64)> {
    let by_reason = [
        ("skipped", &ledger.skipped),
        ("undecodable", &ledger.undecodable),
        ("dropped", &ledger.dropped),
    ];
    let counted = by_reason.into_iter().flat_map(|(what, counts)| {
        counts.iter().map(move |(reason, count)| (format!("{what}: {reason}"), *count))
    });
    let beside = [
        ("events lost by Windows", ledger.events_lost),
        ("buffers lost by Windows", ledger.buffers_lost),
        ("events that came too late", ledger.late),
    ];
    let unseen = ledger.unseen.iter().map(|(what, count)| ((*what).to_owned(), *count));
    counted
        .chain(unseen)
        .chain(beside.into_iter().map(|(reason, count)| (reason.to_owned(), count)))
}

impl Pulse {
    /// The run begins now; the first heartbeat is due after its period.
    pub(crate) fn new(start: Duration, heartbeat: Option<Duration>, gap: Option<Duration>) -> Self {
        Self { start, heartbeat, beaten: start, gap, told: BTreeMap::new() }
    }

    /// The gaps that are to be told now; `all`: also those of which something was told just before.
    pub(crate) fn gaps(&mut self, clock: Duration, ledger: &Ledger, all: bool) -> Vec<Gap> {
        let Some(quiet) = self.gap else { return Vec::new() };
        let mut gaps = Vec::new();
        for (reason, total) in losses(ledger) {
            let before = self.told.get(&reason).copied();
            let count = total.saturating_sub(before.map_or(0, |told| told.total));
            let is_due = |told: Told| clock.saturating_sub(told.at) >= quiet;
            if count > 0 && (all || before.is_none_or(is_due)) {
                self.told.insert(reason.clone(), Told { total, at: clock });
                gaps.push(Gap { reason, count, total });
            }
        }
        gaps
    }

    /// Seconds since the run began and of a period, if a heartbeat is due.
    pub(crate) fn beat(&mut self, clock: Duration) -> Option<(u64, u64)> {
        let period = self.heartbeat?;
        if clock.saturating_sub(self.beaten) < period {
            return None;
        }
        self.beaten = clock;
        Some((clock.saturating_sub(self.start).as_secs(), period.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn told(gaps: Vec<Gap>) -> Vec<(String, u64, u64)> {
        gaps.into_iter().map(|gap| (gap.reason, gap.count, gap.total)).collect()
    }

    #[test]
    fn a_loss_is_told_at_once_then_once_a_minute_for_each_reason_and_at_the_end() {
        let mut pulse = Pulse::new(Duration::ZERO, None, Some(60 * SECOND));
        let mut ledger = Ledger { late: 1, ..Ledger::default() };
        let late = |count, total| ("events that came too late".to_owned(), count, total);
        assert_eq!(told(pulse.gaps(SECOND, &ledger, false)), [late(1, 1)]);
        ledger.late = 5;
        assert_eq!(told(pulse.gaps(60 * SECOND, &ledger, false)), []);
        // Another reason has a minute of its own.
        ledger.dropped.insert("queue full", 3);
        let dropped = ("dropped: queue full".to_owned(), 3, 3);
        assert_eq!(told(pulse.gaps(60 * SECOND, &ledger, false)), [dropped]);
        assert_eq!(told(pulse.gaps(61 * SECOND, &ledger, false)), [late(4, 5)]);
        ledger.late = 6;
        assert_eq!(told(pulse.gaps(62 * SECOND, &ledger, true)), [late(1, 6)]);
        assert_eq!(told(pulse.gaps(200 * SECOND, &ledger, true)), []);
    }

    #[test]
    fn a_heartbeat_is_due_after_each_period() {
        let mut pulse = Pulse::new(5 * SECOND, Some(10 * SECOND), None);
        let beats: Vec<_> = (5..40).filter_map(|at| pulse.beat(at * SECOND)).collect();
        assert_eq!(beats, [(10, 10), (20, 10), (30, 10)]);
        assert_eq!(Pulse::new(SECOND, None, None).beat(Duration::MAX), None);
        let ledger = Ledger { late: 1, ..Ledger::default() };
        assert_eq!(Pulse::new(SECOND, None, None).gaps(SECOND, &ledger, true), []);
    }
}
