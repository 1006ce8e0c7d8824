//! Numbers, GUIDs and text at an offset of a byte slice; `None` where the slice ends before them.
//!
//! All numbers of the format have their low byte first.

use etwatch_event::Guid;

pub(crate) fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

pub(crate) fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

pub(crate) fn i32_at(data: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

pub(crate) fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

pub(crate) fn guid_at(data: &[u8], at: usize) -> Option<Guid> {
    Some(Guid(*data.get(at..)?.first_chunk()?))
}

/// UTF-16 up to a NUL or the end, and what lies behind. A unit that is no letter becomes U+FFFD.
pub(crate) fn text(data: &[u8]) -> (String, &[u8]) {
    let (units, _) = data.as_chunks::<2>();
    let length = units.iter().position(|unit| *unit == [0, 0]).unwrap_or(units.len());
    let letters = units.iter().take(length).map(|unit| u16::from_le_bytes(*unit));
    let letters = char::decode_utf16(letters).map(|letter| letter.unwrap_or('\u{fffd}'));
    (letters.collect(), data.get(2 * length + 2..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_its_nul_or_with_the_bytes() {
        assert_eq!(text(b"a\0b\0\0\0c\0\0\0"), ("ab".to_owned(), &b"c\0\0\0"[..]));
        assert_eq!(text(b"a\0b"), ("a".to_owned(), &b""[..]));
        assert_eq!(text(b"\0\xd8a\0"), ("\u{fffd}a".to_owned(), &b""[..]));
    }
}
