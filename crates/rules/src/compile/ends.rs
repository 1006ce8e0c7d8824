//! Literals at the begin, or at the end, of values, or that are the whole value.
//!
//! The outermost eight bytes of a value are one number; of a shorter literal as many of them count as it
//! has. For each length that occurs the number, cut to that length, is looked up in a table; what is found
//! there is compared with the value. For whole values both ends and the length make one number.

use crate::compile::bits::{Bits, top};

/// Bytes of a key.
const KEY: usize = 8;

/// A literal and its number.
type Numbered = (Box<[u8]>, u32);

/// Which end of values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Side {
    /// Where they begin.
    #[default]
    Start,
    /// Where they end.
    End,
    /// Both: the whole value.
    Whole,
}

/// A place of the table: a key and its literals, from one to another; empty if there are none.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: u64,
    from: u32,
    to: u32,
}

/// Finds literals at one side of values.
#[derive(Debug, Default)]
pub(super) struct Ends {
    side: Side,
    /// A bit for each length that occurs, from 0; the last bit is for all that are longer.
    lengths: u64,
    /// A few bits for each literal, so that most keys need no look at the table.
    bits: Bits,
    shift: u32,
    /// Open addressing; its size is a power of two.
    table: Box<[Place]>,
    literals: Box<[Numbered]>,
}

impl Ends {
    /// An index of these literals; empty ones can't be found at an end.
    pub(super) fn new(mut literals: Vec<Numbered>, side: Side) -> Self {
        literals.retain(|(text, _)| side == Side::Whole || !text.is_empty());
        let of = |text: &[u8]| match side {
            Side::Whole => whole(text),
            _ => outermost(text, side) & mask(text.len(), side),
        };
        literals.sort_by_cached_key(|(text, number)| (of(text), *number));
        let length =
            |text: &[u8]| if side == Side::Whole { text.len() } else { text.len().min(KEY) };
        let lengths = literals.iter().fold(0, |bits, (text, _)| bits | length_bit(length(text)));
        let size = (literals.len() * 2).next_power_of_two().max(2);
        let keys: Vec<u64> = literals.iter().map(|(text, _)| of(text)).collect();
        let mut ends = Self {
            side,
            lengths,
            bits: Bits::new(literals.len()),
            shift: 64 - size.trailing_zeros(),
            table: vec![Place::default(); size].into(),
            literals: literals.into(),
        };
        let mut from = 0;
        for same in keys.chunk_by(|one, next| one == next) {
            let to = from + u32::try_from(same.len()).unwrap_or(0);
            ends.insert(Place { key: same.first().copied().unwrap_or(0), from, to });
            from = to;
        }
        ends
    }

    /// A bit for each length that occurs, up to that of a key for ends.
    pub(super) fn lengths(&self) -> u64 {
        self.lengths
    }

    fn insert(&mut self, place: Place) {
        let last = self.table.len() - 1;
        let spread = spread(place.key);
        self.bits.set(spread);
        let mut at = top(spread, self.shift);
        while let Some(here) = self.table.get_mut(at) {
            if here.from == here.to {
                *here = place;
                return;
            }
            at = (at + 1) & last;
        }
    }

    #[inline]
    fn look_up(&self, key: u64) -> &[Numbered] {
        let spread = spread(key);
        if !self.bits.has(spread) {
            return &[];
        }
        let last = self.table.len().wrapping_sub(1);
        let mut at = top(spread, self.shift);
        while let Some(here) = self.table.get(at) {
            if here.from == here.to {
                break;
            }
            if here.key == key {
                return self.literals.get(here.from as usize..here.to as usize).unwrap_or_default();
            }
            at = (at + 1) & last;
        }
        &[]
    }

    /// Calls `hit` with the number of each literal that the value begins or ends with, or is.
    #[inline]
    pub(super) fn find(&self, value: &[u8], hit: &mut impl FnMut(u32)) {
        if self.side == Side::Whole {
            if self.lengths & whole_length(value) != 0 {
                self.compare(whole(value), value.len(), value, hit);
            }
            return;
        }
        let mut lengths = self.lengths & end_lengths(value);
        if lengths == 0 {
            return;
        }
        let whole = outermost(value, self.side);
        while lengths != 0 {
            let length = lengths.trailing_zeros() as usize;
            lengths &= lengths - 1;
            self.compare(whole & mask(length, self.side), length, value, hit);
        }
    }

