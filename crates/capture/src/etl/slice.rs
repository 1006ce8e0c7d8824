//! The second pass: a range of time, and all buffers that have a part in it.
//!
//! A slice can be read without the rest of the file, on any thread: it holds the raw bytes of its buffers,
//! unpacks them, walks each processor's in order, and merges the processors by time. Slices follow one
//! another without a gap, so all of them together are the log in order, whatever their size; the bytes
//! held at any time are those of the slices under way, not those of the file.
//!
//! ```text
//! processor 0   |──── buffer 3 ────|──── buffer 5 ────|
//! processor 1        |──────────── buffer 4 ─────────────────|
//!                         ▲ slice ──────────▲
//! ```
//!
//! A buffer that reaches over a bound is in the slices on both sides, and each hands on its own part. For
//! that to lose nothing and give nothing twice, whatever times a record claims, slices go by a time that
//! can be relied on. It is the record's own, but never earlier than that of the record before it in the
//! buffer and never later than the first of the next buffer of that processor. In a sound log the two are
//! the same. Records of the same time come in the order of their buffers (by first time, then by place in
//! the file), and a slice may begin between two such buffers: bounds are times with the rank of a buffer. What
//! is damaged has the time of the record before it. Records are handed on with their own time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::sync::Arc;

use etwatch_event::{RawRecord, Timestamp};

use crate::source::{Decoded, Mark};

use super::buffer::{Buffer, HEADER};
use super::record::{Frame, Step, step};
use super::trace::{Trace, is_bookkeeping};

/// A place in the order of a log: ticks that can be relied on, and the rank of the buffer.
pub(super) type Place = (u64, u32);

/// Bytes that a processor's room may keep for the next slice.
const KEPT_BYTES: usize = 4 << 20;

/// A buffer of a slice.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) buffer: Buffer,
    /// Its rank among the buffers of the file.
    pub(super) rank: u32,
    /// Where its bytes lie in the slice.
    pub(super) bytes: Range<usize>,
}

/// Buffers of an `.etl` file that share a range of time, not yet decoded.
#[derive(Debug)]
pub struct EtlSlice {
    pub(super) trace: Arc<Trace>,
    /// By processor, then rank.
    pub(super) parts: Vec<Part>,
    pub(super) bytes: Vec<u8>,
    /// Where it begins, and where the next one does.
    pub(super) from: Place,
    pub(super) to: Option<Place>,
    /// Ranks of the buffers that begin in it.
    pub(super) ranks: Range<u32>,
    pub(super) with_bookkeeping: bool,
}

/// What reading slices needs room for; each worker has its own.
#[derive(Debug, Default)]
pub struct EtlScratch {
    streams: Vec<Stream>,
    order: BinaryHeap<Reverse<(Place, usize)>>,
}

