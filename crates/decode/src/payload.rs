//! A payload walked by its schema.
//!
//! A payload is packed, so where a field begins is known only once all before it have been read: one walk
//! from the first field to the last, in which each field takes as many bytes as its type, its length and its
//! count say. Numbers are remembered on the way, since later fields take lengths and counts from them.
//! Values go out one by one with the index of their field; an array gives several of one field, a structure
//! those of its members. An array of letters is one text and an array of bytes one run of bytes: a script of
//! 60,000 bytes is one value, not 60,000 numbers.
//!
//! Nothing is read beyond the payload. A field that does not fit ends the walk with a [`Misfit`]; bytes left
//! behind the last field are no error, since newer versions of Windows append fields without telling, but
//! the caller learns how many there are ([`Fit`]).
//!
//! Cost: a step for each value, and at most four for each byte and field together, so that counts of values
//! without bytes can't keep the walk busy.

use std::ops::Range;

use etwatch_event::Value;

use crate::check::MOST_LEVELS;
use crate::schema::{Amount, Field, FieldKind, InType, OutType, Schema};
use crate::text::Room;
use crate::value::{Cursor, Length};

/// How well a layout fits a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// No byte is left.
    Exact,
    /// So many bytes are left behind the last field.
    Trailing(usize),
}

/// A layout that does not fit its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field} at offset {offset} does not fit: {reason}")]
pub struct Misfit {
    /// Index of the field in [`Schema::fields`].
    pub field: usize,
    /// Where in the payload it begins, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The payload ends before the field does.
    #[error("the payload ends before it does")]
    TooShort,
    /// Bytes without a length.
    #[error("its length is not known")]
    NoLength,
    /// The field that gives the count or length was not read or is negative.
    #[error("the field that gives its count or length has no number")]
    NoNumber,
    /// A SID of more than 15 parts.
    #[error("it is no SID")]
    Sid,
    /// More values than such a payload can hold.
    #[error("it has more values than the payload can hold")]
    TooMany,
}

/// Takes the values of a payload.
pub trait Put {
    /// The next value of the field at `index` of [`Schema::fields`].
    fn value(&mut self, index: usize, value: Value<'_>);
    /// The field at `index` is there, but has no values.
    fn empty(&mut self, index: usize);
}

/// Buffers of the walk, used again and again.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    room: Room,
    numbers: Vec<Option<u64>>,
}

/// Walks `payload` by `schema` and hands its values to `put`. `pointer_size` is that of the record, 4 or 8
/// bytes; any other number counts as 8.
///
/// # Errors
/// [`Misfit`] at the first field that does not fit; those before it have been handed on.
pub fn walk(
    schema: &Schema,
    payload: &[u8],
    pointer_size: u8,
    scratch: &mut Scratch,
    put: &mut impl Put,
) -> Result<Fit, Misfit> {
    walk_by(schema, true, payload, pointer_size, scratch, put)
}

/// The same; if no field `refers` to another one, no number is remembered.
pub(crate) fn walk_by(
    schema: &Schema,
    refers: bool,
    payload: &[u8],
    pointer_size: u8,
    scratch: &mut Scratch,
    put: &mut impl Put,
) -> Result<Fit, Misfit> {
    scratch.numbers.clear();
    if refers {
        scratch.numbers.resize(schema.fields.len(), None);
    }
    let pointer_size = if pointer_size == 4 { 4 } else { 8 };
    let mut walk = Walk {
        schema,
        cursor: Cursor::new(payload, pointer_size),
        size: payload.len(),
        steps: 4 * (payload.len() + schema.fields.len()),
        scratch,
        put,
    };
    walk.members(0..schema.top, 0)?;
    Ok(match walk.cursor.left() {
        0 => Fit::Exact,
        left => Fit::Trailing(left),
    })
}

struct Walk<'p, 's, P> {
    schema: &'s Schema,
    cursor: Cursor<'p>,
    size: usize,
    steps: usize,
    scratch: &'s mut Scratch,
    put: &'s mut P,
}

/// How many values there are.
#[derive(Clone, Copy)]
enum Count {
    One,
    Many(usize),
    Rest,
}

impl<P: Put> Walk<'_, '_, P> {
    fn misfit(&self, field: usize, reason: Reason) -> Misfit {
        Misfit { field, offset: self.size - self.cursor.left(), reason }
    }

