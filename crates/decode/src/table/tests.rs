//! What must hold of the module `table`, by examples.

use super::*;
use crate::schema::{Amount, FieldKind, InType, OutType};

const GUID: &str = "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716";
const SMALL: &str = "\
# A provider and a class.
provider \"A Provider\" 22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716 channel=Some/Channel
also Twin 22fb2cd6-0e7b-422b-a0c7-2fad1fd0e717

map Colours bit
  0x1 red
  2 \"dark blue\"

event 7 v1 Painted task=Paint opcode=Start
  Colour UInt32/HexInt32 map=Colours
  Size UInt16
  Name UnicodeString length=Size
  Values struct count=Size
    Count UInt8
    Numbers UInt64 count=Count
    Owner Binary length=Size
  Last AnsiString optional

event 7 v3 builds=18362-19045,22000
  New UInt32
event 7 v3 builds=7600-17134
  Old UInt64

class Kernel-Thing 3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c task=Thing
event 1,2 v0,v1 Start,End
  Stack Pointer count=rest
";

fn small() -> Tables<'static> {
    let tables = Tables::of_files(&[("small.txt", SMALL)]);
    assert_eq!(tables.check(), Ok(()));
    tables
}

fn key(guid: &str, id: u16, version: u8, build: Option<u32>) -> TableKey {
    let guid = Guid::parse(guid).unwrap();
    TableKey { form: RawForm::Event, guid, id, opcode: 0, version, build }
}

#[test]
fn a_layout_has_all_that_its_lines_say() {
    let tables = small();
    let schema = tables.find(&key(GUID, 7, 1, None)).unwrap();
    assert_eq!((&*schema.provider, &*schema.name), ("A Provider", "Painted"));
    assert_eq!((&*schema.task, &*schema.opcode), ("Paint", "Start"));
    assert_eq!((&*schema.channel, schema.top), ("Some/Channel", 5));
    let names: Vec<_> = schema.fields.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["Colour", "Size", "Name", "Values", "Last", "Count", "Numbers", "Owner"]);
    let field = |index: usize| &schema.fields[index];
    let FieldKind::Value(InType::UInt32, OutType::HEX_INT_32, Some(map)) = &field(0).kind else {
        panic!("{:?}", field(0));
    };
    assert_eq!(map.entries, [(1, "red".into()), (2, "dark blue".into())]);
    assert!(map.bits);
    assert_eq!(field(2).length, Amount::Field(1));
    assert_eq!(field(3).kind, FieldKind::Structure { first: 5, members: 3 });
    assert_eq!(field(3).count, Amount::Field(1));
    assert_eq!(field(6).count, Amount::Field(5));
    assert_eq!(field(7).length, Amount::Field(1));
    assert!(field(4).optional && !field(3).optional);
}

#[test]
fn the_same_events_are_found_under_another_guid() {
    let tables = small();
    let twin = tables.find(&key("22fb2cd6-0e7b-422b-a0c7-2fad1fd0e717", 7, 1, None)).unwrap();
    assert_eq!((&*twin.provider, twin.fields.len()), ("Twin", 8));
    assert_eq!(&*twin.channel, "Some/Channel");
}

#[test]
fn an_older_version_stands_in_for_a_newer_one_and_never_the_other_way() {
    let tables = small();
    let newer = tables.candidates(&key(GUID, 7, 2, None));
    assert!(newer.newer());
    assert_eq!(&*newer.iter().next().unwrap().name, "Painted");
    assert!(!tables.candidates(&key(GUID, 7, 3, None)).newer());
    assert!(tables.candidates(&key(GUID, 7, 0, None)).is_empty());
    assert!(tables.candidates(&key(GUID, 8, 1, None)).is_empty());
}

#[test]
fn the_build_decides_which_layout_is_tried_first() {
    let tables = small();
    let first = |build| {
        let candidates = tables.candidates(&key(GUID, 7, 3, build));
        assert_eq!((candidates.len(), candidates.iter().count()), (2, 2));
        candidates.iter().next().unwrap().fields[0].name.to_string()
    };
    let expected = [
        (None, "New"),
        (Some(7600), "Old"),
        (Some(17763), "Old"),
        (Some(18362), "New"),
        (Some(20348), "New"),
        (Some(30000), "New"),
        (Some(2600), "New"),
    ];
    for (build, name) in expected {
        assert_eq!(first(build), name, "{build:?}");
    }
}

