//! All literals that are looked for in one field, found in one pass over a value.
//!
//! | literal | found by |
//! |---|---|
//! | the whole value | a hash of it |
//! | begin or end | a hash of its first or last 8 bytes, then a comparison; shorter ones by length |
//! | within | few: a packed SIMD search says whether any is there; then, or if there are many, an automaton over the bytes that reports all, overlapping ones too |
//!
//! Literals that are not ASCII have an automaton of their own, which values that are ASCII never enter.

use aho_corasick::packed;
use daachorse::DoubleArrayAhoCorasick;
use hashbrown::HashMap;

use crate::compile::literal::{Literal, Place};

/// Up to so many literals the packed search pays.
const PACKED_LIMIT: usize = 48;
/// Bytes that are hashed of a begin or an end.
const KEY: usize = 8;

/// Finds literals in the values of one field; each has a number.
#[derive(Default)]
pub struct FieldIndex {
    whole: HashMap<Box<[u8]>, u32>,
    starts: Ends,
    ends: Ends,
    within: Option<Scanner>,
    within_not_ascii: Option<Scanner>,
    count: usize,
}

impl std::fmt::Debug for FieldIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FieldIndex of {} literals", self.count)
    }
}

impl FieldIndex {
    /// An index of these literals, each of which is given once, with their numbers.
    #[must_use]
    pub fn new<'a>(literals: impl IntoIterator<Item = (&'a Literal, u32)>) -> Self {
        let mut index = Self::default();
        let (mut ascii, mut other) = (Vec::new(), Vec::new());
        for (Literal { text, place }, number) in literals {
            index.count += 1;
            match place {
                Place::Whole => {
                    index.whole.insert(text.as_bytes().into(), number);
                }
                Place::Start => index.starts.add(text.as_bytes(), number, false),
                Place::End => index.ends.add(text.as_bytes(), number, true),
                Place::Within if text.is_ascii() => ascii.push((text.as_str(), number)),
                Place::Within => other.push((text.as_str(), number)),
            }
        }
        index.within = Scanner::new(&ascii);
        index.within_not_ascii = Scanner::new(&other);
        index
    }

    /// How many literals it looks for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
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
        if !self.whole.is_empty()
            && let Some(number) = self.whole.get(bytes)
        {
            hit(*number);
        }
        self.starts.find(bytes, false, hit);
        self.ends.find(bytes, true, hit);
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
        !(self.whole.is_empty() && self.starts.is_empty() && self.ends.is_empty())
    }

    /// Whether a text may have any literal in it that is looked for within values.
    #[must_use]
    pub fn may_have_within(&self, text: &str) -> bool {
        let may = |scanner: &Option<Scanner>| {
            scanner.as_ref().is_some_and(|scanner| scanner.has_any(text.as_bytes()))
        };
        may(&self.within) || may(&self.within_not_ascii)
    }
}

/// A literal and its number.
type Numbered = (Box<[u8]>, u32);

/// Literals at the begin, or at the end, of values.
#[derive(Default)]
struct Ends {
    /// Of at least [`KEY`] bytes, by their outermost ones.
    long: HashMap<u64, Vec<Numbered>>,
    /// Shorter ones: those of one length.
    short: Vec<(usize, HashMap<u64, u32>)>,
}

/// The outermost bytes, at most [`KEY`], as a number.
fn key(bytes: &[u8], length: usize, at_end: bool) -> Option<u64> {
    let part = if at_end {
        bytes.get(bytes.len().checked_sub(length)?..)?
    } else {
        bytes.get(..length)?
    };
    let mut key = [0; KEY];
    key.get_mut(..length)?.copy_from_slice(part);
    Some(u64::from_le_bytes(key))
}

impl Ends {
    fn is_empty(&self) -> bool {
        self.long.is_empty() && self.short.is_empty()
    }

    fn add(&mut self, text: &[u8], number: u32, at_end: bool) {
        let length = text.len().min(KEY);
        let Some(key) = key(text, length, at_end) else { return };
        if length == KEY {
            self.long.entry(key).or_default().push((text.into(), number));
            return;
        }
        let map = match self.short.iter_mut().find(|(other, _)| *other == length) {
            Some((_, map)) => map,
            None => {
                self.short.push((length, HashMap::new()));
                match self.short.last_mut() {
                    Some((_, map)) => map,
                    None => return,
                }
            }
        };
        map.insert(key, number);
    }

    #[inline]
    fn find(&self, value: &[u8], at_end: bool, hit: &mut impl FnMut(u32)) {
        if !self.long.is_empty()
            && let Some(key) = key(value, KEY, at_end)
            && let Some(literals) = self.long.get(&key)
        {
            for (text, number) in literals {
                let found = if at_end { value.ends_with(text) } else { value.starts_with(text) };
                if found {
                    hit(*number);
                }
            }
        }
        for (length, map) in &self.short {
            if let Some(key) = key(value, *length, at_end)
                && let Some(number) = map.get(&key)
            {
                hit(*number);
            }
        }
    }
}

/// Literals anywhere in values.
struct Scanner {
    /// Says whether there is any, where that is faster than the automaton.
    packed: Option<packed::Searcher>,
    automaton: DoubleArrayAhoCorasick<u32>,
}

impl Scanner {
    /// `None` if there are no literals.
    fn new(literals: &[(&str, u32)]) -> Option<Self> {
        if literals.is_empty() {
            return None;
        }
        let automaton = DoubleArrayAhoCorasick::with_values(literals.iter().copied()).ok()?;
        let texts = || literals.iter().map(|(text, _)| text);
        let pays = literals.len() <= PACKED_LIMIT && texts().all(|text| text.len() >= 3);
        let packed = if pays { packed::Searcher::new(texts()) } else { None };
        Some(Self { packed, automaton })
    }

    #[inline]
    fn has_any(&self, text: &[u8]) -> bool {
        match &self.packed {
            Some(packed) => packed.find(text).is_some(),
            None => self.automaton.find_iter(text).next().is_some(),
        }
    }

    #[inline]
    fn find(&self, text: &[u8], hit: &mut impl FnMut(u32)) {
        if self.packed.as_ref().is_some_and(|packed| packed.find(text).is_none()) {
            return;
        }
        for found in self.automaton.find_overlapping_iter(text) {
            hit(found.value());
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
        let index =
            FieldIndex::new((0..).zip(&literals).map(|(number, literal)| (literal, number)));
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
