//! Where the records of a chunk begin and end.
//!
//! A record is its signature, its length, its number, its time, content in binary XML and its length once
//! more; the next one follows at once, up to the free space or the record that the chunk names its last.
//! The crate `evtx` walks the same way, and further where records are damaged: this walk says that it does
//! not know on, and the crate is asked.

use ::evtx::EvtxChunkHeader;

const MAGIC: &[u8; 4] = b"**\0\0";
const HEADER: usize = 24;
/// The copy of its length at the end of a record.
const LENGTH_COPY: usize = 4;
/// Times that the crate `evtx` takes: up to 9999-12-30 22:00 UTC.
const LATEST: u64 = 2_650_466_807_999_999_999;

/// A record that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) number: u64,
    /// Where its content begins and ends in the chunk.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// How the walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Record(Found),
    /// There are no more records.
    End,
    /// What stands there is no record as it should be.
    Unclear,
}

/// A walk through the records of a chunk.
#[derive(Debug)]
pub(crate) struct Walk {
    at: usize,
    end: usize,
    last: u64,
}

impl Walk {
    /// Begins at the first record of a chunk of `length` bytes.
    pub(crate) fn new(header: &EvtxChunkHeader, start: usize, length: usize) -> Self {
        let free = usize::try_from(header.free_space_offset).unwrap_or(usize::MAX);
        Self { at: start, end: free.min(length), last: header.last_event_record_id }
    }

    /// The next record of the chunk `data`.
    pub(crate) fn next(&mut self, data: &[u8]) -> Next {
        if self.at >= self.end {
            return Next::End;
        }
        let Some((found, next)) = record_at(data, self.at) else { return Next::Unclear };
        self.at = if found.number == self.last { self.end } else { next };
        Next::Record(found)
    }
}

/// The record at `at`, and where the next one is.
fn record_at(data: &[u8], at: usize) -> Option<(Found, usize)> {
    let header = data.get(at..)?.first_chunk::<HEADER>()?;
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let time = u64::from_le_bytes(*rest.first_chunk::<8>()?);
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if magic != MAGIC || time > LATEST || length < HEADER + LENGTH_COPY {
        return None;
    }
    let next = at.checked_add(length)?;
    let (start, end) = (at + HEADER, next - LENGTH_COPY);
    data.get(start..end)?;
    Some((Found { number: u64::from_le_bytes(*number), start, end }, next))
}
