//! A table with a bound that no lineage of processes can take for itself.
//!
//! Each entry is of the lineage of the process that began it. When the table is full, an eighth of the entries
//! goes: the largest lineages give first ([`etwatch_event::fair`]), and within one process those go that have come
//! least far, then those that were used longest ago. So a process that floods the table pushes out its own entries,
//! and so do its ten thousand children together:
//!
//! ```text
//! room for 8   f f f f f f   b b     c comes: the lineage of f gives one   f f f f f   b b   c
//! ```
//!
//! Entries that were not used for long are swept out from time to time, so that the old do not keep the young out for
//! ever.

use std::hash::Hash;

use etwatch_event::Timestamp;
use etwatch_event::fair::{Candidate, choose};
use hashbrown::HashMap;

use crate::bytes::{of_entry, of_table};
use crate::limits::Room;

/// Of how many entries one goes when the table is full.
const SHARE: usize = 8;

/// What is to be known of an entry when some have to go.
pub(crate) trait Kept {
    /// How far it has come.
    fn progress(&self) -> u64;
    /// When it was used last.
    fn used(&self) -> Timestamp;
}

/// Entries by key.
#[derive(Debug)]
pub(crate) struct Fair<K, V> {
    room: Room,
    entries: HashMap<K, Entry<V>>,
    /// The most that there were at once.
    most: usize,
    /// Of the texts of all entries.
    bytes: usize,
    /// Entries so far.
    came: u64,
    /// Entries that had to go for want of room.
    pub(crate) evicted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    lineage: [u32; 4],
    sequence: u64,
    /// Of its texts, and those of its key.
    bytes: usize,
}

/// Bytes of memory for each entry that there may be, beside its texts.
pub(crate) const fn entry_bytes<K, V>() -> usize {
    of_entry(size_of::<(K, Entry<V>)>())
}

