//! `event_count` with a lower bound: the last contributions, and of those before them the times that are needed.
//!
//! What an alert shows is kept in full. Few conditions need more contributions than that; those need no more than the
//! times of the others. So what most groups remember is one list.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::step::{Recent, Step};
use crate::bytes::of_block;

/// Contributions in the order of their times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SavedCount", into = "SavedCount")]
pub(crate) struct CountWindow {
    pub(crate) recent: Recent,
    /// Times before those of `recent`; no more than the condition needs.
    #[expect(clippy::box_collection, reason = "few have some; each group is 24 bytes smaller")]
    earlier: Option<Box<VecDeque<u64>>>,
}

/// As it is saved: all times, and what is shown.
#[derive(Serialize, Deserialize)]
struct SavedCount {
    times: VecDeque<u64>,
    recent: Recent,
}

impl From<SavedCount> for CountWindow {
    fn from(SavedCount { mut times, recent }: SavedCount) -> Self {
        times.truncate(times.len().saturating_sub(recent.len()));
        Self { recent, earlier: (!times.is_empty()).then(|| Box::new(times)) }
    }
}

impl From<CountWindow> for SavedCount {
    fn from(window: CountWindow) -> Self {
        Self { times: window.times().collect(), recent: window.recent }
    }
}

impl CountWindow {
    pub(crate) fn expire(&mut self, from: u64) {
        if let Some(earlier) = &mut self.earlier {
            while earlier.front().is_some_and(|time| *time < from) {
                earlier.pop_front();
            }
        }
        self.recent.expire(from);
    }
    /// `needed` is how many the condition needs.
    pub(crate) fn add(&mut self, step: Step, needed: usize) {
        // One that happened before those that came before it (the alert of a window that closed) takes
        // its place among them.
        let passed = self.recent.insert(step);
        if let Some(time) = passed
            && needed > self.recent.len()
        {
            let earlier = self.earlier.get_or_insert_default();
            earlier.insert(earlier.partition_point(|own| *own <= time), time);
        }
        if let Some(earlier) = &mut self.earlier {
            while earlier.len() > needed.saturating_sub(self.recent.len()) {
                earlier.pop_front();
            }
        }
    }
    fn earlier(&self) -> usize {
        self.earlier.as_ref().map_or(0, |earlier| earlier.len())
    }
    /// How many it knows of: as many as the condition needs, or as are shown.
    pub(crate) fn len(&self) -> usize {
        self.earlier() + self.recent.len()
    }
    fn times(&self) -> impl Iterator<Item = u64> {
        let earlier = self.earlier.iter().flat_map(|earlier| earlier.iter().copied());
        earlier.chain(self.recent.steps().map(|step| step.time))
    }
    /// The time of the first of the last ones that the condition needs.
    pub(crate) fn first(&self, needed: usize) -> Option<u64> {
        self.times().nth(self.len().saturating_sub(needed.max(1)))
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let earlier = self.earlier.as_ref().map_or(0, |earlier| {
            of_block(size_of::<VecDeque<u64>>()) + of_block(earlier.capacity() * size_of::<u64>())
        });
        earlier + self.recent.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is shown of them, as many are known as a list of all says, also after they were saved.
        #[test]
        fn a_window_has_the_last_times(
            times in prop::collection::vec(0..9_u64, 1..200),
            needed in 1..60_usize,
            span in 1..100_u64,
            saved in 0..200_usize,
        ) {
            let (mut window, mut now) = (CountWindow::default(), 0);
            let mut all: Vec<u64> = Vec::new();
            for (arrival, later) in (0..).zip(&times) {
                // Now and then one that happened before.
                let time = if *later == 8 { now - now.min(span / 2) } else { now + later };
                now = now.max(time);
                window.expire(now.saturating_sub(span));
                all.retain(|own| *own >= now.saturating_sub(span));
                window.add(Step { time, arrival, evidence: Evidence::from("e") }, needed);
                all.insert(all.partition_point(|own| *own <= time), time);
                if arrival == saved as u64 {
                    let times: Vec<u64> = window.times().collect();
                    window = SavedCount::from(window).into();
                    prop_assert_eq!(window.times().collect::<Vec<_>>(), times);
                }
                let last = all.len().saturating_sub(needed);
                prop_assert_eq!(window.len().min(needed), all.len() - last);
                prop_assert_eq!(window.first(needed), all.get(last).copied());
            }
        }
    }
}
