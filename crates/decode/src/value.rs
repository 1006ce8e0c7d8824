//! One value of a payload, by its in-type and out-type.
//!
//! The in-type says how many bytes there are, the out-type how they are meant. Where Windows itself shows a
//! number in hex (pointers, masks, `NTSTATUS`), it becomes [`Value::Hex`]; where it shows a decimal number
//! although programmers think in hex (Win32 error codes), it stays [`Value::Unsigned`].
//!
//! Texts end in one of four ways: at a NUL (or, without one, where the payload ends, as Windows reads it),
//! at the first NUL within a buffer of a fixed length, after a length that the event gives, or with the
//! payload. A length that the event gives is believed: only NULs at its very end are taken away, those in
//! the midst stay, so that nothing can be hidden behind one.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use etwatch_event::time::TimeParts;
use etwatch_event::{Guid, Sid, Timestamp, Value};

use crate::payload::Reason;
use crate::schema::{InType, OutType};
use crate::text::{Room, before_nul_utf16, trim_nul, trim_nul_utf16};

/// How long a value is, once fields that say so have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// As its type or its end mark says.
    Implied,
    /// A buffer of this length, in letters or bytes; a text in it ends at its first NUL.
    Buffer(usize),
    /// Exactly this many letters or bytes.
    Given(usize),
    /// To the end of the payload.
    Rest,
}

/// What is left of a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    pointer_size: u8,
}

type Read<T> = Result<T, Reason>;

