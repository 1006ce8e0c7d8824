//! Events as rows of an arena.
//!
//! A row has its cells in the slots of its layout, then an overflow list for fields that the
//! layout does not know. All offsets of a row are relative to where its text, bytes and further
//! values begin, so that a row is copied to another batch by plain copies of five ranges, and all
//! text of an event lies in one piece, ready to be folded in one go.

use std::sync::Arc;

use crate::arena::{Arena, Cell, Span, join};
use crate::field::FieldId;
use crate::logsource::LogSourceSetId;
use crate::overflow::{Name, Overflow, OverflowName, Places};
use crate::record::{RawValue, Record, Shape};
use crate::time::Timestamp;
use crate::value::Value;
use crate::view::{Event, FieldValues};
use crate::vocabulary::{LayoutId, Vocabulary};

/// Where an event comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Number of the input in this run.
    pub input: u32,
    /// Number of the record in it (`EventRecordID`, else its position from 1).
    pub record: u64,
    /// The form the record was written in.
    pub shape: Shape,
}

/// Ends of a row's ranges; a row begins where the one before it ends.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    text: usize,
    bytes: usize,
    cells: usize,
    overflow: usize,
    many: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Row {
    pub(crate) time: Timestamp,
    pub(crate) layout: LayoutId,
    pub(crate) sources: LogSourceSetId,
    pub(crate) origin: Origin,
    ends: Ends,
}

/// Events of one or many inputs, in the order in which they were added.
#[derive(Debug)]
pub struct EventBatch {
    vocabulary: Arc<Vocabulary>,
    arena: Arena,
    rows: Vec<Row>,
    cells: Vec<Cell>,
    overflow: Vec<Overflow>,
    /// Of the row being written.
    places: Places,
    many: Vec<Cell>,
}

