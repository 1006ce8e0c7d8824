//! `value_count` with a lower bound: each different value with the last time it came.
//!
//! A queue has the values in the order in which they last came. While there are few, each has one place in it, and
//! one that comes again is looked for there. With many, it has a place for each time a value came and a map says
//! which is the last one; what leaves the queue and is not the last of its value is forgotten without a trace. No
//! more values are kept than the condition needs: the one that came longest ago goes.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::step::Step;
use crate::bytes::{of_block, of_shared};

/// Values that are looked for one by one.
const FEW: usize = 16;

/// Different values and when each came last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(Arc<str>, Step)>", into = "Vec<(Arc<str>, Step)>")]
pub(crate) struct ValueWindow {
    queue: VecDeque<(Arc<str>, Step)>,
    /// The arrival of the last one of each, once there are more than a few.
    last: Option<Box<HashMap<Arc<str>, u64>>>,
    /// Bytes of the values and of what is told.
    bytes: usize,
}

impl From<Vec<(Arc<str>, Step)>> for ValueWindow {
    fn from(entries: Vec<(Arc<str>, Step)>) -> Self {
        let mut window = Self::default();
        for (value, step) in entries {
            window.add(&value, step, usize::MAX);
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
    pub(crate) fn add(&mut self, value: &str, step: Step, needed: usize) {
        match &mut self.last {
            None => {
                let before = self.queue.iter().position(|(own, _)| **own == *value);
                let before = before.and_then(|place| self.queue.remove(place));
                self.forget(before.as_ref());
                self.push(before.map_or_else(|| value.into(), |(value, _)| value), step);
                if self.queue.len() > FEW {
                    let last = |(value, step): &(Arc<str>, Step)| (Arc::clone(value), step.arrival);
                    self.last = Some(Box::new(self.queue.iter().map(last).collect()));
                }
            }
            Some(last) => {
                let known = last.get_key_value(value).map(|(known, _)| Arc::clone(known));
                let value = known.unwrap_or_else(|| value.into());
                last.insert(Arc::clone(&value), step.arrival);
                self.push(value, step);
            }
        }
        while self.len() > needed.max(1) {
            self.pop();
        }
        self.tidy();
    }
    /// Removes places that are not the last of their value, if there are many.
    fn tidy(&mut self) {
        let Self { queue, last: Some(last), bytes } = self else { return };
        if queue.len() > 2 * last.len() + FEW {
            queue.retain(|(value, step)| last.get(value) == Some(&step.arrival));
            *bytes = queue.iter().map(bytes_of).sum();
        }
    }
    fn push(&mut self, value: Arc<str>, step: Step) {
        let entry = (value, step);
        self.bytes += bytes_of(&entry);
        self.queue.push_back(entry);
    }
    fn forget(&mut self, entry: Option<&(Arc<str>, Step)>) {
        self.bytes = self.bytes.saturating_sub(entry.map_or(0, bytes_of));
    }
    fn pop(&mut self) {
        let entry = self.queue.pop_front();
        self.forget(entry.as_ref());
        if let (Some(last), Some((value, step))) = (&mut self.last, entry)
            && last.get(&value) == Some(&step.arrival)
        {
            last.remove(&value);
        }
        if self.queue.is_empty() {
            self.last = None;
        }
    }
    /// How many different values there are.
    pub(crate) fn len(&self) -> usize {
        self.last.as_ref().map_or(self.queue.len(), |last| last.len())
    }
    /// The last time of each value, in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        let is_last = |(value, step): &&(Arc<str>, Step)| {
            self.last.as_ref().is_none_or(|last| last.get(value) == Some(&step.arrival))
        };
        self.queue.iter().filter(is_last).map(|(_, step)| step)
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let last = self.last.as_ref().map_or(0, |last| {
            of_block(size_of::<HashMap<Arc<str>, u64>>())
                + of_block((last.capacity() * 8 / 7) * (size_of::<(Arc<str>, u64)>() + 1))
        });
        of_block(self.queue.capacity() * size_of::<(Arc<str>, Step)>()) + last + self.bytes
    }
    pub(crate) fn steps_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        self.queue.iter_mut().map(|(_, step)| step)
    }
}

/// Bytes beyond the place in the queue.
fn bytes_of((value, step): &(Arc<str>, Step)) -> usize {
    of_shared(value.len()) + step.evidence.heap_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;
    use proptest::prelude::*;

    proptest! {
        /// However many there are, as many are told as a list of all says.
        #[test]
        fn a_window_has_the_last_time_of_each_value(
            values in prop::collection::vec((0..60_u32, 0..3_u64), 1..300),
            needed in 1..50_usize,
            span in 1..60_u64,
        ) {
            let (mut window, mut now) = (ValueWindow::default(), 0);
            let mut model: Vec<(String, u64, u64)> = Vec::new();
            for (arrival, (value, later)) in (1..).zip(values) {
                now += later;
                let value = value.to_string();
                window.expire(now.saturating_sub(span));
                window.add(&value, Step { time: now, arrival, evidence: Evidence::from("e") }, needed);
                model.retain(|(own, time, _)| *own != value && *time >= now.saturating_sub(span));
                model.push((value, now, arrival));
                model.drain(..model.len().saturating_sub(needed));
                let told: Vec<_> = window.steps().map(|step| (step.time, step.arrival)).collect();
                let known: Vec<_> = model.iter().map(|(_, time, arrival)| (*time, *arrival)).collect();
                prop_assert_eq!(window.len(), known.len());
                prop_assert_eq!(told, known);
            }
        }
    }
}
