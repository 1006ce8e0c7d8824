//! Where the values of a JSON text begin and end.
//!
//! Two readers share this: one finds all values of a record that is known to be sound, the other reads
//! a value where one is expected and says so if it is none of the plain kinds: text without surrogate
//! pairs, and whole numbers of at most 64 bits. What is not plain is left to the full parser.

use std::ops::Range;

/// The kinds of values whose content differs between records that are written alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What stands between quotes.
    Text,
    /// A whole number.
    Unsigned,
    /// What stands behind a minus sign.
    Negative,
}

/// A value that was read.
#[derive(Clone, Debug)]
pub(crate) enum Plain {
    /// Text that stands in the record as it is.
    Here(Range<usize>),
    /// Text that had escapes: where it stands in the room for such text.
    Unescaped(Range<usize>),
    Unsigned(u64),
    Signed(i64),
}

/// Kinds and places of the values of a record, in order.
pub(crate) type Values = Vec<(Kind, Range<usize>)>;

/// The values of a sound record in order; `None` if one is a number with a fraction or an exponent.
pub(crate) fn values(record: &[u8]) -> Option<Values> {
    let mut values = Vec::new();
    let mut at = 0;
    while let Some(byte) = record.get(at) {
        let (kind, start) = match byte {
            b'"' => (Kind::Text, at + 1),
            b'-' => (Kind::Negative, at + 1),
            b'0'..=b'9' => (Kind::Unsigned, at),
            _ => {
                at += 1;
                continue;
            }
        };
        let end = match kind {
            Kind::Text => end_of_text(record, start)?,
            _ => start + digits(record.get(start..)?),
        };
        let behind = record.get(end..)?;
        at = end;
        if kind == Kind::Text {
            at += 1;
            let is_name = behind.get(1..)?.trim_ascii_start().starts_with(b":");
            if is_name {
                continue;
            }
        } else if matches!(behind.first(), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        values.push((kind, start..end));
    }
    Some(values)
}

/// Reads the value of this kind at `at` to the end of `values`; returns where it ends. That text which
/// stands there as it is is sound UTF-8 remains to be seen.
pub(crate) fn read(
    kind: Kind,
    bytes: &[u8],
    at: usize,
    values: &mut Vec<Plain>,
    room: &mut String,
) -> Option<usize> {
    if kind == Kind::Text {
        let end = at + ordinary(bytes.get(at..)?);
        match bytes.get(end)? {
            b'"' => {
                values.push(Plain::Here(at..end));
                return Some(end);
            }
            b'\\' => {
                let first = room.len();
                let end = unescape(bytes, at, end, room)?;
                values.push(Plain::Unescaped(first..room.len()));
                return Some(end);
            }
            _ => return None,
        }
    }
    let end = at + digits(bytes.get(at..)?);
    let number = std::str::from_utf8(bytes.get(at..end)?).ok()?;
    if number.len() > 1 && number.starts_with('0') {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match kind {
        // Zero below zero is no whole number.
        Kind::Negative if number == 0 => return None,
        Kind::Negative => values.push(Plain::Signed(0_i64.checked_sub_unsigned(number)?)),
        _ => values.push(Plain::Unsigned(number)),
    }
    Some(end)
}

/// Reads text on from the first backslash, which is at `escape`, to the end of `room`.
fn unescape(bytes: &[u8], start: usize, mut escape: usize, room: &mut String) -> Option<usize> {
    let text = |from: usize, to: usize| std::str::from_utf8(bytes.get(from..to)?).ok();
    let mut copied = start;
    while bytes.get(escape)? == &b'\\' {
        room.push_str(text(copied, escape)?);
        copied = escape + 2;
        room.push(match bytes.get(escape + 1)? {
            b'\\' => '\\',
            b'"' => '"',
            b'/' => '/',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let digits = bytes.get(copied..copied + 4)?;
                copied += 4;
                let code = digits.iter().try_fold(0, |code, digit| {
                    char::from(*digit).to_digit(16).map(|digit| code * 16 + digit)
                })?;
                // One half of a surrogate pair is no character.
                char::from_u32(code)?
            }
            _ => return None,
        });
        escape = copied + ordinary(bytes.get(copied..)?);
    }
    room.push_str(text(copied, escape)?);
    (bytes.get(escape) == Some(&b'"')).then_some(escape)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Where the text that begins at `start` ends: at its closing quote.
fn end_of_text(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += ordinary(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => return Some(at),
            _ => at += 2,
        }
    }
}

/// How many bytes there are before the first quote, backslash or control character. Eight bytes are
/// looked at in one step: a byte of `word` becomes `0x80` if it is one of them. (Bytes behind the first
/// one may be taken for one wrongly.)
fn ordinary(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let found = (quote | backslash | below(word, 0x20)) & HIGH;
        if found != 0 {
            return number * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let in_rest = rest.iter().position(special).unwrap_or(rest.len());
    words.len() * 8 + in_rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_is_special_is_found_wherever_it_stands() {
        let special = [b'"', b'\\', 0, 1, 0x1f];
        let plain = [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0x9c, 0xa2, 0xff];
        for length in 0..40 {
            for (index, filler) in (0..=length).zip(plain.iter().cycle()) {
                for byte in special {
                    let mut bytes = vec![*filler; length];
                    assert_eq!(ordinary(&bytes), length);
                    bytes.insert(index, byte);
                    bytes.extend(special);
                    assert_eq!(ordinary(&bytes), index, "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn plain_values_are_read_and_others_are_left() {
        let text = |text: &str| {
            let mut room = String::from("x");
            let mut values = Vec::new();
            let end = read(Kind::Text, text.as_bytes(), 0, &mut values, &mut room)?;
            let found = match values.pop()? {
                Plain::Here(range) => text.get(range),
                Plain::Unescaped(range) => room.get(range),
                _ => None,
            };
            found.map(|found| (found.to_owned(), end))
        };
        assert_eq!(text(r#"C:\\a\"\u00fc","#), Some((r#"C:\a"ü"#.to_owned(), 13)));
        assert_eq!(text(r#"plain""#), Some(("plain".to_owned(), 5)));
        for other in ["no end", "tab\t\"", r#"\ud83d\ude00""#, r#"\x""#, r#"\u12"#, "\\"] {
            assert_eq!(text(other), None, "{other}");
        }
        let number = |kind, text: &str| {
            let mut values = Vec::new();
            let end = read(kind, text.as_bytes(), 0, &mut values, &mut String::new())?;
            match values.pop()? {
                Plain::Unsigned(number) => Some((i128::from(number), end)),
                Plain::Signed(number) => Some((i128::from(number), end)),
                _ => None,
            }
        };
        use Kind::{Negative, Unsigned};
        assert_eq!(number(Unsigned, "0,"), Some((0, 1)));
        assert_eq!(number(Unsigned, "18446744073709551615"), Some((u64::MAX.into(), 20)));
        assert_eq!(number(Negative, "9223372036854775808}"), Some((i64::MIN.into(), 19)));
        for (kind, other) in [
            (Unsigned, "18446744073709551616"),
            (Unsigned, "01"),
            (Unsigned, "x"),
            (Negative, "0"),
            (Negative, "9223372036854775809"),
        ] {
            assert_eq!(number(kind, other), None, "{other}");
        }
    }

    #[test]
    fn values_of_a_record_are_found_but_not_its_names() {
        let record = r#"{"a" : "x\"y", "b":[1,-2,null], "c":{"d":""}}"#;
        let found: Vec<_> = values(record.as_bytes())
            .unwrap()
            .into_iter()
            .map(|(kind, range)| (kind, record.get(range).unwrap()))
            .collect();
        use Kind::{Negative, Text, Unsigned};
        assert_eq!(found, [(Text, r#"x\"y"#), (Unsigned, "1"), (Negative, "2"), (Text, "")]);
        assert_eq!(values(b"{\"a\":1.5}"), None);
    }
}
