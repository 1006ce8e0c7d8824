//! Text of rules: wildcards, escapes, dashes; and the common forms, made ready for comparison.
//!
//! One pass from left to right: `\` takes the next character if that is `*`, `?` or `\`; before any
//! other character, or at the end, it is plain. `contains`, `startswith` and `endswith` add a
//! wildcard to the parsed value, never to its text, so that a trailing backslash stays one.
//!
//! `windash` turns each of the five dashes that begins an option (not preceded by a word character,
//! followed by one) into a class of all five (`D-WINDASH`).

use crate::fold::{fold_char, fold_into};
use crate::sigma::wildcard;

/// The five characters that Windows programs take for the dash of an option.
pub const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// So many patterns are made at most of one with dashes: five of them.
pub const DASH_FORMS: usize = 3_125;

/// A part of a text pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// These characters.
    Literal(String),
    /// `?`: exactly one character, also a line break.
    One,
    /// `*`: any characters, also none.
    Any,
    /// One of [`DASHES`].
    Dash,
}

/// A text with wildcards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pattern {
    parts: Vec<Part>,
}

impl Pattern {
    /// Reads the text of a rule.
    ///
    /// ```
    /// use etwatch_rules::sigma::text::{Part, Pattern};
    /// assert_eq!(Pattern::parse(r"C:\dir\*").plain(), Some(r"C:\dir*".to_owned())); // escaped star
    /// assert_eq!(Pattern::parse(r"\\*").parts(), [Part::Literal(r"\".into()), Part::Any]);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut pattern = Self::default();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => pattern.push_char(
                    letters.next_if(|next| matches!(next, '*' | '?' | '\\')).unwrap_or('\\'),
                ),
                '*' => pattern.push(Part::Any),
                '?' => pattern.push(Part::One),
                other => pattern.push_char(other),
            }
        }
        pattern
    }
    /// A pattern of these characters, none of them special.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        let mut pattern = Self::default();
        text.chars().for_each(|letter| pattern.push_char(letter));
        pattern
    }
    /// The parts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
    /// The text, if there is neither wildcard nor dash in it.
    #[must_use]
    pub fn plain(&self) -> Option<String> {
        match self.parts.as_slice() {
            [] => Some(String::new()),
            [Part::Literal(text)] => Some(text.clone()),
            _ => None,
        }
    }
    fn push_char(&mut self, letter: char) {
        if let Some(Part::Literal(text)) = self.parts.last_mut() {
            text.push(letter);
        } else {
            self.parts.push(Part::Literal(letter.into()));
        }
    }
    /// Adds a part; wildcards for any run are joined.
    pub fn push(&mut self, part: Part) {
        if !(part == Part::Any && self.parts.last() == Some(&Part::Any)) {
            self.parts.push(part);
        }
    }
    /// The pattern with `*` before or behind it.
    #[must_use]
    pub fn within(mut self, before: bool, behind: bool) -> Self {
        if before && self.parts.first() != Some(&Part::Any) {
            self.parts.insert(0, Part::Any);
        }
        if behind {
            self.push(Part::Any);
        }
        self
    }
    /// The pattern with option dashes as classes.
    #[must_use]
    pub fn with_dashes(&self) -> Self {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let mut new = Self::default();
        let mut before = None;
        for part in &self.parts {
            let Part::Literal(text) = part else {
                new.push(part.clone());
                before = None;
                continue;
            };
            let mut letters = text.chars().peekable();
            while let Some(letter) = letters.next() {
                let next = letters.peek().copied();
                let starts_word = next.is_some_and(is_word);
                if DASHES.contains(&letter) && !before.is_some_and(is_word) && starts_word {
                    new.push(Part::Dash);
                } else {
                    new.push_char(letter);
                }
                before = Some(letter);
            }
        }
        new
    }
    /// How many wildcards there are, dashes that may be others included.
    #[must_use]
    pub fn wildcards(&self) -> usize {
        self.parts.iter().filter(|part| matches!(part, Part::One | Part::Any | Part::Dash)).count()
    }
    /// Bytes of its characters, with one for each other part.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let literal = |part: &Part| if let Part::Literal(text) = part { text.len() } else { 1 };
        self.parts.iter().map(literal).sum()
    }
    /// How many patterns it is with each dash class written out, at most [`DASH_FORMS`].
    #[must_use]
    pub fn dash_form_count(&self) -> usize {
        let dashes = self.parts.iter().filter(|part| **part == Part::Dash);
        dashes.fold(1, |count: usize, _| DASH_FORMS.min(count * DASHES.len()))
    }
    /// The pattern with each dash class written out: all combinations; `None` beyond [`DASH_FORMS`].
    #[must_use]
    pub fn dash_forms(&self) -> Option<Vec<Self>> {
        let mut forms = vec![Self::default()];
        for part in &self.parts {
            match part {
                Part::Dash => {
                    let with = |dash: char| {
                        forms.iter().map(move |form| {
                            let mut form = form.clone();
                            form.push_char(dash);
                            form
                        })
                    };
                    forms = DASHES.into_iter().flat_map(with).collect();
                }
                Part::Literal(text) => {
                    let letters = |form: &mut Self| text.chars().for_each(|c| form.push_char(c));
                    forms.iter_mut().for_each(letters);
                }
                other => forms.iter_mut().for_each(|form| form.push(other.clone())),
            }
            if forms.len() > DASH_FORMS {
                return None;
            }
        }
        Some(forms)
    }
    /// The pattern folded, for comparison with folded text.
    #[must_use]
    pub fn folded(&self) -> Self {
        let fold = |part: &Part| match part {
            Part::Literal(text) => {
                let mut folded = String::new();
                fold_into(text, &mut folded);
                Part::Literal(folded)
            }
            other => other.clone(),
        };
        Self { parts: self.parts.iter().map(fold).collect() }
    }
}

