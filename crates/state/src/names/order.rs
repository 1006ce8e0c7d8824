//! Lists of numbered places, any of which is taken out or put at the end in constant time.
//!
//! A place is in one list at most. The links between neighbours lie in one array for all lists, so that a list
//! is no more than its two ends.

/// No place.
const NONE: u32 = u32::MAX;

/// Its neighbours in the list that it is in.
#[derive(Clone, Copy, Debug)]
struct Link {
    before: u32,
    after: u32,
}

/// The neighbours of all places.
#[derive(Debug, Default)]
pub(super) struct Links(Vec<Link>);

/// The ends of a list.
#[derive(Debug)]
pub(super) struct List {
    first: u32,
    last: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl Links {
    /// Bytes of the neighbours of a place.
    pub(super) const LINK: usize = size_of::<Link>();

    /// The places up to `place` have neighbours from now on.
    pub(super) fn cover(&mut self, place: u32) {
        let wanted = place as usize + 1;
        if self.0.len() < wanted {
            self.0.resize(wanted, Link { before: NONE, after: NONE });
        }
    }
    /// Bytes of memory.
    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Link>()
    }
    fn get(&self, place: u32) -> Link {
        self.0.get(place as usize).copied().unwrap_or(Link { before: NONE, after: NONE })
    }
    fn set_before(&mut self, place: u32, before: u32) {
        if let Some(link) = self.0.get_mut(place as usize) {
            link.before = before;
        }
    }
    fn set_after(&mut self, place: u32, after: u32) {
        if let Some(link) = self.0.get_mut(place as usize) {
            link.after = after;
        }
    }
}

impl List {
    /// The place that has been in it for longest.
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }
    /// Its places in their order.
    pub(super) fn iter(&self, links: &Links) -> impl Iterator<Item = u32> {
        let mut next = self.first;
        std::iter::from_fn(move || {
            let place = next;
            next = links.get(place).after;
            (place != NONE).then_some(place)
        })
    }
    /// Puts a place that is in no list at the end.
    pub(super) fn push(&mut self, links: &mut Links, place: u32) {
        links.set_before(place, self.last);
        links.set_after(place, NONE);
        if self.last == NONE {
            self.first = place;
        } else {
            links.set_after(self.last, place);
        }
        self.last = place;
    }
    /// Takes out a place that is in this list.
    pub(super) fn remove(&mut self, links: &mut Links, place: u32) {
        let Link { before, after } = links.get(place);
        if before == NONE {
            self.first = after;
        } else {
            links.set_after(before, after);
        }
        if after == NONE {
            self.last = before;
        } else {
            links.set_before(after, before);
        }
    }
    /// Puts a place that is in this list at its end.
    pub(super) fn renew(&mut self, links: &mut Links, place: u32) {
        if self.last != place {
            self.remove(links, place);
            self.push(links, place);
        }
    }
}
