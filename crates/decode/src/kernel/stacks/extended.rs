//! The stack that an event of a manifest carries as an extended item.
//!
//! ```text
//! kind 5, 6         u64 match id | addresses of 32 or 64 bits, as many as there are
//! kind 0x11, 0x12   u64 match id | key of 32 or 64 bits: a stack that the kernel keeps
//! ```
//!
//! A match id of 0 says that the stack is whole. Else the rest of it comes as a record of its own, with
//! the match id in the place of the event's time.

use etwatch_event::{ExtendedItem, RawRecord};

/// What an event carries of its stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedStack<'a> {
    /// 0 if it is whole; else what the rest of it is found by.
    pub match_id: u64,
    /// The stack that the kernel keeps; without one, the item has the addresses.
    pub key: Option<u64>,
    /// Addresses of `width` bytes.
    addresses: &'a [u8],
    width: usize,
}

impl<'a> ExtendedStack<'a> {
    /// That of a record; `None` if it has none, or one that is too short to say anything.
    #[must_use]
    pub fn of(record: &RawRecord<'a>) -> Option<Self> {
        record.items().find_map(|ExtendedItem { kind, data }| {
            let (is_key, width) = match kind {
                ExtendedItem::STACK_32 => (false, 4),
                ExtendedItem::STACK_64 => (false, 8),
                ExtendedItem::STACK_KEY_32 => (true, 4),
                ExtendedItem::STACK_KEY_64 => (true, 8),
                _ => return None,
            };
            let (match_id, rest) = data.split_first_chunk()?;
            let match_id = u64::from_le_bytes(*match_id);
            let key = if is_key { Some(number(rest.get(..width)?)) } else { None };
            let addresses = if is_key { &[] } else { rest };
            Some(Self { match_id, key, addresses, width })
        })
    }

    /// Addresses of code, from the innermost call outwards; none if it has a key. Bytes that are too few for an
    /// address are left out.
    pub fn addresses(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.addresses.chunks_exact(self.width).map(number)
    }
}

/// A number of at most 8 bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use etwatch_event::raw::push_item;

    use super::*;

    fn told(kind: u16, data: &[u8]) -> Option<(u64, Option<u64>, Vec<u64>)> {
        let mut extended = Vec::new();
        push_item(&mut extended, ExtendedItem::SID, &[1], false);
        push_item(&mut extended, kind, data, true);
        let record = RawRecord { extended: &extended, ..RawRecord::default() };
        let stack = ExtendedStack::of(&record)?;
        Some((stack.match_id, stack.key, stack.addresses().collect()))
    }

    #[test]
    fn each_kind_of_item_is_read() {
        let data = [7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x80, 2, 0, 0, 0, 9];
        assert_eq!(told(ExtendedItem::STACK_32, &data), Some((7, None, vec![0x8000_0001, 2])));
        assert_eq!(told(ExtendedItem::STACK_64, &data), Some((7, None, vec![0x2_8000_0001])));
        assert_eq!(told(ExtendedItem::STACK_KEY_32, &data), Some((7, Some(0x8000_0001), vec![])));
        assert_eq!(told(ExtendedItem::STACK_KEY_64, &data), Some((7, Some(0x2_8000_0001), vec![])));
        assert_eq!(told(ExtendedItem::EVENT_KEY, &data), None);
    }

    #[test]
    fn an_item_that_is_too_short_is_none() {
        for kind in [ExtendedItem::STACK_64, ExtendedItem::STACK_KEY_64] {
            for length in 0..8 {
                assert_eq!(told(kind, &[1; 7][..length.min(7)]), None, "{kind} {length}");
            }
        }
        assert_eq!(told(ExtendedItem::STACK_KEY_64, &[0; 15]), None);
        assert_eq!(told(ExtendedItem::STACK_64, &[0; 15]), Some((0, None, vec![])));
    }
}
