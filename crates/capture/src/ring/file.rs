//! A file of the ring that is being written.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use etwatch_event::{RawForm, RawHeader, RawRecord, Timestamp};

use crate::etl::{
    Metadata, Trace, TraceHeader, TraceSchema, TraceSchemaKind, WriteError, Writer, computer_record,
};

/// The event in which an EventSource of .NET writes its manifest.
const MANIFEST_ID: u16 = 0xfffe;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct OpenFile {
    name: String,
    /// The time of its first record.
    pub(super) first: Timestamp,
    pointer_size: u8,
    writer: Writer<BufWriter<File>>,
    /// Bytes of records that it was given; about those of the file.
    bytes: u64,
}

impl OpenFile {
    /// Begins a file with what explains the records to come.
    pub(super) fn begin(
        name: String,
        path: &Path,
        trace: &Trace,
        schemas: &[TraceSchema],
        first: Timestamp,
    ) -> Result<Self, WriteError> {
        let output = BufWriter::new(File::create(path)?);
        let unknown = Timestamp::UNKNOWN;
        // What Windows lost is told by the run; a file that claims it would count it again.
        let pointer_size = if trace.pointer_size == 4 { 4 } else { 8 };
        let header = TraceHeader {
            start: unknown,
            end: unknown,
            events_lost: 0,
            buffers_lost: 0,
            pointer_size,
            ..TraceHeader::from(trace)
        };
        let writer = Writer::create(output, &header)?;
        let mut file = Self { name, first, pointer_size, writer, bytes: 0 };
        file.describe_host(trace)?;
        for schema in trace.schemas.iter().chain(schemas) {
            file.describe(schema, first);
            file.repeat_manifest(schema)?;
        }
        Ok(file)
    }

    /// Tells what values are read by.
    fn describe_host(&mut self, trace: &Trace) -> Result<(), WriteError> {
        let first = self.first;
        for volume in &trace.volumes {
            self.add(Metadata::Volume, &utf16(&[&volume.device, &volume.drive]), first);
        }
        let (system, windows) = &trace.system_paths;
        if !windows.is_empty() {
            self.add(Metadata::SystemPaths, &utf16(&[system, windows]), first);
        }
        // A log shows it by all of its images, of which this file has some alone.
        if let Some(device) = trace.system_volume.as_deref().filter(|_| trace.volumes.is_empty()) {
            let drive = windows.get(..2).filter(|drive| drive.ends_with(':')).unwrap_or("C:");
            self.add(Metadata::Volume, &utf16(&[device, drive]), first);
        }
        if trace.computer.is_empty() {
            return Ok(());
        }
        let (header, payload) = computer_record(&trace.computer);
        let header = RawHeader { time: first, pointer_size: self.pointer_size, ..header };
        self.add_record(&RawRecord { header, extended: &[], payload: &payload })
    }

    /// A record of ours; one that the format can't hold is left out.
    fn add_record(&mut self, record: &RawRecord<'_>) -> Result<(), WriteError> {
        match self.writer.write(record) {
            Err(WriteError::Io(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// A part of a manifest that an earlier file has among the records of its session.
    fn repeat_manifest(&mut self, schema: &TraceSchema) -> Result<(), WriteError> {
        if schema.kind != TraceSchemaKind::Manifest {
            return Ok(());
        }
        let header = RawHeader {
            form: RawForm::Event,
            time: self.first,
            provider: schema.provider,
            id: MANIFEST_ID,
            process_id: schema.process_id,
            pointer_size: self.pointer_size,
            ..RawHeader::default()
        };
        self.add_record(&RawRecord { header, extended: &[], payload: &schema.bytes })
    }

    /// Bytes, about.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a schema.
    pub(super) fn describe(&mut self, schema: &TraceSchema, time: Timestamp) {
        match schema.kind {
            TraceSchemaKind::EventInfo => self.add(Metadata::Schema, &schema.bytes, time),
            TraceSchemaKind::MapInfo => self.add(Metadata::ValueMap, &schema.bytes, time),
            // Its records are among those of the session.
            TraceSchemaKind::Manifest => {}
        }
    }

    fn add(&mut self, kind: Metadata, payload: &[u8], time: Timestamp) {
        // One that the format can't hold was none that Windows could have written: its events say that they lack
        // it.
        if self.writer.describe(kind, payload, time).is_ok() {
            self.bytes += payload.len() as u64;
        }
    }

    /// Adds a record.
    pub(super) fn write(&mut self, record: &RawRecord<'_>) -> Result<(), WriteError> {
        self.writer.write(record)?;
        // Headers have up to 80 bytes.
        self.bytes += (80 + record.extended.len() + record.payload.len()) as u64;
        Ok(())
    }

    /// Completes the file; returns its name.
    pub(super) fn finish(self) -> (String, io::Result<()>) {
        let Self { name, writer, .. } = self;
        (name, writer.finish().map(|_| ()))
    }
}

/// Texts in UTF-16, each with a NUL behind it.
fn utf16(texts: &[&str]) -> Vec<u8> {
    let units = texts.iter().flat_map(|text| text.encode_utf16().chain([0]));
    units.flat_map(u16::to_le_bytes).collect()
}
