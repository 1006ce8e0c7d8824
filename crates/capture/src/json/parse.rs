//! One JSON record into the arena, read once and without a tree.
//!
//! Most records are written like earlier ones and read by what is remembered of those (`recall.rs`).
//! For the others, the parser of `serde_json` calls a visitor for each value; the visitor keeps the path to where
//! it is in one string and writes path and value into the record. A list gives its path several
//! values, an empty list a field without values; an object gives a structure marker and its members
//! below its path.

use std::collections::HashSet;
use std::fmt;

use etwatch_event::{Reason, RecordBatch, RecordBuilder, Shape, Value};
use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};

use crate::json::form::{Form, with_signs};
use crate::json::header::Header;
use crate::json::recall::Recall;
use crate::json::scan::{self, Values};
use crate::json::shape;
use crate::limits::Limits;
use crate::texts::RecordTexts;

/// Why a JSON record was skipped.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct JsonError {
    /// The ledger's reason.
    pub reason: Reason,
    /// What the parser said.
    pub detail: String,
    /// Whether a complete record came first, so that others may follow in the same piece.
    pub trailing: bool,
}

const TOO_DEEP: &str = "nesting limit";
const TOO_MANY: &str = "value limit";
const TOO_LONG: &str = "path limit";
const NO_OBJECT: &str = "not an object";

/// Bytes of a record that is learned from: forms are for records as Windows writes them.
const LEARNED_BYTES: usize = 1 << 20;

/// Reads records one after the other; keeps its buffers between them, and how they were written.
#[derive(Debug)]
pub struct RecordParser {
    path: String,
    /// Values whose name came with its dots in it, at the top.
    flat: Vec<usize>,
    limits: Limits,
    /// The shape of the records, if the source tells it.
    shape: Option<Shape>,
    /// Of the record that was parsed last.
    header: Header,
    recall: Recall,
    /// Room for a record that shows a form.
    example: RecordBatch,
    /// Where the texts of records go, if they are kept.
    pub(crate) texts: Option<RecordTexts>,
}

impl RecordParser {
    /// A parser that keeps to `limits.depth`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            path: String::new(),
            flat: Vec::new(),
            limits,
            shape: None,
            header: Header::default(),
            recall: Recall::default(),
            example: RecordBatch::default(),
            texts: None,
        }
    }

    /// Keeps the texts of what `decode` reads in `texts`, if there is room for them.
    pub(crate) fn lend<T>(
        &mut self,
        texts: &mut Option<RecordTexts>,
        decode: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.texts = texts.take();
        let decoded = decode(self);
        *texts = self.texts.take();
        decoded
    }

    /// Keeps to other limits from now on.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        if self.limits != limits {
            self.limits = limits;
            self.recall.clear();
        }
    }

    /// Reads `bytes`, one JSON object, into `record` and finishes it; `shape` is told if the source
    /// knows it, else found out.
    ///
    /// # Errors
    /// [`JsonError`] if it is no object, is damaged, or nests too deep; the record is dropped.
    pub fn parse(
        &mut self,
        bytes: &[u8],
        shape: Option<Shape>,
        record: RecordBuilder<'_>,
    ) -> Result<(), JsonError> {
        self.set_shape(shape);
        let recalled = self.recall.read(bytes, record);
        let known = recalled.is_ok();
        if let Err(record) = recalled {
            self.parse_fully(bytes, record)?;
        }
        self.keep(bytes);
        if known {
            return Ok(());
        }
        if bytes.len() <= LEARNED_BYTES && self.recall.can_learn() {
            self.learn(bytes);
        }
        Ok(())
    }

    /// Keeps the text of a record, if texts are kept.
    pub(crate) fn keep(&mut self, bytes: &[u8]) {
        if let Some(texts) = &mut self.texts {
            texts.push(bytes);
        }
    }

    /// The source tells this shape of its records from now on.
    pub(crate) fn set_shape(&mut self, shape: Option<Shape>) {
        if self.shape != shape {
            self.shape = shape;
            self.recall.clear();
        }
    }

    /// Remembers how the record `bytes`, which is sound, is written.
    fn learn(&mut self, bytes: &[u8]) -> Option<()> {
        let (values, form) = self.form(bytes)?;
        self.recall.learn(bytes, &values, form);
        Some(())
    }

    /// The values in the record `bytes`, which is sound, and what records become that are written like it;
    /// `None` if that can't be remembered.
    pub(crate) fn form(&mut self, bytes: &[u8]) -> Option<(Values, Form)> {
        let values = scan::values(bytes)?;
        if !Recall::has_room(bytes, &values) {
            return None;
        }
        let signed = with_signs(bytes, &values)?;
        let mut example = std::mem::take(&mut self.example);
        example.clear();
        let read = self.parse_fully(&signed, example.begin());
        let form = example.get(0).and_then(|record| Form::of(&record, &self.header, &values));
        self.example = example;
        read.ok()?;
        Some((values, form?))
    }

    /// Reads a record without looking at how earlier ones were written.
    pub(crate) fn parse_fully(
        &mut self,
        bytes: &[u8],
        mut record: RecordBuilder<'_>,
    ) -> Result<(), JsonError> {
        self.parse_paths(bytes, &mut record)?;
        shape::name_fields(&mut record, self.shape);
        self.header.find(&mut record);
        self.header.tell(&mut record);
        record.finish();
        Ok(())
    }

    /// Reads a record; its fields are named by their paths.
    pub(crate) fn parse_paths(
        &mut self,
        bytes: &[u8],
        record: &mut RecordBuilder<'_>,
    ) -> Result<(), JsonError> {
        self.path.clear();
        self.flat.clear();
        let mut parser = serde_json::Deserializer::from_slice(bytes);
        let mut place = Place {
            record,
            path: &mut self.path,
            flat: &mut self.flat,
            in_flat: false,
            depth: 0,
            limits: &self.limits,
        };
        let read = parser.deserialize_map(Object { place: &mut place });
        read.map_err(|error| describe(&error, false))?;
        parser.end().map_err(|error| describe(&error, true))?;
        if !self.flat.is_empty() && self.flat.len() < record.len() {
            prefer_flat(record, &self.flat);
        }
        Ok(())
    }
}

