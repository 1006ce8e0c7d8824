//! From the pointer that Windows calls back with to a record that is offered.

use etwatch_event::raw::push_item;
use windows_sys::Win32::System::Diagnostics::Etw::{EVENT_HEADER_EXTENDED_DATA_ITEM, EVENT_RECORD};

use crate::etw::callback::Callback;
use crate::etw::record::{FIXED_BYTES, header_of};

/// Bytes of a pointer of this process.
const POINTER: u8 = if cfg!(target_pointer_width = "32") { 4 } else { 8 };

const _: () = assert!(size_of::<EVENT_RECORD>() > FIXED_BYTES);

/// Offers a record. Never unwinds.
///
/// # Safety
/// `record` leads to an `EVENT_RECORD` as Windows hands it to a callback: aligned, whole, with as many extended items
/// and bytes of payload as it says, and none of it is written to until this returns.
pub(super) unsafe fn offer(record: *const EVENT_RECORD, callback: &Callback) {
    // SAFETY: the caller's promise. The reference does not outlive this call.
    let record = unsafe { &*record };
    // SAFETY: the structure is longer than the array, as checked above, bytes have no alignment, and up to the
    // pointers there is no padding: 80 bytes of header, 4 of context, 2 and 2 of counts.
    let fixed = unsafe { &*std::ptr::from_ref(record).cast::<[u8; FIXED_BYTES]>() };
    let header = header_of(fixed, POINTER);
    let payload = if record.UserData.is_null() {
        if record.UserDataLength > 0 {
            callback.count_damaged();
        }
        &[][..]
    } else {
        // SAFETY: not null, and the caller promises as many bytes, unchanged until we return.
        unsafe {
            std::slice::from_raw_parts(record.UserData.cast::<u8>(), record.UserDataLength.into())
        }
    };
    callback.offer(&header, |extended| items(record, extended), payload);
}

/// Writes the extended items in the form of a file; `false` if one could not be reached.
fn items(record: &EVENT_RECORD, extended: &mut Vec<u8>) -> bool {
    let count = usize::from(record.ExtendedDataCount);
    let first: *const EVENT_HEADER_EXTENDED_DATA_ITEM = record.ExtendedData;
    if count > 0 && first.is_null() {
        return false;
    }
    let mut is_whole = true;
    for number in 0..count {
        // SAFETY: the record says that there are `count` items from `first` on, and `number` is less. They are
        // copied, so that nothing hangs on their alignment.
        let item = unsafe { first.add(number).read_unaligned() };
        let place = usize::try_from(item.DataPtr).unwrap_or(0);
        let data = if place == 0 {
            is_whole &= item.DataSize == 0;
            &[][..]
        } else {
            let data = std::ptr::with_exposed_provenance::<u8>(place);
            // SAFETY: not null, and the item says that so many bytes lie there, unchanged until the callback
            // returns, which is after this slice was copied.
            unsafe { std::slice::from_raw_parts(data, item.DataSize.into()) }
        };
        push_item(extended, item.ExtType, data, number + 1 == count);
    }
    is_whole
}
