//! From fields to the bytes of a payload, by the layout that our tables have of the event.
//!
//! The inverse of what `etwatch_decode` does, and written without it: a number takes the bytes of its type, a
//! text ends in a NUL, an address and a port have their high byte first. A field that gives the length of another
//! is filled in; what is not given is zero, a time that of the record.

use std::collections::BTreeMap;
use std::net::IpAddr;

use etwatch_decode::schema::{Amount, Field, FieldKind, InType, OutType, Schema};
use etwatch_event::Timestamp;
use serde_yaml::Value;

/// The payload with these fields; each must be one of the layout's.
pub(crate) fn encode(schema: &Schema, given: &BTreeMap<String, Value>, time: Timestamp) -> Vec<u8> {
    let fields = schema.own_fields();
    for name in given.keys() {
        assert!(
            fields.iter().any(|field| *field.name == **name),
            "no field `{name}` in {schema:?}"
        );
    }
    let bytes = |field: &Field| encode_field(field, given.get(&*field.name), time);
    let mut encoded: Vec<_> = fields.iter().map(bytes).collect();
    for (index, field) in fields.iter().enumerate() {
        if let Amount::Field(of) = field.length {
            let FieldKind::Value(InType::Binary, ..) = field.kind else {
                panic!("a length that is not one of bytes: {field:?}")
            };
            let length = (encoded[index].len() as u64).to_le_bytes();
            let width = encoded[usize::from(of)].len();
            encoded[usize::from(of)] = length[..width].to_vec();
        }
    }
    encoded.concat()
}

fn encode_field(field: &Field, given: Option<&Value>, time: Timestamp) -> Vec<u8> {
    let FieldKind::Value(kind, out, _) = &field.kind else { panic!("a structure: {field:?}") };
    let text = given.and_then(Value::as_str).unwrap_or_default();
    let number = || number(given).to_le_bytes();
    match kind {
        InType::UnicodeString => utf16(text),
        InType::AnsiString => [text.as_bytes(), &[0]].concat(),
        InType::UInt8 | InType::Int8 => number()[..1].to_vec(),
        InType::UInt16 if *out == OutType::PORT => number()[..2].iter().rev().copied().collect(),
        InType::UInt16 | InType::Int16 => number()[..2].to_vec(),
        InType::UInt32 if *out == OutType::IPV4 && !text.is_empty() => address(text),
        InType::UInt32 | InType::Int32 | InType::HexInt32 | InType::Boolean => {
            number()[..4].to_vec()
        }
        InType::UInt64 | InType::Int64 | InType::HexInt64 | InType::Pointer | InType::SizeT => {
            number().to_vec()
        }
        InType::FileTime => time.filetime().to_le_bytes().to_vec(),
        InType::Guid => vec![0; 16],
        InType::Sid => sid(text),
        // TOKEN_USER: two pointers before the SID.
        InType::WbemSid => [vec![1; 16], sid(text)].concat(),
        InType::Binary if *out == OutType::IPV6 => address(text),
        InType::Binary => match (field.length, given) {
            (Amount::Fixed(length), None) => vec![0; length.into()],
            (_, None) => Vec::new(),
            (_, Some(Value::String(text))) => utf16(text),
            (_, Some(_)) => number()[..4].to_vec(),
        },
        other => panic!("no bytes for {other:?}"),
    }
}

/// A number, or text of one in hex.
fn number(given: Option<&Value>) -> u64 {
    match given {
        None => 0,
        Some(Value::Number(number)) => number.as_u64().unwrap(),
        Some(Value::String(text)) => {
            u64::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap()
        }
        Some(other) => panic!("no number: {other:?}"),
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn address(text: &str) -> Vec<u8> {
    match text.parse().unwrap() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The bytes of a SID from its text.
fn sid(text: &str) -> Vec<u8> {
    let mut parts = text.strip_prefix("S-1-").unwrap().split('-').map(|part| part.parse().unwrap());
    let authority: u64 = parts.next().unwrap();
    let parts: Vec<u32> = parts.map(|part: u64| u32::try_from(part).unwrap()).collect();
    let count = u8::try_from(parts.len()).unwrap();
    let mut bytes = vec![1, count];
    bytes.extend_from_slice(&authority.to_be_bytes()[2..]);
    bytes.extend(parts.iter().flat_map(|part| part.to_le_bytes()));
    bytes
}
