//! From a schema to the bytes in which Windows hands out schemas, `TRACE_EVENT_INFO` and `EVENT_MAP_INFO`.
//!
//! A recording that is to be read elsewhere carries its schemas. Those that Windows gave are bytes
//! already; one that was made here, of a manifest or a table, is laid out in the same way:
//!
//! ```text
//! 0x00 provider | 0x10 GUID of a classic event | 0x20 descriptor | 0x30 source | 0x34 offsets of strings …
//! 0x64 number of fields | 0x68 of them the event's own | 0x6c flags | 0x70 fields, 24 bytes each | strings
//!
//! a field: flags | offset of its name | types and map, or members | count | length | 0
//! a map:   offset of its name | flags | number of entries | type of a value | entries | strings
//! an entry: offset of its text | value
//! ```
//!
//! Offsets count from the first byte; 0 means that there is no such string. Strings are UTF-16 with a NUL.
//! The texts of a map end in a blank, as those of Windows do, and whoever reads them takes it off.
//!
//! The form has no place for what only our own schemas say: fields that may be missing at the end, lists
//! with their number right before them, texts whose letters are counted right before them, names that are
//! longer than names are. Such a schema is refused. Texts and bytes with a count of bytes have types of their
//! own there, and so has text to the end of the payload; these are put in.
//!
//! Source: the documentation of `tdh.h`, and the blobs of merged traces.

use etwatch_event::Guid;

use crate::check::MOST_NAME;
use crate::schema::{Amount, Field, FieldKind, InType, Schema, SchemaSource, ValueMap};

/// What identifies the event that a schema is about (`EVENT_DESCRIPTOR`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventDescriptor {
    /// The id of the event.
    pub id: u16,
    /// The version of its layout.
    pub version: u8,
    /// The number of its channel.
    pub channel: u8,
    /// How grave it is.
    pub level: u8,
    /// What was done.
    pub opcode: u8,
    /// The task.
    pub task: u16,
    /// Bits of the keywords.
    pub keyword: u64,
    /// Whether it is a classic event, known by its class and opcode.
    pub classic: bool,
}

/// Why a schema or a map can't be laid out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Windows has no fields that may be missing.
    #[error("field `{0}` may be missing at the end of the payload")]
    Optional(Box<str>),
    /// Windows has no such count for any field, or no such length for this type.
    #[error("field `{field}` has a {what} that can't be said")]
    Amount {
        /// The name of the field.
        field: Box<str>,
        /// Count or length.
        what: &'static str,
    },
    /// A name would end at the NUL in it.
    #[error("the name {0:?} has a NUL in it")]
    Name(Box<str>),
    /// More fields, entries or bytes than their numbers can say, or a name of more than 1,024 letters.
    #[error("too much for one schema")]
    TooMuch,
}

/// Bytes before the fields of a `TRACE_EVENT_INFO`, and of a field.
const EVENT_INFO_SIZE: usize = 0x70;
const PROPERTY_SIZE: usize = 24;
/// Bytes before the entries of an `EVENT_MAP_INFO`, and of an entry.
const MAP_INFO_SIZE: usize = 0x10;
const MAP_ENTRY_SIZE: usize = 8;

/// `PROPERTY_FLAGS` of a field.
const STRUCTURE: u32 = 1;
const LENGTH_FROM_FIELD: u32 = 2;
const COUNT_FROM_FIELD: u32 = 4;
const FIXED_LENGTH: u32 = 0x10;
const FIXED_COUNT: u32 = 0x20;

/// `DECODING_SOURCE`: of a manifest, of WMI for classic events, of the event itself.
const FROM_MANIFEST: u32 = 0;
const FROM_WMI: u32 = 1;
const FROM_EVENT: u32 = 3;

/// `MAP_FLAGS` of maps in manifests.
const VALUE_MAP: u32 = 1;
const BIT_MAP: u32 = 2;

