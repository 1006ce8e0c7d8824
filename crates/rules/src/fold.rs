//! Comparison without case: Unicode simple case folding, one character to one (`D-FOLD`).
//!
//! Characters that differ only in case form a class (`k`, `K` and the Kelvin sign; the three
//! sigmas). The classes are those of `CaseFolding.txt`, status C and S, taken from the tables of
//! `regex-syntax`; each class is represented by one member, an ASCII lower-case letter where it has
//! one. It is locale-free and keeps the number of characters; `ß` stays `ß`.

use std::sync::LazyLock;

use hashbrown::HashMap;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

/// Characters beyond ASCII whose representative is another one.
#[derive(Default)]
struct Varying {
    /// A bit for each character, as far as there are any.
    bits: Vec<u64>,
    to: HashMap<char, char>,
}

impl Varying {
    fn add(&mut self, letter: char, representative: char) {
        let (word, bit) = (letter as usize / 64, letter as usize % 64);
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= 1 << bit;
        }
        self.to.insert(letter, representative);
    }
    #[inline]
    fn has(&self, letter: char) -> bool {
        let bits = self.bits.get(letter as usize / 64).copied().unwrap_or(0);
        bits >> (letter as usize % 64) & 1 == 1
    }
    #[inline]
    fn fold(&self, letter: char) -> char {
        if self.has(letter) { self.to.get(&letter).copied().unwrap_or(letter) } else { letter }
    }
}

static VARYING: LazyLock<Varying> = LazyLock::new(|| {
    let mut varying = Varying::default();
    let varies = |letter: &char| {
        let same = |mut other: std::char::ToLowercase| other.next() == Some(*letter);
        !(same(letter.to_lowercase()) && letter.to_uppercase().next() == Some(*letter))
    };
    for letter in ('\u{80}'..=char::MAX).filter(varies) {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(letter, letter)]);
        class.case_fold_simple();
        let members: Vec<char> =
            class.iter().flat_map(|range| range.start()..=range.end()).collect();
        let representative = representative(&members).unwrap_or(letter);
        if representative != letter {
            varying.add(letter, representative);
        }
    }
    varying
});

fn representative(class: &[char]) -> Option<char> {
    let ascii = class.iter().find(|letter| letter.is_ascii()).map(char::to_ascii_lowercase);
    let lower = class.first().and_then(|first| {
        let mut lower = first.to_lowercase();
        lower.next().filter(|letter| lower.next().is_none() && class.contains(letter))
    });
    ascii.or(lower).or_else(|| class.first().copied())
}

/// The representative of a character's class.
#[must_use]
pub fn fold_char(letter: char) -> char {
    if letter.is_ascii() { letter.to_ascii_lowercase() } else { VARYING.fold(letter) }
}

/// Whether folding changes nothing of `text` but ASCII letters, so that it can be done in place.
#[must_use]
pub fn folds_in_place(text: &str) -> bool {
    /// Bytes that are looked at together.
    const CHUNK: usize = 32;
    let varying = &*VARYING;
    let mut rest = text;
    while let Some((chunk, _)) = rest.as_bytes().split_at_checked(CHUNK) {
        if chunk.is_ascii() {
            rest = rest.get(CHUNK..).unwrap_or_default();
            continue;
        }
        let end = rest.ceil_char_boundary(CHUNK);
        let (these, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if these.chars().any(|letter| varying.has(letter)) {
            return false;
        }
        rest = behind;
    }
    !rest.chars().any(|letter| varying.has(letter))
}

/// Appends `text`, folded, to `out`.
///
/// ```
/// let mut out = String::new();
/// etwatch_rules::fold::fold_into("MÜLLER \u{212A} ΟΔΟΣ", &mut out);
/// assert_eq!(out, "müller k οδοσ");
/// ```
pub fn fold_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        if let Some(new) = out.get_mut(start..) {
            new.make_ascii_lowercase();
        }
    } else {
        let varying = &*VARYING;
        out.extend(text.chars().map(|letter| {
            if letter.is_ascii() { letter.to_ascii_lowercase() } else { varying.fold(letter) }
        }));
    }
}

/// `text`, folded.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_simple_case_folding() {
        for (left, right, equal) in [
            ("Kelvin \u{212A}", "KELVIN K", true),
            ("ſmith", "SMITH", true),
            ("straße", "STRAẞE", true),
            ("straße", "strasse", false),
            ("ΟΔΟΣ", "οδος", true),
            ("İ", "i", false),
            ("ı", "I", false),
            ("Ǆ", "ǆ", true),
            ("ᏸ", "Ᏸ", true),
        ] {
            assert_eq!(fold(left) == fold(right), equal, "{left} {right}");
        }
    }

    #[test]
    fn folding_keeps_the_number_of_characters_and_is_stable() {
        for letter in '\0'..=char::MAX {
            let folded = fold_char(letter);
            assert_eq!(fold_char(folded), folded, "{letter:?}");
            let text = letter.to_string();
            let in_place = folds_in_place(&text);
            assert_eq!(in_place, fold(&text) == text.to_ascii_lowercase(), "{letter:?}");
        }
    }
}
