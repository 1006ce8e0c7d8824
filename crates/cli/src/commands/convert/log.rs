//! Raw records of a log of ETW to another log.
//!
//! Each record is decoded so that it can be selected, and written as it was: same header, same extended
//! items, same payload. Records that explain others (schemas, names of values, volumes) all go along. Where
//! one of our tables explained an event, its schema is written before the first such event, so that whoever
//! has no such tables reads the file too; a schema that Windows has no form for stays out.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use etwatch_capture::etl::{
    EtlScratch, EtlSlice, Metadata, Trace, TraceHeader, WriteError, Writer, is_bookkeeping,
    tells_computer,
};
use etwatch_capture::source::{DAMAGE_LISTED, Location};
use etwatch_capture::{Decoded, Limits, Piece, SourceError, open};
use etwatch_decode::encode::{EventDescriptor, event_map_info, trace_event_info};
use etwatch_decode::schema::{FieldKind, SchemaSource};
use etwatch_decode::{Decoder, Fit, Outcome, Schema, SchemaStore};
use etwatch_engine::Report;
use etwatch_engine::etw::schemas_of;
use etwatch_event::{RawForm, RawHeader, RawRecord, RecordBatch, Shape};

use super::Failure;
use crate::commands::{FAILED, INPUT_LOST, USAGE};
use crate::event_view::EventView;
use crate::selection::{NOT_SELECTED, Selection};

/// Why a record could not be written.
const REFUSED: &str = "no place in an .etl file";

/// Writes the records of `input` that are selected to `output`.
pub(super) fn write(
    input: &Path,
    selection: &Selection,
    output: &mut File,
) -> Result<Report, Failure> {
    let location = match input.to_str() {
        Some("-") => Location::Stdin,
        _ => Location::File(input.to_owned()),
    };
    let name = location.name();
    if input.is_dir() {
        return Err((USAGE, format!("{name} is a folder; an .etl file is made of one .etl file")));
    }
    let unreadable = |error: SourceError| (INPUT_LOST, error.to_string());
    let mut source = open(&location, Limits::default()).map_err(unreadable)?;
    let mut report = Report::default();
    report.inputs.1 = 1;
    let mut copy: Option<Copy<'_>> = None;
    let mut output = Some(BufWriter::new(output));
    loop {
        let decoded = match source.next_piece() {
            Ok(None) => break report.inputs.0 = 1,
            Ok(Some(Piece::Etl(slice))) => {
                if let Some(output) = output.take() {
                    copy = Some(Copy::begin(output, slice.trace(), selection)?);
                }
                let Some(copy) = &mut copy else { break };
                copy.slice(slice)?
            }
            Ok(Some(Piece::Damage(decoded))) => decoded,
            Ok(Some(_)) => {
                let what = "an .etl file is made of another one alone; write .jsonl";
                return Err((USAGE, format!("{name} is no .etl file: {what}")));
            }
            Err(error) => break report.unreadable.push(error.to_string()),
        };
        note(&mut report, decoded, &name);
    }
    if let Some(copy) = copy {
        copy.finish(&mut report)?;
    }
    Ok(report)
}

fn note(report: &mut Report, decoded: Decoded, name: &str) {
    report.ledger.add(&decoded.ledger);
    let room = DAMAGE_LISTED.saturating_sub(report.damage.len());
    let damage = decoded.damage.into_iter().take(room);
    report.damage.extend(damage.map(|damage| (name.to_owned(), damage)));
}

/// A log that is being written.
struct Copy<'a> {
    writer: Writer<BufWriter<&'a mut File>>,
    selection: &'a Selection,
    store: SchemaStore,
    decoder: Decoder,
    scratch: EtlScratch,
    records: RecordBatch,
    described: BTreeSet<(etwatch_event::Guid, u16, u8)>,
    copied: u64,
    not_selected: u64,
    refused: u64,
}

