//! The first record of a file: what the trace says of itself (`TRACE_LOGFILE_HEADER`).
//!
//! It is a record of the kernel logger with group 0 and opcode 0, alone in the first buffer. A 32-bit trace
//! has it shorter: two pointers in its middle, which no file needs, have 4 bytes each. Behind its fields
//! stand the names of the logger and of the file.
//!
//! Times of records are 100 ns units since 1601, which ETW calls the clock "system time" (2). A reader
//! computes `start + (time of the record - time of this record) * 10^7 / frequency`; since this record's time is
//! the start and the frequency is 10^7, every time comes back exactly. Other clocks would round.
//!
//! The record is written twice: when the file is begun, and when it is known what the file holds.

use etwatch_event::Timestamp;

use super::error::WriteError;
use super::record;
use crate::etl::Trace;

/// The number of the clock "system time".
const SYSTEM_TIME: u32 = 2;
/// Units of that clock in a second.
const FREQUENCY: u64 = 10_000_000;
/// Log file mode: buffers one behind the other, without end.
const SEQUENTIAL: u32 = 1;
/// The version of the record's payload that all versions of Windows write.
const PAYLOAD_VERSION: u8 = 2;

/// What a recording says of itself; goes into the first record of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceHeader {
    /// The build of Windows, 19045 for example.
    pub build: u32,
    /// Bytes of a pointer on the host: 4 or 8.
    pub pointer_size: u8,
    /// Processors of the host; more if records come from a higher one.
    pub processors: u32,
    /// When the trace began; the first record's time if it is not known.
    pub start: Timestamp,
    /// When it ended; the last record's time if it is not known.
    pub end: Timestamp,
    /// When the host was started.
    pub boot: Timestamp,
    /// Minutes that the host's local time is behind UTC.
    pub time_zone_bias: i32,
    /// Time between two ticks of the host's timer, 100 ns units.
    pub timer_resolution: u32,
    /// Speed of a processor, MHz; at least 1 is written, since readers divide by it.
    pub processor_speed: u32,
    /// Events that ETW lost.
    pub events_lost: u32,
    /// Buffers that ETW lost.
    pub buffers_lost: u32,
    /// The name of the session.
    pub logger_name: String,
    /// The path of the file on the host.
    pub file_name: String,
}

impl Default for TraceHeader {
    /// A trace of 64-bit Windows of which nothing more is known.
    fn default() -> Self {
        Self {
            build: 0,
            pointer_size: 8,
            processors: 1,
            start: Timestamp::UNKNOWN,
            end: Timestamp::UNKNOWN,
            boot: Timestamp::UNKNOWN,
            time_zone_bias: 0,
            timer_resolution: 156_250,
            processor_speed: 1,
            events_lost: 0,
            buffers_lost: 0,
            logger_name: String::new(),
            file_name: String::new(),
        }
    }
}

impl From<&Trace> for TraceHeader {
    /// What a log that was read said of itself.
    fn from(trace: &Trace) -> Self {
        Self {
            build: trace.os_build,
            pointer_size: trace.pointer_size,
            processors: trace.processors,
            start: trace.start,
            end: trace.end,
            boot: trace.boot,
            time_zone_bias: trace.time_zone_bias_minutes,
            events_lost: trace.events_lost,
            buffers_lost: trace.buffers_lost,
            logger_name: trace.logger_name.clone(),
            file_name: trace.file_name.clone(),
            ..Self::default()
        }
    }
}

/// What the header says of the file, known at its end alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// Buffers of the file, that of the header included.
    pub(super) buffers: u64,
    /// One more than the highest processor of a record.
    pub(super) processors: u32,
    /// The earliest and the latest time of a record.
    pub(super) times: Option<(Timestamp, Timestamp)>,
}

impl TraceHeader {
    /// When the trace began, as written.
    pub(super) fn start_of(&self, extent: &Extent) -> Timestamp {
        let first = extent.times.map_or(Timestamp::UNKNOWN, |(first, _)| first);
        if self.start.is_known() { self.start } else { first }
    }

