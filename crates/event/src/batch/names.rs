//! Lists of names that the rows of a batch share.
//!
//! Records of a kind share a list of names ([`FieldNames`]), and so do the events they become: a row says which
//! list is its own, a field that no table knows which name of it. A batch keeps each list once; its number is
//! found by the address of the list, which stays where it is while the batch has it.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::names::FieldNames;

/// Number of a list in its batch; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListNumber(u32);

/// The lists of a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedNames {
    lists: Vec<Arc<FieldNames>>,
    by_address: HashMap<usize, ListNumber>,
}

impl SharedNames {
    pub(crate) fn clear(&mut self) {
        self.lists.clear();
        self.by_address.clear();
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        self.lists.capacity() * size_of::<Arc<FieldNames>>() + self.by_address.allocation_size()
    }
    /// The list with this number.
    #[inline]
    pub(crate) fn get(&self, number: ListNumber) -> Option<&Arc<FieldNames>> {
        self.lists.get(number.0.checked_sub(1)? as usize)
    }
    /// The number of a list, which is kept if it is new.
    #[inline]
    pub(crate) fn add(&mut self, names: &Arc<FieldNames>) -> ListNumber {
        let Self { lists, by_address } = self;
        let number = by_address.entry(Arc::as_ptr(names).addr()).or_insert_with(|| {
            lists.push(Arc::clone(names));
            ListNumber(u32::try_from(lists.len()).unwrap_or(0))
        });
        *number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_kept_once() {
        let list = |name: &str| Arc::new([name].into_iter().collect::<FieldNames>());
        let (a, b) = (list("a"), list("a"));
        let mut shared = SharedNames::default();
        let numbers = [&a, &b, &a, &b].map(|names| shared.add(names));
        assert_eq!((numbers[0], numbers[1]), (numbers[2], numbers[3]));
        assert!(shared.get(numbers[1]).is_some_and(|names| Arc::ptr_eq(names, &b)));
        assert!(shared.get(ListNumber::default()).is_none());
        shared.clear();
        assert!(shared.get(numbers[0]).is_none());
        assert_eq!(Arc::strong_count(&a), 1);
    }
}
