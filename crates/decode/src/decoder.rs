//! Raw records to records with named fields.
//!
//! Each raw record becomes exactly one record: its header as fields, then its payload by a schema. Which
//! schema, is known from the event itself (TraceLogging) or asked of the [`SchemaStore`], which may offer
//! several. If there is none, or none fits, the record has its header and the payload as bytes
//! (`Payload`), and the [`Outcome`] says why: nothing is ever guessed, nothing is lost.
//!
//! A decoder belongs to one thread and one store. It keeps what it has asked before, so that an event of a
//! known kind takes no lock, and its names are shared with all events of that kind, so that it takes no
//! memory of its own.

use std::sync::Arc;

use etwatch_event::{RawForm, RawHeader, RawRecord, RecordBatch, RecordBuilder, Value};
use hashbrown::HashMap;

use crate::check::SchemaError;
use crate::described::{Described, write_key};
use crate::header::{HeaderFields, Items};
use crate::key::Key;
use crate::payload::{Fit, Misfit, Put, Scratch, walk_by};
use crate::prepared::Prepared;
use crate::schema::{Amount, Field, FieldKind, InType, OutType, Schema};
use crate::store::{Layout, Layouts, SchemaStore};
use crate::templates::{Beginning, Templates};
use crate::trace_logging::provider_name;

/// How many answers of the store are kept; beyond, all are asked again.
const MOST_KNOWN: usize = 8_192;
/// How many bytes of memory schemas of TraceLogging take before they are forgotten.
const MOST_DESCRIBED: usize = 8 << 20;
/// How many providers are kept whose events no schema explains.
const MOST_UNKNOWN: usize = 256;

/// What became of a raw record.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// An event with all its fields.
    Event {
        /// By which schema.
        schema: Arc<Schema>,
        /// Whether bytes are left behind the last field.
        fit: Fit,
        /// The schema is that of a lower version; there may be fields that it does not know.
        newer: bool,
    },
    /// An event whose payload could not be explained: a field `Payload` holds its bytes.
    Generic(Why),
    /// A WPP message: its text lies in the symbols of the program that wrote it. A field `Payload` holds its
    /// arguments.
    Message,
}

/// Why a payload could not be explained.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Why {
    /// No schema is known.
    #[error("no schema is known")]
    NoSchema,
    /// The event describes itself in a way that can't be used.
    #[error("its own schema can't be used: {0}")]
    Schema(SchemaError),
    /// No layout fits; this is what is wrong with the best of them.
    #[error("{}", misfit_text(.schema, .misfit))]
    Misfit {
        /// The schema.
        schema: Arc<Schema>,
        /// The field that does not fit, and where.
        misfit: Misfit,
    },
}

fn misfit_text(schema: &Schema, misfit: &Misfit) -> String {
    let name = schema.fields.get(misfit.field).map_or("", |field| &*field.name);
    format!(
        "its schema does not fit at field `{name}`, offset {}: {}",
        misfit.offset, misfit.reason
    )
}

impl Why {
    /// The same in fixed words, for counting.
    #[must_use]
    pub fn reason(&self) -> etwatch_event::Reason {
        match self {
            Self::NoSchema => "no schema",
            Self::Schema(_) => "own schema not usable",
            Self::Misfit { .. } => "schema does not fit",
        }
    }
}

/// Decodes the records of one store, on one thread.
#[derive(Debug)]
pub struct Decoder {
    known: HashMap<Key, Layouts>,
    described: Described,
    generation: u64,
    scratch: Scratch,
    key: Vec<u8>,
    /// The schemas of payloads that no schema explains, by what their providers say of themselves.
    bytes: HashMap<Box<[u8]>, Arc<Prepared>>,
    templates: Templates,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            described: Described::new(MOST_DESCRIBED),
            generation: 0,
            scratch: Scratch::default(),
            key: Vec::new(),
            bytes: HashMap::new(),
            templates: Templates::default(),
        }
    }
}

