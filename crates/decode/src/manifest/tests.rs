//! What must hold of the module `manifest`, by examples.

use std::fmt::Write as _;

use etwatch_event::{Guid, RawHeader, RawRecord};

use super::chunks::{BYTES_LIMIT, CHUNK_ID, UNFINISHED_LIMIT};
use super::*;
use crate::check::MOST_FIELDS;
use crate::schema::{Amount, FieldKind, InType, OutType};

/// A manifest with these parts of a provider, and these texts.
fn manifest(provider: &str, texts: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><instrumentationManifest xmlns="http://schemas.microsoft.com/win/2004/08/events">
        <instrumentation><events>
        <provider name="Shop" guid="{{d2b7a1f4-5a65-4b5e-9d0f-6d5a8f1c2e01}}">{provider}</provider>
        </events></instrumentation>
        <localization><resources culture="de-DE"><stringTable>
        <string id="task" value="Verkauf"/></stringTable></resources>
        <resources culture="en-US"><stringTable>{texts}</stringTable></resources></localization>
        </instrumentationManifest>"#
    )
}

const WHOLE: &str = r#"
    <keywords><keyword name="k" mask="0x1"/></keywords>
    <channels><importChannel chid="C" name="Shop/Operational"/></channels>
    <events>
      <event value="7" version="2" level="win:Informational" channel="C" symbol="Sold" task="Sale"
             opcode="win:Start" keywords="k" template="T"/>
      <event value="0x8" symbol="Closed" task="Sale" opcode="Final"/>
      <event value="9" opcode="Plain" task="Other" template="Empty"/>
    </events>
    <tasks>
      <task name="Sale" value="1" message="$(string.task)">
        <opcodes><opcode name="Final" value="10" message="$(string.final)"/></opcodes>
      </task>
      <task name="Other" value="2" message="$(string.absent)"/>
    </tasks>
    <opcodes><opcode name="Final" value="11"/><opcode name="Plain" value="12"/></opcodes>
    <maps>
      <valueMap name="Kind"><map value="0" message="$(string.retail)"/><map value="0x10" symbol="W"/></valueMap>
      <bitMap name="Flags"><map value="1" message="$(string.rush)"/></bitMap>
    </maps>
    <templates>
      <template tid="T">
        <data name="Kind" inType="win:UInt8" map="Kind"/>
        <data name="Count" inType="win:UInt16"/>
        <data name="Address" inType="win:Binary" outType="win:IPv6"/>
        <struct name="Item" count="Count">
          <data name="Size" inType="win:UInt32" outType="win:HexInt32"/>
          <data name="Bytes" inType="win:Binary" length="Size"/>
          <data name="Twice" inType="win:Int8" count="Count"/>
        </struct>
        <data name="Fixed" inType="win:UnicodeString" outType="xs:string" length="4" count="2"/>
        <data name="Flags" inType="win:HexInt64" map="Flags"/>
        <UserData><Shown><data name="no field"/></Shown></UserData>
      </template>
      <template tid="Empty"/>
    </templates>"#;

const TEXTS: &str = r#"<string id="task" value="Sale of goods "/><string id="final" value="Done &amp; dusted"/>
    <string id="retail" value="Retail"/><string id="rush" value="Rush"/>"#;

fn value(field: &crate::schema::Field) -> (InType, OutType) {
    match &field.kind {
        FieldKind::Value(in_type, out_type, _) => (*in_type, *out_type),
        FieldKind::Structure { .. } => panic!("{} is a structure", field.name),
    }
}

#[test]
fn an_event_gets_its_names_wherever_they_are_defined() {
    let schemas = parse_manifest(&manifest(WHOLE, TEXTS)).unwrap();
    let names: Vec<_> = schemas
        .iter()
        .map(|(id, version, s)| (*id, *version, [&*s.name, &*s.task, &*s.opcode, &*s.channel]))
        .collect();
    let expected = [
        (7, 2, ["Sold", "Sale of goods", "Start", "Shop/Operational"]),
        (8, 0, ["Closed", "Sale of goods", "Done & dusted", ""]),
        (9, 0, ["", "Other", "Plain", ""]),
    ];
    assert_eq!(names, expected);
    let guid = Guid::parse("d2b7a1f4-5a65-4b5e-9d0f-6d5a8f1c2e01");
    assert!(schemas.iter().all(|(_, _, s)| &*s.provider == "Shop" && Some(s.guid) == guid));
}

