//! The records of a chunk, each by the shorter way that can be taken.
//!
//! The chunk is walked through record by record. One whose form is known is read by it
//! ([`Forms`]); for the others the crate `evtx` walks along, up to the record in question, which it decodes to
//! JSON text. Where the own walk does not know on, the crate goes on alone: what is damage, and where records
//! begin again behind it, is told by the crate.
//!
//! A cut-off last chunk is filled up with zeros: the records before the cut are read, the first one after it
//! ends the chunk. Records that a chunk's header claims and that were not found are counted as lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::evtx::{EvtxChunkData, EvtxChunkHeader, EvtxRecord, ParserSettings};
use etwatch_event::{RecordBatch, Shape};

use crate::evtx::forms::{Forms, Recalled};
use crate::evtx::records::{Next, Walk};
use crate::json::RecordParser;
use crate::limits::Limits;
use crate::source::{Decoded, Mark};
use crate::texts::RecordTexts;

pub(crate) const FILE_HEADER: u64 = 4_096;
pub(crate) const CHUNK: usize = 65_536;
pub(crate) const CHUNK_HEADER: usize = 512;
/// A record takes at least this much, which bounds what a damaged header may claim.
const SMALLEST_RECORD: u64 = 64;

/// Where a chunk begins in its file.
pub(crate) fn offset_of(chunk: u64) -> u64 {
    FILE_HEADER.saturating_add(chunk.saturating_mul(CHUNK as u64))
}

/// A chunk of 64 KiB, not yet decoded.
#[derive(Debug)]
pub struct EvtxChunk {
    data: Vec<u8>,
    number: u64,
}

impl EvtxChunk {
    pub(crate) fn new(data: Vec<u8>, number: u64) -> Self {
        Self { data, number }
    }
    pub(crate) fn mark(&self) -> Mark {
        Mark::Chunk(self.number)
    }
}

/// Decodes chunks, and remembers the forms of their records.
#[derive(Debug)]
pub(crate) struct EvtxDecoder {
    parser: RecordParser,
    /// `None` if all records are to be read in full.
    forms: Option<Forms>,
    recalled: u64,
}

impl EvtxDecoder {
    /// A decoder that knows no forms yet, or one that reads all records in full.
    pub(crate) fn new(in_full: bool) -> Self {
        let mut parser = RecordParser::new(Limits::default());
        parser.set_shape(Some(Shape::Evtx));
        Self { parser, forms: (!in_full).then(Forms::default), recalled: 0 }
    }

    /// How many records were read by their form.
    pub(crate) fn recalled(&self) -> u64 {
        self.recalled
    }

    /// Keeps the texts of what `decode` reads in full in `texts`, if there is room for them.
    pub(crate) fn lend<T>(
        &mut self,
        texts: &mut Option<RecordTexts>,
        decode: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let wanted = texts.is_some();
        self.parser.texts = texts.take();
        let decoded = decode(self);
        // A parser that was given up with a hostile chunk has lost them.
        *texts = self.parser.texts.take().or_else(|| wanted.then(RecordTexts::default));
        decoded
    }

