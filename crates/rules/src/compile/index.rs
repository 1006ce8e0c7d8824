//! All literals that are looked for in one field, found in one pass over a value.
//!
//! | literal | found by |
//! |---|---|
//! | the whole value, its begin or end | a table of its outermost 8 bytes, see `ends` |
//! | within | few: a packed SIMD search says whether any is there; then, or if there are many, a table of windows, see `windows` |
//! | within, a single byte, or more of them than may share a window | an automaton over the bytes |
//!
//! Literals that are not ASCII are looked for apart, which values that are ASCII never enter.

use aho_corasick::{AhoCorasick, packed};
use memchr::memmem;

use crate::compile::ends::{self, Ends, Side};
use crate::compile::literal::{Literal, Place};
use crate::compile::windows::{Numbered, Windows};

/// Up to so many literals the packed search pays.
const PACKED_LIMIT: usize = 48;
/// It pays for texts of at least so many bytes, which its vectors have.
const PACKED_FROM: usize = 16;
/// Windows of shorter texts are read as soon as a packed search is begun.
const WINDOWS_UNTIL: usize = 48;
/// Finds literals in the values of one field; each has a number.
///
/// What says that there is nothing to do lies together, so that a field costs one cache line then.
#[derive(Default)]
pub struct FieldIndex {
    /// The lengths of literals in `tables`, see [`Ends::lengths`].
    whole: u64,
    starts: u64,
    ends: u64,
    tables: Box<Tables>,
    within: Option<Box<Scanner>>,
    within_not_ascii: Option<Box<Scanner>>,
    count: u32,
}

/// Literals that are bound to the ends of values.
#[derive(Default)]
struct Tables {
    whole: Ends,
    starts: Ends,
    ends: Ends,
}

impl std::fmt::Debug for FieldIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FieldIndex of {} literals", self.count)
    }
}

impl FieldIndex {
    /// An index of these literals, each of which is given once, with their numbers. `rarity` is the
    /// smaller, the rarer a window of four bytes is thought to be.
    #[must_use]
    pub fn new<'a>(
        literals: impl IntoIterator<Item = (&'a Literal, u32)>,
        rarity: &dyn Fn(&[u8]) -> u32,
    ) -> Self {
        let mut index = Self::default();
        let (mut whole, mut starts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ascii, mut other) = (Vec::new(), Vec::new());
        for (Literal { text, place }, number) in literals {
            index.count += 1;
            match place {
                Place::Whole => whole.push((text.as_bytes().into(), number)),
                Place::Start => starts.push((text.as_bytes().into(), number)),
                Place::End => ends.push((text.as_bytes().into(), number)),
                Place::Within if text.is_ascii() => ascii.push((text.as_str(), number)),
                Place::Within => other.push((text.as_str(), number)),
            }
        }
        let tables = Tables {
            whole: Ends::new(whole, Side::Whole),
            starts: Ends::new(starts, Side::Start),
            ends: Ends::new(ends, Side::End),
        };
        index.whole = tables.whole.lengths();
        index.starts = tables.starts.lengths();
        index.ends = tables.ends.lengths();
        index.tables = Box::new(tables);
        index.within = Scanner::new(&ascii, rarity).map(Box::new);
        index.within_not_ascii = Scanner::new(&other, rarity).map(Box::new);
        index
    }

    /// How many literals it looks for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether it looks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Calls `hit` with the number of each literal that the folded value has; some may be told twice.
    #[inline]
    pub fn find(&self, value: &str, is_ascii: bool, hit: &mut impl FnMut(u32)) {
        let bytes = value.as_bytes();
        if self.whole & ends::whole_length(bytes) != 0 {
            self.tables.whole.find(bytes, hit);
        }
        let lengths = ends::end_lengths(bytes);
        if self.starts & lengths != 0 {
            self.tables.starts.find(bytes, hit);
        }
        if self.ends & lengths != 0 {
            self.tables.ends.find(bytes, hit);
        }
        if let Some(scanner) = &self.within {
            scanner.find(bytes, hit);
        }
        if !is_ascii && let Some(scanner) = &self.within_not_ascii {
            scanner.find(bytes, hit);
        }
    }

    /// Whether some literals are tied to the ends of values, so that no text of many values tells.
    #[must_use]
    pub fn needs_each_value(&self) -> bool {
        self.whole | self.starts | self.ends != 0
    }

    /// Whether a text may have any literal in it that is looked for within values.
    #[must_use]
    pub fn may_have_within(&self, text: &str) -> bool {
        let may = |scanner: &Option<Box<Scanner>>| {
            scanner.as_ref().is_some_and(|scanner| scanner.has_any(text.as_bytes()))
        };
        may(&self.within) || may(&self.within_not_ascii)
    }
}

/// Literals anywhere in values.
struct Scanner {
    /// Says whether there is any.
    gate: Gate,
    windows: Option<Windows<4, 2>>,
    /// Those that are too short for two windows.
    short: Option<Box<Short>>,
}

/// Literals of up to four bytes, and those of which too many share a window.
struct Short {
    gate: Gate,
    of_three: Option<Windows<3, 1>>,
    of_two: Option<Windows<2, 1>>,
    /// Single bytes.
    rest: Option<Rest>,
}

