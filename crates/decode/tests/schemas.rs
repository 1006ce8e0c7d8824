//! The tables equal the corpus of schemas: names, types, lengths, counts, names of values, builds.
//!
//! `scripts/schema-tables.py` makes the tables from the same corpus; this reads what the program makes of
//! them, so an error of the script, of a hand that edited a table, or of the parser shows.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding, and a test tells what it did"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use etwatch_decode::schema::{Amount, Field, FieldKind, OutType, Schema, ValueMap};
use etwatch_decode::table::{TableKey, Tables};
use etwatch_event::{Guid, RawForm};
use serde_json::Value;

/// Providers all of whose events have to be there.
const WHOLE: &[&str] = &[
    "Microsoft-Antimalware-Scan-Interface",
    "Microsoft-Windows-AppLocker",
    "Microsoft-Windows-Bits-Client",
    "Microsoft-Windows-CodeIntegrity",
    "Microsoft-Windows-DNS-Client",
    "Microsoft-Windows-DotNETRuntime",
    "Microsoft-Windows-DotNETRuntimeRundown",
    "Microsoft-Windows-Kernel-Audit-API-Calls",
    "Microsoft-Windows-Kernel-EventTracing",
    "Microsoft-Windows-Kernel-File",
    "Microsoft-Windows-Kernel-Network",
    "Microsoft-Windows-Kernel-Process",
    "Microsoft-Windows-Kernel-Registry",
    "Microsoft-Windows-PowerShell",
    "Microsoft-Windows-Security-Auditing",
    "Microsoft-Windows-Sysmon",
    "Microsoft-Windows-TaskScheduler",
    "Microsoft-Windows-Threat-Intelligence",
    "Microsoft-Windows-WMI-Activity",
    "Microsoft-Windows-Windows Defender",
    "Service Control Manager",
];

/// The corpus' names of types that have another one here.
const TYPES: &[(&str, &str)] =
    &[("GUID", "Guid"), ("FILETIME", "FileTime"), ("SYSTEMTIME", "SystemTime"), ("SID", "Sid")];

const OUT_TYPES: &[(&str, OutType)] = &[
    ("win:PID", OutType::PROCESS_ID),
    ("win:TID", OutType::THREAD_ID),
    ("win:Port", OutType::PORT),
    ("win:IPv4", OutType::IPV4),
    ("win:IPv6", OutType::IPV6),
    ("win:HexInt16", OutType::HEX_INT_16),
    ("win:HexInt32", OutType::HEX_INT_32),
    ("win:HexInt64", OutType::HEX_INT_64),
];

/// A field in words that both sides can be told in.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    name: String,
    kind: String,
    out: OutType,
    length: String,
    count: String,
    map: Option<(bool, BTreeMap<u32, String>)>,
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let place = std::env::var_os("ETWATCH_CORPUS").map_or(beside, PathBuf::from);
    if place.join("schemas").is_dir() {
        return Some(place);
    }
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "no corpus at {}", place.display());
    eprintln!("SKIPPED: no corpus at {}; set ETWATCH_CORPUS", place.display());
    None
}

/// A text of a field of the corpus; empty if there is none.
fn text(field: &Value, key: &str) -> String {
    field[key].as_str().unwrap_or_default().to_owned()
}

/// A length or count of the corpus: a number, a field, or `unknown`.
fn amount(field: &Value, key: &str) -> String {
    match &field[key] {
        Value::Object(reference) => reference["field"].as_str().unwrap().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    }
}

/// The corpus' fields, up to the first one whose length nobody knows.
fn expected(provider: &str, fields: &Value, prefix: &str, maps: &Value) -> Vec<Told> {
    let mut told = Vec::new();
    for field in fields.as_array().unwrap() {
        let name = format!("{prefix}{}", text(field, "name"));
        let (length, mut count) = (amount(field, "length"), amount(field, "count"));
        let members = field["members"].is_array();
        if length == "unknown" || (text(field, "inType") == "Struct" && !members) {
            let (kind, length) = ("Binary".to_owned(), "rest".to_owned());
            told.push(Told { name, kind, length, ..Told::default() });
            break;
        }
        if members {
            let inner = expected(provider, &field["members"], &format!("{name}."), maps);
            told.push(Told { name, kind: "struct".to_owned(), count, ..Told::default() });
            told.extend(inner);
            continue;
        }
        let kind = text(field, "inType");
        let ours = TYPES.iter().find(|(theirs, _)| *theirs == kind);
        let mut kind = ours.map_or(kind, |(_, ours)| (*ours).to_owned());
        // Where all manifests are wrong and real bytes say so.
        if provider == "Microsoft-Windows-Kernel-Network" && name == "connid" {
            kind = "Pointer".to_owned();
        }
        if provider.starts_with("Microsoft-Windows-DotNETRuntime") && name == "Stack" {
            count = "FrameCount".to_owned();
        }
        let out = text(field, "outType");
        let out = OUT_TYPES.iter().find(|(theirs, _)| *theirs == out);
        let out = out.map_or(OutType::NONE, |(_, ours)| *ours);
        let map = value_map(&maps[text(field, "map")]);
        told.push(Told { name, kind, out, length, count, map });
    }
    told
}

