//! `TRACE_EVENT_INFO`, the answer of Windows to "how is this event laid out?", as a schema.
//!
//! Merged traces carry one for each kind of event, and a live session asks for one when it meets a kind for
//! the first time. It is one block of bytes: a header, the fields, then names in UTF-16 that both point to.
//!
//! ```text
//! 0x00 provider  0x10 class  0x20 descriptor: id u16, version, channel, level, opcode u8, task u16, keyword
//! 0x30 source (1: WMI, a classic event)   0x34 … 0x60 offsets of names
//! 0x64 number of fields   0x68 how many of them are the event's own
//! 0x70 fields of 24 bytes: flags, offset of the name, in-type and out-type u16 and offset of the map's name
//!      (or first member and number of members u16), count u16, length u16, 4 bytes
//! ```
//!
//! A field's flags say whether count and length are numbers or the indices of the fields that hold them.
//! The length of a number is told as well; only that of texts, bytes and booleans says something new.

use std::sync::Arc;

use etwatch_event::Guid;

use crate::blob::Blob;
use crate::check::{MOST_FIELDS, SchemaError};
use crate::key::Key;
use crate::schema::{Amount, Field, FieldKind, InType, OutType, Schema, SchemaSource, ValueMap};

/// Where the fields begin.
const FIELDS: usize = 0x70;
/// Bytes of a field.
const FIELD: usize = 24;
/// The event comes from WMI: it is a classic one, known by class and opcode.
const SOURCE_WMI: u32 = 1;

/// Flags of a field.
mod flag {
    pub(super) const STRUCTURE: u32 = 0x1;
    pub(super) const LENGTH_FROM_FIELD: u32 = 0x2;
    pub(super) const COUNT_FROM_FIELD: u32 = 0x4;
    pub(super) const FIXED_LENGTH: u32 = 0x10;
    pub(super) const FIXED_COUNT: u32 = 0x20;
    /// What would be the map's name describes the type instead.
    pub(super) const CUSTOM: u32 = 0x80;
}

/// Reads a `TRACE_EVENT_INFO`: which event it is about, and its schema. Fields whose values have names hold
/// a map that has a name, but no entries yet.
///
/// # Errors
/// [`SchemaError`] if an offset lies outside of the bytes, a type is unknown, or no payload could be walked
/// by what is described.
pub fn parse(bytes: &[u8]) -> Result<(Key, Schema), SchemaError> {
    let blob = Blob(bytes);
    let provider = Guid(blob.array("provider", 0)?);
    let class = Guid(blob.array("class", 0x10)?);
    let [_, _, version, _, _, opcode] = blob.array("descriptor", 0x20)?;
    let source = blob.u32("source", 0x30)?;
    let classic = source == SOURCE_WMI;
    let guid = if classic { class } else { provider };
    let id = if classic { opcode.into() } else { blob.u16("descriptor", 0x20)? };
    let count = blob.size("number of fields", 0x64)?;
    let top = blob.size("number of own fields", 0x68)?;
    if count > MOST_FIELDS || top > count {
        return Err(SchemaError::TooManyFields(count.max(top)));
    }
    // Classic events have the name of something else in its place.
    let name = if classic { Box::default() } else { blob.name("name of the event", 0x5C)? };
    let fields = (FIELDS..).step_by(FIELD).take(count).map(|at| field(blob, at));
    let schema = Schema {
        provider: blob.name("name of the provider", 0x34)?,
        guid,
        name,
        task: blob.name("name of the task", 0x44)?,
        opcode: blob.name("name of the opcode", 0x48)?,
        channel: blob.name("name of the channel", 0x3C)?,
        fields: fields.collect::<Result<_, _>>()?,
        top,
        source: SchemaSource::Recording,
    };
    schema.paths()?;
    Ok((Key { guid, id, version, classic, build: 0 }, schema))
}

fn field(blob: Blob<'_>, at: usize) -> Result<Field, SchemaError> {
    let flags = blob.u32("flags of a field", at)?;
    let name = blob.name("name of a field", at + 4)?;
    let [first, second] = [blob.u16("type of a field", at + 8)?, blob.u16("type", at + 10)?];
    let count = blob.u16("count of a field", at + 16)?;
    let length = blob.u16("length of a field", at + 18)?;
    let has = |flag: u32| flags & flag != 0;
    let count = match count {
        index if has(flag::COUNT_FROM_FIELD) => Amount::Field(index),
        count if has(flag::FIXED_COUNT) || count > 1 => Amount::Fixed(count),
        _ => Amount::Implied,
    };
    if has(flag::STRUCTURE) {
        let kind = FieldKind::Structure { first, members: second };
        return Ok(Field { name, kind, count, ..Field::default() });
    }
    let Some(kind) = InType::from_number(first) else {
        return Err(SchemaError::Type { field: name, number: first });
    };
    let length = match length {
        index if has(flag::LENGTH_FROM_FIELD) => Amount::Field(index),
        // As many bytes as it has anyway.
        4 if kind == InType::Boolean => Amount::Implied,
        length if kind.takes_length() && (length > 0 || has(flag::FIXED_LENGTH)) => {
            Amount::Fixed(length)
        }
        _ => Amount::Implied,
    };
    let map = if has(flag::CUSTOM) { Box::default() } else { blob.name("name of a map", at + 12)? };
    let map = (!map.is_empty()).then(|| Arc::new(ValueMap { name: map, ..ValueMap::default() }));
    let kind = FieldKind::Value(kind, OutType(second), map);
    Ok(Field { name, kind, count, length, optional: false })
}

#[cfg(test)]
mod tests;
