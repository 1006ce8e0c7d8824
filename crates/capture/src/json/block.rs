//! Some records of a JSON input, found but not parsed.

use std::ops::Range;

use etwatch_event::RecordBatch;
use memchr::{memchr_iter, memmem};

use crate::json::parse::RecordParser;
use crate::json::split::Splitter;
use crate::limits::Limits;
use crate::source::{Decoded, Mark};

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
    pub fn decode(self, records: &mut RecordBatch) -> Decoded {
        let mut work = Work {
            parser: RecordParser::new(self.limits),
            offset: self.offset,
            decoded: self.before,
            records,
        };
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

struct Work<'a> {
    parser: RecordParser,
    offset: u64,
    decoded: Decoded,
    records: &'a mut RecordBatch,
}

impl Work<'_> {
    /// Reads the record in `range`; says whether it was sound, else why not.
    fn one(&mut self, bytes: &[u8], number: u64) -> Result<(), crate::json::JsonError> {
        if self.records.is_full() {
            let detail = "too much text in one block".to_owned();
            let reason = "JSON block limit";
            return Err(crate::json::JsonError { reason, detail, trailing: false });
        }
        let mut record = self.records.begin();
        record.set_number(number);
        let read = self.parser.parse(bytes, None, record);
        if read.is_ok() {
            self.decoded.ledger.read += 1;
        }
        read
    }

    fn skip(&mut self, at: usize, error: crate::json::JsonError) {
        self.decoded.skip(error.reason, 1, self.offset + at as u64, error.detail);
    }

    /// A line is one record; several in a row, or a comma behind it, are taken too.
    fn line(&mut self, bytes: &[u8], range: Range<usize>, number: u64) {
        let line = bytes.get(range.clone()).unwrap_or_default();
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let Err(error) = self.one(line, number) else { return };
        let mut splitter = Splitter::default();
        if !error.trailing {
            return self.skip(range.start, error);
        }
        while let Some(part) = splitter.next(line) {
            if let Err(error) = self.one(line.get(part.clone()).unwrap_or_default(), number) {
                self.skip(range.start + part.start, error);
            }
        }
        if splitter.stray.is_some() || splitter.open_record().is_some() {
            self.skip(range.start, error);
        }
    }

    /// A document; if it is damaged, records that begin on a line of their own inside it are tried,
    /// since a quote that was lost makes several documents look like one.
    fn document(&mut self, bytes: &[u8], range: Range<usize>, number: u64) {
        let mut start = range.start;
        while let Err(error) = self.one(bytes.get(start..range.end).unwrap_or_default(), number) {
            self.skip(start, error);
            let rest = bytes.get(start + 1..range.end).unwrap_or_default();
            let mut splitter = Splitter::default();
            let Some(at) = memmem::find(rest, b"\n{") else { return };
            let next = start + 1 + at + 1;
            let inner = bytes.get(next..range.end).unwrap_or_default();
            let Some(part) = splitter.next(inner) else {
                start = next;
                continue;
            };
            if part.end == inner.len() {
                start = next;
                continue;
            }
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
