//! Raw ETW records: a header that every event has, and payload bytes that only a schema explains.
//!
//! This is what `.etl` files and live sessions have in common, in the terms of Windows' `EVENT_RECORD`;
//! who reads a file and who copies in a callback both hand on [`RawRecord`]s, and decoding does not
//! know which of them it was. A record is a view: its bytes belong to a buffer of the source.
//!
//! Extended items are kept in the form that files have, one behind the other, each beginning at a
//! multiple of 8 bytes:
//!
//! ```text
//! u16 size, these 8 bytes included, a multiple of 8 | u16 type | u16 1 if another one follows | u16 bytes of data | data
//! ```

use crate::time::Timestamp;
use crate::value::Guid;

/// The provider `etwatch`, of records that etwatch itself adds to the stream:
/// `{c22ec38f-c0a8-480a-8852-b1342caa6bfb}`.
pub const OWN_PROVIDER: Guid = Guid([
    0x8f, 0xc3, 0x2e, 0xc2, 0xa8, 0xc0, 0x0a, 0x48, 0x88, 0x52, 0xb1, 0x34, 0x2c, 0xaa, 0x6b, 0xfb,
]);

/// Which of ETW's headers a record was written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RawForm {
    /// `EVENT_HEADER`: an event of a manifest, or one that describes itself (TraceLogging).
    #[default]
    Event,
    /// `EVENT_TRACE_HEADER` or `EVENT_INSTANCE_HEADER`: a classic (MOF) event; `provider` is its class.
    Classic,
    /// A header of the kernel logger (system, compact, performance): a classic event as well, whose class
    /// the reader knows from its hook.
    Kernel,
    /// `WPP`: a message whose text lies in the symbols of the program that wrote it.
    Message,
}

/// What a record says of itself, apart from payload and extended items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawHeader {
    /// The form that the header had.
    pub form: RawForm,
    /// When it happened.
    pub time: Timestamp,
    /// Its number in the recording, from 1, in the order of the bytes.
    pub number: u64,
    /// The provider; the class of the event for classic and kernel records; the message GUID for WPP.
    pub provider: Guid,
    /// The id of the event; the message number for WPP; 0 for classic and kernel records.
    pub id: u16,
    /// The version of the event's layout.
    pub version: u8,
    /// The channel; 11 means that the event describes itself.
    pub channel: u8,
    /// How grave it is.
    pub level: u8,
    /// What was done; with the class it identifies a classic or kernel event.
    pub opcode: u8,
    /// The task.
    pub task: u16,
    /// Bits of the keywords, those of the channel included.
    pub keyword: u64,
    /// The process that acted; `None` where the header has no room for it.
    pub process_id: Option<u32>,
    /// The thread that acted.
    pub thread_id: Option<u32>,
    /// The processor it was written on.
    pub processor: u16,
    /// Bytes of a pointer in the payload: 4 or 8.
    pub pointer_size: u8,
    /// The activity; all zeros if there is none.
    pub activity: Guid,
    /// Time in the kernel and in user mode, in the trace's units; for few records more than 0.
    pub processor_times: (u32, u32),
}

/// A record: header, extended items, payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawRecord<'a> {
    /// What it says of itself.
    pub header: RawHeader,
    /// Its extended items as they lie in a file, see [`RawRecord::items`].
    pub extended: &'a [u8],
    /// What only a schema explains.
    pub payload: &'a [u8],
}

/// An extended item of a record (`EVENT_HEADER_EXTENDED_DATA_ITEM`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedItem<'a> {
    /// One of the constants of this type, or a kind that is not known here.
    pub kind: u16,
    /// What it holds.
    pub data: &'a [u8],
}

