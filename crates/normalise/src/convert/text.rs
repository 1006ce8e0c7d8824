//! Text that ETW has as bytes, and times.

use std::fmt::Write as _;

use etwatch_event::Value;
use etwatch_event::time::TimeParts;

/// Bytes of UTF-16, little endian.
pub(super) fn utf16(value: &Value<'_>, out: &mut String) -> bool {
    let Value::Bytes(bytes) = value else { return false };
    out.extend(utf16_letters(bytes));
    true
}

/// Text in UTF-16, little endian; what is none becomes U+FFFD, a last odd byte is dropped.
pub(super) fn utf16_letters(bytes: &[u8]) -> impl Iterator<Item = char> {
    let (units, _) = bytes.as_chunks();
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
}

/// `YYYY-MM-DD HH:MM:SS.mmm`, as Sysmon writes a time.
pub(super) fn utc_time(value: &Value<'_>, out: &mut String) -> bool {
    let Value::Time(time) = value else { return false };
    let TimeParts { year, month, day, hour, minute, second, .. } = TimeParts::of(*time);
    let millis = time.filetime() / 10_000 % 1_000;
    write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}")
        .is_ok()
}
