//! The starts of processes, read from raw records without a schema.
//!
//! Two things are needed while a record is copied, long before it is decoded: which image a process has, for
//! filters that name images, and the sequence number that Windows gave it, whose gaps tell of starts that were
//! lost. Both stand at fixed places of few layouts: the classic process event versions 1 to 5 (opcodes 1
//! and 3, whose places other versions do not share), and Kernel-Process 1 and 15.
//!
//! # Source
//! The layouts in `crates/decode/schemas/` (`classic.process.txt`, `Microsoft-Windows-Kernel-Process.txt`).

use etwatch_event::{Guid, RawForm, RawRecord};

use crate::etl::hooks;

/// Microsoft-Windows-Kernel-Process: 22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716.
pub(super) const KERNEL_PROCESS: Guid = Guid([
    0xd6, 0x2c, 0xfb, 0x22, 0x7b, 0x0e, 0x2b, 0x42, 0xa0, 0xc7, 0x2f, 0xad, 0x1f, 0xd0, 0xe7, 0x16,
]);
const START: u16 = 1;
const RUNDOWN: u16 = 15;

/// What a record says of a process that starts or runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProcessStart<'a> {
    pub(super) process_id: u32,
    pub(super) image: ImageName<'a>,
    /// The number of the process since boot, if the record tells its start.
    pub(super) sequence: Option<u64>,
}

/// The image of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageName<'a> {
    /// Its path in UTF-16.
    Wide(&'a [[u8; 2]]),
    /// Its name in 8-bit letters, cut off if it is long.
    Short(&'a [u8]),
}

impl<'a> ProcessStart<'a> {
    /// Reads it; `None` if the record is about something else, or ends too early.
    pub(super) fn of(record: &RawRecord<'a>) -> Option<Self> {
        let header = &record.header;
        match header.form {
            RawForm::Event if header.provider == KERNEL_PROCESS => Self::manifest(record),
            RawForm::Classic | RawForm::Kernel if header.provider == hooks::PROCESS => {
                Self::classic(record)
            }
            _ => None,
        }
    }

    fn manifest(record: &RawRecord<'a>) -> Option<Self> {
        let (data, version) = (record.payload, record.header.version);
        let numbered = match (record.header.id, version) {
            (START, 0..3) | (RUNDOWN, 0) => false,
            (START, 3..) | (RUNDOWN, 1..) => true,
            _ => return None,
        };
        let image = match (record.header.id, numbered) {
            // Up to the mandatory label, a SID, which has 4 bytes for each of its parts.
            (_, true) => 56 + 4 * usize::from(*data.get(49)?),
            (START, false) if version == 0 => 20,
            _ => 24,
        };
        let (units, _) = data.get(image..)?.as_chunks::<2>();
        let end = units.iter().position(|unit| *unit == [0, 0])?;
        let sequence = u64::from_le_bytes(*data.get(4..)?.first_chunk()?);
        Some(Self {
            process_id: u32::from_le_bytes(*data.first_chunk()?),
            image: ImageName::Wide(units.get(..end)?),
            sequence: (numbered && record.header.id == START).then_some(sequence),
        })
    }

    fn classic(record: &RawRecord<'a>) -> Option<Self> {
        let (data, version) = (record.payload, record.header.version);
        let pointer = usize::from(record.header.pointer_size);
        if !matches!(record.header.opcode, 1 | 3) {
            return None;
        }
        let sid = match version {
            1 | 2 => 16 + pointer,
            3 => 16 + 2 * pointer,
            4 | 5 => 20 + 2 * pointer,
            _ => return None,
        };
        let user = data.get(sid..)?;
        // A SID of the kernel stands behind two pointers; if there is none, four zeros do.
        let behind = if user.starts_with(&[0; 4]) {
            4
        } else {
            2 * pointer + 8 + 4 * usize::from(*user.get(2 * pointer + 1)?)
        };
        let name = user.get(behind..)?;
        let end = name.iter().position(|byte| *byte == 0)?;
        Some(Self {
            process_id: u32::from_le_bytes(*data.get(pointer..)?.first_chunk()?),
            image: ImageName::Short(name.get(..end)?),
            sequence: None,
        })
    }
}