/// Literals that windows can't take.
struct Rest {
    /// Too large for an automaton they are looked for one by one.
    automaton: Option<AhoCorasick>,
    literals: Vec<(Box<str>, u32)>,
}

/// Says quickly that none of a few literals is there; of many it says nothing.
struct Gate {
    packed: Option<Box<packed::Searcher>>,
    /// Bytes of the shortest literal.
    shortest: usize,
}

impl Gate {
    fn new(literals: &[Numbered<'_>]) -> Self {
        let texts = || literals.iter().map(|one| one.0);
        let few = literals.len() <= PACKED_LIMIT;
        let packed = if few { packed::Searcher::new(texts()) } else { None };
        Self { packed: packed.map(Box::new), shortest: texts().map(str::len).min().unwrap_or(0) }
    }
    /// Whether there may be one.
    #[inline]
    fn lets(&self, text: &[u8]) -> bool {
        text.len() >= self.shortest
            && (text.len() < PACKED_FROM
                || self.packed.as_ref().is_none_or(|packed| packed.find(text).is_some()))
    }
    /// Whether what it lets pass has one.
    fn is_sure(&self, text: &[u8]) -> bool {
        self.packed.is_some() && text.len() >= PACKED_FROM
    }
}

impl Scanner {
    /// `None` if there are no literals.
    fn new(literals: &[Numbered<'_>], rarity: &dyn Fn(&[u8]) -> u32) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let (windows, short) = Windows::new(literals, rarity);
        Some(Self {
            gate: Gate::new(literals),
            windows,
            short: Short::new(&short, rarity).map(Box::new),
        })
    }

    #[inline]
    fn has_any(&self, text: &[u8]) -> bool {
        let mut found = self.gate.lets(text);
        if !found || self.gate.is_sure(text) {
            return found;
        }
        found = false;
        self.each(text, &mut |_| found = true);
        found
    }

    #[inline]
    fn find(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        if text.len() < WINDOWS_UNTIL || self.gate.lets(text) {
            self.each(text, hit);
        }
    }

    #[inline]
    fn each(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        if let Some(windows) = &self.windows {
            windows.find(text, hit);
        }
        if let Some(short) = &self.short
            && short.gate.lets(text)
        {
            short.each(text, hit);
        }
    }
}

impl Short {
    fn new(literals: &[Numbered<'_>], rarity: &dyn Fn(&[u8]) -> u32) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        // What a window can't take, a shorter one may.
        let (of_three, rest) = Windows::new(literals, rarity);
        let (of_two, rest) = Windows::new(&rest, rarity);
        Some(Self { gate: Gate::new(literals), of_three, of_two, rest: Rest::new(&rest) })
    }

    #[inline]
    fn each(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        if let Some(windows) = &self.of_three {
            windows.find(text, hit);
        }
        if let Some(windows) = &self.of_two {
            windows.find(text, hit);
        }
        if let Some(rest) = &self.rest {
            rest.each(text, hit);
        }
    }
}

impl Rest {
    fn new(literals: &[Numbered<'_>]) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let automaton = AhoCorasick::new(literals.iter().map(|one| one.0)).ok();
        let literals = literals.iter().map(|(text, number)| ((*text).into(), *number)).collect();
        Some(Self { automaton, literals })
    }

    fn each(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        let Self { automaton, literals } = self;
        match automaton {
            Some(automaton) => {
                for found in automaton.find_overlapping_iter(text) {
                    if let Some((_, number)) = literals.get(found.pattern().as_usize()) {
                        hit(*number);
                    }
                }
            }
            None => {
                let there = |one: &&(Box<str>, u32)| memmem::find(text, one.0.as_bytes()).is_some();
                literals.iter().filter(there).for_each(|(_, number)| hit(*number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_literal_is_found_where_it_stands_and_nowhere_else() {
        let texts = [
            "a",
            "ab",
            "\\cmd.exe",
            "long literal at an end",
            "é",
            "–enc",
            "xyz",
            "",
            "b\\cmd.exe",
        ];
        let places = [Place::Whole, Place::Start, Place::End, Place::Within];
        let mut literals = Vec::new();
        for place in places {
            for text in texts.iter().filter(|text| place == Place::Whole || !text.is_empty()) {
                literals.push(Literal { text: (*text).to_owned(), place });
            }
        }
        let numbered = (0..).zip(&literals).map(|(number, literal)| (literal, number));
        let index = FieldIndex::new(numbered, &|_| 0);
        for value in [
            "",
            "a",
            "ab",
            "cab",
            "c:\\b\\cmd.exe",
            "\\cmd.exe x",
            "é",
            "xé",
            "a –enc b",
            "xyzxyz",
            "a long literal at an end",
            "long literal at an end of it",
        ] {
            let mut found = Vec::new();
            index.find(value, value.is_ascii(), &mut |number| found.push(number));
            found.sort_unstable();
            found.dedup();
            let expected: Vec<u32> = (0..)
                .zip(&literals)
                .filter(|(_, Literal { text, place })| match place {
                    Place::Whole => value == text,
                    Place::Start => value.starts_with(text.as_str()),
                    Place::End => value.ends_with(text.as_str()),
                    Place::Within => value.contains(text.as_str()),
                })
                .map(|(number, _)| number)
                .collect();
            assert_eq!(found, expected, "{value}");
        }
    }
}
