//! The fields of a row that its layout does not know.
//!
//! They are a list in the order in which they came, and the list is searched for a name before one is
//! added. A row with many of them would take time with the square of their number, so that beyond some
//! the places of names are kept in a table as well.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::arena::{Cell, Span};
use crate::field::{FieldId, FieldTable};

/// Rows with fewer entries than this are searched from the first to the last.
const SEARCHED: usize = 32;

#[derive(Clone, Copy, Debug)]
pub(crate) enum OverflowName {
    Known(FieldId),
    Text(Span),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Overflow {
    pub(crate) name: OverflowName,
    pub(crate) value: Cell,
}

/// A name that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name<'n> {
    Known(FieldId),
    Text(&'n str),
}

impl Overflow {
    /// The same with the number that its name has in `fields`, if it has one; `text` is the event's.
    pub(crate) fn numbered(self, text: &str, fields: &FieldTable) -> Self {
        let name = match self.name {
            OverflowName::Text(span) => fields.id(span.text(text)).map(OverflowName::Known),
            OverflowName::Known(_) => None,
        };
        Self { name: name.unwrap_or(self.name), ..self }
    }
    fn name<'t>(&self, text: &'t str) -> Name<'t> {
        match self.name {
            OverflowName::Known(id) => Name::Known(id),
            OverflowName::Text(span) => Name::Text(span.text(text)),
        }
    }
}

/// Where in the list of the row being written each name stands; empty while the list is short.
#[derive(Debug, Default)]
pub(crate) struct Places {
    table: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Places {
    /// A new row begins.
    pub(crate) fn clear(&mut self) {
        if !self.table.is_empty() {
            self.table.clear();
        }
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        self.table.allocation_size()
    }
    /// The position of `name` in `row`, whose names lie in `text`.
    pub(crate) fn find(&self, name: Name<'_>, row: &[Overflow], text: &str) -> Option<usize> {
        if row.len() < SEARCHED {
            return row.iter().position(|entry| entry.name(text) == name);
        }
        let is_it = |place: &usize| row.get(*place).is_some_and(|entry| entry.name(text) == name);
        self.table.find(self.hasher.hash_one(name), is_it).copied()
    }
    /// Takes note of what was added to `row`.
    pub(crate) fn keep_up(&mut self, row: &[Overflow], text: &str) {
        if row.len() < SEARCHED {
            return;
        }
        let hash = |entry: &Overflow| self.hasher.hash_one(entry.name(text));
        for (place, entry) in row.iter().enumerate().skip(self.table.len()) {
            let of_place = |place: &usize| row.get(*place).map_or(0, hash);
            self.table.insert_unique(hash(entry), place, of_place);
        }
    }
}
