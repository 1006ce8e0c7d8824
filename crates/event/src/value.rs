//! What a field of an event can hold.
//!
//! Sources type what they know: EVTX and JSON mostly give text, ETW gives numbers, addresses,
//! SIDs. Rules compare by value where Sigma does and otherwise look at the *text* of a value
//! ([`Value::text`]), which is one fixed spelling for each type.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

use crate::time::Timestamp;

/// A GUID in the byte order of Windows memory (first three parts little endian).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// Reads `{8-4-4-4-12}` hex digits, with or without braces.
    ///
    /// ```
    /// use etwatch_event::Guid;
    /// let text = "{22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716}";
    /// assert_eq!(Guid::parse(text).unwrap().to_string(), text);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let inner = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'))?;
        let letters: &[u8; 36] = inner.as_bytes().try_into().ok()?;
        let dashes = [8, 13, 18, 23];
        if dashes.iter().any(|at| letters.get(*at) != Some(&b'-')) {
            return None;
        }
        let digit = |at: usize| match letters.get(at)? {
            letter @ b'0'..=b'9' => Some(letter - b'0'),
            letter @ b'a'..=b'f' => Some(letter - b'a' + 10),
            letter @ b'A'..=b'F' => Some(letter - b'A' + 10),
            _ => None,
        };
        // Where the two digits of each byte stand; the first three parts are numbers, little endian in memory.
        let places = [6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34];
        let mut bytes = [0; 16];
        for (byte, at) in bytes.iter_mut().zip(places) {
            *byte = digit(at)? << 4 | digit(at + 1)?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Guid {
    /// Lower-case hex in braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q] = self.0;
        let first = u32::from_le_bytes([a, b, c, d]);
        let (second, third) = (u16::from_le_bytes([e, g]), u16::from_le_bytes([h, i]));
        let fourth = u16::from_be_bytes([j, k]);
        let fifth = u64::from_be_bytes([0, 0, l, m, n, o, p, q]);
        write!(f, "{{{first:08x}-{second:04x}-{third:04x}-{fourth:04x}-{fifth:012x}}}")
    }
}

/// A security identifier in its binary form (`SID` structure): revision, count of
/// sub-authorities, 48-bit authority, then 32-bit sub-authorities, little endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sid<'a>(pub &'a [u8]);

impl fmt::Display for Sid<'_> {
    /// `S-1-5-18`; bytes that are no SID are written as hex, so that nothing is lost.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some((&[revision, count, a, b, c, d, e, g], rest)), true) =
            (self.0.split_first_chunk::<8>(), self.0.len() >= 8)
        else {
            return write_hex(f, self.0);
        };
        if rest.len() < usize::from(count) * 4 {
            return write_hex(f, self.0);
        }
        let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, g]);
        write!(f, "S-{revision}-{authority}")?;
        for part in rest.chunks_exact(4).take(usize::from(count)) {
            let bytes: [u8; 4] = part.try_into().unwrap_or_default();
            write!(f, "-{}", u32::from_le_bytes(bytes))?;
        }
        Ok(())
    }
}

