//! Reads a JSON input in blocks that hold whole records.
//!
//! The form is told once, from the first bytes: an array; lines, if the first line is complete in
//! itself; else documents, one after the other and as long as they like. Memory is bounded by one
//! block and one record.

use std::ops::Range;

use etwatch_event::{RecordBatch, Timestamp};
use memchr::{memchr, memchr_iter, memrchr};

use crate::input::{BLOCK, Input, InputBuffer};
use crate::json::block::{JsonBlock, RECORDS, lines, stray};
use crate::json::parse::RecordParser;
use crate::json::split::{Part, Splitter};
use crate::limits::Limits;
use crate::source::{Decoded, Mark, Piece, Source, SourceError};

/// Bytes that may be looked at again behind damage, and how many more for each byte of input: whatever
/// the damage, reading takes no longer than a multiple of the input.
const RESCANNED: u64 = 8 << 20;
const RESCANNED_EACH: u64 = 32;
/// How many records are tried to find the time of the first.
const FIRST_TRIED: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    Documents,
}

/// Reads the records of a JSON input.
pub struct Reader {
    buffer: InputBuffer,
    limits: Limits,
    form: Form,
    /// Number of the next line or record.
    next: u64,
    splitter: Splitter,
    /// A line beyond the limit is being passed over.
    discarding: bool,
    /// Bytes that were looked at again.
    rescanned: u64,
}

impl Reader {
    /// Reads the first block and tells the form.
    ///
    /// # Errors
    /// [`SourceError::NotARecording`] if there is no JSON in the first block.
    pub(crate) fn new(input: Input, path: String, limits: Limits) -> Result<Self, SourceError> {
        let mut reader = Self {
            buffer: InputBuffer::new(input, path),
            limits,
            form: Form::Lines,
            next: 1,
            splitter: Splitter::default(),
            discarding: false,
            rescanned: 0,
        };
        if reader.buffer.bytes.starts_with(b"\xef\xbb\xbf") {
            reader.take(3);
        }
        reader.form = reader.tell_form()?;
        Ok(reader)
    }

    fn tell_form(&self) -> Result<Form, SourceError> {
        let text = self.buffer.bytes.trim_ascii_start();
        match text.first() {
            None => Ok(Form::Lines),
            Some(b'[') => Ok(Form::Documents),
            Some(b'{') => {
                let line = lines(text).next().and_then(|line| text.get(line)).unwrap_or_default();
                // Documents may also follow each other on one line, without any end to it.
                let record = Splitter::default().next_record(line);
                let alone = record.and_then(|record| line.get(record.end..));
                let alone = alone.is_some_and(|behind| !behind.contains(&b'{'));
                Ok(if alone { Form::Lines } else { Form::Documents })
            }
            Some(_) if lines(text).any(|line| text.get(line.start) == Some(&b'{')) => {
                Ok(Form::Lines)
            }
            Some(_) => Err(SourceError::NotARecording {
                path: self.buffer.path().to_owned(),
                what: "neither an event log nor JSON",
                hint: "`.evtx` files and JSON (lines, arrays, documents) can be read",
            }),
        }
    }

