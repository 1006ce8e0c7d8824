//! A record as it lies in a file, each form with the header that it had.
//!
//! | form | header | bytes | written for |
//! |---|---|---|---|
//! | event | `EVENT_HEADER` | 0x50 | events of manifests and TraceLogging, with extended items |
//! | classic | `EVENT_TRACE_HEADER` | 0x30 | classic events |
//! | classic | `EVENT_INSTANCE_HEADER` | 0x48 | classic events with one extended item, which tells the instance |
//! | kernel | `SYSTEM_TRACE_HEADER` | 0x20 | events of the kernel logger that say who acted, or how long |
//! | kernel | `PERFINFO_TRACE_HEADER` | 0x10 | those that do not |
//! | message | `MESSAGE_TRACE_HEADER` | 0x20 or 0x28 | WPP, with GUID and time, and who sent it if that is known |
//!
//! A header is a size, a kind, and fields; the kind says as well whether pointers have 4 or 8 bytes. The
//! compact header of the kernel logger is the system header without the times of the processor, and never
//! needed. Where a header has a place for the process but it is not known, Windows writes -1, and so do we.
//!
//! A field that the header has no place for is an error unless it is 0: a record in the file says all that
//! the record handed in said. The number of a record is not stored; it is its place in the file.

use etwatch_event::{ExtendedItem, RawForm, RawHeader, RawRecord};

use super::error::WriteError;
use crate::etl::hooks;

/// Kinds of headers, 32-bit and 64-bit (`TRACE_HEADER_TYPE_*`).
pub(super) const SYSTEM_32: u8 = 0x01;
pub(super) const SYSTEM_64: u8 = 0x02;
const PERFORMANCE: [u8; 2] = [0x10, 0x11];
const CLASSIC: [u8; 2] = [0x0a, 0x14];
const INSTANCE: [u8; 2] = [0x0b, 0x15];
const EVENT: [u8; 2] = [0x12, 0x13];
/// The high byte of a header's first 32 bits.
const MARKER: u8 = 0xc0;
const MESSAGE_MARKER: u8 = 0x90;

/// An event has extended items behind its header.
const EXTENDED: u16 = 1;
/// What a WPP message has behind its header.
const MESSAGE_GUID: u16 = 2;
const MESSAGE_TIME: u16 = 8;
const MESSAGE_PROCESS: u16 = 0x20;
const MESSAGE_POINTERS: [u16; 2] = [0x40, 0x80];

/// The extended item that tells the instance of a classic event, and its bytes.
const INSTANCE_ITEM: u16 = 4;
const INSTANCE_BYTES: usize = 24;
/// The most extended items of an event.
const MOST_ITEMS: usize = 16;

/// Puts a record into `out`, padded with zeros to a multiple of 8 bytes.
///
/// # Errors
/// All of [`WriteError`] but `Io` and `Name`; what `out` holds then is of no use.
pub(super) fn encode(record: &RawRecord<'_>, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let header = &record.header;
    let wide = match header.pointer_size {
        4 => false,
        8 => true,
        other => return Err(WriteError::PointerSize(other)),
    };
    out.clear();
    check_places(header)?;
    match header.form {
        RawForm::Event => event(record, wide, out)?,
        RawForm::Classic => classic(record, wide, out)?,
        RawForm::Kernel => return kernel(record, wide, out),
        RawForm::Message => message(record, wide, out)?,
    }
    out.extend_from_slice(record.payload);
    end(out, 0)
}

/// Whether the header of this form has a place for each field that is set.
fn check_places(header: &RawHeader) -> Result<(), WriteError> {
    let form = header.form;
    let event = form == RawForm::Event;
    let classic = form == RawForm::Classic;
    let message = form == RawForm::Message;
    let fields = [
        ("id", header.id != 0, event || message),
        ("version", header.version != 0, !message),
        ("channel", header.channel != 0, event),
        ("level", header.level != 0, event || classic),
        ("opcode", header.opcode != 0, !message),
        ("task", header.task != 0, event),
        ("keyword", header.keyword != 0, event),
        ("activity", header.activity.0 != [0; 16], event),
        ("processor times", header.processor_times != (0, 0), !message),
    ];
    match fields.into_iter().find(|(_, set, place)| *set && !place) {
        Some((field, ..)) => Err(WriteError::NoPlace { form, field }),
        None => Ok(()),
    }
}