impl<'a> Cursor<'a> {
    pub(crate) fn new(payload: &'a [u8], pointer_size: u8) -> Self {
        Self { rest: payload, pointer_size }
    }
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }
    #[inline]
    fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Reason::TooShort)?;
        self.rest = rest;
        Ok(taken)
    }
    #[inline]
    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Reason::TooShort)?;
        self.rest = rest;
        Ok(*taken)
    }
    pub(crate) fn u16(&mut self) -> Read<u16> {
        self.array().map(u16::from_le_bytes)
    }
    /// A number as long as a pointer.
    fn pointer(&mut self) -> Read<u64> {
        if self.pointer_size == 4 {
            return Ok(u32::from_le_bytes(self.array()?).into());
        }
        self.array().map(u64::from_le_bytes)
    }
    /// How many bytes a value of this type has at least.
    pub(crate) fn least(&self, kind: InType) -> usize {
        use InType as I;
        match kind {
            I::Int8 | I::UInt8 | I::AnsiChar => 1,
            I::Int16
            | I::UInt16
            | I::UnicodeChar
            | I::ManifestCountedString
            | I::ManifestCountedAnsiString
            | I::ManifestCountedBinary
            | I::CountedString
            | I::CountedAnsiString
            | I::ReversedCountedString
            | I::ReversedCountedAnsiString => 2,
            I::Int32 | I::UInt32 | I::HexInt32 | I::Float | I::HexDump | I::WbemSid => 4,
            I::Int64 | I::UInt64 | I::HexInt64 | I::Double | I::FileTime | I::Sid => 8,
            I::Guid | I::SystemTime => 16,
            I::Pointer | I::SizeT => self.pointer_size.into(),
            // A length may make these empty.
            I::Null
            | I::UnicodeString
            | I::AnsiString
            | I::Boolean
            | I::Binary
            | I::NonNullTerminatedString
            | I::NonNullTerminatedAnsiString => 0,
        }
    }

    /// Reads a value and hands it to `put`; the cursor then stands behind it.
    ///
    /// Values are handed on where they are made: one that is returned is put together in memory, and the
    /// processor has to wait until its parts are there before it can be moved.
    #[inline]
    pub(crate) fn value(
        &mut self,
        kind: InType,
        out: OutType,
        length: Length,
        room: &mut Room,
        put: impl FnOnce(Value<'_>),
    ) -> Read<()> {
        use InType as I;
        match kind {
            I::UInt8 | I::Int8 if out == OutType::STRING => {
                put(Value::Text(narrow(self.take(1)?, out, room)));
            }
            I::UInt16 if out == OutType::STRING => put(Value::Text(room.utf16(self.take(2)?))),
            I::UInt8 => unsigned(u8::from_le_bytes(self.array()?).into(), out, put),
            I::UInt16 if out == OutType::PORT => {
                put(Value::Unsigned(u16::from_be_bytes(self.array()?).into()));
            }
            I::UInt16 => unsigned(self.u16()?.into(), out, put),
            I::UInt32 if out == OutType::IPV4 => {
                put(Value::Ip(Ipv4Addr::from_octets(self.array()?).into()));
            }
            I::UInt32 => unsigned(u32::from_le_bytes(self.array()?).into(), out, put),
            I::UInt64 => unsigned(u64::from_le_bytes(self.array()?), out, put),
            I::Int8 => signed(i8::from_le_bytes(self.array()?).into(), 0xff, out, put),
            I::Int16 => signed(i16::from_le_bytes(self.array()?).into(), 0xffff, out, put),
            I::Int32 => signed(i32::from_le_bytes(self.array()?).into(), 0xffff_ffff, out, put),
            I::Int64 => signed(i64::from_le_bytes(self.array()?), u64::MAX, out, put),
            I::HexInt32 => put(Value::Hex(u32::from_le_bytes(self.array()?).into())),
            I::HexInt64 => put(Value::Hex(u64::from_le_bytes(self.array()?))),
            I::Pointer => put(Value::Hex(self.pointer()?)),
            I::SizeT => unsigned(self.pointer()?, out, put),
            I::UnicodeString | I::NonNullTerminatedString | I::UnicodeChar => {
                put(Value::Text(self.unicode(kind, length, room)?));
            }
            I::AnsiString | I::NonNullTerminatedAnsiString | I::AnsiChar => {
                put(Value::Text(self.ansi(kind, length, out, room)?));
            }
            _ => put(self.rarer(kind, out, length, room)?),
        }
        Ok(())
    }

    fn rarer<'v>(
        &mut self,
        kind: InType,
        out: OutType,
        length: Length,
        room: &'v mut Room,
    ) -> Read<Value<'v>>
    where
        'a: 'v,
    {
        use InType as I;
        Ok(match kind {
            I::Float => Value::Float(f32::from_le_bytes(self.array()?).into()),
            I::Double => Value::Float(f64::from_le_bytes(self.array()?)),
            I::Boolean => {
                let bytes = self.sized(length, 4)?;
                Value::Boolean(bytes.iter().any(|byte| *byte != 0))
            }
            I::Binary => {
                let bytes = self.binary(out, length)?;
                binary(bytes, out, room)
            }
            I::Guid => Value::Guid(Guid(self.array()?)),
            I::FileTime => Value::Time(Timestamp::from_filetime(u64::from_le_bytes(self.array()?))),
            I::SystemTime => system_time(self.take(16)?),
            I::Sid => Value::Sid(self.sid()?),
            I::WbemSid => self.wbem_sid()?,
            I::HexDump => {
                let count = u32::from_le_bytes(self.array()?);
                Value::Bytes(self.take(usize::try_from(count).map_err(|_| Reason::TooShort)?)?)
            }
            I::ManifestCountedBinary => {
                let count = self.u16()?;
                binary(self.take(count.into())?, out, room)
            }
            I::ManifestCountedString | I::CountedString | I::ReversedCountedString => {
                let count = self.counted(kind == I::ReversedCountedString)?;
                Value::Text(room.utf16(trim_nul_utf16(self.take(count)?)))
            }
            I::ManifestCountedAnsiString | I::CountedAnsiString | I::ReversedCountedAnsiString => {
                let count = self.counted(kind == I::ReversedCountedAnsiString)?;
                Value::Text(narrow(trim_nul(self.take(count)?), out, room))
            }
            // `Null`; all others are read above.
            _ => Value::Null,
        })
    }

    fn counted(&mut self, reversed: bool) -> Read<usize> {
        let bytes = self.array()?;
        let count = if reversed { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
        Ok(count.into())
    }
    fn sized(&mut self, length: Length, implied: usize) -> Read<&'a [u8]> {
        match length {
            Length::Implied => self.take(implied),
            Length::Buffer(count) | Length::Given(count) => self.take(count),
            Length::Rest => self.take(self.left()),
        }
    }
    fn binary(&mut self, out: OutType, length: Length) -> Read<&'a [u8]> {
        match length {
            Length::Implied if out == OutType::IPV6 => self.take(16),
            Length::Implied => Err(Reason::NoLength),
            _ => self.sized(length, 0),
        }
    }
    fn unicode<'v>(&mut self, kind: InType, length: Length, room: &'v mut Room) -> Read<&'v str> {
        let text = match length {
            Length::Implied if kind == InType::UnicodeChar => self.take(2)?,
            Length::Implied if kind == InType::UnicodeString => {
                self.until_mark(before_nul_utf16(self.rest), 2)?
            }
            Length::Implied | Length::Rest => trim_nul_utf16(self.take(self.left())?),
            Length::Given(letters) => trim_nul_utf16(self.take(bytes_of_letters(letters)?)?),
            Length::Buffer(letters) => {
                let buffer = self.take(bytes_of_letters(letters)?)?;
                before_nul_utf16(buffer).unwrap_or(buffer)
            }
        };
        Ok(room.utf16(text))
    }
    fn ansi<'v>(
        &mut self,
        kind: InType,
        length: Length,
        out: OutType,
        room: &'v mut Room,
    ) -> Read<&'v str>
    where
        'a: 'v,
    {
        let text = match length {
            Length::Implied if kind == InType::AnsiChar => self.take(1)?,
            Length::Implied if kind == InType::AnsiString => {
                self.until_mark(before_nul(self.rest), 1)?
            }
            Length::Implied | Length::Rest => trim_nul(self.take(self.left())?),
            Length::Given(bytes) => trim_nul(self.take(bytes)?),
            Length::Buffer(bytes) => {
                let buffer = self.take(bytes)?;
                before_nul(buffer).unwrap_or(buffer)
            }
        };
        Ok(narrow(text, out, room))
    }
    /// The text before a mark of this many bytes, or all there is; at least one byte must be there.
    fn until_mark(&mut self, before: Option<&'a [u8]>, mark: usize) -> Read<&'a [u8]> {
        if self.rest.is_empty() {
            return Err(Reason::TooShort);
        }
        let Some(text) = before else { return self.take(self.left()) };
        self.take(text.len() + mark)?;
        Ok(text)
    }
    fn sid(&mut self) -> Read<Sid<'a>> {
        let parts = usize::from(*self.rest.get(1).ok_or(Reason::TooShort)?);
        if parts > 15 {
            return Err(Reason::Sid);
        }
        self.take(8 + parts * 4).map(Sid)
    }
    /// A zero where the pointer of `TOKEN_USER` should begin says that there is no SID.
    fn wbem_sid(&mut self) -> Read<Value<'a>> {
        if self.rest.starts_with(&[0; 4]) {
            self.take(4)?;
            return Ok(Value::Null);
        }
        self.take(2 * usize::from(self.pointer_size))?;
        self.sid().map(Value::Sid)
    }
    /// Several letters as one text, up to the first NUL; several bytes as they are. All there are without a
    /// count.
    pub(crate) fn joined<'v>(
        &mut self,
        kind: InType,
        out: OutType,
        count: Option<usize>,
        room: &'v mut Room,
    ) -> Read<Value<'v>>
    where
        'a: 'v,
    {
        let length = count.map_or(Length::Rest, Length::Buffer);
        match kind {
            InType::UnicodeChar | InType::UInt16 => {
                self.unicode(InType::UnicodeString, length, room).map(Value::Text)
            }
            _ if kind.is_letter(out) => {
                self.ansi(InType::AnsiString, length, OutType::NONE, room).map(Value::Text)
            }
            _ => self.sized(length, 0).map(Value::Bytes),
        }
    }
}

