//! The text of an event, folded once.
//!
//! The event's own text is copied in one piece and its ASCII letters are folded in place, so that values
//! keep their places. A value that folding changes beyond ASCII, and the text of a value that is none (a
//! number), is appended in its folded form.

use etwatch_event::{Event, FieldValues, Piece, Value};

use crate::fold::{fold_into, folds_in_place};

/// The text of one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ValueText {
    /// Where it lies folded.
    folded: (u32, u32),
    /// Where it lies as it is: in the event's own text, or else in `rendered`.
    original: (u32, u32),
    in_event: bool,
    pub(crate) is_ascii: bool,
}

/// A run of values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    from: u32,
    to: u32,
}

/// The texts of one event; the buffers are kept.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    folded: String,
    rendered: String,
    scratch: String,
    values: Vec<ValueText>,
    row_is_ascii: bool,
    /// Whether folding ASCII letters was all there was to do.
    row_is_folded: bool,
}

/// A part of a text.
fn part(text: &str, (from, to): (u32, u32)) -> &str {
    text.get(from as usize..to as usize).unwrap_or_default()
}

/// Places within an event fit 32 bits: so do those of its batch's cells.
fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Texts {
    /// Takes up the text of another event.
    pub(crate) fn begin(&mut self, event: &Event<'_>) {
        let row = event.row_text();
        self.folded.clear();
        self.folded.push_str(row);
        self.folded.make_ascii_lowercase();
        self.row_is_ascii = row.is_ascii();
        self.row_is_folded = self.row_is_ascii || folds_in_place(row);
        self.rendered.clear();
        self.values.clear();
    }

    /// Adds the values of a field.
    #[inline]
    pub(crate) fn add(&mut self, event: &Event<'_>, values: FieldValues<'_>) -> Run {
        let from = self.values.len();
        values.each(|piece| match piece {
            Piece::Text(from, to) => self.add_text(event.row_text(), from, to),
            Piece::Other(value) => self.add_other(value),
        });
        Run { from: short(from), to: short(self.values.len()) }
    }

    /// Adds all values of the event.
    pub(crate) fn add_all(&mut self, event: &Event<'_>) -> Run {
        let from = short(self.values.len());
        event.fields().for_each(|(_, values)| {
            self.add(event, values);
        });
        Run { from, to: short(self.values.len()) }
    }

    #[inline]
    fn add_text(&mut self, row: &str, from: usize, to: usize) {
        let place = (short(from), short(to));
        let value = ValueText { folded: place, original: place, in_event: true, is_ascii: true };
        if self.row_is_ascii {
            return self.values.push(value);
        }
        let text = row.get(from..to).unwrap_or_default();
        let is_ascii = text.is_ascii();
        if is_ascii || self.row_is_folded || folds_in_place(text) {
            self.values.push(ValueText { is_ascii, ..value });
        } else {
            self.append(text, place, true);
        }
    }

    fn add_other(&mut self, value: Value<'_>) {
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Some(text) = value.text(&mut scratch) {
            let from = self.rendered.len();
            self.rendered.push_str(text);
            self.append(text, (short(from), short(self.rendered.len())), false);
        }
        self.scratch = scratch;
    }

    /// Folds a text behind that of the event.
    fn append(&mut self, text: &str, original: (u32, u32), in_event: bool) {
        let from = self.folded.len();
        fold_into(text, &mut self.folded);
        let folded = (short(from), short(self.folded.len()));
        self.values.push(ValueText { folded, original, in_event, is_ascii: text.is_ascii() });
    }

    /// The values of a run.
    #[inline]
    pub(crate) fn of(&self, run: Run) -> &[ValueText] {
        self.values.get(run.from as usize..run.to as usize).unwrap_or_default()
    }

    /// A value, folded.
    #[inline]
    pub(crate) fn folded(&self, value: &ValueText) -> &str {
        part(&self.folded, value.folded)
    }

    /// Whether [`Texts::all_folded`] has the text of all values that are text, added or not.
    pub(crate) fn has_all_text(&self) -> bool {
        self.row_is_folded
    }

    /// All that is folded so far, in one piece.
    pub(crate) fn all_folded(&self) -> &str {
        &self.folded
    }

    /// A value, folded or as it is.
    #[inline]
    pub(crate) fn text<'t>(&'t self, value: &ValueText, cased: bool, event: &Event<'t>) -> &'t str {
        if !cased {
            self.folded(value)
        } else if value.in_event {
            part(event.row_text(), value.original)
        } else {
            part(&self.rendered, value.original)
        }
    }
}
