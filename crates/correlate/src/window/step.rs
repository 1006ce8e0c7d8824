//! One contribution as windows keep it, and the last few of them.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

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
    pub(crate) evidence: Arc<str>,
}

impl Step {
    /// Whether this one comes before `other` in the order of time, then of coming.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        (self.time, self.arrival) < (other.time, other.arrival)
    }
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.evidence.len()
    }
}

/// The last contributions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recent(VecDeque<Step>);

impl Recent {
    pub(crate) fn add(&mut self, step: &Step) {
        if self.0.len() >= MOST_SHOWN {
            self.0.pop_front();
        }
        self.0.push_back(step.clone());
    }
    pub(crate) fn expire(&mut self, from: u64) {
        while self.0.front().is_some_and(|step| step.time < from) {
            self.0.pop_front();
        }
    }
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.0.iter()
    }
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(Step::bytes).sum()
    }
}
