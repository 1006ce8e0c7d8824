//! What must hold of the module `trace_logging`, by examples.

use proptest::prelude::*;

use super::*;

/// Metadata of an event: tags of two bytes, its name, then these fields.
fn metadata(name: &str, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0x81, 0x02];
    bytes.extend(name.bytes().chain([0]));
    for (name, coded) in fields {
        bytes.extend(name.bytes().chain([0]));
        bytes.extend(*coded);
    }
    let size = u16::try_from(bytes.len() + 2).unwrap().to_le_bytes();
    [&size[..], &bytes].concat()
}

fn names(schema: &Schema) -> Vec<&str> {
    schema.fields.iter().map(|field| &*field.name).collect()
}

#[test]
fn fields_have_types_counts_and_meanings() {
    let bytes = metadata(
        "Started",
        &[
            ("Plain", &[8]),
            ("Pid", &[8 | 0x80, 20]),
            ("Tagged", &[22 | 0x80, 0x80 | 1, 0x81, 0x01]),
            ("Three", &[4 | 0x20, 3, 0]),
            ("Some", &[4 | 0x40 | 0x80, 16]),
            ("Bytes", &[14]),
            ("Own", &[14 | 0x60, 2, 0, 9, 9]),
        ],
    );
    let guid = Guid([5; 16]);
    let schema = parse(guid, &bytes, b"\x0a\0Maker\0\0\0").unwrap();
    assert_eq!((&*schema.provider, &*schema.name, schema.guid), ("Maker", "Started", guid));
    let value = |kind, out| FieldKind::Value(kind, OutType(out), None);
    let expected = [
        ("Plain", value(InType::UInt32, 0), Amount::Implied),
        ("Pid", value(InType::UInt32, 20), Amount::Implied),
        ("Tagged", value(InType::ManifestCountedString, 1), Amount::Implied),
        ("Three", value(InType::UInt8, 0), Amount::Fixed(3)),
        ("Some", value(InType::UInt8, 16), Amount::Prefixed),
        ("Bytes", value(InType::ManifestCountedBinary, 0), Amount::Implied),
        ("Own", value(InType::ManifestCountedBinary, 0), Amount::Implied),
    ];
    let found = schema.fields.iter().map(|field| (&*field.name, field.kind.clone(), field.count));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(schema.top, 7);
}

#[test]
fn structures_hold_the_fields_that_follow_them() {
    let bytes = metadata(
        "E",
        &[
            ("A", &[24 | 0x80, 2]),
            ("B", &[24 | 0x80 | 0x40, 1]),
            ("C", &[4]),
            ("D", &[4]),
            ("E", &[24 | 0x80, 0]),
            ("F", &[4]),
        ],
    );
    let schema = parse(Guid::default(), &bytes, b"").unwrap();
    assert_eq!((names(&schema), schema.top), (vec!["A", "E", "F", "B", "D", "C"], 3));
    let paths = schema.paths().unwrap();
    let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
    assert_eq!(paths, ["A", "E", "F", "A.B", "A.D", "A.B.C"]);
}

#[test]
fn metadata_that_ends_too_early_is_refused() {
    let bytes = metadata("E", &[("A", &[24 | 0x80, 2]), ("B", &[4]), ("C", &[4 | 0x20, 1, 0])]);
    assert!(parse(Guid::default(), &bytes, b"").is_ok());
    for cut in 0..bytes.len() {
        let error = parse(Guid::default(), &bytes[..cut], b"");
        // Cut behind the event's name, it is an event without fields.
        assert!(error.is_err() || cut == 6, "{cut}: {error:?}");
    }
    let own = metadata("E", &[("A", &[14 | 0x60, 9, 0, 1])]);
    assert!(parse(Guid::default(), &own, b"").is_err());
}

#[test]
fn what_can_not_be_is_refused() {
    let unknown = metadata("E", &[("A", &[31])]);
    let error = SchemaError::Type { field: "A".into(), number: 31 };
    assert_eq!(parse(Guid::default(), &unknown, b""), Err(error));
    let many = metadata("E", &[("A", &[4][..]); 1_025]);
    assert_eq!(parse(Guid::default(), &many, b""), Err(SchemaError::TooManyFields(1_025)));
    let mut deep = vec![("A", &[24 | 0x80, 1][..]); 9];
    deep.push(("B", &[4]));
    let error = Err(SchemaError::TooDeep("A".into()));
    assert_eq!(parse(Guid::default(), &metadata("E", &deep), b""), error);
    let long = "x".repeat(1_025);
    let long = metadata("E", &[(&long, &[4])]);
    let error = Err(SchemaError::LongName("name of a field"));
    assert_eq!(parse(Guid::default(), &long, b""), error);
}

#[test]
fn traits_without_a_name_name_no_provider() {
    assert_eq!(provider_name(b""), None);
    assert_eq!(provider_name(b"\x05\0abc"), None);
    assert_eq!(provider_name(b"\x06\0abc\0").as_deref(), Some("abc"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn any_metadata_gives_a_schema_or_an_error(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(24), Just(0x98), any::<u8>()], 0..60)
    ) {
        if let Ok(schema) = parse(Guid::default(), &bytes, &bytes) {
            prop_assert!(schema.paths().is_ok());
            prop_assert!(schema.fields.len() <= bytes.len());
        }
    }
}
