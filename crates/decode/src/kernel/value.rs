//! Values of decoded fields in the types that kernel events have.
//!
//! A number may be one in text, an address a number as it lies in the payload: field names and types are
//! those of whoever described the event.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etwatch_event::{RawValue, Sid, Timestamp, Value};

/// A number that is not negative.
pub(super) fn number(value: RawValue<'_>) -> Option<u64> {
    match value {
        RawValue::One(Value::Unsigned(number) | Value::Hex(number)) => Some(number),
        RawValue::One(Value::Signed(number)) => u64::try_from(number).ok(),
        RawValue::One(Value::Text(text)) => match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

/// A number of 32 bits.
pub(super) fn number32(value: RawValue<'_>) -> Option<u32> {
    number(value).and_then(|number| u32::try_from(number).ok())
}

/// A number of 16 bits.
pub(super) fn number16(value: RawValue<'_>) -> Option<u16> {
    number(value).and_then(|number| u16::try_from(number).ok())
}

/// A number of 8 bits.
pub(super) fn number8(value: RawValue<'_>) -> Option<u8> {
    number(value).and_then(|number| u8::try_from(number).ok())
}

/// A status of 32 bits, which some describe as a signed number.
pub(super) fn status(value: RawValue<'_>) -> Option<u32> {
    match value {
        RawValue::One(Value::Signed(number)) if number < 0 => {
            i32::try_from(number).ok().map(i32::cast_unsigned)
        }
        other => number32(other),
    }
}

/// A text.
pub(super) fn text<'a>(value: RawValue<'a>) -> Option<&'a str> {
    match value {
        RawValue::One(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Bytes.
pub(super) fn bytes<'a>(value: RawValue<'a>) -> Option<&'a [u8]> {
    match value {
        RawValue::One(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// A security identifier.
pub(super) fn sid<'a>(value: RawValue<'a>) -> Option<Sid<'a>> {
    match value {
        RawValue::One(Value::Sid(sid)) => Some(sid),
        _ => None,
    }
}

/// A point in time; one that is described as a number is a `FILETIME`.
pub(super) fn time(value: RawValue<'_>) -> Option<Timestamp> {
    match value {
        RawValue::One(Value::Time(time)) => Some(time),
        other => number(other).map(Timestamp::from_filetime),
    }
}

/// An address; one that is described as a number or as bytes lies in network order.
pub(super) fn address(value: RawValue<'_>) -> Option<IpAddr> {
    match value {
        RawValue::One(Value::Ip(address)) => Some(address),
        RawValue::One(Value::Text(text)) => text.parse().ok(),
        RawValue::One(Value::Bytes(bytes)) => match <[u8; 4]>::try_from(bytes) {
            Ok(bytes) => Some(Ipv4Addr::from(bytes).into()),
            Err(_) => <[u8; 16]>::try_from(bytes).ok().map(|bytes| Ipv6Addr::from(bytes).into()),
        },
        other => number32(other).map(|number| Ipv4Addr::from(number.to_le_bytes()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_each_form() {
        let one = RawValue::One;
        assert_eq!(number(one(Value::Hex(7))), Some(7));
        assert_eq!(number(one(Value::Signed(7))), Some(7));
        assert_eq!(number(one(Value::Text("0x1f"))), Some(31));
        assert_eq!(number(one(Value::Text("12"))), Some(12));
        for value in [one(Value::Signed(-1)), one(Value::Text("x")), RawValue::Empty] {
            assert_eq!(number(value), None);
        }
        assert_eq!(number32(one(Value::Unsigned(1 << 32))), None);
        assert_eq!(status(one(Value::Signed(-0x3fff_ffde))), Some(0xc000_0022));
        assert_eq!(status(one(Value::Hex(0xc000_0022))), Some(0xc000_0022));
    }

    #[test]
    fn a_time_may_be_a_number() {
        let ticks = 133_594_528_891_234_567;
        let time = Timestamp::from_filetime(ticks);
        for value in [Value::Time(time), Value::Unsigned(ticks), Value::Hex(ticks)] {
            assert_eq!(super::time(RawValue::One(value)), Some(time), "{value:?}");
        }
        assert_eq!(super::time(RawValue::One(Value::Null)), None);
    }

    #[test]
    fn addresses_in_each_form() {
        let home: IpAddr = [127, 0, 0, 1].into();
        let values = [
            Value::Ip(home),
            Value::Text("127.0.0.1"),
            Value::Bytes(&[127, 0, 0, 1]),
            Value::Unsigned(0x0100_007f),
        ];
        for value in values {
            assert_eq!(address(RawValue::One(value)), Some(home), "{value:?}");
        }
        let six = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(address(RawValue::One(Value::Bytes(&six))), "::1".parse().ok());
        assert_eq!(address(RawValue::One(Value::Bytes(&[1, 2]))), None);
    }
}