/// A pattern made ready: the common forms compare without walking through parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextTest {
    /// The whole text.
    Exact(String),
    /// The text begins so.
    Prefix(String),
    /// The text ends so.
    Suffix(String),
    /// The text has this in it.
    Substring(String),
    /// Anything else.
    Wild(Pattern),
}

impl TextTest {
    /// Makes a pattern ready.
    #[must_use]
    pub fn new(pattern: &Pattern) -> Self {
        match pattern.parts() {
            [] => Self::Exact(String::new()),
            [Part::Literal(text)] => Self::Exact(text.clone()),
            [Part::Any] => Self::Substring(String::new()),
            [Part::Literal(text), Part::Any] => Self::Prefix(text.clone()),
            [Part::Any, Part::Literal(text)] => Self::Suffix(text.clone()),
            [Part::Any, Part::Literal(text), Part::Any] => Self::Substring(text.clone()),
            _ => Self::Wild(pattern.clone()),
        }
    }
    /// Whether `text` is like the pattern; both are folded, or neither.
    #[must_use]
    pub fn is_true_of(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == wanted,
            Self::Prefix(wanted) => text.starts_with(wanted.as_str()),
            Self::Suffix(wanted) => text.ends_with(wanted.as_str()),
            Self::Substring(wanted) => {
                memchr::memmem::find(text.as_bytes(), wanted.as_bytes()).is_some()
            }
            Self::Wild(pattern) => wildcard::is_like(pattern.parts(), text),
        }
    }
}

/// Whether two texts are equal without case.
#[must_use]
pub fn equal_folded(left: &str, right: &str) -> bool {
    left.chars().map(fold_char).eq(right.chars().map(fold_char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_follow_the_table_of_the_reference() {
        for (text, plain) in [
            (r"\a", Some(r"\a")),
            (r"C:\\dir\\x", Some(r"C:\dir\x")),
            (r"\*x", Some("*x")),
            (r"\\\*", Some(r"\*")),
            (r"\\\a", Some(r"\\a")),
            (r"\\\\", Some(r"\\")),
            (r"\\server", Some(r"\server")),
            (r"dir\", Some(r"dir\")),
            (r"dir\\", Some(r"dir\")),
            (r"\\*", None),
            (r"\\\\*", None),
        ] {
            assert_eq!(Pattern::parse(text).plain().as_deref(), plain, "{text}");
        }
    }

    #[test]
    fn dashes_begin_options_only() {
        let dashed = |text| TextTest::new(&Pattern::parse(text).with_dashes().within(true, true));
        for (rule, text, like) in [
            (" -foo-bar ", "a /foo-bar b", true),
            (" -foo-bar ", "a -foo/bar b", false),
            ("/exec", "a \u{2013}exec", true),
            ("-a -b", "/a \u{2014}b", true),
            ("start/b", "start-b", false),
        ] {
            assert_eq!(dashed(rule).is_true_of(text), like, "{rule}");
        }
    }
}