impl Decoder {
    /// Adds exactly one record to `out` for `record`. A decoder must always be given the same store.
    pub fn decode(
        &mut self,
        record: &RawRecord<'_>,
        store: &SchemaStore,
        out: &mut RecordBatch,
    ) -> Outcome {
        let items = Items::of(record);
        let why = match (record.header.form, items.metadata) {
            (RawForm::Message, _) => None,
            (RawForm::Event, Some(metadata)) => {
                let Self { described, key, scratch, templates, .. } = self;
                write_key(key, record.header.provider, metadata, items.traits);
                let found = describe(described, key, record, metadata, &items, store);
                let written = found.and_then(|prepared| {
                    let written = write(prepared, record, &items, templates, scratch, out);
                    written.map_err(|misfit| no_fit(prepared, misfit))
                });
                match written {
                    Ok(fit) => return self.explained(fit, false),
                    Err(why) => Some(why),
                }
            }
            _ => {
                let Self { known, generation, scratch, templates, .. } = self;
                let layouts = layouts(known, generation, &record.header, store);
                match write_first(layouts, record, &items, templates, scratch, out) {
                    Ok((fit, newer)) => return self.explained(fit, newer),
                    Err(why) => Some(why),
                }
            }
        };
        self.as_bytes(record, &items, out);
        why.map_or(Outcome::Message, Outcome::Generic)
    }

    /// The event that was written last.
    fn explained(&self, fit: Fit, newer: bool) -> Outcome {
        match self.templates.last() {
            Some(schema) => Outcome::Event { schema: Arc::clone(schema), fit, newer },
            None => Outcome::Generic(Why::NoSchema),
        }
    }

    fn as_bytes(&mut self, record: &RawRecord<'_>, items: &Items<'_>, out: &mut RecordBatch) {
        let Self { bytes, templates, scratch, .. } = self;
        if bytes.len() > MOST_UNKNOWN {
            bytes.clear();
        }
        let new = || Arc::new(payload_as_bytes(&provider_name(items.traits).unwrap_or_default()));
        let prepared = match bytes.get(items.traits) {
            Some(known) => known,
            None => bytes.entry(items.traits.into()).or_insert_with(new),
        };
        // Bytes to the end of the payload always fit.
        let _ = write(prepared, record, items, templates, scratch, out);
    }
}

/// The schema that an event carries itself; `key` stands for it.
fn describe<'d>(
    described: &'d mut Described,
    key: &[u8],
    record: &RawRecord<'_>,
    metadata: &[u8],
    items: &Items<'_>,
    store: &SchemaStore,
) -> Result<&'d Arc<Prepared>, Why> {
    if described.get(key).is_none() {
        let description = store.described(key, record.header.provider, metadata, items.traits);
        described.insert(key, description);
    }
    match described.get(key) {
        Some(Ok(prepared)) => Ok(prepared),
        Some(Err(error)) => Err(Why::Schema(error.clone())),
        None => Err(Why::NoSchema),
    }
}

fn no_fit(prepared: &Prepared, misfit: Misfit) -> Why {
    Why::Misfit { schema: Arc::clone(prepared.schema()), misfit }
}

/// The layouts that a record may have.
fn layouts<'k>(
    known: &'k mut HashMap<Key, Layouts>,
    generation: &mut u64,
    header: &RawHeader,
    store: &SchemaStore,
) -> &'k [Layout] {
    let now = store.generation();
    if *generation != now || known.len() > MOST_KNOWN {
        known.clear();
        *generation = now;
    }
    let key = Key::of(header, store.build());
    known.entry(key).or_insert_with(|| store.layouts(&key))
}

