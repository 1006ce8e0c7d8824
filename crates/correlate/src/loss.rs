//! What a host did not tell, and when.
//!
//! A correlation can only be as sure as its window is whole: lost, dropped, unreadable or late events may
//! have been part of it, or what would have spoken against it. So each loss is noted with its time, and an
//! alert whose window holds some says how many.

use std::collections::VecDeque;

use etwatch_event::Ledger;
use serde::{Deserialize, Serialize};

/// Losses of a host that are told apart; beyond, the two oldest become one.
const MOST_LOSSES: usize = 256;

/// How many events are not there where they should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Lost by Windows, or passed unseen: events, and buffers and the like with an unknown number of them.
    pub lost: u64,
    /// Lost to overload of this program.
    pub dropped: u64,
    /// Damaged or not decodable.
    pub unreadable: u64,
    /// Come too late to take part.
    pub late: u64,
}

impl Loss {
    /// What a run has lost so far.
    #[must_use]
    pub fn of(ledger: &Ledger) -> Self {
        let all = |counts: &std::collections::BTreeMap<_, u64>| counts.values().sum::<u64>();
        Self {
            lost: ledger.events_lost + ledger.buffers_lost + all(&ledger.unseen),
            dropped: all(&ledger.dropped),
            unreadable: all(&ledger.skipped) + all(&ledger.undecodable),
            late: ledger.late,
        }
    }
    /// What has come since it was `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            lost: self.lost.saturating_sub(before.lost),
            dropped: self.dropped.saturating_sub(before.dropped),
            unreadable: self.unreadable.saturating_sub(before.unreadable),
            late: self.late.saturating_sub(before.late),
        }
    }
    /// Whether nothing is lost.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
    fn add(&mut self, other: &Self) {
        self.lost = self.lost.saturating_add(other.lost);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.unreadable = self.unreadable.saturating_add(other.unreadable);
        self.late = self.late.saturating_add(other.late);
    }
}

/// The losses of one host, each with the time from which and up to which it may have been.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Losses(VecDeque<(u64, u64, Loss)>);

impl Losses {
    pub(crate) fn add(&mut self, from: u64, to: u64, loss: Loss) {
        if let Some((_, last, before)) = self.0.back_mut()
            && *last >= from
            && *last <= to
        {
            *last = to;
            before.add(&loss);
            return;
        }
        self.0.push_back((from, to, loss));
        if self.0.len() > MOST_LOSSES
            && let (Some(one), Some(mut other)) = (self.0.pop_front(), self.0.pop_front())
        {
            other.0 = one.0.min(other.0);
            other.1 = one.1.max(other.1);
            other.2.add(&one.2);
            self.0.push_front(other);
        }
    }
    /// What was lost between two times.
    pub(crate) fn between(&self, from: u64, to: u64) -> Loss {
        let mut all = Loss::default();
        let meets = |(first, last, _): &&(u64, u64, Loss)| *first <= to && *last >= from;
        self.0.iter().filter(meets).for_each(|(_, _, loss)| all.add(loss));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_that_become_one_are_still_all_told() {
        let mut losses = Losses::default();
        for time in 0..1_000 {
            losses.add(10 * time, 10 * time, Loss { late: 1, ..Loss::default() });
        }
        assert_eq!(losses.between(0, u64::MAX).late, 1_000);
        assert_eq!(losses.between(9_950, 9_970).late, 3);
        assert!(losses.0.len() <= MOST_LOSSES);
        assert!(losses.between(10_000, u64::MAX).is_none());
    }
}