#[test]
fn fields_have_types_counts_and_names_of_values() {
    let schemas = parse_manifest(&manifest(WHOLE, TEXTS)).unwrap();
    let (_, _, schema) = &schemas[0];
    let names: Vec<_> = schema.fields.iter().map(|field| &*field.name).collect();
    let own = ["Kind", "Count", "Address", "Item", "Fixed", "Flags"];
    assert_eq!(names, [&own[..], &["Size", "Bytes", "Twice"]].concat());
    assert_eq!(schema.top, 6);
    let [kind, _, address, item, fixed, flags, size, bytes, twice] = &schema.fields[..] else {
        panic!("{names:?}");
    };
    let FieldKind::Value(InType::UInt8, OutType::NONE, Some(map)) = &kind.kind else {
        panic!("{kind:?}");
    };
    assert_eq!(
        (map.bits, &map.entries[..]),
        (false, &[(0, "Retail".into()), (16, "W".into())][..])
    );
    assert_eq!(value(address), (InType::Binary, OutType::IPV6));
    assert_eq!(address.length, Amount::Fixed(16));
    assert_eq!(item.kind, FieldKind::Structure { first: 6, members: 3 });
    assert_eq!(item.count, Amount::Field(1));
    assert_eq!((fixed.length, fixed.count), (Amount::Fixed(4), Amount::Fixed(2)));
    let FieldKind::Value(InType::HexInt64, _, Some(map)) = &flags.kind else { panic!("{flags:?}") };
    assert_eq!((map.bits, &map.entries[..]), (true, &[(1, "Rush".into())][..]));
    assert_eq!(value(size), (InType::UInt32, OutType::HEX_INT_32));
    assert_eq!(bytes.length, Amount::Field(6));
    assert_eq!(twice.count, Amount::Field(1));
    assert_eq!(schemas[2].2.fields, []);
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    let event = |rest: &str| format!("<events><event value='1' {rest}/></events>");
    let template = |data: &str| {
        format!("<templates><template tid='T'><data name='a' {data}/></template></templates>")
    };
    let table = [
        (event("template='X'"), "`X` is no template"),
        (event("task='X'"), "`X` is no task"),
        (event("opcode='win:X'"), "`win:X` is no opcode"),
        (event("version='256'"), "`256` is no version"),
        ("<events><event value='65536'/></events>".into(), "`65536` is no id"),
        ("<events><event/></events>".into(), "`event` without `value`"),
        (template("inType='win:X'"), "`win:X` is no type"),
        (template("inType='win:UInt8' map='X'"), "`X` is no map"),
        (template("inType='win:UInt8' count='a'"), "`a` is no field before"),
        (template("inType='win:UInt8' count='65536'"), "`65536` is no count"),
        (template("inType='win:UInt8' count='&x;'"), "byte "),
        (template(&format!("inType='{}'", "x".repeat(1_025))), "more than 1024 bytes"),
        (template("inType='win:UInt8'/></template></templates>").replace("<t", "</t"), "byte "),
        ("<maps><valueMap name='M'><map value='x'/></valueMap></maps>".into(), "`x` is no value"),
    ];
    for (provider, expected) in table {
        let error = parse_manifest(&manifest(&provider, TEXTS)).unwrap_err().to_string();
        assert!(error.contains(expected), "{provider}: {error}");
    }
    assert_eq!(parse_manifest("<a><b/></a>"), Err(ManifestError::NoProvider));
    assert!(matches!(parse_manifest("<a><b>"), Err(ManifestError::Xml { .. })));
    let bad = manifest("", "").replace("d2b7", "x2b7");
    assert!(parse_manifest(&bad).unwrap_err().to_string().contains("is no GUID"));
}

#[test]
fn a_manifest_can_not_ask_for_more_than_there_is_room_for() {
    let long = " ".repeat(MANIFEST_LIMIT + 1);
    assert_eq!(parse_manifest(&long), Err(ManifestError::TooLong(MANIFEST_LIMIT + 1)));

    let data = "<data name='a' inType='win:UInt8'/>";
    let template = |count: usize| {
        let data = data.repeat(count);
        format!("<templates><template tid='T'>{data}</template></templates>")
    };
    let events = "<event value='1' template='T'/>".repeat(40_000);
    let bomb = format!("{}<events>{events}</events>", template(MOST_FIELDS));
    assert_eq!(parse_manifest(&manifest(&bomb, "")), Err(ManifestError::TooMuch));
    let wide = parse_manifest(&manifest(&template(MOST_FIELDS + 1), "")).unwrap_err();
    assert!(wide.to_string().contains("template of at most"), "{wide}");

    let deep = manifest(&format!("{}{}", "<a>".repeat(200_000), "</a>".repeat(200_000)), "");
    assert_eq!(parse_manifest(&deep), Ok(Vec::new()));
    let entities = format!(
        "<!DOCTYPE a [<!ENTITY x 'lol'>]>{}",
        manifest(WHOLE, "<string id='a' value='&x;'/>").replace("<?xml version=\"1.0\"?>", "")
    );
    assert!(matches!(parse_manifest(&entities), Err(ManifestError::Xml { .. })));
}