    /// Takes the first `length` bytes off the buffer.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.buffer.take(length);
        self.splitter.shift(taken.len());
        taken
    }

    fn block(
        &mut self,
        length: usize,
        ranges: Option<Vec<Range<usize>>>,
        before: Decoded,
    ) -> Piece {
        let (offset, first) = (self.buffer.offset, self.next);
        let bytes = self.take(length);
        self.next += match &ranges {
            Some(ranges) => ranges.len() as u64,
            None => memchr_iter(b'\n', &bytes).count() as u64,
        };
        self.next += before.ledger.read;
        let (limits, lasting) = (self.limits, self.buffer.is_file());
        Piece::Json(JsonBlock { bytes, offset, first, ranges, before, lasting, limits })
    }

    fn next_lines(&mut self) -> Option<Piece> {
        loop {
            if self.discarding {
                match memchr(b'\n', &self.buffer.bytes) {
                    Some(end) => {
                        self.take(end + 1);
                        self.next += 1;
                        self.discarding = false;
                    }
                    None => {
                        self.take(self.buffer.bytes.len());
                    }
                }
            }
            let many = || memchr_iter(b'\n', &self.buffer.bytes).nth(RECORDS - 1);
            if let Some(end) = many().or_else(|| memrchr(b'\n', &self.buffer.bytes))
                && !self.discarding
                && (self.buffer.bytes.len() >= BLOCK || self.buffer.at_end)
            {
                return Some(self.block(end + 1, None, Decoded::default()));
            }
            if self.buffer.at_end {
                let all = self.buffer.bytes.len();
                return (all > 0 && !self.discarding)
                    .then(|| self.block(all, None, Decoded::default()));
            }
            if self.buffer.bytes.len() > self.limits.record_bytes && !self.discarding {
                self.discarding = true;
                return Some(self.too_long());
            }
            self.buffer.fill_more();
        }
    }

    fn too_long(&self) -> Piece {
        let mut decoded = Decoded::default();
        let limit = self.limits.record_bytes;
        let detail = format!("a record of more than {limit} bytes");
        decoded.skip("JSON record size limit", 1, self.buffer.offset, detail);
        Piece::Damage(decoded)
    }

    fn next_documents(&mut self) -> Option<Piece> {
        let mut before = Decoded::default();
        let mut ranges = Vec::new();
        loop {
            self.split(&mut ranges, &mut before);
            let open = self.splitter.open_record();
            let too_long =
                open.is_some_and(|at| self.buffer.bytes.len() - at > self.limits.record_bytes);
            if !ranges.is_empty()
                && (self.buffer.bytes.len() >= BLOCK
                    || self.buffer.at_end
                    || too_long
                    || ranges.len() >= RECORDS)
            {
                self.take_lead(&mut ranges);
                let length = ranges.last().map_or(0, |range| range.end);
                return Some(self.block(length, Some(ranges), before));
            }
            if let Some(start) = open
                && (self.buffer.at_end || too_long)
            {
                self.give_up(start, too_long, &mut before);
                continue;
            }
            if self.buffer.at_end {
                self.take(self.buffer.bytes.len());
                return (before.ledger.read > 0).then_some(Piece::Damage(before));
            }
            if ranges.is_empty() {
                self.take(self.splitter.needed());
            }
            self.buffer.fill_more();
        }
    }

    /// Finds the records of the buffer, not more than a block takes, and counts what is none.
    fn split(&mut self, ranges: &mut Vec<Range<usize>>, before: &mut Decoded) {
        while ranges.len() < RECORDS {
            let part = match self.splitter.next(&self.buffer.bytes) {
                None if self.buffer.at_end => self.splitter.last(&self.buffer.bytes),
                None if self.splitter.stray_bytes(&self.buffer.bytes) > BLOCK => {
                    let part = self.splitter.last(&self.buffer.bytes);
                    self.splitter.pass_stray();
                    part
                }
                part => part,
            };
            match part {
                None => return,
                Some(Part::Record(range)) => ranges.push(range),
                Some(Part::Stray(range)) => {
                    let at = self.buffer.offset + range.start as u64;
                    let (reason, detail) = stray(self.buffer.bytes.get(range).unwrap_or_default());
                    before.skip(reason, 1, at, detail);
                }
            }
        }
    }

    /// Takes what lies before the first record off the buffer, if it is the end of one that was passed
    /// over: read once more, it would look like text of its own.
    fn take_lead(&mut self, ranges: &mut [Range<usize>]) {
        let lead = ranges.first().map_or(0, |range| range.start);
        let text = self.buffer.bytes.get(..lead).unwrap_or_default();
        if text.iter().all(|byte| b" \t\r\n[],".contains(byte)) {
            return;
        }
        self.take(lead);
        for range in ranges {
            *range = range.start - lead..range.end - lead;
        }
    }

    /// The record that begins at `start` has no end, or none within the limit: goes on at the next line
    /// that begins with `{`. Behind a record that is too long that may be anywhere, so its own end is
    /// looked for meanwhile.
    fn give_up(&mut self, start: usize, too_long: bool, before: &mut Decoded) {
        let (reason, detail) = if too_long {
            ("JSON record size limit", format!("more than {} bytes", self.limits.record_bytes))
        } else {
            ("JSON cut off", "the record has no end".to_owned())
        };
        before.skip(reason, 1, self.buffer.offset + start as u64, detail);
        let again = (self.buffer.bytes.len() - start) as u64;
        let read = self.buffer.offset + self.buffer.bytes.len() as u64;
        let allowed = RESCANNED.saturating_add(RESCANNED_EACH.saturating_mul(read));
        if self.rescanned.saturating_add(again) <= allowed
            && self.splitter.recover(&self.buffer.bytes)
        {
            self.rescanned += again;
        } else {
            self.splitter.pass();
            self.take(self.splitter.needed());
        }
    }
}

impl Source for Reader {
    fn first_time(&mut self) -> Timestamp {
        let mut records = RecordBatch::default();
        let mut parser = RecordParser::new(self.limits);
        let mut splitter = Splitter::default();
        let mut parts = lines(&self.buffer.bytes);
        for _ in 0..FIRST_TRIED {
            let range = match self.form {
                Form::Lines => parts.next(),
                Form::Documents => splitter.next_record(&self.buffer.bytes),
            };
            let Some(bytes) = range.and_then(|range| self.buffer.bytes.get(range)) else { break };
            // What is damaged is told when it is read in its turn.
            let sound = parser.parse_fully(bytes, records.begin()).is_ok();
            if let Some(record) = records.iter().next()
                && sound
            {
                return record.time();
            }
        }
        Timestamp::UNKNOWN
    }

    fn next_piece(&mut self) -> Result<Option<Piece>, SourceError> {
        let piece = match self.form {
            Form::Lines => self.next_lines(),
            Form::Documents => self.next_documents(),
        };
        match piece {
            Some(piece) => Ok(Some(piece)),
            None => self.buffer.end().map(|()| None),
        }
    }
    fn read_again(&mut self, mark: Mark) -> Result<Option<Piece>, SourceError> {
        let Mark::Json { offset, length, first, lines } = mark else { return Ok(None) };
        let Some(bytes) = self.buffer.read_again(offset, length)? else { return Ok(None) };
        let mut splitter = Splitter::default();
        let ranges = (!lines).then(|| {
            let mut ranges: Vec<_> = std::iter::from_fn(|| splitter.next_record(&bytes)).collect();
            // What showed that a damaged record ends here was the beginning of the next one.
            ranges.extend(splitter.open_record().map(|start| start..bytes.len()));
            ranges
        });
        let (before, limits, lasting) = (Decoded::default(), self.limits, true);
        Ok(Some(Piece::Json(JsonBlock { bytes, offset, first, ranges, before, lasting, limits })))
    }
    fn rest(&mut self) {
        self.buffer.rest();
    }
    fn format(&self) -> &'static str {
        "json"
    }
    fn position(&self) -> u64 {
        self.buffer.position()
    }
}