    /// Tells the literals of a key, which was made of so many bytes of the value.
    #[inline]
    fn compare(&self, key: u64, length: usize, value: &[u8], hit: &mut impl FnMut(u32)) {
        for (text, number) in self.look_up(key) {
            let found = match self.side {
                Side::Whole => value == &**text,
                // The key has all bytes of a literal that is no longer than it.
                _ if text.len() <= KEY => text.len() == length,
                Side::Start => value.starts_with(text),
                Side::End => value.ends_with(text),
            };
            if found {
                hit(*number);
            }
        }
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// The bit of literals that may be the whole value.
#[inline]
pub(super) fn whole_length(value: &[u8]) -> u64 {
    length_bit(value.len())
}

/// The bits of literals that may stand at an end of the value.
#[inline]
pub(super) fn end_lengths(value: &[u8]) -> u64 {
    length_bit(value.len().min(KEY) + 1) - 1
}

/// Spreads a key over all bits, of which the upper ones are used.
#[inline]
fn spread(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Both ends and the length as one number.
#[inline]
fn whole(value: &[u8]) -> u64 {
    let length = (value.len() as u64).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = outermost(value, Side::Start) ^ length;
    mixed.wrapping_mul(0xc4ce_b9fe_1a85_ec53).rotate_left(29) ^ outermost(value, Side::End)
}

/// The outermost bytes as a number, as if zeros followed or came before.
#[inline]
fn outermost(value: &[u8], side: Side) -> u64 {
    let whole = match side {
        Side::Start => value.first_chunk::<KEY>(),
        Side::End | Side::Whole => value.last_chunk::<KEY>(),
    };
    if let Some(whole) = whole {
        return u64::from_le_bytes(*whole);
    }
    let place = |(at, byte): (usize, &u8)| u64::from(*byte) << (8 * at);
    match side {
        Side::Start => value.iter().enumerate().map(place).sum(),
        Side::End | Side::Whole => (KEY - value.len()..).zip(value).map(place).sum(),
    }
}

/// The bits of so many outermost bytes, of at least one.
#[inline]
fn mask(length: usize, side: Side) -> u64 {
    let unused = 8 * (KEY - length.min(KEY));
    match side {
        Side::Start => u64::MAX >> unused,
        Side::End | Side::Whole => u64::MAX << unused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ends: &Ends, value: &str) -> Vec<u32> {
        let mut numbers = Vec::new();
        ends.find(value.as_bytes(), &mut |number| numbers.push(number));
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn literals_of_every_length_are_found_at_their_side_alone() {
        let letters = "abcdefghijklmnopqrstuv";
        let texts: Vec<String> =
            (1..20).map(|length| letters.chars().take(length).collect()).collect();
        for side in [Side::Start, Side::End, Side::Whole] {
            let numbered = (0..).zip(&texts).map(|(number, text)| (text.as_bytes().into(), number));
            let ends = Ends::new(numbered.collect(), side);
            for value in
                ["", "a", "abc", "abcdefgh", "xabc", "abcx", "abcdefghijklmnopqrstuvwxyz", "cabc"]
            {
                let expected: Vec<u32> = (0..)
                    .zip(&texts)
                    .filter(|(_, text)| match side {
                        Side::Start => value.starts_with(text.as_str()),
                        Side::End => value.ends_with(text.as_str()),
                        Side::Whole => value == text.as_str(),
                    })
                    .map(|(number, _)| number)
                    .collect();
                assert_eq!(found(&ends, value), expected, "{value} {side:?}");
            }
        }
    }

    #[test]
    fn zeros_in_texts_are_bytes_like_others() {
        let ends = Ends::new(vec![(b"\0a"[..].into(), 1), (b"a"[..].into(), 2)], Side::End);
        assert_eq!(found(&ends, "a"), [2]);
        assert_eq!(found(&ends, "\0a"), [1, 2]);
    }
}