#[test]
fn no_beginning_of_a_manifest_panics() {
    let whole = manifest(WHOLE, TEXTS);
    for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
        let cut = parse_manifest(whole.get(..end).unwrap());
        assert!(cut.is_err(), "{end}: {cut:?}");
    }
}

/// A record with a chunk of `text`.
fn chunk(process: u32, provider: u8, total: u16, number: u16, text: &[u8]) -> (RawHeader, Vec<u8>) {
    let mut payload = vec![1, 1, 0, 0x5B];
    payload.extend(total.to_le_bytes());
    payload.extend(number.to_le_bytes());
    payload.extend(text);
    let provider = Guid([provider; 16]);
    let process_id = Some(process);
    (RawHeader { id: CHUNK_ID, provider, process_id, ..RawHeader::default() }, payload)
}

fn add(
    chunks: &mut ManifestChunks,
    (header, payload): &(RawHeader, Vec<u8>),
) -> Result<Option<String>, ChunkError> {
    let record = RawRecord { header: *header, extended: &[], payload };
    assert!(ManifestChunks::is_chunk(&record));
    chunks.add(header.provider, header.process_id, payload)
}

#[test]
fn chunks_of_several_processes_come_together_in_any_order() {
    let mut chunks = ManifestChunks::default();
    let sent = [
        (chunk(1, 1, 2, 1, b"first end"), None),
        (chunk(2, 1, 3, 0, b"s"), None),
        (chunk(1, 2, 1, 0, b"alone"), Some("alone")),
        (chunk(2, 1, 3, 2, b"d"), None),
        (chunk(1, 1, 2, 0, b"the "), Some("the first end")),
        (chunk(2, 1, 3, 1, b"econ"), Some("second")),
    ];
    for (record, text) in &sent {
        assert_eq!(add(&mut chunks, record).unwrap().as_deref(), *text);
    }
    assert_eq!((chunks.abandoned(), chunks.unfinished()), (0, 0));
}

#[test]
fn a_manifest_that_begins_anew_replaces_what_was_there() {
    let mut chunks = ManifestChunks::default();
    for record in [chunk(1, 1, 2, 0, b"lost"), chunk(1, 1, 2, 0, b"a")] {
        assert_eq!(add(&mut chunks, &record), Ok(None));
    }
    assert_eq!(chunks.abandoned(), 1);
    assert_eq!(add(&mut chunks, &chunk(1, 1, 2, 1, b"b")), Ok(Some("ab".to_owned())));
}

#[test]
fn chunks_are_bounded_and_what_is_given_up_is_counted() {
    let mut chunks = ManifestChunks::default();
    let wrong = |record: &mut (RawHeader, Vec<u8>), index: usize| record.1[index] ^= 1;
    for index in [0, 3] {
        let mut record = chunk(1, 1, 1, 0, b"a");
        wrong(&mut record, index);
        assert_eq!(add(&mut chunks, &record), Err(ChunkError::Header));
    }
    for (total, number) in [(0, 0), (1, 1), (4_097, 0)] {
        let refused = Err(ChunkError::Number { number, total });
        assert_eq!(add(&mut chunks, &chunk(1, 1, total, number, b"")), refused);
    }
    assert_eq!(add(&mut chunks, &chunk(1, 1, 1, 0, &[0xFF])), Err(ChunkError::Text));

    let piece = vec![b' '; 65_000];
    let mut last = Ok(None);
    for number in 0..65 {
        last = add(&mut chunks, &chunk(1, 1, 100, number, &piece));
    }
    assert_eq!((last, chunks.abandoned()), (Err(ChunkError::TooLong), 1));

    for process in 0..1_000 {
        assert_eq!(add(&mut chunks, &chunk(process, 1, 2, 0, b"a")), Ok(None));
    }
    assert_eq!(chunks.unfinished(), UNFINISHED_LIMIT);
    assert_eq!(chunks.abandoned(), 1 + 1_000 - UNFINISHED_LIMIT as u64);
    for process in 0..2_000 {
        add(&mut chunks, &chunk(process, 2, 2, 0, &piece)).unwrap();
    }
    assert!(chunks.unfinished() <= UNFINISHED_LIMIT.min(BYTES_LIMIT / piece.len() + 1));
}

#[test]
fn texts_of_names_stay_short() {
    let mut texts = String::new();
    write!(texts, "<string id='task' value='{}'/>", "x".repeat(MOST_NAME + 1)).unwrap();
    let schemas = parse_manifest(&manifest(WHOLE, &texts)).unwrap();
    assert_eq!(&*schemas[0].2.task, "Sale");
}
