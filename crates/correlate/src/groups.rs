//! The groups of one correlation.
//!
//! There may be a hundred thousand of them, each small, so they lie side by side, and a table finds the place of a
//! key there. A table of groups would be there twice while it grows, and half empty afterwards; places are made by
//! small chunks that stay where they are.

use std::hash::BuildHasher;

use etwatch_event::fair::Candidate;
use etwatch_rules::sigma::value::Number;
use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

use crate::bytes::of_block;
use crate::key::{Carried, Spelling};
use crate::window::{Contribution, Measuring, Window};

/// Names a group: the host, and the folded values of the fields that the correlation groups by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GroupKey {
    pub(crate) host: u32,
    pub(crate) folded: Box<str>,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct KeyRef<'k> {
    pub(crate) host: u32,
    pub(crate) folded: &'k str,
}

impl GroupKey {
    fn borrowed(&self) -> KeyRef<'_> {
        KeyRef { host: self.host, folded: &self.folded }
    }
    fn is(&self, key: KeyRef<'_>) -> bool {
        self.host == key.host && *self.folded == *key.folded
    }
}

/// What is remembered of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// What began later has a higher number.
    pub(crate) sequence: u64,
    /// How the group's values were spelt first.
    pub(crate) spelling: Spelling,
    /// Of the event that began it, see [`etwatch_event::Attribution::lineage`].
    pub(crate) lineage: [u32; 4],
    /// The time of the last contribution.
    pub(crate) touched: u64,
    /// Contributions since its last alert, or since the window was empty.
    pub(crate) count: u64,
    pub(crate) window: Window,
    /// What most groups don't have.
    more: Option<Box<More>>,
}

/// What a group has if it has given an alert, or if correlations above ask.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct More {
    /// When it gave its last alert, if its condition has held since.
    alerted: Option<u64>,
    /// What the last contribution says to correlations above, if the window is decided without it.
    carried: Carried,
}

impl Group {
    /// Nothing has contributed yet.
    pub(crate) fn new(
        sequence: u64,
        spelling: Spelling,
        lineage: [u32; 4],
        touched: u64,
        window: Window,
    ) -> Self {
        Self { sequence, spelling, lineage, touched, count: 0, window, more: None }
    }
    /// What it says to correlations above, if that was kept.
    pub(crate) fn carried(&self) -> Carried {
        self.more.as_ref().map(|more| more.carried.clone()).unwrap_or_default()
    }
    pub(crate) fn carry(&mut self, carried: Carried) {
        self.more.get_or_insert_default().carried = carried;
    }
    /// It has given an alert.
    pub(crate) fn has_alerted(&mut self, time: u64) {
        self.more.get_or_insert_default().alerted = Some(time);
        self.count = 0;
    }

    /// Takes contributions of one event. Returns what the window comes to if that is an alert, and whether
    /// something could not be kept.
    pub(crate) fn add<'c>(
        &mut self,
        contributions: impl Iterator<Item = Contribution<'c>>,
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
            is_full |= self.window.add(contribution, measuring);
        }
        let measure = self.window.holds(measuring);
        let Some(more) = &mut self.more else { return (measure, is_full) };
        if measure.is_none() {
            more.alerted = None;
        }
        let is_quiet =
            more.alerted.is_some_and(|before| time.saturating_sub(before) <= measuring.timespan);
        (measure.filter(|_| !is_quiet), is_full)
    }

    fn heap_bytes(&self) -> usize {
        let more = self.more.as_ref();
        let more = more.map_or(0, |more| of_block(size_of::<More>()) + more.carried.heap_bytes());
        self.spelling.heap_bytes() + more + self.window.heap_bytes()
    }
}

type Entry = (GroupKey, Group);

/// Places that are made at a time.
const CHUNK: usize = 64;

/// All groups of a correlation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    hasher: DefaultHashBuilder,
    /// Places in `chunks`.
    places: HashTable<u32>,
    chunks: Vec<Vec<Option<Entry>>>,
    /// Places that are free.
    free: Vec<u32>,
    /// Bytes of memory of all groups.
    bytes: usize,
    /// How many there were when those that are over were last removed.
    cleaned: usize,
    /// Groups that had to go for want of room.
    pub(crate) evicted: u64,
}

/// What a group takes beside what it points to; of the table that is five bytes a place, of which half may be free.
const PLACE_BYTES: usize = size_of::<Option<Entry>>() + 10;

fn entry(chunks: &[Vec<Option<Entry>>], place: u32) -> Option<&Entry> {
    let place = place as usize;
    chunks.get(place / CHUNK)?.get(place % CHUNK)?.as_ref()
}

