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
    entries: HashMap<K, Entry<V>>,
    /// Entries so far.
    came: u64,
    most: usize,
    /// Entries that had to go for want of room.
    pub(crate) evicted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    lineage: [u32; 4],
    sequence: u64,
}

impl<K: Clone + Eq + Hash, V: Kept> Fair<K, V> {
    /// An empty table with room for `most` entries, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), came: 0, most: most.max(1), evicted: 0 }
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

    /// Puts an entry in, in place of one with its key, which keeps its lineage.
    pub(crate) fn put(&mut self, key: K, lineage: [u32; 4], value: V) {
        if let Some(place) = self.get_mut(&key) {
            *place = value;
            return;
        }
        if self.entries.len() >= self.most {
            self.make_room();
        }
        self.came += 1;
        self.entries.insert(key, Entry { value, lineage, sequence: self.came });
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// Takes out what `is_over` says of.
    pub(crate) fn sweep(&mut self, is_over: impl Fn(&V) -> bool) {
        self.entries.retain(|_, entry| !is_over(&entry.value));
    }

    /// All with their lineages, in the order in which they came.
    pub(crate) fn in_order(&self) -> Vec<(&K, [u32; 4], &V)> {
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_unstable_by_key(|(_, entry)| entry.sequence);
        all.into_iter().map(|(key, entry)| (key, entry.lineage, &entry.value)).collect()
    }

    fn make_room(&mut self) {
        let candidate = |entry: &Entry<V>| Candidate {
            lineage: entry.lineage,
            progress: usize::try_from(entry.value.progress()).unwrap_or(usize::MAX),
            touched: entry.value.used().filetime(),
            sequence: entry.sequence,
        };
        let mut candidates: Vec<Candidate> = self.entries.values().map(candidate).collect();
        let excess = candidates.len().div_ceil(SHARE);
        let gone = choose(&mut candidates, excess);
        self.entries.retain(|_, entry| gone.binary_search(&entry.sequence).is_err());
        self.evicted += u64::try_from(gone.len()).unwrap_or(u64::MAX);
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
        let mut table = Fair::new(8);
        for key in 0..5 {
            table.put(key, [7, 1, 0, 0], (u64::from(key != 2), 10 - u64::from(key)));
        }
        for key in 5..8 {
            table.put(key, [8, 1, 0, 0], (0, 0));
        }
        assert_eq!(table.evicted, 0);
        table.put(8, [9, 1, 0, 0], (0, 0));
        assert_eq!((kept(&table, 0..9), table.evicted), (vec![0, 1, 3, 4, 5, 6, 7, 8], 1));
        // Of those that have come as far, what was used longest ago.
        table.put(9, [9, 1, 0, 0], (0, 0));
        assert_eq!(kept(&table, 0..10), [0, 1, 3, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_flood_of_a_process_or_of_its_children_spares_the_others() {
        let lineages: [fn(u32) -> [u32; 4]; 2] =
            [|_| [100, 2, 1, 0], |number| [1_000 + number % 10_000, 100, 2, 1]];
        for lineage in lineages {
            let mut table = Fair::new(64);
            for key in 0..5 {
                table.put(key, [7, 2, 1, 0], (0, 0));
            }
            for key in 5..20_000 {
                table.put(key, lineage(key), (5, u64::from(key)));
            }
            assert_eq!(kept(&table, 0..5), [0, 1, 2, 3, 4]);
            assert!((56..=64).contains(&table.len()));
            assert_eq!(table.len() as u64 + table.evicted, 20_000);
        }
    }

    #[test]
    fn what_is_swept_or_taken_out_is_not_counted_as_evicted() {
        let mut table = Fair::new(8);
        for key in 0..8 {
            table.put(key, [0; 4], (0, u64::from(key)));
        }
        table.put(3, [0; 4], (0, 1));
        table.sweep(|value| value.1 < 4);
        assert_eq!(kept(&table, 0..8), [4, 5, 6, 7]);
        table.remove(&4);
        table.remove(&4);
        assert_eq!((table.len(), table.evicted), (3, 0));
    }
}