fn event(record: &RawRecord<'_>, wide: bool, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let header = &record.header;
    let flags = if record.extended.is_empty() { 0 } else { EXTENDED };
    begin(out, pick(EVENT, wide));
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&[0; 2]); // EventProperty
    push_process(out, header.thread_id, header.process_id);
    out.extend_from_slice(&header.time.filetime().to_le_bytes());
    out.extend_from_slice(&header.provider.0);
    out.extend_from_slice(&header.id.to_le_bytes());
    out.extend_from_slice(&[header.version, header.channel, header.level, header.opcode]);
    out.extend_from_slice(&header.task.to_le_bytes());
    out.extend_from_slice(&header.keyword.to_le_bytes());
    push_processor_times(out, header);
    out.extend_from_slice(&header.activity.0);
    push_items(out, record.extended)
}

fn classic(record: &RawRecord<'_>, wide: bool, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let header = &record.header;
    let instance = instance_of(record)?;
    let kinds = if instance.is_some() { INSTANCE } else { CLASSIC };
    begin(out, pick(kinds, wide));
    out.extend_from_slice(&[header.opcode, header.level]);
    out.extend_from_slice(&u16::from(header.version).to_le_bytes());
    push_process(out, header.thread_id, header.process_id);
    out.extend_from_slice(&header.time.filetime().to_le_bytes());
    out.extend_from_slice(&header.provider.0);
    push_processor_times(out, header);
    out.extend_from_slice(instance.unwrap_or_default());
    Ok(())
}

/// The instance of a classic event: two ids of 32 bits and the GUID of the parent's class.
fn instance_of<'a>(record: &RawRecord<'a>) -> Result<Option<&'a [u8]>, WriteError> {
    if record.extended.is_empty() {
        return Ok(None);
    }
    let mut items = record.items();
    match (items.next(), items.next()) {
        (Some(ExtendedItem { kind: INSTANCE_ITEM, data }), None)
            if data.len() == INSTANCE_BYTES =>
        {
            Ok(Some(data))
        }
        _ => Err(WriteError::ExtendedItems("a classic record has none but its instance")),
    }
}

fn kernel(record: &RawRecord<'_>, wide: bool, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let header = &record.header;
    let (class, opcode) = (header.provider, header.opcode);
    let group = hooks::group_of(class, opcode).ok_or(WriteError::NoHook { class, opcode })?;
    if (group, opcode) == (0, 0) {
        return Err(WriteError::SecondHeader);
    }
    if !record.extended.is_empty() {
        return Err(WriteError::ExtendedItems("a record of the kernel logger has none"));
    }
    let actor = header.process_id.is_some() || header.thread_id.is_some();
    if !actor && header.processor_times == (0, 0) {
        begin_system(out, pick(PERFORMANCE, wide), header.version, (group, opcode));
        out.extend_from_slice(&header.time.filetime().to_le_bytes());
    } else {
        begin_system(out, pick([SYSTEM_32, SYSTEM_64], wide), header.version, (group, opcode));
        push_process(out, header.thread_id, header.process_id);
        out.extend_from_slice(&header.time.filetime().to_le_bytes());
        push_processor_times(out, header);
    }
    out.extend_from_slice(record.payload);
    end_system(out)
}

