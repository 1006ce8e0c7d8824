//! Windows' event-log files, chunk by chunk.
//!
//! A file is a 4 KiB header and chunks of 64 KiB, each with its own strings, templates and records:
//! a chunk is decoded without the others, and damage in one leaves the others whole. A log that
//! wrapped around has its oldest chunk anywhere, so the chunk headers are read first and the chunks
//! taken in the order of their record numbers.
//!
//! The crate `evtx` decodes a record to JSON text, which is read once by the streaming reader of
//! [`crate::json`]; no tree is built. A cut-off last chunk is filled up with zeros: the records
//! before the cut are read, the first one after it ends the chunk. Records that a chunk's header claims
//! and that were not found are counted as lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::evtx::{EvtxChunkData, EvtxChunkHeader, EvtxRecord, ParserSettings};
use etwatch_event::{RecordBatch, Shape, Timestamp};

use crate::json::RecordParser;
use crate::reopen::Reopening;
use crate::source::{Decoded, Mark, Piece, Source, SourceError};

/// The first bytes of a file.
pub const FILE_MAGIC: &[u8] = b"ElfFile\0";
const FILE_HEADER: u64 = 4_096;
/// Offset of the number of chunks (16 bits) in the file header.
const CHUNK_COUNT: usize = 42;
const CHUNK: usize = 65_536;
const CHUNK_HEADER: usize = 512;
/// Offset of the first record's `FILETIME` in a chunk.
const FIRST_TIME: usize = CHUNK_HEADER + 16;
/// A record takes at least this much, which bounds what a damaged header may claim.
const SMALLEST_RECORD: u64 = 64;

/// Reads the chunks of an `.evtx` file in the order of their record numbers.
#[derive(Debug)]
pub struct Reader {
    file: Reopening,
    path: String,
    /// Numbers of the chunks still to be read, last first.
    chunks: Vec<u64>,
    /// How many chunks the header counts.
    stated: u64,
    /// Chunks that the header counts but the file does not have.
    missing: u64,
    read: u64,
    first_time: Timestamp,
}

impl Reader {
    /// Reads the chunk headers of `file`; `path` is for messages.
    ///
    /// # Errors
    /// [`SourceError`] if the file can't be read, or has neither a file header nor a chunk.
    pub(crate) fn new(mut file: Reopening, path: String) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Io { path: path.clone(), source };
        let length = file.length().map_err(failed)?;
        let header = file.read_at(0, CHUNK_COUNT + 2).map_err(failed)?;
        let magic = header.get(..FILE_MAGIC.len()).unwrap_or_default();
        let count = length.saturating_sub(FILE_HEADER).div_ceil(CHUNK as u64);
        let mut order = Vec::new();
        let mut first_time = (u64::MAX, Timestamp::UNKNOWN);
        for number in 0..count {
            let head = file.read_at(offset_of(number), FIRST_TIME + 8).map_err(failed)?;
            // A chunk without a sound header goes last; it is told when its turn comes.
            let first = match EvtxChunkHeader::from_bytes(&head) {
                Ok(chunk) if chunk.first_event_record_id <= chunk.last_event_record_id => {
                    chunk.first_event_record_id
                }
                _ => u64::MAX,
            };
            if first < first_time.0
                && let Some(time) = head.last_chunk::<8>()
            {
                first_time = (first, Timestamp::from_filetime(u64::from_le_bytes(*time)));
            }
            order.push((first, number));
        }
        if magic != FILE_MAGIC && order.iter().all(|(first, _)| *first == u64::MAX) {
            let what = "neither the header nor a chunk of an event log was found";
            let hint = "is this really an `.evtx` file?";
            return Err(SourceError::NotARecording { path, what, hint });
        }
        let stated = header.get(CHUNK_COUNT..).and_then(<[u8]>::first_chunk::<2>);
        let stated = stated.filter(|_| magic == FILE_MAGIC);
        if stated.is_none() && count == 0 {
            let what = "the header of an event log, cut off";
            return Err(SourceError::NotARecording { path, what, hint: "copy the file once more" });
        }
        let stated = stated.map_or(0, |bytes| u64::from(u16::from_le_bytes(*bytes)));
        let missing = stated.saturating_sub(count);
        order.sort_unstable();
        let chunks = order.into_iter().rev().map(|(_, number)| number).collect();
        Ok(Self { file, path, chunks, stated, missing, read: 0, first_time: first_time.1 })
    }
}

impl Reader {
    fn chunk(&mut self, number: u64) -> Result<Vec<u8>, SourceError> {
        let read = self.file.read_at(offset_of(number), CHUNK);
        read.map_err(|source| SourceError::Io { path: self.path.clone(), source })
    }
}

/// Whether there are only zeros, looked at some at a time.
fn is_zero(data: &[u8]) -> bool {
    let or = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all | byte);
    data.chunks(256).all(|some| or(some) == 0)
}

