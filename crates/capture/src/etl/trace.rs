//! What a log says of itself: its first record, and what later ones explain.
//!
//! The first record of a log (`TRACE_LOGFILE_HEADER`) tells the clock, the machine and what was lost while
//! it was written. Logs that were merged or relogged carry further records that are no events but explain
//! some: layouts of events, maps of values, manifests, the drive letters of volumes. They may stand
//! anywhere, most often at the end, so all of them are gathered before the first event is handed on. A
//! hostile log could repeat them without end: their number and bytes are bounded, what goes beyond is
//! counted.

use etwatch_event::{Guid, RawForm, RawRecord, Timestamp};

use super::bytes::{i32_at, text, u32_at, u64_at};
use super::clock::{ClockKind, TraceClock};
use super::hooks;
use super::record::{Frame, LogForm};
use super::system_volume::SystemVolume;

/// Schemas that are kept of one log, and their bytes.
const MOST_SCHEMAS: usize = 65_536;
const MOST_SCHEMA_BYTES: usize = 64 << 20;
/// Volumes that are kept of one log. (A record, and so a path, has at most 64 KiB.)
const MOST_VOLUMES: usize = 256;

/// Records of metadata in merged logs: bbccf6c1-6cd1-48c4-80ff-839482e37671.
const METADATA: Guid = Guid([
    0xc1, 0xf6, 0xcc, 0xbb, 0xd1, 0x6c, 0xc4, 0x48, 0x80, 0xff, 0x83, 0x94, 0x82, 0xe3, 0x76, 0x71,
]);
/// Records about the machine in merged logs: 9b79ee91-b5fd-41c0-a243-4248e266e9d0.
const MACHINE: Guid = Guid([
    0x91, 0xee, 0x79, 0x9b, 0xfd, 0xb5, 0xc0, 0x41, 0xa2, 0x43, 0x42, 0x48, 0xe2, 0x66, 0xe9, 0xd0,
]);

const EVENT_INFO: u8 = 32;
const MAP_INFO: u8 = 33;
const BUILD: u8 = 32;
const SYSTEM_PATHS: u8 = 33;
const VOLUME: u8 = 35;
/// The event in which an EventSource of .NET writes its manifest, and the byte that marks it.
pub(crate) const MANIFEST_ID: u16 = 0xfffe;
const MANIFEST_MARK: u8 = 0x5b;

/// What a log says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The build number of the Windows that wrote it.
    pub os_build: u32,
    /// Bytes of a pointer on that machine: 4 or 8.
    pub pointer_size: u8,
    /// How many processors it had.
    pub processors: u32,
    /// The clock of its records.
    pub clock: TraceClock,
    /// When logging began.
    pub start: Timestamp,
    /// When it ended; [`Timestamp::UNKNOWN`] if it did not end in order.
    pub end: Timestamp,
    /// When the machine was started.
    pub boot: Timestamp,
    /// The name of the session.
    pub logger_name: String,
    /// The name of the file when it was written.
    pub file_name: String,
    /// Events that Windows lost while it wrote the log.
    pub events_lost: u32,
    /// Buffers that Windows lost while it wrote the log.
    pub buffers_lost: u32,
    /// Buffers that Windows says it has written.
    pub buffers_written: u32,
    /// Bytes of a buffer in memory, as the header states them.
    pub buffer_size: u32,
    /// The mode of the session (`EVENT_TRACE_FILE_MODE_*` and others).
    pub log_mode: u32,
    /// The version of that Windows: 6.2, 10.0.
    pub os_version: (u8, u8),
    /// The version of the form of the log, most often 1.5; 2.0 if it is compressed.
    pub log_version: (u8, u8),
    /// Minutes to add to the machine's local time for UTC; all times here are UTC already.
    pub time_zone_bias_minutes: i32,
    /// Layouts that the log carries, as they lie in it, in the order of the file.
    pub schemas: Vec<TraceSchema>,
    /// Layouts that were not kept since there are too many.
    pub schemas_refused: u64,
    /// Which volume had which drive letter.
    pub volumes: Vec<Volume>,
    /// The kernel's name of the volume from which Windows seems to run, if the log does not tell its volumes but
    /// has images of the kernel's logger: `\Device\HarddiskVolume3`.
    pub system_volume: Option<String>,
    /// The text of the build that merging tools leave; empty if there is none.
    pub build_text: String,
    /// The system folder and the Windows folder; empty if they are not told.
    pub system_paths: (String, String),
}

