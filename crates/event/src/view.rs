//! Views of a batch: an event, its fields, their values.
//!
//! A view borrows the ranges of its row; it copies nothing, and its offsets are relative to the row.

use std::sync::Arc;

use crate::arena::{Cell, read};
use crate::batch::{Attribution, Origin, Row};
use crate::field::FieldId;
use crate::logsource::{LogSource, LogSourceSetId};
use crate::names::FieldNames;
use crate::overflow::{Name, NameTexts, Overflow, OverflowName};
use crate::time::Timestamp;
use crate::value::Value;
use crate::vocabulary::{Layout, LayoutId, Vocabulary};

/// A view of one event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) names: Option<&'a Arc<FieldNames>>,
    pub(crate) layout: &'a Layout,
    pub(crate) row: &'a Row,
    pub(crate) text: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) cells: &'a [Cell],
    pub(crate) overflow: &'a [Overflow],
    pub(crate) many: &'a [Cell],
}

impl<'a> Event<'a> {
    /// When it happened.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.row.time
    }
    /// Where it comes from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.row.origin
    }
    /// Whose it is, as far as the memory of its host knows.
    #[must_use]
    pub fn attribution(&self) -> Attribution {
        self.row.attribution
    }
    /// Its set of log sources.
    #[must_use]
    pub fn source_set(&self) -> LogSourceSetId {
        self.row.sources
    }
    /// The log sources that it carries at once.
    #[must_use]
    pub fn log_sources(&self) -> &'a [LogSource] {
        self.vocabulary.log_sources(self.row.sources)
    }
    /// The names of the fields.
    #[must_use]
    pub fn vocabulary(&self) -> &'a Vocabulary {
        self.vocabulary
    }
    pub(crate) fn name_texts(&self) -> NameTexts<'a> {
        NameTexts { text: self.text, shared: self.names.map(|names| &**names) }
    }
    #[inline]
    fn of(&self, cell: &'a Cell) -> FieldValues<'a> {
        FieldValues { cell, many: self.many, text: self.text, bytes: self.bytes }
    }
    /// The values of a field.
    #[inline]
    #[must_use]
    pub fn get(&self, field: FieldId) -> FieldValues<'a> {
        let cell = match self.layout.slot(field) {
            Some(slot) => self.cells.get(slot),
            None => self
                .overflow
                .iter()
                .find(|entry| matches!(entry.name, OverflowName::Known(id) if id == field))
                .map(|entry| &entry.value),
        };
        self.of(cell.unwrap_or(&Cell::Absent))
    }
    /// The values of a field by its name, also one that no table knows.
    #[must_use]
    pub fn get_named(&self, name: &str) -> FieldValues<'a> {
        if let Some(id) = self.vocabulary.fields.id(name) {
            return self.get(id);
        }
        let (texts, name) = (self.name_texts(), Name::Text(name));
        let named = |entry: &&Overflow| texts.name(entry.name) == name;
        self.of(self.overflow.iter().find(named).map_or(&Cell::Absent, |entry| &entry.value))
    }
    /// Whether these values of the event come from its record, and not from what was known of its host. (A
    /// number that was filled in counts as recorded: it has no place in the event's text.)
    #[must_use]
    pub fn is_recorded(&self, values: &FieldValues<'_>) -> bool {
        let Some((text, bytes)) = self.row.recorded else { return true };
        let first = match values.cell {
            Cell::Many(run) => self.many.get(run.at as usize).unwrap_or(values.cell),
            cell => cell,
        };
        match first {
            Cell::Text(span) => span.len == 0 || (span.at as usize) < text,
            Cell::Bytes(span) | Cell::Guid(span) | Cell::Sid(span) | Cell::Ip6(span) => {
                span.len == 0 || (span.at as usize) < bytes
            }
            _ => true,
        }
    }
    /// The text of a field's first value that has one.
    #[must_use]
    pub fn text(&self, field: FieldId) -> Option<&'a str> {
        self.get(field).text()
    }
    /// The text of the event in one piece, ready to be folded in one go: that of all values, and names and values
    /// that are none any more.
    #[must_use]
    pub fn row_text(&self) -> &'a str {
        self.text
    }
    /// The number of its layout.
    #[must_use]
    pub fn layout_id(&self) -> LayoutId {
        self.row.layout
    }
    /// Which of its slots holds which field.
    #[must_use]
    pub fn layout(&self) -> &'a Layout {
        self.layout
    }
    /// The values in a slot of its layout. (For matching, which knows the slots of the fields it wants.)
    #[inline]
    #[must_use]
    pub fn in_slot(&self, slot: usize) -> FieldValues<'a> {
        self.of(self.cells.get(slot).unwrap_or(&Cell::Absent))
    }
    /// Whether a field that has a number and no slot in the layout is one of these, be it present or taken away.
    #[inline]
    #[must_use]
    pub fn has_beyond(&self, is_one: impl Fn(FieldId) -> bool) -> bool {
        self.overflow.iter().any(|entry| match entry.name {
            OverflowName::Known(id) => is_one(id),
            _ => false,
        })
    }
    /// Calls `visit` for each field that is present, has a number and no slot in the layout.
    #[inline]
    pub fn each_beyond(&self, mut visit: impl FnMut(FieldId, FieldValues<'a>)) {
        for entry in self.overflow {
            if let OverflowName::Known(id) = entry.name
                && entry.value != Cell::Absent
            {
                visit(id, self.of(&entry.value));
            }
        }
    }
    /// All fields that are present: slots in their order, then the others in the recording's.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, FieldValues<'a>)> + use<'a> {
        let this = *self;
        let slots = this.layout.fields().iter().zip(this.cells);
        let slots = slots.map(move |(id, cell)| (this.vocabulary.fields.name(*id), this.of(cell)));
        let texts = this.name_texts();
        let overflow = this.overflow.iter().map(move |entry| {
            let name = match texts.name(entry.name) {
                Name::Known(id) => this.vocabulary.fields.name(id),
                Name::Text(name) => name,
            };
            (name, this.of(&entry.value))
        });
        slots.chain(overflow).filter(|(_, values)| values.is_present())
    }
}