impl<'a> Copy<'a> {
    fn begin(
        output: BufWriter<&'a mut File>,
        trace: &Arc<Trace>,
        selection: &'a Selection,
    ) -> Result<Self, Failure> {
        let writer =
            Writer::create(output, &TraceHeader::from(&**trace)).map_err(|error| failed(&error))?;
        Ok(Self {
            writer,
            selection,
            store: schemas_of(trace),
            decoder: Decoder::default(),
            scratch: EtlScratch::default(),
            records: RecordBatch::default(),
            described: BTreeSet::new(),
            copied: 0,
            not_selected: 0,
            refused: 0,
        })
    }

    fn slice(&mut self, slice: EtlSlice) -> Result<Decoded, Failure> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut failure = None;
        let decoded = slice.with_bookkeeping().read(&mut scratch, &mut |record, _| {
            if failure.is_none() {
                failure = self.record(record).err();
            }
        });
        self.scratch = scratch;
        failure.map_or(Ok(decoded), |error| Err(failed(&error)))
    }

    /// Copies a record if it is wanted; an error if the output fails.
    fn record(&mut self, record: &RawRecord<'_>) -> Result<(), WriteError> {
        if is_bookkeeping(record) {
            return match self.writer.write(record) {
                Err(error @ WriteError::Io(_)) => Err(error),
                // The copy has a header of its own; of the others the summary has told enough.
                _ => Ok(()),
            };
        }
        self.records.clear();
        let outcome = self.decoder.decode(record, &self.store, &mut self.records);
        let schema = match &outcome {
            Outcome::Event { schema, .. } => Some(&**schema),
            _ => None,
        };
        // Of which host a log is must stand in each part of it.
        let wanted = tells_computer(record)
            || self.records.get(0).is_some_and(|decoded| {
                self.selection.takes(&EventView::Record(decoded, schema), decoded.time())
            });
        if !wanted {
            self.not_selected += 1;
            return Ok(());
        }
        if let Outcome::Event { schema, fit: Fit::Exact, newer: false } = &outcome {
            self.describe(schema, &record.header)?;
        }
        match self.writer.write(record) {
            Ok(()) => self.copied += 1,
            Err(error @ WriteError::Io(_)) => return Err(error),
            Err(error) => {
                tracing::debug!(number = record.header.number, %error, "a record can't be written");
                self.refused += 1;
            }
        }
        Ok(())
    }

    /// Writes the schema of an event, if it is one of ours and has not been written.
    fn describe(&mut self, schema: &Schema, header: &RawHeader) -> Result<(), WriteError> {
        let RawHeader { form, provider, id, version, time, .. } = *header;
        let ours = form == RawForm::Event && schema.source == SchemaSource::Table;
        if !ours || !self.described.insert((provider, id, version)) {
            return Ok(());
        }
        let descriptor = EventDescriptor {
            id,
            version,
            channel: header.channel,
            level: header.level,
            opcode: header.opcode,
            task: header.task,
            keyword: header.keyword,
            classic: false,
        };
        let maps = schema.fields.iter().filter_map(|field| match &field.kind {
            FieldKind::Value(_, _, map) => map.as_ref(),
            FieldKind::Structure { .. } => None,
        });
        let mut blobs = Vec::new();
        for map in maps {
            let Ok(info) = event_map_info(map) else { return Ok(()) };
            blobs.push((Metadata::ValueMap, [&provider.0[..], &info].concat()));
        }
        let Ok(info) = trace_event_info(schema, &descriptor) else { return Ok(()) };
        blobs.push((Metadata::Schema, info));
        for (kind, blob) in blobs {
            if let Err(error @ WriteError::Io(_)) = self.writer.describe(kind, &blob, time) {
                return Err(error);
            }
        }
        Ok(())
    }

    fn finish(self, report: &mut Report) -> Result<(), Failure> {
        let Self { writer, copied, not_selected, refused, .. } = self;
        writer.finish().map_err(|error| failed(&WriteError::Io(error)))?;
        report.ledger.evaluated = copied;
        report.shapes.insert(Shape::Etw, copied);
        if not_selected > 0 {
            report.ledger.filtered.insert(NOT_SELECTED, not_selected);
        }
        if refused > 0 {
            report.ledger.skipped.insert(REFUSED, refused);
        }
        Ok(())
    }
}

fn failed(error: &WriteError) -> Failure {
    (FAILED, format!("the output can't be written: {error}"))
}
