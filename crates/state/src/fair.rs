//! A table with a bound that no group of its entries can take for itself.
//!
//! Entries belong to groups (connections to a process, endpoints to an image). When the table is full, the
//! group that has the most gives up the entry that it used longest ago; among groups that have as many, the
//! one that came last. So a group that floods the table pushes out its own entries, and so do its many
//! children, each of which is younger than what was there before:
//!
//! ```text
//! room for 6   a a a a   b b     c comes: a has the most and gives one   a a a   b b   c
//! ```
//!
//! Entries that were not used for long are swept out from time to time, so that the old do not keep the
//! young out for ever. All is done in logarithmic time.

use std::collections::BTreeMap;
use std::hash::Hash;

use hashbrown::HashMap;
use lru::LruCache;

/// Entries by group.
#[derive(Debug)]
pub(crate) struct Fair<G, K: Eq + Hash, V> {
    groups: HashMap<G, Group<K, V>>,
    /// The groups by how much they have, then by age.
    sizes: BTreeMap<(usize, u64), G>,
    /// Groups so far.
    came: u64,
    len: usize,
    most: usize,
    /// Entries that had to go for want of room.
    pub(crate) evicted: u64,
}

#[derive(Debug)]
struct Group<K: Eq + Hash, V> {
    entries: LruCache<K, V>,
    number: u64,
}

impl<G: Clone + Eq + Hash, K: Eq + Hash, V> Fair<G, K, V> {
    /// An empty table with room for `most` entries.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            groups: HashMap::new(),
            sizes: BTreeMap::new(),
            came: 0,
            len: 0,
            most: most.max(1),
            evicted: 0,
        }
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// An entry, which counts as used.
    pub(crate) fn get_mut(&mut self, group: &G, key: &K) -> Option<&mut V> {
        self.groups.get_mut(group)?.entries.get_mut(key)
    }

    /// Puts an entry in, in place of one with its key.
    pub(crate) fn put(&mut self, group: &G, key: K, value: V) {
        if let Some(place) = self.get_mut(group, &key) {
            *place = value;
            return;
        }
        if self.len >= self.most {
            self.make_room();
        }
        let came = &mut self.came;
        let of_group = self.groups.entry(group.clone()).or_insert_with(|| {
            *came += 1;
            Group { entries: LruCache::unbounded(), number: *came }
        });
        let before = of_group.entries.len();
        of_group.entries.put(key, value);
        let number = of_group.number;
        self.len += 1;
        self.resize(group, number, before, before + 1);
    }

    /// Takes an entry out.
    pub(crate) fn remove(&mut self, group: &G, key: &K) {
        let Some(of_group) = self.groups.get_mut(group) else { return };
        let (before, number) = (of_group.entries.len(), of_group.number);
        if of_group.entries.pop(key).is_some() {
            self.len -= 1;
            self.resize(group, number, before, before - 1);
        }
    }

    /// Takes out what `is_over` says of, beginning with what was used longest ago, in each group up to the
    /// first that stays.
    pub(crate) fn sweep(&mut self, is_over: impl Fn(&V) -> bool) {
        let groups: Vec<G> = self.sizes.values().cloned().collect();
        for group in groups {
            let Some(of_group) = self.groups.get_mut(&group) else { continue };
            let (before, number) = (of_group.entries.len(), of_group.number);
            while of_group.entries.peek_lru().is_some_and(|(_, value)| is_over(value)) {
                of_group.entries.pop_lru();
            }
            let after = of_group.entries.len();
            self.len -= before - after;
            self.resize(&group, number, before, after);
        }
    }

    fn make_room(&mut self) {
        let Some((&(before, number), group)) = self.sizes.last_key_value() else { return };
        let group = group.clone();
        let Some(of_group) = self.groups.get_mut(&group) else { return };
        if of_group.entries.pop_lru().is_some() {
            self.evicted += 1;
            self.len -= 1;
            self.resize(&group, number, before, before - 1);
        }
    }

    /// A group has another number of entries.
    fn resize(&mut self, group: &G, number: u64, before: usize, after: usize) {
        if before == after {
            return;
        }
        self.sizes.remove(&(before, number));
        if after == 0 {
            self.groups.remove(group);
        } else {
            self.sizes.insert((after, number), group.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the keys are there; looking changes nothing.
    fn kept(table: &Fair<char, u32, u32>, group: char, keys: std::ops::Range<u32>) -> Vec<u32> {
        let entries = table.groups.get(&group).map(|group| &group.entries);
        keys.filter(|key| entries.is_some_and(|entries| entries.contains(key))).collect()
    }

    #[test]
    fn who_has_the_most_gives_what_it_used_longest_ago() {
        let mut table = Fair::new(6);
        for key in 0..4 {
            table.put(&'a', key, 0);
        }
        table.put(&'b', 0, 0);
        table.put(&'b', 1, 0);
        assert!(table.get_mut(&'a', &0).is_some());
        table.put(&'c', 0, 0);
        assert_eq!(kept(&table, 'a', 0..4), [0, 2, 3]);
        assert_eq!((table.len(), table.evicted), (6, 1));
    }

    #[test]
    fn a_flood_of_one_group_or_of_many_young_ones_spares_the_others() {
        let mut table = Fair::new(8);
        for key in 0..3 {
            table.put(&'a', key, 0);
        }
        for key in 0..1_000 {
            table.put(&'f', key, 0);
        }
        assert_eq!((kept(&table, 'a', 0..3).len(), table.len()), (3, 8));
        let mut table = Fair::new(8);
        table.put(&0, 0, 0);
        for group in 1..1_000 {
            table.put(&group, 0, 0);
        }
        assert!(table.get_mut(&0, &0).is_some());
        assert_eq!((table.len(), table.groups.len(), table.sizes.len()), (8, 8, 8));
    }

    #[test]
    fn what_is_swept_or_taken_out_leaves_no_trace() {
        let mut table = Fair::new(8);
        for key in 0..4 {
            table.put(&'a', key, key);
            table.put(&'b', key, 9);
        }
        table.put(&'a', 3, 7);
        table.sweep(|value| *value < 7);
        assert_eq!((kept(&table, 'a', 0..4), table.len()), (vec![3], 5));
        table.remove(&'a', &3);
        table.remove(&'a', &3);
        table.sweep(|_| true);
        assert_eq!((table.len(), table.groups.len(), table.sizes.len()), (0, 0, 0));
        assert_eq!(table.evicted, 0);
    }
}
