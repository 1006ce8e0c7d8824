//! The layout of a record (`TdhGetEventInformation`), asked with a record that was copied.

use etwatch_event::RawRecord;
use windows_sys::Win32::System::Diagnostics::Etw::{
    EVENT_HEADER_EXTENDED_DATA_ITEM, EVENT_RECORD, TdhGetEventInformation,
};

use super::machine::filled;
use crate::etw::error::{Call, Refusal};
use crate::etw::record::{FIXED_BYTES, fixed_bytes};

/// A `TRACE_EVENT_INFO`.
pub(super) fn describe(record: &RawRecord<'_>) -> Result<Vec<u8>, Refusal> {
    let items = record.items().filter_map(|item| {
        let data = item.data;
        Some(EVENT_HEADER_EXTENDED_DATA_ITEM {
            ExtType: item.kind,
            DataSize: u16::try_from(data.len()).ok()?,
            DataPtr: u64::try_from(data.as_ptr().expose_provenance()).ok()?,
            ..Default::default()
        })
    });
    let mut items: Vec<_> = items.take(usize::from(u16::MAX)).collect();
    let count = u16::try_from(items.len()).unwrap_or(u16::MAX);
    let mut native = EVENT_RECORD::default();
    let fixed = fixed_bytes(record, count);
    // SAFETY: the structure has at least as many bytes, none of which has an invalid value; the pointers behind them
    // are not touched.
    unsafe { std::ptr::from_mut(&mut native).cast::<[u8; FIXED_BYTES]>().write_unaligned(fixed) };
    native.ExtendedData = items.as_mut_ptr();
    native.UserData = record.payload.as_ptr().cast_mut().cast();
    let ask = |room: *mut u64, size: &mut u32| {
        // SAFETY: `native` leads to `items` and to the payload, of the lengths that it says (a payload beyond 65,535
        // bytes is told shorter), all of which outlive the call and which TDH only reads. `room` has `size` bytes,
        // aligned to 8, and both outlive the call.
        unsafe { TdhGetEventInformation(&raw const native, 0, std::ptr::null(), room.cast(), size) }
    };
    filled(Call::Describe, ask)
}
