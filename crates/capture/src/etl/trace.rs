//! What a log says of itself: its first record, and what later ones explain.
//!
//! The first record of a log (`TRACE_LOGFILE_HEADER`) tells the clock, the machine and what was lost while
//! it was written. Logs that were merged or relogged carry further records that are no events but explain
//! some: layouts of events, maps of values, manifests, the drive letters of volumes. They may stand
//! anywhere, most often at the end, so all of them are gathered before the first event is handed on. A
//! hostile log could repeat them without end: their number and bytes are bounded, what goes beyond is
//! counted.

use etwatch_event::{Guid, RawForm, RawHeader, RawRecord, Timestamp};

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
/// `SystemConfig_CPU`, where the name of the machine begins in it, and its domain.
const COMPUTER: u8 = 10;
const COMPUTER_NAME: usize = 20;
const COMPUTER_DOMAIN: usize = COMPUTER_NAME + 2 * NAME_LETTERS;
const NAME_LETTERS: usize = 256;
const DOMAIN_LETTERS: usize = 134;
/// The event in which an EventSource of .NET writes its manifest, and the byte that marks it.
pub(crate) const MANIFEST_ID: u16 = 0xfffe;
const MANIFEST_MARK: u8 = 0x5b;

/// What a log says of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The name of the machine as its event log writes it, with its domain if it is in one (`SystemConfig_CPU`);
    /// empty if it is not told.
    pub computer: String,
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

    /// What stands for its host: its name, else when it was booted, since no two hosts are in the same 100 ns.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        let named = Some(&self.computer).filter(|name| !name.is_empty()).cloned();
        let boot = self.boot;
        named.or_else(|| boot.is_known().then(|| format!("booted at {boot}")))
    }

    /// What records are read by.
    pub(super) fn form(&self) -> LogForm {
        LogForm { pointer_size: self.pointer_size, old_instances: self.log_version < (1, 1) }
    }
}

/// Whether a record tells what the machine is called.
#[must_use]
pub fn tells_computer(record: &RawRecord<'_>) -> bool {
    let RawHeader { form, provider, opcode, .. } = record.header;
    let is_of_kernel = matches!(form, RawForm::Kernel | RawForm::Classic);
    is_of_kernel && (provider, opcode) == (hooks::SYSTEM_CONFIG, COMPUTER)
}

/// The name of the machine by `SystemConfig_CPU`: five numbers, 256 letters of its name, and its domain, which is empty
/// outside of one.
fn computer(payload: &[u8]) -> Option<String> {
    let (name, _) = text(payload.get(COMPUTER_NAME..COMPUTER_DOMAIN)?);
    let (domain, _) = text(payload.get(COMPUTER_DOMAIN..)?);
    Some(if name.is_empty() || domain.is_empty() { name } else { format!("{name}.{domain}") })
}

/// The payload of a `SystemConfig_CPU`, version 2, that tells this name and nothing else.
pub(crate) fn computer_record(name: &str) -> (RawHeader, Vec<u8>) {
    let (name, domain) = name.split_once('.').unwrap_or((name, ""));
    let mut payload = vec![0; COMPUTER_DOMAIN + 2 * DOMAIN_LETTERS + 4];
    for (text, at, most) in
        [(name, COMPUTER_NAME, NAME_LETTERS - 1), (domain, COMPUTER_DOMAIN, DOMAIN_LETTERS - 1)]
    {
        let units = text.encode_utf16().take(most).flat_map(u16::to_le_bytes);
        for (to, byte) in payload.iter_mut().skip(at).zip(units) {
            *to = byte;
        }
    }
    let header = RawHeader {
        form: RawForm::Kernel,
        provider: hooks::SYSTEM_CONFIG,
        version: 2,
        opcode: COMPUTER,
        ..RawHeader::default()
    };
    (header, payload)
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

    /// Keeps what a record tells of the log or its machine, if it tells anything.
    pub(super) fn add(&mut self, record: &RawRecord<'_>) {
        let header = &record.header;
        match header.provider {
            hooks::IMAGE => return self.system_volume.look_at(record.payload),
            hooks::SYSTEM_CONFIG => return self.add_computer(record),
            _ => {}
        }
        if !is_bookkeeping(record) {
            return;
        }
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

    /// The first name that is told holds: one machine writes one log.
    fn add_computer(&mut self, record: &RawRecord<'_>) {
        if tells_computer(record) && self.trace.computer.is_empty() {
            self.trace.computer = computer(record.payload).unwrap_or_default();
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
