//! Literals anywhere in values, by a window of four bytes each.
//!
//! Of each literal the window is taken that the fewest literals have. The text is read once: each of its
//! windows is looked for in a field of bits, which almost always says no; if not, in a table, and then the
//! literals of that window are compared with the text around it. No window has more than a few literals,
//! so that no text makes this dearer than that many comparisons a byte; literals beyond are handed back.

/// Bytes of a window.
pub(super) const WINDOW: usize = 4;
/// So many literals share a window at most.
const SHARED: usize = 8;
/// Bits for each literal, so that few windows pass by chance.
const BITS: usize = 64;
/// The most bits: they should stay in the cache nearest to the processor.
const MOST_BITS: usize = 1 << 18;

/// A text and its number.
pub(super) type Numbered<'l> = (&'l str, u32);

/// A literal and where in it its window stands.
#[derive(Debug)]
struct Placed {
    text: Box<[u8]>,
    at: usize,
    number: u32,
}

/// A place of the table: a window and its literals, from one to another; empty if there are none.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    window: u32,
    from: u32,
    to: u32,
}

/// Finds literals of at least [`WINDOW`] bytes.
#[derive(Debug)]
pub(super) struct Windows {
    bits: Vec<u64>,
    bits_shift: u32,
    /// Open addressing; its size is a power of two.
    table: Vec<Place>,
    table_shift: u32,
    literals: Vec<Placed>,
}

fn number(window: &[u8]) -> u32 {
    window.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Spreads a window over all bits, of which the upper ones are used.
#[inline]
fn spread(window: u32) -> u32 {
    window.wrapping_mul(0x9e37_79b1)
}

#[inline]
fn top(spread: u32, shift: u32) -> usize {
    (spread >> shift) as usize
}

impl Windows {
    /// An index of these literals, and those that it can't take; `None` instead of an empty one. `rarity`
    /// is the smaller, the rarer a window is thought to be.
    pub(super) fn new<'l>(
        literals: &[Numbered<'l>],
        rarity: &dyn Fn(&[u8]) -> u32,
    ) -> (Option<Self>, Vec<Numbered<'l>>) {
        let (mut placed, mut rest) = (Vec::new(), Vec::new());
        for (text, number) in literals {
            let bytes = text.as_bytes();
            let windows = bytes.windows(WINDOW).enumerate();
            match windows.min_by_key(|(_, window)| rarity(window)) {
                Some((at, _)) => placed.push(Placed { text: bytes.into(), at, number: *number }),
                None => rest.push((*text, *number)),
            }
        }
        let window = |one: &Placed| one.text.get(one.at..one.at + WINDOW).map_or(0, self::number);
        placed.sort_by_key(|one| (window(one), one.number));
        let mut run = (0, 0);
        placed.retain(|one| {
            run = if run.0 == window(one) { (run.0, run.1 + 1) } else { (window(one), 1) };
            run.1 <= SHARED
        });
        let mut kept: Vec<u32> = placed.iter().map(|one| one.number).collect();
        kept.sort_unstable();
        let left = |(text, number): &&Numbered<'_>| {
            text.len() >= WINDOW && kept.binary_search(number).is_err()
        };
        rest.extend(literals.iter().filter(left));
        if placed.is_empty() {
            return (None, rest);
        }
        let bits = (placed.len() * BITS).next_power_of_two().clamp(64, MOST_BITS);
        let size = (placed.len() * 4).next_power_of_two();
        let mut windows = Self {
            bits: vec![0; bits / 64],
            bits_shift: 32 - bits.trailing_zeros(),
            table: vec![Place::default(); size],
            table_shift: 32 - size.trailing_zeros(),
            literals: Vec::new(),
        };
        let numbers: Vec<u32> = placed.iter().map(window).collect();
        windows.literals = placed;
        let mut from = 0;
        for same in numbers.chunk_by(|one, next| one == next) {
            let to = from + u32::try_from(same.len()).unwrap_or(0);
            windows.insert(Place { window: same.first().copied().unwrap_or(0), from, to });
            from = to;
        }
        (Some(windows), rest)
    }

    fn insert(&mut self, place: Place) {
        let spread = spread(place.window);
        let bit = top(spread, self.bits_shift);
        if let Some(word) = self.bits.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
        let last = self.table.len() - 1;
        let mut at = top(spread, self.table_shift);
        while let Some(here) = self.table.get_mut(at) {
            if here.from == here.to {
                *here = place;
                return;
            }
            at = (at + 1) & last;
        }
    }

    /// Calls `hit` with the number of each literal, each time that it stands in the text.
    #[inline]
    pub(super) fn find(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        for (place, window) in text.array_windows::<WINDOW>().enumerate() {
            let window = u32::from_le_bytes(*window);
            let spread = spread(window);
            let bit = top(spread, self.bits_shift);
            let word = self.bits.get(bit / 64).copied().unwrap_or(0);
            if word >> (bit % 64) & 1 == 1 {
                self.compare(window, spread, text, place, hit);
            }
        }
    }

    /// Compares the literals of a window with the text in which it stands at `place`.
    #[inline(never)]
    fn compare(
        &self,
        window: u32,
        spread: u32,
        text: &[u8],
        place: usize,
        hit: &mut impl FnMut(u32),
    ) {
        let last = self.table.len() - 1;
        let mut at = top(spread, self.table_shift);
        while let Some(here) = self.table.get(at) {
            if here.from == here.to {
                return;
            }
            if here.window == window {
                let literals = self.literals.get(here.from as usize..here.to as usize);
                for literal in literals.unwrap_or_default() {
                    let from = place.checked_sub(literal.at);
                    let there = from.and_then(|from| text.get(from..from + literal.text.len()));
                    if there == Some(&literal.text) {
                        hit(literal.number);
                    }
                }
                return;
            }
            at = (at + 1) & last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_wherever_their_window_stands_and_those_beyond_are_handed_back() {
        let many: Vec<String> = (0..20).map(|number| format!("same{number:02}")).collect();
        let mut texts = vec!["abc", "abcd", "bcde", "xxabcdxx", "aaaa", "\\cmd.exe"];
        texts.extend(many.iter().map(String::as_str));
        let literals: Vec<Numbered<'_>> = texts.iter().copied().zip(0..).collect();
        let rarity = |window: &[u8]| u32::from(window != b"same");
        let (windows, rest) = Windows::new(&literals, &rarity);
        let windows = windows.unwrap();
        let rest: Vec<u32> = rest.iter().map(|(_, number)| *number).collect();
        assert_eq!(rest[0], 0, "too short");
        assert_eq!(rest.len(), 1 + many.len() - SHARED, "so many share a window");
        for text in ["", "ab", "abcd", "zabcde", "xxabcdxx", "aaaaa", "c:\\cmd.exe", "same03same19"]
        {
            let mut found = Vec::new();
            windows.find(text.as_bytes(), &mut |number| found.push(number));
            found.sort_unstable();
            found.dedup();
            let there = |(literal, number): &&Numbered<'_>| {
                text.contains(literal) && !rest.contains(number)
            };
            let expected: Vec<u32> = literals.iter().filter(there).map(|one| one.1).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