/// A layout that a log carries, not yet read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSchema {
    /// What its bytes are.
    pub kind: TraceSchemaKind,
    /// The provider that wrote it, for parts of a manifest; else all zeros: the bytes themselves tell.
    pub provider: Guid,
    /// The process that wrote it, for parts of a manifest: parts of several may be interleaved.
    pub process_id: Option<u32>,
    /// The payload of the record.
    pub bytes: Box<[u8]>,
}

/// What the bytes of a layout are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceSchemaKind {
    /// `TRACE_EVENT_INFO`.
    EventInfo,
    /// `EVENT_MAP_INFO`.
    MapInfo,
    /// A part of the manifest of an EventSource: format, version, mark, number of parts, index, XML.
    Manifest,
}

/// How paths of the kernel begin, and what users write in its place; most often a volume and its drive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// The beginning in the kernel: `\Device\HarddiskVolume4\`.
    pub device: String,
    /// What users write: `C:\`, or `C:\Windows\` for `\SystemRoot\`.
    pub drive: String,
}

impl Trace {
    /// The bit of [`Trace::log_mode`] that says that the file wraps around.
    pub const CIRCULAR: u32 = 2;

    /// Reads the first record of a log; `None` if it is not the header of one.
    pub(super) fn read(first: &Frame, contents: &[u8]) -> Option<Self> {
        let record = first.view(contents, LogForm::default());
        let header = record.header;
        let is_header = header.form == RawForm::Kernel
            && header.provider == hooks::EVENT_TRACE
            && header.opcode == 0;
        if !is_header {
            return None;
        }
        let data = record.payload;
        // Two pointers in the middle: what lies behind them is 8 bytes nearer with 32 bits.
        let (zone, back) = if header.pointer_size == 4 { (0x40, 8) } else { (0x48, 0) };
        let &[os_major, os_minor, major, minor] = data.get(4..)?.first_chunk()?;
        let time = |at| u64_at(data, at).map(Timestamp::from_filetime);
        let (start, start_ticks) = (time(0x108 - back)?, first.ticks?);
        let frequency = u64_at(data, 0x100 - back)?;
        let (logger_name, rest) = text(data.get(0x118 - back..)?);
        let (file_name, _) = text(rest);
        let (kind, ticks_per_second) = match u32_at(data, 0x110 - back)? {
            2 => (ClockKind::SystemTime, 0),
            3 => (ClockKind::Cycles, u64::from(u32_at(data, 0x34)?) * 1_000_000),
            0 if frequency == 0 => (ClockKind::SystemTime, 0),
            _ => (ClockKind::PerformanceCounter, frequency),
        };
        let pointer_size = match u32_at(data, 0x2c)? {
            4 => 4,
            8 => 8,
            _ => header.pointer_size,
        };
        Some(Self {
            os_build: u32_at(data, 8)?,
            pointer_size,
            processors: u32_at(data, 0xc)?,
            clock: TraceClock { kind, start, start_ticks, ticks_per_second },
            start,
            end: time(0x10)?,
            boot: time(0xf8 - back)?,
            logger_name,
            file_name,
            events_lost: u32_at(data, 0x30)?,
            buffers_lost: u32_at(data, 0x114 - back)?,
            buffers_written: u32_at(data, 0x24)?,
            buffer_size: u32_at(data, 0)?,
            log_mode: u32_at(data, 0x20)?,
            os_version: (os_major, os_minor),
            log_version: (major, minor),
            time_zone_bias_minutes: i32_at(data, zone)?,
            ..Self::default()
        })
    }

