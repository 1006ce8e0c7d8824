//! Literals at the begin, or at the end, of values.
//!
//! The outermost eight bytes of a value are one number; of a shorter literal as many of them count as it
//! has. For each length that occurs the number, cut to that length, is looked up in a table; what is found
//! there is compared with the value.

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
    /// The masks of the lengths that occur, with the lengths, up to that of a key.
    masks: Vec<(u64, usize)>,
    /// Open addressing; its size is a power of two.
    table: Vec<Place>,
    shift: u32,
    literals: Vec<Numbered>,
}

impl Ends {
    /// An index of these literals; empty ones can't be found.
    pub(super) fn new(mut literals: Vec<Numbered>, side: Side) -> Self {
        literals.retain(|(text, _)| !text.is_empty());
        let of = |text: &[u8]| {
            let length = text.len().min(KEY);
            outermost(text, side) & mask(length, side)
        };
        literals.sort_by_cached_key(|(text, number)| (of(text), *number));
        let mut ends = Self { side, literals, ..Self::default() };
        let mut lengths: Vec<usize> =
            ends.literals.iter().map(|(text, _)| text.len().min(KEY)).collect();
        lengths.sort_unstable();
        lengths.dedup();
        ends.masks = lengths.into_iter().map(|length| (mask(length, side), length)).collect();
        let size = (ends.literals.len() * 4).next_power_of_two().max(2);
        ends.shift = 64 - size.trailing_zeros();
        ends.table = vec![Place::default(); size];
        let mut from = 0;
        let keys: Vec<u64> = ends.literals.iter().map(|(text, _)| of(text)).collect();
        for same in keys.chunk_by(|one, next| one == next) {
            let to = from + u32::try_from(same.len()).unwrap_or(0);
            ends.insert(Place { key: same.first().copied().unwrap_or(0), from, to });
            from = to;
        }
        ends
    }

    pub(super) fn is_empty(&self) -> bool {
        self.literals.is_empty()
    }

    fn slot(&self, key: u64) -> usize {
        usize::try_from(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift).unwrap_or(0)
    }

    fn insert(&mut self, place: Place) {
        let last = self.table.len() - 1;
        let mut at = self.slot(place.key);
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
        let last = self.table.len().wrapping_sub(1);
        let mut at = self.slot(key);
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

    /// Calls `hit` with the number of each literal that the value begins, or ends, with.
    #[inline]
    pub(super) fn find(&self, value: &[u8], hit: &mut impl FnMut(u32)) {
        if self.masks.is_empty() {
            return;
        }
        let whole = outermost(value, self.side);
        for (mask, length) in &self.masks {
            if *length > value.len() {
                break;
            }
            for (text, number) in self.look_up(whole & mask) {
                let found = match self.side {
                    Side::Start => value.starts_with(text),
                    Side::End => value.ends_with(text),
                };
                if found {
                    hit(*number);
                }
            }
        }
    }
}

/// The outermost bytes as a number, as if zeros followed or came before.
#[inline]
fn outermost(value: &[u8], side: Side) -> u64 {
    let whole = match side {
        Side::Start => value.first_chunk::<KEY>(),
        Side::End => value.last_chunk::<KEY>(),
    };
    if let Some(whole) = whole {
        return u64::from_le_bytes(*whole);
    }
    let place = |(at, byte): (usize, &u8)| u64::from(*byte) << (8 * at);
    match side {
        Side::Start => value.iter().enumerate().map(place).sum(),
        Side::End => (KEY - value.len()..).zip(value).map(place).sum(),
    }
}

/// The bits of so many outermost bytes.
fn mask(length: usize, side: Side) -> u64 {
    let unused = 8 * (KEY - length.min(KEY));
    match side {
        Side::Start => u64::MAX >> unused,
        Side::End => u64::MAX << unused,
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
        let texts: Vec<String> =
            (1..20).map(|length| "abcdefghijklmnopqrstuv"[..length].to_owned()).collect();
        for side in [Side::Start, Side::End] {
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
        let mut both = found(&ends, "\0a");
        both.dedup();
        assert_eq!(both, [1, 2]);
    }
}
