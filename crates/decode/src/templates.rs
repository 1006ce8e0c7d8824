//! How the records of each schema begin, for one decoder.
//!
//! The header of an event makes a dozen fields, of which most have the same value in all events of a schema.
//! A template has them and the names of all fields. There is one for each schema and set of header fields
//! (an activity, a user may be there or not). Decoders share neither them nor the schemas that they hand
//! out: a counter that several processors count on would cost more than the rest.

use std::sync::{Arc, LazyLock};

use etwatch_event::{RawHeader, RawRecord, RecordBatch, RecordTemplate};
use hashbrown::HashMap;

use crate::header::{HeaderFields, Items, is_same_event};
use crate::prepared::Prepared;
use crate::schema::Schema;

/// How many are kept, and how many bytes of memory they take; beyond, all are made anew. (Whoever writes the
/// records chooses which header fields they have, and may have chosen long names.)
const MOST: usize = 8_192;
const MOST_BYTES: usize = 16 << 20;

/// A schema and how its records begin.
#[derive(Debug)]
struct Template {
    /// Kept, so that its place in memory is that of no other one.
    _prepared: Arc<Prepared>,
    /// A schema of our own, for the same reason as the names.
    schema: Arc<Schema>,
    record: RecordTemplate,
    /// How many of its fields are those of the header.
    header: usize,
    /// The header that they were made of.
    example: RawHeader,
}

/// How a record begins.
pub(crate) struct Beginning<'t> {
    /// The fields of its header, then those that are to be given values.
    pub(crate) template: &'t RecordTemplate,
    /// How many are fields of the header.
    pub(crate) header: usize,
    /// Whether the header describes the event as the template does.
    pub(crate) same: bool,
}

/// Templates by the place of their schema in memory, and the fields of the header.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    numbers: HashMap<(usize, HeaderFields), usize>,
    all: Vec<Template>,
    /// Bytes of memory that they take, about.
    bytes: usize,
    last: usize,
}

impl Templates {
    /// How a record like `record` begins.
    #[inline]
    pub(crate) fn of(
        &mut self,
        prepared: &Arc<Prepared>,
        header: HeaderFields,
        record: &RawRecord<'_>,
        items: &Items<'_>,
    ) -> Beginning<'_> {
        let key = (Arc::as_ptr(prepared).addr(), header);
        self.last = match self.numbers.get(&key) {
            Some(number) => *number,
            None => self.add(key, prepared, record, items),
        };
        // It was found or added just now.
        static NONE: LazyLock<RecordTemplate> = LazyLock::new(RecordTemplate::default);
        let found = self.all.get(self.last);
        let Some(Template { record: template, header, example, .. }) = found else {
            return Beginning { template: &NONE, header: 0, same: false };
        };
        Beginning { template, header: *header, same: is_same_event(&record.header, example) }
    }

    /// About how many bytes of memory they take.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The schema of the template that was asked for last.
    pub(crate) fn last(&self) -> Option<&Arc<Schema>> {
        self.all.get(self.last).map(|template| &template.schema)
    }

    fn add(
        &mut self,
        key: (usize, HeaderFields),
        prepared: &Arc<Prepared>,
        record: &RawRecord<'_>,
        items: &Items<'_>,
    ) -> usize {
        let bytes = 2 * prepared.schema().weight();
        self.bytes += bytes;
        if self.all.len() >= MOST || self.bytes > MOST_BYTES {
            self.all.clear();
            self.numbers.clear();
            self.bytes = bytes;
        }
        let mut example = RecordBatch::default();
        let mut builder = example.begin();
        key.1.write(record, items, prepared.schema(), &mut builder);
        builder.finish();
        let names = prepared.names(key.1);
        let template = example.get(0).map(|example| RecordTemplate::of(&example, names));
        let mut template = template.unwrap_or_default();
        let header = template.len();
        if prepared.schema().is_flat() {
            template.add_open(prepared.schema().top);
        }
        let number = self.all.len();
        let template = Template {
            _prepared: Arc::clone(prepared),
            schema: Arc::new(Schema::clone(prepared.schema())),
            record: template,
            header,
            example: record.header,
        };
        self.all.push(template);
        self.numbers.insert(key, number);
        number
    }
}
