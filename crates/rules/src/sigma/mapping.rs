//! A mapping of a document, whose values are asked for by name and by what they must be.
//!
//! Null counts as absent, and so does a key that is not there; who needs a value says what is missing. A
//! value of another kind is an error at its place that tells the kind it should have.

use std::ops::Range;

use crate::diagnostic::Problem;
use crate::yaml::{Kind, Node, Scalar};

/// The first byte of what is too long to be shown.
pub(super) fn first_line(span: &Range<usize>) -> Range<usize> {
    span.start..span.end.min(span.start + 1)
}

/// A mapping: a document, or a part of one.
#[derive(Clone, Copy)]
pub(super) struct Mapping<'a> {
    /// The mapping.
    pub(super) node: &'a Node,
}

impl<'a> Mapping<'a> {
    /// The mapping that a document is.
    ///
    /// # Errors
    /// `SIG005` if it is none.
    pub(super) fn of_document(node: &'a Node) -> Result<Self, Problem> {
        match node.kind {
            Kind::Map(_) => Ok(Self { node }),
            _ => Err(Problem::error(
                "SIG005",
                first_line(&node.span),
                "a document must be a mapping",
            )
            .hint("begin with `title:`; `---` separates the rules of a file")),
        }
    }

    /// That the rule lacks what should be at `name`.
    pub(super) fn missing(&self, name: &str, what: &str) -> Problem {
        let message = format!("the rule has no `{name}`");
        Problem::error("SIG010", first_line(&self.node.span), message)
            .hint(format!("add `{name}:` with {what}"))
    }

    /// That what is at `name` can't be used.
    pub(super) fn wrong(&self, name: &str, why: &str) -> Problem {
        let at = self.node.get(name).map_or(&self.node.span, |value| &value.span);
        Problem::error("SIG011", at.clone(), format!("`{name}` {why}"))
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        let Some(value) = self.node.get(name) else { return Ok(None) };
        match &value.kind {
            Kind::Scalar(_, Scalar::Null) => Ok(None),
            Kind::Scalar(text, Scalar::Text) => Ok(Some(text.clone())),
            Kind::Scalar(..) => Err(self.wrong(name, "must be text").hint("put it in quotes")),
            _ => Err(self.wrong(name, "must be text").hint("one text, no list and no mapping")),
        }
    }

    /// A list of texts; empty if it is absent.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Problem> {
        let Some(value) = self.node.get(name).filter(|value| !value.is_null()) else {
            return Ok(Vec::new());
        };
        let Kind::List(items) = &value.kind else {
            return Err(self.wrong(name, "must be a list").hint("put `- ` before each entry"));
        };
        let texts = items.iter().map(|item| item.text().map(str::to_owned));
        let wrong = || self.wrong(name, "must be a list of text").hint("one text an entry");
        texts.collect::<Option<_>>().ok_or_else(wrong)
    }

    /// One of the values `all`, by its `word` in either case.
    pub(super) fn one_of<T: Copy>(
        &self,
        name: &str,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = all.iter().copied().find(|value| word(*value).eq_ignore_ascii_case(&text));
        let words = || all.iter().map(|value| word(*value)).collect::<Vec<_>>().join(", ");
        match found {
            Some(value) => Ok(Some(value)),
            None => Err(self
                .wrong(name, &format!("can't be `{text}`"))
                .hint(format!("one of: {}", words()))),
        }
    }
}
