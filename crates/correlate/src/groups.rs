//! The groups of one correlation.

use std::hash::{Hash, Hasher};

use etwatch_event::fair::Candidate;
use etwatch_rules::sigma::value::Number;
use hashbrown::{Equivalent, HashMap};
use serde::{Deserialize, Serialize};

use crate::key::Carried;
use crate::window::{Contribution, Measuring, Window};

/// Names a group: the host, and the folded values of the fields that the correlation groups by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupKey {
    pub(crate) host: u32,
    pub(crate) folded: Box<str>,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef<'k> {
    pub(crate) host: u32,
    pub(crate) folded: &'k str,
}

impl Hash for GroupKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        KeyRef { host: self.host, folded: &self.folded }.hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
        self.folded.hash(state);
    }
}

impl Equivalent<GroupKey> for KeyRef<'_> {
    fn equivalent(&self, key: &GroupKey) -> bool {
        self.host == key.host && *self.folded == *key.folded
    }
}

/// What is remembered of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// What began later has a higher number.
    pub(crate) sequence: u64,
    /// The spelling of the group's values.
    pub(crate) shown: Box<[Box<str>]>,
    /// Of the event that began it, see [`etwatch_event::Attribution::lineage`].
    pub(crate) lineage: [u32; 4],
    /// The time of the last contribution.
    pub(crate) touched: u64,
    /// When it gave its last alert, if its condition has held since.
    pub(crate) alerted: Option<u64>,
    /// Contributions since then, or since the window was empty.
    pub(crate) count: u64,
    /// What the last contribution says to correlations above, if the window is decided without it.
    pub(crate) carried: Carried,
    pub(crate) window: Window,
}

impl Group {
    /// Takes a contribution. Returns what the window comes to if that is an alert, and whether something could
    /// not be kept.
    pub(crate) fn add(
        &mut self,
        contributions: &[Contribution<'_>],
        measuring: Measuring<'_>,
        time: u64,
    ) -> (Option<Number>, bool) {
        self.window.expire(time.saturating_sub(measuring.timespan));
        if self.window.progress() == 0 {
            self.count = 0;
        }
        self.touched = self.touched.max(time);
        self.count += 1;
        let mut is_full = false;
        for contribution in contributions {
            is_full |= self.window.add(*contribution, measuring);
        }
        let measure = self.window.holds(measuring);
        if measure.is_none() {
            self.alerted = None;
        }
        let is_quiet =
            self.alerted.is_some_and(|before| time.saturating_sub(before) <= measuring.timespan);
        (measure.filter(|_| !is_quiet), is_full)
    }

    fn bytes(&self) -> usize {
        let shown: usize = self.shown.iter().map(|text| text.len() + size_of::<Box<str>>()).sum();
        shown + self.carried.bytes() + self.window.bytes()
    }
}

/// All groups of a correlation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    map: HashMap<GroupKey, Group>,
    bytes: usize,
    /// How many there were when those that are over were last removed.
    cleaned: usize,
    /// Groups that had to go for want of room.
    pub(crate) evicted: u64,
}

fn bytes_of(key: &GroupKey, group: &Group) -> usize {
    size_of::<(GroupKey, Group)>() + key.folded.len() + group.bytes()
}

impl Groups {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }
    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    pub(crate) fn insert(&mut self, key: GroupKey, group: Group) {
        self.bytes += bytes_of(&key, &group);
        if let Some(before) = self.map.insert(key, group) {
            self.bytes = self.bytes.saturating_sub(size_of::<(GroupKey, Group)>() + before.bytes());
        }
    }
    pub(crate) fn has(&self, key: KeyRef<'_>) -> bool {
        self.map.contains_key(&key)
    }
    /// Changes a group, if there is one.
    pub(crate) fn change<T>(
        &mut self,
        key: KeyRef<'_>,
        change: impl FnOnce(&mut Group) -> T,
    ) -> Option<T> {
        let group = self.map.get_mut(&key)?;
        let before = group.bytes();
        let result = change(group);
        self.bytes = (self.bytes + group.bytes()).saturating_sub(before);
        Some(result)
    }
    /// Removes the group that has this key and began with this number.
    pub(crate) fn remove(&mut self, key: KeyRef<'_>, sequence: u64) -> Option<Group> {
        self.map.get(&key).filter(|group| group.sequence == sequence)?;
        let (key, group) = self.map.remove_entry(&key)?;
        self.bytes = self.bytes.saturating_sub(bytes_of(&key, &group));
        Some(group)
    }

    /// Whether so many have come since that it is worth looking for those that are over.
    pub(crate) fn is_to_be_cleaned(&self) -> bool {
        self.map.len() > 2 * self.cleaned + 1_024
    }
    /// Removes those that `is_over` says are.
    pub(crate) fn clean(&mut self, mut is_over: impl FnMut(u32, &Group) -> bool) {
        let mut gone = 0;
        self.map.retain(|key, group| {
            let stays = !is_over(key.host, group);
            if !stays {
                gone += bytes_of(key, group);
            }
            stays
        });
        self.bytes = self.bytes.saturating_sub(gone);
        self.cleaned = self.map.len();
    }
    /// What has to be known to choose those that go.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let candidate = |group: &Group| Candidate {
            lineage: group.lineage,
            progress: group.window.progress(),
            touched: group.touched,
            sequence: group.sequence,
        };
        self.map.values().map(candidate).collect()
    }
    /// Removes those with these sequence numbers, which are sorted.
    pub(crate) fn evict(&mut self, sequences: &[u64]) {
        let before = self.map.len();
        self.clean(|_, group| sequences.binary_search(&group.sequence).is_ok());
        self.evicted += u64::try_from(before - self.map.len()).unwrap_or(u64::MAX);
    }
    /// All of them, in the order in which they began.
    pub(crate) fn sorted(&self) -> Vec<(&GroupKey, &Group)> {
        let mut all: Vec<_> = self.map.iter().collect();
        all.sort_unstable_by_key(|(_, group)| group.sequence);
        all
    }
}
