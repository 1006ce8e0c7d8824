//! The groups of all correlations, and what they take together.
//!
//! Whether there is room is asked for each group that begins. So the bytes of all are kept up with each change:
//! adding them up would cost the more, the more correlations there are.

use crate::groups::Groups;

/// The groups of all correlations, in the order of the plan.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    all: Vec<Groups>,
    /// Bytes of memory of all of them.
    bytes: usize,
}

impl Memory {
    /// Nothing is remembered of so many correlations.
    pub(crate) fn new(count: usize) -> Self {
        all_of(vec![Groups::default(); count])
    }
    /// Bytes of memory of all groups.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Groups> {
        self.all.iter()
    }
    /// Changes the groups of a correlation, if there is one with this index.
    pub(crate) fn change<T>(
        &mut self,
        index: usize,
        change: impl FnOnce(&mut Groups) -> T,
    ) -> Option<T> {
        let groups = self.all.get_mut(index)?;
        let before = groups.bytes();
        let result = change(groups);
        self.bytes = (self.bytes + groups.bytes()).saturating_sub(before);
        Some(result)
    }
    /// Goes on with other correlations: `moved` says for each that was which it is now, if it is one. Returns how many
    /// groups of those that are none any more had gone for want of room.
    pub(crate) fn renumber(&mut self, moved: &[Option<usize>], count: usize) -> u64 {
        let mut all = vec![Groups::default(); count];
        let mut evicted = 0;
        for (groups, index) in std::mem::take(&mut self.all).into_iter().zip(moved) {
            match index.and_then(|index| all.get_mut(index)) {
                Some(place) => *place = groups,
                None => evicted += groups.evicted,
            }
        }
        *self = all_of(all);
        evicted
    }
}

fn all_of(all: Vec<Groups>) -> Memory {
    let bytes = all.iter().map(Groups::bytes).sum();
    Memory { all, bytes }
}
