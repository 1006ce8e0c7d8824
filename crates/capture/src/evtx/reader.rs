//! The chunks of an event-log file, in the order of their record numbers.
//!
//! A log that wrapped around has its oldest chunk anywhere, so the chunk headers are read first and the
//! chunks taken in the order of their record numbers. What is neither a chunk nor room set aside for one
//! is told as missing.

use ::evtx::EvtxChunkHeader;
use etwatch_event::Timestamp;

use crate::evtx::chunk::{CHUNK, CHUNK_HEADER, EvtxChunk, FILE_HEADER, offset_of};
use crate::reopen::Reopening;
use crate::source::{Decoded, Mark, Piece, Source, SourceError};

/// The first bytes of a file.
pub const FILE_MAGIC: &[u8] = b"ElfFile\0";
/// Offset of the number of chunks (16 bits) in the file header.
const CHUNK_COUNT: usize = 42;
/// Offset of the first record's `FILETIME` in a chunk.
const FIRST_TIME: usize = CHUNK_HEADER + 16;

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
                return Ok(Some(Piece::Evtx(EvtxChunk::new(data, number))));
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
        Ok(Some(Piece::Evtx(EvtxChunk::new(data, number))))
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
