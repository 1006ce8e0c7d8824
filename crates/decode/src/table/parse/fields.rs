//! The fields of an event: its own first, then the members of its structures.
//!
//! A length or count names a field that stands before; its index is found among the event's own fields and,
//! for a member, the members of the same structure.

use std::sync::Arc;

use super::{Line, Maps, TableError, TableProblem, Word};
use crate::schema::{Amount, Field, FieldKind};
use crate::table::words;

/// Where the line of a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place<'t> {
    name: &'t str,
    /// Its index in [`crate::Schema::fields`].
    index: u16,
    /// The place, among the lines, of the structure it is a member of.
    structure: Option<usize>,
}

/// The fields of the indented lines of an event, and how many of them are its own.
pub(super) fn fields(
    lines: &[Line<'_>],
    maps: &Maps<'_>,
) -> Result<(Vec<Field>, usize), TableError> {
    let places = places(lines)?;
    let top = places.iter().filter(|place| place.structure.is_none()).count();
    let (mut own, mut members) = (Vec::with_capacity(lines.len()), Vec::new());
    for (at, (line, place)) in lines.iter().zip(&places).enumerate() {
        let inner = places.iter().filter(|inner| inner.structure == Some(at));
        let before = places.get(..at).unwrap_or_default();
        let before = before
            .iter()
            .filter(|other| other.structure.is_none() || other.structure == place.structure);
        let before: Vec<_> = before.copied().collect();
        let field = field(line, inner, &before, maps)?;
        if place.structure.is_some() { members.push(field) } else { own.push(field) }
    }
    own.append(&mut members);
    Ok((own, top))
}

/// The indexes that the fields of `lines` will have.
fn places<'t>(lines: &[Line<'t>]) -> Result<Vec<Place<'t>>, TableError> {
    let outer = lines.first().map_or(0, |line| line.indent);
    let top = lines.iter().filter(|line| line.indent <= outer).count();
    let (mut own, mut member, mut structure) = (0, top, None);
    let mut places = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        let inside = line.indent > outer;
        let next = if inside { &mut member } else { &mut own };
        let index = u16::try_from(*next).map_err(|_| line.error(TableProblem::TooMany))?;
        *next += 1;
        let name = line.plain(0, "the name")?;
        let is_structure = matches!(line.words.get(1), Some(Word::Plain("struct")));
        if inside && (is_structure || structure.is_none()) {
            return Err(line.error(TableProblem::Misplaced(name.to_owned())));
        }
        if !inside {
            structure = is_structure.then_some(at);
        }
        let place = Place { name, index, structure: structure.filter(|_| inside) };
        if places
            .iter()
            .any(|other: &Place<'_>| other.name == name && other.structure == place.structure)
        {
            return Err(line.error(TableProblem::Twice(name.to_owned())));
        }
        places.push(place);
    }
    Ok(places)
}

/// The field of a line; `inner` are its members, `before` the fields that it may refer to.
fn field<'t>(
    line: &Line<'t>,
    mut inner: impl Iterator<Item = &'t Place<'t>>,
    before: &[Place<'_>],
    maps: &Maps<'_>,
) -> Result<Field, TableError> {
    let (mut count, mut length) = (Amount::Implied, Amount::Implied);
    let (mut map, mut optional) = (None, false);
    for word in line.words.iter().skip(2) {
        match *word {
            Word::Attribute("count", value) => count = amount(line, value, before)?,
            Word::Attribute("length", value) => length = amount(line, value, before)?,
            Word::Attribute("map", value) => {
                let unknown = || line.error(TableProblem::Map(value.to_owned()));
                map = Some(Arc::clone(maps.get(value).ok_or_else(unknown)?));
            }
            Word::Plain("optional") => optional = true,
            other => return Err(line.misplaced(other)),
        }
    }
    let kind = match line.plain(1, "the type")? {
        "struct" => {
            let first = inner.next().ok_or(line.error(TableProblem::Missing("a member")))?.index;
            let members = u16::try_from(inner.count() + 1);
            let members = members.map_err(|_| line.error(TableProblem::TooMany))?;
            FieldKind::Structure { first, members }
        }
        word => {
            let unknown = || line.error(TableProblem::Type(word.to_owned()));
            let (in_type, out_type) = words::types(word).ok_or_else(unknown)?;
            FieldKind::Value(in_type, out_type, map)
        }
    };
    Ok(Field { name: line.plain(0, "the name")?.into(), kind, count, length, optional })
}

/// What `length=` or `count=` says.
fn amount(line: &Line<'_>, value: &str, before: &[Place<'_>]) -> Result<Amount, TableError> {
    if value == "rest" {
        return Ok(Amount::Rest);
    }
    if value == "prefixed" {
        return Ok(Amount::Prefixed);
    }
    if value.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(Amount::Fixed(line.number(value)?));
    }
    let found = before.iter().rev().find(|place| place.name == value);
    let unknown = || line.error(TableProblem::Field(value.to_owned()));
    Ok(Amount::Field(found.ok_or_else(unknown)?.index))
}
