//! How much the values of one rule may come to.
//!
//! A document is small, but encodings, dashes and placeholders make thousands of tests of one value, and
//! a regular expression of a few letters compiles to megabytes: so what comes of a value is counted
//! before it is made.

use std::ops::Range;

use crate::diagnostic::Problem;
use crate::sigma::pattern;
use crate::sigma::text::Pattern;
use crate::sigma::value::Test;

/// Bytes that the tests of one rule may take.
pub const TESTS_LIMIT: usize = 32 << 20;
/// Wildcards in one value: at worst a text is read once for each, and once for each literal.
pub const WILDCARD_LIMIT: usize = 1_000;
/// Regular expressions of one rule that may take [`pattern::SIZE_LIMIT`]; the others may take a
/// sixteenth of it.
pub const LARGE_REGEXES: usize = 32;

/// What the values of one rule may still come to.
#[derive(Debug)]
pub struct Room {
    tests: usize,
    large_regexes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { tests: TESTS_LIMIT, large_regexes: LARGE_REGEXES }
    }
}

impl Room {
    /// The bytes that are left after so many tests with texts of that length.
    ///
    /// # Errors
    /// `SIG003` if there are not as many.
    pub fn after(&self, count: usize, length: usize, at: &Range<usize>) -> Result<usize, Problem> {
        let bytes = count.saturating_mul(length.saturating_add(size_of::<Test>()));
        self.tests.checked_sub(bytes).ok_or_else(|| {
            let message = format!("the tests of the rule take more than {TESTS_LIMIT} bytes");
            Problem::error("SIG003", at.clone(), message)
                .hint("fewer placeholders and dashes in a value, or divide the rule")
        })
    }
    /// Takes the bytes of the tests that come of a pattern.
    ///
    /// # Errors
    /// `SIG003` if there are not as many, or if it has too many wildcards.
    pub fn take(
        &mut self,
        pattern: &Pattern,
        encoded: bool,
        at: &Range<usize>,
    ) -> Result<(), Problem> {
        let wildcards = pattern.wildcards();
        if wildcards > WILDCARD_LIMIT {
            let message =
                format!("{wildcards} wildcards in a value, the limit is {WILDCARD_LIMIT}");
            return Err(Problem::error("SIG003", at.clone(), message)
                .hint("leave out those that change nothing, or use `re`"));
        }
        // Encoded, each form of the dashes comes at three offsets, in up to three times its bytes.
        let forms = if encoded { 9 * pattern.dash_form_count() } else { 1 };
        self.tests = self.after(forms, pattern.text_bytes(), at)?;
        Ok(())
    }
    /// Bytes that the next regular expression may take.
    pub fn next_regex(&mut self) -> usize {
        match self.large_regexes.checked_sub(1) {
            Some(left) => {
                self.large_regexes = left;
                pattern::SIZE_LIMIT
            }
            None => pattern::SIZE_LIMIT / 16,
        }
    }
}
