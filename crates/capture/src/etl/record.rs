//! Where a record lies in a buffer, and what its header says.
//!
//! Records begin at multiples of 8 bytes. The first four bytes tell which of ETW's headers a record has;
//! zeros or ones in their place end the buffer. From a record that is damaged no way leads to the next
//! one: its size is what could not be trusted.
//!
//! | marker | header | bytes of header | says |
//! |---|---|---|---|
//! | 1, 2 | SYSTEM, of 32 and 64 bits | 0x20 | hook, process, thread, time, processor times |
//! | 3, 4 | COMPACT | 0x18 | the same without processor times |
//! | 0x10, 0x11 | PERFINFO | 0x10 | hook and time alone |
//! | 0x0a, 0x14 | FULL (`EVENT_TRACE_HEADER`) | 0x30 | class, opcode, process, thread, time |
//! | 0x0b, 0x15 | INSTANCE | 0x48, before log version 1.1 0x38 | the same, and ids |
//! | 0x12, 0x13 | `EVENT_HEADER` | 0x50, then extended items | a manifest's or TraceLogging event |
//! | 0x0c to 0x0e | TIMED, ERROR, WNODE | – | nothing that is known here: opaque |
//! | 0x90 in the last byte | WPP message | 8, then what its flags announce | a message |
//!
//! A header of the first three kinds may be followed by values of performance counters, which are skipped.

use etwatch_event::{RawForm, RawHeader, RawRecord};

use super::bytes::{guid_at, u16_at, u32_at, u64_at};
use super::hooks;
use super::trace::MANIFEST_ID;

/// More extended items than Windows has kinds of; a record with more is damaged.
const MOST_ITEMS: usize = 16;
/// What Windows writes where there is no process or thread.
const NOBODY: u32 = u32::MAX;

/// What of a log its records are read by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogForm {
    /// Bytes of a pointer, for headers that do not say.
    pub(super) pointer_size: u8,
    /// Whether INSTANCE headers are those before version 1.1, with handles in place of GUIDs.
    pub(super) old_instances: bool,
}

/// Which header a record has, with 32 bits or 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// SYSTEM, COMPACT and PERFINFO, by the bytes of the header.
    Kernel {
        bytes: u8,
        is_32: bool,
    },
    /// FULL and INSTANCE; old instances have a handle in place of the GUID.
    Classic {
        is_32: bool,
        has_handle: bool,
    },
    Event {
        is_32: bool,
    },
    Message,
    #[default]
    Opaque,
}

/// Where a record lies in the bytes of its buffer, and when it was written: what merging needs to know. It
/// was seen to be sound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    /// Its time in ticks of the log's clock; `None` if it has none.
    pub(super) ticks: Option<u64>,
    /// Where it begins.
    at: usize,
    /// Bytes of the record: its header ends at the first, the items at the second, it itself at the third.
    ends: (u32, u32, u32),
    kind: Kind,
    /// Whether it can be one that explains others.
    pub(super) may_explain: bool,
    /// Whether the kernel's logger tells of an image, or of the machine.
    pub(super) tells_host: bool,
}

impl Frame {
    /// Where the next record begins.
    #[inline]
    pub(super) fn next(&self) -> usize {
        self.at + (self.ends.2 as usize).next_multiple_of(8)
    }
    /// Whether its header is one that nothing is known of.
    pub(super) fn is_opaque(&self) -> bool {
        self.kind == Kind::Opaque
    }
    /// The record in `contents`, the bytes it was found in; it has neither time nor number yet.
    #[inline]
    pub(super) fn view<'a>(&self, contents: &'a [u8], log: LogForm) -> RawRecord<'a> {
        let (items, payload, end) = self.ends;
        let [items, payload, end] = [items, payload, end].map(|place| place as usize);
        let record = contents.get(self.at..self.at + end).unwrap_or_default();
        let header = match self.kind {
            Kind::Kernel { bytes, is_32 } => kernel_header(record, bytes, is_32),
            Kind::Classic { is_32, has_handle } => classic_header(record, is_32, has_handle),
            Kind::Event { is_32 } => event_header(record, is_32),
            Kind::Message => message_header(record, log),
            Kind::Opaque => RawHeader { pointer_size: log.pointer_size, ..RawHeader::default() },
        };
        RawRecord {
            header,
            extended: record.get(items..payload).unwrap_or_default(),
            payload: record.get(payload..).unwrap_or_default(),
        }
    }
}