/// Drops nested values whose path a name at the top has as it stands: a name is one key first, and a
/// path only if there is no such key (`D-FIELD`).
fn prefer_flat(record: &mut RecordBuilder<'_>, flat: &[usize]) {
    let name = |index: usize| record.field(index).map_or("", |(name, _)| name);
    let names: HashSet<&str> = flat.iter().map(|index| name(*index)).collect();
    let is_flat: HashSet<usize> = flat.iter().copied().collect();
    let hidden: HashSet<usize> = (0..record.len())
        .filter(|index| !is_flat.contains(index) && names.contains(name(*index)))
        .collect();
    record.retain(|index| !hidden.contains(&index));
}

fn describe(error: &serde_json::Error, trailing: bool) -> JsonError {
    let text = error.to_string();
    let reason = match error.classify() {
        _ if text.starts_with(TOO_DEEP) => "JSON nesting limit",
        _ if text.starts_with(TOO_MANY) => "JSON value limit",
        _ if text.starts_with(TOO_LONG) => "JSON path limit",
        serde_json::error::Category::Eof => "JSON cut off",
        serde_json::error::Category::Data => "JSON is no object",
        _ => "JSON syntax",
    };
    JsonError { reason, detail: text, trailing }
}

/// Where in the record the parser is.
struct Place<'p, 'r, 'b> {
    record: &'r mut RecordBuilder<'b>,
    path: &'p mut String,
    flat: &'p mut Vec<usize>,
    /// Within a member of the top whose name has a dot.
    in_flat: bool,
    depth: usize,
    limits: &'r Limits,
}

impl Place<'_, '_, '_> {
    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        let limit = self.limits.depth;
        if self.depth > limit {
            return Err(E::custom(format_args!("{TOO_DEEP}: more than {limit} levels")));
        }
        Ok(())
    }
    fn push<E: serde::de::Error>(&mut self, value: Value<'_>) -> Result<(), E> {
        let limit = self.limits.values;
        if self.record.len() >= limit {
            return Err(E::custom(format_args!("{TOO_MANY}: more than {limit} values")));
        }
        if self.in_flat {
            self.flat.push(self.record.len());
        }
        self.record.push(self.path, value);
        Ok(())
    }
}

struct Object<'s, 'p, 'r, 'b> {
    place: &'s mut Place<'p, 'r, 'b>,
}

impl<'de> Visitor<'de> for Object<'_, '_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.place.enter()?;
        let length = self.place.path.len();
        while map.next_key_seed(Key { place: self.place })?.is_some() {
            map.next_value_seed(Any { place: self.place })?;
            self.place.path.truncate(length);
        }
        self.place.depth -= 1;
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(A::Error::custom(NO_OBJECT))
    }
}

/// Appends a key to the path.
struct Key<'s, 'p, 'r, 'b> {
    place: &'s mut Place<'p, 'r, 'b>,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_, '_, '_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        let limit = self.place.limits.path_bytes;
        if self.place.path.len() + key.len() > limit {
            return Err(E::custom(format_args!("{TOO_LONG}: more than {limit} bytes of names")));
        }
        if self.place.depth == 1 {
            self.place.in_flat = key.contains('.');
        }
        if !self.place.path.is_empty() {
            self.place.path.push('.');
        }
        self.place.path.push_str(key);
        Ok(())
    }
}

/// Writes a value at the path.
struct Any<'s, 'p, 'r, 'b> {
    place: &'s mut Place<'p, 'r, 'b>,
}

impl<'de> DeserializeSeed<'de> for Any<'_, '_, '_, '_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_, '_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.place.push(Value::Text(text))
    }
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<(), E> {
        self.place.push(Value::Unsigned(number))
    }
    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<(), E> {
        self.place.push(Value::Signed(number))
    }
    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<(), E> {
        self.place.push(Value::Float(number))
    }
    fn visit_bool<E: serde::de::Error>(self, yes: bool) -> Result<(), E> {
        self.place.push(Value::Boolean(yes))
    }
    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.place.push(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.place.enter()?;
        let mut empty = true;
        while list.next_element_seed(Any { place: self.place })?.is_some() {
            empty = false;
        }
        if empty {
            self.place.push::<A::Error>(Value::Null)?;
            self.place.record.empty_last();
        }
        self.place.depth -= 1;
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.place.push(Value::Structure)?;
        Object { place: self.place }.visit_map(map)
    }
}

#[cfg(test)]
mod tests;