fn bytes_of_letters(letters: usize) -> Read<usize> {
    letters.checked_mul(2).ok_or(Reason::TooShort)
}

fn before_nul(bytes: &[u8]) -> Option<&[u8]> {
    memchr::memchr(0, bytes).and_then(|end| bytes.get(..end))
}

fn is_hex(out: OutType) -> bool {
    matches!(
        out,
        OutType::HEX_INT_8
            | OutType::HEX_INT_16
            | OutType::HEX_INT_32
            | OutType::HEX_INT_64
            | OutType::ERROR_CODE
            | OutType::NT_STATUS
            | OutType::HRESULT
            | OutType::CODE_POINTER
    )
}

#[inline]
fn unsigned(number: u64, out: OutType, put: impl FnOnce(Value<'_>)) {
    match out {
        OutType::NONE => put(Value::Unsigned(number)),
        OutType::BOOLEAN => put(Value::Boolean(number != 0)),
        _ if is_hex(out) => put(Value::Hex(number)),
        _ => put(Value::Unsigned(number)),
    }
}

#[inline]
fn signed(number: i64, mask: u64, out: OutType, put: impl FnOnce(Value<'_>)) {
    match out {
        OutType::BOOLEAN => put(Value::Boolean(number != 0)),
        _ if is_hex(out) => put(Value::Hex(number.cast_unsigned() & mask)),
        _ => put(Value::Signed(number)),
    }
}

fn narrow<'v>(bytes: &'v [u8], out: OutType, room: &'v mut Room) -> &'v str {
    let utf8 = matches!(out, OutType::UTF8 | OutType::XML | OutType::JSON);
    if utf8 { room.utf8(bytes) } else { room.ansi(bytes) }
}

fn binary<'v>(bytes: &'v [u8], out: OutType, room: &'v mut Room) -> Value<'v> {
    match out {
        OutType::IPV6 => match <[u8; 16]>::try_from(bytes) {
            Ok(octets) => Value::Ip(Ipv6Addr::from_octets(octets).into()),
            Err(_) => Value::Bytes(bytes),
        },
        OutType::IPV4 => match <[u8; 4]>::try_from(bytes) {
            Ok(octets) => Value::Ip(Ipv4Addr::from_octets(octets).into()),
            Err(_) => Value::Bytes(bytes),
        },
        OutType::SOCKET_ADDRESS => match socket_address(bytes) {
            Some(address) => Value::Text(room.show(&address)),
            None => Value::Bytes(bytes),
        },
        _ => Value::Bytes(bytes),
    }
}

/// `SOCKADDR_IN` and `SOCKADDR_IN6`: family, port in network order, then the address (behind the flow
/// label for IPv6). Other families have none that could be shown.
fn socket_address(bytes: &[u8]) -> Option<SocketAddr> {
    let (&[f0, f1, p0, p1], rest) = bytes.split_first_chunk::<4>()?;
    let port = u16::from_be_bytes([p0, p1]);
    match u16::from_le_bytes([f0, f1]) {
        2 => Some((Ipv4Addr::from_octets(*rest.first_chunk()?), port).into()),
        23 => Some((Ipv6Addr::from_octets(*rest.get(4..)?.first_chunk()?), port).into()),
        _ => None,
    }
}

/// `SYSTEMTIME`: year, month, day of the week, day, hour, minute, second, millisecond. What names no time
/// stays as it is.
fn system_time(bytes: &[u8]) -> Value<'_> {
    let (units, _) = bytes.as_chunks::<2>();
    let number = |index: usize| units.get(index).map(|unit| u16::from_le_bytes(*unit));
    let small = |index: usize| number(index).and_then(|number| u8::try_from(number).ok());
    let parts = || {
        Some(TimeParts {
            year: number(0)?,
            month: small(1)?,
            day: small(3)?,
            hour: small(4)?,
            minute: small(5)?,
            second: small(6)?,
            fraction: u32::from(number(7).filter(|millis| *millis < 1_000)?) * 10_000,
            offset_minutes: 0,
        })
    };
    parts().and_then(|parts| Timestamp::from_parts(&parts)).map_or(Value::Bytes(bytes), Value::Time)
}
