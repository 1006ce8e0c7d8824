//! The bytes of a batch and what points into them.
//!
//! A [`Cell`] is a value in 16 bytes: small values lie in it, text and bytes are an offset and a
//! length. Text is kept apart from other bytes so that reading it back needs no UTF-8 check.

use std::net::IpAddr;

use crate::time::Timestamp;
use crate::value::{Guid, Sid, Value};

/// A place in the text or the bytes of an arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

impl Span {
    #[inline]
    pub(crate) fn text(self, text: &str) -> &str {
        let at = self.at as usize;
        text.get(at..at + self.len as usize).unwrap_or_default()
    }
    pub(crate) fn bytes(self, bytes: &[u8]) -> &[u8] {
        let at = self.at as usize;
        bytes.get(at..at + self.len as usize).unwrap_or_default()
    }
    pub(crate) fn of<T>(self, items: &[T]) -> &[T] {
        let at = self.at as usize;
        items.get(at..at + self.len as usize).unwrap_or_default()
    }
}

/// A value whose text and bytes lie in an arena.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Cell {
    /// The field is not there.
    #[default]
    Absent,
    Null,
    Text(Span),
    Unsigned(u64),
    Hex(u64),
    Signed(i64),
    Float(f64),
    Boolean(bool),
    Bytes(Span),
    Guid(Span),
    Sid(Span),
    Ip4([u8; 4]),
    Ip6(Span),
    Time(Timestamp),
    Structure,
    /// Zero or several values: a run in the list of further values.
    Many(Span),
}

/// Sixteen bytes a cell: a sentinel, since there is one for each field of each event.
const _: () = assert!(size_of::<Cell>() == 16);

/// Growing text and bytes; offsets are relative to `text_start` and `bytes_start`, the places
/// where the row being written begins, so that a row can be copied without being rewritten.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text_start: usize,
    pub(crate) bytes_start: usize,
}

impl Arena {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.bytes.clear();
        self.begin_row();
    }
    /// What follows these places, in no more memory than it needs.
    pub(crate) fn tail(&self, text: usize, bytes: usize) -> Self {
        let mut tail = Self {
            text: self.text.get(text..).unwrap_or_default().to_owned(),
            bytes: self.bytes.get(bytes..).unwrap_or_default().to_vec(),
            ..Self::default()
        };
        tail.begin_row();
        tail
    }
    pub(crate) fn begin_row(&mut self) {
        self.text_start = self.text.len();
        self.bytes_start = self.bytes.len();
    }
    #[inline]
    pub(crate) fn push_text(&mut self, text: &str) -> Span {
        let at = self.text.len() - self.text_start;
        self.text.push_str(text);
        span(at, text.len())
    }
    fn push_bytes(&mut self, bytes: &[u8]) -> Span {
        let at = self.bytes.len() - self.bytes_start;
        self.bytes.extend_from_slice(bytes);
        span(at, bytes.len())
    }
    /// Stores `value`; the cell is relative to the current row.
    #[inline]
    pub(crate) fn push(&mut self, value: Value<'_>) -> Cell {
        let mut cell = Cell::Absent;
        self.put(value, &mut cell);
        cell
    }
    /// Stores `value` in `place`. (It is written part by part where it is known what it is: passed on as a whole,
    /// it would be read again before the processor has put its parts together.)
    #[inline(always)]
    pub(crate) fn put(&mut self, value: Value<'_>, place: &mut Cell) {
        match value {
            Value::Null => *place = Cell::Null,
            Value::Text(text) => *place = Cell::Text(self.push_text(text)),
            Value::Unsigned(number) => *place = Cell::Unsigned(number),
            Value::Hex(number) => *place = Cell::Hex(number),
            Value::Signed(number) => *place = Cell::Signed(number),
            Value::Float(number) => *place = Cell::Float(number),
            Value::Boolean(yes) => *place = Cell::Boolean(yes),
            Value::Bytes(bytes) => *place = Cell::Bytes(self.push_bytes(bytes)),
            Value::Guid(guid) => *place = Cell::Guid(self.push_bytes(&guid.0)),
            Value::Sid(sid) => *place = Cell::Sid(self.push_bytes(sid.0)),
            Value::Ip(IpAddr::V4(ip)) => *place = Cell::Ip4(ip.octets()),
            Value::Ip(IpAddr::V6(ip)) => *place = Cell::Ip6(self.push_bytes(&ip.octets())),
            Value::Time(time) => *place = Cell::Time(time),
            Value::Structure => *place = Cell::Structure,
        }
    }
}

/// The value of a cell that holds exactly one; `None` for absent and several.
#[inline]
pub(crate) fn read<'a>(cell: Cell, text: &'a str, bytes: &'a [u8]) -> Option<Value<'a>> {
    let sixteen = |span: Span| <[u8; 16]>::try_from(span.bytes(bytes)).ok();
    Some(match cell {
        Cell::Absent | Cell::Many(_) => return None,
        Cell::Null => Value::Null,
        Cell::Text(span) => Value::Text(span.text(text)),
        Cell::Unsigned(number) => Value::Unsigned(number),
        Cell::Hex(number) => Value::Hex(number),
        Cell::Signed(number) => Value::Signed(number),
        Cell::Float(number) => Value::Float(number),
        Cell::Boolean(yes) => Value::Boolean(yes),
        Cell::Bytes(span) => Value::Bytes(span.bytes(bytes)),
        Cell::Guid(span) => Value::Guid(Guid(sixteen(span)?)),
        Cell::Sid(span) => Value::Sid(Sid(span.bytes(bytes))),
        Cell::Ip4(octets) => Value::Ip(octets.into()),
        Cell::Ip6(span) => Value::Ip(sixteen(span)?.into()),
        Cell::Time(time) => Value::Time(time),
        Cell::Structure => Value::Structure,
    })
}

/// Joins the values a field has with a further one; runs lie in `many` from `start` on. A run has room
/// for the next power of two of its length, so that fields whose values do not follow each other cost no
/// more than others.
pub(crate) fn join(many: &mut Vec<Cell>, start: usize, before: Cell, cell: Cell) -> Cell {
    let run = match before {
        Cell::Absent => return cell,
        Cell::Many(run) => run,
        one => {
            let at = many.len() - start;
            many.push(one);
            span(at, 1)
        }
    };
    if matches!(cell, Cell::Many(_)) {
        return Cell::Many(run);
    }
    let (mut at, len) = (run.at as usize, run.len as usize);
    if len == 0 || len.is_power_of_two() {
        // Its room is used up: it moves to the end, where there is twice as much.
        let from = start + at;
        at = many.len() - start;
        many.extend_from_within(from..from + len);
        many.resize(many.len() + len.max(1), Cell::Absent);
    }
    if let Some(place) = many.get_mut(start + at + len) {
        *place = cell;
    }
    Cell::Many(span(at, len + 1))
}

/// An offset and a length; sizes are checked against [`crate::record::MAX_BATCH_BYTES`] before a
/// row is begun, so that they always fit.
#[inline]
pub(crate) fn span(at: usize, len: usize) -> Span {
    Span { at: u32::try_from(at).unwrap_or(u32::MAX), len: u32::try_from(len).unwrap_or(0) }
}
