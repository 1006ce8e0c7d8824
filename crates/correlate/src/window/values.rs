//! `value_count` with a lower bound: each different value with the last time it came.
//!
//! A queue has a place for each time a value came, a map the last one of each. What leaves the queue and is
//! not the last of its value is forgotten without a trace. No more values are kept than the condition needs:
//! the one that came longest ago goes.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::step::Step;

/// Different values and when each came last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(Arc<str>, Step)>", into = "Vec<(Arc<str>, Step)>")]
pub(crate) struct ValueWindow {
    queue: VecDeque<(Arc<str>, Step)>,
    /// The arrival of the last one of each.
    last: HashMap<Arc<str>, u64>,
    bytes: usize,
}

impl From<Vec<(Arc<str>, Step)>> for ValueWindow {
    fn from(entries: Vec<(Arc<str>, Step)>) -> Self {
        let mut window = Self::default();
        for (value, step) in entries {
            window.push(value, step);
        }
        window
    }
}

impl From<ValueWindow> for Vec<(Arc<str>, Step)> {
    fn from(window: ValueWindow) -> Self {
        window.queue.into()
    }
}

impl ValueWindow {
    pub(crate) fn expire(&mut self, from: u64) {
        while self.queue.front().is_some_and(|(_, step)| step.time < from) {
            self.pop();
        }
    }
    /// Takes a folded value; `needed` is how many the condition needs.
    pub(crate) fn add(&mut self, value: &str, step: &Step, needed: usize) {
        let value = match self.last.get_key_value(value) {
            Some((known, _)) => Arc::clone(known),
            None => value.into(),
        };
        self.push(value, step.clone());
        while self.last.len() > needed.max(1) {
            self.pop();
        }
        if self.queue.len() > 2 * self.last.len() + 16 {
            let Self { queue, last, bytes } = self;
            queue.retain(|(value, step)| last.get(value) == Some(&step.arrival));
            *bytes = queue.iter().map(bytes_of).sum();
        }
    }
    fn push(&mut self, value: Arc<str>, step: Step) {
        self.last.insert(Arc::clone(&value), step.arrival);
        let entry = (value, step);
        self.bytes += bytes_of(&entry);
        self.queue.push_back(entry);
    }
    fn pop(&mut self) {
        let Some(entry) = self.queue.pop_front() else { return };
        self.bytes = self.bytes.saturating_sub(bytes_of(&entry));
        if self.last.get(&entry.0) == Some(&entry.1.arrival) {
            self.last.remove(&entry.0);
        }
    }
    /// How many different values there are.
    pub(crate) fn len(&self) -> usize {
        self.last.len()
    }
    /// The last time of each value, in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        let is_last =
            |(value, step): &&(Arc<str>, Step)| self.last.get(value) == Some(&step.arrival);
        self.queue.iter().filter(is_last).map(|(_, step)| step)
    }
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.last.len() * size_of::<(Arc<str>, u64)>()
    }
}

fn bytes_of((value, step): &(Arc<str>, Step)) -> usize {
    value.len() + size_of::<Arc<str>>() + step.bytes()
}
