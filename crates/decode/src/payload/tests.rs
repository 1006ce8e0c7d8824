//! What must hold of the module `payload`, by examples.

use etwatch_event::Guid;

use super::*;

/// Field index and what is shown of the value; `-` for a field without values.
pub(super) type Shown = Vec<(usize, String)>;

#[derive(Default)]
struct Collect(Shown);

impl Put for Collect {
    fn value(&mut self, index: usize, value: Value<'_>) {
        self.0.push((index, format!("{value:?}")));
    }
    fn empty(&mut self, index: usize) {
        self.0.push((index, "-".to_owned()));
    }
}

pub(super) fn walked(
    schema: &Schema,
    payload: &[u8],
    pointer_size: u8,
) -> (Result<Fit, Misfit>, Shown) {
    let mut collect = Collect::default();
    let fit = walk(schema, payload, pointer_size, &mut Scratch::default(), &mut collect);
    (fit, collect.0)
}
pub(super) fn typed(name: &str, kind: InType, out: OutType) -> Field {
    let kind = FieldKind::Value(kind, out, None);
    Field { name: name.into(), kind, ..Field::default() }
}
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
fn misfit(field: usize, offset: usize, reason: Reason) -> Result<Fit, Misfit> {
    Err(Misfit { field, offset, reason })
}