/// Writes `record` by the first layout that consumes the payload exactly, else by the first that fits; says
/// whether that is one of a lower version.
fn write_first(
    layouts: &[Layout],
    record: &RawRecord<'_>,
    items: &Items<'_>,
    templates: &mut Templates,
    scratch: &mut Scratch,
    out: &mut RecordBatch,
) -> Result<(Fit, bool), Why> {
    let mut misfit = None;
    let mut fitting = None;
    let is_alone = layouts.len() == 1;
    for layout in layouts {
        let Layout { prepared, newer } = layout;
        let mut builder = begin(prepared, record, items, templates, out);
        match builder.walk(prepared, record, scratch) {
            Ok(fit) if fit == Fit::Exact || is_alone => {
                builder.finish();
                return Ok((fit, *newer));
            }
            Ok(_) => fitting = fitting.or(Some(layout)),
            Err(error) => {
                misfit.get_or_insert((prepared, error));
            }
        }
    }
    match (fitting, misfit) {
        (Some(Layout { prepared, newer }), _) => {
            let written = write(prepared, record, items, templates, scratch, out);
            written.map(|fit| (fit, *newer)).map_err(|misfit| no_fit(prepared, misfit))
        }
        (None, Some((prepared, misfit))) => Err(no_fit(prepared, misfit)),
        (None, None) => Err(Why::NoSchema),
    }
}

/// A schema of bytes alone.
fn payload_as_bytes(provider: &str) -> Prepared {
    let payload = Field {
        name: "Payload".into(),
        kind: FieldKind::Value(InType::Binary, OutType::NONE, None),
        length: Amount::Rest,
        ..Field::default()
    };
    let schema = Schema { provider: provider.into(), ..Schema::of_fields(vec![payload]) };
    Prepared::flat(Arc::new(schema))
}

/// Writes `record` as `prepared` says; nothing is added if it does not fit.
fn write(
    prepared: &Arc<Prepared>,
    record: &RawRecord<'_>,
    items: &Items<'_>,
    templates: &mut Templates,
    scratch: &mut Scratch,
    out: &mut RecordBatch,
) -> Result<Fit, Misfit> {
    let mut builder = begin(prepared, record, items, templates, out);
    let fit = builder.walk(prepared, record, scratch)?;
    builder.finish();
    Ok(fit)
}

/// Begins a record with the fields of the header.
fn begin<'r>(
    prepared: &Arc<Prepared>,
    record: &RawRecord<'_>,
    items: &Items<'_>,
    templates: &mut Templates,
    out: &'r mut RecordBatch,
) -> Named<'r> {
    let schema = prepared.schema();
    let header = HeaderFields::of(record, items, schema);
    let Beginning { template, header: first, same } = templates.of(prepared, header, record, items);
    let mut builder = out.begin_with(template);
    header.set(record, items, same, &mut builder);
    Named { builder, first, placed: template.len() > first, count: first, last: None }
}

/// A record whose values get the names of their fields, which stand behind those of the header.
struct Named<'r> {
    builder: RecordBuilder<'r>,
    first: usize,
    /// Whether each field has its place already.
    placed: bool,
    /// How many fields have a value, if so.
    count: usize,
    /// The place of the value that was added last, if not.
    last: Option<usize>,
}

impl Named<'_> {
    fn walk(
        &mut self,
        prepared: &Prepared,
        record: &RawRecord<'_>,
        scratch: &mut Scratch,
    ) -> Result<Fit, Misfit> {
        let (schema, refers) = (prepared.schema(), prepared.refers());
        walk_by(schema, refers, record.payload, record.header.pointer_size, scratch, self)
    }
    fn finish(mut self) {
        if self.placed {
            // Optional ones at the end may be missing.
            self.builder.truncate(self.count);
        }
        self.builder.finish();
    }
}

impl Put for Named<'_> {
    #[inline]
    fn value(&mut self, index: usize, value: Value<'_>) {
        let place = self.first + index;
        if self.placed {
            self.builder.set_value(place, value);
            self.count = place + 1;
        } else if self.last == Some(place) {
            self.builder.push_again(value);
        } else {
            self.builder.push_named(place, value);
            self.last = Some(place);
        }
    }
    fn empty(&mut self, index: usize) {
        let place = self.first + index;
        if self.placed {
            // It is without a value as it stands.
            self.count = place + 1;
        } else {
            self.builder.push_named(place, Value::Null);
            self.builder.empty_last();
        }
    }
}

#[cfg(test)]
mod tests;