    /// Decodes the records of `chunk` into `records`.
    pub(crate) fn decode(&mut self, chunk: EvtxChunk, records: &mut RecordBatch) -> Decoded {
        let offset = offset_of(chunk.number);
        let mut decoded = Decoded::default();
        let recalled = self.recalled;
        // The crate is not ours; should a hostile chunk bring it down, the chunk is lost and counted, the
        // run goes on.
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            self.decode_chunk(chunk, offset, records, &mut decoded);
        }));
        if attempt.is_err() {
            records.clear();
            *self = Self { recalled, ..Self::new(self.forms.is_none()) };
            decoded = Decoded::default();
            decoded.skip("EVTX chunk", 1, offset, "the decoder gave up");
        }
        decoded
    }

    fn decode_chunk(
        &mut self,
        piece: EvtxChunk,
        offset: u64,
        records: &mut RecordBatch,
        decoded: &mut Decoded,
    ) {
        let EvtxChunk { mut data, number } = piece;
        let length = data.len() as u64;
        data.resize(CHUNK.max(data.len()), 0);
        let mut chunk = match EvtxChunkData::new(data, false) {
            Ok(chunk) => chunk,
            Err(error) => return decoded.skip("EVTX chunk header", 1, offset, error.to_string()),
        };
        chunk.number = Some(number);
        let claimed = claimed_by(&chunk.header);
        let settings = Arc::new(ParserSettings::new().num_threads(1).indent(false));
        let mut chunk = match chunk.parse(settings) {
            Ok(chunk) => chunk,
            Err(error) => {
                return decoded.skip("EVTX chunk", claimed.max(1), offset, error.to_string());
            }
        };
        let end = self.decode_records(&mut chunk, offset, length, records, decoded);
        let missing = claimed.saturating_sub(decoded.ledger.read);
        if length < CHUNK as u64 {
            let detail = format!("{} bytes of chunk {number} are missing", CHUNK as u64 - length);
            decoded.skip("EVTX chunk cut off", missing.max(1), offset + length, detail);
        } else if missing > 0 {
            // The records end early without one that is damaged: overwritten with zeros, or the chunk's
            // header says so. Where they should have gone on is all that is known.
            let detail =
                format!("{missing} of the records that chunk {number} claims are not there");
            decoded.skip("EVTX record", missing, offset + end, detail);
        }
    }

    /// Decodes the records of a chunk, of which `length` bytes are there; returns where they end.
    fn decode_records(
        &mut self,
        chunk: &mut ::evtx::EvtxChunk<'_>,
        offset: u64,
        length: u64,
        records: &mut RecordBatch,
        decoded: &mut Decoded,
    ) -> u64 {
        let data = chunk.data;
        let mut end = CHUNK_HEADER as u64;
        let mut walk = Some(Walk::new(chunk.header, CHUNK_HEADER, data.len()));
        if let Some(forms) = &mut self.forms {
            forms.begin_chunk();
        }
        // The crate's walk, and how many of the records before the next one it has yet to pass by.
        let mut rest = chunk.iter();
        let mut ahead = 0;
        loop {
            let found = match walk.as_mut().map(|walk| walk.next(data)) {
                Some(Next::Record(found)) => Some(found),
                Some(Next::End) => break,
                Some(Next::Unclear) | None => {
                    walk = None;
                    None
                }
            };
            // Behind the end of a chunk that is cut off there are only our zeros.
            let found = found.filter(|found| found.end as u64 <= length);
            let recalled = match (found, &mut self.forms) {
                (Some(found), Some(forms)) => forms.read(data, found, records.begin()),
                _ => Recalled::No,
            };
            if let (Recalled::Yes, Some(found)) = (recalled, found) {
                end = found.end as u64;
                self.recalled += 1;
                decoded.ledger.read += 1;
                ahead += 1;
                continue;
            }
            let Some(record) = rest.nth(ahead) else { break };
            ahead = 0;
            if let Ok(record) = &record {
                end = record.binxml_offset + u64::from(record.binxml_size);
            }
            match record {
                Ok(_) if end > length => break,
                Err(_) if length < CHUNK as u64 => break,
                Ok(record) => self.add_record(record, recalled, offset, records, decoded),
                Err(error) => decoded.skip("EVTX record", 1, offset, with_causes(&error)),
            }
        }
        end
    }

    /// Reads a record in full, and learns from it if it is one to learn from.
    fn add_record(
        &mut self,
        record: EvtxRecord<'_>,
        recalled: Recalled,
        offset: u64,
        records: &mut RecordBatch,
        decoded: &mut Decoded,
    ) {
        let at = offset + record.binxml_offset;
        let data = record.chunk.data;
        let read = match record.into_json_bytes() {
            Ok(read) => read,
            Err(error) => return decoded.skip("EVTX record", 1, at, with_causes(&error)),
        };
        let mut builder = records.begin();
        builder.set_number(read.event_record_id);
        let parsed = match recalled {
            Recalled::No if self.forms.is_some() => {
                self.parser.parse(&read.data, Some(Shape::Evtx), builder)
            }
            _ => {
                let parser = &mut self.parser;
                parser.parse_fully(&read.data, builder).inspect(|()| parser.keep(&read.data))
            }
        };
        if let Err(error) = parsed {
            return decoded.skip("EVTX record", 1, at, error.to_string());
        }
        decoded.ledger.read += 1;
        let last = records.len().checked_sub(1).and_then(|last| records.get(last));
        if let (Recalled::Learn, Some(forms), Some(last)) = (recalled, &mut self.forms, last) {
            forms.learn(data, &read.data, &last, &mut self.parser);
        }
    }
}

/// How many records a chunk's header claims, by their ids or by their numbers in the file: each range
/// is believed if so many records fit into a chunk, and the larger one counts, since either may be
/// damaged. The chunks that Windows writes have the same length of both.
fn claimed_by(header: &EvtxChunkHeader) -> u64 {
    let ids = (header.first_event_record_id, header.last_event_record_id);
    let numbers = (header.first_event_record_number, header.last_event_record_number);
    // A chunk that has no record yet has -1 there.
    let range = |(first, last): (u64, u64)| match last.checked_sub(first) {
        Some(more) if last != u64::MAX && more < CHUNK as u64 / SMALLEST_RECORD => more + 1,
        _ => 0,
    };
    range(ids).max(range(numbers))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