#[test]
fn classes_go_by_opcode_and_providers_by_id() {
    let tables = small();
    let class = Guid::parse("3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c").unwrap();
    let key = TableKey {
        form: RawForm::Kernel,
        guid: class,
        opcode: 2,
        version: 1,
        ..key(GUID, 1, 1, None)
    };
    let schema = tables.find(&key).unwrap();
    assert_eq!((&*schema.task, &*schema.opcode, &*schema.name), ("Thing", "End", "End"));
    assert_eq!(schema.fields[0].count, Amount::Rest);
    let message = TableKey { form: RawForm::Message, ..key };
    assert!(tables.candidates(&message).is_empty());
    let classic = TableKey { form: RawForm::Classic, ..self::key(GUID, 7, 1, None) };
    assert!(tables.candidates(&classic).is_empty());
}

#[test]
fn what_is_wrong_is_told_with_file_and_line() {
    let head = "provider A 22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716\n";
    let cases: &[(&str, u32, &str)] = &[
        ("  A UInt32\n", 2, "`A` may not stand here"),
        ("events 1 v0\n", 2, "`events` may not stand here"),
        ("event x v0\n", 2, "`x` is no number that fits"),
        ("event 1 0\n", 2, "the version is missing"),
        ("event 1 v256\n", 2, "`256` is no number that fits"),
        ("event 1 v0 A B\n", 2, "`B` may not stand here"),
        ("event 1 v0 colour=red\n", 2, "attribute `colour` is not known here"),
        ("event 1 v0\n  A\n", 3, "the type is missing"),
        ("event 1 v0\n  A UInt33\n", 3, "type `UInt33` is not known"),
        ("event 1 v0\n  A UInt32 map=B\n", 3, "map `B` is not told above"),
        ("event 1 v0\n  A UInt32\n  A UInt32\n", 4, "`A` is told twice"),
        ("event 1 v0\n  A UInt32 count=B\n  B UInt32\n", 3, "field `B` does not stand before"),
        ("event 1 v0\n  A struct\n", 3, "a member is missing"),
        ("event 1 v0\n  A UInt32\n    B UInt32\n", 4, "`B` may not stand here"),
        ("map A\n", 2, "`bit` or `value` is missing"),
        ("map A bit\n  red 1\n", 3, "`red` is no number that fits"),
        ("event 1 v0 \"A\n", 2, "a quote is not closed or stands inside a word"),
    ];
    for (text, line, problem) in cases {
        let text: &'static str = format!("{head}{text}").leak();
        let error = Tables::of_files(&[("t.txt", text)]).check().unwrap_err();
        assert_eq!(error.to_string(), format!("schemas/t.txt:{line}: {problem}"), "{text}");
    }
    let class = "class A 3d6fa8d1-fe05-11d0-9dda-00c04fd7ba7c\nevent 1,2,3 v0 A,B\n";
    let error = Tables::of_files(&[("t.txt", class)]).check().unwrap_err();
    assert_eq!(error.to_string(), "schemas/t.txt:2: 2 names for 3 numbers");
    let error = Tables::of_files(&[("t.txt", SMALL), ("u.txt", SMALL)]).check().unwrap_err();
    assert_eq!((error.file, error.line), ("u.txt", 2));
}

#[test]
fn each_file_of_the_folder_is_part_of_the_program_and_parses() {
    assert_eq!(Tables::embedded().check(), Ok(()));
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas")).unwrap();
    let mut there: Vec<_> =
        folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    there.sort();
    let embedded: Vec<_> = files::FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(embedded, there);
}

#[test]
fn another_file_may_tell_more_and_better() {
    const MORE: &str = "\
provider \"A Provider\" 22fb2cd6-0e7b-422b-a0c7-2fad1fd0e716 more
event 7 v1
  Better UInt32
event 7 v2
  Between UInt32
event 8 v0
  Other UInt32
";
    for files in [[("a.txt", SMALL), ("b.txt", MORE)], [("b.txt", MORE), ("a.txt", SMALL)]] {
        let tables = Tables::of_files(&files);
        assert_eq!(tables.check(), Ok(()));
        let first = |id, version| {
            let schema = tables.find(&key(GUID, id, version, None));
            schema.map(|schema| schema.fields[0].name.to_string())
        };
        let found = [first(7, 1), first(7, 2), first(7, 3), first(8, 1), first(9, 0)];
        let found: Vec<_> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, [Some("Better"), Some("Between"), Some("New"), Some("Other"), None]);
        assert!(tables.candidates(&key(GUID, 8, 1, None)).newer());
    }
    let twice = Tables::of_files(&[("a.txt", SMALL), ("b.txt", SMALL)]);
    assert!(twice.check().unwrap_err().to_string().contains("is told twice"));
}
