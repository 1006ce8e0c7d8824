//! YAML documents as nodes that know their place and the text of scalars.
//!
//! Rule files are read event by event, since a rule's meaning depends on what a general loader
//! throws away: where a value stands, whether it was quoted, how a number was written (`D-LEXEME`),
//! whether a key came twice. Plain scalars follow the core schema of YAML 1.2 (`scalar`). Aliases are
//! expanded within a limit, merge keys work as the reference loader has them, tags other than the core
//! ones are errors (`D-YAML`, `builder`).

mod builder;
mod scalar;

pub(crate) use scalar::resolve;

use std::ops::Range;

use saphyr_parser::{Parser, Span};

use crate::diagnostic::Problem;
use builder::Builder;

/// Bytes of one rule file.
pub const FILE_LIMIT: usize = 64 << 20;
/// Bytes of one document.
pub const DOCUMENT_LIMIT: usize = 1 << 20;
/// Nodes that the anchors of a document may stand for, each anchor counting all below it.
pub const ANCHOR_LIMIT: usize = 100_000;
/// Levels of nesting.
pub const DEPTH_LIMIT: usize = 64;
/// Nodes that aliases may add to a document.
pub const ALIAS_LIMIT: usize = 10_000;
const ALIAS_HINT: &str = "write out what the aliases stand for, and divide the rule";
/// So many bytes of a text count as one node more: an alias copies text too.
const NODE_TEXT: usize = 128;

/// What a plain scalar means, or what quoting makes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Text.
    Text,
    /// An integer.
    Integer(i128),
    /// A number with a fraction or exponent; finite.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`, `~` or nothing.
    Null,
    /// `.inf` or `.nan`, which no rule can use.
    NotFinite,
}

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A scalar: its text as written (quotes and escapes undone), and what it means.
    Scalar(String, Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<(Node, Node)>),
}

/// A value and the bytes of the file that it was written in.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub kind: Kind,
    /// Bytes of the file.
    pub span: Range<usize>,
}

impl Node {
    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(text, _) => Some(text),
            _ => None,
        }
    }
    /// The value of a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Kind::Map(entries) = &self.kind else { return None };
        entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }
    /// Whether this is the null scalar.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Scalar(_, Scalar::Null))
    }
    /// How many nodes it is, long texts counting as several, and how many levels deep.
    fn measure(&self) -> (usize, usize) {
        let (mut size, mut depth) = (1, 0);
        let mut add = |inner: &Self| {
            let (more, deeper) = inner.measure();
            size += more;
            depth = deeper.max(depth);
        };
        match &self.kind {
            Kind::Scalar(text, _) => size += text.len() / NODE_TEXT,
            Kind::List(items) => items.iter().for_each(add),
            Kind::Map(entries) => entries.iter().for_each(|(key, value)| {
                add(key);
                add(value);
            }),
        }
        (size, depth + 1)
    }
    /// How many nodes it is, long texts counting as several.
    pub(crate) fn size(&self) -> usize {
        self.measure().0
    }
}

/// The documents of a file, each read or refused for itself, and the error that ended the file.
#[derive(Debug, Default)]
pub struct Documents {
    /// The documents in order; empty ones are left out.
    pub documents: Vec<Result<Node, Problem>>,
    /// A syntax error: what follows it is lost.
    pub broken: Option<Problem>,
}

/// Reads the documents of a file.
#[must_use]
pub fn documents(text: &str) -> Documents {
    let mut documents = Vec::new();
    let broken = each_document(text, |document| documents.push(document));
    Documents { documents, broken }
}

/// Calls `take` with each document of a file when it is complete, so that no more than one has to be in memory as
/// nodes, which take many times the bytes of their text. Returns the syntax error that ended the file, if one did.
pub(crate) fn each_document(
    text: &str,
    mut take: impl FnMut(Result<Node, Problem>),
) -> Option<Problem> {
    if text.len() > FILE_LIMIT {
        let message = format!("file of {} bytes, the limit is {FILE_LIMIT}", text.len());
        return Some(Problem::error("SIG003", 0..0, message).hint("divide the file"));
    }
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::new(body, text.len() - body.len());
    let mut builder = Builder::new(&places);
    for event in Parser::new_from_str(body) {
        match event {
            Ok((event, span)) => {
                if let Some(document) = builder.event(event, span) {
                    take(document);
                }
            }
            Err(error) => {
                let at = places.byte(error.marker().index());
                let message = format!("this is no YAML: {}", error.info());
                let problem = Problem::error("SIG001", at..at + 1, message);
                let hint = "documents before this place are kept, the rest of the file is lost";
                return Some(problem.hint(hint));
            }
        }
    }
    None
}

/// Character positions to byte offsets.
struct Places {
    /// Offset of each character; empty if all are ASCII.
    offsets: Vec<usize>,
    before: usize,
    length: usize,
}

impl Places {
    fn new(text: &str, before: usize) -> Self {
        let offsets = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Self { offsets, before, length: text.len() }
    }
    fn byte(&self, character: usize) -> usize {
        let within = if self.offsets.is_empty() {
            character.min(self.length)
        } else {
            self.offsets.get(character).copied().unwrap_or(self.length)
        };
        self.before + within
    }
    fn range(&self, span: Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}

#[cfg(test)]
mod tests;
