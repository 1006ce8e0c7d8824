//! Items in numbered places; a place that became free is used again.
//!
//! A place counts how often it was emptied, its *generation*, so that a number kept from an earlier item
//! does not find the one that came after it. Free places form a chain through themselves: taking and giving
//! back a place is a few writes. The memory grows by an eighth at a time, which wastes little and moves each
//! item a few times at most.

/// No place.
pub(super) const NONE: u32 = u32::MAX;

/// Items in numbered places.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    first_free: u32,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    next_free: u32,
    item: Option<T>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), first_free: NONE }
    }
}

impl<T> Slab<T> {
    /// Puts an item into a free place.
    pub(super) fn insert(&mut self, item: T) -> u32 {
        let index = self.first_free;
        if let Some(place) = self.places.get_mut(index as usize) {
            self.first_free = place.next_free;
            place.item = Some(item);
            return index;
        }
        if self.places.len() == self.places.capacity() {
            self.places.reserve_exact((self.places.len() / 8).max(16));
        }
        let index = u32::try_from(self.places.len()).unwrap_or(NONE);
        self.places.push(Place { generation: 0, next_free: NONE, item: Some(item) });
        index
    }
    /// Empties a place.
    pub(super) fn remove(&mut self, index: u32) -> Option<T> {
        let place = self.places.get_mut(index as usize)?;
        let item = place.item.take()?;
        place.generation = place.generation.wrapping_add(1);
        place.next_free = self.first_free;
        self.first_free = index;
        Some(item)
    }
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize)?.item.as_ref()
    }
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.places.get_mut(index as usize)?.item.as_mut()
    }
    /// How often the place was emptied.
    pub(super) fn generation(&self, index: u32) -> u32 {
        self.places.get(index as usize).map_or(0, |place| place.generation)
    }
    /// All items, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.item.as_ref())
    }
    /// Bytes of memory that the places take.
    pub(super) fn heap_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place<T>>()
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
    }
}