/// The bytes of a `TRACE_EVENT_INFO`: what merged traces carry for each event of a manifest.
///
/// # Errors
/// [`EncodeError`] for schemas that Windows could not have.
pub fn trace_event_info(schema: &Schema, event: &EventDescriptor) -> Result<Vec<u8>, EncodeError> {
    let mut strings = Strings::behind(EVENT_INFO_SIZE + PROPERTY_SIZE * schema.fields.len());
    let mut fields = Vec::with_capacity(PROPERTY_SIZE * schema.fields.len());
    for field in &schema.fields {
        push_field(field, &mut fields, &mut strings)?;
    }
    let provider = strings.add(&schema.provider)?;
    let channel = strings.add(&schema.channel)?;
    let task = strings.add(&schema.task)?;
    let opcode = strings.add(&schema.opcode)?;
    // Classic events have the name of something else in its place.
    let name = if event.classic { 0 } else { strings.add(&schema.name)? };
    let source = match schema.source {
        _ if event.classic => FROM_WMI,
        SchemaSource::TraceLogging => FROM_EVENT,
        _ => FROM_MANIFEST,
    };
    let class = if event.classic { schema.guid } else { Guid::default() };

    let mut out = Vec::with_capacity(EVENT_INFO_SIZE + fields.len() + strings.bytes.len());
    out.extend_from_slice(&schema.guid.0);
    out.extend_from_slice(&class.0); // 0x10
    out.extend_from_slice(&event.id.to_le_bytes()); // 0x20
    out.extend_from_slice(&[event.version, event.channel, event.level, event.opcode]);
    out.extend_from_slice(&event.task.to_le_bytes());
    out.extend_from_slice(&event.keyword.to_le_bytes());
    let none = 0;
    let count = number(schema.fields.len())?;
    let top = number(schema.top.min(schema.fields.len()))?;
    for field in [
        source,   // 0x30
        provider, // 0x34
        none,     // 0x38 level
        channel,  // 0x3c
        none,     // 0x40 keywords
        task,     // 0x44
        opcode,   // 0x48
        none,     // 0x4c message of the event
        none,     // 0x50 message of the provider
        none,     // 0x54 binary XML
        none,     // 0x58 bytes of it
        name,     // 0x5c
        none,     // 0x60 attributes
        count,    // 0x64
        top,      // 0x68
        none,     // 0x6c flags
    ] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out.extend_from_slice(&fields);
    out.extend_from_slice(&strings.bytes);
    Ok(out)
}

/// The bytes of an `EVENT_MAP_INFO`: the names of a field's values, found by the name of the map.
///
/// Merged traces have the GUID of the provider before these bytes.
///
/// # Errors
/// [`EncodeError::Name`], [`EncodeError::TooMuch`].
pub fn event_map_info(map: &ValueMap) -> Result<Vec<u8>, EncodeError> {
    let mut strings = Strings::behind(MAP_INFO_SIZE + MAP_ENTRY_SIZE * map.entries.len());
    let name = strings.add(&map.name)?;
    let mut out = Vec::new();
    let flags = if map.bits { BIT_MAP } else { VALUE_MAP };
    let unsigned = 0;
    for field in [name, flags, number(map.entries.len())?, unsigned] {
        out.extend_from_slice(&field.to_le_bytes());
    }
    for (value, text) in &map.entries {
        out.extend_from_slice(&strings.add(&format!("{text} "))?.to_le_bytes());
        out.extend_from_slice(&value.to_le_bytes());
    }
    out.extend_from_slice(&strings.bytes);
    Ok(out)
}