/// What lies at a place of a buffer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A record.
    Record(Frame),
    /// Nothing more.
    End,
    /// A record that is damaged, and how.
    Bad(&'static str),
}

type Found = Result<Frame, &'static str>;

const TOO_SMALL: &str = "the record is smaller than its header";
const TOO_LARGE: &str = "the record reaches beyond the end of its buffer";

/// Looks at the byte `at` of `contents`; `is_cut` says that they are not whole.
pub(super) fn step(contents: &[u8], at: usize, is_cut: bool, log: LogForm) -> Step {
    let rest = contents.get(at..).unwrap_or_default();
    let Some(marker) = rest.first_chunk::<4>() else {
        let is_padding = rest.iter().all(|byte| matches!(byte, 0 | 0xff));
        return match (is_cut, is_padding) {
            (true, _) => Step::Bad("the file ends before the end of this buffer"),
            (false, true) => Step::End,
            (false, false) => Step::Bad("the bytes are too few for a record"),
        };
    };
    let found = match *marker {
        [0, 0, 0, 0] => {
            let is_empty = rest.iter().all(|byte| *byte == 0);
            return if is_empty { Step::End } else { Step::Bad("there are zeros in its place") };
        }
        [0xff, 0xff, 0xff, 0xff] => return Step::End,
        [_, _, kind, 0xc0] => match kind {
            1 | 2 => kernel(rest, 0x20, kind & 1 == 1),
            3 | 4 => kernel(rest, 0x18, kind & 1 == 1),
            0x10 | 0x11 => kernel(rest, 0x10, kind == 0x10),
            0x0a | 0x14 => classic(rest, 0x30, kind == 0x0a, false),
            0x0b | 0x15 => {
                let bytes = if log.old_instances { 0x38 } else { 0x48 };
                classic(rest, bytes, kind == 0x0b, log.old_instances)
            }
            0x12 | 0x13 => event(rest, kind == 0x12),
            0x0c..=0x0e => opaque(rest),
            _ => Err("no record begins so"),
        },
        [_, _, _, 0x90..=0x9f] => message(rest),
        _ => Err("no record begins so"),
    };
    match found {
        Ok(found) => Step::Record(Frame { at, ..found }),
        Err(what) => Step::Bad(what),
    }
}

/// The bytes of a record whose size stands at `place`.
fn framed(rest: &[u8], place: usize, header: usize) -> Result<&[u8], &'static str> {
    let size = usize::from(u16_at(rest, place).ok_or(TOO_LARGE)?);
    if size < header {
        return Err(TOO_SMALL);
    }
    rest.get(..size).ok_or(TOO_LARGE)
}

fn pointer_size(is_32: bool) -> u8 {
    if is_32 { 4 } else { 8 }
}

/// A process or thread, unless it is none.
fn somebody(id: Option<u32>) -> Option<u32> {
    id.filter(|id| *id != NOBODY)
}

/// Places within a record, which has at most 64 KiB.
fn ends(items: usize, payload: usize, end: usize) -> (u32, u32, u32) {
    let [items, payload, end] =
        [items, payload, end].map(|place| u32::try_from(place).unwrap_or(u32::MAX));
    (items, payload, end)
}

/// Counters of the processor behind the header of a kernel record, in the word of its version.
const COUNTERS: u16 = 0x0700;
const SAMPLING: u16 = 0x8000;

#[inline]
fn kernel(rest: &[u8], bytes: u8, is_32: bool) -> Found {
    let header = usize::from(bytes);
    let record = framed(rest, 4, header)?;
    let version = u16_at(record, 0).ok_or(TOO_SMALL)?;
    let counters = usize::from((version & COUNTERS) >> 8) + usize::from(version & SAMPLING != 0);
    let skipped = header + 8 * counters;
    if skipped > record.len() {
        return Err("its performance counters reach beyond the record");
    }
    let may_explain = record.get(7) == Some(&0);
    // By group, and by type and group of a load and of the machine: see `hooks`.
    let hook = (record.get(6), record.get(7));
    let tells_host = matches!(hook, (_, Some(0x14)) | (Some(10), Some(3 | 0x0b)));
    let ticks = u64_at(record, if bytes == PERFORMANCE { 8 } else { 0x10 });
    let ends = ends(skipped, skipped, record.len());
    Ok(Frame { ticks, at: 0, ends, kind: Kind::Kernel { bytes, is_32 }, may_explain, tells_host })
}

