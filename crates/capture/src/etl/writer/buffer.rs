//! A buffer: what a file consists of, each the work of one processor.
//!
//! ETW gives each processor buffers of its own, so that writing an event takes no lock. A file is their
//! sequence in the order in which they were full. Each begins with a header of 0x48 bytes
//! (`WMI_BUFFER_HEADER`) and has records behind it, each at a multiple of 8 bytes; the rest is 0xFF.
//!
//! All buffers are of [`BUFFER_SIZE`], but one whose only record is longer has a multiple of it: the header
//! says how far it is to the next one.

use etwatch_event::Timestamp;

/// Bytes of a buffer and of its header.
pub(super) const BUFFER_SIZE: usize = 64 << 10;
const HEADER_SIZE: usize = 0x48;

/// The processor's number stands as 16 bits.
const PROCESSOR_INDEX: u16 = 0x20;
/// The buffer was written before it was full.
const FLUSH_MARKER: u16 = 1;
/// The buffer is on its way to the file.
const STATE_FLUSH: u32 = 3;

/// What a buffer holds, by Microsoft's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Events.
    Generic = 0,
    /// The header of the trace.
    Header = 4,
}

/// Records of one processor that are not yet in the file.
#[derive(Debug)]
pub(super) struct Buffer {
    processor: u16,
    records: Vec<u8>,
    last: Timestamp,
}

impl Buffer {
    pub(super) fn new(processor: u16) -> Self {
        Self { processor, records: Vec::new(), last: Timestamp::UNKNOWN }
    }
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
    /// Whether a record of `size` bytes, a multiple of 8, fits; the first one always does.
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.is_empty() || HEADER_SIZE + self.records.len() + size <= BUFFER_SIZE
    }
    /// Adds a record whose size is a multiple of 8.
    pub(super) fn push(&mut self, record: &[u8], time: Timestamp) {
        self.records.extend_from_slice(record);
        self.last = time;
    }
    pub(super) fn clear(&mut self) {
        self.records.clear();
    }
    /// Puts the buffer as it lies in a file into `out`: header, records, padding.
    ///
    /// `sequence`: buffers before it; `full`: whether it is written because no more fits.
    pub(super) fn seal(&self, kind: Kind, sequence: u64, full: bool, out: &mut Vec<u8>) {
        let end = HEADER_SIZE + self.records.len();
        let size = end.next_multiple_of(BUFFER_SIZE);
        // A record has at most 64 KiB, and only a first record may go beyond the buffer.
        let end_field = u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes();
        let flags = PROCESSOR_INDEX | if full { 0 } else { FLUSH_MARKER };
        out.clear();
        out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes()); // 0x00
        out.extend_from_slice(&end_field); // 0x04 SavedOffset
        out.extend_from_slice(&end_field); // 0x08 CurrentOffset
        out.extend_from_slice(&0_u32.to_le_bytes()); // 0x0c ReferenceCount
        out.extend_from_slice(&self.last.filetime().to_le_bytes()); // 0x10 TimeStamp
        out.extend_from_slice(&sequence.to_le_bytes()); // 0x18 SequenceNumber
        out.extend_from_slice(&0_u64.to_le_bytes()); // 0x20 a pointer while in memory
        out.extend_from_slice(&self.processor.to_le_bytes()); // 0x28 ProcessorIndex
        out.extend_from_slice(&0_u16.to_le_bytes()); // 0x2a LoggerId
        out.extend_from_slice(&STATE_FLUSH.to_le_bytes()); // 0x2c State
        out.extend_from_slice(&end_field); // 0x30 Offset
        out.extend_from_slice(&flags.to_le_bytes()); // 0x34 BufferFlag
        out.extend_from_slice(&(kind as u16).to_le_bytes()); // 0x36 BufferType
        out.extend_from_slice(&[0; 16]); // 0x38 pointers while in memory
        out.extend_from_slice(&self.records);
        out.resize(size, 0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_its_fields_where_they_belong() {
        let mut buffer = Buffer::new(0x123);
        buffer.push(&[7; 24], Timestamp::from_filetime(0x0102_0304_0506_0708));
        let mut bytes = Vec::new();
        buffer.seal(Kind::Generic, 9, false, &mut bytes);
        let mut expected = vec![0; HEADER_SIZE];
        expected[0..4].copy_from_slice(&[0, 0, 1, 0]);
        for offset in [4, 8, 0x30] {
            expected[offset] = 0x48 + 24;
        }
        expected[0x10..0x18].copy_from_slice(&[8, 7, 6, 5, 4, 3, 2, 1]);
        expected[0x18] = 9;
        expected[0x28..0x2a].copy_from_slice(&[0x23, 1]);
        expected[0x2c] = 3;
        expected[0x34] = 0x21;
        assert_eq!(bytes[..HEADER_SIZE], expected);
        assert_eq!(bytes[HEADER_SIZE..0x60], [7; 24]);
        assert!(bytes[0x60..].iter().all(|byte| *byte == 0xff));
        assert_eq!(bytes.len(), BUFFER_SIZE);

        buffer.seal(Kind::Header, 0, true, &mut bytes);
        assert_eq!((bytes[0x34], bytes[0x36]), (0x20, 4));
    }

    #[test]
    fn a_long_record_has_a_buffer_of_twice_the_size() {
        let mut buffer = Buffer::new(0);
        assert!(buffer.has_room(65_536));
        buffer.push(&[1; 65_536], Timestamp::UNKNOWN);
        assert!(!buffer.has_room(8));
        let mut bytes = Vec::new();
        buffer.seal(Kind::Generic, 0, true, &mut bytes);
        assert_eq!(bytes.len(), 2 * BUFFER_SIZE);
        assert_eq!(bytes[..4], [0, 0, 2, 0]);
        assert_eq!(bytes[0x30..0x34], [0x48, 0, 1, 0]);
    }

    #[test]
    fn a_buffer_is_full_to_the_last_byte() {
        let mut buffer = Buffer::new(0);
        buffer.push(&[1; BUFFER_SIZE - HEADER_SIZE - 8], Timestamp::UNKNOWN);
        assert!(buffer.has_room(8));
        assert!(!buffer.has_room(16));
    }
}
