//! Records: what a source delivers, field names as the recording writes them.
//!
//! A source writes a record's header and fields through [`RecordBuilder`]; names and values go to
//! the arena of the batch. Nothing is renamed or typed beyond what the source knows: that is the
//! work of normalisation, which turns a [`RecordBatch`] into an [`crate::EventBatch`].

use std::sync::Arc;

use crate::arena::{Arena, Cell, Span, read};
use crate::names::FieldNames;
use crate::time::Timestamp;
use crate::value::Value;

/// A batch takes no further record once it holds this many bytes of text, so that offsets fit
/// in 32 bits whatever one record adds (a record is limited by its source far below 1 GiB).
pub const MAX_BATCH_BYTES: usize = 256 << 20;

/// How a record was written, told by its own form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// A record of an `.evtx` file.
    Evtx,
    /// A record of ETW, from an `.etl` file or a live session.
    Etw,
    /// JSON with `Event.System` and `Event.EventData`, as `evtx_dump` writes it.
    EventXml,
    /// Winlogbeat and the Elastic Common Schema: `winlog.event_data`.
    Winlogbeat,
    /// NXLog's flat form: `SourceName`, `Hostname`, `EventTime`.
    Nxlog,
    /// Flat JSON with Sysmon's or Windows' own field names.
    Flat,
    /// A JSON object in which nothing of a Windows event was found.
    #[default]
    Unknown,
}

impl Shape {
    /// The name shown in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evtx => "evtx",
            Self::Etw => "etw",
            Self::EventXml => "json, Event.System",
            Self::Winlogbeat => "json, Winlogbeat",
            Self::Nxlog => "json, NXLog",
            Self::Flat => "json, flat",
            Self::Unknown => "json, unknown",
        }
    }
}

/// A field of a record before normalisation: a name and one value.
#[derive(Clone, Copy, Debug)]
struct RawField {
    name: Span,
    value: Cell,
}

/// A value of a raw field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawValue<'a> {
    /// One value.
    One(Value<'a>),
    /// A list without members: the field is there, without values.
    Empty,
}

#[derive(Clone, Debug, Default)]
struct Row {
    time: Timestamp,
    number: u64,
    shape: Shape,
    provider: Span,
    channel: Span,
    event_id: Option<u32>,
    text_start: usize,
    bytes_start: usize,
    fields_end: usize,
    /// Where the names of the fields lie, if not in the text.
    names: Option<Arc<FieldNames>>,
}

/// Records and the arena that holds their text.
#[derive(Debug, Default)]
pub struct RecordBatch {
    arena: Arena,
    rows: Vec<Row>,
    fields: Vec<RawField>,
}

impl RecordBatch {
    /// Forgets the records, keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.rows.clear();
        self.fields.clear();
    }
    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// Whether the arena has no room for a further record.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.arena.text.len().max(self.arena.bytes.len()) >= MAX_BATCH_BYTES
    }
    /// Begins a record; it counts only once [`RecordBuilder::finish`] is called.
    pub fn begin(&mut self) -> RecordBuilder<'_> {
        self.arena.begin_row();
        let fields_start = self.fields.len();
        let row = Row {
            text_start: self.arena.text_start,
            bytes_start: self.arena.bytes_start,
            ..Row::default()
        };
        RecordBuilder { batch: self, row, fields_start, finished: false }
    }
    /// The record at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let row = self.rows.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.rows.get(before)?.fields_end,
            None => 0,
        };
        Some(Record {
            row,
            fields: self.fields.get(start..row.fields_end)?,
            text: self.arena.text.get(row.text_start..)?,
            bytes: self.arena.bytes.get(row.bytes_start..)?,
        })
    }
    /// The records in the order in which they were read.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// A view of one record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    row: &'a Row,
    fields: &'a [RawField],
    text: &'a str,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// When it happened; [`Timestamp::UNKNOWN`] if the record does not say.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.row.time
    }
    /// Its number in the recording (`EventRecordID`, else its position from 1).
    #[must_use]
    pub fn number(&self) -> u64 {
        self.row.number
    }
    /// The form it was written in.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.row.shape
    }
    /// The provider that wrote it; empty if the record does not say.
    #[must_use]
    pub fn provider(&self) -> &'a str {
        self.row.provider.text(self.text)
    }
    /// The channel it was written to; empty if the record does not say.
    #[must_use]
    pub fn channel(&self) -> &'a str {
        self.row.channel.text(self.text)
    }
    /// The id of the event within its provider.
    #[must_use]
    pub fn event_id(&self) -> Option<u32> {
        self.row.event_id
    }
    /// How many fields it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }
    /// Whether it has no fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
    pub(crate) fn cell(&self, index: usize) -> Option<&'a Cell> {
        self.fields.get(index).map(|field| &field.value)
    }
    /// The text and the bytes that its cells point into.
    pub(crate) fn arena(&self) -> (&'a str, &'a [u8]) {
        (self.text, self.bytes)
    }
    /// The names of its fields, if it shares them with other records.
    #[must_use]
    pub fn shared_names(&self) -> Option<&'a Arc<FieldNames>> {
        self.row.names.as_ref()
    }
    /// Names and values in the order of the recording; a name may occur several times.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, RawValue<'a>)> + use<'a> {
        let names = self.row.names.as_ref().map_or(self.text, |names| names.text());
        let values = self.values();
        self.fields.iter().zip(values).map(move |(field, value)| (field.name.text(names), value))
    }
    /// The field at `index`.
    #[must_use]
    pub fn field(&self, index: usize) -> Option<(&'a str, RawValue<'a>)> {
        let field = self.fields.get(index)?;
        let names = self.row.names.as_ref().map_or(self.text, |names| names.text());
        let value = read(field.value, self.text, self.bytes);
        Some((field.name.text(names), value.map_or(RawValue::Empty, RawValue::One)))
    }
    /// The values alone.
    #[inline]
    pub fn values(&self) -> impl Iterator<Item = RawValue<'a>> + use<'a> {
        let (text, bytes) = (self.text, self.bytes);
        let value = move |field: &RawField| read(field.value, text, bytes);
        self.fields.iter().map(move |field| value(field).map_or(RawValue::Empty, RawValue::One))
    }
}