/// Bytes of the headers of the kernel logger.
const SYSTEM: u8 = 0x20;
const PERFORMANCE: u8 = 0x10;

#[inline]
fn kernel_header(record: &[u8], bytes: u8, is_32: bool) -> RawHeader {
    let &[version, _, _, _, _, _, kind, group] =
        record.first_chunk::<8>().unwrap_or(&[0, 0, 0, 0, 0, 0, 0, 0]);
    let who = |at| if bytes == PERFORMANCE { None } else { somebody(u32_at(record, at)) };
    let times = |at| if bytes == SYSTEM { u32_at(record, at).unwrap_or_default() } else { 0 };
    RawHeader {
        form: RawForm::Kernel,
        provider: hooks::class_of(group, kind).unwrap_or_default(),
        version,
        opcode: kind,
        thread_id: who(8),
        process_id: who(0xc),
        pointer_size: pointer_size(is_32),
        processor_times: (times(0x18), times(0x1c)),
        ..RawHeader::default()
    }
}

fn classic(rest: &[u8], bytes: usize, is_32: bool, has_handle: bool) -> Found {
    let record = framed(rest, 0, bytes)?;
    let ends = ends(bytes, bytes, record.len());
    let kind = Kind::Classic { is_32, has_handle };
    Ok(Frame {
        ticks: u64_at(record, 0x10),
        at: 0,
        ends,
        kind,
        may_explain: true,
        tells_host: false,
    })
}

fn classic_header(record: &[u8], is_32: bool, has_handle: bool) -> RawHeader {
    let &[_, _, _, _, opcode, level, version, _] =
        record.first_chunk::<8>().unwrap_or(&[0, 0, 0, 0, 0, 0, 0, 0]);
    let times = |at| u32_at(record, at).unwrap_or_default();
    let class = if has_handle { None } else { guid_at(record, 0x18) };
    RawHeader {
        form: RawForm::Classic,
        provider: class.unwrap_or_default(),
        version,
        level,
        opcode,
        thread_id: somebody(u32_at(record, 8)),
        process_id: somebody(u32_at(record, 0xc)),
        pointer_size: pointer_size(is_32),
        processor_times: (times(0x28), times(0x2c)),
        ..RawHeader::default()
    }
}

#[inline]
fn event(rest: &[u8], is_32: bool) -> Found {
    const HEADER: usize = 0x50;
    const EXTENDED: u16 = 1;
    let record = framed(rest, 0, HEADER)?;
    let flags = u16_at(record, 4).ok_or(TOO_SMALL)?;
    let items = if flags & EXTENDED == 0 { HEADER } else { items_end(record, HEADER)? };
    let may_explain = u16_at(record, 0x28) == Some(MANIFEST_ID);
    let ends = ends(HEADER, items, record.len());
    let kind = Kind::Event { is_32 };
    Ok(Frame { ticks: u64_at(record, 0x10), at: 0, ends, kind, may_explain, tells_host: false })
}

#[inline]
pub(crate) fn event_header(record: &[u8], is_32: bool) -> RawHeader {
    const NO_PROCESSOR_TIMES: u16 = 0x10;
    let flags = u16_at(record, 4).unwrap_or_default();
    let descriptor = record.get(0x2a..).and_then(<[u8]>::first_chunk);
    let &[version, channel, level, opcode] = descriptor.unwrap_or(&[0, 0, 0, 0]);
    let has_times = flags & NO_PROCESSOR_TIMES == 0;
    let times = |at| if has_times { u32_at(record, at).unwrap_or_default() } else { 0 };
    RawHeader {
        form: RawForm::Event,
        provider: guid_at(record, 0x18).unwrap_or_default(),
        id: u16_at(record, 0x28).unwrap_or_default(),
        version,
        channel,
        level,
        opcode,
        task: u16_at(record, 0x2e).unwrap_or_default(),
        keyword: u64_at(record, 0x30).unwrap_or_default(),
        thread_id: somebody(u32_at(record, 8)),
        process_id: somebody(u32_at(record, 0xc)),
        pointer_size: pointer_size(is_32),
        activity: guid_at(record, 0x40).unwrap_or_default(),
        processor_times: (times(0x38), times(0x3c)),
        ..RawHeader::default()
    }
}

