//! Items in numbered places; a place that became free is used again.
//!
//! A place counts how often it was emptied, its *generation*, so that a number kept from an earlier item
//! does not find the one that came after it. Free places form a chain through themselves: taking and giving
//! back a place is a few writes. The memory grows by small chunks that stay where they are: little is wasted,
//! and no event waits until all items have been moved to a larger place.

use serde::{Deserialize, Serialize};

/// No place.
pub(crate) const NONE: u32 = u32::MAX;

/// Places that are made at a time.
const CHUNK: usize = 64;

/// Items in numbered places.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Place<T>>>,
    first_free: u32,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    next_free: u32,
    item: Option<T>,
}

/// The places of a slab without their items.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedPlaces {
    generations: Vec<u32>,
    /// In the order in which they are used again.
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), first_free: NONE }
    }
}

impl<T> Slab<T> {
    /// Bytes of a place, with its share of what finds the chunks.
    pub(crate) const PLACE: usize = size_of::<Place<T>>() + 1;

    #[inline]
    fn place(&self, index: u32) -> Option<&Place<T>> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }
    fn place_mut(&mut self, index: u32) -> Option<&mut Place<T>> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }
    /// Puts an item into a free place.
    pub(crate) fn insert(&mut self, item: T) -> u32 {
        let index = self.first_free;
        if let Some(place) = self.place_mut(index) {
            let next_free = place.next_free;
            place.item = Some(item);
            self.first_free = next_free;
            return index;
        }
        let place = Place { generation: 0, next_free: NONE, item: Some(item) };
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let Some(chunk) = self.chunks.last_mut() else { return NONE };
        chunk.push(place);
        u32::try_from(before + chunk.len() - 1).unwrap_or(NONE)
    }
    /// Empties a place.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let first_free = self.first_free;
        let place = self.place_mut(index)?;
        let item = place.item.take()?;
        place.generation = place.generation.wrapping_add(1);
        place.next_free = first_free;
        self.first_free = index;
        Some(item)
    }
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.place(index)?.item.as_ref()
    }
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.place_mut(index)?.item.as_mut()
    }
    /// The number behind that of the last place.
    pub(crate) fn end(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        u32::try_from(full + self.chunks.last().map_or(0, Vec::len)).unwrap_or(NONE)
    }
    /// How often the place was emptied.
    pub(crate) fn generation(&self, index: u32) -> u32 {
        self.place(index).map_or(0, |place| place.generation)
    }
    /// All items, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().filter_map(|place| place.item.as_ref())
    }
    /// The places, of which `restored` makes a slab that gives its items the same numbers and generations.
    pub(crate) fn saved(&self) -> SavedPlaces {
        let places = self.chunks.iter().flatten();
        let generations: Vec<u32> = places.map(|place| place.generation).collect();
        let mut free = Vec::new();
        let mut next = self.first_free;
        while let Some(place) = self.place(next).filter(|_| free.len() < generations.len()) {
            free.push(next);
            next = place.next_free;
        }
        SavedPlaces { generations, free }
    }
    /// A slab with these places, of which the first `most` are there, and items in some of them: of several in one
    /// the first.
    pub(crate) fn restored(
        saved: &SavedPlaces,
        most: usize,
        items: impl Iterator<Item = (u32, T)>,
    ) -> Self {
        let mut slab = Self::default();
        let generations: Vec<u32> = saved.generations.iter().copied().take(most).collect();
        for chunk in generations.chunks(CHUNK) {
            let mut places = Vec::with_capacity(CHUNK);
            places.extend(chunk.iter().map(|generation| Place {
                generation: *generation,
                next_free: NONE,
                item: None,
            }));
            slab.chunks.push(places);
        }
        for (index, item) in items {
            if let Some(place) = slab.place_mut(index).filter(|place| place.item.is_none()) {
                place.item = Some(item);
            }
        }
        let mut is_free: Vec<bool> =
            slab.chunks.iter().flatten().map(|place| place.item.is_none()).collect();
        let told = saved.free.iter().copied();
        let others = (0..).take(is_free.len());
        let mut free: Vec<u32> = told.chain(others).collect();
        free.retain(|index| is_free.get_mut(*index as usize).is_some_and(std::mem::take));
        for index in free.into_iter().rev() {
            let next_free = std::mem::replace(&mut slab.first_free, index);
            if let Some(place) = slab.place_mut(index) {
                place.next_free = next_free;
            }
        }
        slab
    }
    /// Bytes of memory that the places take.
    pub(crate) fn heap_bytes(&self) -> usize {
        let chunks = self.chunks.capacity() * size_of::<Vec<Place<T>>>();
        chunks + self.chunks.len() * CHUNK * size_of::<Place<T>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again_in_another_generation() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert("a"), slab.insert("b"));
        let before = slab.generation(a);
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!((slab.remove(a), slab.get(a), slab.iter().count()), (None, None, 1));
        assert_eq!(slab.insert("c"), a);
        assert_ne!(slab.generation(a), before);
        assert_eq!((slab.get(a), slab.get(b), slab.get(NONE)), (Some(&"c"), Some(&"b"), None));
        let many: Vec<u32> = (0..CHUNK * 3).map(|_| slab.insert("d")).collect();
        assert!(many.iter().zip(2_u32..).all(|(index, expected)| *index == expected));
        assert_eq!(slab.iter().count(), CHUNK * 3 + 2);
    }

    #[test]
    fn what_is_restored_goes_on_as_what_was_saved() {
        const FULL: u32 = 64;
        assert_eq!(FULL as usize, CHUNK);
        let mut slab = Slab::default();
        (0..FULL + 6).for_each(|item| {
            slab.insert(item);
        });
        for index in [3, 60, 5, FULL + 2] {
            slab.remove(index);
        }
        slab.insert(100);
        let items: Vec<(u32, u32)> =
            (0..FULL + 6).filter_map(|index| slab.get(index).map(|item| (index, *item))).collect();
        let mut other = Slab::restored(&slab.saved(), 1_000, items.into_iter());
        for round in 0..10 {
            assert_eq!(slab.saved(), other.saved());
            assert!(slab.iter().eq(other.iter()));
            assert_eq!(slab.insert(round), other.insert(round));
        }
    }

    #[test]
    fn places_that_make_no_sense_are_left_out() {
        let saved = SavedPlaces { generations: vec![7; 4], free: vec![1, 1, 9, 0, NONE] };
        let items = [(0, "a"), (0, "b"), (3, "c"), (12, "d")];
        let mut slab = Slab::restored(&saved, 3, items.into_iter());
        assert_eq!(slab.iter().collect::<Vec<_>>(), [&"a"]);
        assert_eq!([slab.insert("x"), slab.insert("y"), slab.insert("z")], [1, 2, 3]);
    }
}
