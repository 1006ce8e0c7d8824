//! Wildcards: whether a text is like a pattern, in a time that the length of literals does not multiply.
//!
//! `*` cuts a pattern into segments, which are literals and single places (`?`, the dash of an option).
//! The first segment stands where the text begins and the last one where it ends. Each other is looked
//! for behind the one before, and its leftmost place is the only one to be tried: it leaves the most for
//! the rest.
//!
//! ```text
//! ab*c?d*e*f      ab begins it, f ends it; between them c?d, and behind that e
//! ```
//!
//! A segment is tried wherever its first literal stands. Where rule and text repeat themselves, such as
//! `*aaaa…?b*` in a text of many `a`, each try compares nearly the same bytes as the one before: pattern ×
//! text. So what tries may compare has an end, behind which each literal goes once through the text and
//! remembers how much of it stands before the place that it has come to (Knuth, Morris, Pratt). That
//! takes memory, which the usual text never asks for. Cost at worst: wildcards × text.

use memchr::memmem;

use crate::sigma::text::{DASHES, Part};

/// So many times the text's length are compared in tries for one segment.
const TRIES: usize = 16;

/// Whether the whole text is like these parts, compared as they are.
pub(super) fn is_like(parts: &[Part], text: &str) -> bool {
    is_like_within(parts, text, TRIES)
}

fn is_like_within(parts: &[Part], text: &str, tries: usize) -> bool {
    let mut segments = parts.split(|part| matches!(part, Part::Any));
    let Some(mut rest) = segments.next().and_then(|first| behind(first, text)) else {
        return false;
    };
    let Some(last) = segments.next_back() else { return rest.is_empty() };
    let Some(within) = before(last, rest) else { return false };
    rest = within;
    for segment in segments {
        let Some(after) = find(segment, rest, tries) else { return false };
        rest = after;
    }
    true
}

/// What stands behind the segment, which stands where the text begins.
fn behind<'t>(segment: &[Part], text: &'t str) -> Option<&'t str> {
    segment.iter().try_fold(text, |rest, part| match part {
        Part::Literal(literal) => rest.strip_prefix(literal.as_str()),
        Part::One => without_first(rest),
        Part::Dash => rest.strip_prefix(DASHES),
        Part::Any => Some(rest),
    })
}

/// What stands before the segment, which stands where the text ends.
fn before<'t>(segment: &[Part], text: &'t str) -> Option<&'t str> {
    segment.iter().try_rfold(text, |rest, part| match part {
        Part::Literal(literal) => rest.strip_suffix(literal.as_str()),
        Part::One => {
            let mut letters = rest.chars();
            letters.next_back().map(|_| letters.as_str())
        }
        Part::Dash => rest.strip_suffix(DASHES),
        Part::Any => Some(rest),
    })
}

fn without_first(text: &str) -> Option<&str> {
    let mut letters = text.chars();
    letters.next().map(|_| letters.as_str())
}

/// What stands behind the leftmost place of the segment in the text.
fn find<'t>(segment: &[Part], text: &'t str, tries: usize) -> Option<&'t str> {
    let is_literal = |part: &Part| matches!(part, Part::Literal(_));
    let (lead, tail) = segment.split_at(segment.iter().position(is_literal).unwrap_or(0));
    let [Part::Literal(first), tail @ ..] = tail else {
        // Single places alone.
        let mut starts = std::iter::successors(Some(text), |rest| without_first(rest));
        return starts.find_map(|start| behind(segment, start));
    };
    let mut at = memmem::find(text.as_bytes(), first.as_bytes())?;
    let (mut finder, mut compared) = (None, 0);
    loop {
        let (left, right) = text.split_at_checked(at)?;
        if before(lead, left).is_some()
            && let Some(after) = right.strip_prefix(first.as_str())
            && let Some(after) = behind(tail, after)
        {
            return Some(after);
        }
        compared += segment.iter().map(bytes).sum::<usize>();
        if compared > tries.saturating_mul(text.len()) {
            return find_reading_once(segment, text);
        }
        let next = without_first(right)?;
        // Made ready for the second try alone, since the first is mostly the last.
        let finder = finder.get_or_insert_with(|| memmem::Finder::new(first));
        at = text.len() - next.len() + finder.find(next.as_bytes())?;
    }
}