    /// The fields of the event or of one element of a structure. Once an optional one is missing, so are
    /// all behind it.
    fn members(&mut self, range: Range<usize>, level: usize) -> Result<(), Misfit> {
        let schema = self.schema;
        let start = range.start;
        let mut missing = false;
        for (field, index) in schema.fields.get(range).unwrap_or_default().iter().zip(start..) {
            if field.optional && (missing || self.cursor.left() == 0) {
                missing = true;
                continue;
            }
            if missing {
                return Err(self.misfit(index, Reason::TooShort));
            }
            let at = self.cursor;
            self.field(index, field, level).map_err(|error| match error {
                Stop::Here(reason) => {
                    Misfit { field: index, offset: self.size - at.left(), reason }
                }
                Stop::Inside(misfit) => misfit,
            })?;
        }
        Ok(())
    }

    #[inline]
    fn field(&mut self, index: usize, field: &Field, level: usize) -> Result<(), Stop> {
        self.step()?;
        let count = self.count(field)?;
        match field.kind {
            FieldKind::Value(kind, out, _) => {
                if let Count::One = count {
                    return Ok(self.value(index, kind, out, field.length)?);
                }
                if kind.joins(out) {
                    let count = if let Count::Many(count) = count { Some(count) } else { None };
                    let value = self.cursor.joined(kind, out, count, &mut self.scratch.room)?;
                    self.put.value(index, value);
                    return Ok(());
                }
                let least = self.cursor.least(kind);
                self.repeat(index, count, least, |walk| {
                    Ok(walk.value(index, kind, out, field.length)?)
                })
            }
            FieldKind::Structure { first, members } => {
                if level >= MOST_LEVELS {
                    return Err(Reason::TooMany.into());
                }
                let members = usize::from(first)..usize::from(first) + usize::from(members);
                let element = |walk: &mut Self| Ok(walk.members(members.clone(), level + 1)?);
                match count {
                    Count::One => element(self),
                    _ => self.repeat(index, count, 0, element),
                }
            }
        }
    }

    fn repeat(
        &mut self,
        index: usize,
        count: Count,
        least: usize,
        mut element: impl FnMut(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut elements = 0;
        match count {
            Count::Rest => {
                while self.cursor.left() > 0 {
                    self.step()?;
                    element(self)?;
                    elements += 1;
                }
            }
            Count::Many(count) => {
                if count.checked_mul(least).is_none_or(|bytes| bytes > self.cursor.left()) {
                    return Err(Reason::TooShort.into());
                }
                for _ in 0..count {
                    self.step()?;
                    element(self)?;
                }
                elements = count;
            }
            Count::One => {}
        }
        if elements == 0 {
            self.put.empty(index);
        }
        Ok(())
    }

    #[inline]
    fn value(
        &mut self,
        index: usize,
        kind: InType,
        out: OutType,
        length: Amount,
    ) -> Result<(), Reason> {
        let length = self.length(length)?;
        let Self { cursor, scratch: Scratch { room, numbers }, put, .. } = self;
        cursor.value(kind, out, length, room, |value| {
            if let Some(place) = numbers.get_mut(index) {
                *place = number_of(&value);
            }
            put.value(index, value);
        })
    }

    fn step(&mut self) -> Result<(), Reason> {
        self.steps = self.steps.checked_sub(1).ok_or(Reason::TooMany)?;
        Ok(())
    }
    #[inline]
    fn count(&mut self, field: &Field) -> Result<Count, Reason> {
        Ok(match field.count {
            Amount::Implied => Count::One,
            Amount::Fixed(count) => Count::Many(count.into()),
            Amount::Field(other) => Count::Many(self.number(other)?),
            Amount::Prefixed => Count::Many(self.cursor.u16()?.into()),
            Amount::Rest => Count::Rest,
        })
    }
    #[inline]
    fn length(&mut self, length: Amount) -> Result<Length, Reason> {
        Ok(match length {
            Amount::Implied => Length::Implied,
            Amount::Fixed(length) => Length::Buffer(length.into()),
            Amount::Field(other) => Length::Given(self.number(other)?),
            Amount::Prefixed => Length::Given(self.cursor.u16()?.into()),
            Amount::Rest => Length::Rest,
        })
    }
    fn number(&self, field: u16) -> Result<usize, Reason> {
        let number = self.scratch.numbers.get(usize::from(field)).copied().flatten();
        number.and_then(|number| usize::try_from(number).ok()).ok_or(Reason::NoNumber)
    }
}

/// What ends a walk: something with this field, or with one inside of it.
enum Stop {
    Here(Reason),
    Inside(Misfit),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Here(reason)
    }
}

impl From<Misfit> for Stop {
    fn from(misfit: Misfit) -> Self {
        Self::Inside(misfit)
    }
}

#[inline]
fn number_of(value: &Value<'_>) -> Option<u64> {
    match *value {
        Value::Unsigned(number) | Value::Hex(number) => Some(number),
        Value::Signed(number) => u64::try_from(number).ok(),
        Value::Boolean(yes) => Some(yes.into()),
        _ => None,
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
