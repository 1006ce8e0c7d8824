//! `event_count` with a lower bound: the times of the last contributions, as many as are needed.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::step::{Recent, Step};
use crate::bytes::of_block;

/// Times of the last contributions; no more than the condition needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CountWindow {
    times: VecDeque<u64>,
    pub(crate) recent: Recent,
}

impl CountWindow {
    pub(crate) fn expire(&mut self, from: u64) {
        while self.times.front().is_some_and(|time| *time < from) {
            self.times.pop_front();
        }
        self.recent.expire(from);
    }
    /// `needed` is how many the condition needs.
    pub(crate) fn add(&mut self, step: Step, needed: usize) {
        while self.times.len() >= needed.max(1) {
            self.times.pop_front();
        }
        // One that happened before those that came before it (the alert of a window that closed) takes
        // its place among them.
        let place = self.times.partition_point(|time| *time <= step.time);
        self.times.insert(place, step.time);
        self.recent.add(step);
    }
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }
    pub(crate) fn first(&self) -> Option<u64> {
        self.times.front().copied()
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        of_block(self.times.capacity() * size_of::<u64>()) + self.recent.heap_bytes()
    }
}
