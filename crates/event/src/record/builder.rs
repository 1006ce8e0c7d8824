//! Writes a record, field by field.
//!
//! The row of the record stands at the end of its batch while it is written, so that nothing is moved when it
//! is complete; a builder that is dropped before takes it away again with all that was added.

use std::sync::Arc;

use super::{RawField, RawValue, RecordBatch, Row, Shape};
use crate::arena::{Cell, Span, read};
use crate::names::FieldNames;
use crate::time::Timestamp;
use crate::value::Value;

/// Writes one record into a batch; dropped without [`RecordBuilder::finish`], it leaves no trace.
#[derive(Debug)]
pub struct RecordBuilder<'a> {
    pub(super) batch: &'a mut RecordBatch,
    pub(super) fields_start: usize,
    pub(super) finished: bool,
}

impl RecordBuilder<'_> {
    /// Its row, the last one, changed by `change`.
    #[inline]
    fn row(&mut self, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.batch.rows.last_mut() {
            change(row);
        }
    }
    fn names(&self) -> Option<&Arc<FieldNames>> {
        self.batch.rows.last()?.names.as_ref()
    }

    /// Adds a field.
    pub fn push(&mut self, name: &str, value: Value<'_>) {
        let name = self.batch.arena.push_text(name);
        self.push_field(name, value);
    }
    #[inline]
    fn push_field(&mut self, name: Span, value: Value<'_>) {
        let RecordBatch { arena, fields, .. } = &mut *self.batch;
        fields.push(RawField { name, value: Cell::Absent });
        if let Some(field) = fields.last_mut() {
            arena.put(value, &mut field.value);
        }
    }
    /// Takes the names of the fields from `names`; the values follow by [`RecordBuilder::push_next`].
    /// For a record without fields so far; none of its names can be changed any more.
    pub fn share_names(&mut self, names: &Arc<FieldNames>) {
        self.row(|row| row.names = Some(Arc::clone(names)));
    }
    /// Adds the value of the next of the shared names; without one more, nothing is added.
    #[inline]
    pub fn push_next(&mut self, value: Value<'_>) {
        let index = self.len();
        if let Some(name) = self.names().and_then(|names| names.span(index)) {
            self.push_field(name, value);
        }
    }
    /// Adds a value with the shared name at `index`; without such a name, nothing is added.
    #[inline]
    pub fn push_named(&mut self, index: usize, value: Value<'_>) {
        if let Some(name) = self.names().and_then(|names| names.span(index)) {
            let place = self.len();
            if index != place {
                self.displace(place);
            }
            self.push_field(name, value);
        }
    }
    /// Adds another value to the field that was added last; without one, nothing is added. For lists: the
    /// name is not looked up again.
    #[inline]
    pub fn push_again(&mut self, value: Value<'_>) {
        if self.is_empty() {
            return;
        }
        if let Some(name) = self.batch.fields.last().map(|field| field.name) {
            self.displace(self.len());
            self.push_field(name, value);
        }
    }
    /// From this field on, they need not have the names of their places.
    fn displace(&mut self, place: usize) {
        self.row(|row| row.displaced = row.displaced.or(Some(place)));
    }
    /// Adds a field that is there but has no values.
    pub fn push_empty(&mut self, name: &str) {
        self.push(name, Value::Null);
        self.empty_last();
    }
    /// Takes the value of the field added last away: it is there, but has no values.
    pub fn empty_last(&mut self) {
        if let Some(field) = self.batch.fields.last_mut() {
            field.value = Cell::Many(Span::default());
        }
    }
    /// Says when it happened.
    pub fn set_time(&mut self, time: Timestamp) {
        self.row(|row| row.time = time);
    }
    /// When it happened, if that has been said.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.batch.rows.last().map_or(Timestamp::UNKNOWN, |row| row.time)
    }
    /// Says its number in the recording.
    pub fn set_number(&mut self, number: u64) {
        self.row(|row| row.number = number);
    }
    /// Says in what form it was written.
    pub fn set_shape(&mut self, shape: Shape) {
        self.row(|row| row.shape = shape);
    }
    /// Says that the text value of the field at `index` names the provider.
    pub fn set_provider(&mut self, index: usize) {
        if let Some(provider) = self.text_of(index) {
            self.row(|row| row.provider = provider);
        }
    }
    /// Says that the text value of the field at `index` names the channel.
    pub fn set_channel(&mut self, index: usize) {
        if let Some(channel) = self.text_of(index) {
            self.row(|row| row.channel = channel);
        }
    }
    /// Says the id of the event within its provider.
    pub fn set_event_id(&mut self, id: u32) {
        self.row(|row| row.event_id = Some(id));
    }
    fn text_of(&self, index: usize) -> Option<Span> {
        match self.batch.fields.get(self.fields_start + index)?.value {
            Cell::Text(span) => Some(span),
            _ => None,
        }
    }
    /// How many fields there are so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.fields.len() - self.fields_start
    }
    /// Whether there is no field yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The field at `index` as it stands.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<(&str, RawValue<'_>)> {
        let field = self.batch.fields.get(self.fields_start + index)?;
        let arena = &self.batch.arena;
        let text = arena.text.get(arena.text_start..).unwrap_or_default();
        let bytes = arena.bytes.get(arena.bytes_start..).unwrap_or_default();
        let value = read(field.value, text, bytes).map_or(RawValue::Empty, RawValue::One);
        let names = self.names().map_or(text, |names| names.text());
        Some((field.name.text(names), value))
    }
    /// Shortens the name of the field at `index` to the `len` bytes from `from` on; no text moves.
    /// A cut that is no boundary of a character leaves an empty name.
    pub fn cut_name(&mut self, index: usize, from: usize, len: usize) {
        if let Some(field) = self.batch.fields.get_mut(self.fields_start + index) {
            let from = u32::try_from(from).unwrap_or(u32::MAX).min(field.name.len);
            let len = u32::try_from(len).unwrap_or(u32::MAX).min(field.name.len - from);
            field.name = Span { at: field.name.at + from, len };
        }
    }
    /// Keeps the first `count` fields.
    pub fn truncate(&mut self, count: usize) {
        self.batch.fields.truncate(self.fields_start + count);
    }
    /// Gives the field at `index` another value.
    #[inline]
    pub fn set_value(&mut self, index: usize, value: Value<'_>) {
        let RecordBatch { arena, fields, .. } = &mut *self.batch;
        if let Some(field) = fields.get_mut(self.fields_start + index) {
            arena.put(value, &mut field.value);
        }
    }
    /// Gives the field at `index` another name.
    pub fn set_name(&mut self, index: usize, name: &str) {
        let name = self.batch.arena.push_text(name);
        if let Some(field) = self.batch.fields.get_mut(self.fields_start + index) {
            field.name = name;
        }
    }
    /// Takes the name of the field at `index` from the text value of another one.
    pub fn set_name_from(&mut self, index: usize, other: usize) {
        let name = self.text_of(other);
        let field = self.batch.fields.get_mut(self.fields_start + index);
        if let (Some(name), Some(field)) = (name, field) {
            field.name = name;
        }
    }
    /// Keeps the fields whose index `keep` accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut kept = self.fields_start;
        for index in 0..self.len() {
            if keep(index)
                && let Some(field) = self.batch.fields.get(self.fields_start + index).copied()
            {
                if let Some(place) = self.batch.fields.get_mut(kept) {
                    *place = field;
                }
                kept += 1;
            }
        }
        self.batch.fields.truncate(kept);
    }
    /// The record is complete.
    pub fn finish(mut self) {
        let end = self.batch.fields.len();
        self.row(|row| row.fields_end = end);
        self.finished = true;
    }
}

impl Drop for RecordBuilder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.batch.fields.truncate(self.fields_start);
            if let Some(row) = self.batch.rows.pop() {
                self.batch.arena.text.truncate(row.text_start);
                self.batch.arena.bytes.truncate(row.bytes_start);
            }
        }
    }
}
