//! What Windows says that it lost, and a second witness.
//!
//! A session tells three sums when it is asked: events for which no buffer was free, buffers of its log, buffers of
//! its real-time consumer. They have 32 bits and wrap; and a session of the same name may be another one, which begins at
//! 0 again. [`SessionLoss`] makes of successive readings what was lost in between.
//!
//! Windows can lose events without counting them. But it numbers processes from boot on, so a gap in the numbers of
//! starts ([`SequenceGaps`]) is a start that was not seen. Starts on several processors arrive in nearly
//! their order; a number counts as missing only when [`GRACE`] later ones have come.

use std::collections::BTreeSet;

/// The sums of a session (`EVENT_TRACE_PROPERTIES`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossReading {
    /// `EventsLost`.
    pub events_lost: u32,
    /// `LogBuffersLost`.
    pub log_buffers_lost: u32,
    /// `RealTimeBuffersLost`.
    pub real_time_buffers_lost: u32,
}

/// What was lost between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Events.
    pub events: u64,
    /// Buffers, with an unknown number of events in each.
    pub buffers: u64,
}

/// The loss of the session of one name, over all sessions that had it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionLoss {
    /// Which session it was, and what it said.
    last: Option<(u64, LossReading)>,
}

impl SessionLoss {
    /// What was lost since the last reading; at the first one, all that the session has lost.
    ///
    /// `session`: something that a session of the same name does not share, such as its handle or the time of its
    /// start. Without it, give the same number always: a sum that fell by less than half of its range
    /// is then taken for one of a new session, a larger fall for a sum that wrapped.
    pub fn read(&mut self, session: u64, now: LossReading) -> Lost {
        let before = match self.last {
            Some((same, before)) if same == session => before,
            _ => LossReading::default(),
        };
        self.last = Some((session, now));
        let log = since(before.log_buffers_lost, now.log_buffers_lost);
        let real_time = since(before.real_time_buffers_lost, now.real_time_buffers_lost);
        Lost { events: since(before.events_lost, now.events_lost), buffers: log + real_time }
    }
}

/// How far a sum went on that has 32 bits.
pub(crate) fn since(before: u32, now: u32) -> u64 {
    let forward = now.wrapping_sub(before);
    if now >= before || forward <= u32::MAX / 2 { forward.into() } else { now.into() }
}

/// Numbers that are looked back at.
pub const GRACE: u64 = 256;

/// Gaps in the numbers of processes that start.
#[derive(Clone, Debug, Default)]
pub struct SequenceGaps {
    /// The time of boot, and the number after the largest.
    next: Option<(u64, u64)>,
    /// Numbers less than [`GRACE`] back that did not come.
    awaited: BTreeSet<u64>,
    missing: u64,
    /// How many of them were told.
    told: u64,
}

impl SequenceGaps {
    /// Takes the number of a process that started, and the time of the boot that it counts from.
    pub fn saw(&mut self, boot: u64, number: u64) {
        let next = match self.next {
            Some((same, next)) if same == boot => next,
            _ => {
                self.settle();
                number
            }
        };
        if number < next {
            self.awaited.remove(&number);
            return;
        }
        let after = number.saturating_add(1);
        let horizon = number.saturating_sub(GRACE - 1);
        // Of a large gap, what lies behind the horizon is not awaited.
        let beyond = horizon.min(number).saturating_sub(next);
        self.missing = self.missing.saturating_add(beyond);
        self.awaited.extend(next.max(horizon)..number);
        self.next = Some((boot, after));
        while self.awaited.first().is_some_and(|first| *first < horizon) {
            self.awaited.pop_first();
            self.missing = self.missing.saturating_add(1);
        }
    }
    /// Nothing more is awaited of this boot.
    pub fn settle(&mut self) {
        self.missing = self.missing.saturating_add(self.awaited.len() as u64);
        self.awaited.clear();
        self.next = None;
    }
    /// How many starts were not seen that were not told yet; tells them.
    pub(super) fn take_news(&mut self) -> u64 {
        let news = self.missing - self.told;
        self.told = self.missing;
        news
    }
    /// Whether there are any.
    pub(super) fn has_news(&self) -> bool {
        self.missing > self.told
    }
    /// How many starts were not seen so far.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(
        events_lost: u32,
        log_buffers_lost: u32,
        real_time_buffers_lost: u32,
    ) -> LossReading {
        LossReading { events_lost, log_buffers_lost, real_time_buffers_lost }
    }

    #[test]
    fn sums_become_differences_whether_they_wrap_or_begin_anew() {
        let mut loss = SessionLoss::default();
        for (session, now, events, buffers) in [
            (1, reading(5, 1, 2), 5, 3),
            (1, reading(5, 1, 2), 0, 0),
            (1, reading(9, 1, 3), 4, 1),
            // Nobody said so, but it is another one.
            (1, reading(2, 0, 0), 2, 0),
            // The same sums, but it is another one.
            (2, reading(2, 4, 0), 2, 4),
            (2, reading(u32::MAX - 1, 4, 0), u64::from(u32::MAX) - 3, 0),
            (2, reading(3, 4, 0), 5, 0),
        ] {
            assert_eq!(loss.read(session, now), Lost { events, buffers }, "{now:?}");
        }
    }

    #[test]
    fn a_number_is_missing_once_enough_later_ones_have_come() {
        let mut gaps = SequenceGaps::default();
        for number in [100, 101, 104, 102] {
            gaps.saw(7, number);
        }
        assert_eq!(gaps.missing(), 0);
        (105..104 + GRACE).for_each(|number| gaps.saw(7, number));
        assert_eq!(gaps.missing(), 1, "103 never came");
        gaps.saw(7, 103);
        gaps.saw(7, 1_000_000);
        let awaited = u64::try_from(gaps.awaited.len()).unwrap();
        assert_eq!((gaps.missing() + awaited, awaited), (1 + 1_000_000 - 360, GRACE - 1));
        // The next boot begins anew; nothing is known of what was before its first number.
        gaps.saw(8, 50);
        assert_eq!(gaps.missing(), 1 + 1_000_000 - 360);
        gaps.saw(8, u64::MAX);
        assert_eq!(gaps.awaited.len() as u64, GRACE - 1);
    }

    proptest::proptest! {
        /// However starts are mixed up within the grace: exactly those that never came are missing.
        #[test]
        fn what_never_came_is_missing(
            lost in proptest::collection::btree_set(1_u64..2_000, 0..200),
            moved in proptest::collection::vec(0_u64..100, 2_000),
        ) {
            let mut order: Vec<_> = (0_u64..2_000).filter(|number| !lost.contains(number)).collect();
            // The first one stays the first: what comes before it was before the session.
            let moved = |number: &u64| moved[usize::try_from(*number).unwrap()];
            order.sort_by_key(|number| if *number == 0 { 0 } else { number + moved(number) });
            let mut gaps = SequenceGaps::default();
            order.iter().for_each(|number| gaps.saw(1, *number));
            gaps.settle();
            let last = order.iter().max().unwrap();
            proptest::prop_assert_eq!(gaps.missing(), lost.iter().filter(|number| *number < last).count() as u64);
        }
    }
}
