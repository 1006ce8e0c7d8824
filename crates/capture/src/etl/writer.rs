//! Writes raw records to an `.etl` file that any reader of such files reads.
//!
//! The file is what Windows would have written, or a merge of it (`xperf -merge`): the first buffer holds the
//! header of the trace, the others hold records. A record is written in the form that it had, so what is
//! read from the file again says the same. Each processor has its own stream of buffers, in which its
//! records keep the order in which they were handed in; a full buffer goes to the file at once:
//!
//! ```text
//! records ──▶ processor 0 │▒▒▒▒▒▒    │            file: header │ 0 │ 2 │ 0 │ 1 │ …
//!             processor 1 │▒▒        │   full ──▶       ▲
//!             processor 2 │▒▒▒▒▒▒▒▒▒ │                  └── written anew by flush and finish
//! ```
//!
//! What explains payloads travels as records too ([`Metadata`]): the layouts of events as TDH gives them,
//! the names of values, the volumes of the host.
//!
//! A record that the format can't hold is refused with a [`WriteError`] and counted. If the file does not take
//! a buffer (a full disk), the buffer is kept, and each further attempt begins at the same place: no record
//! that was accepted is lost, and no half buffer stays behind. Memory is a buffer for each processor
//! that has written, 128 MiB for the 2,048 that the format knows; nothing is allocated for a record
//! once the buffers are there.

mod buffer;
mod error;
mod header;
mod metadata;
mod record;

use std::collections::BTreeMap;
use std::io::{self, Seek, SeekFrom, Write};

use etwatch_event::{RawRecord, Timestamp};

use buffer::{BUFFER_SIZE, Buffer, Kind};
use header::Extent;

pub use error::WriteError;
pub use header::TraceHeader;
pub use metadata::Metadata;

/// The most processors that a buffer's header can name.
const PROCESSORS: u16 = 2_048;

/// Writes an `.etl` file; see the module.
///
/// ```
/// use etwatch_capture::etl::{TraceHeader, Writer};
/// use etwatch_event::{RawHeader, RawRecord};
///
/// let header = TraceHeader { build: 19_045, ..TraceHeader::default() };
/// let mut writer = Writer::create(std::io::Cursor::new(Vec::new()), &header)?;
/// let header = RawHeader { id: 5, pointer_size: 8, ..RawHeader::default() };
/// writer.write(&RawRecord { header, extended: &[], payload: b"bytes" })?;
/// let written = writer.finish()?;
/// assert_eq!((written.records, written.refused, written.buffers), (1, 0, 2));
/// # Ok::<(), etwatch_capture::etl::WriteError>(())
/// ```
#[derive(Debug)]
#[must_use = "what is still in buffers is written by `finish`"]
pub struct Writer<W> {
    output: W,
    header: TraceHeader,
    extent: Extent,
    /// By processor, in their order, so that equal records give equal files.
    buffers: BTreeMap<u16, Buffer>,
    written: Written,
    /// A record on its way to its buffer.
    record: Vec<u8>,
    /// A buffer on its way to the file.
    sealed: Vec<u8>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Records that were accepted, without metadata and the header of the trace.
    pub records: u64,
    /// Records of metadata that were accepted.
    pub metadata: u64,
    /// Records and metadata that were refused, each with a [`WriteError`].
    pub refused: u64,
    /// Buffers in the file, that of the header included.
    pub buffers: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file at the start of `output`, which should be empty.
    ///
    /// # Errors
    /// [`WriteError::Io`]; [`WriteError::PointerSize`], [`WriteError::Name`] and [`WriteError::TooLong`] if the
    /// header can't be written as it is.
    pub fn create(output: W, header: &TraceHeader) -> Result<Self, WriteError> {
        let mut writer = Self {
            output,
            header: header.clone(),
            extent: Extent { buffers: 1, ..Extent::default() },
            buffers: BTreeMap::new(),
            written: Written { buffers: 1, ..Written::default() },
            record: Vec::new(),
            sealed: Vec::new(),
        };
        writer.write_header()?;
        Ok(writer)
    }

