//! From records to the text of a manifest.
//!
//! A chunk's payload begins with eight bytes, the rest is a piece of the text:
//!
//! ```text
//! u8 format = 1 | u8 major | u8 minor | u8 0x5B | u16 chunks in all | u16 number of this one, from 0
//! ```
//!
//! What belongs together is told by provider and process. Whatever does not fit what has been collected
//! so far (another total, a number that is there already) begins anew: the process was told to send its
//! manifest once more, or an id was used again. When more manifests are unfinished at a time than there
//! is room for, the one that has waited longest for its next chunk goes.

use etwatch_event::{Guid, RawForm, RawRecord};

use super::MANIFEST_LIMIT;

/// The id of an event that carries a chunk.
pub const CHUNK_ID: u16 = 0xFFFE;
/// Chunks that a manifest may have.
pub const CHUNKS_LIMIT: u16 = 4_096;
/// Unfinished manifests at a time.
pub const UNFINISHED_LIMIT: usize = 256;
/// Bytes of all unfinished manifests.
pub const BYTES_LIMIT: usize = 64 << 20;

/// Why a chunk is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// The payload does not begin as a chunk does.
    #[error("the record does not begin as a chunk of a manifest does")]
    Header,
    /// More chunks than there may be, none at all, or one behind the last.
    #[error("chunk {number} of {total}, of which there may be {CHUNKS_LIMIT}")]
    Number {
        /// Its number, from 0.
        number: u16,
        /// How many there are by what it says.
        total: u16,
    },
    /// The chunks together are longer than a manifest may be.
    #[error("the chunks of a manifest have more than {MANIFEST_LIMIT} bytes")]
    TooLong,
    /// The chunks together are no UTF-8.
    #[error("the manifest is no UTF-8")]
    Text,
}

/// Manifests of which some chunks are still awaited.
#[derive(Debug, Default)]
pub struct ManifestChunks {
    /// That which got a chunk last stands last.
    unfinished: Vec<Unfinished>,
    bytes: usize,
    abandoned: u64,
}

#[derive(Debug)]
struct Unfinished {
    provider: Guid,
    process_id: Option<u32>,
    version: (u8, u8),
    chunks: Vec<Option<Box<[u8]>>>,
    missing: usize,
    bytes: usize,
}

struct Chunk<'a> {
    version: (u8, u8),
    total: u16,
    number: u16,
    text: &'a [u8],
}

impl ManifestChunks {
    /// Whether a record carries a chunk, by its header alone.
    #[must_use]
    pub fn is_chunk(record: &RawRecord<'_>) -> bool {
        record.header.id == CHUNK_ID && record.header.form == RawForm::Event
    }
    /// Takes the payload of a chunk; gives the text when it was the last that was missing, in whatever order
    /// they came. `provider` and `process_id` are those of its record.
    ///
    /// # Errors
    /// Any [`ChunkError`]; what was collected of the same manifest is given up if it can't be finished.
    pub fn add(
        &mut self,
        provider: Guid,
        process_id: Option<u32>,
        payload: &[u8],
    ) -> Result<Option<String>, ChunkError> {
        let chunk = Chunk::read(payload)?;
        let mut entry = self.take(provider, process_id, &chunk);
        let place = entry.chunks.get_mut(usize::from(chunk.number)).ok_or(ChunkError::Header)?;
        *place = Some(chunk.text.into());
        entry.missing -= 1;
        entry.bytes += chunk.text.len();
        if entry.bytes > MANIFEST_LIMIT {
            self.abandoned += 1;
            return Err(ChunkError::TooLong);
        }
        if entry.missing > 0 {
            self.keep(entry);
            return Ok(None);
        }
        let text = entry.chunks.into_iter().flatten().collect::<Vec<_>>().concat();
        String::from_utf8(text).map(Some).map_err(|_| ChunkError::Text)
    }
    /// Manifests that were given up before they were complete: begun anew, too long, or without room.
    #[must_use]
    pub fn abandoned(&self) -> u64 {
        self.abandoned
    }
    /// Manifests of which chunks are missing; at the end of a recording these are lost.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }
    /// Takes out what was collected so far and the chunk fits to, else begins.
    fn take(&mut self, provider: Guid, process_id: Option<u32>, chunk: &Chunk<'_>) -> Unfinished {
        let same =
            |entry: &Unfinished| entry.provider == provider && entry.process_id == process_id;
        if let Some(index) = self.unfinished.iter().position(same) {
            let entry = self.unfinished.remove(index);
            self.bytes = self.bytes.saturating_sub(entry.bytes);
            if entry.fits(chunk) {
                return entry;
            }
            self.abandoned += 1;
        }
        let total = usize::from(chunk.total);
        let chunks = vec![None; total];
        Unfinished {
            provider,
            process_id,
            version: chunk.version,
            chunks,
            missing: total,
            bytes: 0,
        }
    }
    fn keep(&mut self, entry: Unfinished) {
        self.bytes += entry.bytes;
        self.unfinished.push(entry);
        while self.unfinished.len() > UNFINISHED_LIMIT || self.bytes > BYTES_LIMIT {
            let oldest = self.unfinished.remove(0);
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
            self.abandoned += 1;
        }
    }
}

impl Unfinished {
    fn fits(&self, chunk: &Chunk<'_>) -> bool {
        self.version == chunk.version
            && self.chunks.len() == usize::from(chunk.total)
            && self.chunks.get(usize::from(chunk.number)).is_some_and(Option::is_none)
    }
}

impl<'a> Chunk<'a> {
    fn read(payload: &'a [u8]) -> Result<Self, ChunkError> {
        let Some((&[1, major, minor, 0x5B, t0, t1, n0, n1], text)) =
            payload.split_first_chunk::<8>()
        else {
            return Err(ChunkError::Header);
        };
        let (total, number) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([n0, n1]));
        if total > CHUNKS_LIMIT || number >= total {
            return Err(ChunkError::Number { number, total });
        }
        Ok(Self { version: (major, minor), total, number, text })
    }
}
