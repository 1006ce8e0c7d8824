//! Records: what a source delivers, field names as the recording writes them.
//!
//! A source writes a record's header and fields through [`RecordBuilder`]; names and values go to
//! the arena of the batch. Nothing is renamed or typed beyond what the source knows: that is the
//! work of normalisation, which turns a [`RecordBatch`] into an [`crate::EventBatch`].

use std::sync::Arc;

use crate::arena::{Arena, Cell, Span, read};
use crate::names::FieldNames;
use crate::template::RecordTemplate;
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
pub(crate) struct RawField {
    pub(crate) name: Span,
    pub(crate) value: Cell,
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
    /// Whether some field does not have the name of its place in them.
    displaced: bool,
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
        // It is written where it will stay; a builder that is dropped takes it away again.
        self.rows.push(Row {
            text_start: self.arena.text_start,
            bytes_start: self.arena.bytes_start,
            ..Row::default()
        });
        RecordBuilder { batch: self, fields_start, finished: false }
    }
    /// Begins a record with the fields of a template.
    #[inline]
    pub fn begin_with(&mut self, template: &RecordTemplate) -> RecordBuilder<'_> {
        let builder = self.begin();
        let RecordTemplate { names, fields, text, bytes, provider, channel, shape } = template;
        builder.batch.arena.text.push_str(text);
        builder.batch.arena.bytes.extend_from_slice(bytes);
        builder.batch.fields.extend_from_slice(fields);
        if let Some(row) = builder.batch.rows.last_mut() {
            row.names = Some(Arc::clone(names));
            row.provider = *provider;
            row.channel = *channel;
            row.shape = *shape;
        }
        builder
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
    /// The names of its fields, if it shares them with other records and each has the name of its place.
    #[must_use]
    pub fn shared_names(&self) -> Option<&'a Arc<FieldNames>> {
        self.row.names.as_ref().filter(|_| !self.row.displaced)
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
    fields_start: usize,
    finished: bool,
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
            let displaced = index != self.len();
            self.row(|row| row.displaced |= displaced);
            self.push_field(name, value);
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

#[cfg(test)]
mod tests;
