//! Names that many records have alike.
//!
//! Most records of a log are written by few programs, each of which writes the same fields in the same
//! order. Such records share one list of names instead of holding a copy each, and who works by name (a
//! look-up in a table) can do so once for the list.

use crate::arena::{Span, span};
use crate::record::Record;

/// The names of a record's fields, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldNames {
    text: String,
    spans: Vec<Span>,
}

impl FieldNames {
    /// The names of `record`.
    #[must_use]
    pub fn of(record: &Record<'_>) -> Self {
        record.fields().map(|(name, _)| name).collect()
    }
    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.spans.iter().map(|span| span.text(&self.text))
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
    /// The name at `index`.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&str> {
        self.spans.get(index).map(|span| span.text(&self.text))
    }
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
    #[inline]
    pub(crate) fn span(&self, index: usize) -> Option<Span> {
        self.spans.get(index).copied()
    }
}

impl<'a> FromIterator<&'a str> for FieldNames {
    /// These names, in this order.
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        let mut new = Self::default();
        for name in names {
            new.spans.push(span(new.text.len(), name.len()));
            new.text.push_str(name);
        }
        new
    }
}
