//! Which groups stay: those that there is room for, and those of correlations that go on under another plan.
//!
//! Before a group begins, those of its correlation whose window is over go if there are many; then, if that is
//! not enough, an eighth of those that are not, see [`etwatch_event::fair`]. If all groups together take too much by
//! what a group has taken, those of the correlation that takes most give way, and of others that take half as much at
//! least: where many take the same, looking at all of them has to make room for many groups, not for one.

use std::collections::HashMap;
use std::sync::Arc;

use etwatch_event::fair::choose;

use super::Correlator;
use crate::groups::Groups;
use crate::hosts::Hosts;
use crate::plan::{Plan, Planned};
use crate::window::Method;

impl Correlator {
    /// Before a group begins: those of its correlation that are over go, and if that is not enough, some that are not.
    pub(super) fn make_room(&mut self, index: usize) {
        let Self { plan, memory, hosts, limits, .. } = self;
        memory.change(index, |own| {
            if own.len() >= limits.groups || own.is_to_be_cleaned() {
                clean(own, plan.correlations().get(index), hosts);
            }
            if own.len() >= limits.groups {
                evict(own);
            }
        });
    }

    /// If all groups together take too much: those that are over go where most is taken, and if there are none, some
    /// that are not.
    pub(super) fn keep_within(&mut self) {
        let Self { plan, memory, hosts, limits, .. } = self;
        while memory.bytes() >= limits.bytes {
            let before = memory.bytes();
            let most = memory.iter().map(Groups::bytes).max().unwrap_or(0);
            for (index, planned) in plan.correlations().iter().enumerate() {
                memory.change(index, |groups| {
                    let own = groups.bytes();
                    if own < most.div_ceil(2) {
                        return;
                    }
                    clean(groups, Some(planned), hosts);
                    if groups.bytes() == own {
                        evict(groups);
                    }
                });
            }
            if memory.bytes() >= before {
                break;
            }
        }
    }

    /// Brings what was taken up from another run below the limit, which may be a smaller one than there was.
    pub(crate) fn hold_limit(&mut self) {
        self.keep_within();
    }

    /// Goes on with another plan: groups of correlations that say the same as before stay. Returns the indices
    /// in the new plan of those that begin anew although there was one of their name.
    pub fn change_to(&mut self, plan: Arc<Plan>) -> Vec<usize> {
        let before = std::mem::replace(&mut self.plan, plan);
        let all = before.correlations().iter().enumerate().rev();
        let known: HashMap<&str, (usize, u64)> =
            all.map(|(index, one)| (one.identity(), (index, one.digest))).collect();
        let mut moved = vec![None; before.correlations().len()];
        let mut anew = Vec::new();
        for (index, planned) in self.plan.correlations().iter().enumerate() {
            let Some((other, digest)) = known.get(planned.identity()).copied() else { continue };
            match moved.get_mut(other) {
                Some(place @ None) if digest == planned.digest => *place = Some(index),
                _ if digest != planned.digest => anew.push(index),
                _ => {}
            }
        }
        self.counts.evicted += self.memory.renumber(&moved, self.plan.correlations().len());
        self.hosts.renumber(&moved);
        anew
    }
}

/// The groups whose window is over go; a window that is decided when it closes is not over before.
fn clean(groups: &mut Groups, planned: Option<&Planned>, hosts: &Hosts) {
    let Some(planned) = planned else { return };
    let is_closing = matches!(planned.method, Method::Closing(_));
    groups.clean(|host, group| {
        !is_closing && group.touched.saturating_add(planned.timespan) < hosts.now(host)
    });
}

/// An eighth of the groups goes.
fn evict(groups: &mut Groups) {
    let mut candidates = groups.candidates();
    let excess = candidates.len().div_ceil(8);
    groups.evict(&choose(&mut candidates, excess));
}
