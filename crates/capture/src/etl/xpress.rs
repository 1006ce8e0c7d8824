//! Plain LZ77 of XPRESS, in which compressed buffers lie (MS-XCA 2.3 and 2.4).
//!
//! A stream is groups of 32 bits of flags, highest first, each followed by what its flags announce: 0 is
//! a byte that stands for itself, 1 is a match, the repetition of earlier output.
//!
//! ```text
//! u16            low 3 bits: length - 3; high 13 bits: distance - 1
//! half a byte    if those 3 bits are 7: 7 more; the first match takes the low half of a new byte, the
//!                next one that needs it the high half of the same byte
//! u8             if the half is 15: 15 more
//! u16            if the byte is 255: the whole length - 3 in its place
//! u32            if that is 0: likewise
//! ```
//!
//! How long the output must be is known beforehand; a stream that gives more or less is an error. A few bytes
//! can stand for gigabytes, so no more is unpacked than the largest buffer has. Speed
//! comes from copying chunks of fixed size, which may write up to [`SLACK`] bytes too many: the room has
//! them at its end, and the next copy writes over them. A match that is nearer than a chunk is long
//! repeats a short pattern: each copy doubles what can be copied at once.

use super::buffer::MOST_BYTES;

/// Bytes that the room has behind the output.
const SLACK: usize = 32;
/// Bytes that are copied at once.
const CHUNK: usize = 16;
/// Flags without anything behind them, which a writer may leave if the last ones were used up.
const TAIL: &[u8] = &[0xff; 4];
const SHORTEST: usize = 3;

/// Why a buffer can't be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XpressError {
    /// More bytes are asked for than any buffer has.
    #[error("{length} unpacked bytes, more than the {MOST_BYTES} of the largest buffer")]
    TooMuch {
        /// Bytes that are asked for.
        length: usize,
    },
    /// The input ends before the output is whole.
    #[error("the packed bytes end at byte {unpacked} of the unpacked ones")]
    Short {
        /// Bytes of output until there.
        unpacked: usize,
    },
    /// A match reaches behind the beginning or beyond the end of the output, or has a length that
    /// can't be written so.
    #[error("a match at byte {unpacked} of the unpacked bytes reaches out of them")]
    Match {
        /// Bytes of output until there.
        unpacked: usize,
    },
    /// The output is whole, and there is input left.
    #[error("{left} packed bytes are left over")]
    Long {
        /// Bytes of input that are left.
        left: usize,
    },
}

/// Unpacks `input` to exactly `length` bytes, which lie in `room`; it grows as needed, is at most a few bytes
/// longer than they are, and is best used again for the next input.
///
/// # Errors
/// [`XpressError`] if `length` is more than 64 MiB, the largest buffer, or the output is not exactly
/// `length` bytes long. What `room` holds then has no meaning.
///
/// # Source
/// MS-XCA 2.3 and 2.4, plain LZ77.
///
/// ```
/// let packed = b"\xff\xff\xff\x1fabc\x17\x00\x0f\xff\x26\x01";
/// let mut room = Vec::new();
/// let unpacked = etwatch_capture::etl::unpack(packed, 300, &mut room).unwrap();
/// assert_eq!(unpacked, b"abc".repeat(100));
/// ```
pub fn unpack<'r>(
    input: &[u8],
    length: usize,
    room: &'r mut Vec<u8>,
) -> Result<&'r [u8], XpressError> {
    if length > MOST_BYTES as usize {
        return Err(XpressError::TooMuch { length });
    }
    if room.len() < length + SLACK {
        room.resize(length + SLACK, 0);
    }
    let mut stream = Stream { input, at: 0, half: None };
    let (mut written, mut flags, mut left) = (0, 0, 0);
    while written < length {
        let short = XpressError::Short { unpacked: written };
        if left == 0 {
            (flags, left) = (stream.u32().ok_or(short)?, 32);
        }
        let run = flags.leading_zeros().min(left);
        let used = if run > 0 {
            // Flags behind the end of the output announce nothing.
            let run = u32::try_from(length - written).map_or(run, |rest| rest.min(run));
            let bytes = run as usize;
            stream.literals(bytes, written, room).ok_or(short)?;
            written += bytes;
            run
        } else {
            written += stream.repeat(written, length, room)?;
            1
        };
        // All 32 flags may have been used at once.
        flags = flags.checked_shl(used).unwrap_or(0);
        left -= used;
    }
    match input.get(stream.at..) {
        None | Some([]) => {}
        Some(TAIL) if left == 0 => {}
        Some(rest) => return Err(XpressError::Long { left: rest.len() }),
    }
    Ok(room.get(..length).unwrap_or_default())
}

