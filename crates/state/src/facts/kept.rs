//! What is remembered of the processes of a host: an entry for each that did something that counts, found by
//! the number of its row.
//!
//! A row that is given away takes its entry along. Memory that entries need beyond their own size is counted;
//! when it is too much, entries are forgotten: a hand goes round over all of them, and of each sixteen it
//! passes the one with most goes. What counts from then on has a *floor*: the time of the last forgetting.

use etwatch_event::Timestamp;

use super::entry::{Added, Distinct, Entry, MOST};
use super::table::{Fact, FactSet, TABLE};
use crate::hash::Hasher;
use crate::processes::slab::{NONE, Slab};
use crate::processes::texts::{Texts, cut};
use crate::processes::{Process, ProcessId};

/// Bytes of the lists and names of all processes of a host, unless less is asked for.
pub const MOST_BYTES: usize = 64 << 20;

/// How much may be counted of the processes of a host.
#[derive(Clone, Copy, Debug)]
pub struct FactLimits {
    /// Processes of which something is counted.
    pub processes: usize,
    /// Bytes of their lists, and of names of images.
    pub bytes: usize,
    /// Different names of images.
    pub names: usize,
}

impl FactLimits {
    /// All processes that a table may have; 64 MiB; 262,144 names.
    pub(crate) const BUILT_IN: Self =
        Self { processes: 131_072 + 32_768 + 1, bytes: MOST_BYTES, names: 1 << 18 };
}

impl Default for FactLimits {
    /// Those that are built in.
    fn default() -> Self {
        Self::BUILT_IN
    }
}

/// Bytes of a process of which something is counted, beside its lists: its entry, and where to find it.
pub(crate) const ENTRY_BYTES: usize = Slab::<Entry>::PLACE + 2 * size_of::<u32>();

/// Bytes of an image's name that are kept: a file's name has at most 255 letters.
pub(super) const NAME_BYTES: usize = 255;
/// Entries of which the largest is forgotten.
const NEIGHBOURS: u32 = 16;

/// What happened to facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactCounts {
    /// Processes whose facts went for want of room.
    pub(crate) evicted: u64,
    /// Images and endpoints beyond the most of a process.
    pub(crate) refused: u64,
}

/// The facts of the processes of a host.
#[derive(Debug)]
pub(crate) struct FactTable {
    pub(super) limits: FactLimits,
    pub(super) kept: FactSet,
    /// Since when each is kept.
    pub(super) since: [Timestamp; TABLE.len()],
    pub(super) now: Timestamp,
    pub(super) floor: Timestamp,
    /// The entries by the numbers of rows.
    pub(super) places: Vec<u32>,
    pub(super) entries: Slab<Entry>,
    /// How many entries there are, and the place after the last.
    len: usize,
    pub(super) end: u32,
    pub(super) hand: u32,
    /// Bytes of the lists of entries.
    list_bytes: usize,
    pub(super) names: Texts,
    pub(super) hasher: Hasher,
    counts: FactCounts,
}

/// What is known of a process.
#[derive(Clone, Copy)]
pub(super) struct Known<'t> {
    pub(super) table: &'t FactTable,
    pub(super) process: Process<'t>,
    pub(super) entry: Option<&'t Entry>,
    /// If it was told.
    pub(super) started: Option<Timestamp>,
    /// Since when all of it is counted that is kept for so long.
    since: Timestamp,
}

impl Known<'_> {
    /// Since when a fact is counted; unknown if it is not kept.
    #[inline]
    pub(super) fn since(&self, fact: Fact) -> Timestamp {
        if !self.table.kept.has(fact) {
            return Timestamp::UNKNOWN;
        }
        let kept = self.table.since.get(fact as usize).copied().unwrap_or_default();
        kept.max(self.since)
    }
}

impl FactTable {
    /// Nothing is counted yet.
    pub(crate) fn new(limits: FactLimits) -> Self {
        Self {
            limits,
            kept: FactSet::default(),
            since: [Timestamp::UNKNOWN; TABLE.len()],
            now: Timestamp::UNKNOWN,
            floor: Timestamp::UNKNOWN,
            places: Vec::new(),
            entries: Slab::default(),
            len: 0,
            end: 0,
            hand: 0,
            list_bytes: 0,
            names: Texts::default(),
            hasher: Hasher::default(),
            counts: FactCounts::default(),
        }
    }
}

