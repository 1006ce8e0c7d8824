//! From the bytes of a value to what its field holds.
//!
//! A value of a record is a type and some bytes. Types whose values always become the same kind of thing are
//! known here, each with the length its values must have; a value of another type or length, text that is no
//! sound UTF-16, and times that no calendar has are left to the crate `evtx`. Whole numbers are numbers
//! unless the JSON text of the form had them in quotes; all else is text, spelled as the crate spells it.

use etwatch_event::time::TimeParts;
use etwatch_event::{Timestamp, Value};

/// Types of values, by their numbers in MS-EVEN6 §2.2.4.1.
pub(crate) mod kind {
    pub(crate) const NULL: u8 = 0x00;
    pub(crate) const STRING: u8 = 0x01;
    pub(crate) const ANSI_STRING: u8 = 0x02;
    pub(crate) const INT8: u8 = 0x03;
    pub(crate) const UINT8: u8 = 0x04;
    pub(crate) const INT16: u8 = 0x05;
    pub(crate) const UINT16: u8 = 0x06;
    pub(crate) const INT32: u8 = 0x07;
    pub(crate) const UINT32: u8 = 0x08;
    pub(crate) const INT64: u8 = 0x09;
    pub(crate) const UINT64: u8 = 0x0a;
    pub(crate) const BOOLEAN: u8 = 0x0d;
    pub(crate) const BINARY: u8 = 0x0e;
    pub(crate) const GUID: u8 = 0x0f;
    pub(crate) const SIZE: u8 = 0x10;
    pub(crate) const FILETIME: u8 = 0x11;
    pub(crate) const SYSTEMTIME: u8 = 0x12;
    pub(crate) const SID: u8 = 0x13;
    pub(crate) const HEX32: u8 = 0x14;
    pub(crate) const HEX64: u8 = 0x15;
    pub(crate) const BINARY_XML: u8 = 0x21;
    /// Texts that each end in NUL.
    pub(crate) const STRINGS: u8 = 0x81;
}

/// What of a value decides more than its own field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Empty,
    Filled,
    /// A boolean that is true; booleans are part of a form.
    True,
}

/// Whether values of this type can be read here, and this one is empty or true; `None` if not, or if its
/// length is none that its type has.
pub(crate) fn state(kind: u8, bytes: &[u8]) -> Option<State> {
    let filled = |sound: bool| sound.then_some(State::Filled);
    let if_any = |any: bool| Some(if any { State::Filled } else { State::Empty });
    match kind {
        kind::NULL => Some(State::Empty),
        kind::STRING | kind::STRINGS if !bytes.len().is_multiple_of(2) => None,
        kind::STRING => if_any(!bytes.is_empty() && !bytes.starts_with(&[0, 0])),
        kind::ANSI_STRING if bytes.iter().any(|byte| !(1..0x80).contains(byte)) => None,
        kind::ANSI_STRING | kind::BINARY | kind::BINARY_XML | kind::STRINGS => {
            if_any(!bytes.is_empty())
        }
        kind::INT8 | kind::UINT8 => filled(bytes.len() == 1),
        kind::INT16 | kind::UINT16 => filled(bytes.len() == 2),
        kind::INT32 | kind::UINT32 | kind::HEX32 => filled(bytes.len() == 4),
        kind::INT64 | kind::UINT64 | kind::HEX64 | kind::FILETIME => filled(bytes.len() == 8),
        kind::GUID | kind::SYSTEMTIME => filled(bytes.len() == 16),
        kind::SIZE => filled(matches!(bytes.len(), 4 | 8)),
        kind::SID => {
            let parts = usize::from(*bytes.get(1)?);
            filled(bytes.len() == 8 + 4 * parts)
        }
        // Whatever else stands there is written as a number.
        kind::BOOLEAN => match bytes {
            [0, 0, 0, 0] => Some(State::Filled),
            [1, 0, 0, 0] => Some(State::True),
            _ => None,
        },
        _ => None,
    }
}

