//! A buffer of a log: its header, and where its records end.
//!
//! A file is buffers one behind the other, each of one processor: 0x48 bytes of header, records, padding.
//! The header has three fields that could say where the records end. `Offset` is right in all logs seen;
//! the two others are for those in which it is out of range.
//!
//! In a compressed log the first buffer is stored as it is; of the others the header is, and the rest
//! is one packed stream ([`super::xpress`]), whose output ends where `Offset` says.

use super::bytes::{u16_at, u32_at};
use super::xpress;

/// Bytes of the header of a buffer (`WMI_BUFFER_HEADER`).
pub(super) const HEADER: usize = 0x48;
/// The largest buffer, packed or not. (Windows has at most 16 MiB.)
pub(super) const MOST_BYTES: u32 = 64 << 20;

const PROCESSOR_INDEX: u16 = 0x20;
const COMPRESSED: u16 = 0x40;

/// What is needed of the header of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BufferHeader {
    /// Bytes to the next buffer.
    pub(super) size: u32,
    /// Where the records end, in the unpacked buffer, header included.
    pub(super) end: u32,
    /// The processor whose records these are.
    pub(super) processor: u16,
    /// Whether the records are packed.
    pub(super) compressed: bool,
}

impl BufferHeader {
    /// Reads the header at the beginning of `bytes`; `None` if it is cut off or no buffer can have the
    /// size that it states.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        let size = u32_at(bytes, 0)?;
        let flags = u16_at(bytes, 0x34)?;
        let smallest = 0x48;
        if !(smallest..=MOST_BYTES).contains(&size) {
            return None;
        }
        let compressed = flags & COMPRESSED != 0;
        let most = if compressed { MOST_BYTES } else { size };
        let stated = [u32_at(bytes, 0x30)?, u32_at(bytes, 4)?];
        let sound = stated.into_iter().find(|end| (smallest..=most).contains(end));
        let end = match sound {
            Some(end) => end,
            None => u32_at(bytes, 8)?.clamp(smallest, most),
        };
        let processor = match flags & PROCESSOR_INDEX {
            0 => u16::from(*bytes.get(0x28)?),
            _ => u16_at(bytes, 0x28)? & 0x7ff,
        };
        Some(Self { size, end, processor, compressed })
    }
}

/// A buffer in the index of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    /// Where it begins in the file.
    pub(super) offset: u64,
    /// Ticks of its first record.
    pub(super) first: u64,
    /// Ticks that no record of it goes beyond once clamped, see [`super::slice`].
    pub(super) last: u64,
    /// The number of its first record in the file, from 1.
    pub(super) number: u64,
    /// How many records it has, a damaged one included.
    pub(super) count: u32,
    /// Bytes of the file that it takes, padding left out.
    pub(super) size: u32,
    /// Where its records end once it is unpacked.
    pub(super) end: u32,
    /// Its processor.
    pub(super) processor: u16,
    /// Whether its records are packed.
    pub(super) compressed: bool,
}

impl Buffer {
    /// A buffer of which nothing but the header is known, at `offset` of a file of `length` bytes.
    pub(super) fn new(header: BufferHeader, offset: u64, length: u64) -> Self {
        let size = if header.compressed { header.size } else { header.end };
        let left = u32::try_from(length.saturating_sub(offset)).unwrap_or(u32::MAX);
        let BufferHeader { end, processor, compressed, .. } = header;
        let (first, last, number, count) = (0, 0, 0, 0);
        let size = size.min(left);
        Self { offset, first, last, number, count, size, end, processor, compressed }
    }
    /// Bytes of memory that reading it takes, about.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.size.max(self.end))
    }
    /// Bytes of its records.
    fn records(&self) -> usize {
        (self.end as usize).saturating_sub(HEADER)
    }
    /// Unpacks it into `room`, if it is packed. `bytes` is what the file has of it.
    ///
    /// # Errors
    /// What is wrong, if it can't be unpacked.
    pub(super) fn unpack(
        &self,
        bytes: &[u8],
        room: &mut Vec<u8>,
    ) -> Result<(), xpress::XpressError> {
        if !self.compressed {
            return Ok(());
        }
        xpress::unpack(bytes.get(HEADER..).unwrap_or_default(), self.records(), room).map(|_| ())
    }
    /// The bytes of its records, once it is unpacked; fewer than it states if the file is cut off.
    pub(super) fn contents<'a>(&self, bytes: &'a [u8], room: &'a [u8]) -> &'a [u8] {
        let from = if self.compressed { room } else { bytes.get(HEADER..).unwrap_or_default() };
        from.get(..self.records()).unwrap_or(from)
    }
    /// Whether `contents` are fewer bytes than they should be.
    pub(super) fn is_cut(&self, contents: &[u8]) -> bool {
        contents.len() < self.records()
    }
    /// Where in the file the byte of the contents is; for a packed buffer, where the buffer begins.
    pub(super) fn place(&self, at: usize) -> u64 {
        if self.compressed { self.offset } else { self.offset + (HEADER + at) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(fields: &[(usize, u32)]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        for (at, value) in fields {
            bytes[*at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_end_is_the_first_field_that_can_be_right() {
        let size = (0, 0x1000);
        for (fields, end) in [
            (vec![size, (0x30, 0x200), (4, 0x100), (8, 0x300)], 0x200),
            (vec![size, (0x30, 0x1001), (4, 0x100)], 0x100),
            (vec![size, (0x30, 0x47), (4, 0), (8, 0x300)], 0x300),
            (vec![size, (8, 0x2000)], 0x1000),
            (vec![size], 0x48),
            // A packed buffer may be longer once it is unpacked.
            (vec![size, (0x30, 0x1001), (0x34, 0x40)], 0x1001),
        ] {
            assert_eq!(BufferHeader::read(&header(&fields)).unwrap().end, end, "{fields:x?}");
        }
    }

    #[test]
    fn sizes_that_no_buffer_has_are_refused() {
        for (size, sound) in
            [(0, false), (0x47, false), (0x48, true), (MOST_BYTES, true), (MOST_BYTES + 1, false)]
        {
            assert_eq!(BufferHeader::read(&header(&[(0, size)])).is_some(), sound, "{size}");
        }
        assert_eq!(BufferHeader::read(&header(&[(0, 0x48)])[1..]), None);
    }

    #[test]
    fn a_processor_is_a_byte_unless_a_flag_says_otherwise() {
        let of = |flags| {
            let fields = [(0, 0x48), (0x28, 0x0801), (0x34, flags)];
            BufferHeader::read(&header(&fields)).unwrap().processor
        };
        assert_eq!((of(0), of(0x20)), (1, 1));
        let wide = header(&[(0, 0x48), (0x28, 0x0102), (0x34, 0x20)]);
        assert_eq!(BufferHeader::read(&wide).unwrap().processor, 0x102);
    }
}