    /// Puts the record, a multiple of 8 bytes, into `out`.
    ///
    /// # Errors
    /// [`WriteError::PointerSize`], [`WriteError::Name`] for a NUL in a name, [`WriteError::TooLong`].
    pub(super) fn encode(
        &self,
        buffer_size: usize,
        extent: &Extent,
        out: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let last = extent.times.map_or(Timestamp::UNKNOWN, |(_, last)| last);
        let end = if self.end.is_known() { self.end } else { last };
        let start = self.start_of(extent);
        let processors = self.processors.max(extent.processors);
        let (pointer, kind) = match self.pointer_size {
            4 => (&[0; 4][..], record::SYSTEM_32),
            8 => (&[0; 8][..], record::SYSTEM_64),
            other => return Err(WriteError::PointerSize(other)),
        };
        out.clear();
        record::begin_system(out, kind, PAYLOAD_VERSION, (0, 0));
        record::push_process(out, None, None);
        out.extend_from_slice(&start.filetime().to_le_bytes());
        out.extend_from_slice(&[0; 8]); // times of the processor
        // Offsets of the payload: in 64-bit traces, in brackets those of 32-bit traces.
        out.extend_from_slice(&u32::try_from(buffer_size).unwrap_or(u32::MAX).to_le_bytes()); // 0x00
        out.extend_from_slice(&version(self.build, processors)); // 0x04
        out.extend_from_slice(&self.build.to_le_bytes()); // 0x08
        out.extend_from_slice(&processors.to_le_bytes()); // 0x0c
        out.extend_from_slice(&end.filetime().to_le_bytes()); // 0x10
        out.extend_from_slice(&self.timer_resolution.to_le_bytes()); // 0x18
        out.extend_from_slice(&0_u32.to_le_bytes()); // 0x1c MaximumFileSize
        out.extend_from_slice(&SEQUENTIAL.to_le_bytes()); // 0x20
        out.extend_from_slice(&u32::try_from(extent.buffers).unwrap_or(u32::MAX).to_le_bytes()); // 0x24
        out.extend_from_slice(&1_u32.to_le_bytes()); // 0x28 StartBuffers
        out.extend_from_slice(&u32::from(self.pointer_size).to_le_bytes()); // 0x2c
        out.extend_from_slice(&self.events_lost.to_le_bytes()); // 0x30
        out.extend_from_slice(&self.processor_speed.max(1).to_le_bytes()); // 0x34
        out.extend_from_slice(pointer); // 0x38 LoggerName
        out.extend_from_slice(pointer); // 0x40 (0x3c) LogFileName
        out.extend_from_slice(&self.time_zone_bias.to_le_bytes()); // 0x48 (0x40) TimeZone
        out.extend_from_slice(&[0; 0xac]); // the rest of it, and 4 bytes of padding
        out.extend_from_slice(&self.boot.filetime().to_le_bytes()); // 0xf8 (0xf0)
        out.extend_from_slice(&FREQUENCY.to_le_bytes()); // 0x100 (0xf8)
        out.extend_from_slice(&start.filetime().to_le_bytes()); // 0x108 (0x100)
        out.extend_from_slice(&SYSTEM_TIME.to_le_bytes()); // 0x110 (0x108)
        out.extend_from_slice(&self.buffers_lost.to_le_bytes()); // 0x114 (0x10c)
        push_name(out, &self.logger_name, "name of the logger")?; // 0x118 (0x110)
        push_name(out, &self.file_name, "name of the file")?;
        record::end_system(out)
    }
}

/// The version of Windows (major, minor), then that of the format: 1.5, and 2.0 for the traces of hosts
/// with more than 256 processors.
fn version(build: u32, processors: u32) -> [u8; 4] {
    let (major, minor) = match build {
        0 | 9_601.. => (10, 0),
        9_600 => (6, 3),
        9_200.. => (6, 2),
        7_600.. => (6, 1),
        _ => (6, 0),
    };
    let (sub, sub_minor) = if processors > 256 { (2, 0) } else { (1, 5) };
    [major, minor, sub, sub_minor]
}

/// Adds UTF-16 and a NUL.
fn push_name(out: &mut Vec<u8>, name: &str, what: &'static str) -> Result<(), WriteError> {
    if name.contains('\0') {
        return Err(WriteError::Name(what));
    }
    for unit in name.encode_utf16().chain([0]) {
        out.extend_from_slice(&unit.to_le_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