impl EventBatch {
    /// An empty batch whose fields are numbered by `vocabulary`.
    #[must_use]
    pub fn new(vocabulary: Arc<Vocabulary>) -> Self {
        Self {
            vocabulary,
            arena: Arena::default(),
            rows: Vec::new(),
            cells: Vec::new(),
            overflow: Vec::new(),
            places: Places::default(),
            many: Vec::new(),
        }
    }
    /// Forgets the events, keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.rows.clear();
        self.cells.clear();
        self.overflow.clear();
        self.many.clear();
    }
    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    /// Whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// The names and layouts of this batch.
    #[must_use]
    pub fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.vocabulary
    }

    fn last_ends(&self) -> Ends {
        self.rows.last().map_or(Ends::default(), |row| row.ends)
    }

    /// Begins an event; it counts once [`EventBuilder::finish`] is called.
    pub fn begin(&mut self, layout: LayoutId, sources: LogSourceSetId) -> EventBuilder<'_> {
        let start = self.last_ends();
        self.arena.begin_row();
        self.places.clear();
        let vocabulary = Arc::clone(&self.vocabulary);
        let slots = vocabulary.layout(layout).map_or(0, |layout| layout.fields().len());
        self.cells.resize(start.cells + slots, Cell::Absent);
        let row = Row { layout, sources, ..Row::default() };
        EventBuilder { batch: self, vocabulary, row, start, finished: false }
    }

    /// Copies an event of another batch to the end of this one. The other's vocabulary is the same, or
    /// one that this one's has grown from: fields that have a number by now get it.
    pub fn push_copy(&mut self, event: &Event<'_>) {
        self.arena.text.push_str(event.text);
        self.arena.bytes.extend_from_slice(event.bytes);
        self.cells.extend_from_slice(event.cells);
        if std::ptr::eq(event.vocabulary, &raw const *self.vocabulary) {
            self.overflow.extend_from_slice(event.overflow);
        } else {
            let fields = &self.vocabulary.fields;
            let numbered = event.overflow.iter().map(|entry| entry.numbered(event.text, fields));
            self.overflow.extend(numbered);
        }
        self.many.extend_from_slice(event.many);
        let ends = Ends {
            text: self.arena.text.len(),
            bytes: self.arena.bytes.len(),
            cells: self.cells.len(),
            overflow: self.overflow.len(),
            many: self.many.len(),
        };
        self.rows.push(Row { ends, ..*event.row });
    }

    /// The events from `first` on, in a batch that takes no more memory than they need.
    #[must_use]
    pub fn tail(&self, first: usize) -> Self {
        let start = match first.checked_sub(1) {
            Some(before) => self.rows.get(before).map_or(self.last_ends(), |row| row.ends),
            None => Ends::default(),
        };
        let moved = |row: &Row| {
            let ends = Ends {
                text: row.ends.text - start.text,
                bytes: row.ends.bytes - start.bytes,
                cells: row.ends.cells - start.cells,
                overflow: row.ends.overflow - start.overflow,
                many: row.ends.many - start.many,
            };
            Row { ends, ..*row }
        };
        Self {
            vocabulary: Arc::clone(&self.vocabulary),
            arena: self.arena.tail(start.text, start.bytes),
            rows: self.rows.get(first..).unwrap_or_default().iter().map(moved).collect(),
            cells: self.cells.get(start.cells..).unwrap_or_default().to_vec(),
            overflow: self.overflow.get(start.overflow..).unwrap_or_default().to_vec(),
            places: Places::default(),
            many: self.many.get(start.many..).unwrap_or_default().to_vec(),
        }
    }
    /// Bytes that its events take.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.arena.text.len()
            + self.arena.bytes.len()
            + (self.cells.len() + self.many.len()) * size_of::<Cell>()
            + self.overflow.len() * size_of::<Overflow>()
    }
    /// Bytes of memory that the batch holds.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.arena.text.capacity()
            + self.arena.bytes.capacity()
            + self.rows.capacity() * size_of::<Row>()
            + (self.cells.capacity() + self.many.capacity()) * size_of::<Cell>()
            + self.overflow.capacity() * size_of::<Overflow>()
            + self.places.heap_bytes()
    }

    /// Sets the time of the event at `index`, for a record that did not say it.
    pub fn set_time(&mut self, index: usize, time: Timestamp) {
        if let Some(row) = self.rows.get_mut(index) {
            row.time = time;
        }
    }

    /// The event at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Event<'_>> {
        let row = self.rows.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.rows.get(before)?.ends,
            None => Ends::default(),
        };
        self.view(row, start)
    }
    fn view<'b>(&'b self, row: &'b Row, start: Ends) -> Option<Event<'b>> {
        Some(Event {
            vocabulary: &self.vocabulary,
            layout: self.vocabulary.layout(row.layout)?,
            row,
            text: self.arena.text.get(start.text..row.ends.text)?,
            bytes: self.arena.bytes.get(start.bytes..row.ends.bytes)?,
            cells: self.cells.get(start.cells..row.ends.cells)?,
            overflow: self.overflow.get(start.overflow..row.ends.overflow)?,
            many: self.many.get(start.many..row.ends.many)?,
        })
    }
    /// The events in order.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        let mut start = Ends::default();
        self.rows.iter().filter_map(move |row| {
            let view = self.view(row, start);
            start = row.ends;
            view
        })
    }
}

/// Writes one event; dropped without [`EventBuilder::finish`], it leaves no trace.
#[derive(Debug)]
pub struct EventBuilder<'a> {
    batch: &'a mut EventBatch,
    vocabulary: Arc<Vocabulary>,
    row: Row,
    start: Ends,
    finished: bool,
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
    /// Says where it comes from.
    pub fn set_origin(&mut self, origin: Origin) {
        self.row.origin = origin;
    }
    /// The event is complete.
    pub fn finish(mut self) {
        let batch = &mut *self.batch;
        self.row.ends = Ends {
            text: batch.arena.text.len(),
            bytes: batch.arena.bytes.len(),
            cells: batch.cells.len(),
            overflow: batch.overflow.len(),
            many: batch.many.len(),
        };
        batch.rows.push(self.row);
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

#[cfg(test)]
mod tests;
