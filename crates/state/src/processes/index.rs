//! How a row is found: by a key that it holds itself, and in lists that run through the rows.
//!
//! The hash tables hold numbers of rows alone, the keys are read in the rows: five bytes an entry. Lists are
//! chained through the rows, so that a row is taken out of the middle at once.

use std::hash::{BuildHasher as _, Hash};

use etwatch_event::Guid;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::row::Row;
use super::slab::{NONE, Slab};
use crate::bytes::of_table;

/// What a row is found by.
pub(super) trait Key: Copy + Eq + Hash {
    fn of(row: &Row) -> Option<Self>;
}

/// A process id, which finds the newest row that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pid(pub(super) u32);

/// Windows' sequence number of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sequence(pub(super) u64);

impl Key for Pid {
    fn of(row: &Row) -> Option<Self> {
        Some(Self(row.pid))
    }
}
impl Key for Sequence {
    fn of(row: &Row) -> Option<Self> {
        row.sequence.map(|number| Self(number.get()))
    }
}
impl Key for Guid {
    fn of(row: &Row) -> Option<Self> {
        Some(row.guid)
    }
}

/// Rows by a key; where several have the same, the one set last.
#[derive(Debug)]
pub(super) struct Index<K> {
    rows: HashTable<u32>,
    /// The most that there were at once.
    most: usize,
    hasher: DefaultHashBuilder,
    key: std::marker::PhantomData<K>,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        let (rows, hasher) = (HashTable::new(), DefaultHashBuilder::default());
        Self { rows, most: 0, hasher, key: std::marker::PhantomData }
    }
}

impl<K: Key> Index<K> {
    #[inline]
    pub(super) fn find(&self, key: K, rows: &Slab<Row>) -> Option<u32> {
        let has_key = |index: &u32| rows.get(*index).and_then(K::of) == Some(key);
        self.rows.find(self.hasher.hash_one(key), has_key).copied()
    }
    /// The row is found by `key` from now on, and none that was before.
    pub(super) fn set(&mut self, key: K, index: u32, rows: &Slab<Row>) {
        let hasher = &self.hasher;
        let hash = hasher.hash_one(key);
        let has_key = |index: &u32| rows.get(*index).and_then(K::of) == Some(key);
        if let Some(place) = self.rows.find_mut(hash, has_key) {
            *place = index;
            return;
        }
        self.rows.insert_unique(hash, index, |index| {
            rows.get(*index).and_then(K::of).map_or(0, |key| hasher.hash_one(key))
        });
        self.most = self.most.max(self.rows.len());
    }
    /// The row is no longer found by `key`.
    pub(super) fn remove(&mut self, key: K, index: u32) {
        if let Ok(entry) = self.rows.find_entry(self.hasher.hash_one(key), |own| *own == index) {
            entry.remove();
        }
    }
    pub(super) fn heap_bytes(&self) -> usize {
        of_table(self.most, size_of::<u32>())
    }
}

/// Rows in an order; the first is the next to go.
#[derive(Debug)]
pub(super) struct List {
    pub(super) first: u32,
    last: u32,
    pub(super) len: usize,
}

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

impl List {
    /// Adds a row that is in no list.
    pub(super) fn push(&mut self, index: u32, rows: &mut Slab<Row>) {
        let Some(row) = rows.get_mut(index) else { return };
        (row.before, row.after) = (self.last, NONE);
        match rows.get_mut(self.last) {
            Some(last) => last.after = index,
            None => self.first = index,
        }
        self.last = index;
        self.len += 1;
    }
    /// Takes a row out that is in this list.
    pub(super) fn remove(&mut self, index: u32, rows: &mut Slab<Row>) {
        let Some(row) = rows.get(index) else { return };
        let (before, after) = (row.before, row.after);
        match rows.get_mut(before) {
            Some(row) => row.after = after,
            None => self.first = after,
        }
        match rows.get_mut(after) {
            Some(row) => row.before = before,
            None => self.last = before,
        }
        self.len -= 1;
    }
}