fn message(record: &RawRecord<'_>, wide: bool, out: &mut Vec<u8>) -> Result<(), WriteError> {
    let header = &record.header;
    if !record.extended.is_empty() {
        return Err(WriteError::ExtendedItems("a message has none"));
    }
    let actor = header.process_id.is_some() || header.thread_id.is_some();
    let process = if actor { MESSAGE_PROCESS } else { 0 };
    let flags = MESSAGE_GUID | MESSAGE_TIME | process | pick(MESSAGE_POINTERS, wide);
    out.extend_from_slice(&[0, 0, 0, MESSAGE_MARKER]);
    out.extend_from_slice(&header.id.to_le_bytes());
    out.extend_from_slice(&flags.to_le_bytes());
    out.extend_from_slice(&header.provider.0);
    out.extend_from_slice(&header.time.filetime().to_le_bytes());
    if actor {
        push_process(out, header.thread_id, header.process_id);
    }
    Ok(())
}

/// Copies extended items, each padded with zeros to a multiple of 8 bytes and its size saying so.
fn push_items(out: &mut Vec<u8>, extended: &[u8]) -> Result<(), WriteError> {
    const CUT: WriteError = WriteError::ExtendedItems("the last one is cut off");
    let mut rest = extended;
    let mut count = 0;
    while !rest.is_empty() {
        count += 1;
        let Some((&[s0, s1, k0, k1, l0, l1, d0, d1], behind)) = rest.split_first_chunk::<8>()
        else {
            return Err(CUT);
        };
        let length = usize::from(u16::from_le_bytes([d0, d1]));
        let data = behind.get(..length).ok_or(CUT)?;
        let size = usize::from(u16::from_le_bytes([s0, s1])).max(8 + length).next_multiple_of(8);
        if size > rest.len().next_multiple_of(8) {
            return Err(CUT);
        }
        let more = l0 & 1 == 1;
        rest = rest.get(size..).unwrap_or_default();
        if more == rest.is_empty() {
            return Err(WriteError::ExtendedItems("their end is not where the last one says"));
        }
        if count > MOST_ITEMS {
            return Err(WriteError::ExtendedItems("more than 16"));
        }
        let field = u16::try_from(size).map_err(|_| WriteError::TooLong { size })?;
        let next = out.len() + size;
        out.extend_from_slice(&field.to_le_bytes());
        out.extend_from_slice(&[k0, k1, l0, l1, d0, d1]);
        out.extend_from_slice(data);
        out.resize(next, 0);
    }
    Ok(())
}

/// Begins a header whose size stands in its first two bytes.
fn begin(out: &mut Vec<u8>, kind: u8) {
    out.extend_from_slice(&[0, 0, kind, MARKER]);
}
/// Begins a header of the kernel logger, whose size stands at 4; `hook` is group and opcode.
pub(super) fn begin_system(out: &mut Vec<u8>, kind: u8, version: u8, hook: (u8, u8)) {
    out.extend_from_slice(&[version, 0, kind, MARKER, 0, 0, hook.1, hook.0]);
}
pub(super) fn end_system(out: &mut Vec<u8>) -> Result<(), WriteError> {
    end(out, 4)
}
/// Writes the size at `place` and pads with zeros to a multiple of 8 bytes.
fn end(out: &mut Vec<u8>, place: usize) -> Result<(), WriteError> {
    let size = out.len();
    let field = u16::try_from(size).map_err(|_| WriteError::TooLong { size })?.to_le_bytes();
    for (byte, value) in out.iter_mut().skip(place).zip(field) {
        *byte = value;
    }
    out.resize(size.next_multiple_of(8), 0);
    Ok(())
}

/// The thread, then the process.
pub(super) fn push_process(out: &mut Vec<u8>, thread: Option<u32>, process: Option<u32>) {
    out.extend_from_slice(&thread.unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&process.unwrap_or(u32::MAX).to_le_bytes());
}
fn push_processor_times(out: &mut Vec<u8>, header: &RawHeader) {
    let (kernel, user) = header.processor_times;
    out.extend_from_slice(&kernel.to_le_bytes());
    out.extend_from_slice(&user.to_le_bytes());
}
/// The first for pointers of 4 bytes, the second for those of 8.
fn pick<T: Copy>([narrow, broad]: [T; 2], wide: bool) -> T {
    if wide { broad } else { narrow }
}

#[cfg(test)]
mod tests;
