//! A schema made ready for decoding: what can be worked out once for all events of a schema.

use std::sync::Arc;

use etwatch_event::{FieldNames, Guid};

use crate::check::SchemaError;
use crate::header::HeaderFields;
use crate::schema::{Amount, Schema};
use crate::trace_logging;

/// A schema that can be walked, and the full names of its fields.
#[derive(Debug)]
pub(crate) struct Prepared {
    schema: Arc<Schema>,
    paths: Vec<Box<str>>,
    refers: bool,
}

impl Prepared {
    /// Makes `schema` ready.
    ///
    /// # Errors
    /// [`SchemaError`] if no payload can be walked by it.
    pub(crate) fn new(schema: Arc<Schema>) -> Result<Self, SchemaError> {
        let paths = schema.paths()?;
        let refers = refers(&schema);
        Ok(Self { schema, paths, refers })
    }
    /// Makes a schema without structures ready.
    pub(crate) fn flat(schema: Arc<Schema>) -> Self {
        let paths = schema.fields.iter().map(|field| field.name.clone()).collect();
        let refers = refers(&schema);
        Self { schema, paths, refers }
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
    /// Whether fields give the length or count of others.
    pub(crate) fn refers(&self) -> bool {
        self.refers
    }
    /// The names of records with these header fields: those of the header, then of all fields.
    pub(crate) fn names(&self, header: HeaderFields) -> FieldNames {
        let paths = self.paths.iter().map(|path| &**path);
        let header: Vec<&str> = header.names().collect();
        header.into_iter().chain(paths).collect()
    }
}

fn refers(schema: &Schema) -> bool {
    let is_field = |amount: Amount| matches!(amount, Amount::Field(_));
    schema.fields.iter().any(|field| is_field(field.count) || is_field(field.length))
}