fn bytes(part: &Part) -> usize {
    if let Part::Literal(literal) = part { literal.len() } else { 1 }
}

/// The same where tries cost too much.
fn find_reading_once<'t>(segment: &[Part], text: &'t str) -> Option<&'t str> {
    let mut readers: Vec<Reader<'_>> = segment.iter().map(Reader::new).collect();
    text.char_indices().find_map(|(start, _)| {
        let mut parts = segment.iter().zip(&mut readers);
        // INVARIANT: before a part stands the same number of characters at each start, so a part is asked
        // for further on each time.
        parts.try_fold(text.get(start..)?, |rest, (part, reader)| match part {
            Part::Literal(literal) => {
                let at = text.len() - rest.len();
                let stands = reader.stands(text.as_bytes(), at);
                stands.then(|| rest.get(literal.len()..)).flatten()
            }
            single => behind(std::slice::from_ref(single), rest),
        })
    })
}

/// A literal that goes through a text once.
struct Reader<'p> {
    literal: &'p [u8],
    /// For each beginning of the literal, but the empty one: how long the longest shorter beginning is
    /// that it ends with.
    borders: Vec<usize>,
    /// Bytes of the text that were read.
    read: usize,
    /// How much of the literal they end with.
    matched: usize,
}

impl<'p> Reader<'p> {
    fn new(part: &'p Part) -> Self {
        let literal = if let Part::Literal(literal) = part { literal.as_bytes() } else { &[] };
        let mut reader = Self { literal, borders: vec![0], read: 0, matched: 0 };
        let mut border = 0;
        for byte in literal.iter().skip(1) {
            border = reader.extended(border, *byte);
            reader.borders.push(border);
        }
        reader
    }
    /// How much of the literal a text ends with that ended with `matched` bytes of it, and now with
    /// `byte` too.
    fn extended(&self, mut matched: usize, byte: u8) -> usize {
        loop {
            if self.literal.get(matched) == Some(&byte) {
                return matched + 1;
            }
            let Some(border) = matched.checked_sub(1).and_then(|last| self.borders.get(last))
            else {
                return 0;
            };
            matched = *border;
        }
    }
    /// Whether the literal stands at this byte of the text, which is behind all that were asked for.
    fn stands(&mut self, text: &[u8], at: usize) -> bool {
        // What was matched before a gap does no harm: a whole literal is read behind it.
        self.read = self.read.max(at);
        let end = at.saturating_add(self.literal.len());
        let Some(unread) = text.get(self.read..end) else { return false };
        self.matched =
            unread.iter().fold(self.matched, |matched, byte| self.extended(matched, *byte));
        self.read = end;
        self.matched == self.literal.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sigma::text::Pattern;

    #[test]
    fn wildcards_take_what_they_should() {
        for (pattern, text, like) in [
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("a*a", "a", false),
            ("ab*bc", "abc", false),
            ("a?c", "a\nc", true),
            ("a?c", "ac", false),
            ("*a?", "xxaab", true),
            ("*ab", "aab", true),
            ("*?a?b*", "aab", false),
            ("*?a?b*", "aaab", true),
            ("*?é?b*", "éééb", true),
            ("?*", "", false),
            ("*", "", true),
            ("*??*", "é", false),
            ("*??*", "éé", true),
            ("a*a*a*a*a*a*b", &"a".repeat(2_000), false),
        ] {
            let pattern = Pattern::parse(pattern);
            for tries in [0, TRIES] {
                assert_eq!(is_like_within(pattern.parts(), text, tries), like, "{pattern:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        /// Trying is what the table of all beginnings says (`tests/properties.rs`).
        #[test]
        fn reading_once_finds_what_trying_finds(
            segment in "(a{0,3}[ab?]|\\?-a){1,4}", text in "(a{0,4}[abé]|[ab][/-]a){0,12}"
        ) {
            let segment = Pattern::parse(&segment).with_dashes();
            let tried = find(segment.parts(), &text, usize::MAX);
            prop_assert_eq!(find_reading_once(segment.parts(), &text), tried);
            prop_assert_eq!(find(segment.parts(), &text, 0), tried);
        }
    }
}
