//! What is asked before a dear test: whether the value is long enough, and has a text that is required.
//!
//! The index looks for longer literals of all rules together; a gate is for one test, and takes literals of
//! a single byte too.

use aho_corasick::packed;
use memchr::memmem::Finder;

use crate::compile::literal::texts_within;
use crate::sigma::text::{Part, TextTest};
use crate::sigma::value::{Test, TextValue};

/// Lets pass what a test may be true of.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Bytes that a value, not folded, has at least.
    shortest: usize,
    required: Required,
}

#[derive(Debug, Default)]
enum Required {
    #[default]
    Nothing,
    /// This text.
    One(Finder<'static>),
    /// Any of several.
    Any(packed::Searcher),
}

impl Gate {
    /// The gate of a test.
    pub(crate) fn new(test: &Test) -> Self {
        match test {
            Test::Text(TextValue { test: TextTest::Substring(text), cased: false }) => {
                Self { shortest: 0, required: Required::of(std::slice::from_ref(text)) }
            }
            Test::Text(TextValue { test: TextTest::Wild(pattern), cased: false }) => {
                let literals = pattern.parts().iter().filter_map(|part| match part {
                    Part::Literal(text) => Some(text),
                    _ => None,
                });
                let longest = literals.max_by_key(|text| text.len());
                Self {
                    shortest: 0,
                    required: Required::of(longest.map_or(&[], std::slice::from_ref)),
                }
            }
            Test::Regex(regex) => Self::of_regex(regex.as_str()),
            _ => Self::default(),
        }
    }

    fn of_regex(pattern: &str) -> Self {
        let Ok(parsed) = regex_syntax::parse(pattern) else { return Self::default() };
        let texts = texts_within(&parsed, 1).unwrap_or_default();
        let shortest = parsed.properties().minimum_len().unwrap_or(0);
        Self { shortest, required: Required::of(&texts) }
    }

    /// Whether the test may be true of a text, given as it is and folded; of the test for a text within
    /// another this is all there is to know.
    #[inline]
    pub(crate) fn lets(&self, text: &str, folded: &str) -> bool {
        text.len() >= self.shortest
            && match &self.required {
                Required::Nothing => true,
                Required::One(finder) => finder.find(folded.as_bytes()).is_some(),
                Required::Any(searcher) => searcher.find(folded).is_some(),
            }
    }
}

impl Required {
    fn of(texts: &[String]) -> Self {
        match texts {
            [] => Self::Nothing,
            [text] => Self::One(Finder::new(text).into_owned()),
            texts => packed::Searcher::new(texts).map_or(Self::Nothing, Self::Any),
        }
    }
}
