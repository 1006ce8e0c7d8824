//! The texts of some events, found but not parsed.
//!
//! A file is read in blocks of whole events; a channel's events, which Windows renders one by one, are gathered into
//! blocks ([`XmlBlock::push`]). Either is decoded on any thread.

use std::ops::Range;

use etwatch_event::RecordBatch;

use super::event::{XmlError, XmlParser};
use crate::limits::Limits;
use crate::source::{Decoded, Mark};

/// Events of a block.
pub(super) const EVENTS: usize = 4_096;

/// Bytes of whole events.
#[derive(Debug, Default)]
pub struct XmlBlock {
    pub(super) bytes: Vec<u8>,
    /// Offset of the first byte in the (unpacked) input.
    pub(super) offset: u64,
    /// Number of the first event, for those that do not tell their own.
    pub(super) first: u64,
    /// Where events lie.
    pub(super) ranges: Vec<Range<usize>>,
    /// What the reader met on the way.
    pub(crate) before: Decoded,
    /// Whether its bytes can be had again: those of a pipe are gone.
    pub(super) lasting: bool,
    pub(super) limits: Limits,
}

impl XmlBlock {
    /// Adds the text of one event, as Windows rendered it.
    pub fn push(&mut self, text: &str) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        self.ranges.push(start..self.bytes.len());
    }
    /// How many events it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }
    /// Whether it holds no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
    /// Whether it has something to tell, be it that something was lost.
    pub(crate) fn has_anything(&self) -> bool {
        !self.is_empty() || !self.before.damage.is_empty()
    }
    /// Bytes of their texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Where it lies; `None` if it can't be had again, or if damage stands before or between its events, which
    /// was told when they were found.
    pub(crate) fn mark(&self) -> Option<Mark> {
        (self.lasting && self.before.ledger.read == 0).then_some(Mark::Xml {
            offset: self.offset,
            length: self.bytes.len(),
            first: self.first,
        })
    }

    /// Decodes the events into `records`.
    pub(crate) fn decode(self, parser: &mut XmlParser, records: &mut RecordBatch) -> Decoded {
        let Self { bytes, offset, first, ranges, before, limits, .. } = self;
        let mut decoded = before;
        parser.set_limits(limits);
        for (number, range) in (first..).zip(ranges) {
            let at = offset + range.start as u64;
            let text = bytes.get(range).unwrap_or_default();
            if text.len() > limits.record_bytes {
                let detail = format!("more than {} bytes", limits.record_bytes);
                decoded.skip(super::reader::SIZE_LIMIT, 1, at, detail);
                continue;
            }
            match one(text, number, parser, records) {
                Ok(is_whole) => {
                    decoded.ledger.read += 1;
                    if !is_whole {
                        *decoded.ledger.incomplete.entry("XML that is no UTF-8").or_default() += 1;
                    }
                }
                Err(error) => decoded.skip(error.reason, 1, at, error.detail),
            }
        }
        decoded
    }
}

/// Decodes an event; returns whether all of its bytes were text.
fn one(
    bytes: &[u8],
    number: u64,
    parser: &mut XmlParser,
    records: &mut RecordBatch,
) -> Result<bool, XmlError> {
    if records.is_full() {
        let detail = "too much in one block".to_owned();
        return Err(XmlError { reason: "XML block limit", detail });
    }
    // What a console's code page made of a name is not worth the event.
    let text = String::from_utf8_lossy(bytes);
    let mut record = records.begin();
    record.set_number(number);
    parser.parse(&text, record)?;
    Ok(matches!(text, std::borrow::Cow::Borrowed(_)))
}
