//! Whether a schema can be walked at all.
//!
//! Schemas come from files, and a payload is walked as its schema says. A structure that held itself would
//! never end, and two structures that shared their members eight levels deep would take for ever. So the
//! members of structures must form a tree whose parts lie behind their parents, of a bounded depth, and a
//! count or length may only be asked of a field that has been read. Each field then has one path from the
//! event to it, which is the name its values get (`Outer.Member`); it is no longer than a name may be, since a
//! thousand members repeat those of their structures.

use crate::schema::{Amount, Field, FieldKind, InType, Schema};

/// How many fields a schema has at most.
pub const MOST_FIELDS: usize = 1_024;
/// How deep structures lie in each other at most.
pub const MOST_LEVELS: usize = 8;

/// How long a name is at most, in bytes.
pub const MOST_NAME: usize = 1_024;

/// What keeps a schema from being used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Something that should be there lies outside of the bytes.
    #[error("{what} at offset {offset} lies outside of {bytes} bytes")]
    Cut {
        /// What was to be read.
        what: &'static str,
        /// Where it should begin.
        offset: usize,
        /// How many bytes there are.
        bytes: usize,
    },
    /// More fields than a schema may have.
    #[error("{0} fields, at most 1024 are allowed")]
    TooManyFields(usize),
    /// A name that is longer than names are.
    #[error("{0} is longer than 1024 bytes")]
    LongName(&'static str),
    /// A recording with more schemas or maps than are kept.
    #[error("the recording has more schemas or maps than are kept")]
    TooManySchemas,
    /// Structures lie too deep in each other.
    #[error("structure `{0}` lies more than 8 levels deep")]
    TooDeep(Box<str>),
    /// A structure whose members are not its own, or are not there.
    #[error("structure `{0}` has members that are not its own")]
    Members(Box<str>),
    /// A count or length is taken from a field that has not been read by then, or is no number.
    #[error("field `{0}` takes its count or length from a field that can't give it")]
    Reference(Box<str>),
    /// A number that names no type.
    #[error("field `{field}` has type {number}, which is not known")]
    Type {
        /// The field.
        field: Box<str>,
        /// The number of the type.
        number: u16,
    },
}

impl Schema {
    /// The name of the values of each field: its own name behind those of the structures it lies in. A
    /// field that no structure holds keeps its own.
    ///
    /// # Errors
    /// [`SchemaError`] if a payload can't be walked by this schema.
    pub fn paths(&self) -> Result<Vec<Box<str>>, SchemaError> {
        if self.fields.len() > MOST_FIELDS || self.top > self.fields.len() {
            return Err(SchemaError::TooManyFields(self.fields.len().max(self.top)));
        }
        if self.fields.iter().any(|field| field.name.len() > MOST_NAME) {
            return Err(SchemaError::LongName("name of a field"));
        }
        let mut paths: Vec<Box<str>> = self.fields.iter().map(|field| field.name.clone()).collect();
        let mut levels: Vec<Option<usize>> = vec![None; self.fields.len()];
        levels.iter_mut().take(self.top).for_each(|level| *level = Some(1));
        for (index, field) in self.fields.iter().enumerate() {
            self.check_amounts(index)?;
            let FieldKind::Structure { first, members } = field.kind else { continue };
            // No structure holds it: it is never walked.
            let Some(level) = levels.get(index).copied().flatten() else { continue };
            if level > MOST_LEVELS {
                return Err(SchemaError::TooDeep(field.name.clone()));
            }
            let own = usize::from(first)..usize::from(first) + usize::from(members);
            let foreign = || SchemaError::Members(field.name.clone());
            if own.start <= index {
                return Err(foreign());
            }
            let outer = paths.get(index).cloned().unwrap_or_default();
            for member in own {
                let (Some(path), Some(of @ None)) = (paths.get_mut(member), levels.get_mut(member))
                else {
                    return Err(foreign());
                };
                *path = format!("{outer}.{path}").into();
                if path.len() > MOST_NAME {
                    return Err(SchemaError::LongName("name of a field behind its structures'"));
                }
                *of = Some(level + 1);
            }
        }
        Ok(paths)
    }

