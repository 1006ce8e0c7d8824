//! Writing one event, or changing a copy of one.
//!
//! The cells of the row are those of its layout; what has no slot goes to the overflow list. Text is always
//! appended: a value that is replaced leaves its text behind, which no cell points to any more.

use std::sync::Arc;

use super::{Ends, EventBatch, Origin, Row};
use crate::arena::{Cell, Span, join, span};
use crate::field::FieldId;
use crate::logsource::LogSourceSetId;
use crate::overflow::{Name, Overflow, OverflowName};
use crate::record::{RawValue, Record};
use crate::time::Timestamp;
use crate::value::Value;
use crate::view::FieldValues;
use crate::vocabulary::Vocabulary;

/// The name of a field that an event does not have yet.
#[derive(Clone, Copy, Debug)]
pub enum NewName<'n> {
    /// One that has a number.
    Known(FieldId),
    /// Another.
    Text(&'n str),
}

/// Writes one event; dropped without [`EventBuilder::finish`], it leaves no trace.
#[derive(Debug)]
pub struct EventBuilder<'a> {
    pub(super) batch: &'a mut EventBatch,
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) row: Row,
    pub(super) start: Ends,
    pub(super) finished: bool,
}

impl EventBuilder<'_> {
    /// Adds a value to a field; a field that has one already has several then.
    pub fn push(&mut self, field: FieldId, value: Value<'_>) {
        let cell = self.batch.arena.push(value);
        self.add(field, cell);
    }
    /// Gives the field in this slot of the layout its first value, that of the field at `index` of
    /// `record`; false if it has one already, or there is no such slot or field.
    #[inline]
    pub fn copy_first(&mut self, slot: usize, record: &Record<'_>, index: usize) -> bool {
        let EventBatch { cells, arena, .. } = &mut *self.batch;
        let place = cells.get_mut(self.start.cells + slot);
        let (Some(place @ Cell::Absent), Some(cell)) = (place, record.cell(index)) else {
            return false;
        };
        let (text, bytes) = record.arena();
        arena.copy(cell, text, bytes, place);
        true
    }
    /// Gives a field that has no slot its first value, that of the field at `index` of `record`. Whoever calls
    /// knows that the event has no such field yet: it is not looked for.
    #[inline]
    pub fn copy_new(&mut self, name: NewName<'_>, record: &Record<'_>, index: usize) {
        let Some(cell) = record.cell(index) else { return };
        let name = match name {
            NewName::Known(field) => OverflowName::Known(field),
            NewName::Text(text) => OverflowName::Text(self.batch.arena.push_text(text)),
        };
        let (text, bytes) = record.arena();
        let mut entry = Overflow { name, value: Cell::Absent };
        self.batch.arena.copy(cell, text, bytes, &mut entry.value);
        if entry.value == Cell::Absent {
            // Present without values.
            entry.value = Cell::Many(Span::default());
        }
        self.batch.overflow.push(entry);
        self.keep_up();
    }
    /// Adds a value to a field whose name is not in the table.
    pub fn push_named(&mut self, name: &str, value: Value<'_>) {
        let cell = self.batch.arena.push(value);
        self.add_named(name, cell);
    }
    /// Adds a raw value, which may be "present without values".
    pub fn push_raw(&mut self, field: FieldId, value: RawValue<'_>) {
        let cell = self.raw(value);
        self.add(field, cell);
    }
    /// The same for a field whose name is not in the table.
    pub fn push_raw_named(&mut self, name: &str, value: RawValue<'_>) {
        let cell = self.raw(value);
        self.add_named(name, cell);
    }
    /// Replaces all values of a field by one.
    pub fn set(&mut self, field: FieldId, value: Value<'_>) {
        let cell = self.batch.arena.push(value);
        self.put(field, cell);
    }
    /// Replaces all values of a field by these; without any, the field is taken away.
    pub fn set_all<'v>(&mut self, field: FieldId, values: impl IntoIterator<Item = Value<'v>>) {
        let at = self.batch.many.len();
        for value in values {
            let cell = self.batch.arena.push(value);
            self.batch.many.push(cell);
        }
        let len = self.batch.many.len() - at;
        let run = self.batch.many.get(at..).unwrap_or_default();
        let cell = match run {
            [] => Cell::Absent,
            [one] => *one,
            // As runs are kept: with room up to the next power of two.
            _ => Cell::Many(span(at - self.start.many, len)),
        };
        match cell {
            Cell::Many(_) => self.batch.many.resize(at + len.next_power_of_two(), Cell::Absent),
            _ => self.batch.many.truncate(at),
        }
        self.put(field, cell);
    }
    /// Takes the field's values away.
    pub fn remove(&mut self, field: FieldId) {
        self.put(field, Cell::Absent);
    }
    /// Gives `to` the values of `from`, which keeps them; the text is not copied.
    pub fn share(&mut self, from: FieldId, to: FieldId) {
        let cell = *self.cell(from);
        if cell != Cell::Absent {
            self.put(to, cell);
        }
    }
    /// The values of a field as they stand.
    #[must_use]
    pub fn values(&self, field: FieldId) -> FieldValues<'_> {
        let arena = &self.batch.arena;
        FieldValues {
            cell: self.cell(field),
            many: self.batch.many.get(self.start.many..).unwrap_or_default(),
            text: arena.text.get(self.start.text..).unwrap_or_default(),
            bytes: arena.bytes.get(self.start.bytes..).unwrap_or_default(),
        }
    }
    /// Says when it happened.
    pub fn set_time(&mut self, time: Timestamp) {
        self.row.time = time;
    }
    /// Says which log sources it has.
    pub fn set_sources(&mut self, sources: LogSourceSetId) {
        self.row.sources = sources;
    }
    /// Says where it comes from.
    pub fn set_origin(&mut self, origin: Origin) {
        self.row.origin = origin;
    }
    /// The event is complete.
    pub fn finish(mut self) {
        self.row.ends = self.batch.ends();
        self.batch.rows.push(self.row);
        self.finished = true;
    }

    #[inline]
    fn raw(&mut self, value: RawValue<'_>) -> Cell {
        match value {
            RawValue::One(value) => self.batch.arena.push(value),
            RawValue::Empty => Cell::Many(Span::default()),
        }
    }
    fn slot(&self, field: FieldId) -> Option<usize> {
        let layout = self.vocabulary.layout(self.row.layout)?;
        layout.slot(field).map(|slot| self.start.cells + slot)
    }
    fn overflow_entry(&self, name: Name<'_>) -> Option<usize> {
        let of_row = self.batch.overflow.get(self.start.overflow..)?;
        let text = self.batch.arena.text.get(self.start.text..)?;
        let place = self.batch.places.find(name, of_row, text)?;
        Some(self.start.overflow + place)
    }
    fn push_overflow(&mut self, name: OverflowName, value: Cell) {
        self.batch.overflow.push(Overflow { name, value });
        self.keep_up();
    }
    fn keep_up(&mut self) {
        let of_row = self.batch.overflow.get(self.start.overflow..).unwrap_or_default();
        let text = self.batch.arena.text.get(self.start.text..).unwrap_or_default();
        self.batch.places.keep_up(of_row, text);
    }
    fn cell(&self, field: FieldId) -> &Cell {
        let found = match self.slot(field) {
            Some(slot) => self.batch.cells.get(slot),
            None => self
                .overflow_entry(Name::Known(field))
                .and_then(|index| self.batch.overflow.get(index).map(|entry| &entry.value)),
        };
        found.unwrap_or(&Cell::Absent)
    }
    fn put(&mut self, field: FieldId, cell: Cell) {
        if let Some(slot) = self.slot(field) {
            if let Some(place) = self.batch.cells.get_mut(slot) {
                *place = cell;
            }
        } else if let Some(index) = self.overflow_entry(Name::Known(field)) {
            if let Some(entry) = self.batch.overflow.get_mut(index) {
                entry.value = cell;
            }
        } else if cell != Cell::Absent {
            self.push_overflow(OverflowName::Known(field), cell);
        }
    }
    fn add(&mut self, field: FieldId, cell: Cell) {
        let together = self.with_one_more(*self.cell(field), cell);
        self.put(field, together);
    }
    fn add_named(&mut self, name: &str, cell: Cell) {
        if let Some(index) = self.overflow_entry(Name::Text(name)) {
            let before = self.batch.overflow.get(index).map_or(Cell::Absent, |entry| entry.value);
            let together = self.with_one_more(before, cell);
            if let Some(entry) = self.batch.overflow.get_mut(index) {
                entry.value = together;
            }
        } else {
            let name = OverflowName::Text(self.batch.arena.push_text(name));
            self.push_overflow(name, cell);
        }
    }
    fn with_one_more(&mut self, before: Cell, cell: Cell) -> Cell {
        join(&mut self.batch.many, self.start.many, before, cell)
    }
}

impl Drop for EventBuilder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.batch.arena.text.truncate(self.start.text);
            self.batch.arena.bytes.truncate(self.start.bytes);
            self.batch.cells.truncate(self.start.cells);
            self.batch.overflow.truncate(self.start.overflow);
            self.batch.many.truncate(self.start.many);
        }
    }
}
