//! Schemas from what a manifest says: each name is looked up, each number read.
//!
//! A template's fields are put in place once; each event that names it gets a copy, counted against
//! a budget before it is made. In the list of fields those of the event come first and the members of
//! structures behind them:
//!
//! ```text
//! <data Count/> <struct Pairs count="Count"> <data Key/> <data Size/> <data Value length="Size"/> </struct>
//!      0             1 (first 2, members 3)        2           3            4
//! ```
//!
//! A `count` or `length` that is no number is the name of a field before it: among the members of the
//! same structure first, then among the event's own.

use std::collections::HashMap;
use std::sync::Arc;

use etwatch_event::Guid;

use super::document::{Document, EventRow, Label, Map, Part, Provider};
use super::{ManifestError, SCHEMAS_LIMIT, types};
use crate::check::{MOST_FIELDS, MOST_NAME};
use crate::schema::{Amount, Field, FieldKind, InType, OutType, Schema, SchemaSource, ValueMap};

/// The schemas of all events, in the order of the text.
pub(super) fn schemas(document: &Document) -> Result<Vec<(u16, u8, Schema)>, ManifestError> {
    if document.providers.is_empty() {
        return Err(ManifestError::NoProvider);
    }
    let mut left = SCHEMAS_LIMIT;
    let mut schemas = Vec::new();
    for provider in &document.providers {
        let guid = Guid::parse(&provider.guid).ok_or_else(|| ManifestError::Unknown {
            provider: String::new(),
            text: provider.guid.clone(),
            expected: "GUID",
        })?;
        let resolver = Resolver::new(provider, &document.texts, guid, &mut left)?;
        for event in &provider.events {
            schemas.push(resolver.event(event, &mut left)?);
        }
    }
    Ok(schemas)
}

struct Resolver<'a> {
    provider: &'a Provider,
    texts: &'a HashMap<String, String>,
    guid: Guid,
    /// The parts of each template in place, and how many are the event's own.
    templates: HashMap<&'a str, (Vec<Field>, usize)>,
}

