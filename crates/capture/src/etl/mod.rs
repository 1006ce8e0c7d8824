//! `.etl` files, the logs of ETW, on any system.
//!
//! A log is buffers, each of one processor, each with records whose payload only a schema explains
//! ([`etwatch_event::RawRecord`]). It is read twice. The first pass notes where the buffers lie and gathers
//! what explains records into a [`Trace`]; the second hands out *slices*, ranges of time with all the
//! buffers that have a part in them, which are unpacked, walked and merged by time on any thread.
//!
//! ```text
//!  file ──▶ index: buffers by time, Trace ──▶ slices ──▶ unpack ──▶ walk ──▶ merge ──▶ RawRecord, Trace
//!           once, in the order of the file    128 KiB    any worker, each slice by itself
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `buffer` | the header of a buffer, where its records end |
//! | `xpress` | [`unpack`], how compressed buffers are unpacked |
//! | `record` | the headers of records, where they lie |
//! | [`hooks`] | hooks of the kernel logger and the classes that they stand for |
//! | `clock` | from ticks to time |
//! | `trace` | the header of the log, schemas and volumes that it carries |
//! | `system_volume` | the volume from which Windows seems to run |
//! | `index` | the first pass |
//! | `reader` | which buffers make a slice |
//! | `slice` | the second pass |
//! | [`writer`] | raw records to a file that any reader of `.etl` reads |
//!
//! Source: `WMI_BUFFER_HEADER`, the record headers and `TRACE_LOGFILE_HEADER` as Windows' headers and their
//! public descriptions give them; all of it checked with real logs of Windows 7 to 11.

mod buffer;
pub(crate) mod bytes;
mod clock;
pub mod hooks;
mod index;
mod reader;
mod record;
mod slice;
mod system_volume;
mod trace;
pub mod writer;
mod xpress;

pub use clock::{ClockKind, TraceClock};
pub use reader::Reader;
pub(crate) use record::event_header;
pub use slice::{EachRecord, EtlScratch, EtlSlice};
pub(crate) use trace::{MANIFEST_ID, computer_record, manifest_part};
pub use trace::{Trace, TraceSchema, TraceSchemaKind, Volume, is_bookkeeping, tells_computer};
pub use writer::{Metadata, TraceHeader, WriteError, Writer, Written};
pub use xpress::{XpressError, unpack};

/// Whether an input whose first bytes these are is a log: a buffer of a sound size whose first record is the
/// header of a log, a kernel record of group 0 and type 0.
pub(crate) fn is_log(first: &[u8]) -> bool {
    let marker = first.get(buffer::HEADER..).and_then(<[u8]>::first_chunk::<8>);
    buffer::BufferHeader::read(first).is_some()
        && matches!(marker, Some([_, _, 1 | 2, 0xc0, _, _, 0, 0]))
}

/// How many bytes [`is_log`] looks at.
pub(crate) const SNIFFED: usize = buffer::HEADER + 8;