fn bytes_of(key: &GroupKey, group: &Group) -> usize {
    PLACE_BYTES + of_block(key.folded.len()) + group.heap_bytes()
}

impl Groups {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    fn entry(&self, place: u32) -> Option<&Entry> {
        entry(&self.chunks, place)
    }
    fn entry_mut(&mut self, place: u32) -> Option<&mut Option<Entry>> {
        let place = place as usize;
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.chunks.iter().flatten().flatten()
    }
    /// A place that is free.
    fn make(&mut self) -> u32 {
        if let Some(place) = self.free.pop() {
            return place;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            // The first one grows: of many correlations few have many groups.
            let size = if self.chunks.is_empty() { 0 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(size));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let Some(chunk) = self.chunks.last_mut() else { return u32::MAX };
        chunk.push(None);
        u32::try_from(before + chunk.len() - 1).unwrap_or(u32::MAX)
    }
    fn place(&self, key: KeyRef<'_>) -> Option<u32> {
        let is_it = |place: &u32| self.entry(*place).is_some_and(|(own, _)| own.is(key));
        self.places.find(self.hasher.hash_one(key), is_it).copied()
    }
    pub(crate) fn insert(&mut self, key: GroupKey, group: Group) {
        if let Some(place) = self.place(key.borrowed()) {
            self.take(place);
        }
        self.bytes += bytes_of(&key, &group);
        let hash = self.hasher.hash_one(key.borrowed());
        let place = self.make();
        if let Some(free) = self.entry_mut(place) {
            *free = Some((key, group));
        }
        let Self { places, chunks, hasher, .. } = self;
        places.insert_unique(hash, place, |place| {
            entry(chunks, *place).map_or(0, |(key, _)| hasher.hash_one(key.borrowed()))
        });
    }
    /// Removes the group at a place.
    fn take(&mut self, place: u32) -> Option<Entry> {
        let (key, group) = self.entry_mut(place)?.take()?;
        let hash = self.hasher.hash_one(key.borrowed());
        if let Ok(found) = self.places.find_entry(hash, |own| *own == place) {
            found.remove();
        }
        self.free.push(place);
        self.bytes = self.bytes.saturating_sub(bytes_of(&key, &group));
        Some((key, group))
    }
    /// Changes a group, if there is one; one whose window is empty then, and begins with what comes next, goes.
    pub(crate) fn change<T>(
        &mut self,
        key: KeyRef<'_>,
        change: impl FnOnce(&mut Group) -> T,
    ) -> Option<T> {
        let place = self.place(key)?;
        let (_, group) = self.entry_mut(place)?.as_mut()?;
        let before = group.heap_bytes();
        let result = change(group);
        let (after, is_empty) = (group.heap_bytes(), group.window.is_empty());
        self.bytes = (self.bytes + after).saturating_sub(before);
        if is_empty {
            self.take(place);
        }
        Some(result)
    }
    /// Removes the group that has this key and began with this number.
    pub(crate) fn remove(&mut self, key: KeyRef<'_>, sequence: u64) -> Option<Group> {
        let place = self.place(key)?;
        self.entry(place).filter(|(_, group)| group.sequence == sequence)?;
        self.take(place).map(|(_, group)| group)
    }

    /// Whether so many have come since that it is worth looking for those that are over.
    pub(crate) fn is_to_be_cleaned(&self) -> bool {
        self.len() > 2 * self.cleaned + 1_024
    }
    /// Removes those that `is_over` says are.
    pub(crate) fn clean(&mut self, mut is_over: impl FnMut(u32, &Group) -> bool) {
        let count = self.len() + self.free.len();
        for place in 0..u32::try_from(count).unwrap_or(u32::MAX) {
            if self.entry(place).is_some_and(|(key, group)| is_over(key.host, group)) {
                self.take(place);
            }
        }
        self.cleaned = self.len();
    }
    /// What has to be known to choose those that go.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let candidate = |(_, group): &Entry| Candidate {
            lineage: group.lineage,
            progress: group.window.progress(),
            touched: group.touched,
            sequence: group.sequence,
        };
        self.entries().map(candidate).collect()
    }
    /// Removes those with these sequence numbers, which are sorted.
    pub(crate) fn evict(&mut self, sequences: &[u64]) {
        let before = self.len();
        self.clean(|_, group| sequences.binary_search(&group.sequence).is_ok());
        self.evicted += u64::try_from(before - self.len()).unwrap_or(u64::MAX);
    }
    /// All of them, in the order in which they began.
    pub(crate) fn sorted(&self) -> Vec<(&GroupKey, &Group)> {
        let all = self.entries().map(|(key, group)| (key, group));
        let mut all: Vec<_> = all.collect();
        all.sort_unstable_by_key(|(_, group)| group.sequence);
        all
    }
}
