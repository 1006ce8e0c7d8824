//! Names in UTF-16, GUIDs and codes, as Windows and ferrisetw have them.

use etwatch_event::Guid;
use windows_sys::core::GUID;

/// UTF-16 with a NUL behind it.
pub(super) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// UTF-16 up to a NUL or the end.
pub(super) fn narrow(units: &[u16]) -> String {
    let length = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    String::from_utf16_lossy(units.get(..length).unwrap_or(units))
}

/// A GUID as Windows' functions take it.
pub(super) fn guid(guid: Guid) -> GUID {
    let [a, b, c, d, e, f, g, h, rest @ ..] = guid.0;
    GUID {
        data1: u32::from_le_bytes([a, b, c, d]),
        data2: u16::from_le_bytes([e, f]),
        data3: u16::from_le_bytes([g, h]),
        data4: rest,
    }
}

/// A GUID as ferrisetw takes it.
pub(super) fn ferris_guid(of: Guid) -> ferrisetw::GUID {
    let GUID { data1, data2, data3, data4 } = guid(of);
    ferrisetw::GUID::from_values(data1, data2, data3, data4)
}

/// The code of the last call that failed on this thread.
pub(super) fn last_code() -> u32 {
    std::io::Error::last_os_error().raw_os_error().map_or(0, i32::cast_unsigned)
}

/// Windows' code within an `HRESULT` that was made of one; other numbers stay as they are.
pub(super) fn code_of(number: i32) -> u32 {
    const OF_WINDOWS: u32 = 0x8007_0000;
    let number = number.cast_unsigned();
    if number & 0xffff_0000 == OF_WINDOWS { number & 0xffff } else { number }
}
