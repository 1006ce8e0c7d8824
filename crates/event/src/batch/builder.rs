//! Writing one event, or changing a copy of one.
//!
//! The cells of the row are those of its layout; what has no slot goes to the overflow list. Text is always
//! appended: a value that is replaced leaves its text behind, which no cell points to any more. Where a row begins
//! with the fields of a record or of another event, see `copying`.

use std::sync::Arc;

use super::{Ends, EventBatch, ListNumber, Origin, Row};
use crate::arena::{Cell, Span, join, span};
use crate::field::FieldId;
use crate::logsource::LogSourceSetId;
use crate::names::FieldNames;
use crate::overflow::{Name, NameTexts, Overflow, OverflowName};
use crate::record::RawValue;
use crate::time::Timestamp;
use crate::value::Value;
use crate::view::FieldValues;
use crate::vocabulary::LayoutId;

/// Writes one event; dropped without [`EventBuilder::finish`], it leaves no trace.
#[derive(Debug)]
pub struct EventBuilder<'a> {
    pub(super) batch: &'a mut EventBatch,
    pub(super) start: Ends,
    pub(super) layout: LayoutId,
    /// As in the row, which stands at the end of the batch.
    pub(super) names: ListNumber,
    pub(super) finished: bool,
}

impl EventBuilder<'_> {
    /// Adds a value to a field; a field that has one already has several then.
    pub fn push(&mut self, field: FieldId, value: Value<'_>) {
        let cell = self.batch.arena.push(value);
        self.add(field, cell);
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
        let cell = self.run(values);
        self.put(field, cell);
    }
    /// Gives a value to a field of which the event has nothing yet: nothing is searched for it.
    pub fn set_new(&mut self, field: FieldId, value: Value<'_>) {
        let cell = self.batch.arena.push(value);
        self.put_new(field, cell);
    }
    /// The same with several values; without any, nothing is done.
    pub fn set_all_new<'v>(&mut self, field: FieldId, values: impl IntoIterator<Item = Value<'v>>) {
        let cell = self.run(values);
        self.put_new(field, cell);
    }
    fn run<'v>(&mut self, values: impl IntoIterator<Item = Value<'v>>) -> Cell {
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
        cell
    }
    /// The same for the field in this slot of the layout; nothing is done if there is no such slot.
    #[inline]
    pub fn set_slot(&mut self, slot: usize, value: Value<'_>) {
        let EventBatch { arena, cells, .. } = &mut *self.batch;
        if let Some(place) = cells.get_mut(self.start.cells + slot) {
            arena.put(value, place);
        }
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
        self.row(|row| row.time = time);
    }
    /// Says which log sources it has.
    pub fn set_sources(&mut self, sources: LogSourceSetId) {
        self.row(|row| row.sources = sources);
    }
    /// Says where it comes from.
    pub fn set_origin(&mut self, origin: Origin) {
        self.row(|row| row.origin = origin);
    }
    /// The event is complete.
    pub fn finish(mut self) {
        let ends = self.batch.ends();
        self.row(|row| row.ends = ends);
        self.finished = true;
    }

    /// Its row, the last one, changed by `change`.
    #[inline]
    fn row(&mut self, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.batch.rows.last_mut() {
            change(row);
        }
    }
    /// Names of fields are from now on those of this list, too.
    pub(super) fn share_names(&mut self, names: &Arc<FieldNames>) {
        let names = self.batch.names.add(names);
        self.names = names;
        self.row(|row| row.names = names);
    }
    #[inline]
    fn raw(&mut self, value: RawValue<'_>) -> Cell {
        match value {
            RawValue::One(value) => self.batch.arena.push(value),
            RawValue::Empty => Cell::Many(Span::default()),
        }
    }
    fn slot(&self, field: FieldId) -> Option<usize> {
        let layout = self.batch.vocabulary.layout(self.layout)?;
        layout.slot(field).map(|slot| self.start.cells + slot)
    }
    fn overflow_entry(&self, name: Name<'_>) -> Option<usize> {
        let EventBatch { overflow, arena, names, places, .. } = &*self.batch;
        let of_row = overflow.get(self.start.overflow..)?;
        if of_row.is_empty() {
            return None;
        }
        let text = arena.text.get(self.start.text..)?;
        let shared = names.get(self.names).map(|names| &**names);
        let place = places.find(name, of_row, NameTexts { text, shared })?;
        Some(self.start.overflow + place)
    }
    fn push_overflow(&mut self, name: OverflowName, value: Cell) {
        self.batch.overflow.push(Overflow { name, value });
        self.keep_up();
    }
    /// Takes note of where the names lie that were added to the overflow list.
    pub(super) fn keep_up(&mut self) {
        let EventBatch { overflow, arena, names, places, .. } = &mut *self.batch;
        let of_row = overflow.get(self.start.overflow..).unwrap_or_default();
        let text = arena.text.get(self.start.text..).unwrap_or_default();
        let shared = names.get(self.names).map(|names| &**names);
        places.keep_up(of_row, NameTexts { text, shared });
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
    fn put_new(&mut self, field: FieldId, cell: Cell) {
        match self.slot(field) {
            Some(slot) => {
                if let Some(place) = self.batch.cells.get_mut(slot) {
                    *place = cell;
                }
            }
            None if cell == Cell::Absent => {}
            // Where it lies is noted when another one is added, see `Places`.
            None => {
                let name = OverflowName::Known(field);
                self.batch.overflow.push(Overflow { name, value: cell });
            }
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
            self.batch.rows.pop();
        }
    }
}
