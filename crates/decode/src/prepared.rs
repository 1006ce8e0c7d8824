//! A schema made ready for decoding.
//!
//! What can be worked out once for all events of a schema: the full names of its fields, and whether its
//! records share their names. A list of shared names is that of the header's fields followed by the
//! schema's; which header fields there are differs between records (an activity, a user), so there is a
//! list for each set of them that occurs, made when it is first needed and never changed. Whoever writes the
//! records chooses the sets, and may have chosen long names, so only so many lists are made; the records of
//! further sets have names of their own.

use std::sync::{Arc, OnceLock};

use etwatch_event::{FieldNames, Guid};

use crate::check::SchemaError;
use crate::header::HeaderFields;
use crate::schema::Schema;
use crate::trace_logging;

/// A schema that can be walked, and the names of its records.
#[derive(Debug)]
pub(crate) struct Prepared {
    schema: Arc<Schema>,
    paths: Vec<Box<str>>,
    flat: bool,
    names: OnceLock<Box<Names>>,
    /// Lists of names that are made.
    most_lists: usize,
}

/// Bytes of the lists of names of a schema, if they are more than one.
const LISTS_BYTES: usize = 64 << 10;
/// Lists of names of a schema.
const MOST_LISTS: usize = 64;

/// The names of records with these fields in their headers, then those of other records.
#[derive(Debug)]
struct Names {
    header: HeaderFields,
    names: Arc<FieldNames>,
    next: OnceLock<Box<Names>>,
}

impl Prepared {
    /// Makes `schema` ready.
    ///
    /// # Errors
    /// [`SchemaError`] if no payload can be walked by it.
    pub(crate) fn new(schema: Arc<Schema>) -> Result<Self, SchemaError> {
        let paths = schema.paths()?;
        Ok(Self::of_paths(schema, paths))
    }
    fn of_paths(schema: Arc<Schema>, paths: Vec<Box<str>>) -> Self {
        let bytes = paths.iter().map(|path| path.len()).sum::<usize>();
        let most_lists = (LISTS_BYTES / bytes.max(1)).clamp(1, MOST_LISTS);
        Self { flat: schema.is_flat(), schema, paths, names: OnceLock::new(), most_lists }
    }
    /// Makes a schema without structures ready.
    pub(crate) fn flat(schema: Arc<Schema>) -> Self {
        let paths = schema.fields.iter().map(|field| field.name.clone()).collect();
        Self::of_paths(schema, paths)
    }
    /// The schema that an event carries itself, see [`trace_logging::parse`].
    pub(crate) fn of_metadata(
        guid: Guid,
        metadata: &[u8],
        traits: &[u8],
    ) -> Result<Arc<Self>, SchemaError> {
        let schema = trace_logging::parse(guid, metadata, traits)?;
        Self::new(Arc::new(schema)).map(Arc::new)
    }
    /// The schema.
    #[must_use]
    pub(crate) fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }
    /// The name of the values of the field at `index`.
    pub(crate) fn path(&self, index: usize) -> &str {
        self.paths.get(index).map_or("", |path| path)
    }
    /// The names that records with these header fields share; `None` if their fields differ, or if there are
    /// lists for too many other sets.
    pub(crate) fn names(&self, header: HeaderFields) -> Option<&Arc<FieldNames>> {
        if !self.flat {
            return None;
        }
        let mut place = &self.names;
        for _ in 0..self.most_lists {
            let found = place.get_or_init(|| Box::new(self.new_names(header)));
            if found.header == header {
                return Some(&found.names);
            }
            place = &found.next;
        }
        None
    }
    fn new_names(&self, header: HeaderFields) -> Names {
        let mut names: Vec<&str> = header.names().collect();
        names.extend(self.paths.iter().take(self.schema.top).map(|path| &**path));
        let names = Arc::new(names.into_iter().collect());
        Names { header, names, next: OnceLock::new() }
    }
}
