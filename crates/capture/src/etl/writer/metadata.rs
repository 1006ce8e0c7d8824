//! What explains payloads, as records among the others.
//!
//! Tools that merge traces add what a reader on another host would lack. They are classic records of two
//! classes, told apart by their opcode.

use etwatch_event::{Guid, RawForm, RawHeader, Timestamp};

/// `bbccf6c1-6cd1-48c4-80ff-839482e37671`, and opcodes from 32 on.
const SCHEMAS: Guid = Guid([
    0xc1, 0xf6, 0xcc, 0xbb, 0xd1, 0x6c, 0xc4, 0x48, 0x80, 0xff, 0x83, 0x94, 0x82, 0xe3, 0x76, 0x71,
]);
/// `9b79ee91-b5fd-41c0-a243-4248e266e9d0`.
const SYSTEM: Guid = Guid([
    0x91, 0xee, 0x79, 0x9b, 0xfd, 0xb5, 0xc0, 0x41, 0xa2, 0x43, 0x42, 0x48, 0xe2, 0x66, 0xe9, 0xd0,
]);

/// What a record of metadata holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metadata {
    /// The layout of an event: a `TRACE_EVENT_INFO` as TDH gives it.
    Schema,
    /// Names of values: the GUID of the provider, then an `EVENT_MAP_INFO` as TDH gives it.
    ValueMap,
    /// The build of Windows: a time of 64 bits, the build's and the product's name in UTF-16.
    Build,
    /// The system's folders.
    SystemPaths,
    /// A volume: its NT path and its DOS path in UTF-16.
    Volume,
}

impl Metadata {
    /// The class and the opcode of such records.
    #[must_use]
    pub fn class(self) -> (Guid, u8) {
        match self {
            Self::Schema => (SCHEMAS, 32),
            Self::ValueMap => (SCHEMAS, 33),
            Self::Build => (SYSTEM, 32),
            Self::SystemPaths => (SYSTEM, 33),
            Self::Volume => (SYSTEM, 35),
        }
    }

    /// The header of such a record, on processor 0 and of no process.
    pub(super) fn header(self, time: Timestamp, pointer_size: u8) -> RawHeader {
        let (provider, opcode) = self.class();
        RawHeader {
            form: RawForm::Classic,
            time,
            provider,
            opcode,
            pointer_size,
            process_id: Some(0),
            thread_id: Some(0),
            ..RawHeader::default()
        }
    }
}