impl<K: Clone + Eq + Hash, V: Kept> Fair<K, V> {
    /// An empty table with room for entries, at least one, and their texts.
    pub(crate) fn new(room: Room) -> Self {
        Self { room, entries: HashMap::new(), most: 0, bytes: 0, came: 0, evicted: 0 }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_table(self.most, size_of::<(K, Entry<V>)>()) + self.bytes
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// An entry.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Puts an entry in, in place of one with its key, which keeps its lineage. Its texts, and those of its key, take so
    /// many `bytes`.
    pub(crate) fn put(&mut self, key: K, lineage: [u32; 4], value: V, bytes: usize) {
        if let Some(entry) = self.entries.get_mut(&key) {
            self.bytes = self.bytes + bytes - entry.bytes;
            (entry.value, entry.bytes) = (value, bytes);
        } else {
            if self.entries.len() >= self.room.entries.max(1) {
                self.make_room();
            }
            self.came += 1;
            self.bytes += bytes;
            self.entries.insert(key, Entry { value, lineage, sequence: self.came, bytes });
            self.most = self.most.max(self.entries.len());
        }
        while self.bytes > self.room.bytes && self.make_room() {}
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Takes out what `is_over` says of.
    pub(crate) fn sweep(&mut self, is_over: impl Fn(&V) -> bool) {
        self.keep(|entry| !is_over(&entry.value));
    }

    /// All with their lineages, in the order in which they came.
    pub(crate) fn in_order(&self) -> Vec<(&K, [u32; 4], &V)> {
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_unstable_by_key(|(_, entry)| entry.sequence);
        all.into_iter().map(|(key, entry)| (key, entry.lineage, &entry.value)).collect()
    }

    fn keep(&mut self, stays: impl Fn(&Entry<V>) -> bool) {
        let Self { entries, bytes, .. } = self;
        entries.retain(|_, entry| {
            let stays = stays(entry);
            *bytes -= if stays { 0 } else { entry.bytes };
            stays
        });
    }

    /// An eighth of the entries goes; false if there is none.
    pub(crate) fn make_room(&mut self) -> bool {
        let candidate = |entry: &Entry<V>| Candidate {
            lineage: entry.lineage,
            progress: usize::try_from(entry.value.progress()).unwrap_or(usize::MAX),
            touched: entry.value.used().filetime(),
            sequence: entry.sequence,
        };
        let mut candidates: Vec<Candidate> = self.entries.values().map(candidate).collect();
        let excess = candidates.len().div_ceil(SHARE);
        let gone = choose(&mut candidates, excess);
        self.keep(|entry| gone.binary_search(&entry.sequence).is_err());
        self.evicted += u64::try_from(gone.len()).unwrap_or(u64::MAX);
        !gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it has come to, and when it was used.
    impl Kept for (u64, u64) {
        fn progress(&self) -> u64 {
            self.0
        }
        fn used(&self) -> Timestamp {
            Timestamp::from_filetime(self.1)
        }
    }

    /// Which of the keys are there.
    fn kept(table: &Fair<u32, (u64, u64)>, keys: std::ops::Range<u32>) -> Vec<u32> {
        keys.filter(|key| table.entries.contains_key(key)).collect()
    }

    #[test]
    fn the_largest_lineage_gives_what_has_come_least_far() {
        let mut table = Fair::new(Room { entries: 8, bytes: 0 });
        for key in 0..5 {
            table.put(key, [7, 1, 0, 0], (u64::from(key != 2), 10 - u64::from(key)), 0);
        }
        for key in 5..8 {
            table.put(key, [8, 1, 0, 0], (0, 0), 0);
        }
        assert_eq!(table.evicted, 0);
        table.put(8, [9, 1, 0, 0], (0, 0), 0);
        assert_eq!((kept(&table, 0..9), table.evicted), (vec![0, 1, 3, 4, 5, 6, 7, 8], 1));
        // Of those that have come as far, what was used longest ago.
        table.put(9, [9, 1, 0, 0], (0, 0), 0);
        assert_eq!(kept(&table, 0..10), [0, 1, 3, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_flood_of_a_process_or_of_its_children_spares_the_others() {
        let lineages: [fn(u32) -> [u32; 4]; 2] =
            [|_| [100, 2, 1, 0], |number| [1_000 + number % 10_000, 100, 2, 1]];
        for lineage in lineages {
            let mut table = Fair::new(Room { entries: 64, bytes: 0 });
            for key in 0..5 {
                table.put(key, [7, 2, 1, 0], (0, 0), 0);
            }
            for key in 5..20_000 {
                table.put(key, lineage(key), (5, u64::from(key)), 0);
            }
            assert_eq!(kept(&table, 0..5), [0, 1, 2, 3, 4]);
            assert!((56..=64).contains(&table.len()));
            assert_eq!(table.len() as u64 + table.evicted, 20_000);
        }
    }

    #[test]
    fn what_is_swept_or_taken_out_is_not_counted_as_evicted() {
        let mut table = Fair::new(Room { entries: 8, bytes: 0 });
        for key in 0..8 {
            table.put(key, [0; 4], (0, u64::from(key)), 0);
        }
        table.put(3, [0; 4], (0, 1), 0);
        table.sweep(|value| value.1 < 4);
        assert_eq!(kept(&table, 0..8), [4, 5, 6, 7]);
        table.remove(&4);
        table.remove(&4);
        assert_eq!((table.len(), table.evicted), (3, 0));
    }

    #[test]
    fn when_texts_take_too_much_entries_go_until_there_is_room() {
        let mut table = Fair::new(Room { entries: 100, bytes: 1_000 });
        for key in 0..10 {
            table.put(key, [7, 1, 0, 0], (0, u64::from(key)), 100);
        }
        assert_eq!((table.len(), table.bytes, table.evicted), (10, 1_000, 0));
        table.put(9, [7, 1, 0, 0], (0, 9), 300);
        assert_eq!((table.bytes, table.evicted), (1_000, 2));
        assert_eq!(kept(&table, 0..10), [2, 3, 4, 5, 6, 7, 8, 9]);
        table.put(10, [7, 1, 0, 0], (0, 10), 5_000);
        assert_eq!((table.len(), table.bytes), (0, 0), "what has no room at all goes too");
    }
}
