//! Some records of a JSON input, found but not parsed.

use std::ops::Range;

use etwatch_event::{Reason, RecordBatch};
use memchr::{memchr_iter, memmem};

use crate::json::parse::{JsonError, RecordParser};
use crate::json::split::{Part, Splitter};
use crate::limits::Limits;
use crate::source::{Decoded, Mark};

/// Records of a block: each takes up to some KiB as an event, however short it is. A block of lines or
/// documents is cut here; the rest of a single line that holds more is skipped.
pub(crate) const RECORDS: usize = 16_384;
/// Values of all records of a block.
const VALUES: usize = 1 << 20;
const BLOCK_LIMIT: &str = "JSON block limit";

/// Bytes of whole records.
#[derive(Debug)]
pub struct JsonBlock {
    pub(crate) bytes: Vec<u8>,
    /// Offset of the first byte in the (unpacked) input.
    pub(crate) offset: u64,
    /// Line number of the first line, or number of the first record.
    pub(crate) first: u64,
    /// Where records lie; `None` for lines.
    pub(crate) ranges: Option<Vec<Range<usize>>>,
    /// What the reader met on the way.
    pub(crate) before: Decoded,
    /// Whether its bytes can be had again: those of a pipe are gone.
    pub(crate) lasting: bool,
    pub(crate) limits: Limits,
}

impl JsonBlock {
    /// Where it lies; `None` if it came from a pipe or was unpacked on the way, or if damage stands
    /// before its records, since then their places were found by going on behind it.
    pub(crate) fn mark(&self) -> Option<Mark> {
        (self.lasting && self.before.ledger.read == 0).then_some(Mark::Json {
            offset: self.offset,
            length: self.bytes.len(),
            first: self.first,
            lines: self.ranges.is_none(),
        })
    }
    /// Decodes the records into `records`.
    pub(crate) fn decode(self, parser: &mut RecordParser, records: &mut RecordBatch) -> Decoded {
        parser.set_limits(self.limits);
        let mut work =
            Work { parser, offset: self.offset, values: 0, decoded: self.before, records };
        let bytes = self.bytes.as_slice();
        if let Some(ranges) = &self.ranges {
            for (number, range) in (self.first..).zip(ranges) {
                work.document(bytes, range.clone(), number);
            }
        } else {
            for (number, range) in (self.first..).zip(lines(bytes)) {
                work.line(bytes, range, number);
            }
        }
        work.decoded
    }
}

/// The lines of `bytes` without their ends.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let ends =
        memchr_iter(b'\n', bytes).chain((bytes.last() != Some(&b'\n')).then_some(bytes.len()));
    let mut start = 0;
    ends.map(move |end| {
        let line = start..end;
        start = end + 1;
        line
    })
}

/// What is said about text outside records: whether it is at least JSON.
pub(crate) fn stray(text: &[u8]) -> (Reason, &'static str) {
    if serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok() {
        ("JSON is no object", "a value that is no object")
    } else {
        ("JSON syntax", "text that belongs to no record")
    }
}

struct Work<'a> {
    parser: &'a mut RecordParser,
    offset: u64,
    /// Values of the records so far.
    values: usize,
    decoded: Decoded,
    records: &'a mut RecordBatch,
}

impl Work<'_> {
    /// Reads a record; says whether it was sound, else why not.
    fn one(&mut self, bytes: &[u8], number: u64) -> Result<(), JsonError> {
        let length = self.records.len();
        if self.records.is_full() || length >= RECORDS || self.values >= VALUES {
            let detail = "too much in one block".to_owned();
            return Err(JsonError { reason: BLOCK_LIMIT, detail, trailing: false });
        }
        let mut record = self.records.begin();
        record.set_number(number);
        self.parser.parse(bytes, None, record)?;
        self.decoded.ledger.read += 1;
        self.values += self.records.get(length).map_or(0, |record| record.len());
        Ok(())
    }

    fn skip(&mut self, at: usize, error: JsonError) {
        self.decoded.skip(error.reason, 1, self.offset + at as u64, error.detail);
    }

    /// A line is one record; several in a row, a comma behind it, or an array of them are taken too.
    fn line(&mut self, bytes: &[u8], mut range: Range<usize>, number: u64) {
        let mut line = bytes.get(range.clone()).unwrap_or_default();
        if let Some(rest) = line.strip_prefix(b"\xef\xbb\xbf") {
            range.start += line.len() - rest.len();
            line = rest;
        }
        // The first and the last line of an array hold no record.
        if line.iter().all(|byte| b" \t\r\x0b\x0c[],".contains(byte)) {
            return;
        }
        let Err(error) = self.one(line, number) else { return };
        let is_array = line.trim_ascii_start().starts_with(b"[");
        let several = error.trailing || is_array && Splitter::default().next_record(line).is_some();
        if !several {
            return self.skip(range.start, error);
        }
        let mut splitter = Splitter::default();
        while let Some(part) = splitter.next(line).or_else(|| splitter.last(line)) {
            self.part(line, part, range.start, number);
        }
        if let Some(open) = splitter.open_record() {
            let detail = "the record has no end".to_owned();
            self.skip(
                range.start + open,
                JsonError { reason: "JSON cut off", detail, trailing: false },
            );
        }
    }

    /// A part of a line that begins at `start`.
    fn part(&mut self, line: &[u8], part: Part, start: usize, number: u64) {
        match part {
            Part::Record(range) => {
                let at = start + range.start;
                if let Err(error) = self.one(line.get(range).unwrap_or_default(), number) {
                    self.skip(at, error);
                }
            }
            Part::Stray(range) => {
                let at = self.offset + (start + range.start) as u64;
                let (reason, detail) = stray(line.get(range).unwrap_or_default());
                self.decoded.skip(reason, 1, at, detail);
            }
        }
    }

    /// A document; if it is damaged, records that begin on a line of their own inside it are tried,
    /// since braces that were lost make several documents look like one. Trying ends once the document
    /// has been read some times over; the rest of it goes with the last record that was tried.
    fn document(&mut self, bytes: &[u8], range: Range<usize>, number: u64) {
        let mut start = range.start;
        let mut allowance = 16 * range.len();
        while let Err(error) = self.one(bytes.get(start..range.end).unwrap_or_default(), number) {
            let at_limit = error.reason == BLOCK_LIMIT;
            self.skip(start, error);
            match allowance.checked_sub(range.end - start) {
                Some(left) if !at_limit => allowance = left,
                _ => return,
            }
            let rest = bytes.get(start + 1..range.end).unwrap_or_default();
            let Some(at) = memmem::find(rest, b"\n{") else { return };
            let next = start + 1 + at + 1;
            let inner = bytes.get(next..range.end).unwrap_or_default();
            let part = match Splitter::default().next_record(inner) {
                Some(part) if part.end < inner.len() => part,
                _ => {
                    start = next;
                    continue;
                }
            };
            if let Err(error) = self.one(inner.get(part.clone()).unwrap_or_default(), number) {
                self.skip(next, error);
            }
            let Some(at) = memmem::find(inner.get(part.end..).unwrap_or_default(), b"\n{") else {
                return;
            };
            start = next + part.end + at + 1;
        }
    }
}