/// A value as [`FieldValues::each`] tells it.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// Text, from one place to another of the event's text.
    Text(usize, usize),
    /// A value of another kind.
    Other(Value<'a>),
}

/// The values of one field: absent, one, several, or present without any.
#[derive(Clone, Copy, Debug)]
pub struct FieldValues<'a> {
    pub(crate) cell: &'a Cell,
    pub(crate) many: &'a [Cell],
    pub(crate) text: &'a str,
    pub(crate) bytes: &'a [u8],
}

impl<'a> FieldValues<'a> {
    /// Whether the field is there, be it without a value.
    #[inline]
    #[must_use]
    pub fn is_present(&self) -> bool {
        *self.cell != Cell::Absent
    }
    /// The values in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let (text, bytes) = (self.text, self.bytes);
        let (one, run) = match self.cell {
            Cell::Many(span) => (None, span.of(self.many)),
            cell => (read(*cell, text, bytes), &[][..]),
        };
        one.into_iter().chain(run.iter().filter_map(move |cell| read(*cell, text, bytes)))
    }
    /// Calls `visit` for each value in order: text by its place in [`Event::row_text`].
    #[inline]
    pub fn each(&self, mut visit: impl FnMut(Piece<'a>)) {
        let mut one = |cell: &Cell| match cell {
            Cell::Text(span) => visit(Piece::Text(span.at as usize, (span.at + span.len) as usize)),
            cell => {
                if let Some(value) = read(*cell, self.text, self.bytes) {
                    visit(Piece::Other(value));
                }
            }
        };
        match self.cell {
            Cell::Many(span) => span.of(self.many).iter().for_each(one),
            cell => one(cell),
        }
    }
    /// The value of a field that has exactly one.
    #[must_use]
    pub fn only(&self) -> Option<Value<'a>> {
        match self.cell {
            Cell::Many(_) => {
                let mut values = self.iter();
                values.next().filter(|_| values.next().is_none())
            }
            cell => read(*cell, self.text, self.bytes),
        }
    }
    /// The first value.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<Value<'a>> {
        match self.cell {
            Cell::Many(_) => self.iter().next(),
            cell => read(*cell, self.text, self.bytes),
        }
    }
    /// The first value that is text.
    #[inline]
    fn text(&self) -> Option<&'a str> {
        match self.cell {
            Cell::Text(span) => Some(span.text(self.text)),
            Cell::Many(_) => self.iter().find_map(|value| match value {
                Value::Text(text) => Some(text),
                _ => None,
            }),
            _ => None,
        }
    }
}
