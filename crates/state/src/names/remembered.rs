//! A table from keys to names that has a bound, and in which what was closed lives on for a while.
//!
//! Entries are in one of two lists: *open*, in the order of their last use, and *closed*, in the order of their
//! closing. A closed entry is still found until the grace period is over, since what was done through a handle
//! may be told after its closing; a key that is told anew is open again. When the table is full, or its names
//! take too many bytes, the entry closed first goes, then the open one that was not used for longest; each that
//! goes in this way is counted.
//!
//! ```text
//! learn k "a"   close k at 10 s   get k at 11 s → a   get k at 13 s → nothing
//!                                 learn k "b"         get k at 13 s → b
//! ```
//!
//! All is done in constant time; evicting and forgetting is paid by the entries that came before. An entry that
//! goes leaves its memory to the one that comes, so that opening and closing files for days allocates nothing.

use std::hash::{BuildHasher as _, Hash};
use std::time::Duration;

use etwatch_event::Timestamp;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::order::{Links, List};
use crate::bytes::{of_entry, of_table};

/// Memory for a name begins with this many bytes and grows in powers of two.
const LEAST: usize = 64;
/// Memory of a name that went is kept for the next one up to this many bytes; most paths fit in.
const KEPT: usize = 256;

/// How much a table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// Entries, at least one.
    pub entries: usize,
    /// Bytes of memory for the names of all entries.
    pub text_bytes: usize,
    /// Bytes of one name; a longer one is not remembered.
    pub name_bytes: usize,
}

impl TableLimits {
    /// Bytes of memory of a table within them, whose entries take so many beside their names.
    pub(super) const fn bytes(&self, entry: usize) -> usize {
        self.entries * entry + self.text_bytes
    }
}

/// Bytes of an entry beside its name.
pub(super) const fn entry_bytes<K>() -> usize {
    size_of::<Entry<K>>() + 2 * Links::LINK + 4 * size_of::<u32>() + 2 * of_entry(size_of::<u32>())
}

/// A name that was found; it holds until the table is changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    place: u32,
    /// When it was told.
    pub(super) told: Timestamp,
}

#[derive(Debug)]
struct Entry<K> {
    key: K,
    name: String,
    told: Timestamp,
    closed: Option<Timestamp>,
}

/// The table.
#[derive(Debug)]
pub(super) struct Remembered<K> {
    limits: TableLimits,
    grace: Duration,
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
    entries: Vec<Entry<K>>,
    /// Places of no entry, with memory for a name and without.
    spare: Vec<u32>,
    bare: Vec<u32>,
    links: Links,
    open: List,
    closed: List,
    /// Of all names, and of the memory that waits for one.
    bytes: usize,
    /// Entries that had to go.
    pub(super) evicted: u64,
    /// Names that were not taken in.
    pub(super) refused: u64,
}

impl<K: Copy + Eq + Hash> Remembered<K> {
    /// An empty table; closed entries are found for `grace`.
    pub(super) fn new(limits: TableLimits, grace: Duration) -> Self {
        let most = (u32::MAX - 1) as usize;
        Self {
            limits: TableLimits { entries: limits.entries.clamp(1, most), ..limits },
            grace,
            places: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            entries: Vec::new(),
            spare: Vec::new(),
            bare: Vec::new(),
            links: Links::default(),
            open: List::default(),
            closed: List::default(),
            bytes: 0,
            evicted: 0,
            refused: 0,
        }
    }
    /// How many entries there are, be they open or closed.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
    /// Bytes of memory that the table holds.
    pub(super) fn heap_bytes(&self) -> usize {
        // There is room for twice as many, see `new_place`.
        of_table(2 * self.entries.len(), size_of::<u32>())
            + self.entries.capacity() * size_of::<Entry<K>>()
            + (self.spare.capacity() + self.bare.capacity()) * size_of::<u32>()
            + self.links.heap_bytes()
            + self.bytes
    }
    /// The text of a name.
    pub(super) fn text(&self, name: Name) -> &str {
        self.entries.get(name.place as usize).map_or("", |entry| &entry.name)
    }

