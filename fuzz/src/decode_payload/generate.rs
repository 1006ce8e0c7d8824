//! Schemas that bytes choose, and fields whose values are known.

use etwatch_decode::Schema;
use etwatch_decode::schema::{Amount, Field, FieldKind, InType, OutType};
use etwatch_event::{Guid, Sid, Timestamp, Value};

use super::super::choices::{Choices, text};

const MOST_FIELDS: usize = 10;
const MOST_TEXT: usize = 12;

/// A schema of any fields; often no payload can be walked by it.
pub(super) fn schema(choices: &mut Choices<'_>) -> Schema {
    let count = choices.below(MOST_FIELDS);
    let fields: Vec<_> = (0..count).map(|number| field(number, choices)).collect();
    let top = if choices.below(2) == 0 { count } else { choices.below(count + 2) };
    Schema { provider: "Maker".into(), top, fields, ..Schema::default() }
}

fn field(number: usize, choices: &mut Choices<'_>) -> Field {
    let kind = match choices.below(6) {
        0 => {
            let first = number + 1 + choices.below(MOST_FIELDS);
            let first = u16::try_from(first).expect("fields are few");
            FieldKind::Structure { first, members: u16::from(choices.byte() & 3) }
        }
        _ => {
            let out = OutType(u16::from(choices.byte() % 40));
            FieldKind::Value(*choices.pick(InType::ALL), out, None)
        }
    };
    let (count, length) = (amount(choices), amount(choices));
    let optional = choices.below(8) == 7;
    Field { name: format!("F{number}").into(), kind, count, length, optional }
}

fn amount(choices: &mut Choices<'_>) -> Amount {
    match choices.byte() {
        0..0x90 => Amount::Implied,
        0x90..0xb0 => Amount::Fixed(choices.byte().into()),
        0xb0..0xd0 => Amount::Field(choices.byte().into()),
        0xd0..0xe8 => Amount::Prefixed,
        _ => Amount::Rest,
    }
}

/// A field, its bytes, and what is shown of its values.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) field: Field,
    pub(super) bytes: Vec<u8>,
    pub(super) values: Vec<String>,
}

/// Fields whose values are known.
pub(super) fn known(choices: &mut Choices<'_>) -> Vec<Known> {
    let mut fields = Vec::new();
    for _ in 0..1 + choices.below(MOST_FIELDS) {
        one(choices, &mut fields);
    }
    fields
}

