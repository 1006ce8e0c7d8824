//! Blobs byte by byte, read back by their documented offsets.

use std::sync::Arc;

use super::*;
use crate::schema::OutType;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
/// The string whose offset stands at `at`.
fn text(bytes: &[u8], at: usize) -> String {
    let offset = u32_at(bytes, at) as usize;
    if offset == 0 {
        return String::new();
    }
    let units = bytes[offset..].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    String::from_utf16(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>()).unwrap()
}

fn field(name: &str, in_type: InType, count: Amount, length: Amount) -> Field {
    let kind = FieldKind::Value(in_type, OutType::NONE, None);
    Field { name: name.into(), kind, count, length, optional: false }
}

fn schema() -> Schema {
    let map = ValueMap { name: "TypeMap".into(), ..ValueMap::default() };
    let out_type = OutType::HEX_INT_32;
    let mut kind = field("Kind", InType::UInt32, Amount::Implied, Amount::Implied);
    kind.kind = FieldKind::Value(InType::UInt32, out_type, Some(Arc::new(map)));
    let mut list = field("List", InType::Null, Amount::Field(0), Amount::Implied);
    list.kind = FieldKind::Structure { first: 4, members: 1 };
    Schema {
        provider: "Contoso-Provider".into(),
        guid: Guid([9; 16]),
        name: "Named".into(),
        task: "Work".into(),
        opcode: "Begin".into(),
        channel: "Contoso/Operational".into(),
        top: 4,
        ..Schema::of_fields(vec![
            kind,
            field("Text", InType::UnicodeString, Amount::Implied, Amount::Fixed(16)),
            field("Bytes", InType::Binary, Amount::Fixed(3), Amount::Field(0)),
            list,
            field("Member", InType::Pointer, Amount::Implied, Amount::Implied),
        ])
    }
}

