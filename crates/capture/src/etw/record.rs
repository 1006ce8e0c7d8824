//! From `EVENT_RECORD` to a raw record, and back.
//!
//! Windows hands a record over as a structure of fixed places and three pointers:
//!
//! ```text
//!  0  EVENT_HEADER: 2 size, 4 flags, 8 thread, 12 process, 16 time, 24 provider, 40 descriptor, 64 activity
//! 80  ETW_BUFFER_CONTEXT: processor, number of the session
//! 84  how many extended items | 86 bytes of payload
//! 88  pointers to items, payload and context
//! ```
//!
//! Its first 88 bytes are the same on every Windows, so they are read as bytes, here and without `unsafe`; who
//! has the pointers hands in what they lead to. The header is the one that `.etl` files have, and is read by the
//! same code. What differs: the session tells of classic records in the same structure, by a flag, and has
//! already turned the time into UTC.
//!
//! The way back is for TDH, which wants an `EVENT_RECORD` to say how a record is laid out.

use etwatch_event::{RawForm, RawHeader, RawRecord, Timestamp};

use crate::etl::bytes::{u16_at, u64_at};
use crate::etl::{event_header, hooks};

/// Bytes of an `EVENT_RECORD` before its pointers.
pub const FIXED_BYTES: usize = 88;

/// `EVENT_HEADER_FLAG_*`.
mod flags {
    pub(super) const EXTENDED_INFO: u16 = 0x1;
    pub(super) const TRACE_MESSAGE: u16 = 0x8;
    pub(super) const NO_PROCESSOR_TIMES: u16 = 0x10;
    pub(super) const HEADER_32: u16 = 0x20;
    pub(super) const HEADER_64: u16 = 0x40;
    pub(super) const CLASSIC: u16 = 0x100;
    pub(super) const PROCESSOR_INDEX: u16 = 0x200;
}

/// What the bytes before the pointers say; [`RawHeader::number`] is left 0. `pointer_size`: bytes of a pointer where
/// the record does not say, which is what this machine has.
///
/// # Source
/// `EVENT_RECORD`, `EVENT_HEADER` and `ETW_BUFFER_CONTEXT` in Microsoft's documentation of `evntcons.h`.
#[must_use]
pub fn header_of(fixed: &[u8; FIXED_BYTES], pointer_size: u8) -> RawHeader {
    let flags = u16_at(fixed, 4).unwrap_or_default();
    let has = |flag| flags & flag != 0;
    let header = event_header(fixed, has(flags::HEADER_32));
    let says_pointers = has(flags::HEADER_32) || has(flags::HEADER_64);
    let form = if has(flags::TRACE_MESSAGE) {
        RawForm::Message
    } else if !has(flags::CLASSIC) {
        RawForm::Event
    } else if hooks::is_class(header.provider) {
        RawForm::Kernel
    } else {
        RawForm::Classic
    };
    let is_classic = matches!(form, RawForm::Kernel | RawForm::Classic);
    let &[low, high] =
        fixed.last_chunk::<8>().and_then(|rest| rest.first_chunk()).unwrap_or(&[0; 2]);
    RawHeader {
        form,
        time: Timestamp::from_filetime(u64_at(fixed, 16).unwrap_or_default()),
        id: if is_classic { 0 } else { header.id },
        pointer_size: if says_pointers { header.pointer_size } else { pointer_size },
        processor: if has(flags::PROCESSOR_INDEX) {
            u16::from_le_bytes([low, high])
        } else {
            u16::from(low)
        },
        ..header
    }
}

/// The bytes before the pointers, for a record that is handed back to Windows. `items`: how many extended items
/// follow.
#[must_use]
pub fn fixed_bytes(record: &RawRecord<'_>, items: u16) -> [u8; FIXED_BYTES] {
    let header = &record.header;
    let form = match header.form {
        RawForm::Event => 0,
        RawForm::Classic | RawForm::Kernel => flags::CLASSIC,
        RawForm::Message => flags::TRACE_MESSAGE,
    };
    let pointers = if header.pointer_size == 4 { flags::HEADER_32 } else { flags::HEADER_64 };
    let extended = if items > 0 { flags::EXTENDED_INFO } else { 0 };
    let times = if header.processor_times == (0, 0) { flags::NO_PROCESSOR_TIMES } else { 0 };
    let all = form | pointers | extended | times | flags::PROCESSOR_INDEX;
    let payload = u16::try_from(record.payload.len()).unwrap_or(u16::MAX);
    let nobody = u32::MAX;
    let parts: [&[u8]; 20] = [
        &80_u16.to_le_bytes(),
        &0_u16.to_le_bytes(),
        &all.to_le_bytes(),
        &0_u16.to_le_bytes(),
        &header.thread_id.unwrap_or(nobody).to_le_bytes(),
        &header.process_id.unwrap_or(nobody).to_le_bytes(),
        &header.time.filetime().to_le_bytes(),
        &header.provider.0,
        &header.id.to_le_bytes(),
        &[header.version, header.channel, header.level, header.opcode],
        &header.task.to_le_bytes(),
        &header.keyword.to_le_bytes(),
        &header.processor_times.0.to_le_bytes(),
        &header.processor_times.1.to_le_bytes(),
        &header.activity.0,
        &header.processor.to_le_bytes(),
        &0_u16.to_le_bytes(),
        &items.to_le_bytes(),
        &payload.to_le_bytes(),
        &[],
    ];
    let mut fixed = [0; FIXED_BYTES];
    for (place, byte) in fixed.iter_mut().zip(parts.iter().copied().flatten()) {
        *place = *byte;
    }
    fixed
}