fn one(choices: &mut Choices<'_>, out: &mut Vec<Known>) {
    use {InType as I, OutType as O};
    let mut add = |kind, meaning, bytes: &[u8], value: Value<'_>| {
        add(out, typed(kind, meaning), bytes, &[value]);
    };
    match choices.below(14) {
        0 => {
            let kinds = [I::UInt8, I::UInt16, I::UInt32, I::UInt64];
            let width = choices.below(4);
            let number = eight(choices);
            let bytes = &number[..1 << width];
            add(kinds[width], O::NONE, bytes, Value::Unsigned(whole(bytes)));
        }
        1 => {
            let number = eight(choices);
            let signed = i32::from_le_bytes(number[..4].try_into().expect("four of eight"));
            add(I::Int32, O::NONE, &number[..4], Value::Signed(signed.into()));
        }
        2 => {
            let number = eight(choices);
            add(I::Pointer, O::NONE, &number, Value::Hex(u64::from_le_bytes(number)));
        }
        3 => {
            let number = eight(choices);
            add(I::Double, O::NONE, &number, Value::Float(f64::from_le_bytes(number)));
        }
        4 => {
            let number = [choices.byte(), 0, 0, choices.byte()];
            add(I::Boolean, O::NONE, &number, Value::Boolean(number != [0; 4]));
        }
        5 => {
            let guid = [eight(choices), eight(choices)].concat();
            let octets: [u8; 16] = guid.try_into().expect("twice eight");
            add(I::Guid, O::NONE, &octets, Value::Guid(Guid(octets)));
        }
        6 => {
            let number = eight(choices);
            let time = Timestamp::from_filetime(u64::from_le_bytes(number));
            add(I::FileTime, O::NONE, &number, Value::Time(time));
        }
        7 => {
            let letters = letters(choices);
            add(
                I::UnicodeString,
                O::NONE,
                &[utf16(&letters), vec![0, 0]].concat(),
                Value::Text(&letters),
            );
        }
        8 => {
            let letters = letters(choices);
            let text = utf16(&letters);
            let count = count(&text);
            let (kind, count) = match choices.below(3) {
                0 => (I::CountedString, count.to_le_bytes()),
                1 => (I::ManifestCountedString, count.to_le_bytes()),
                _ => (I::ReversedCountedString, count.to_be_bytes()),
            };
            add(kind, O::NONE, &[&count[..], &text].concat(), Value::Text(&letters));
        }
        9 => {
            let letters = letters(choices);
            add(
                I::AnsiString,
                O::UTF8,
                &[letters.as_bytes(), &[0]].concat(),
                Value::Text(&letters),
            );
        }
        10 => {
            let parts = choices.bytes(15);
            let head = [1, u8::try_from(parts.len()).expect("at most 15"), 0, 0, 0, 0, 0, 5];
            let tail = parts.iter().flat_map(|part| [*part, 0, 0, 1]);
            let bytes: Vec<u8> = head.into_iter().chain(tail).collect();
            add(I::Sid, O::NONE, &bytes, Value::Sid(Sid(&bytes)));
        }
        11 => {
            let octets = [choices.byte(), choices.byte(), choices.byte(), choices.byte()];
            add(I::UInt32, O::IPV4, &octets, Value::Ip(octets.into()));
        }
        12 => counted_bytes(choices, out),
        _ => counted_numbers(choices, out),
    }
}

/// Bytes, and before them a field with their number.
fn counted_bytes(choices: &mut Choices<'_>, out: &mut Vec<Known>) {
    let bytes = choices.bytes(30);
    let length = Amount::Field(count_before(bytes.len(), out));
    let field = Field { length, ..typed(InType::Binary, OutType::NONE) };
    add(out, field, bytes, &[Value::Bytes(bytes)]);
}

/// Numbers, and before them a field with how many there are.
fn counted_numbers(choices: &mut Choices<'_>, out: &mut Vec<Known>) {
    let numbers = choices.bytes(9);
    let count = Amount::Field(count_before(numbers.len(), out));
    let field = Field { count, ..typed(InType::UInt16, OutType::NONE) };
    let bytes: Vec<_> = numbers.iter().flat_map(|number| [*number, 1]).collect();
    let values = numbers.iter().map(|number| Value::Unsigned(0x100 | u64::from(*number)));
    add(out, field, &bytes, &values.collect::<Vec<_>>());
}

/// Adds a field that holds the number; its index.
fn count_before(number: usize, out: &mut Vec<Known>) -> u16 {
    let number = u8::try_from(number).expect("they are few");
    add(out, typed(InType::UInt8, OutType::NONE), &[number], &[Value::Unsigned(number.into())]);
    u16::try_from(out.len() - 1).expect("fields are few")
}

fn add(out: &mut Vec<Known>, field: Field, bytes: &[u8], values: &[Value<'_>]) {
    let field = Field { name: format!("F{}", out.len()).into(), ..field };
    let mut values: Vec<_> = values.iter().map(|value| format!("{value:?}")).collect();
    if values.is_empty() {
        values.push("-".to_owned());
    }
    out.push(Known { field, bytes: bytes.to_vec(), values });
}

fn typed(kind: InType, out: OutType) -> Field {
    Field { kind: FieldKind::Value(kind, out, None), ..Field::default() }
}

fn eight(choices: &mut Choices<'_>) -> [u8; 8] {
    std::array::from_fn(|_| choices.byte())
}

fn whole(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A text without NUL.
fn letters(choices: &mut Choices<'_>) -> String {
    text(choices.bytes(MOST_TEXT)).replace('\0', "")
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn count(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).expect("texts are short")
}