impl ExtendedItem<'_> {
    /// The GUID of a related activity.
    pub const RELATED_ACTIVITY: u16 = 1;
    /// The SID of the user.
    pub const SID: u16 = 2;
    /// The session of Terminal Services, 32 bits.
    pub const SESSION: u16 = 3;
    /// A stack: 64 bits of match id, then addresses of 32 bits.
    pub const STACK_32: u16 = 5;
    /// A stack: 64 bits of match id, then addresses of 64 bits.
    pub const STACK_64: u16 = 6;
    /// A key that joins events, 64 bits.
    pub const EVENT_KEY: u16 = 10;
    /// The names and types of a TraceLogging event.
    pub const SCHEMA: u16 = 11;
    /// The provider's name and traits.
    pub const PROVIDER_TRAITS: u16 = 12;
    /// Windows' sequence number of the process, 64 bits.
    pub const PROCESS_START_KEY: u16 = 13;
    /// A stack that the kernel keeps: 64 bits of match id, then its key of 32 bits.
    pub const STACK_KEY_32: u16 = 0x11;
    /// A stack that the kernel keeps: 64 bits of match id, then its key of 64 bits.
    pub const STACK_KEY_64: u16 = 0x12;
}

impl<'a> RawRecord<'a> {
    /// Its extended items; ends at the first one that does not fit.
    pub fn items(&self) -> impl Iterator<Item = ExtendedItem<'a>> + use<'a> {
        let mut rest = self.extended;
        std::iter::from_fn(move || {
            let (&[s0, s1, k0, k1, l0, _, d0, d1], behind) = rest.split_first_chunk::<8>()?;
            let size = usize::from(u16::from_le_bytes([s0, s1]));
            let data = behind.get(..usize::from(u16::from_le_bytes([d0, d1])))?;
            let next = size.max(8 + data.len()).next_multiple_of(8);
            rest = if l0 & 1 == 1 { rest.get(next..).unwrap_or_default() } else { &[] };
            Some(ExtendedItem { kind: u16::from_le_bytes([k0, k1]), data })
        })
    }
    /// The first extended item of this kind.
    #[must_use]
    pub fn item(&self, kind: u16) -> Option<&'a [u8]> {
        self.items().find(|item| item.kind == kind).map(|item| item.data)
    }
}

/// Adds an extended item in the form of a file; `last` says that none follows. Data beyond 65,000 bytes,
/// which no file can hold, is cut off.
pub fn push_item(extended: &mut Vec<u8>, kind: u16, data: &[u8], last: bool) {
    const MOST: u16 = 65_000;
    let length = u16::try_from(data.len()).unwrap_or(MOST).min(MOST);
    extended.extend_from_slice(&(length + 8).next_multiple_of(8).to_le_bytes());
    extended.extend_from_slice(&kind.to_le_bytes());
    extended.extend_from_slice(&u16::from(!last).to_le_bytes());
    extended.extend_from_slice(&length.to_le_bytes());
    extended.extend_from_slice(data.get(..usize::from(length)).unwrap_or(data));
    extended.resize(extended.len().next_multiple_of(8), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_back_as_they_were_pushed() {
        let mut extended = Vec::new();
        push_item(&mut extended, ExtendedItem::SCHEMA, b"abc", false);
        push_item(&mut extended, ExtendedItem::SID, b"", false);
        push_item(&mut extended, ExtendedItem::EVENT_KEY, &[7; 8], true);
        let record = RawRecord { extended: &extended, ..RawRecord::default() };
        let items: Vec<_> = record.items().map(|item| (item.kind, item.data)).collect();
        assert_eq!(items, [(11, &b"abc"[..]), (2, b""), (10, &[7; 8])]);
        assert_eq!(record.item(ExtendedItem::SCHEMA), Some(&b"abc"[..]));
        assert_eq!(record.item(ExtendedItem::STACK_64), None);
    }

    #[test]
    fn an_item_that_does_not_fit_ends_the_list() {
        let mut extended = Vec::new();
        push_item(&mut extended, 1, &[1; 16], false);
        push_item(&mut extended, 2, &[2; 16], true);
        for cut in 0..extended.len() {
            let extended = extended.get(..cut).unwrap();
            let record = RawRecord { extended, ..RawRecord::default() };
            assert_eq!(record.items().count(), usize::from(cut >= 24), "{cut}");
        }
    }
}
