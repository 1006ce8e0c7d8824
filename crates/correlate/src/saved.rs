//! The memory of correlations, to be taken up again by another run.
//!
//! A correlation finds its groups again by its name and by what its document, and those below it, say; groups
//! of one that says something else now are not taken up. What is read may have been written by anyone:
//! nothing in it is believed beyond its form.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::correlator::{Correlator, Limits};
use crate::evidence::Templates;
use crate::groups::{Group, GroupKey};
use crate::hosts::{Deadline, Hosts, SavedClock};
use crate::plan::Plan;
use crate::window::Window;

/// Everything that a correlator remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    hosts: Vec<SavedClock>,
    correlations: Vec<SavedCorrelation>,
    arrival: u64,
    sequence: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedCorrelation {
    identity: String,
    digest: u64,
    groups: Vec<(GroupKey, Group)>,
}

/// What became of what was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Groups that were taken up.
    pub groups: usize,
    /// The names of correlations that are not there any more, or say something else now.
    pub left_out: Vec<String>,
}

impl Correlator {
    /// What it remembers.
    #[must_use]
    pub fn save(&self) -> Saved {
        let correlations = self.plan.correlations().iter().zip(self.memory.iter());
        let correlations = correlations.filter(|(_, groups)| groups.len() > 0);
        let correlations = correlations.map(|(planned, groups)| {
            let all = groups.sorted().into_iter();
            SavedCorrelation {
                identity: planned.identity().to_owned(),
                digest: planned.digest,
                groups: all.map(|(key, group)| (key.clone(), group.clone())).collect(),
            }
        });
        Saved {
            hosts: self.hosts.saved(),
            correlations: correlations.collect(),
            arrival: self.arrival,
            sequence: self.sequence,
        }
    }

    /// A correlator that remembers what was saved, as far as `plan` has the same correlations.
    #[must_use]
    pub fn restore(plan: Arc<Plan>, limits: Limits, saved: Saved) -> (Self, Restored) {
        let mut correlator = Self::new(plan, limits);
        let plan = Arc::clone(&correlator.plan);
        let mut restored = Restored::default();
        let mut templates = Templates::default();
        correlator.hosts = Hosts::restored(saved.hosts);
        let all = plan.correlations().iter().enumerate().rev();
        let known: HashMap<_, _> =
            all.map(|(index, one)| ((one.identity(), one.digest), index)).collect();
        (correlator.arrival, correlator.sequence) = (saved.arrival, saved.sequence);
        for SavedCorrelation { identity, digest, groups } in saved.correlations {
            let same = (identity.as_str(), digest);
            let Some(index) = known.get(&same).copied() else {
                restored.left_out.push(identity);
                continue;
            };
            for (key, mut group) in groups {
                group.window.share(&mut templates);
                restored.groups += usize::from(correlator.take_up(index, key, group));
            }
        }
        correlator.hold_limit();
        (correlator, restored)
    }

    /// Takes a group up; whether it is of a kind that the correlation has.
    fn take_up(&mut self, index: usize, key: GroupKey, group: Group) -> bool {
        let plan = Arc::clone(&self.plan);
        let Some(planned) = plan.correlations().get(index) else { return false };
        let fresh = Window::new(planned.measuring(), 0);
        let is_of_kind = std::mem::discriminant(&fresh) == std::mem::discriminant(&group.window);
        if !is_of_kind || key.host >= self.hosts.len() || group.sequence > self.sequence {
            return false;
        }
        if let Window::Closing(window) = &group.window {
            let at = window.opened.saturating_add(planned.timespan);
            let (sequence, folded) = (group.sequence, key.folded.clone());
            self.hosts.wait(key.host, Deadline { at, correlation: index, sequence, folded });
        }
        self.memory.change(index, |groups| groups.insert(key, group));
        true
    }
}
