//! Events as rows of an arena.
//!
//! A row has its cells in the slots of its layout, then an overflow list for fields that the
//! layout does not know. All offsets of a row are relative to where its text, bytes and further
//! values begin, so that a row is copied to another batch by plain copies of five ranges, and all
//! text of an event lies in one piece, ready to be folded in one go.

mod builder;
mod copying;
mod names;

use std::sync::Arc;

use crate::arena::{Arena, Cell};
use crate::logsource::LogSourceSetId;
use crate::overflow::{Overflow, Places};
use crate::record::Shape;
use crate::time::Timestamp;
use crate::view::Event;
use crate::vocabulary::{LayoutId, Vocabulary};

pub use builder::EventBuilder;
pub use copying::Move;
pub(crate) use names::{ListNumber, SharedNames};

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

/// What the memory of its host says of an event when its turn comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attribution {
    /// Number of its host in this run.
    pub host: u32,
    /// Whether it is older than what its host had already shown, so that it changes nothing.
    pub is_late: bool,
    /// The process that acted and its three nearest ancestors, each by a number of its own on the host; 0
    /// where there is none or it is not known.
    pub lineage: [u32; 4],
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
    /// Where the text and bytes of an event end that was copied and then changed: what follows is no part of
    /// the record.
    pub(crate) recorded: Option<(usize, usize)>,
    pub(crate) attribution: Attribution,
    /// The list with names of fields that the layout does not know.
    pub(crate) names: ListNumber,
    ends: Ends,
}

/// Events of one or many inputs, in the order in which they were added.
#[derive(Debug)]
pub struct EventBatch {
    vocabulary: Arc<Vocabulary>,
    names: SharedNames,
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
            names: SharedNames::default(),
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
        self.names.clear();
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

    /// Goes on writing the row that began at `start`. It is written where it will stay; a builder that is
    /// dropped takes it away again.
    fn write(&mut self, row: Row, start: Ends) -> EventBuilder<'_> {
        self.places.clear();
        self.rows.push(row);
        EventBuilder { batch: self, start, layout: row.layout, names: row.names, finished: false }
    }
    fn last_ends(&self) -> Ends {
        self.rows.last().map_or(Ends::default(), |row| row.ends)
    }

    /// Begins an event; it counts once [`EventBuilder::finish`] is called.
    pub fn begin(&mut self, layout: LayoutId, sources: LogSourceSetId) -> EventBuilder<'_> {
        let start = self.last_ends();
        self.arena.begin_row();
        let slots = self.vocabulary.layout(layout).map_or(0, |layout| layout.fields().len());
        self.cells.resize(start.cells + slots, Cell::Absent);
        self.write(Row { layout, sources, ..Row::default() }, start)
    }

    fn ends(&self) -> Ends {
        Ends {
            text: self.arena.text.len(),
            bytes: self.arena.bytes.len(),
            cells: self.cells.len(),
            overflow: self.overflow.len(),
            many: self.many.len(),
        }
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
            names: self.names.clone(),
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
            + self.names.heap_bytes()
    }

    /// Sets the time of the event at `index`, for a record that did not say it.
    pub fn set_time(&mut self, index: usize, time: Timestamp) {
        if let Some(row) = self.rows.get_mut(index) {
            row.time = time;
        }
    }

    /// Says whose the event at `index` is.
    pub fn attribute(&mut self, index: usize, attribution: Attribution) {
        if let Some(row) = self.rows.get_mut(index) {
            row.attribution = attribution;
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
            names: self.names.get(row.names),
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

#[cfg(test)]
mod tests;