    fn check_amounts(&self, index: usize) -> Result<(), SchemaError> {
        let Some(field) = self.fields.get(index) else { return Ok(()) };
        for amount in [field.count, field.length] {
            let Amount::Field(other) = amount else { continue };
            let other = usize::from(other);
            let number = self.fields.get(other).is_some_and(
                |field| matches!(field.kind, FieldKind::Value(kind, ..) if is_number(kind)),
            );
            // A member may also ask a field that lies behind it in the list, but stands before its
            // structure in the payload; whether it has been read is seen on the walk.
            if !number || other == index {
                return Err(SchemaError::Reference(field.name.clone()));
            }
        }
        Ok(())
    }
    /// About how many bytes of memory it takes when it is ready for decoding; maps are not counted.
    #[must_use]
    pub fn weight(&self) -> usize {
        let own = [&self.provider, &self.name, &self.task, &self.opcode, &self.channel];
        let fields = self.fields.iter().map(|field| &field.name);
        let paths = self.paths().unwrap_or_default();
        let names = own.into_iter().chain(fields).chain(&paths).map(|name| name.len());
        512 + self.fields.len() * (size_of::<Field>() + 64) + names.sum::<usize>()
    }
}

fn is_number(kind: InType) -> bool {
    use InType as I;
    matches!(
        kind,
        I::Int8
            | I::UInt8
            | I::Int16
            | I::UInt16
            | I::Int32
            | I::UInt32
            | I::Int64
            | I::UInt64
            | I::HexInt32
            | I::HexInt64
            | I::Pointer
            | I::SizeT
            | I::Boolean
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::OutType;

    fn number(name: &str) -> Field {
        let kind = FieldKind::Value(InType::UInt8, OutType::NONE, None);
        Field { name: name.into(), kind, ..Field::default() }
    }
    fn structure(name: &str, first: u16, members: u16) -> Field {
        let kind = FieldKind::Structure { first, members };
        Field { name: name.into(), kind, ..Field::default() }
    }
    fn schema(top: usize, fields: Vec<Field>) -> Schema {
        Schema { top, fields, ..Schema::default() }
    }

    #[test]
    fn paths_name_the_structures_a_field_lies_in() {
        let fields = vec![number("A"), structure("B", 2, 2), number("C"), structure("D", 4, 1)];
        let schema = schema(2, [fields, vec![number("E")]].concat());
        let paths = schema.paths().unwrap();
        let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
        assert_eq!(paths, ["A", "B", "B.C", "B.D", "B.D.E"]);
    }

    #[test]
    fn members_form_a_tree() {
        let itself = schema(1, vec![structure("A", 0, 1)]);
        let missing = schema(1, vec![structure("A", 1, 2), number("B")]);
        let shared = schema(2, vec![structure("A", 2, 1), structure("B", 2, 1), number("C")]);
        let own = schema(2, vec![structure("A", 1, 1), number("B")]);
        for (wrong, name) in [(itself, "A"), (missing, "A"), (shared, "B"), (own, "A")] {
            assert_eq!(wrong.paths(), Err(SchemaError::Members(name.into())), "{wrong:?}");
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nested = |levels: u16| {
            let mut fields: Vec<_> = (1..=levels).map(|next| structure("S", next, 1)).collect();
            fields.push(number("N"));
            schema(1, fields)
        };
        assert!(nested(8).paths().is_ok());
        assert_eq!(nested(9).paths(), Err(SchemaError::TooDeep("S".into())));
        let wide = |count| Schema::of_fields(vec![number("N"); count]);
        assert!(wide(MOST_FIELDS).paths().is_ok());
        assert_eq!(wide(1_025).paths(), Err(SchemaError::TooManyFields(1_025)));
        assert_eq!(schema(2, vec![number("N")]).paths(), Err(SchemaError::TooManyFields(2)));
    }

    /// A thousand members repeat the name of their structure.
    #[test]
    fn names_with_those_of_structures_are_bounded_and_weigh() {
        let long = |letters: usize| {
            let mut fields = vec![structure(&"S".repeat(letters), 1, 1_000)];
            fields.extend(vec![number("N"); 1_000]);
            schema(1, fields)
        };
        let longest = long(MOST_NAME - 2);
        assert_eq!(longest.paths().unwrap()[1_000].len(), MOST_NAME);
        assert!(longest.weight() > 1_000 * MOST_NAME);
        assert!(matches!(long(MOST_NAME - 1).paths(), Err(SchemaError::LongName(_))));
    }

    #[test]
    fn counts_come_from_numbers() {
        for other in [0, 1, 2, 9] {
            let text = FieldKind::Value(InType::UnicodeString, OutType::NONE, None);
            let text = Field { name: "T".into(), kind: text, ..Field::default() };
            let counted = Field { count: Amount::Field(other), ..number("C") };
            let schema = Schema::of_fields(vec![number("N"), counted, text]);
            assert_eq!(schema.paths().is_ok(), other == 0, "{other}");
        }
    }
}
