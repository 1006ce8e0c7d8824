//! Items in numbered places; a place that became free is used again.
//!
//! A place counts how often it was emptied, its *generation*, so that a number kept from an earlier item
//! does not find the one that came after it. Free places form a chain through themselves: taking and giving
//! back a place is a few writes. The memory grows by small chunks that stay where they are: little is wasted,
//! and no event waits until all items have been moved to a larger place.

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

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), first_free: NONE }
    }
}

impl<T> Slab<T> {
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
    /// How often the place was emptied.
    pub(crate) fn generation(&self, index: u32) -> u32 {
        self.place(index).map_or(0, |place| place.generation)
    }
    /// All items, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().filter_map(|place| place.item.as_ref())
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
}