#[test]
fn an_event_is_laid_out_as_windows_does() {
    let descriptor = EventDescriptor {
        id: 0x0102,
        version: 3,
        channel: 4,
        level: 5,
        opcode: 6,
        task: 0x0708,
        keyword: 1 << 63,
        classic: false,
    };
    let schema = schema();
    let bytes = trace_event_info(&schema, &descriptor).unwrap();
    assert_eq!(bytes[..0x20], [[9; 16], [0; 16]].concat());
    assert_eq!(bytes[0x20..0x30], [2, 1, 3, 4, 5, 6, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    assert_eq!(u32_at(&bytes, 0x30), 0);
    assert_eq!(text(&bytes, 0x34), "Contoso-Provider");
    assert_eq!(text(&bytes, 0x3c), "Contoso/Operational");
    assert_eq!(text(&bytes, 0x44), "Work");
    assert_eq!(text(&bytes, 0x48), "Begin");
    assert_eq!(text(&bytes, 0x5c), "Named");
    for none in [0x38, 0x40, 0x4c, 0x50, 0x54, 0x58, 0x60, 0x6c] {
        assert_eq!(u32_at(&bytes, none), 0, "{none:#x}");
    }
    assert_eq!((u32_at(&bytes, 0x64), u32_at(&bytes, 0x68)), (5, 4));

    // Name, flags, types or members, map, count, length.
    let expected = [
        ("Kind", 0, (8, 18), "TypeMap", 1, 4),
        ("Text", 0x10, (1, 0), "", 1, 16),
        ("Bytes", 0x22, (14, 0), "", 3, 0),
        ("List", 5, (4, 1), "", 0, 0),
        ("Member", 0, (16, 0), "", 1, 0),
    ];
    for (index, (name, flags, types, map, count, length)) in expected.into_iter().enumerate() {
        let at = 0x70 + 24 * index;
        assert_eq!(text(&bytes, at + 4), name);
        assert_eq!(u32_at(&bytes, at), flags, "{name}");
        assert_eq!((u16_at(&bytes, at + 8), u16_at(&bytes, at + 10)), types, "{name}");
        assert_eq!(text(&bytes, at + 12), map);
        assert_eq!((u16_at(&bytes, at + 16), u16_at(&bytes, at + 18)), (count, length), "{name}");
        assert_eq!(u32_at(&bytes, at + 20), 0);
    }
}

#[test]
fn an_event_that_describes_itself_or_is_classic_says_so() {
    let schema = Schema { source: SchemaSource::TraceLogging, ..schema() };
    let bytes = trace_event_info(&schema, &EventDescriptor::default()).unwrap();
    assert_eq!((u32_at(&bytes, 0x30), text(&bytes, 0x5c)), (3, "Named".to_owned()));
    let classic = EventDescriptor { classic: true, ..EventDescriptor::default() };
    let bytes = trace_event_info(&schema, &classic).unwrap();
    assert_eq!((u32_at(&bytes, 0x30), text(&bytes, 0x5c)), (1, String::new()));
    assert_eq!(bytes[0x10..0x20], [9; 16]);
}

#[test]
fn an_event_without_fields_and_names_is_its_head_alone() {
    let bytes = trace_event_info(&Schema::default(), &EventDescriptor::default()).unwrap();
    assert_eq!(bytes, [0; 0x70]);
}

/// The first map is one of Microsoft-Windows-DNS-Client; merged traces leave 8 bytes before the strings.
#[test]
fn maps_are_laid_out_as_windows_does() {
    for (bits, flags) in [(false, 1), (true, 2)] {
        let entries = vec![(0, "static".into()), (1, "dynamic".into())];
        let map = ValueMap { name: "DnsIpTypeMap".into(), bits, entries };
        let bytes = event_map_info(&map).unwrap();
        assert_eq!(text(&bytes, 0), "DnsIpTypeMap");
        assert_eq!((u32_at(&bytes, 4), u32_at(&bytes, 8), u32_at(&bytes, 12)), (flags, 2, 0));
        assert_eq!((text(&bytes, 0x10), u32_at(&bytes, 0x14)), ("static ".to_owned(), 0));
        assert_eq!((text(&bytes, 0x18), u32_at(&bytes, 0x1c)), ("dynamic ".to_owned(), 1));
    }
}

#[test]
fn counted_text_and_text_to_the_end_have_types_of_their_own() {
    for (in_type, length, expected) in [
        (InType::AnsiString, Amount::Prefixed, 23),
        (InType::Binary, Amount::Prefixed, 25),
        (InType::UnicodeString, Amount::Rest, 304),
        (InType::AnsiString, Amount::Rest, 305),
    ] {
        let schema = Schema::of_fields(vec![field("F", in_type, Amount::Implied, length)]);
        let bytes = trace_event_info(&schema, &EventDescriptor::default()).unwrap();
        assert_eq!((u32_at(&bytes, 0x70), u16_at(&bytes, 0x78)), (0, expected));
    }
}

#[test]
fn what_windows_has_no_place_for_is_refused() {
    let refused = |field: Field| {
        let schema = Schema::of_fields(vec![field]);
        trace_event_info(&schema, &EventDescriptor::default()).unwrap_err().to_string()
    };
    let plain = || field("F", InType::Binary, Amount::Implied, Amount::Implied);
    let structure = FieldKind::Structure { first: 0, members: 0 };
    let cases = [
        (Field { optional: true, ..plain() }, "field `F` may be missing at the end of the payload"),
        (Field { count: Amount::Prefixed, ..plain() }, "field `F` has a count that can't be said"),
        (Field { count: Amount::Rest, ..plain() }, "field `F` has a count that can't be said"),
        (Field { length: Amount::Rest, ..plain() }, "field `F` has a length that can't be said"),
        // Its count would be one of letters, and that of Windows' counted text is one of bytes.
        (
            field("F", InType::UnicodeString, Amount::Implied, Amount::Prefixed),
            "field `F` has a length that can't be said",
        ),
        (
            field("F", InType::AnsiChar, Amount::Implied, Amount::Fixed(4)),
            "field `F` has a length that can't be said",
        ),
        (Field { name: "n".repeat(1_025).into(), ..plain() }, "too much for one schema"),
        (
            Field { length: Amount::Fixed(2), kind: structure, ..plain() },
            "field `F` has a length that can't be said",
        ),
        (Field { name: "a\0".into(), ..plain() }, r#"the name "a\0" has a NUL in it"#),
    ];
    for (field, message) in cases {
        assert_eq!(refused(field), message);
    }
}