/// What a field with this value holds, if [`state`] knows the value; `room` is where text is made. `None`
/// for what is left to the crate.
pub(crate) fn read<'r>(
    kind: u8,
    bytes: &[u8],
    quoted: bool,
    room: &'r mut Vec<u8>,
) -> Option<Value<'r>> {
    room.clear();
    if let Some(number) = integer(kind, bytes) {
        return match number {
            _ if quoted => {
                if number < 0 {
                    room.push(b'-');
                }
                decimal(room, u64::try_from(number.unsigned_abs()).ok()?);
                text(room)
            }
            0.. => u64::try_from(number).ok().map(Value::Unsigned),
            _ => i64::try_from(number).ok().map(Value::Signed),
        };
    }
    match kind {
        kind::STRING => utf16(room, bytes)?,
        kind::ANSI_STRING => room.extend_from_slice(bytes),
        kind::BOOLEAN => {
            room.extend_from_slice(if bytes.starts_with(&[1]) { b"true" } else { b"false" });
        }
        kind::BINARY => bytes.iter().for_each(|byte| hex(room, *byte, UPPER)),
        kind::GUID => guid(room, bytes.try_into().ok()?),
        kind::SIZE | kind::HEX32 | kind::HEX64 => hex_number(room, little(bytes)),
        kind::FILETIME => {
            let ticks = i64::try_from(little(bytes)).ok()?.cast_unsigned();
            time(room, &TimeParts::of(Timestamp::from_filetime(ticks)))?;
        }
        kind::SYSTEMTIME => system_time(room, bytes)?,
        kind::SID => sid(room, bytes)?,
        _ => return None,
    }
    text(room)
}

fn text(room: &[u8]) -> Option<Value<'_>> {
    std::str::from_utf8(room).ok().map(Value::Text)
}

/// A number of at most eight bytes, little endian.
fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn integer(kind: u8, bytes: &[u8]) -> Option<i128> {
    Some(match kind {
        kind::UINT8 | kind::UINT16 | kind::UINT32 | kind::UINT64 => little(bytes).into(),
        kind::INT8 => i8::from_le_bytes(bytes.try_into().ok()?).into(),
        kind::INT16 => i16::from_le_bytes(bytes.try_into().ok()?).into(),
        kind::INT32 => i32::from_le_bytes(bytes.try_into().ok()?).into(),
        kind::INT64 => i64::from_le_bytes(bytes.try_into().ok()?).into(),
        _ => return None,
    })
}

/// Appends UTF-16 up to its first NUL. Where it is ASCII, eight units are taken in one step.
fn utf16(room: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    const ONES: u128 = 0x0001_0001_0001_0001_0001_0001_0001_0001;
    const NOT_ASCII: u128 = ONES * 0xff80;
    let (blocks, _) = bytes.as_chunks::<16>();
    let mut done = 0;
    for block in blocks {
        let units = u128::from_le_bytes(*block);
        // A unit of ASCII becomes `0x8000` here if it is zero.
        let zeros = units.wrapping_sub(ONES) & (ONES * 0x8000);
        if units & NOT_ASCII != 0 || zeros != 0 {
            break;
        }
        let [a, _, b, _, c, _, d, _, e, _, f, _, g, _, h, _] = *block;
        room.extend_from_slice(&[a, b, c, d, e, f, g, h]);
        done += 16;
    }
    let (units, _) = bytes.get(done..)?.as_chunks::<2>();
    for (index, unit) in units.iter().enumerate() {
        match *unit {
            [0, 0] => break,
            [byte @ 0..0x80, 0] => room.push(byte),
            _ => return wide(room, units.get(index..)?),
        }
    }
    Some(())
}

fn wide(room: &mut Vec<u8>, units: &[[u8; 2]]) -> Option<()> {
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit)).take_while(|unit| *unit != 0);
    for character in char::decode_utf16(units) {
        // Half a surrogate pair is no text.
        let character = character.ok()?;
        room.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(())
}

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

fn digit(number: u8, digits: &[u8; 16]) -> u8 {
    digits.get(usize::from(number & 15)).copied().unwrap_or(b'0')
}