struct Stream<'a> {
    input: &'a [u8],
    at: usize,
    /// The high half of a byte whose low half was used.
    half: Option<u8>,
}

impl Stream<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = *self.input.get(self.at..)?.first_chunk::<N>()?;
        self.at += N;
        Some(bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// Copies `bytes` bytes, at most 32, to `to`.
    #[inline]
    fn literals(&mut self, bytes: usize, to: usize, room: &mut [u8]) -> Option<()> {
        let from = self.input.get(self.at..)?;
        let target = room.get_mut(to..)?;
        self.at += bytes;
        if bytes <= CHUNK
            && let (Some(from), Some(target)) =
                (from.first_chunk::<CHUNK>(), target.first_chunk_mut::<CHUNK>())
        {
            *target = *from;
            return Some(());
        }
        target.get_mut(..bytes)?.copy_from_slice(from.get(..bytes)?);
        Some(())
    }

    /// Reads a match and repeats what it says; returns how many bytes that gave.
    #[inline]
    fn repeat(
        &mut self,
        written: usize,
        length: usize,
        room: &mut [u8],
    ) -> Result<usize, XpressError> {
        let (short, outside) =
            (XpressError::Short { unpacked: written }, XpressError::Match { unpacked: written });
        let word = u16::from_le_bytes(self.take().ok_or(short)?);
        let distance = usize::from(word >> 3) + 1;
        let mut bytes = usize::from(word & 7);
        if bytes == 7 {
            bytes = self.long(short, outside)?;
        }
        bytes += SHORTEST;
        if distance > written || bytes > length - written {
            return Err(outside);
        }
        copy(room, written, distance, bytes).ok_or(outside)?;
        Ok(bytes)
    }

    /// The length of a match, less [`SHORTEST`], that does not fit 3 bits.
    fn long(&mut self, short: XpressError, outside: XpressError) -> Result<usize, XpressError> {
        let half = match self.half.take() {
            Some(half) => half,
            None => {
                let [both] = self.take().ok_or(short)?;
                self.half = Some(both >> 4);
                both & 15
            }
        };
        if half < 15 {
            return Ok(7 + usize::from(half));
        }
        let [byte] = self.take().ok_or(short)?;
        if byte < 255 {
            return Ok(7 + 15 + usize::from(byte));
        }
        let whole = match u16::from_le_bytes(self.take().ok_or(short)?) {
            0 => self.u32().ok_or(short)?,
            word => u32::from(word),
        };
        // What fits the shorter forms must be written in them. A length near the largest would
        // overflow later; no buffer is that long.
        let whole = usize::try_from(whole).map_err(|_| outside)?;
        if (7 + 15..=usize::MAX / 2).contains(&whole) { Ok(whole) } else { Err(outside) }
    }
}

/// Repeats `bytes` bytes of `room` from `distance` bytes before `to` at `to`; may write up to
/// [`SLACK`] bytes more.
#[inline]
fn copy(room: &mut [u8], to: usize, distance: usize, bytes: usize) -> Option<()> {
    let from = to - distance;
    if distance >= CHUNK {
        let mut done = 0;
        while done < bytes {
            let chunk = *room.get(from + done..)?.first_chunk::<CHUNK>()?;
            *room.get_mut(to + done..)?.first_chunk_mut::<CHUNK>()? = chunk;
            done += CHUNK;
        }
        return Some(());
    }
    if distance == 1 {
        let byte = *room.get(from)?;
        room.get_mut(to..to + bytes)?.fill(byte);
        return Some(());
    }
    if bytes <= distance {
        let chunk = *room.get(from..)?.first_chunk::<CHUNK>()?;
        *room.get_mut(to..)?.first_chunk_mut::<CHUNK>()? = chunk;
        return Some(());
    }
    let (mut done, mut known) = (0, distance);
    while done < bytes {
        let now = known.min(bytes - done);
        room.copy_within(from..from + now, to + done);
        done += now;
        known += now;
    }
    Some(())
}

#[cfg(test)]
mod tests;
