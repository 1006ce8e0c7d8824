//! Copying into a batch: events of other batches, and fields of records.
//!
//! Both are copies of whole pieces. A row's offsets count from where the row begins, so the ranges of an event
//! are copied as they are. So are text and bytes of a record: its cells then point to the same places in the
//! event. Which field goes where is a list of [`Move`]s, worked out once for the names that records share:
//!
//! ```text
//! names   EventID      Image     ThreadId        Odd       Odd
//! moves   Slot(0)      Slot(17)  Beyond(id)      Named     Later       the second of its name: by who calls
//! ```
//!
//! A field of several values is a run of values with one name; they become the values of one field.

use super::{EventBatch, EventBuilder, ListNumber, Row};
use crate::arena::{Cell, Span, span};
use crate::field::FieldId;
use crate::logsource::LogSourceSetId;
use crate::overflow::{Overflow, OverflowName};
use crate::record::{RawField, Record};
use crate::view::Event;
use crate::vocabulary::LayoutId;

/// Where a field goes, by its name's place in the list that its record shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// To this slot of the layout. No field before goes there.
    Slot(usize),
    /// To a field that has a number and no slot. No field before goes there.
    Beyond(FieldId),
    /// To a field that has no number. No field before has its name.
    Named,
    /// Elsewhere: who calls sees to it.
    Later,
}

impl EventBatch {
    /// Copies an event of another batch to the end of this one. The other's vocabulary is the same, or
    /// one that this one's has grown from: fields that have a number by now get it.
    pub fn push_copy(&mut self, event: &Event<'_>) {
        let names = self.copy_ranges(event);
        let ends = self.ends();
        self.rows.push(Row { ends, names, ..*event.row });
    }

    /// Begins an event as a copy of one of another batch, see [`EventBatch::push_copy`]. Texts and bytes that it
    /// gets from now on are no part of what was recorded, see [`Event::is_recorded`].
    pub fn begin_copy(&mut self, event: &Event<'_>) -> EventBuilder<'_> {
        let start = self.last_ends();
        let names = self.copy_ranges(event);
        let recorded = event.row.recorded.or(Some((event.text.len(), event.bytes.len())));
        let mut builder = self.write(Row { recorded, names, ..*event.row }, start);
        builder.keep_up();
        builder
    }

    /// Copies all of an event but its row; returns the number of its list of names here.
    fn copy_ranges(&mut self, event: &Event<'_>) -> ListNumber {
        self.arena.begin_row();
        self.arena.text.push_str(event.text);
        self.arena.bytes.extend_from_slice(event.bytes);
        self.cells.extend_from_slice(event.cells);
        self.many.extend_from_slice(event.many);
        if std::ptr::eq(event.vocabulary, &raw const *self.vocabulary) {
            self.overflow.extend_from_slice(event.overflow);
        } else {
            let (fields, texts) = (&self.vocabulary.fields, event.name_texts());
            self.overflow.extend(event.overflow.iter().map(|entry| entry.numbered(texts, fields)));
        }
        event.names.map_or(ListNumber::default(), |names| self.names.add(names))
    }

    /// Begins an event with fields of `record`, which go where `moves` says, a move for each of the names that
    /// it shares with others; without moves, nothing is taken. If all its fields have the names of their places,
    /// who calls adds those to be moved [`Move::Later`], else all from the number on that is returned.
    pub fn begin_from(
        &mut self,
        layout: LayoutId,
        sources: LogSourceSetId,
        record: &Record<'_>,
        moves: &[Move],
    ) -> (EventBuilder<'_>, usize) {
        let mut event = self.begin(layout, sources);
        let Some(names) = record.names().filter(|_| !moves.is_empty()) else { return (event, 0) };
        let (text, bytes) = record.arena();
        event.batch.arena.text.push_str(text);
        event.batch.arena.bytes.extend_from_slice(bytes);
        let moved = if record.shared_names().is_some() {
            event.move_fields(record.raw_fields(), moves)
        } else {
            let named = |index| names.span(index);
            event.move_runs(record.raw_fields(), moves, named)
        };
        if event.batch.overflow.len() > event.start.overflow {
            event.share_names(names);
            event.keep_up();
        }
        (event, moved)
    }
}

impl EventBuilder<'_> {
    /// Moves fields that have the names of their places.
    fn move_fields(&mut self, fields: &[RawField], moves: &[Move]) -> usize {
        let EventBatch { cells, overflow, .. } = &mut *self.batch;
        let slots = cells.get_mut(self.start.cells..).unwrap_or_default();
        for (index, (field, to)) in (0..).zip(fields.iter().zip(moves)) {
            put(*to, index, &field.value, slots, overflow);
        }
        fields.len().min(moves.len())
    }

    /// Moves fields of which some have the same name as the one before them, and some are missing; `name` gives
    /// the shared names. Ends at the first that is to be moved later.
    fn move_runs(
        &mut self,
        fields: &[RawField],
        moves: &[Move],
        name: impl Fn(usize) -> Option<Span>,
    ) -> usize {
        let EventBatch { cells, overflow, many, .. } = &mut *self.batch;
        let slots = cells.get_mut(self.start.cells..).unwrap_or_default();
        let mut rest = fields;
        for ((index, to), place) in (0..).zip(moves).zip(0..) {
            let Some(first) = rest.first() else { break };
            if name(place) != Some(first.name) {
                continue;
            }
            if *to == Move::Later {
                break;
            }
            let length = rest.iter().take_while(|field| field.name == first.name).count();
            let Some((run, others)) = rest.split_at_checked(length) else { break };
            match run {
                [one] => put(*to, index, &one.value, slots, overflow),
                _ => put(*to, index, &push_run(many, self.start.many, run), slots, overflow),
            }
            rest = others;
        }
        fields.len() - rest.len()
    }
}

/// Puts a value to its place. (It is copied from memory to memory, in one piece.)
#[inline(always)]
fn put(to: Move, name: u32, value: &Cell, slots: &mut [Cell], overflow: &mut Vec<Overflow>) {
    let name = match to {
        Move::Slot(slot) => {
            if let Some(place) = slots.get_mut(slot) {
                *place = *value;
            }
            return;
        }
        Move::Beyond(field) => OverflowName::Known(field),
        Move::Named => OverflowName::Shared(name),
        Move::Later => return,
    };
    overflow.push(Overflow { name, value: *value });
    if let Some(Overflow { value: value @ Cell::Absent, .. }) = overflow.last_mut() {
        // Present without values.
        *value = Cell::Many(Span::default());
    }
}

/// The values of a field that has several, as a run at the end of `many` that begins at `start`. There is room for
/// the next power of two, as where values are added one by one.
fn push_run(many: &mut Vec<Cell>, start: usize, fields: &[RawField]) -> Cell {
    let first = many.len();
    let values = fields.iter().map(|field| field.value);
    many.extend(values.filter(|value| !matches!(value, Cell::Absent | Cell::Many(_))));
    let length = many.len() - first;
    many.resize(first + length.next_power_of_two(), Cell::Absent);
    Cell::Many(span(first - start, length))
}