fn hex(room: &mut Vec<u8>, byte: u8, digits: &[u8; 16]) {
    room.extend_from_slice(&[digit(byte >> 4, digits), digit(byte, digits)]);
}

/// `0x` and the digits without leading zeros.
fn hex_number(room: &mut Vec<u8>, number: u64) {
    room.extend_from_slice(b"0x");
    let first = (63 - (number | 1).leading_zeros()) / 4;
    for place in (0..=first).rev() {
        let [low, ..] = (number >> (4 * place)).to_le_bytes();
        room.push(digit(low, LOWER));
    }
}

fn decimal(room: &mut Vec<u8>, mut number: u64) {
    let first = room.len();
    loop {
        let [low, ..] = (number % 10).to_le_bytes();
        room.push(b'0' + low);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = room.get_mut(first..) {
        digits.reverse();
    }
}

/// Lower case in braces; the first three parts are little endian.
fn guid(room: &mut Vec<u8>, guid: [u8; 16]) {
    let [a, b, c, d, e, f, g, h, i, j, rest @ ..] = guid;
    let part = |room: &mut Vec<u8>, sign: u8, bytes: &[u8]| {
        room.push(sign);
        bytes.iter().for_each(|byte| hex(room, *byte, LOWER));
    };
    part(room, b'{', &[d, c, b, a]);
    part(room, b'-', &[f, e]);
    part(room, b'-', &[h, g]);
    part(room, b'-', &[i, j]);
    part(room, b'-', &rest);
    room.push(b'}');
}

/// `S-1-5-18`: revision, authority and the further parts.
fn sid(room: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let (&[revision, _, a, b, c, d, e, f], parts) = bytes.split_first_chunk::<8>()?;
    room.extend_from_slice(b"S-");
    decimal(room, revision.into());
    room.push(b'-');
    decimal(room, u64::from_be_bytes([0, 0, a, b, c, d, e, f]));
    for part in parts.as_chunks::<4>().0 {
        room.push(b'-');
        decimal(room, u32::from_le_bytes(*part).into());
    }
    Some(())
}

fn padded(room: &mut Vec<u8>, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let [low, ..] = (number / 10_u32.pow(place) % 10).to_le_bytes();
        room.push(b'0' + low);
    }
}

/// ISO 8601 in UTC with the seven digits that a FILETIME counts; `None` behind the year 9999.
fn time(room: &mut Vec<u8>, parts: &TimeParts) -> Option<()> {
    if parts.year > 9_999 {
        return None;
    }
    padded(room, parts.year.into(), 4);
    for (sign, number) in [
        (b'-', parts.month),
        (b'-', parts.day),
        (b'T', parts.hour),
        (b':', parts.minute),
        (b':', parts.second),
    ] {
        room.push(sign);
        padded(room, number.into(), 2);
    }
    room.push(b'.');
    padded(room, parts.fraction, 7);
    room.push(b'Z');
    Some(())
}

/// Year, month, day of the week, day, hour, minute, second and milliseconds, 16 bits each.
fn system_time(room: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let mut numbers = bytes.as_chunks::<2>().0.iter().map(|number| u16::from_le_bytes(*number));
    let mut next = || numbers.next();
    let (year, month, _, day) = (next()?, next()?, next()?, next()?);
    let (hour, minute, second, millis) = (next()?, next()?, next()?, next()?);
    let small = |number: u16| u8::try_from(number).ok();
    let parts = TimeParts {
        year,
        month: small(month)?,
        day: small(day)?,
        hour: small(hour)?,
        minute: small(minute)?,
        second: small(second)?,
        fraction: u32::from(millis) * 10_000,
        offset_minutes: 0,
    };
    let sound = year >= 1_601 && second < 60 && millis < 1_000;
    time(room, &parts).filter(|()| sound)?;
    // The calendar knows how long months are.
    (TimeParts::parse(std::str::from_utf8(room).ok()?)? == parts).then_some(())
}

#[cfg(test)]
mod tests;
