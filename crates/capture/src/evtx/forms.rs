//! Forms of records, learned and recalled.
//!
//! The first record with a key is read in full. From its JSON text a [`Form`] is learned as from any JSON
//! record; [`align`](crate::evtx::align) says which value of the record each value of the text is. Then the
//! record is written by the form, and must be the record that was read in full, field by field: else its key
//! has no form for good. Forms outlive chunks and files, in bounded room; what learning costs is paid for
//! from what it saves.

use std::collections::HashMap;

use etwatch_event::{Record, RecordBatch, RecordBuilder, Value};

use crate::credit::Credit;
use crate::evtx::align::{self, Source};
use crate::evtx::instance::{Instances, Slot};
use crate::evtx::records::Found;
use crate::evtx::template::Templates;
use crate::evtx::value;
use crate::json::{Form, RecordParser};

/// Keys that are remembered; beyond them, all are forgotten and learned anew.
const KEYS: usize = 2_048;

/// What becomes of records with the same key.
#[derive(Debug)]
struct Known {
    form: Form,
    /// Where the values of the form come from.
    sources: Vec<Source>,
}

/// What reading a record by its form led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recalled {
    /// The record is written.
    Yes,
    /// It is to be read in full.
    No,
    /// It is to be read in full, and then to be learned from.
    Learn,
}

/// The forms met so far.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    templates: Templates,
    /// `None` for keys without a form.
    known: HashMap<Box<[u8]>, Option<Known>>,
    credit: Credit,
    /// The record that is being read, and room for the text of a value.
    instances: Instances,
    room: Vec<u8>,
    /// Room for records that are learned from.
    example: RecordBatch,
}

impl Forms {
    /// Begins with another chunk.
    pub(crate) fn begin_chunk(&mut self) {
        if self.templates.begin_chunk() {
            self.known.clear();
        }
    }

    /// Reads the record `found` of `chunk` by its form, if it has one.
    pub(crate) fn read(
        &mut self,
        chunk: &[u8],
        found: Found,
        mut record: RecordBuilder<'_>,
    ) -> Recalled {
        let Self { instances, templates, room, .. } = self;
        if instances.read(chunk, found.start, found.end, templates).is_none() {
            return Recalled::No;
        }
        match self.known.get(instances.key.as_slice()) {
            Some(Some(known)) => {
                record.set_number(found.number);
                if known.write(chunk, &instances.slots, room, record).is_none() {
                    return Recalled::No;
                }
                self.credit.earn();
                Recalled::Yes
            }
            None if self.credit.spend() => Recalled::Learn,
            Some(None) | None => Recalled::No,
        }
    }

    /// Learns from the record that was asked for last: `text` is its JSON text, `record` what `parser` made
    /// of it.
    pub(crate) fn learn(
        &mut self,
        chunk: &[u8],
        text: &[u8],
        record: &Record<'_>,
        parser: &mut RecordParser,
    ) {
        let known = self.find(chunk, text, parser);
        let known = known.filter(|known| self.proves(known, chunk, record));
        if self.known.len() >= KEYS {
            self.known.clear();
        }
        self.known.insert(self.instances.key.as_slice().into(), known);
    }

    fn find(&mut self, chunk: &[u8], text: &[u8], parser: &mut RecordParser) -> Option<Known> {
        self.example.clear();
        let mut paths = self.example.begin();
        parser.parse_paths(text, &mut paths).ok()?;
        paths.finish();
        let paths = self.example.get(0)?;
        let sources = align::sources(&paths, chunk, &self.instances, &self.templates)?;
        let (values, form) = parser.form(text)?;
        (values.len() == sources.len()).then_some(Known { form, sources })
    }

    /// Whether the form makes the same of the record as reading it in full did.
    fn proves(&mut self, known: &Known, chunk: &[u8], record: &Record<'_>) -> bool {
        self.example.clear();
        let mut again = self.example.begin();
        again.set_number(record.number());
        let written = known.write(chunk, &self.instances.slots, &mut self.room, again);
        let Some(again) = written.and_then(|()| self.example.get(0)) else { return false };
        let header = |record: &Record<'_>| {
            (record.time(), record.number(), record.shape(), record.event_id())
        };
        header(&again) == header(record)
            && (again.provider(), again.channel()) == (record.provider(), record.channel())
            && again.fields().eq(record.fields())
    }
}

impl Known {
    fn write(
        &self,
        chunk: &[u8],
        slots: &[Slot],
        room: &mut Vec<u8>,
        record: RecordBuilder<'_>,
    ) -> Option<()> {
        self.form.write(record, |number, record| {
            let value = match self.sources.get(number)? {
                Source::Text(text) => Value::Text(text),
                Source::Unsigned(number) => Value::Unsigned(*number),
                Source::Signed(number) => Value::Signed(*number),
                Source::Slot { number, quoted } => {
                    let slot = slots.get(*number)?;
                    value::read(slot.kind, slot.bytes(chunk), *quoted, room)?
                }
            };
            record.push_next(value);
            Some(())
        })
    }
}
