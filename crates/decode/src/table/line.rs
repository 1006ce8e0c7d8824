//! A line of a table as words: plain ones and `key=value`, each of which may have a part in quotes.

use super::error::{TableError, TableProblem};

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word<'t> {
    Plain(&'t str),
    Attribute(&'t str, &'t str),
}

/// A line that is not empty.
#[derive(Clone, Debug)]
pub(super) struct Line<'t> {
    file: &'static str,
    pub(super) number: u32,
    /// How many blanks stand before its first word.
    pub(super) indent: usize,
    pub(super) words: Vec<Word<'t>>,
}

impl<'t> Line<'t> {
    /// Takes a line apart; one without words is empty or a remark.
    pub(super) fn parse(
        file: &'static str,
        number: u32,
        text: &'t str,
    ) -> Result<Self, TableError> {
        let mut rest = text.trim_end();
        let indent = rest.len() - rest.trim_start().len();
        let mut line = Self { file, number, indent, words: Vec::new() };
        while let Some((word, behind)) = line.word(rest)? {
            line.words.push(word);
            rest = behind;
        }
        Ok(line)
    }

    /// The next word and what stands behind it.
    fn word(&self, rest: &'t str) -> Result<Option<(Word<'t>, &'t str)>, TableError> {
        let rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(None);
        }
        let end = rest.find([' ', '"']).unwrap_or(rest.len());
        let (head, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let Some(quoted) = behind.strip_prefix('"') else {
            let word = match head.split_once('=') {
                Some((key, value)) => Word::Attribute(key, value),
                None => Word::Plain(head),
            };
            return Ok(Some((word, behind)));
        };
        let (inside, behind) = quoted.split_once('"').ok_or(self.error(TableProblem::Quote))?;
        let word = match head.strip_suffix('=') {
            Some(key) => Word::Attribute(key, inside),
            None if head.is_empty() => Word::Plain(inside),
            None => return Err(self.error(TableProblem::Quote)),
        };
        Ok(Some((word, behind)))
    }

    /// The plain word at `index`, or an error that calls it `what`.
    pub(super) fn plain(&self, index: usize, what: &'static str) -> Result<&'t str, TableError> {
        match self.words.get(index) {
            Some(Word::Plain(word)) => Ok(word),
            _ => Err(self.error(TableProblem::Missing(what))),
        }
    }

    /// An error about this line.
    pub(super) fn error(&self, problem: TableProblem) -> TableError {
        TableError { file: self.file, line: self.number, problem }
    }

    /// An error about one of its words.
    pub(super) fn misplaced(&self, word: Word<'t>) -> TableError {
        self.error(match word {
            Word::Plain(word) => TableProblem::Misplaced(word.to_owned()),
            Word::Attribute(key, _) => TableProblem::Attribute(key.to_owned()),
        })
    }

    /// The number that a word is: decimal, or hex behind `0x`.
    pub(super) fn number<T: TryFrom<u32>>(&self, word: &str) -> Result<T, TableError> {
        let number = match word.strip_prefix("0x") {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => word.parse().ok(),
        };
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.error(TableProblem::Number(word.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_attributes_quotes_and_remarks() {
        let line = Line::parse("t", 3, "  a \"b c\" d=e f=\"g # h\" \"\"  # i \"").unwrap();
        let words = [
            Word::Plain("a"),
            Word::Plain("b c"),
            Word::Attribute("d", "e"),
            Word::Attribute("f", "g # h"),
            Word::Plain(""),
        ];
        assert_eq!((line.indent, line.words.as_slice()), (2, &words[..]));
        assert_eq!(Line::parse("t", 1, "  # nothing").unwrap().words, []);
    }

    #[test]
    fn a_quote_that_is_not_closed_is_an_error_with_its_place() {
        for text in ["a \"b", "a b\"c\"", "a=\"b"] {
            let error = Line::parse("t", 7, text).unwrap_err();
            let whole = TableError { file: "t", line: 7, problem: TableProblem::Quote };
            assert_eq!(error, whole, "{text}");
        }
    }

    #[test]
    fn numbers_are_decimal_or_hex_and_have_to_fit() {
        let line = Line::parse("t", 1, "").unwrap();
        assert_eq!(line.number::<u32>("0xffffffff"), Ok(u32::MAX));
        assert_eq!(line.number::<u8>("255"), Ok(255));
        for text in ["256", "-1", "", "0x", "x1", "99999999999"] {
            assert!(line.number::<u8>(text).is_err(), "{text}");
        }
    }
}
