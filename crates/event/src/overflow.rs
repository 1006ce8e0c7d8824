//! The fields of a row that its layout does not know.
//!
//! They are a list in the order in which they came, and the list is searched for a name before one is
//! added. A row with many of them would take time with the square of their number, so that beyond some
//! the places of names are kept in a table as well.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::arena::{Cell, Span};
use crate::field::{FieldId, FieldTable};
use crate::names::FieldNames;

/// Rows with fewer entries than this are searched from the first to the last.
const SEARCHED: usize = 32;

#[derive(Clone, Copy, Debug)]
pub(crate) enum OverflowName {
    Known(FieldId),
    /// In the text of the event.
    Text(Span),
    /// In the list of names that the event shares with others.
    Shared(u32),
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

/// Where the names of an event lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NameTexts<'t> {
    /// The event's own text.
    pub(crate) text: &'t str,
    /// The list that it shares with others.
    pub(crate) shared: Option<&'t FieldNames>,
}

impl<'t> NameTexts<'t> {
    /// What a name stands for.
    #[inline]
    pub(crate) fn name(self, name: OverflowName) -> Name<'t> {
        match name {
            OverflowName::Known(id) => Name::Known(id),
            OverflowName::Text(span) => Name::Text(span.text(self.text)),
            OverflowName::Shared(index) => {
                let name = self.shared.and_then(|names| names.name(index as usize));
                Name::Text(name.unwrap_or_default())
            }
        }
    }
}

impl Overflow {
    /// The same with the number that its name has in `fields`, if it has one.
    pub(crate) fn numbered(self, texts: NameTexts<'_>, fields: &FieldTable) -> Self {
        let name = match texts.name(self.name) {
            Name::Text(name) => fields.id(name).map(OverflowName::Known),
            Name::Known(_) => None,
        };
        Self { name: name.unwrap_or(self.name), ..self }
    }
}

/// Where in the list of the row being written each name stands, but for the last ones, of which that was not noted yet;
/// empty while the list is short.
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
    /// The position of `name` in `row`, whose names lie in `texts`.
    pub(crate) fn find(
        &self,
        name: Name<'_>,
        row: &[Overflow],
        texts: NameTexts<'_>,
    ) -> Option<usize> {
        if row.len() < SEARCHED {
            return row.iter().position(|entry| texts.name(entry.name) == name);
        }
        let (noted, last) = row.split_at_checked(self.table.len())?;
        if let Some(place) = last.iter().position(|entry| texts.name(entry.name) == name) {
            return Some(noted.len() + place);
        }
        let is_it =
            |place: &usize| row.get(*place).is_some_and(|entry| texts.name(entry.name) == name);
        self.table.find(self.hasher.hash_one(name), is_it).copied()
    }
    /// Takes note of what was added to `row`.
    pub(crate) fn keep_up(&mut self, row: &[Overflow], texts: NameTexts<'_>) {
        if row.len() < SEARCHED {
            return;
        }
        let hash = |entry: &Overflow| self.hasher.hash_one(texts.name(entry.name));
        for (place, entry) in row.iter().enumerate().skip(self.table.len()) {
            let of_place = |place: &usize| row.get(*place).map_or(0, hash);
            self.table.insert_unique(hash(entry), place, of_place);
        }
    }
}
