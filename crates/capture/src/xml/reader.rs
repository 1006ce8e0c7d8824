//! Reads a file of events in blocks that hold whole events.
//!
//! Memory is bounded by one block and one event; each byte is looked at once to find where events end
//! ([`Splitter`]), and once more when its block is decoded.

use std::ops::Range;

use etwatch_event::{RecordBatch, Timestamp};

use super::block::{EVENTS, XmlBlock};
use super::event::XmlParser;
use super::split::{Part, Splitter, shows_event};
use crate::input::{BLOCK, Input, InputBuffer};
use crate::limits::Limits;
use crate::source::{Decoded, Mark, Piece, Source, SourceError};

/// How many events are tried to find the time of the first.
const FIRST_TRIED: usize = 16;
/// Reason of the ledger for an event of too many bytes.
pub(super) const SIZE_LIMIT: &str = "XML record size limit";

/// Reads the events of a file.
pub struct Reader {
    buffer: InputBuffer,
    limits: Limits,
    /// Number of the next event.
    next: u64,
    splitter: Splitter,
}

impl Reader {
    /// Reads the first block.
    ///
    /// # Errors
    /// [`SourceError::NotARecording`] if no event begins in it.
    pub(crate) fn new(input: Input, path: String, limits: Limits) -> Result<Self, SourceError> {
        let buffer = InputBuffer::new(input, path);
        let has_event = Splitter::default().next(&buffer.bytes, buffer.at_end);
        let begins = matches!(has_event, Some(Part::Event(_))) || shows_event(&buffer.bytes);
        if !begins && !buffer.has_failed() {
            return Err(SourceError::NotARecording {
                path: buffer.path().to_owned(),
                what: "XML without events",
                hint: "elements `Event` can be read, as `wevtutil qe LOG /f:xml` and Event Viewer write them",
            });
        }
        Ok(Self { buffer, limits, next: 1, splitter: Splitter::default() })
    }

    /// Takes the first `length` bytes off the buffer.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.buffer.take(length);
        self.splitter.shift(taken.len());
        taken
    }

    fn next_block(&mut self) -> Option<Piece> {
        let mut before = Decoded::default();
        let mut ranges = Vec::new();
        loop {
            self.split(&mut ranges, &mut before);
            let is_full = ranges.len() >= EVENTS || self.buffer.bytes.len() >= BLOCK;
            if !ranges.is_empty() && (is_full || self.buffer.at_end) {
                return Some(self.block(ranges, before));
            }
            let open = self.splitter.open_event();
            if open.is_some_and(|at| self.buffer.bytes.len() - at > self.limits.record_bytes) {
                self.too_long(&mut before);
            }
            if self.buffer.at_end {
                self.take(self.buffer.bytes.len());
                self.number(&before);
                return (before.ledger.read > 0).then_some(Piece::Damage(before));
            }
            // Here no event is complete; what lies before the open one is not needed.
            self.take(self.splitter.needed());
            self.buffer.fill_more();
        }
    }

    /// Finds the events of the buffer, not more than a block takes, and counts what is none.
    fn split(&mut self, ranges: &mut Vec<Range<usize>>, before: &mut Decoded) {
        while ranges.len() < EVENTS {
            let found = self.splitter.next(&self.buffer.bytes, self.buffer.at_end);
            let found =
                found.or_else(|| if self.buffer.at_end { self.splitter.last() } else { None });
            let (at, reason, detail) = match found {
                None => return,
                Some(Part::Event(range)) => {
                    ranges.push(range);
                    continue;
                }
                Some(Part::CutOff(at)) => (at, "XML cut off", "the event has no end"),
                Some(Part::Stray(at)) => (at, "XML syntax", "there is text outside the events"),
            };
            before.skip(reason, 1, self.buffer.offset + at as u64, detail);
        }
    }

    fn block(&mut self, mut ranges: Vec<Range<usize>>, before: Decoded) -> Piece {
        let (start, end) = match (ranges.first(), ranges.last()) {
            (Some(first), Some(last)) => (first.start, last.end),
            _ => (0, 0),
        };
        self.take(start);
        for range in &mut ranges {
            *range = range.start - start..range.end - start;
        }
        let (offset, first) = (self.buffer.offset, self.next);
        let bytes = self.take(end - start);
        self.next += ranges.len() as u64;
        self.number(&before);
        let (limits, lasting) = (self.limits, self.buffer.is_file());
        Piece::Xml(XmlBlock { bytes, offset, first, ranges, before, lasting, limits })
    }

    /// What was damaged had numbers too.
    fn number(&mut self, before: &Decoded) {
        self.next += before.ledger.read;
    }

    fn too_long(&mut self, before: &mut Decoded) {
        let at = self.splitter.open_event().unwrap_or_default();
        let detail = format!("an event of more than {} bytes", self.limits.record_bytes);
        before.skip(SIZE_LIMIT, 1, self.buffer.offset + at as u64, detail);
        self.splitter.pass();
    }
}

impl Source for Reader {
    fn first_time(&mut self) -> Timestamp {
        let mut records = RecordBatch::default();
        let mut parser = XmlParser::new(self.limits);
        let mut splitter = Splitter::default();
        let parts = std::iter::from_fn(|| splitter.next(&self.buffer.bytes, self.buffer.at_end));
        for part in parts.take(FIRST_TRIED) {
            let Part::Event(range) = part else { continue };
            let bytes = self.buffer.bytes.get(range).unwrap_or_default();
            // What is damaged is told when it is read in its turn.
            let read = parser.parse(&String::from_utf8_lossy(bytes), records.begin());
            if let (Ok(()), Some(record)) = (read, records.get(0)) {
                return record.time();
            }
        }
        Timestamp::UNKNOWN
    }
    fn next_piece(&mut self) -> Result<Option<Piece>, SourceError> {
        match self.next_block() {
            Some(piece) => Ok(Some(piece)),
            None => self.buffer.end().map(|()| None),
        }
    }
    fn read_again(&mut self, mark: Mark) -> Result<Option<Piece>, SourceError> {
        let Mark::Xml { offset, length, first } = mark else { return Ok(None) };
        let Some(bytes) = self.buffer.read_again(offset, length)? else { return Ok(None) };
        let mut splitter = Splitter::default();
        let parts = std::iter::from_fn(|| splitter.next(&bytes, true));
        let event = |part| if let Part::Event(range) = part { Some(range) } else { None };
        let ranges = parts.filter_map(event).collect();
        let (before, limits, lasting) = (Decoded::default(), self.limits, true);
        Ok(Some(Piece::Xml(XmlBlock { bytes, offset, first, ranges, before, lasting, limits })))
    }
    fn rest(&mut self) {
        self.buffer.rest();
    }
    fn format(&self) -> &'static str {
        "xml"
    }
    fn position(&self) -> u64 {
        self.buffer.position()
    }
}
