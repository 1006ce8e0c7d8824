//! TraceLogging: events that bring their schema along.
//!
//! The extended item of kind 11 names the event and its fields in the order of the payload:
//!
//! ```text
//! u16 size | tags: bytes, the last one without bit 7 | name of the event, NUL | fields
//! field: name, NUL | in-type u8 | out-type u8 if bit 7 of the in-type | tags if bit 7 of the out-type
//!        | u16 count (0x20), nothing (0x40: 16 bits of count stand in the payload), u16 size + type (0x60)
//! ```
//!
//! A structure (in-type 24) has the number of its members as out-type; they follow it. [`Schema`] wants the
//! members of a structure behind the fields around it, so the list is read as a tree and laid out level by
//! level. Names are UTF-8. The item of kind 12 begins with a size and the name of the provider.

use etwatch_event::Guid;

use crate::check::{MOST_FIELDS, SchemaError};
use crate::schema::{Amount, Field, FieldKind, InType, OutType, Schema, SchemaSource};
use crate::text::Room;

const STRUCTURE: u8 = 24;
const FIXED_COUNT: u8 = 0x20;
const COUNT_IN_PAYLOAD: u8 = 0x40;
const CUSTOM: u8 = 0x60;

/// Reads the schema of an event from its extended items: `metadata` of kind 11, `traits` of kind 12 (empty
/// if it has none).
///
/// # Errors
/// [`SchemaError`] if the bytes end too early, a type is unknown, or there are too many fields or levels.
pub fn parse(guid: Guid, metadata: &[u8], traits: &[u8]) -> Result<Schema, SchemaError> {
    let mut reader = Reader { bytes: metadata, at: 2 };
    reader.tags()?;
    let name = reader.name("name of the event")?;
    let nodes = reader.fields()?;
    let (fields, top) = lay_out(nodes);
    let schema = Schema {
        provider: provider_name(traits).unwrap_or_default(),
        guid,
        name,
        fields,
        top,
        source: SchemaSource::TraceLogging,
        ..Schema::default()
    };
    schema.paths()?;
    Ok(schema)
}

/// The name of the provider in an item of kind 12.
#[must_use]
pub fn provider_name(traits: &[u8]) -> Option<Box<str>> {
    let name = traits.get(2..)?;
    let end = memchr::memchr(0, name)?;
    Some(Room::default().utf8(name.get(..end)?).into())
}

/// A field as it is read, and the structure it lies in.
struct Node {
    field: Field,
    parent: Option<usize>,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn cut(&self, what: &'static str) -> SchemaError {
        SchemaError::Cut { what, offset: self.at, bytes: self.bytes.len() }
    }
    fn byte(&mut self, what: &'static str) -> Result<u8, SchemaError> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.cut(what))?;
        self.at += 1;
        Ok(byte)
    }
    fn u16(&mut self, what: &'static str) -> Result<u16, SchemaError> {
        Ok(u16::from_le_bytes([self.byte(what)?, self.byte(what)?]))
    }
    fn tags(&mut self) -> Result<(), SchemaError> {
        while self.byte("tags")? & 0x80 != 0 {}
        Ok(())
    }
    fn name(&mut self, what: &'static str) -> Result<Box<str>, SchemaError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let name = memchr::memchr(0, rest).and_then(|end| rest.get(..end));
        let name = name.ok_or_else(|| self.cut(what))?;
        self.at += name.len() + 1;
        Ok(Room::default().utf8(name).into())
    }
    /// The fields one behind the other, the members of a structure behind it.
    fn fields(&mut self) -> Result<Vec<Node>, SchemaError> {
        let mut nodes = Vec::new();
        // The structures that are open, and how many members each still waits for.
        let mut open: Vec<(usize, u8)> = Vec::new();
        while self.at < self.bytes.len() {
            if nodes.len() == MOST_FIELDS {
                return Err(SchemaError::TooManyFields(nodes.len() + 1));
            }
            while open.pop_if(|(_, waits)| *waits == 0).is_some() {}
            let parent = open.last_mut().map(|(parent, waits)| {
                *waits -= 1;
                *parent
            });
            let (field, members) = self.field()?;
            if members > 0 {
                open.push((nodes.len(), members));
            }
            nodes.push(Node { field, parent });
        }
        if open.iter().any(|(_, waits)| *waits > 0) {
            return Err(self.cut("member of a structure"));
        }
        Ok(nodes)
    }
    /// A field and, for a structure, how many members follow.
    fn field(&mut self) -> Result<(Field, u8), SchemaError> {
        let name = self.name("name of a field")?;
        let coded = self.byte("type of a field")?;
        let mut out = if coded & 0x80 != 0 { self.byte("out-type of a field")? } else { 0 };
        if out & 0x80 != 0 {
            out &= 0x7f;
            self.tags()?;
        }
        let (kind, how_many) = (coded & 0x1f, coded & 0x60);
        let mut field = Field { name, ..Field::default() };
        match how_many {
            FIXED_COUNT => field.count = Amount::Fixed(self.u16("count of a field")?),
            COUNT_IN_PAYLOAD => field.count = Amount::Prefixed,
            CUSTOM => {
                // A form of its own, described by bytes that mean something to its writer alone: in the
                // payload it is so many bytes.
                let size = self.u16("size of a type")?;
                self.at += usize::from(size);
                if self.at > self.bytes.len() {
                    return Err(self.cut("type of a field"));
                }
                field.kind = FieldKind::Value(InType::ManifestCountedBinary, OutType::NONE, None);
                return Ok((field, 0));
            }
            _ => {}
        }
        if kind == STRUCTURE {
            field.kind = FieldKind::Structure { first: 0, members: out.into() };
            return Ok((field, out));
        }
        field.kind = match InType::from_number(kind.into()) {
            // Unlike in a manifest, bytes always have their length before them.
            Some(InType::Binary) => {
                FieldKind::Value(InType::ManifestCountedBinary, OutType(out.into()), None)
            }
            Some(kind) => FieldKind::Value(kind, OutType(out.into()), None),
            None => return Err(SchemaError::Type { field: field.name, number: kind.into() }),
        };
        Ok((field, 0))
    }
}

/// Level by level: the event's own fields, then the members of each structure in the order of the
/// structures. Gives the fields and how many are the event's own.
fn lay_out(nodes: Vec<Node>) -> (Vec<Field>, usize) {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut order = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        match node.parent.and_then(|parent| members.get_mut(parent)) {
            Some(siblings) => siblings.push(index),
            None => order.push(index),
        }
    }
    let top = order.len();
    let mut fields: Vec<Option<Field>> = nodes.into_iter().map(|node| Some(node.field)).collect();
    let mut laid_out = Vec::with_capacity(fields.len());
    let mut at = 0;
    while let Some(index) = order.get(at).copied() {
        at += 1;
        let Some(mut field) = fields.get_mut(index).and_then(Option::take) else { continue };
        if let FieldKind::Structure { first, .. } = &mut field.kind {
            // At most 1,024 fields: every index fits.
            *first = u16::try_from(order.len()).unwrap_or(u16::MAX);
            order.extend(members.get(index).into_iter().flatten());
        }
        laid_out.push(field);
    }
    (laid_out, top)
}

#[cfg(test)]
mod tests;