    /// Keys with their names and when these were told, in the order of their last use, without what is closed.
    pub(super) fn open(&self) -> impl Iterator<Item = (K, &str, Timestamp)> {
        let entry = |place: u32| self.entries.get(place as usize);
        let all = self.open.iter(&self.links).filter_map(entry);
        all.map(|entry| (entry.key, entry.name.as_str(), entry.told))
    }
    /// Learns what an earlier run had [open](Self::open).
    pub(super) fn learn_all<'n>(&mut self, all: impl Iterator<Item = (K, &'n str, Timestamp)>) {
        for (key, name, told) in all {
            self.learn(key, name, told);
        }
    }

    /// The name of `key`, which counts as a use.
    pub(super) fn get(&mut self, key: &K, now: Timestamp) -> Option<Name> {
        let place = self.place(key)?;
        let entry = self.entries.get(place as usize)?;
        let name = Name { place, told: entry.told };
        match entry.closed {
            None => self.open.renew(&mut self.links, place),
            Some(closed) if now.since(closed) > self.grace => {
                self.remove(place);
                return None;
            }
            Some(_) => {}
        }
        Some(name)
    }
    /// `key` has this name, told at that time.
    pub(super) fn learn(&mut self, key: K, name: &str, told: Timestamp) {
        if name.len() > self.limits.name_bytes {
            self.refused += 1;
            self.forget(&key); // what was known of it is no longer true
            return;
        }
        self.forget_closed(told);
        let place = match self.place(&key) {
            Some(place) => {
                self.take_out(place);
                place
            }
            None => self.new_place(key),
        };
        if let Some(entry) = self.entries.get_mut(place as usize) {
            let before = entry.name.capacity();
            entry.name.clear();
            if before < name.len() {
                entry.name.reserve_exact(name.len().next_power_of_two().max(LEAST));
            }
            entry.name.push_str(name);
            self.bytes += entry.name.capacity() - before;
            entry.told = told;
            entry.closed = None;
        }
        self.open.push(&mut self.links, place);
        while self.bytes > self.limits.text_bytes && (self.give_back() || self.evict()) {}
    }
    /// `key` is gone; its name is found until the grace period is over.
    pub(super) fn close(&mut self, key: &K, now: Timestamp) {
        self.forget_closed(now);
        let Some(place) = self.place(key) else { return };
        if let Some(entry) = self.entries.get_mut(place as usize)
            && entry.closed.is_none()
        {
            entry.closed = Some(now);
            self.open.remove(&mut self.links, place);
            self.closed.push(&mut self.links, place);
        }
    }
    /// The name of `key` is no longer true.
    pub(super) fn forget(&mut self, key: &K) {
        if let Some(place) = self.place(key) {
            self.remove(place);
        }
    }

    fn place(&self, key: &K) -> Option<u32> {
        let is_it =
            |place: &u32| self.entries.get(*place as usize).is_some_and(|it| it.key == *key);
        self.places.find(self.hasher.hash_one(key), is_it).copied()
    }
    /// Makes a place for a key that has none; it is in no list yet.
    fn new_place(&mut self, key: K) -> u32 {
        while self.len() >= self.limits.entries && self.evict() {}
        let place = self.spare.pop().or_else(|| self.bare.pop());
        let place = place.unwrap_or(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        let is_new = place as usize == self.entries.len();
        match self.entries.get_mut(place as usize) {
            Some(entry) => entry.key = key,
            None => {
                let told = Timestamp::UNKNOWN;
                self.make_places();
                self.entries.push(Entry { key, name: String::new(), told, closed: None });
            }
        }
        self.links.cover(place);
        let Self { places, hasher, entries, .. } = self;
        let hash =
            |place: &u32| entries.get(*place as usize).map_or(0, |it| hasher.hash_one(it.key));
        if is_new {
            // Room for twice as many: a table that is at most half full never grows by what comes and goes.
            places.reserve(entries.len(), hash);
        }
        places.insert_unique(hasher.hash_one(key), place, hash);
        place
    }
    /// Makes room for more entries if there is none: for twice as many, but no more than there may be.
    fn make_places(&mut self) {
        let len = self.entries.len();
        if len == self.entries.capacity() {
            let left = self.limits.entries.saturating_sub(len);
            self.entries.reserve_exact(len.max(4).min(left).max(1));
        }
    }
    /// Forgets closed entries whose grace period is over.
    fn forget_closed(&mut self, now: Timestamp) {
        while let Some(place) = self.closed.first() {
            let closed = self.entries.get(place as usize).and_then(|entry| entry.closed);
            if closed.is_some_and(|closed| now.since(closed) <= self.grace) {
                break;
            }
            self.remove(place);
        }
    }
    /// Makes room for one entry; false if there is none left.
    fn evict(&mut self) -> bool {
        let Some(place) = self.closed.first().or_else(|| self.open.first()) else { return false };
        self.remove(place);
        self.evicted += 1;
        true
    }
    /// Gives the memory that waits for one name back; false if none waits.
    fn give_back(&mut self) -> bool {
        let Some(place) = self.spare.pop() else { return false };
        self.drop_name(place);
        self.bare.push(place);
        true
    }
    fn drop_name(&mut self, place: u32) {
        if let Some(entry) = self.entries.get_mut(place as usize) {
            self.bytes -= entry.name.capacity();
            entry.name = String::new();
        }
    }
    /// Takes an entry out of the list that it is in.
    fn take_out(&mut self, place: u32) {
        let closed = self.entries.get(place as usize).is_some_and(|entry| entry.closed.is_some());
        let list = if closed { &mut self.closed } else { &mut self.open };
        list.remove(&mut self.links, place);
    }
    fn remove(&mut self, place: u32) {
        self.take_out(place);
        let Some(entry) = self.entries.get(place as usize) else { return };
        let hash = self.hasher.hash_one(entry.key);
        if let Ok(found) = self.places.find_entry(hash, |other| *other == place) {
            found.remove();
        }
        if entry.name.capacity() <= KEPT {
            self.spare.push(place);
        } else {
            self.drop_name(place);
            self.bare.push(place);
        }
    }
}