/// Where the extended items that begin at `at` end.
fn items_end(record: &[u8], mut at: usize) -> Result<usize, &'static str> {
    const OUTSIDE: &str = "an extended item reaches beyond the record";
    for _ in 0..MOST_ITEMS {
        let size = usize::from(u16_at(record, at).ok_or(OUTSIDE)?);
        let is_followed = u16_at(record, at + 4).ok_or(OUTSIDE)? & 1 == 1;
        let data = usize::from(u16_at(record, at + 6).ok_or(OUTSIDE)?);
        if size < 8 + data {
            return Err("an extended item is smaller than what it holds");
        }
        if at + size > record.len() {
            return Err(OUTSIDE);
        }
        at = record.len().min(at + size.next_multiple_of(8));
        if !is_followed {
            return Ok(at);
        }
    }
    Err("there are more than 16 extended items")
}

fn opaque(rest: &[u8]) -> Found {
    let record = framed(rest, 0, 8)?;
    let ends = ends(8, 8, record.len());
    Ok(Frame {
        ticks: None,
        at: 0,
        ends,
        kind: Kind::Opaque,
        may_explain: false,
        tells_host: false,
    })
}

/// Where the parts of a WPP message's header lie; those that its flags leave out are nowhere.
struct MessageParts {
    guid: Option<usize>,
    time: Option<usize>,
    who: Option<usize>,
    end: usize,
}

fn message_parts(flags: u16) -> MessageParts {
    const SEQUENCE: u16 = 0x01;
    const GUID: u16 = 0x02;
    const COMPONENT: u16 = 0x04;
    const TIME: u16 = 0x08;
    const WHO: u16 = 0x20;
    let mut end = 8;
    let mut take = |flag, bytes| {
        let here = (flags & flag != 0).then_some(end);
        end += if here.is_some() { bytes } else { 0 };
        here
    };
    take(SEQUENCE, 4);
    let component = take(COMPONENT, 4);
    let guid = if component.is_some() { None } else { take(GUID, 16) };
    let time = take(TIME, 8);
    let who = take(WHO, 8);
    MessageParts { guid, time, who, end }
}

fn message(rest: &[u8]) -> Found {
    let record = framed(rest, 0, 8)?;
    let parts = message_parts(u16_at(record, 6).ok_or(TOO_SMALL)?);
    if parts.end > record.len() {
        return Err(TOO_SMALL);
    }
    let ticks = parts.time.and_then(|at| u64_at(record, at));
    let ends = ends(parts.end, parts.end, record.len());
    Ok(Frame { ticks, at: 0, ends, kind: Kind::Message, may_explain: false, tells_host: false })
}

fn message_header(record: &[u8], log: LogForm) -> RawHeader {
    const POINTERS_32: u16 = 0x40;
    const POINTERS_64: u16 = 0x80;
    let flags = u16_at(record, 6).unwrap_or_default();
    let MessageParts { guid, who, .. } = message_parts(flags);
    let pointer_size = match flags & (POINTERS_32 | POINTERS_64) {
        POINTERS_32 => 4,
        POINTERS_64 => 8,
        _ => log.pointer_size,
    };
    RawHeader {
        form: RawForm::Message,
        provider: guid.and_then(|at| guid_at(record, at)).unwrap_or_default(),
        id: u16_at(record, 4).unwrap_or_default(),
        thread_id: somebody(who.and_then(|at| u32_at(record, at))),
        process_id: somebody(who.and_then(|at| u32_at(record, at + 4))),
        pointer_size,
        ..RawHeader::default()
    }
}