    /// What records are read by.
    pub(super) fn form(&self) -> LogForm {
        LogForm { pointer_size: self.pointer_size, old_instances: self.log_version < (1, 1) }
    }
}

/// Whether a record is no event but tells something about the log or about events.
#[must_use]
pub fn is_bookkeeping(record: &RawRecord<'_>) -> bool {
    let header = &record.header;
    match header.form {
        RawForm::Event => is_manifest(record),
        RawForm::Kernel => header.provider == hooks::EVENT_TRACE,
        RawForm::Classic => match header.provider {
            hooks::EVENT_TRACE | METADATA => true,
            MACHINE => matches!(header.opcode, BUILD | SYSTEM_PATHS | VOLUME),
            _ => false,
        },
        RawForm::Message => false,
    }
}

fn is_manifest(record: &RawRecord<'_>) -> bool {
    record.header.id == MANIFEST_ID && record.payload.get(3) == Some(&MANIFEST_MARK)
}

/// Gathers what records of a log explain.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) trace: Trace,
    schema_bytes: usize,
    pub(super) system_volume: SystemVolume,
}

impl Gathering {
    pub(super) fn new(trace: Trace) -> Self {
        Self { trace, schema_bytes: 0, system_volume: SystemVolume::default() }
    }

    /// Keeps what a record of bookkeeping tells.
    pub(super) fn add(&mut self, record: &RawRecord<'_>) {
        let header = &record.header;
        if is_manifest(record) && header.form == RawForm::Event {
            return self.add_schema(TraceSchemaKind::Manifest, record);
        }
        match (header.form, header.provider, header.opcode) {
            (RawForm::Classic, METADATA, EVENT_INFO) => {
                self.add_schema(TraceSchemaKind::EventInfo, record);
            }
            (RawForm::Classic, METADATA, MAP_INFO) => {
                self.add_schema(TraceSchemaKind::MapInfo, record);
            }
            (RawForm::Classic, MACHINE, VOLUME) if self.trace.volumes.len() < MOST_VOLUMES => {
                let (device, rest) = text(record.payload);
                let volume = Volume { device, drive: text(rest).0 };
                if !self.trace.volumes.contains(&volume) {
                    self.trace.volumes.push(volume);
                }
            }
            (RawForm::Classic, MACHINE, BUILD) => {
                // A time stands before the text.
                self.trace.build_text = text(record.payload.get(8..).unwrap_or_default()).0;
            }
            (RawForm::Classic, MACHINE, SYSTEM_PATHS) => {
                let (system, rest) = text(record.payload);
                self.trace.system_paths = (system, text(rest).0);
            }
            _ => {}
        }
    }

    fn add_schema(&mut self, kind: TraceSchemaKind, record: &RawRecord<'_>) {
        let bytes = self.schema_bytes + record.payload.len();
        if self.trace.schemas.len() >= MOST_SCHEMAS || bytes > MOST_SCHEMA_BYTES {
            self.trace.schemas_refused += 1;
            return;
        }
        self.schema_bytes = bytes;
        self.trace.schemas.push(TraceSchema::new(kind, record));
    }
}

impl TraceSchema {
    fn new(kind: TraceSchemaKind, record: &RawRecord<'_>) -> Self {
        let (provider, process_id) = match kind {
            TraceSchemaKind::Manifest => (record.header.provider, record.header.process_id),
            TraceSchemaKind::EventInfo | TraceSchemaKind::MapInfo => (Guid::default(), None),
        };
        Self { kind, provider, process_id, bytes: record.payload.into() }
    }
}

/// The part of a manifest that a record is, if it is one.
pub(crate) fn manifest_part(record: &RawRecord<'_>) -> Option<TraceSchema> {
    let is_part = record.header.form == RawForm::Event && is_manifest(record);
    is_part.then(|| TraceSchema::new(TraceSchemaKind::Manifest, record))
}
