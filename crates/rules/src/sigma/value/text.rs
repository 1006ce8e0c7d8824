//! The tests of a value with a text operator, or with none.
//!
//! Without a modifier the value's form decides: null, a number, true or false ask for what they are, and
//! text is a pattern. With one it must be text. A pattern is made in steps, each of which may make
//! several of one:
//!
//! ```text
//! '%tool% -a*' ──placeholders──▶ patterns ──windash──▶ with classes of dashes
//!              ──base64, UTF-16──▶ literals ──contains, startswith, endswith──▶ ──fold──▶ tests
//! ```
//!
//! What encodes has no place for a class: each dash is written out before, and wildcards are refused.
//! [`Room`] counts what comes of the value before it is made. A keyword stands anywhere in a value.

use crate::diagnostic::{Problem, Severity};
use crate::fold::fold;
use crate::sigma::attributes::Surroundings;
use crate::sigma::encoding;
use crate::sigma::modifier::Anchor;
use crate::sigma::room::Room;
use crate::sigma::text::{Part, Pattern, TextTest};
use crate::sigma::value::placeholder::expand;
use crate::sigma::value::{Number, Operand, Test, TextValue};
use crate::yaml::Scalar;

impl Operand<'_> {
    /// The tests of the value where texts are compared at `anchor`.
    pub(super) fn text_tests(
        &self,
        anchor: Anchor,
        around: &mut Surroundings<'_>,
        room: &mut Room,
    ) -> Result<Vec<Test>, Problem> {
        if self.keyword && (self.text.is_empty() || *self.scalar == Scalar::Null) {
            return Err(self
                .misfit("an empty keyword would match every event")
                .hint("give it a text, or leave it out"));
        }
        if let Some(test) = self.test_of_form(anchor, around.warnings)? {
            return Ok(vec![test]);
        }
        if *self.scalar == Scalar::Text && self.text.is_empty() && anchor != Anchor::Whole {
            let message = "an empty text is contained in any value";
            self.warn("SIG014", message, "`'*'` without the modifier says so plainly", around);
        }
        if !self.keyword && !self.encodes() {
            self.warn_of_backslashes(anchor, around);
        }
        let patterns = if self.chain.expand {
            expand(self.text, &self.node.span, around.placeholders, room)?
        } else {
            vec![Pattern::parse(self.text)]
        };
        let mut tests = Vec::new();
        for pattern in patterns {
            let pattern = if self.chain.windash { pattern.with_dashes() } else { pattern };
            room.take(&pattern, self.encodes(), &self.node.span)?;
            let forms = if self.encodes() { pattern.dash_forms() } else { Some(vec![pattern]) };
            let Some(forms) = forms else {
                return Err(self
                    .misfit("too many dashes to encode all combinations")
                    .hint("at most five with `windash`; write out the ones that occur"));
            };
            for form in forms {
                for pattern in self.encoded(form, anchor, around)? {
                    tests.push(self.text_test(pattern, anchor));
                }
            }
        }
        // Most values are one test, and there are tens of thousands.
        tests.shrink_to_fit();
        Ok(tests)
    }

    fn encodes(&self) -> bool {
        self.chain.wide.is_some() || self.chain.base64.is_some()
    }

    /// The test of a value that is no text, and that no modifier makes one.
    fn test_of_form(
        &self,
        anchor: Anchor,
        warnings: &mut Vec<Problem>,
    ) -> Result<Option<Test>, Problem> {
        let plain = anchor == Anchor::Whole && !self.encodes();
        let chain = self.chain;
        Ok(match self.scalar {
            Scalar::Null if plain && !chain.windash && !chain.expand && !chain.cased => {
                Some(Test::Null)
            }
            Scalar::Null => {
                return Err(self
                    .misfit("null does not go with a text operator")
                    .hint("leave the modifiers out: `Field: null`"));
            }
            _ if !plain || self.keyword => None,
            Scalar::Integer(number) => {
                self.check_text_only()?;
                let decimal = number.to_string();
                self.note_lexeme(&decimal, warnings);
                Some(self.number_test(Number::Integer(*number), decimal))
            }
            Scalar::Float(number) => {
                self.check_text_only()?;
                Some(self.number_test(Number::Float(*number), number.to_string()))
            }
            Scalar::Boolean(yes) => {
                self.check_text_only()?;
                Some(Test::Boolean(*yes))
            }
            Scalar::Text | Scalar::NotFinite => None,
        })
    }

    fn check_text_only(&self) -> Result<(), Problem> {
        let chain = self.chain;
        let of_text =
            [("cased", chain.cased), ("windash", chain.windash), ("expand", chain.expand)];
        match of_text.into_iter().find(|(_, used)| *used) {
            Some((name, _)) => Err(self
                .misfit(format!("`{name}` goes with text alone"))
                .hint("put the value in quotes")),
            None => Ok(()),
        }
    }

    fn number_test(&self, number: Number, decimal: String) -> Test {
        Test::Number { number, texts: [decimal, fold(self.text)] }
    }

    fn note_lexeme(&self, decimal: &str, warnings: &mut Vec<Problem>) {
        let text = self.text;
        if text != decimal {
            let message =
                format!("`{text}` is the number {decimal}; it also matches the text `{text}`");
            let problem = Problem::warning("SIG018", self.node.span.clone(), message);
            let problem = Problem { severity: Severity::Note, ..problem };
            warnings.push(problem.hint("quote it for text alone"));
        }
    }

    fn warn(
        &self,
        code: &'static str,
        message: &'static str,
        hint: &'static str,
        around: &mut Surroundings<'_>,
    ) {
        around.warnings.push(Problem::warning(code, self.node.span.clone(), message).hint(hint));
    }

    fn warn_of_backslashes(&self, anchor: Anchor, around: &mut Surroundings<'_>) {
        let text = self.text;
        if anchor == Anchor::Whole
            && text.starts_with(r"\\")
            && !text.starts_with(r"\\\")
            && !text.starts_with(r"\\*")
            && !text.starts_with(r"\\?")
        {
            let message = r"two backslashes mean one; a UNC path begins with four";
            let hint = r"write `\\\\` for a UNC path, `\` for one backslash";
            self.warn("SIG019", message, hint, around);
        }
        let before_star = text.strip_suffix('*').unwrap_or_default();
        let backslashes = before_star.len() - before_star.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            let hint = r"write `\\*` for a backslash and a wildcard";
            self.warn("SIG019", r"`\*` at the end is a plain star", hint, around);
        }
    }

    fn text_test(&self, pattern: Pattern, anchor: Anchor) -> Test {
        if pattern.parts() == [Part::Any] && !self.keyword {
            return Test::Present;
        }
        let pattern = match anchor {
            Anchor::Whole if !self.keyword => pattern,
            Anchor::Whole | Anchor::Anywhere => pattern.within(true, true),
            Anchor::Start => pattern.within(false, true),
            Anchor::End => pattern.within(true, false),
        };
        let cased = self.chain.cased;
        let pattern = if cased { pattern } else { pattern.folded() };
        Test::Text(TextValue { test: TextTest::new(&pattern), cased })
    }

    /// The value after its encodings; one pattern, or three for the offsets of base64.
    fn encoded(
        &self,
        pattern: Pattern,
        anchor: Anchor,
        around: &mut Surroundings<'_>,
    ) -> Result<Vec<Pattern>, Problem> {
        if !self.encodes() {
            return Ok(vec![pattern]);
        }
        let Some(text) = pattern.plain() else {
            return Err(self
                .misfit("a value with wildcards can't be encoded")
                .hint(r"escape them with `\` if they are meant as they are"));
        };
        let bytes = encoding::bytes(&text, self.chain.wide);
        Ok(match self.chain.base64 {
            None => {
                let message = "UTF-16 without base64 matches text with NUL characters alone";
                let hint = "add `base64offset|contains`, or leave the encoding out";
                self.warn("SIG014", message, hint, around);
                vec![Pattern::literal(&bytes.into_iter().map(char::from).collect::<String>())]
            }
            Some(false) => vec![Pattern::literal(&encoding::base64(&bytes))],
            Some(true) => {
                if anchor != Anchor::Anywhere {
                    let message = "`base64offset` without `contains` looks at whole values";
                    self.warn("SIG014", message, "write `base64offset|contains`", around);
                }
                encoding::base64_offsets(&bytes).iter().map(|form| Pattern::literal(form)).collect()
            }
        })
    }
}
