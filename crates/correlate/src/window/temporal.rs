//! `temporal`: which rules have matched, and when each did last.

use serde::{Deserialize, Serialize};

use super::step::Step;
use crate::bytes::of_block;

/// The last contribution of each rule, by its position among the rules of the correlation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TemporalWindow(Vec<(u32, Step)>);

impl TemporalWindow {
    pub(crate) fn expire(&mut self, from: u64) {
        self.0.retain(|(_, step)| step.time >= from);
    }
    pub(crate) fn add(&mut self, position: u32, step: Step) {
        match self.0.iter_mut().find(|(own, _)| *own == position) {
            Some((_, last)) if last.is_before(&step) => *last = step,
            Some(_) => {}
            None => {
                self.0.reserve_exact(1);
                self.0.push((position, step));
            }
        }
    }
    /// How many rules there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
    pub(crate) fn has(&self, position: usize) -> bool {
        self.0.iter().any(|(own, _)| *own as usize == position)
    }
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.0.iter().map(|(_, step)| step)
    }
    pub(crate) fn steps_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        self.0.iter_mut().map(|(_, step)| step)
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let told = self.0.iter().map(|(_, step)| step.evidence.heap_bytes()).sum::<usize>();
        of_block(self.0.capacity() * size_of::<(u32, Step)>()) + told
    }
}