impl<'a> Resolver<'a> {
    fn new(
        provider: &'a Provider,
        texts: &'a HashMap<String, String>,
        guid: Guid,
        left: &mut usize,
    ) -> Result<Self, ManifestError> {
        let mut new = Self { provider, texts, guid, templates: HashMap::new() };
        let mut maps = HashMap::new();
        for (name, map) in sorted(&provider.maps) {
            maps.insert(name, Arc::new(new.value_map(name, map, left)?));
        }
        for (name, parts) in sorted(&provider.templates) {
            let inner = parts.iter().filter_map(|part| part.members.as_ref());
            let count = parts.len() + inner.map(Vec::len).sum::<usize>();
            if count > MOST_FIELDS {
                return Err(new.unknown(name, "template of at most 1,024 fields"));
            }
            let fields = new.template(parts, &maps)?;
            new.templates.insert(name, (fields, parts.len()));
        }
        Ok(new)
    }
    fn unknown(&self, text: &str, expected: &'static str) -> ManifestError {
        let provider = self.provider.name.clone();
        ManifestError::Unknown { provider, text: text.to_owned(), expected }
    }
    /// The text of a label in the language of the texts, else its name.
    fn label(&self, label: &Label) -> Box<str> {
        let id = label.message.strip_prefix("$(string.").and_then(|rest| rest.strip_suffix(')'));
        let text = id.and_then(|id| self.texts.get(id)).map(|text| text.trim());
        let text = text.filter(|text| !text.is_empty() && text.len() <= MOST_NAME);
        text.unwrap_or(&label.name).into()
    }
    fn value_map(
        &self,
        name: &str,
        map: &Map,
        left: &mut usize,
    ) -> Result<ValueMap, ManifestError> {
        let mut entries = Vec::with_capacity(map.entries.len());
        for (value, label) in &map.entries {
            let number = types::number(value).and_then(|number| u32::try_from(number).ok());
            let number = number.ok_or_else(|| self.unknown(value, "value of 32 bits"))?;
            let label = self.label(label);
            take(left, size_of::<(u32, Box<str>)>() + label.len())?;
            entries.push((number, label));
        }
        Ok(ValueMap { name: name.into(), bits: map.bits, entries })
    }
    fn template(
        &self,
        parts: &[Part],
        maps: &HashMap<&str, Arc<ValueMap>>,
    ) -> Result<Vec<Field>, ManifestError> {
        let mut fields: Vec<Field> = Vec::new();
        let mut members = Vec::new();
        for part in parts {
            let place = Place { own: &fields, members: &[], first: 0 };
            let mut field = self.field(part, place, maps)?;
            if let Some(inner) = &part.members {
                let first = parts.len() + members.len();
                field.kind = FieldKind::Structure {
                    first: self.index(first)?,
                    members: self.index(inner.len())?,
                };
                let mut own_members = Vec::new();
                for member in inner {
                    let place = Place { own: &fields, members: &own_members, first };
                    own_members.push(self.field(member, place, maps)?);
                }
                members.append(&mut own_members);
            }
            fields.push(field);
        }
        fields.append(&mut members);
        Ok(fields)
    }
    fn index(&self, index: usize) -> Result<u16, ManifestError> {
        u16::try_from(index).map_err(|_| self.unknown(&index.to_string(), "number of a field"))
    }
    fn field(
        &self,
        part: &Part,
        place: Place<'_>,
        maps: &HashMap<&str, Arc<ValueMap>>,
    ) -> Result<Field, ManifestError> {
        let count = self.amount(&part.count, place)?;
        let mut field = Field { name: part.name.as_str().into(), count, ..Field::default() };
        if part.members.is_some() {
            return Ok(field);
        }
        let in_type = types::in_type(&part.in_type)
            .ok_or_else(|| self.unknown(&part.in_type, "type of a field"))?;
        let out_type = types::out_type(&part.out_type);
        field.length = match self.amount(&part.length, place)? {
            // The one kind of bytes whose length the meaning gives.
            Amount::Implied if in_type == InType::Binary && out_type == OutType::IPV6 => {
                Amount::Fixed(16)
            }
            length => length,
        };
        let map = match part.map.as_str() {
            "" => None,
            name => Some(maps.get(name).ok_or_else(|| self.unknown(name, "map"))?.clone()),
        };
        field.kind = FieldKind::Value(in_type, out_type, map);
        Ok(field)
    }
    fn amount(&self, text: &str, place: Place<'_>) -> Result<Amount, ManifestError> {
        if text.is_empty() {
            return Ok(Amount::Implied);
        }
        if let Some(number) = types::number(text) {
            let number = u16::try_from(number);
            return number.map(Amount::Fixed).map_err(|_| self.unknown(text, "count or length"));
        }
        match place.find(text) {
            Some(index) => Ok(Amount::Field(self.index(index)?)),
            None => Err(self.unknown(text, "field before the one that it counts")),
        }
    }
    fn event(
        &self,
        event: &EventRow,
        left: &mut usize,
    ) -> Result<(u16, u8, Schema), ManifestError> {
        let id = types::number(&event.value).and_then(|id| u16::try_from(id).ok());
        let id = id.ok_or_else(|| self.unknown(&event.value, "id of an event"))?;
        let version = if event.version.is_empty() { "0" } else { &event.version };
        let version = types::number(version).and_then(|version| u8::try_from(version).ok());
        let version = version.ok_or_else(|| self.unknown(&event.version, "version"))?;
        let (fields, top) = match event.template.as_str() {
            "" => (&[][..], 0),
            name => {
                let template = self.templates.get(name);
                let (fields, top) = template.ok_or_else(|| self.unknown(name, "template"))?;
                (fields.as_slice(), *top)
            }
        };
        let schema = Schema {
            provider: self.provider.name.as_str().into(),
            guid: self.guid,
            name: event.symbol.as_str().into(),
            task: self.task(&event.task)?,
            opcode: self.opcode(&event.task, &event.opcode)?,
            channel: self.channel(&event.channel),
            fields: fields.to_vec(),
            top,
            source: SchemaSource::Recording,
        };
        take(left, bytes_of(&schema))?;
        Ok((id, version, schema))
    }
    fn task(&self, name: &str) -> Result<Box<str>, ManifestError> {
        match name {
            "" | "win:None" => Ok(Box::default()),
            name => match self.provider.tasks.get(name) {
                Some(label) => Ok(self.label(label)),
                None => Err(self.unknown(name, "task")),
            },
        }
    }
    fn opcode(&self, task: &str, name: &str) -> Result<Box<str>, ManifestError> {
        if name.is_empty() {
            return Ok(Box::default());
        }
        if let Some(standard) = types::opcode(name) {
            return Ok(standard.into());
        }
        let own = |task: &str| self.provider.opcodes.get(&(task.to_owned(), name.to_owned()));
        match own(task).or_else(|| own("")) {
            Some(label) => Ok(self.label(label)),
            None => Err(self.unknown(name, "opcode")),
        }
    }
    fn channel(&self, name: &str) -> Box<str> {
        self.provider.channels.get(name).map_or(name, String::as_str).into()
    }
}

/// The fields before one.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Those of the event.
    own: &'a [Field],
    /// Those of the structure it is in.
    members: &'a [Field],
    /// The index of the structure's first.
    first: usize,
}

impl Place<'_> {
    fn find(&self, name: &str) -> Option<usize> {
        let named = |field: &Field| &*field.name == name;
        let member = self.members.iter().rposition(named).map(|index| self.first + index);
        member.or_else(|| self.own.iter().rposition(named))
    }
}

/// The entries of a table in the order of their names, so that an error is the same in each run.
fn sorted<V>(table: &HashMap<String, V>) -> Vec<(&str, &V)> {
    let mut entries: Vec<_> = table.iter().map(|(name, value)| (name.as_str(), value)).collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries
}

/// Bytes that a schema takes, apart from names of values, which are shared.
fn bytes_of(schema: &Schema) -> usize {
    let own = [&schema.provider, &schema.name, &schema.task, &schema.opcode, &schema.channel];
    let names = own.into_iter().chain(schema.fields.iter().map(|field| &field.name));
    size_of_val(schema)
        + size_of_val(schema.fields.as_slice())
        + names.map(|s| s.len()).sum::<usize>()
}

fn take(left: &mut usize, bytes: usize) -> Result<(), ManifestError> {
    *left = left.checked_sub(bytes).ok_or(ManifestError::TooMuch)?;
    Ok(())
}