/// A map of the corpus: whether its names stand for bits, and the names.
fn value_map(map: &Value) -> Option<(bool, BTreeMap<u32, String>)> {
    let values = map["values"].as_object()?.iter().map(|(number, name)| {
        let number = u32::from_str_radix(number.trim_start_matches("0x"), 16).unwrap();
        (number, name.as_str().unwrap().replace('"', "'"))
    });
    Some((map["kind"] == "bitMap", values.collect()))
}

/// Our fields, told alike.
fn ours(schema: &Schema) -> Vec<Told> {
    let mut told = Vec::new();
    for field in &schema.fields[..schema.top] {
        told.push(tell(schema, field, ""));
        if let FieldKind::Structure { first, members } = field.kind {
            let first = usize::from(first);
            let members = &schema.fields[first..first + usize::from(members)];
            let prefix = format!("{}.", field.name);
            told.extend(members.iter().map(|member| tell(schema, member, &prefix)));
        }
    }
    told
}

fn tell(schema: &Schema, field: &Field, prefix: &str) -> Told {
    let amount = |amount: Amount| match amount {
        Amount::Implied => String::new(),
        Amount::Fixed(number) => number.to_string(),
        Amount::Field(index) => schema.fields[usize::from(index)].name.to_string(),
        Amount::Prefixed => "prefixed".to_owned(),
        Amount::Rest => "rest".to_owned(),
    };
    let entries = |map: &ValueMap| {
        map.entries.iter().map(|(number, name)| (*number, name.to_string())).collect()
    };
    let (kind, out, map) = match &field.kind {
        FieldKind::Value(kind, out, map) => (kind.name(), *out, map.as_ref()),
        FieldKind::Structure { .. } => ("struct", OutType::NONE, None),
    };
    Told {
        name: format!("{prefix}{}", field.name),
        kind: kind.to_owned(),
        out,
        length: amount(field.length),
        count: amount(field.count),
        map: map.map(|map| (map.bits, entries(map))),
    }
}

fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

/// Layouts that the corpus has wrong by the bytes of a recording (`schemas/more.dotnet.txt`): the values of
/// a heap's history are structures of ten.
const TOLD_BETTER: &[(&str, u16, u8)] = &[("Microsoft-Windows-DotNETRuntime", 204, 3)];

#[test]
fn each_record_of_the_corpus_equals_our_table() {
    let Some(corpus) = corpus() else { return };
    let read = |name: &str| std::fs::read_to_string(corpus.join("schemas").join(name)).unwrap();
    let keywords: Value = serde_json::from_str(&read("keywords.json")).unwrap();
    let tables = Tables::embedded();
    let (mut seen, mut compared) = (BTreeSet::new(), 0);
    for line in read("schemas.jsonl").lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let provider = record["provider"].as_str().unwrap();
        let Some(guid) = record["guid"].as_str().and_then(Guid::parse) else { continue };
        let id = u16::try_from(number(&record["id"])).unwrap();
        let version = u8::try_from(number(&record["version"])).unwrap();
        let key = TableKey { form: RawForm::Event, guid, id, version, ..TableKey::default() };
        let candidates = tables.candidates(&key);
        let place = format!("{provider} {id} v{version}");
        if TOLD_BETTER.contains(&(provider, id, version)) {
            continue;
        }
        if candidates.is_empty() {
            assert!(!WHOLE.contains(&provider), "{place} is missing");
            continue;
        }
        assert!(!candidates.newer(), "{place} is missing");
        seen.insert(provider.to_owned());
        let maps = &keywords["providers"][provider]["maps"];
        let alone = [record.clone()];
        let layouts = record["layouts"].as_array().map_or(&alone[..], Vec::as_slice);
        assert_eq!(candidates.len(), layouts.len(), "{place}");
        for layout in layouts {
            let expected = expected(provider, &layout["fields"], "", maps);
            let builds = layout["builds"].as_array().unwrap();
            let builds = builds.iter().map(|build| Some(number(build)));
            // A record without builds is the only one with its id and version.
            for build in builds.chain((layouts.len() == 1).then_some(None)) {
                let schema = tables.find(&TableKey { build, ..key }).unwrap();
                assert_eq!(ours(&schema), expected, "{place} of build {build:?}");
                assert_eq!(&*schema.provider, provider, "{place}");
            }
            compared += 1;
        }
    }
    for provider in WHOLE {
        assert!(seen.contains(*provider), "{provider}");
    }
    assert!(compared > 2_000, "{compared} layouts compared");
    println!("{compared} layouts of {} providers compared", seen.len());
}