/// Writes one record into a batch; dropped without [`RecordBuilder::finish`], it leaves no trace.
#[derive(Debug)]
pub struct RecordBuilder<'a> {
    batch: &'a mut RecordBatch,
    row: Row,
    fields_start: usize,
    finished: bool,
}

impl RecordBuilder<'_> {
    /// Adds a field.
    pub fn push(&mut self, name: &str, value: Value<'_>) {
        let name = self.batch.arena.push_text(name);
        let value = self.batch.arena.push(value);
        self.batch.fields.push(RawField { name, value });
    }
    /// Adds a further value of the field at `index` of this record, whose name is not stored again; nothing
    /// without such a field.
    pub fn push_again(&mut self, index: usize, value: Value<'_>) {
        let Some(field) = self.batch.fields.get(self.fields_start + index) else { return };
        let name = field.name;
        let value = self.batch.arena.push(value);
        self.batch.fields.push(RawField { name, value });
    }
    /// Takes the names of the fields from `names`; the values follow by [`RecordBuilder::push_next`].
    /// For a record without fields so far; none of its names can be changed any more.
    pub fn share_names(&mut self, names: &Arc<FieldNames>) {
        self.row.names = Some(Arc::clone(names));
    }
    /// Adds the value of the next of the shared names; without one more, nothing is added.
    #[inline]
    pub fn push_next(&mut self, value: Value<'_>) {
        let index = self.len();
        if let Some(name) = self.row.names.as_ref().and_then(|names| names.span(index)) {
            let value = self.batch.arena.push(value);
            self.batch.fields.push(RawField { name, value });
        }
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
        self.row.time = time;
    }
    /// When it happened, if that has been said.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.row.time
    }
    /// Says its number in the recording.
    pub fn set_number(&mut self, number: u64) {
        self.row.number = number;
    }
    /// Says in what form it was written.
    pub fn set_shape(&mut self, shape: Shape) {
        self.row.shape = shape;
    }
    /// Says that the text value of the field at `index` names the provider.
    pub fn set_provider(&mut self, index: usize) {
        self.row.provider = self.text_of(index).unwrap_or(self.row.provider);
    }
    /// Says that the text value of the field at `index` names the channel.
    pub fn set_channel(&mut self, index: usize) {
        self.row.channel = self.text_of(index).unwrap_or(self.row.channel);
    }
    /// Says the id of the event within its provider.
    pub fn set_event_id(&mut self, id: u32) {
        self.row.event_id = Some(id);
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
        let names = self.row.names.as_ref().map_or(text, |names| names.text());
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
    /// Gives the field at `index` another value.
    pub fn set_value(&mut self, index: usize, value: Value<'_>) {
        let value = self.batch.arena.push(value);
        if let Some(field) = self.batch.fields.get_mut(self.fields_start + index) {
            field.value = value;
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
        self.row.fields_end = self.batch.fields.len();
        self.batch.rows.push(std::mem::take(&mut self.row));
        self.finished = true;
    }
}

impl Drop for RecordBuilder<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.batch.fields.truncate(self.fields_start);
            self.batch.arena.text.truncate(self.row.text_start);
            self.batch.arena.bytes.truncate(self.row.bytes_start);
        }
    }
}

#[cfg(test)]
mod tests;