fn offset_of(chunk: u64) -> u64 {
    FILE_HEADER.saturating_add(chunk.saturating_mul(CHUNK as u64))
}

impl Source for Reader {
    fn first_time(&mut self) -> Timestamp {
        self.first_time
    }
    fn next_piece(&mut self) -> Result<Option<Piece>, SourceError> {
        while let Some(number) = self.chunks.pop() {
            let data = match self.chunk(number) {
                Ok(data) => data,
                Err(error) => {
                    self.chunks.clear();
                    return Err(error);
                }
            };
            self.read += data.len() as u64;
            if !is_zero(&data) {
                return Ok(Some(Piece::Evtx(EvtxChunk { data, number })));
            }
            // Windows allocates files ahead of their use: such a chunk holds nothing, unless the
            // header counts it among those in use.
            if number < self.stated {
                let mut decoded = Decoded::default();
                let detail = format!("there are only zeros where chunk {number} was");
                decoded.skip("EVTX chunk missing", 1, offset_of(number), detail);
                return Ok(Some(Piece::Damage(decoded)));
            }
        }
        let missing = std::mem::take(&mut self.missing);
        if missing == 0 {
            return Ok(None);
        }
        let mut decoded = Decoded::default();
        let detail = format!("the file ends {missing} chunks before the end its header states");
        decoded.skip("EVTX chunk missing", missing, self.read, detail);
        Ok(Some(Piece::Damage(decoded)))
    }
    fn read_again(&mut self, mark: Mark) -> Result<Option<Piece>, SourceError> {
        let Mark::Chunk(number) = mark else { return Ok(None) };
        let data = self.chunk(number)?;
        Ok(Some(Piece::Evtx(EvtxChunk { data, number })))
    }
    fn rest(&mut self) {
        self.file.rest();
    }
    fn is_light(&self) -> bool {
        self.file.can_be_opened_again()
    }
    fn format(&self) -> &'static str {
        "evtx"
    }
    fn position(&self) -> u64 {
        self.read
    }
}

/// A chunk of 64 KiB, not yet decoded.
#[derive(Debug)]
pub struct EvtxChunk {
    data: Vec<u8>,
    number: u64,
}

impl EvtxChunk {
    pub(crate) fn mark(&self) -> Mark {
        Mark::Chunk(self.number)
    }
    /// Decodes the records into `records`.
    pub(crate) fn decode(self, parser: &mut RecordParser, records: &mut RecordBatch) -> Decoded {
        let offset = offset_of(self.number);
        let mut decoded = Decoded::default();
        // The decoder is not ours; should a hostile chunk bring it down, the chunk is lost and
        // counted, the run goes on.
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            decode_chunk(self, offset, parser, records, &mut decoded);
        }));
        if attempt.is_err() {
            records.clear();
            parser.reset();
            decoded = Decoded::default();
            decoded.skip("EVTX chunk", 1, offset, "the decoder gave up");
        }
        decoded
    }
}

fn decode_chunk(
    piece: EvtxChunk,
    offset: u64,
    parser: &mut RecordParser,
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
    let mut end = CHUNK_HEADER as u64;
    for record in chunk.iter() {
        if let Ok(record) = &record {
            end = record.binxml_offset + u64::from(record.binxml_size);
        }
        match record {
            // Behind the end of a chunk that is cut off there are only our zeros.
            Ok(_) if end > length => break,
            Err(_) if length < CHUNK as u64 => break,
            Ok(record) => add_record(record, offset, parser, records, decoded),
            Err(error) => decoded.skip("EVTX record", 1, offset, with_causes(&error)),
        }
    }
    let missing = claimed.saturating_sub(decoded.ledger.read);
    if length < CHUNK as u64 {
        let detail = format!("{} bytes of chunk {number} are missing", CHUNK as u64 - length);
        decoded.skip("EVTX chunk cut off", missing.max(1), offset + length, detail);
    } else if missing > 0 {
        // The records end early without one that is damaged: overwritten with zeros, or the chunk's
        // header says so. Where they should have gone on is all that is known.
        let detail = format!("{missing} of the records that chunk {number} claims are not there");
        decoded.skip("EVTX record", missing, offset + end, detail);
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

fn add_record(
    record: EvtxRecord<'_>,
    offset: u64,
    parser: &mut RecordParser,
    records: &mut RecordBatch,
    decoded: &mut Decoded,
) {
    let at = offset + record.binxml_offset;
    let read = match record.into_json_bytes() {
        Ok(read) => read,
        Err(error) => return decoded.skip("EVTX record", 1, at, with_causes(&error)),
    };
    let mut builder = records.begin();
    builder.set_number(read.event_record_id);
    match parser.parse(&read.data, Some(Shape::Evtx), builder) {
        Ok(()) => decoded.ledger.read += 1,
        Err(error) => decoded.skip("EVTX record", 1, at, error.to_string()),
    }
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
