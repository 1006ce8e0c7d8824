//! What must hold of the module `trace_event_info`, by examples.

use proptest::prelude::*;

use super::*;

/// The bytes that [`parse`] reads.
fn build(key: Key, schema: &Schema) -> Vec<u8> {
    let mut names = Vec::new();
    let behind = FIELDS + FIELD * schema.fields.len();
    let mut place = |name: &str| {
        if name.is_empty() {
            return 0;
        }
        let at = u32::try_from(behind + names.len()).unwrap();
        names.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        at
    };
    let mut bytes = vec![0; FIELDS];
    let guid = if key.classic { 0x10..0x20 } else { 0..0x10 };
    bytes[guid].copy_from_slice(&key.guid.0);
    if key.classic {
        bytes[0x25] = u8::try_from(key.id).unwrap();
    } else {
        bytes[0x20..0x22].copy_from_slice(&key.id.to_le_bytes());
    }
    bytes[0x22] = key.version;
    let mut put = |at: usize, number: u32| {
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    };
    put(0x30, u32::from(key.classic));
    put(0x34, place(&schema.provider));
    put(0x3C, place(&schema.channel));
    put(0x44, place(&schema.task));
    put(0x48, place(&schema.opcode));
    put(0x64, u32::try_from(schema.fields.len()).unwrap());
    put(0x68, u32::try_from(schema.top).unwrap());
    for field in &schema.fields {
        let mut flags = 0;
        let mut amount = |amount, from_field, fixed, none: u16| match amount {
            Amount::Field(index) => {
                flags |= from_field;
                index
            }
            Amount::Fixed(number) => {
                flags |= fixed;
                number
            }
            _ => none,
        };
        let count = amount(field.count, flag::COUNT_FROM_FIELD, flag::FIXED_COUNT, 1);
        let length = amount(field.length, flag::LENGTH_FROM_FIELD, 0x10, 0);
        let (first, second, map) = match &field.kind {
            FieldKind::Value(kind, out, map) => {
                (kind.number(), out.0, map.as_ref().map_or(0, |map| place(&map.name)))
            }
            FieldKind::Structure { first, members } => {
                flags |= flag::STRUCTURE;
                (*first, *members, 0)
            }
        };
        for number in [flags, place(&field.name)] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend([first, second].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend(map.to_le_bytes());
        bytes.extend([count, length, 0, 0].into_iter().flat_map(u16::to_le_bytes));
    }
    [bytes, names].concat()
}

fn example(classic: bool) -> (Key, Schema) {
    let guid = Guid([0xab; 16]);
    let key = Key { guid, id: if classic { 10 } else { 0x1234 }, version: 3, classic, build: 0 };
    let value = |name: &str, kind, out, map: Option<&str>| {
        let map = map.map(|name| Arc::new(ValueMap { name: name.into(), ..ValueMap::default() }));
        let kind = FieldKind::Value(kind, out, map);
        Field { name: name.into(), kind, ..Field::default() }
    };
    let structure = FieldKind::Structure { first: 4, members: 2 };
    let fields = vec![
        value("Count", InType::UInt16, OutType::NONE, Some("CountMap")),
        Field {
            length: Amount::Field(0),
            ..value("Text", InType::UnicodeString, OutType::XML, None)
        },
        Field {
            name: "Pairs".into(),
            kind: structure,
            count: Amount::Field(0),
            ..Field::default()
        },
        Field { length: Amount::Fixed(6), ..value("Mac", InType::Binary, OutType::NONE, None) },
        value("Port", InType::UInt16, OutType::PORT, None),
        Field { count: Amount::Fixed(2), ..value("Ip", InType::UInt32, OutType::IPV4, None) },
    ];
    let schema = Schema {
        provider: "Provider-\u{e9}".into(),
        guid,
        task: "Task".into(),
        channel: "Provider/Operational".into(),
        fields,
        top: 4,
        source: SchemaSource::Recording,
        ..Schema::default()
    };
    (key, schema)
}

#[test]
fn a_schema_comes_back_from_its_bytes() {
    for classic in [false, true] {
        let (key, schema) = example(classic);
        assert_eq!(parse(&build(key, &schema)), Ok((key, schema)));
    }
}

#[test]
fn any_cut_is_told() {
    let (key, schema) = example(false);
    let bytes = build(key, &schema);
    for cut in 0..bytes.len() {
        let error = parse(&bytes[..cut]);
        assert!(matches!(error, Err(SchemaError::Cut { .. })), "{cut}: {error:?}");
    }
}

#[test]
fn the_length_of_a_number_says_nothing_new() {
    let (key, schema) = example(false);
    let mut bytes = build(key, &schema);
    let length = FIELDS + 18;
    bytes[length..length + 2].copy_from_slice(&2_u16.to_le_bytes());
    assert_eq!(parse(&bytes), Ok((key, schema)));
}

/// A boolean has four bytes whether that is said or not; a buffer of no letters is one if it is said to be.
#[test]
fn lengths_that_are_fixed_are_told_from_those_that_are_not() {
    let (key, schema) = example(false);
    let told = |kind: InType, flags: u32, length: u16| {
        let mut bytes = build(key, &schema);
        bytes[FIELDS..FIELDS + 4].copy_from_slice(&flags.to_le_bytes());
        bytes[FIELDS + 8..FIELDS + 10].copy_from_slice(&kind.number().to_le_bytes());
        bytes[FIELDS + 18..FIELDS + 20].copy_from_slice(&length.to_le_bytes());
        // Nothing may be counted by the first field, if that is a text.
        for (at, length) in [(FIELDS + FIELD, 18), (FIELDS + 2 * FIELD, 16)] {
            bytes[at..at + 4].copy_from_slice(&u32::from(length == 16).to_le_bytes());
            bytes[at + length..at + length + 2].fill(0);
        }
        parse(&bytes).unwrap().1.fields[0].length
    };
    assert_eq!(told(InType::Boolean, 0, 4), Amount::Implied);
    assert_eq!(told(InType::Boolean, 0, 1), Amount::Fixed(1));
    assert_eq!(told(InType::UnicodeString, flag::FIXED_LENGTH, 0), Amount::Fixed(0));
    assert_eq!(told(InType::UnicodeString, 0, 0), Amount::Implied);
}

#[test]
fn what_can_not_be_is_refused() {
    let (key, schema) = example(false);
    let bytes = build(key, &schema);
    let with = |at: usize, number: u32| {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        parse(&bytes).map(|_| ())
    };
    assert_eq!(with(0x64, 1_025), Err(SchemaError::TooManyFields(1_025)));
    assert_eq!(with(0x68, 7), Err(SchemaError::TooManyFields(7)));
    let type_of_first = FIELDS + 8;
    let wrong = SchemaError::Type { field: "Count".into(), number: 99 };
    assert_eq!(with(type_of_first, 99), Err(wrong));
    let members_of_pairs = FIELDS + 2 * FIELD + 8;
    assert_eq!(with(members_of_pairs, 2 | 2 << 16), Err(SchemaError::Members("Pairs".into())));
    let long = Schema { task: "x".repeat(1_025).into(), ..schema.clone() };
    let error = parse(&build(key, &long));
    assert_eq!(error, Err(SchemaError::LongName("name of the task")));
    // But for the blank that Windows' tools append.
    let longest = Schema { task: format!("{} ", "x".repeat(1_024)).into(), ..schema.clone() };
    let (_, read) = parse(&build(key, &longest)).unwrap();
    assert_eq!(&*read.task, "x".repeat(1_024));
}

proptest! {
    #[test]
    fn a_damaged_one_is_refused_or_can_be_walked(
        damage in prop::collection::vec((0..400_usize, any::<u8>()), 1..6)
    ) {
        let (key, schema) = example(false);
        let mut bytes = build(key, &schema);
        for (at, byte) in damage {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok((_, schema)) = parse(&bytes) {
            prop_assert!(schema.paths().is_ok());
        }
    }
}
