//! One contribution as windows keep it, and the last few of them.

use std::collections::VecDeque;

use etwatch_event::Timestamp;
use serde::{Deserialize, Serialize};

use crate::bytes::of_block;
use crate::evidence::{Evidence, Templates};

/// Contributions that an alert shows; beyond, only the last ones are kept. A chain keeps all its steps.
pub const MOST_SHOWN: usize = 16;

/// A contribution: when, in which order, and what is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// 100 ns units since 1601.
    pub(crate) time: u64,
    /// What came later has a higher number.
    pub(crate) arrival: u64,
    /// One JSON object or several, with commas between them.
    pub(crate) evidence: Evidence,
}

impl Step {
    /// Whether this one comes before `other` in the order of time, then of coming.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        (self.time, self.arrival) < (other.time, other.arrival)
    }
    /// Shares its template.
    pub(crate) fn share(&mut self, templates: &mut Templates) {
        self.evidence.share(templates, Timestamp::from_filetime(self.time));
    }
    /// What is told of it.
    pub(crate) fn text(&self) -> String {
        self.evidence.text(Timestamp::from_filetime(self.time))
    }
}

/// The last contributions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent(VecDeque<Step>);

impl Recent {
    pub(crate) fn add(&mut self, step: Step) {
        if self.0.len() >= MOST_SHOWN {
            self.0.pop_front();
        }
        self.0.push_back(step);
    }
    /// Takes a step in its place in the order of time; returns the time of the one that is no longer kept.
    pub(crate) fn insert(&mut self, step: Step) -> Option<u64> {
        let place = self.0.partition_point(|own| own.time <= step.time);
        if self.0.len() < MOST_SHOWN {
            self.0.insert(place, step);
            return None;
        }
        let Some(before) = place.checked_sub(1) else { return Some(step.time) };
        let first = self.0.pop_front();
        self.0.insert(before, step);
        first.map(|first| first.time)
    }
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
    pub(crate) fn expire(&mut self, from: u64) {
        while self.0.front().is_some_and(|step| step.time < from) {
            self.0.pop_front();
        }
    }
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.0.iter()
    }
    pub(crate) fn steps_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        self.0.iter_mut()
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let told = self.0.iter().map(|step| step.evidence.heap_bytes()).sum::<usize>();
        of_block(self.0.capacity() * size_of::<Step>()) + told
    }
}