impl FactTable {
    /// The facts to be kept as of an event whose turn has come at this time.
    #[inline]
    pub(crate) fn follow(&mut self, wanted: FactSet, time: Timestamp) {
        if wanted != self.kept {
            self.change(wanted, time);
        }
        if !self.kept.is_empty() {
            self.now = self.now.max(time);
        }
    }
    #[cold]
    fn change(&mut self, wanted: FactSet, time: Timestamp) {
        // Without a time nothing could be said of since when it is.
        if !time.is_known() {
            return;
        }
        if self.len == 0 {
            self.hasher = Hasher::new(time);
        }
        for fact in wanted.without(self.kept).iter() {
            if let Some(since) = self.since.get_mut(fact as usize) {
                *since = time;
            }
        }
        let gone = self.kept.without(wanted);
        if !gone.is_empty() {
            for index in 0..self.end {
                let Some(entry) = self.entries.get_mut(index) else { continue };
                let before = entry.heap_bytes();
                gone.iter().for_each(|fact| entry.clear(fact, &mut self.names));
                self.list_bytes -= before - entry.heap_bytes();
            }
        }
        self.kept = wanted;
    }
    pub(crate) fn kept(&self) -> FactSet {
        self.kept
    }
    pub(crate) fn counts(&self) -> FactCounts {
        self.counts
    }
    /// Adds what happened before.
    pub(crate) fn add_counts(&mut self, before: FactCounts) {
        self.counts.evicted += before.evicted;
        self.counts.refused += before.refused;
    }
    /// How many processes something is kept of.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn place(&self, process: ProcessId) -> Option<u32> {
        let place = *self.places.get(process.index as usize)?;
        (self.entries.get(place)?.owner == process).then_some(place)
    }
    pub(super) fn of(&self, process: ProcessId) -> Option<&Entry> {
        self.entries.get(self.place(process)?)
    }
    /// What is known of a process, to be told.
    pub(super) fn known<'t>(&'t self, process: Process<'t>) -> Known<'t> {
        let entry = self.of(process.id());
        let started = process.started();
        let seen = started.filter(|_| process.start_was_seen()).unwrap_or_default();
        let since = entry.map_or(self.floor, |entry| entry.floor).max(seen);
        Known { table: self, process, entry, started, since }
    }

    /// Changes the entry of a process, which gets one if it has none.
    pub(super) fn change_of(&mut self, process: ProcessId, change: impl FnOnce(&mut Entry)) {
        let Some(place) = self.place(process).or_else(|| self.insert(process)) else { return };
        if let Some(entry) = self.entries.get_mut(place) {
            change(entry);
        }
    }
    /// Adds a thing to those of a process that are counted once.
    pub(super) fn add_to(
        &mut self,
        process: ProcessId,
        set: fn(&mut Entry) -> &mut Distinct,
        hash: u64,
    ) {
        self.grow(process, |entry, _| set(entry).add(hash));
    }
    /// Adds the name of an image to those of a process.
    pub(super) fn add_name(&mut self, process: ProcessId, name: &str) {
        let (name, _) = cut(name, NAME_BYTES);
        if name.is_empty() {
            return;
        }
        self.grow(process, |entry, texts| {
            let text = texts.keep(name);
            let added = match entry.names.len() {
                _ if entry.names.contains(&text) => Added::Known,
                MOST.. => Added::Refused,
                _ => Added::New,
            };
            match added {
                Added::New => entry.names.push(text),
                Added::Known | Added::Refused => texts.release(text),
            }
            added
        });
    }
    fn grow(&mut self, process: ProcessId, add: impl FnOnce(&mut Entry, &mut Texts) -> Added) {
        let Some(place) = self.place(process).or_else(|| self.insert(process)) else { return };
        let Some(entry) = self.entries.get_mut(place) else { return };
        let before = entry.heap_bytes();
        let added = add(entry, &mut self.names);
        self.list_bytes += entry.heap_bytes() - before;
        self.counts.refused += u64::from(added == Added::Refused);
        self.make_room(place);
    }
    /// Forgets processes until the others are within the limits; `keep` stays.
    fn make_room(&mut self, keep: u32) {
        let FactLimits { processes, bytes, names } = self.limits;
        while self.len > 1
            && (self.list_bytes + self.names.bytes() > bytes
                || self.names.len() > names
                || self.len > processes)
        {
            self.evict(keep);
        }
    }
    /// Hashes of what is counted once.
    pub(super) fn hasher(&self) -> Hasher {
        self.hasher
    }

    fn insert(&mut self, process: ProcessId) -> Option<u32> {
        let index = process.index as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, NONE);
        }
        self.remove(process.index);
        if self.len >= self.limits.processes {
            self.evict(NONE);
        }
        let place = self.entries.insert(Entry::new(process, self.floor));
        *self.places.get_mut(index)? = place;
        self.len += 1;
        self.end = self.end.max(place.saturating_add(1));
        Some(place)
    }
    /// Of the next entries the one with most goes; `keep` stays.
    fn evict(&mut self, keep: u32) {
        let mut largest: Option<(usize, u32)> = None;
        let mut passed = 0;
        for _ in 0..self.end {
            if passed == NEIGHBOURS {
                break;
            }
            let place = self.hand;
            self.hand = if self.hand + 1 < self.end { self.hand + 1 } else { 0 };
            let Some(entry) = self.entries.get(place).filter(|_| place != keep) else { continue };
            passed += 1;
            let bytes = entry.heap_bytes();
            if largest.is_none_or(|(most, _)| bytes > most) {
                largest = Some((bytes, entry.owner.index));
            }
        }
        if let Some((_, row)) = largest {
            self.remove(row);
            self.floor = self.now;
            self.counts.evicted += 1;
        }
    }
    /// The row of a process is given away. If that still lived, what it does from now on is that of another row.
    pub(crate) fn forget(&mut self, row: u32, is_live: bool) {
        if self.remove(row) && is_live {
            self.floor = self.now;
        }
    }
    fn remove(&mut self, row: u32) -> bool {
        let Some(place) = self.places.get_mut(row as usize) else { return false };
        let place = std::mem::replace(place, NONE);
        let Some(entry) = self.entries.remove(place) else { return false };
        self.len -= 1;
        self.list_bytes -= entry.heap_bytes();
        entry.names.iter().for_each(|name| self.names.release(*name));
        true
    }

    /// Counts entries and their memory anew; where there is too much of it, some go. `left_out` have gone before.
    pub(super) fn count_entries(&mut self, left_out: usize) {
        if left_out > 0 {
            self.floor = self.now;
            self.counts.evicted += u64::try_from(left_out).unwrap_or(u64::MAX);
        }
        self.len = self.entries.iter().count();
        self.list_bytes = self.entries.iter().map(Entry::heap_bytes).sum();
        self.end = self.entries.end();
        self.hand = if self.hand < self.end { self.hand } else { 0 };
        self.make_room(NONE);
    }

    /// Bytes of memory that all of it takes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
            + self.entries.heap_bytes()
            + self.list_bytes
            + self.names.heap_bytes()
    }
}
