//! Literals anywhere in values, by a window of some bytes each.
//!
//! Of each literal the window is taken that the fewest literals have. The text is read once: each of its
//! windows is looked for in a field of bits, which almost always says no; if not, in a table, and then the
//! literals of that window are compared with the text around it. No window has more than a few literals,
//! so that no text makes this dearer than that many comparisons a byte; literals beyond are handed back.
//!
//! Of a literal that is longer than its window two windows are taken, one at an even place of it and one at
//! an odd place: then every other window of a text suffices.
//!
//! If all literals have a byte that is rare in texts, such as the `=` before a digest, windows that begin
//! with it are taken, and the others of a text are passed over.

use crate::compile::bits::{Bits, top};
use crate::compile::literal::is_rare;

/// So many literals share a window at most.
const SHARED: usize = 8;
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

/// Finds literals by windows of `N` bytes, at most four, at every `STEP`th place of a text.
#[derive(Debug)]
pub(super) struct Windows<const N: usize, const STEP: usize> {
    /// The byte that all windows begin with.
    anchor: Option<u8>,
    bits: Bits,
    /// Open addressing; its size is a power of two.
    table: Vec<Place>,
    table_shift: u32,
    literals: Vec<Placed>,
}

#[inline]
fn number<const N: usize>(window: &[u8; N]) -> u32 {
    window.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// A rare byte with which a window of each literal begins.
fn anchor<const N: usize>(literals: &[Numbered<'_>]) -> Option<u8> {
    let begins = |text: &str, byte: u8| {
        text.as_bytes().array_windows::<N>().any(|w| w.first() == Some(&byte))
    };
    let (first, _) = literals.first()?;
    let candidates = first.bytes().filter(|byte| is_rare(*byte));
    candidates.into_iter().find(|byte| literals.iter().all(|(text, _)| begins(text, *byte)))
}

/// Spreads a window over all bits, of which the upper ones are used.
#[inline]
fn spread(window: u32) -> u64 {
    u64::from(window).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl<const N: usize, const STEP: usize> Windows<N, STEP> {
    /// An index of these literals, and those that it can't take; `None` instead of an empty one. `rarity`
    /// is the smaller, the rarer a window is thought to be.
    pub(super) fn new<'l>(
        literals: &[Numbered<'l>],
        rarity: &dyn Fn(&[u8]) -> u32,
    ) -> (Option<Self>, Vec<Numbered<'l>>) {
        let (mut placed, mut rest) = (Vec::new(), Vec::new());
        let anchor = anchor::<N>(literals);
        for (text, number) in literals {
            let bytes = text.as_bytes();
            let rarest = |step: usize| {
                let windows = bytes.array_windows::<N>().enumerate();
                let fitting = windows.filter(|(at, window)| match anchor {
                    Some(anchor) => window.first() == Some(&anchor),
                    None => at % STEP == step,
                });
                fitting.min_by_key(|(_, window)| rarity(window.as_slice())).map(|(at, _)| at)
            };
            let steps = if anchor.is_some() { 1 } else { STEP };
            let places: Option<Vec<usize>> = (0..steps).map(rarest).collect();
            let Some(places) = places else {
                rest.push((*text, *number));
                continue;
            };
            let place = |at| Placed { text: bytes.into(), at, number: *number };
            placed.extend(places.into_iter().map(place));
        }
        let window = |one: &Placed| {
            let window = one.text.get(one.at..).and_then(|text| text.first_chunk::<N>());
            window.map_or(0, self::number)
        };
        placed.sort_by_key(|one| (window(one), one.number));
        let mut beyond = Vec::new();
        for same in placed.chunk_by(|one, next| window(one) == window(next)) {
            beyond.extend(same.iter().skip(SHARED).map(|one| one.number));
        }
        beyond.sort_unstable();
        let is_beyond = |number: u32| beyond.binary_search(&number).is_ok();
        placed.retain(|one| !is_beyond(one.number));
        rest.extend(literals.iter().filter(|(_, number)| is_beyond(*number)));
        if placed.is_empty() {
            return (None, rest);
        }
        let size = (placed.len() * 4).next_power_of_two();
        let mut windows = Self {
            anchor,
            bits: Bits::new(placed.len()),
            table: vec![Place::default(); size],
            table_shift: 64 - size.trailing_zeros(),
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
        self.bits.set(spread);
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
        let mut look = |place: usize, window: u32| {
            let spread = spread(window);
            if self.bits.has(spread) {
                self.compare(window, spread, text, place, hit);
            }
        };
        if let Some(anchor) = self.anchor {
            for place in memchr::memchr_iter(anchor, text) {
                if let Some(window) = text.get(place..).and_then(|rest| rest.first_chunk::<N>()) {
                    look(place, number(window));
                }
            }
            return;
        }
        let mut place = 0;
        while let Some(window) = text.get(place..).and_then(|rest| rest.first_chunk::<N>()) {
            look(place, number(window));
            place += STEP;
        }
    }

    /// Compares the literals of a window with the text in which it stands at `place`.
    #[inline(never)]
    fn compare(
        &self,
        window: u32,
        spread: u64,
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

    fn found<const N: usize, const STEP: usize>(
        windows: &Windows<N, STEP>,
        text: &str,
    ) -> Vec<u32> {
        let mut found = Vec::new();
        windows.find(text.as_bytes(), &mut |number| found.push(number));
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn literals_are_found_wherever_their_window_stands_and_those_beyond_are_handed_back() {
        let many: Vec<String> = (0..20).map(|number| format!("same{number:02}")).collect();
        let mut texts = vec!["abc", "abcd", "bcdef", "xxabcdxx", "aaaaa", "\\cmd.exe"];
        texts.extend(many.iter().map(String::as_str));
        let literals: Vec<Numbered<'_>> = texts.iter().copied().zip(0..).collect();
        let rarity = |window: &[u8]| u32::from(window != b"same");
        let (windows, rest) = Windows::<4, 2>::new(&literals, &rarity);
        let windows = windows.unwrap();
        let mut rest: Vec<u32> = rest.iter().map(|(_, number)| *number).collect();
        rest.sort_unstable();
        assert_eq!(rest[..2], [0, 1], "too short");
        assert_eq!(rest.len(), 2 + many.len() - SHARED, "so many share a window");
        for text in [
            "",
            "ab",
            "abcde",
            "zabcdefg",
            "zxxabcdxx",
            "yzxxabcdxx",
            "aaaaaa",
            "c:\\cmd.exe",
            "same03same19",
        ] {
            let there = |(literal, number): &&Numbered<'_>| {
                text.contains(literal) && !rest.contains(number)
            };
            let expected: Vec<u32> = literals.iter().filter(there).map(|one| one.1).collect();
            assert_eq!(found(&windows, text), expected, "{text}");
        }
    }

    #[test]
    fn digests_are_looked_for_behind_their_sign_alone() {
        let literals = [("md5=0123", 0), ("sha1=abcd", 1), ("=ffff", 2)];
        let (windows, rest) = Windows::<4, 2>::new(&literals, &|_| 0);
        let windows = windows.unwrap();
        assert_eq!((windows.anchor, rest.len()), (Some(b'='), 0));
        assert_eq!(found(&windows, "md5=0123,sha1=abcd"), [0, 1]);
        assert_eq!(found(&windows, "md5=01,x=ffff=ab"), [2]);
    }

    #[test]
    fn short_windows_find_short_literals() {
        let literals = [("/c", 0), ("\u{e9}", 1), ("xy", 2)];
        let (windows, rest) = Windows::<2, 1>::new(&literals, &|_| 0);
        assert!(rest.is_empty());
        assert_eq!(found(&windows.unwrap(), "a /c caf\u{e9}x"), [0, 1]);
    }
}
