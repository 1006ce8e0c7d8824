//! Raw records copied one behind the other.
//!
//! The bytes of all of them lie in one arena; headers and ranges lie in an array beside it. Both are allocated once: a
//! buffer is full when the next record would not fit either, is emptied and used again.

use std::sync::mpsc::SyncSender;

use etwatch_event::{RawHeader, RawRecord};

use super::counters::Tally;

/// How large buffers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferSize {
    /// Bytes of payloads and extended items.
    pub bytes: usize,
    /// Records.
    pub records: usize,
}

impl Default for BufferSize {
    /// 128 KiB, 1,024 records: what both caches and workers take at once.
    fn default() -> Self {
        Self { bytes: 128 << 10, records: 1_024 }
    }
}

/// The largest record that is copied; Windows writes none of more than 64 KiB.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// Records that own their bytes.
#[derive(Clone, Debug, Default)]
pub struct RecordBuffer {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    size: Size,
}

/// What is reserved; 0 is nothing yet.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    bytes: usize,
    records: usize,
}

/// A record: where its extended items begin, where its payload does, and where it ends.
#[derive(Clone, Copy, Debug)]
struct Entry {
    header: RawHeader,
    extended: u32,
    payload: u32,
    end: u32,
}

impl RecordBuffer {
    /// An empty buffer of this size.
    #[must_use]
    pub fn new(size: BufferSize) -> Self {
        Self {
            bytes: Vec::with_capacity(size.bytes),
            entries: Vec::with_capacity(size.records),
            size: Size { bytes: size.bytes, records: size.records },
        }
    }
    /// Bytes of memory that a buffer of this size takes, at least one.
    pub(super) fn memory(size: BufferSize) -> usize {
        let entries = size.records.saturating_mul(size_of::<Entry>());
        size.bytes.saturating_add(entries).max(1)
    }
    /// A buffer with a copy of one record.
    #[must_use]
    pub fn of(record: &RawRecord<'_>) -> Self {
        let mut buffer = Self::default();
        buffer.push(record);
        buffer
    }
    /// Copies a record behind the others; `false` if there is no room. An empty buffer takes any record of up to
    /// 1 MiB, and grows for it.
    pub fn push(&mut self, record: &RawRecord<'_>) -> bool {
        let begin = self.bytes.len();
        let payload = begin + record.extended.len();
        let end = payload + record.payload.len();
        let is_full = end > self.size.bytes || self.entries.len() >= self.size.records;
        if (is_full && !self.is_empty()) || end - begin > MOST_BYTES {
            return false;
        }
        let places = (u32::try_from(begin), u32::try_from(payload), u32::try_from(end));
        let (Ok(extended), Ok(payload), Ok(end)) = places else { return false };
        self.bytes.extend_from_slice(record.extended);
        self.bytes.extend_from_slice(record.payload);
        self.entries.push(Entry { header: record.header, extended, payload, end });
        true
    }
    /// Its records, in the order in which they were pushed.
    pub fn records(&self) -> impl ExactSizeIterator<Item = RawRecord<'_>> {
        self.entries.iter().map(|entry| {
            let part = |from: u32, to: u32| self.bytes.get(from as usize..to as usize);
            RawRecord {
                header: entry.header,
                extended: part(entry.extended, entry.payload).unwrap_or_default(),
                payload: part(entry.payload, entry.end).unwrap_or_default(),
            }
        })
    }
    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// Empties it, and gives back what an odd record made it grow by.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        if self.bytes.capacity() > self.size.bytes.saturating_mul(2) {
            self.bytes.shrink_to(self.size.bytes);
        }
    }
}

/// A buffer on its way to those who read it, and back to its session once nobody does.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub(super) buffer: RecordBuffer,
    /// What the session had counted when it was handed on.
    pub(super) tally: Tally,
    /// Where it goes back to; `None` if it belongs to no session.
    pub(super) home: Option<SyncSender<RecordBuffer>>,
}

impl Drop for Filled {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            // There is room for each buffer; if the session is over, its memory is given back.
            let _ = home.try_send(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: u16, extended: &'static [u8], payload: &'static [u8]) -> RawRecord<'static> {
        let header = RawHeader { id, ..RawHeader::default() };
        RawRecord { header, extended, payload }
    }

    #[test]
    fn records_come_back_as_they_were_pushed_until_it_is_full() {
        for (bytes, records, taken) in [(8, 9, 2), (100, 2, 2), (9, 3, 3), (0, 5, 1), (8, 0, 1)] {
            let mut buffer = RecordBuffer::new(BufferSize { bytes, records });
            let all = [record(1, b"ab", b"cde"), record(2, b"", b"fgh"), record(3, b"i", b"")];
            for round in 0..2 {
                let pushed = all.iter().take_while(|record| buffer.push(record)).count();
                assert_eq!((pushed, buffer.len()), (taken, taken), "{bytes} {records} {round}");
                for (read, record) in buffer.records().zip(&all) {
                    assert_eq!(read.header, record.header);
                    assert_eq!((read.extended, read.payload), (record.extended, record.payload));
                }
                buffer.clear();
                assert!(buffer.is_empty());
            }
        }
    }

    #[test]
    fn a_record_beyond_all_bounds_is_refused_and_a_large_one_does_not_keep_its_memory() {
        let mut buffer = RecordBuffer::new(BufferSize { bytes: 64, records: 2 });
        let payload = vec![1; MOST_BYTES + 1];
        let header = RawHeader::default();
        assert!(!buffer.push(&RawRecord { header, extended: &[], payload: &payload }));
        assert!(buffer.push(&RawRecord { header, extended: &[], payload: &payload[1..] }));
        buffer.clear();
        assert!(buffer.bytes.capacity() < 1_024);
    }
}