    /// Writes a record behind those of its processor.
    ///
    /// # Errors
    /// A [`WriteError`] for a record that is not in the file, and will not be; it is counted, and
    /// writing goes on. After [`WriteError::Io`] the same record may be tried again.
    pub fn write(&mut self, record: &RawRecord<'_>) -> Result<(), WriteError> {
        let outcome = self.accept(record);
        match &outcome {
            Ok(()) => self.written.records += 1,
            Err(_) => self.written.refused += 1,
        }
        outcome
    }

    /// Writes what explains payloads; it stands among the records of processor 0.
    ///
    /// `payload`: as [`Metadata`] says; `time`: not earlier than the records already written and not later
    /// than those that need it, if there is a choice.
    ///
    /// # Errors
    /// As for [`Writer::write`].
    pub fn describe(
        &mut self,
        kind: Metadata,
        payload: &[u8],
        time: Timestamp,
    ) -> Result<(), WriteError> {
        let header = kind.header(time, self.header.pointer_size);
        let outcome = self.accept(&RawRecord { header, extended: &[], payload });
        match &outcome {
            Ok(()) => self.written.metadata += 1,
            Err(_) => self.written.refused += 1,
        }
        outcome
    }

    /// Writes all records that are still in buffers, so that the file is whole as it lies there.
    ///
    /// Each processor with records costs a buffer in the file, however few they are.
    ///
    /// # Errors
    /// [`WriteError::Io`]; what was not written is kept.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        for buffer in self.buffers.values_mut().filter(|buffer| !buffer.is_empty()) {
            write_out(&mut self.output, buffer, false, &mut self.written, &mut self.sealed)?;
        }
        self.write_header()?;
        Ok(self.output.flush()?)
    }

    /// Writes what is still in buffers and completes the header.
    ///
    /// # Errors
    /// Those of the output; the file then lacks the records since the last buffer that it took.
    pub fn finish(mut self) -> io::Result<Written> {
        match self.flush() {
            Ok(()) => Ok(self.written),
            Err(WriteError::Io(error)) => Err(error),
            Err(other) => Err(io::Error::other(other)),
        }
    }

    fn accept(&mut self, raw: &RawRecord<'_>) -> Result<(), WriteError> {
        let (processor, time) = (raw.header.processor, raw.header.time);
        if processor >= PROCESSORS {
            return Err(WriteError::Processor(processor));
        }
        record::encode(raw, &mut self.record)?;
        let buffer = self.buffers.entry(processor).or_insert_with(|| Buffer::new(processor));
        if !buffer.has_room(self.record.len()) {
            write_out(&mut self.output, buffer, true, &mut self.written, &mut self.sealed)?;
        }
        buffer.push(&self.record, time);
        let (first, last) = self.extent.times.unwrap_or((time, time));
        self.extent.times = Some((first.min(time), last.max(time)));
        self.extent.processors = self.extent.processors.max(u32::from(processor) + 1);
        Ok(())
    }

    /// Writes the first buffer, which holds the header of the trace and is always at the same place.
    fn write_header(&mut self) -> Result<(), WriteError> {
        self.extent.buffers = self.written.buffers;
        self.header.encode(BUFFER_SIZE, &self.extent, &mut self.record)?;
        let mut first = Buffer::new(0);
        first.push(&self.record, self.header.start_of(&self.extent));
        first.seal(Kind::Header, 0, false, &mut self.sealed);
        self.output.seek(SeekFrom::Start(0))?;
        self.output.write_all(&self.sealed)?;
        self.written.bytes = self.written.bytes.max(length_of(&self.sealed));
        Ok(())
    }
}

/// Writes a buffer behind those of the file and empties it; if that fails, nothing has changed but bytes
/// behind the end, which the next attempt writes again.
fn write_out<W: Write + Seek>(
    output: &mut W,
    buffer: &mut Buffer,
    full: bool,
    written: &mut Written,
    sealed: &mut Vec<u8>,
) -> io::Result<()> {
    buffer.seal(Kind::Generic, written.buffers, full, sealed);
    output.seek(SeekFrom::Start(written.bytes))?;
    output.write_all(sealed)?;
    written.bytes += length_of(sealed);
    written.buffers += 1;
    buffer.clear();
    Ok(())
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
