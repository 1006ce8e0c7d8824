//! Records: what a source delivers, field names as the recording writes them.
//!
//! A source writes a record's header and fields through [`RecordBuilder`]; names and values go to
//! the arena of the batch. Nothing is renamed or typed beyond what the source knows: that is the
//! work of normalisation, which turns a [`RecordBatch`] into an [`crate::EventBatch`].

mod builder;

use std::sync::Arc;

use crate::arena::{Arena, Cell, Span, read};
use crate::names::FieldNames;
use crate::template::RecordTemplate;
use crate::time::Timestamp;
use crate::value::Value;

pub use builder::RecordBuilder;

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
    /// From which field on they need not have the names of their places in them.
    displaced: Option<usize>,
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
        let (text_end, bytes_end) = match self.rows.get(index + 1) {
            Some(next) => (next.text_start, next.bytes_start),
            None => (self.arena.text.len(), self.arena.bytes.len()),
        };
        Some(Record {
            row,
            fields: self.fields.get(start..row.fields_end)?,
            text: self.arena.text.get(row.text_start..text_end)?,
            bytes: self.arena.bytes.get(row.bytes_start..bytes_end)?,
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
    pub(crate) fn raw_fields(&self) -> &'a [RawField] {
        self.fields
    }
    /// The text and the bytes that its cells point into.
    pub(crate) fn arena(&self) -> (&'a str, &'a [u8]) {
        (self.text, self.bytes)
    }
    /// The names of its fields, if it shares them with other records and each has the name of its place.
    #[must_use]
    pub fn shared_names(&self) -> Option<&'a Arc<FieldNames>> {
        self.names().filter(|_| self.row.displaced.is_none())
    }
    /// The names of its fields, if it shares them with other records. A name may be missing, and several fields
    /// that follow each other have one name if it has several values.
    #[must_use]
    pub fn names(&self) -> Option<&'a Arc<FieldNames>> {
        self.row.names.as_ref()
    }
    /// How many of its fields, from the first on, have the names of their places in [`Record::names`].
    #[must_use]
    pub fn in_place(&self) -> usize {
        self.row.displaced.map_or(self.len(), |displaced| displaced.min(self.len()))
    }
    /// Names and values in the order of the recording; a name may occur several times.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, RawValue<'a>)> + use<'a> {
        let names = self.row.names.as_ref().map_or(self.text, |names| names.text());
        let values = self.values();
        self.fields.iter().zip(values).map(move |(field, value)| (field.name.text(names), value))
    }
    /// The name of the field at `index`.
    #[inline]
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&'a str> {
        let names = self.row.names.as_ref().map_or(self.text, |names| names.text());
        self.fields.get(index).map(|field| field.name.text(names))
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

#[cfg(test)]
mod tests;