#[cfg(test)]
mod tests {
    use etwatch_event::{ExtendedItem, Guid};

    use super::*;

    /// `EVENT_RECORD` up to its pointers, field by field as Microsoft's header has it.
    #[derive(Clone, Copy)]
    struct Native {
        flags: u16,
        thread: u32,
        process: u32,
        time: u64,
        provider: [u8; 16],
        id: u16,
        version: u8,
        channel: u8,
        level: u8,
        opcode: u8,
        task: u16,
        keyword: u64,
        times: [u32; 2],
        activity: [u8; 16],
        processor: [u8; 2],
    }

    impl Native {
        fn bytes(self) -> [u8; FIXED_BYTES] {
            let mut bytes = [0xaa; FIXED_BYTES];
            let mut put = |at: usize, field: &[u8]| {
                bytes[at..at + field.len()].copy_from_slice(field);
            };
            put(4, &self.flags.to_le_bytes());
            put(8, &self.thread.to_le_bytes());
            put(12, &self.process.to_le_bytes());
            put(16, &self.time.to_le_bytes());
            put(24, &self.provider);
            put(40, &self.id.to_le_bytes());
            put(42, &[self.version, self.channel, self.level, self.opcode]);
            put(46, &self.task.to_le_bytes());
            put(48, &self.keyword.to_le_bytes());
            put(56, &self.times[0].to_le_bytes());
            put(60, &self.times[1].to_le_bytes());
            put(64, &self.activity);
            put(80, &self.processor);
            bytes
        }
    }

    const NATIVE: Native = Native {
        flags: 0x240,
        thread: 0x1234,
        process: 0x5678,
        time: 132_000_000_000_000_000,
        provider: [7; 16],
        id: 1,
        version: 3,
        channel: 16,
        level: 4,
        opcode: 1,
        task: 9,
        keyword: 0x8000_0000_0000_0010,
        times: [5, 6],
        activity: [9; 16],
        processor: [0x41, 0x01],
    };

    #[test]
    fn each_field_of_the_structure_arrives_in_its_place() {
        let expected = RawHeader {
            form: RawForm::Event,
            time: Timestamp::from_filetime(132_000_000_000_000_000),
            number: 0,
            provider: Guid([7; 16]),
            id: 1,
            version: 3,
            channel: 16,
            level: 4,
            opcode: 1,
            task: 9,
            keyword: 0x8000_0000_0000_0010,
            process_id: Some(0x5678),
            thread_id: Some(0x1234),
            processor: 0x141,
            pointer_size: 8,
            activity: Guid([9; 16]),
            processor_times: (5, 6),
        };
        assert_eq!(header_of(&NATIVE.bytes(), 8), expected);
    }

    #[test]
    fn flags_say_what_kind_of_record_it_is() {
        let kernel = hooks::PROCESS.0;
        let rows = [
            (0x40, [7; 16], RawForm::Event, 8),
            (0x20, [7; 16], RawForm::Event, 4),
            (0x00, [7; 16], RawForm::Event, 2), // what the machine has
            (0x140, [7; 16], RawForm::Classic, 8),
            (0x140, kernel, RawForm::Kernel, 8),
            (0x120, kernel, RawForm::Kernel, 4),
            (0x48, [7; 16], RawForm::Message, 8),
        ];
        for (flags, provider, form, pointer_size) in rows {
            let header = header_of(&Native { flags, provider, ..NATIVE }.bytes(), 2);
            assert_eq!((header.form, header.pointer_size), (form, pointer_size), "{flags:#x}");
            let is_classic = flags & 0x100 != 0;
            assert_eq!(header.id, u16::from(!is_classic), "{flags:#x}");
            assert_eq!(header.processor, 0x41, "one byte without the flag of the index");
        }
    }

    #[test]
    fn nobody_and_no_times_are_told_as_such() {
        let nobody = u32::MAX;
        let native = Native { flags: 0x50, process: nobody, thread: nobody, ..NATIVE };
        let header = header_of(&native.bytes(), 8);
        assert_eq!((header.process_id, header.thread_id), (None, None));
        assert_eq!(header.processor_times, (0, 0));
    }

    #[test]
    fn what_is_handed_back_to_windows_reads_the_same() {
        for flags in [0x240, 0x220, 0x340, 0x248] {
            let header = header_of(&Native { flags, ..NATIVE }.bytes(), 8);
            let payload = [1, 2, 3];
            let record = RawRecord { header, payload: &payload, ..RawRecord::default() };
            let fixed = fixed_bytes(&record, 2);
            assert_eq!(header_of(&fixed, 8), header, "{flags:#x}");
            assert_eq!(fixed[84..88], [2, 0, 3, 0], "items, payload");
            assert_eq!(fixed[4] & 1, 1, "there are items");
        }
        assert_eq!(
            ExtendedItem::SCHEMA,
            11,
            "the kind is Windows' own number, so it needs no table"
        );
    }

    #[test]
    fn any_bytes_are_some_header() {
        for byte in [0x00, 0x11, 0x7f, 0xff] {
            let header = header_of(&[byte; FIXED_BYTES], 8);
            assert_eq!(header.level, byte);
        }
    }
}