/// Adds an `EVENT_PROPERTY_INFO`.
fn push_field(field: &Field, out: &mut Vec<u8>, strings: &mut Strings) -> Result<(), EncodeError> {
    if field.optional {
        return Err(EncodeError::Optional(field.name.clone()));
    }
    let amount = |what| EncodeError::Amount { field: field.name.clone(), what };
    let name = strings.add(&field.name)?;
    let (count_flags, count) = match field.count {
        Amount::Implied => (0, 1),
        Amount::Fixed(count) => (FIXED_COUNT, count),
        Amount::Field(index) => (COUNT_FROM_FIELD, index),
        Amount::Prefixed | Amount::Rest => return Err(amount("count")),
    };
    let (flags, first, second, map, length) = match &field.kind {
        FieldKind::Structure { .. } if field.length != Amount::Implied => {
            return Err(amount("length"));
        }
        FieldKind::Structure { first, members } => (STRUCTURE, *first, *members, 0, 0),
        FieldKind::Value(in_type, out_type, map) => {
            let (in_type, flags, length) =
                length_of(*in_type, field.length).ok_or_else(|| amount("length"))?;
            let map = map.as_ref().map_or(Ok(0), |map| strings.add(&map.name))?;
            (flags, in_type.number(), out_type.0, map, length)
        }
    };
    out.extend_from_slice(&(flags | count_flags).to_le_bytes());
    out.extend_from_slice(&name.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(&second.to_le_bytes());
    out.extend_from_slice(&map.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    Ok(())
}

/// The type that says this length, the flags and the length; `None` if Windows has no such thing.
fn length_of(in_type: InType, length: Amount) -> Option<(InType, u32, u16)> {
    match (length, in_type) {
        (Amount::Fixed(length), _) if in_type.takes_length() => {
            Some((in_type, FIXED_LENGTH, length))
        }
        // Letters and texts to the end, whose length Windows does not ask for.
        (
            Amount::Fixed(_),
            InType::UnicodeChar
            | InType::AnsiChar
            | InType::NonNullTerminatedString
            | InType::NonNullTerminatedAnsiString,
        ) => None,
        (Amount::Implied | Amount::Fixed(_), _) => Some((in_type, 0, size_of(in_type))),
        (Amount::Field(index), _) => Some((in_type, LENGTH_FROM_FIELD, index)),
        (Amount::Prefixed, InType::AnsiString) => Some((InType::ManifestCountedAnsiString, 0, 0)),
        (Amount::Prefixed, InType::Binary) => Some((InType::ManifestCountedBinary, 0, 0)),
        (Amount::Rest, InType::UnicodeString) => Some((InType::NonNullTerminatedString, 0, 0)),
        (Amount::Rest, InType::AnsiString) => Some((InType::NonNullTerminatedAnsiString, 0, 0)),
        (Amount::Prefixed | Amount::Rest, _) => None,
    }
}

/// Bytes of a value whose type says it; 0 for the others, and for pointers, which differ by trace.
fn size_of(in_type: InType) -> u16 {
    match in_type {
        InType::Int8 | InType::UInt8 | InType::AnsiChar => 1,
        InType::Int16 | InType::UInt16 | InType::UnicodeChar => 2,
        InType::Int32 | InType::UInt32 | InType::HexInt32 | InType::Float | InType::Boolean => 4,
        InType::Int64 | InType::UInt64 | InType::HexInt64 | InType::Double | InType::FileTime => 8,
        InType::Guid | InType::SystemTime => 16,
        _ => 0,
    }
}

/// Strings behind everything else.
struct Strings {
    begin: usize,
    bytes: Vec<u8>,
}

impl Strings {
    fn behind(begin: usize) -> Self {
        Self { begin, bytes: Vec::new() }
    }
    /// Adds a string and gives its offset; 0 for an empty one, which is not there.
    fn add(&mut self, text: &str) -> Result<u32, EncodeError> {
        if text.is_empty() {
            return Ok(0);
        }
        if text.contains('\0') {
            return Err(EncodeError::Name(text.into()));
        }
        if text.strip_suffix(' ').unwrap_or(text).encode_utf16().count() > MOST_NAME {
            return Err(EncodeError::TooMuch);
        }
        let offset = number(self.begin + self.bytes.len())?;
        for unit in text.encode_utf16().chain([0]) {
            self.bytes.extend_from_slice(&unit.to_le_bytes());
        }
        Ok(offset)
    }
}

fn number(value: usize) -> Result<u32, EncodeError> {
    u32::try_from(value).map_err(|_| EncodeError::TooMuch)
}

#[cfg(test)]
mod tests;
