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

use etwatch_event::{RawForm, RawRecord, RecordBatch, RecordBuilder, Value};
use hashbrown::HashMap;

use crate::check::SchemaError;
use crate::described::{Described, write_key};
use crate::header::{HeaderFields, Items};
use crate::key::Key;
use crate::payload::{Fit, Forget, Misfit, Put, Scratch, walk};
use crate::prepared::Prepared;
use crate::schema::{Amount, Field, FieldKind, InType, OutType, Schema};
use crate::store::{Layout, Layouts, SchemaStore};
use crate::trace_logging::provider_name;

/// How many answers of the store are kept; beyond, all are asked again.
const MOST_KNOWN: usize = 8_192;
/// How many bytes of memory schemas of TraceLogging take before they are forgotten.
const MOST_DESCRIBED: usize = 8 << 20;

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
    buffers: Buffers,
    key: Vec<u8>,
    /// The schema of payloads that no schema explains.
    bytes: Prepared,
}

/// What decoding a payload needs room for.
#[derive(Debug, Default)]
struct Buffers {
    scratch: Scratch,
    /// By field of the schema: where in the record its first value is.
    places: Vec<Option<usize>>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            described: Described::new(MOST_DESCRIBED),
            generation: 0,
            buffers: Buffers::default(),
            key: Vec::new(),
            bytes: payload_as_bytes(""),
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
        let outcome = match (record.header.form, items.metadata) {
            (RawForm::Message, _) => Outcome::Message,
            (RawForm::Event, Some(metadata)) => {
                self.by_itself(record, &items, metadata, store, out)
            }
            _ => self.by_store(record, &items, store, out),
        };
        if !matches!(outcome, Outcome::Event { .. }) {
            self.as_bytes(record, &items, out);
        }
        outcome
    }

    fn by_itself(
        &mut self,
        record: &RawRecord<'_>,
        items: &Items<'_>,
        metadata: &[u8],
        store: &SchemaStore,
        out: &mut RecordBatch,
    ) -> Outcome {
        let guid = record.header.provider;
        write_key(&mut self.key, guid, metadata, items.traits);
        if self.described.get(&self.key).is_none() {
            let described = store.described(&self.key, guid, metadata, items.traits);
            self.described.insert(&self.key, described);
        }
        let prepared = match self.described.get(&self.key) {
            Some(Ok(prepared)) => prepared,
            Some(Err(error)) => return Outcome::Generic(Why::Schema(error.clone())),
            None => return Outcome::Generic(Why::NoSchema),
        };
        match write(prepared, record, items, &mut self.buffers, out) {
            Ok(fit) => event(prepared, fit, false),
            Err(misfit) => no_fit(prepared, misfit),
        }
    }

    fn by_store(
        &mut self,
        record: &RawRecord<'_>,
        items: &Items<'_>,
        store: &SchemaStore,
        out: &mut RecordBatch,
    ) -> Outcome {
        let now = store.generation();
        if self.generation != now || self.known.len() > MOST_KNOWN {
            self.known.clear();
            self.generation = now;
        }
        let key = Key::of(&record.header, store.build());
        let layouts = self.known.entry(key).or_insert_with(|| store.layouts(&key));
        let Some(Layout { prepared, newer }) = choose(layouts, record, &mut self.buffers.scratch)
        else {
            return Outcome::Generic(Why::NoSchema);
        };
        match write(prepared, record, items, &mut self.buffers, out) {
            Ok(fit) => event(prepared, fit, *newer),
            Err(misfit) => no_fit(prepared, misfit),
        }
    }

    fn as_bytes(&mut self, record: &RawRecord<'_>, items: &Items<'_>, out: &mut RecordBatch) {
        // Bytes to the end of the payload always fit.
        let _ = match provider_name(items.traits) {
            None => write(&self.bytes, record, items, &mut self.buffers, out),
            Some(name) => write(&payload_as_bytes(&name), record, items, &mut self.buffers, out),
        };
    }
}

fn event(prepared: &Prepared, fit: Fit, newer: bool) -> Outcome {
    Outcome::Event { schema: Arc::clone(prepared.schema()), fit, newer }
}

fn no_fit(prepared: &Prepared, misfit: Misfit) -> Outcome {
    Outcome::Generic(Why::Misfit { schema: Arc::clone(prepared.schema()), misfit })
}

/// The first layout that consumes the payload exactly, else the first that fits, else the first.
fn choose<'l>(
    layouts: &'l [Layout],
    record: &RawRecord<'_>,
    scratch: &mut Scratch,
) -> Option<&'l Layout> {
    let (first, others) = layouts.split_first()?;
    if others.is_empty() {
        return Some(first);
    }
    let mut fitting = None;
    for layout in layouts {
        let schema = layout.prepared.schema();
        match walk(schema, record.payload, record.header.pointer_size, scratch, &mut Forget) {
            Ok(Fit::Exact) => return Some(layout),
            Ok(Fit::Trailing(_)) => fitting = fitting.or(Some(layout)),
            Err(_) => {}
        }
    }
    fitting.or(Some(first))
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
    prepared: &Prepared,
    record: &RawRecord<'_>,
    items: &Items<'_>,
    buffers: &mut Buffers,
    out: &mut RecordBatch,
) -> Result<Fit, Misfit> {
    let Buffers { scratch, places } = buffers;
    let schema = prepared.schema();
    let header = HeaderFields::of(record, items, schema);
    let names = prepared.names(header);
    let mut builder = out.begin();
    if let Some(names) = names {
        builder.share_names(names);
    }
    header.write(record, items, schema, names.is_some(), &mut builder);
    let pointer_size = record.header.pointer_size;
    let fit = if names.is_some() {
        walk(schema, record.payload, pointer_size, scratch, &mut Shared(&mut builder))
    } else {
        places.clear();
        places.resize(schema.fields.len(), None);
        let mut named = Named { builder: &mut builder, prepared, places };
        walk(schema, record.payload, pointer_size, scratch, &mut named)
    }?;
    builder.finish();
    Ok(fit)
}

/// Gives each value the next of the shared names.
struct Shared<'b, 'r>(&'b mut RecordBuilder<'r>);

impl Put for Shared<'_, '_> {
    #[inline]
    fn value(&mut self, _: usize, value: Value<'_>) {
        self.0.push_next(value);
    }
    fn empty(&mut self, _: usize) {
        self.0.push_next(Value::Null);
        self.0.empty_last();
    }
}

/// Gives each value the name of its field behind those of its structures. A list of values has its name
/// once: a payload of 64 KiB may have a value for each byte, and a name a thousand letters.
struct Named<'b, 'r> {
    builder: &'b mut RecordBuilder<'r>,
    prepared: &'b Prepared,
    places: &'b mut [Option<usize>],
}

impl Put for Named<'_, '_> {
    fn value(&mut self, index: usize, value: Value<'_>) {
        match self.places.get_mut(index) {
            Some(Some(first)) => self.builder.push_again(*first, value),
            Some(first @ None) => {
                *first = Some(self.builder.len());
                self.builder.push(self.prepared.path(index), value);
            }
            None => {}
        }
    }
    fn empty(&mut self, index: usize) {
        self.value(index, Value::Null);
        self.builder.empty_last();
    }
}

#[cfg(test)]
mod tests;
