//! Which groups stay: those that there is room for, and those of correlations that go on under another plan.
//!
//! Before a group begins, those of its correlation whose window is over go if there are many; then, if that is
//! not enough, an eighth of those that are not, see [`etwatch_event::fair`]. If all groups together take too much, those of
//! the correlation that takes most give way.

use std::sync::Arc;

use etwatch_event::fair::choose;

use super::Correlator;
use crate::groups::Groups;
use crate::plan::Plan;
use crate::window::Method;

impl Correlator {
    /// Before a group begins: those that are over go, and if that is not enough, some that are not.
    pub(super) fn make_room(&mut self, index: usize) {
        let plan = Arc::clone(&self.plan);
        let Self { groups, hosts, limits, .. } = self;
        let clean = |index: usize, groups: &mut Groups| {
            let Some(planned) = plan.correlations().get(index) else { return };
            if matches!(planned.method, Method::Closing(_)) {
                return groups.clean(|_, _| false);
            }
            groups.clean(|host, group| {
                group.touched.saturating_add(planned.timespan) < hosts.now(host)
            });
        };
        if let Some(own) = groups.get_mut(index) {
            if own.len() >= limits.groups || own.is_to_be_cleaned() {
                clean(index, own);
            }
            if own.len() >= limits.groups {
                evict(own);
            }
        }
        while groups.iter().map(Groups::bytes).sum::<usize>() >= limits.bytes {
            let largest = groups.iter_mut().enumerate().max_by_key(|(_, groups)| groups.bytes());
            let Some((index, largest)) = largest.filter(|(_, groups)| groups.len() > 0) else {
                break;
            };
            let before = largest.bytes();
            clean(index, largest);
            if largest.bytes() == before {
                evict(largest);
            }
        }
    }

    /// Brings what was taken up from another run below the limit, which may be a smaller one than there was.
    pub(crate) fn hold_limit(&mut self) {
        if self.groups.iter().map(Groups::bytes).sum::<usize>() > self.limits.bytes {
            self.make_room(0);
        }
    }

    /// Goes on with another plan: groups of correlations that say the same as before stay. Returns the indices
    /// in the new plan of those that begin anew although there was one of their name.
    pub fn change_to(&mut self, plan: Arc<Plan>) -> Vec<usize> {
        let before = std::mem::replace(&mut self.plan, plan);
        let mut kept = std::mem::take(&mut self.groups);
        let mut moved = vec![None; kept.len()];
        let mut anew = Vec::new();
        for (index, planned) in self.plan.correlations().iter().enumerate() {
            let same_name = before
                .correlations()
                .iter()
                .position(|other| other.identity() == planned.identity());
            let same = same_name.filter(|other| {
                before.correlations().get(*other).is_some_and(|one| one.digest == planned.digest)
            });
            if same_name.is_some() && same.is_none() {
                anew.push(index);
            }
            let groups = same.and_then(|other| kept.get_mut(other)).map(std::mem::take);
            if let Some(place) = same.and_then(|other| moved.get_mut(other)) {
                *place = Some(index);
            }
            self.groups.push(groups.unwrap_or_default());
        }
        self.counts.evicted += kept.iter().map(|groups| groups.evicted).sum::<u64>();
        self.hosts.renumber(&moved);
        anew
    }
}

/// An eighth of the groups goes.
fn evict(groups: &mut Groups) {
    let mut candidates = groups.candidates();
    let excess = candidates.len().div_ceil(8);
    groups.evict(&choose(&mut candidates, excess));
}