/// Who is handed records of ETW, with what their log or host says of itself.
pub type EachRecord<'e> = &'e mut dyn FnMut(&RawRecord<'_>, &Arc<Trace>);

/// The buffers of one processor, read one after the other.
#[derive(Debug, Default)]
struct Stream {
    /// Its parts of the slice that are not read yet, the current one first.
    parts: Range<usize>,
    /// The bytes of the current one, if it is packed.
    room: Vec<u8>,
    /// Whether the current one was begun, and whether it has nothing more.
    is_open: bool,
    is_done: bool,
    /// Where in it the next record begins.
    at: usize,
    /// How many of its records were passed.
    passed: u64,
    /// The time that can be relied on.
    time: u64,
    next: Next,
}

/// What a stream gives next.
#[derive(Debug, Default)]
enum Next {
    #[default]
    Nothing,
    Record(Frame),
    /// Damage: of the buffer or of a record, where, and what it is.
    Damage(&'static str, u64, String),
}

impl EtlSlice {
    /// What the log says of itself.
    #[must_use]
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }
    /// Hands on the records of bookkeeping as well. They are counted as such all the same.
    #[must_use]
    pub fn with_bookkeeping(self) -> Self {
        Self { with_bookkeeping: true, ..self }
    }
    pub(crate) fn mark(&self) -> Mark {
        Mark::Etl { first: self.ranks.start, end: self.ranks.end }
    }

    /// Hands on its records to `each`, by time, with what their log says of itself.
    ///
    /// Counted are: as read all of them; as bookkeeping those that are no events; as undecodable those whose
    /// header nothing is known of; as skipped what is damaged. What `each` was given, apart from
    /// bookkeeping, is left for the caller to account for.
    pub fn read(self, scratch: &mut EtlScratch, each: EachRecord<'_>) -> Decoded {
        let mut decoded = Decoded::default();
        if self.ranks.start == 0 {
            decoded.ledger.events_lost = u64::from(self.trace.events_lost);
            decoded.ledger.buffers_lost = u64::from(self.trace.buffers_lost);
        }
        let EtlScratch { streams, order } = scratch;
        let count = self.begin(streams);
        order.clear();
        for (number, stream) in streams.iter_mut().enumerate().take(count) {
            order.extend(stream.advance(&self).map(|place| Reverse((place, number))));
        }
        while let Some(Reverse((_, number))) = order.pop() {
            let bound = order.peek().map(|Reverse((place, _))| *place);
            let Some(stream) = streams.get_mut(number) else { break };
            // As long as it is the earliest, it goes on without being put back into the order.
            loop {
                stream.hand_on(&self, &mut decoded, each);
                match stream.advance(&self) {
                    Some(place) if bound.is_none_or(|bound| place < bound) => {}
                    Some(place) => break order.push(Reverse((place, number))),
                    None => break,
                }
            }
        }
        for stream in streams {
            stream.next = Next::Nothing;
            if stream.room.capacity() > KEPT_BYTES {
                stream.room = Vec::new();
            }
        }
        decoded
    }

    /// A stream for each processor; returns how many there are.
    fn begin(&self, streams: &mut Vec<Stream>) -> usize {
        let mut count = 0;
        let mut at = 0;
        for parts in self.parts.chunk_by(|a, b| a.buffer.processor == b.buffer.processor) {
            if streams.len() == count {
                streams.push(Stream::default());
            }
            if let Some(stream) = streams.get_mut(count) {
                stream.parts = at..at + parts.len();
                (stream.is_open, stream.is_done) = (false, false);
            }
            at += parts.len();
            count += 1;
        }
        count
    }
}

impl Stream {
    /// Goes to the next record or damage that lies in the slice; returns its place.
    fn advance(&mut self, slice: &EtlSlice) -> Option<Place> {
        loop {
            let part = slice.parts.get(self.parts.clone())?.first()?;
            if self.is_done {
                self.parts.start += 1;
                (self.is_open, self.is_done) = (false, false);
                continue;
            }
            self.look(part, slice);
            if matches!(self.next, Next::Nothing) {
                continue;
            }
            self.passed += 1;
            let place = (self.time, part.rank);
            if place < slice.from {
                continue;
            }
            if slice.to.is_some_and(|to| place >= to) {
                // All that follows is later still.
                self.parts.start = self.parts.end;
                self.next = Next::Nothing;
                return None;
            }
            return Some(place);
        }
    }

    /// Looks at what comes next in the current part.
    fn look(&mut self, part: &Part, slice: &EtlSlice) {
        let buffer = &part.buffer;
        let bytes = slice.bytes.get(part.bytes.clone()).unwrap_or_default();
        if !self.is_open {
            (self.is_open, self.at, self.passed, self.time) = (true, 0, 0, buffer.first);
            if let Err(error) = buffer.unpack(bytes, &mut self.room) {
                self.is_done = true;
                self.next = Next::Damage("ETL buffer", buffer.offset, error.to_string());
                return;
            }
        }
        let contents = buffer.contents(bytes, &self.room);
        self.next = match step(contents, self.at, buffer.is_cut(contents), slice.trace.form()) {
            Step::Record(record) => {
                self.at = record.next();
                let own = record.ticks.unwrap_or(self.time);
                self.time = self.time.max(own).min(buffer.last);
                Next::Record(record)
            }
            Step::Bad(what) => {
                self.is_done = true;
                let within = if buffer.compressed { "unpacked byte" } else { "byte" };
                let what = format!("{what} ({within} {} of the buffer)", HEADER + self.at);
                Next::Damage("ETL record", buffer.place(self.at), what)
            }
            Step::End => {
                self.is_done = true;
                Next::Nothing
            }
        };
    }

    /// Counts what comes next and hands it on.
    fn hand_on(&mut self, slice: &EtlSlice, decoded: &mut Decoded, each: EachRecord<'_>) {
        let record = match std::mem::take(&mut self.next) {
            Next::Nothing => return,
            Next::Damage(reason, offset, what) => return decoded.skip(reason, 1, offset, what),
            Next::Record(record) => record,
        };
        let parts = slice.parts.get(self.parts.clone()).unwrap_or_default();
        let Some(part) = parts.first() else { return };
        let bytes = slice.bytes.get(part.bytes.clone()).unwrap_or_default();
        let contents = part.buffer.contents(bytes, &self.room);
        let clock = slice.trace.clock;
        let time = record.ticks.map_or(Timestamp::UNKNOWN, |ticks| clock.time(ticks));
        decoded.ledger.read += 1;
        if record.is_opaque() {
            *decoded.ledger.undecodable.entry("ETL opaque record").or_default() += 1;
            return;
        }
        let mut view = record.view(contents, slice.trace.form());
        view.header.time = time;
        view.header.number = part.buffer.number + self.passed - 1;
        view.header.processor = part.buffer.processor;
        let is_bookkeeping = record.may_explain && is_bookkeeping(&view);
        decoded.ledger.bookkeeping += u64::from(is_bookkeeping);
        if !is_bookkeeping || slice.with_bookkeeping {
            each(&view, &slice.trace);
        }
    }
}