/// One value of a field. Text and bytes are borrowed from the batch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// The field is there and says "nothing".
    Null,
    /// UTF-8 text.
    Text(&'a str),
    /// A number that is not negative.
    Unsigned(u64),
    /// A number that Windows writes in hex: an address, a handle, a mask.
    Hex(u64),
    /// A negative number, or one of a signed type.
    Signed(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// Bytes without a better type.
    Bytes(&'a [u8]),
    /// A GUID.
    Guid(Guid),
    /// A security identifier.
    Sid(Sid<'a>),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// A point in time.
    Time(Timestamp),
    /// A mapping or list of the recording: it exists, but has no text of its own. Its parts are
    /// fields named by their path (`outer.inner`).
    Structure,
}

impl<'a> Value<'a> {
    /// The one text of this value, or `None` for null and structures.
    ///
    /// Integers are decimal, hex numbers `0x1f4`; floats shortest, without `.0` when whole; booleans `true` and
    /// `false`; times ISO 8601; bytes upper-case hex. `scratch` is cleared and used when the
    /// text has to be made; text values are returned as they are.
    #[must_use]
    pub fn text<'s>(&self, scratch: &'s mut String) -> Option<&'s str>
    where
        'a: 's,
    {
        scratch.clear();
        // Writing to a String can't fail.
        let written = match *self {
            Self::Text(text) => return Some(text),
            Self::Null | Self::Structure => return None,
            Self::Unsigned(number) => {
                scratch.push_str(itoa::Buffer::new().format(number));
                Ok(())
            }
            Self::Hex(number) => write!(scratch, "{number:#x}"),
            Self::Signed(number) => {
                scratch.push_str(itoa::Buffer::new().format(number));
                Ok(())
            }
            Self::Float(number) => {
                let mut buffer = ryu::Buffer::new();
                let text = buffer.format(number);
                scratch.push_str(text.strip_suffix(".0").unwrap_or(text));
                Ok(())
            }
            Self::Boolean(yes) => {
                scratch.push_str(if yes { "true" } else { "false" });
                Ok(())
            }
            Self::Bytes(bytes) => write_hex(scratch, bytes),
            Self::Guid(guid) => write!(scratch, "{guid}"),
            Self::Sid(sid) => write!(scratch, "{sid}"),
            Self::Ip(ip) => write!(scratch, "{ip}"),
            Self::Time(time) => write!(scratch, "{time}"),
        };
        written.ok().map(|()| scratch.as_str())
    }

    /// The number that it is or spells, decimal or with `0x`; `None` if it is negative or no number.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        match *self {
            Self::Unsigned(number) | Self::Hex(number) => Some(number),
            Self::Signed(number) => u64::try_from(number).ok(),
            Self::Text(text) => match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(digits) => u64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            },
            _ => None,
        }
    }

    /// Whether this is the null value.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

/// Whether two texts are the same, as `==`. It does not look at the memory of empty ones: an empty text may lie at
/// an address that is none, where the processor takes long to find that the vector it compares has no bytes.
///
/// ```
/// use etwatch_event::value::same_text;
/// assert!(same_text("", "") && same_text("a", "a") && !same_text("a", "b"));
/// ```
#[inline]
#[must_use]
pub fn same_text(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

fn write_hex(out: &mut dyn fmt::Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_one_text() {
        let system = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];
        let guid = Guid([0x6f, 0x16, 0xa5, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        let table = [
            (Value::Unsigned(4_624), Some("4624")),
            (Value::Hex(0x1410), Some("0x1410")),
            (Value::Signed(-3), Some("-3")),
            (Value::Float(2.0), Some("2")),
            (Value::Float(0.5), Some("0.5")),
            (Value::Boolean(true), Some("true")),
            (Value::Bytes(&[0xAB, 1]), Some("AB01")),
            (Value::Sid(Sid(&system)), Some("S-1-5-18")),
            (Value::Sid(Sid(&[1, 9, 0])), Some("010900")),
            (Value::Guid(guid), Some("{cda5166f-0201-0403-0506-0708090a0b0c}")),
            (Value::Ip([192, 0, 2, 7].into()), Some("192.0.2.7")),
            (Value::Time(Timestamp::UNIX_EPOCH), Some("1970-01-01T00:00:00.0000000Z")),
            (Value::Null, None),
            (Value::Structure, None),
        ];
        let mut scratch = String::new();
        for (value, text) in table {
            assert_eq!(value.text(&mut scratch), text, "{value:?}");
        }
    }

    #[test]
    fn a_number_may_be_spelt() {
        let numbers = [
            (Value::Unsigned(7), Some(7)),
            (Value::Hex(7), Some(7)),
            (Value::Signed(7), Some(7)),
            (Value::Signed(-7), None),
            (Value::Text("0xffff800012345678"), Some(0xffff_8000_1234_5678)),
            (Value::Text("0X1F"), Some(31)),
            (Value::Text("31"), Some(31)),
            (Value::Text("0x10000000000000000"), None),
            (Value::Text("A"), None),
            (Value::Text(""), None),
            (Value::Null, None),
        ];
        for (value, number) in numbers {
            assert_eq!(value.number(), number, "{value:?}");
        }
    }

    #[test]
    fn a_text_that_is_no_guid_is_refused() {
        for text in [
            "",
            "{}",
            "22fb2cd6-0e7b-422b-a0c7",
            "{22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716",
            "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716-0",
            "+2fb2cd6-0e7b-422b-a0c7-2fad1fd0e716",
        ] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
    }
}
