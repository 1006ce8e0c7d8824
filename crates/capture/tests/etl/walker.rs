//! Walks the buffers of a file and reads records back, by the documented offsets and by nothing else.
//!
//! It knows only what the writer may write, and panics at anything else: for tests, not for files of others.

use etwatch_event::{Guid, RawForm, RawHeader, Timestamp};

/// A record of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Walked {
    pub header: RawHeader,
    /// Kind and data of the extended items.
    pub items: Vec<(u16, Vec<u8>)>,
    pub payload: Vec<u8>,
}

/// A buffer of a file.
#[derive(Debug)]
pub struct WalkedBuffer {
    pub size: usize,
    pub end: usize,
    pub sequence: u64,
    pub processor: u16,
    pub flags: u16,
    pub kind: u16,
    pub records: Vec<Walked>,
}

pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
fn guid_at(bytes: &[u8], at: usize) -> Guid {
    Guid(bytes[at..at + 16].try_into().unwrap())
}

/// All buffers of a file, which must fill it to its last byte.
pub fn walk(file: &[u8]) -> Vec<WalkedBuffer> {
    let (mut at, mut number, mut buffers) = (0, 0, Vec::new());
    while at < file.len() {
        let size = u32_at(file, at) as usize;
        let bytes = &file[at..at + size];
        let end = u32_at(bytes, 0x30) as usize;
        assert_eq!(u32_at(bytes, 4) as usize, end);
        assert!(bytes[end..].iter().all(|byte| *byte == 0xff));
        let processor = u16_at(bytes, 0x28);
        let mut records = Vec::new();
        let mut next = 0x48;
        while next < end {
            let (mut record, length) = walk_record(&bytes[next..end]);
            number += 1;
            record.header.number = number;
            record.header.processor = processor;
            records.push(record);
            next += length.next_multiple_of(8);
        }
        assert_eq!(next, end);
        buffers.push(WalkedBuffer {
            size,
            end,
            sequence: u64_at(bytes, 0x18),
            processor,
            flags: u16_at(bytes, 0x34),
            kind: u16_at(bytes, 0x36),
            records,
        });
        at += size;
    }
    buffers
}

/// The record at the beginning of these bytes, and its size.
fn walk_record(bytes: &[u8]) -> (Walked, usize) {
    let kind = if bytes[3] == 0x90 { 0 } else { bytes[2] };
    let size = match kind {
        1 | 2 | 0x10 | 0x11 => u16_at(bytes, 4),
        _ => u16_at(bytes, 0),
    };
    let bytes = &bytes[..usize::from(size)];
    let record = match kind {
        0 => message(bytes),
        1 | 2 | 0x10 | 0x11 => kernel(bytes),
        0x0a | 0x0b | 0x14 | 0x15 => classic(bytes),
        0x12 | 0x13 => event(bytes),
        other => panic!("kind {other:#x}"),
    };
    (record, usize::from(size))
}

fn actor(number: u32) -> Option<u32> {
    (number != u32::MAX).then_some(number)
}
fn pointers(wide: bool) -> u8 {
    if wide { 8 } else { 4 }
}

fn event(bytes: &[u8]) -> Walked {
    let header = RawHeader {
        form: RawForm::Event,
        thread_id: actor(u32_at(bytes, 8)),
        process_id: actor(u32_at(bytes, 0xc)),
        time: Timestamp::from_filetime(u64_at(bytes, 0x10)),
        provider: guid_at(bytes, 0x18),
        id: u16_at(bytes, 0x28),
        version: bytes[0x2a],
        channel: bytes[0x2b],
        level: bytes[0x2c],
        opcode: bytes[0x2d],
        task: u16_at(bytes, 0x2e),
        keyword: u64_at(bytes, 0x30),
        processor_times: (u32_at(bytes, 0x38), u32_at(bytes, 0x3c)),
        activity: guid_at(bytes, 0x40),
        pointer_size: pointers(bytes[2] == 0x13),
        ..RawHeader::default()
    };
    let (mut at, mut items) = (0x50, Vec::new());
    let mut more = u16_at(bytes, 4) & 1 == 1;
    while more {
        let size = usize::from(u16_at(bytes, at));
        let data = &bytes[at + 8..][..usize::from(u16_at(bytes, at + 6))];
        assert!(size % 8 == 0 && size >= 8 + data.len());
        items.push((u16_at(bytes, at + 2), data.to_vec()));
        more = u16_at(bytes, at + 4) & 1 == 1;
        at += size;
    }
    Walked { header, items, payload: bytes[at..].to_vec() }
}

fn classic(bytes: &[u8]) -> Walked {
    let header = RawHeader {
        form: RawForm::Classic,
        opcode: bytes[4],
        level: bytes[5],
        version: u8::try_from(u16_at(bytes, 6)).unwrap(),
        thread_id: actor(u32_at(bytes, 8)),
        process_id: actor(u32_at(bytes, 0xc)),
        time: Timestamp::from_filetime(u64_at(bytes, 0x10)),
        provider: guid_at(bytes, 0x18),
        processor_times: (u32_at(bytes, 0x28), u32_at(bytes, 0x2c)),
        pointer_size: pointers(matches!(bytes[2], 0x14 | 0x15)),
        ..RawHeader::default()
    };
    if matches!(bytes[2], 0x0a | 0x14) {
        return Walked { header, items: Vec::new(), payload: bytes[0x30..].to_vec() };
    }
    let items = vec![(4, bytes[0x30..0x48].to_vec())];
    Walked { header, items, payload: bytes[0x48..].to_vec() }
}

fn kernel(bytes: &[u8]) -> Walked {
    let system = matches!(bytes[2], 1 | 2);
    let (class, opcode) = etwatch_capture::etl::hooks::class_of(bytes[7], bytes[6])
        .map_or_else(|| panic!("group {:#x}", bytes[7]), |class| (class, bytes[6]));
    let mut header = RawHeader {
        form: RawForm::Kernel,
        version: u8::try_from(u16_at(bytes, 0)).unwrap(),
        provider: class,
        opcode,
        pointer_size: pointers(matches!(bytes[2], 2 | 0x11)),
        time: Timestamp::from_filetime(u64_at(bytes, if system { 0x10 } else { 8 })),
        ..RawHeader::default()
    };
    if system {
        header.thread_id = actor(u32_at(bytes, 8));
        header.process_id = actor(u32_at(bytes, 0xc));
        header.processor_times = (u32_at(bytes, 0x18), u32_at(bytes, 0x1c));
    }
    let payload = bytes[if system { 0x20 } else { 0x10 }..].to_vec();
    Walked { header, items: Vec::new(), payload }
}

fn message(bytes: &[u8]) -> Walked {
    let flags = u16_at(bytes, 6);
    assert_eq!(flags & 0xa, 0xa);
    let system = flags & 0x20 != 0;
    let mut header = RawHeader {
        form: RawForm::Message,
        id: u16_at(bytes, 4),
        provider: guid_at(bytes, 8),
        time: Timestamp::from_filetime(u64_at(bytes, 0x18)),
        pointer_size: pointers(flags & 0x80 != 0),
        ..RawHeader::default()
    };
    if system {
        header.thread_id = actor(u32_at(bytes, 0x20));
        header.process_id = actor(u32_at(bytes, 0x24));
    }
    let payload = bytes[if system { 0x28 } else { 0x20 }..].to_vec();
    Walked { header, items: Vec::new(), payload }
}