/// Type, meaning, bytes, what is shown with pointers of 8 bytes.
const VALUES: &[(InType, OutType, &[u8], &str)] = {
    use {InType as I, OutType as O};
    &[
        (I::Null, O::NONE, b"", "Null"),
        (I::UInt8, O::NONE, &[200], "Unsigned(200)"),
        (I::UInt8, O::BOOLEAN, &[2], "Boolean(true)"),
        (I::UInt8, O::HEX_INT_8, &[0x1f], "Hex(31)"),
        (I::UInt8, O::STRING, b"A", "Text(\"A\")"),
        (I::Int8, O::NONE, &[0xff], "Signed(-1)"),
        (I::Int16, O::NONE, &[0xfe, 0xff], "Signed(-2)"),
        (I::Int16, O::HEX_INT_16, &[0xfe, 0xff], "Hex(65534)"),
        (I::UInt16, O::NONE, &[1, 2], "Unsigned(513)"),
        (I::UInt16, O::PORT, &[1, 0xbb], "Unsigned(443)"),
        (I::UInt16, O::STRING, &[0xe9, 0], "Text(\"é\")"),
        (I::UInt32, O::IPV4, &[192, 0, 2, 7], "Ip(192.0.2.7)"),
        (I::UInt32, O::PROCESS_ID, &[4, 0, 0, 0], "Unsigned(4)"),
        (I::UInt32, O::WIN32_ERROR, &[5, 0, 0, 0], "Unsigned(5)"),
        (I::UInt32, O::NT_STATUS, &[0x22, 0, 0, 0xc0], "Hex(3221225506)"),
        (I::Int32, O::HRESULT, &[5, 0, 7, 0x80], "Hex(2147942405)"),
        (I::Int32, O::NONE, &[0xfe, 0xff, 0xff, 0xff], "Signed(-2)"),
        (I::Int64, O::NONE, &[0xff; 8], "Signed(-1)"),
        (I::UInt64, O::NONE, &[0, 0, 0, 0, 1, 0, 0, 0], "Unsigned(4294967296)"),
        (I::HexInt32, O::NONE, &[0x10, 0, 0, 0], "Hex(16)"),
        (I::HexInt64, O::NONE, &[0x10, 0, 0, 0, 0, 0, 0, 0], "Hex(16)"),
        (I::Pointer, O::NONE, &[0, 1, 0, 0, 0, 0, 0, 0], "Hex(256)"),
        (I::SizeT, O::NONE, &[0, 1, 0, 0, 0, 0, 0, 0], "Unsigned(256)"),
        (I::Float, O::NONE, &[0, 0, 0x80, 0x3f], "Float(1.0)"),
        (I::Double, O::NONE, &[0, 0, 0, 0, 0, 0, 0xe0, 0x3f], "Float(0.5)"),
        (I::Boolean, O::NONE, &[0, 1, 0, 0], "Boolean(true)"),
        (I::Binary, O::IPV6, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "Ip(::1)"),
        (I::FileTime, O::NONE, &[1, 0, 0, 0, 0, 0, 0, 0], "Time(Timestamp(1))"),
        // 1601-01-02 00:00:00.001, a Tuesday; then month 13, which is no time.
        (
            I::SystemTime,
            O::NONE,
            &[0x41, 6, 1, 0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            "Time(Timestamp(864000010000))",
        ),
        (
            I::SystemTime,
            O::NONE,
            &[0x41, 6, 13, 0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0],
            "Bytes([65, 6, 13, 0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0])",
        ),
        (
            I::Sid,
            O::NONE,
            &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
            "Sid(Sid([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]))",
        ),
        (I::WbemSid, O::NONE, &[0, 0, 0, 0], "Null"),
        (
            I::WbemSid,
            O::NONE,
            &[9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1],
            "Sid(Sid([1, 0, 0, 0, 0, 0, 0, 1]))",
        ),
        (I::UnicodeString, O::NONE, &[b'a', 0, 0, 0], "Text(\"a\")"),
        (I::UnicodeString, O::NONE, &[b'a', 0], "Text(\"a\")"),
        (I::AnsiString, O::NONE, b"\x80\0", "Text(\"€\")"),
        (I::AnsiString, O::UTF8, b"\xc3\xa9\0", "Text(\"é\")"),
        (I::AnsiString, O::JSON, b"\xc3\xa9\xff\0", "Text(\"é\u{fffd}\")"),
        (I::ManifestCountedString, O::NONE, &[4, 0, b'a', 0, 0, 0], "Text(\"a\")"),
        (I::ManifestCountedAnsiString, O::NONE, b"\x01\0a", "Text(\"a\")"),
        (I::ManifestCountedBinary, O::NONE, &[2, 0, 8, 9], "Bytes([8, 9])"),
        (I::CountedString, O::NONE, &[3, 0, b'a', 0, 0], "Text(\"a\u{fffd}\")"),
        (I::CountedAnsiString, O::NONE, b"\x01\0a", "Text(\"a\")"),
        (I::ReversedCountedString, O::NONE, &[0, 2, b'a', 0], "Text(\"a\")"),
        (I::ReversedCountedAnsiString, O::NONE, b"\0\x01a", "Text(\"a\")"),
        (I::NonNullTerminatedString, O::NONE, &[b'a', 0, b'b', 0], "Text(\"ab\")"),
        (I::NonNullTerminatedAnsiString, O::NONE, b"ab", "Text(\"ab\")"),
        (I::UnicodeChar, O::NONE, &[b'a', 0], "Text(\"a\")"),
        (I::AnsiChar, O::NONE, b"a", "Text(\"a\")"),
        (I::HexDump, O::NONE, &[2, 0, 0, 0, 8, 9], "Bytes([8, 9])"),
    ]
};

#[test]
fn each_type_is_read_as_windows_means_it() {
    for (kind, out, bytes, shown) in VALUES {
        let schema = Schema::of_fields(vec![typed("F", *kind, *out)]);
        let expected = (Ok(Fit::Exact), vec![(0, (*shown).to_owned())]);
        assert_eq!(walked(&schema, bytes, 8), expected, "{kind:?} {out:?}");
    }
    let guid = Schema::of_fields(vec![typed("F", InType::Guid, OutType::NONE)]);
    let shown = vec![(0, format!("{:?}", Value::Guid(Guid([7; 16]))))];
    assert_eq!(walked(&guid, &[7; 16], 8), (Ok(Fit::Exact), shown));
    let tested = |kind: &&InType| VALUES.iter().any(|(tested, ..)| tested == *kind);
    let rest: Vec<_> = InType::ALL.iter().filter(|kind| !tested(kind)).collect();
    assert_eq!(rest, [&InType::Guid]);
}

#[test]
fn a_type_cut_short_is_told_with_its_offset() {
    let open = |kind| {
        use InType as I;
        matches!(kind, I::UnicodeString | I::AnsiString | I::Null)
            || matches!(kind, I::NonNullTerminatedString | I::NonNullTerminatedAnsiString)
    };
    for (kind, out, bytes, _) in VALUES.iter().filter(|(kind, ..)| !open(*kind)) {
        let number = typed("N", InType::UInt8, OutType::NONE);
        let schema = Schema::of_fields(vec![number, typed("F", *kind, *out)]);
        let payload = [&[1], *bytes].concat();
        let (fit, _) = walked(&schema, &payload[..payload.len() - 1], 8);
        assert_eq!(fit, misfit(1, 1, Reason::TooShort), "{kind:?}");
    }
}

#[test]
fn pointers_are_as_long_as_those_of_the_record() {
    let schema = Schema::of_fields(vec![typed("P", InType::Pointer, OutType::NONE)]);
    assert_eq!(walked(&schema, &[1; 8], 4).0, Ok(Fit::Trailing(4)));
    let sid = Schema::of_fields(vec![typed("S", InType::WbemSid, OutType::NONE)]);
    let user = [&[9; 8][..], &[1, 0, 0, 0, 0, 0, 0, 1]].concat();
    assert_eq!(walked(&sid, &user, 4).0, Ok(Fit::Exact));
}

#[test]
fn lengths_are_letters_or_bytes() {
    let length = |kind, length| Field { length, ..typed("F", kind, OutType::NONE) };
    let number = || typed("N", InType::UInt8, OutType::NONE);
    let texts: &[(Field, &[u8], &str)] = &[
        // A buffer ends at its first NUL; a length that the event gives counts.
        (length(InType::UnicodeString, Amount::Fixed(3)), &utf16("a\0b"), "Text(\"a\")"),
        (length(InType::AnsiString, Amount::Fixed(3)), b"a\0b", "Text(\"a\")"),
        (length(InType::UnicodeString, Amount::Field(0)), &utf16("a\0b"), "Text(\"a\\0b\")"),
        (length(InType::AnsiString, Amount::Field(0)), b"ab\0", "Text(\"ab\")"),
        (length(InType::UnicodeString, Amount::Rest), &utf16("a\0\0"), "Text(\"a\")"),
        (length(InType::Binary, Amount::Field(0)), &[7, 8, 9], "Bytes([7, 8, 9])"),
        (length(InType::Binary, Amount::Rest), &[7, 8, 9], "Bytes([7, 8, 9])"),
        (length(InType::Binary, Amount::Prefixed), &[1, 0, 9], "Bytes([9])"),
        (length(InType::Boolean, Amount::Fixed(3)), &[0, 0, 1], "Boolean(true)"),
    ];
    for (field, bytes, shown) in texts {
        let schema = Schema::of_fields(vec![number(), field.clone()]);
        let (fit, values) = walked(&schema, &[&[3], *bytes].concat(), 8);
        assert_eq!(fit, Ok(Fit::Exact), "{field:?}");
        assert_eq!(values[1], (1, (*shown).to_owned()), "{field:?}");
    }
    let unknown = Schema::of_fields(vec![length(InType::Binary, Amount::Implied)]);
    assert_eq!(walked(&unknown, &[1], 8).0, misfit(0, 0, Reason::NoLength));
}

#[test]
fn a_length_needs_a_number_that_was_read_and_is_not_negative() {
    let text = Field { length: Amount::Field(0), ..typed("T", InType::AnsiString, OutType::NONE) };
    let signed = Schema::of_fields(vec![typed("N", InType::Int8, OutType::NONE), text.clone()]);
    assert_eq!(walked(&signed, &[0xff, 1], 8).0, misfit(1, 1, Reason::NoNumber));
    let behind = Field { length: Amount::Field(1), ..text };
    let schema = Schema::of_fields(vec![behind, typed("N", InType::UInt8, OutType::NONE)]);
    assert_eq!(walked(&schema, &[1, 1], 8).0, misfit(0, 0, Reason::NoNumber));
}

#[test]
fn arrays_are_several_values_of_one_field() {
    let array = |count| Field { count, ..typed("A", InType::Int8, OutType::NONE) };
    let number = || typed("N", InType::UInt8, OutType::NONE);
    let rows: &[(Amount, &[u8], &[&str])] = &[
        (Amount::Fixed(2), &[2, 5, 6], &["Signed(5)", "Signed(6)"]),
        (Amount::Field(0), &[2, 5, 6], &["Signed(5)", "Signed(6)"]),
        (Amount::Prefixed, &[2, 1, 0, 6], &["Signed(6)"]),
        (Amount::Rest, &[2, 5, 6], &["Signed(5)", "Signed(6)"]),
        (Amount::Rest, &[2], &["-"]),
        (Amount::Field(0), &[0], &["-"]),
    ];
    for (count, bytes, shown) in rows {
        let (fit, values) = walked(&Schema::of_fields(vec![number(), array(*count)]), bytes, 8);
        assert_eq!(fit, Ok(Fit::Exact), "{count:?}");
        let values: Vec<_> = values[1..].iter().map(|(index, value)| (*index, &**value)).collect();
        let expected: Vec<_> = shown.iter().map(|value| (1, *value)).collect();
        assert_eq!(values, expected, "{count:?}");
    }
    let wide = Field { count: Amount::Field(0), ..typed("A", InType::UInt32, OutType::NONE) };
    let (fit, values) = walked(&Schema::of_fields(vec![number(), wide]), &[3, 0, 0, 0, 0], 8);
    assert_eq!(fit, misfit(1, 1, Reason::TooShort));
    assert_eq!(values.len(), 1, "nothing of an array that can't fit is read");
}

#[test]
fn bytes_in_a_row_are_one_value() {
    let rows: &[(Amount, &[u8], &str)] = &[
        (Amount::Fixed(2), &[5, 0], "Bytes([5, 0])"),
        (Amount::Prefixed, &[1, 0, 6], "Bytes([6])"),
        (Amount::Prefixed, &[0, 0], "Bytes([])"),
        (Amount::Rest, &[5, 6, 0], "Bytes([5, 6, 0])"),
    ];
    for (count, bytes, shown) in rows {
        let field = Field { count: *count, ..typed("F", InType::UInt8, OutType::HEX_INT_8) };
        let schema = Schema::of_fields(vec![field]);
        assert!(schema.is_flat());
        let expected = (Ok(Fit::Exact), vec![(0, (*shown).to_owned())]);
        assert_eq!(walked(&schema, bytes, 8), expected, "{count:?}");
    }
    let short = Field { count: Amount::Prefixed, ..typed("F", InType::UInt8, OutType::NONE) };
    let fit = walked(&Schema::of_fields(vec![short]), &[2, 0, 6], 8).0;
    assert_eq!(fit, misfit(0, 0, Reason::TooShort));
}

#[test]
fn letters_in_a_row_are_a_text() {
    for (kind, out, bytes) in [
        (InType::AnsiChar, OutType::NONE, b"ab\0x".to_vec()),
        (InType::UInt8, OutType::STRING, b"ab\0x".to_vec()),
        (InType::UnicodeChar, OutType::NONE, utf16("ab\0x")),
        (InType::UInt16, OutType::STRING, utf16("ab\0x")),
    ] {
        let field = Field { count: Amount::Fixed(4), ..typed("F", kind, out) };
        let schema = Schema::of_fields(vec![field]);
        assert!(schema.is_flat());
        let expected = vec![(0, "Text(\"ab\")".to_owned())];
        assert_eq!(walked(&schema, &bytes, 8), (Ok(Fit::Exact), expected));
    }
}

/// `Number`, then so many pairs of a number and a text as long as that number.
fn pairs() -> Schema {
    let structure = FieldKind::Structure { first: 2, members: 2 };
    let fields = vec![
        typed("Number", InType::UInt8, OutType::NONE),
        Field { name: "Pair".into(), kind: structure, count: Amount::Field(0), ..Field::default() },
        typed("Length", InType::UInt8, OutType::NONE),
        Field { length: Amount::Field(2), ..typed("Text", InType::AnsiString, OutType::NONE) },
    ];
    Schema { top: 2, fields, ..Schema::default() }
}

#[test]
fn structures_give_the_values_of_their_members() {
    let (fit, values) = walked(&pairs(), b"\x02\x01a\x02bc", 8);
    assert_eq!(fit, Ok(Fit::Exact));
    let shown = [
        (0, "Unsigned(2)"),
        (2, "Unsigned(1)"),
        (3, "Text(\"a\")"),
        (2, "Unsigned(2)"),
        (3, "Text(\"bc\")"),
    ];
    assert_eq!(values, shown.map(|(index, value)| (index, value.to_owned())));
    assert_eq!(walked(&pairs(), b"\x02\x01a\x02b", 8).0, misfit(3, 4, Reason::TooShort));
    assert_eq!(walked(&pairs(), b"\0", 8).1[1], (1, "-".to_owned()));
}

#[test]
fn the_tail_may_be_missing_but_nothing_in_the_midst() {
    let optional = |name| Field { optional: true, ..typed(name, InType::UInt16, OutType::NONE) };
    let first = typed("A", InType::UInt8, OutType::NONE);
    let schema = Schema::of_fields(vec![first.clone(), optional("B"), optional("C")]);
    for (bytes, fit, values) in [
        (&[1][..], Ok(Fit::Exact), 1),
        (&[1, 2, 0], Ok(Fit::Exact), 2),
        (&[1, 2, 0, 3, 0], Ok(Fit::Exact), 3),
        (&[1, 2, 0, 3, 0, 4], Ok(Fit::Trailing(1)), 3),
        (&[1, 2], misfit(1, 1, Reason::TooShort), 1),
    ] {
        let (found, shown) = walked(&schema, bytes, 8);
        assert_eq!((found, shown.len()), (fit, values), "{bytes:?}");
    }
    let rest = Field { length: Amount::Rest, ..typed("R", InType::Binary, OutType::NONE) };
    let midst = Schema::of_fields(vec![first, optional("B"), rest]);
    assert_eq!(walked(&midst, &[1], 8).0, misfit(2, 1, Reason::TooShort));
}

#[test]
fn socket_addresses_are_shown_with_their_port() {
    let field =
        Field { length: Amount::Rest, ..typed("S", InType::Binary, OutType::SOCKET_ADDRESS) };
    let schema = Schema::of_fields(vec![field]);
    let shown = |bytes: &[u8]| walked(&schema, bytes, 8).1[0].1.clone();
    let v4 = [2, 0, 1, 0xbb, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(shown(&v4), "Text(\"192.0.2.7:443\")");
    let v6 = [&[23, 0, 1, 0xbb, 0, 0, 0, 0][..], &[0; 15], &[1, 0, 0, 0, 0]].concat();
    assert_eq!(shown(&v6), "Text(\"[::1]:443\")");
    assert_eq!(shown(&[1, 0, 5]), "Bytes([1, 0, 5])");
}

#[test]
fn values_without_bytes_end() {
    let nothing = || typed("Z", InType::Null, OutType::NONE);
    let many = |kind| Field { kind, count: Amount::Fixed(u16::MAX), ..nothing() };
    let flat = Schema::of_fields(vec![Field { count: Amount::Fixed(u16::MAX), ..nothing() }]);
    assert_eq!(walked(&flat, &[], 8).0, misfit(0, 0, Reason::TooMany));
    let mut fields: Vec<_> =
        (1..=8).map(|first| many(FieldKind::Structure { first, members: 1 })).collect();
    fields.push(nothing());
    let deep = Schema { top: 1, fields, ..Schema::default() };
    let (fit, values) = walked(&deep, &[1; 100], 8);
    assert!(matches!(fit, Err(Misfit { reason: Reason::TooMany, .. })), "{fit:?}");
    assert!(values.len() <= 16 * 109);
    let rest = Schema::of_fields(vec![Field { count: Amount::Rest, ..nothing() }]);
    assert_eq!(walked(&rest, &[1], 8).0, misfit(0, 0, Reason::TooMany));
    let itself = Field { kind: FieldKind::Structure { first: 0, members: 1 }, ..nothing() };
    assert!(walked(&Schema::of_fields(vec![itself]), &[1; 9], 8).0.is_err());
}
