//! Six cases that readers of ETW agree on: two from bytes, four from fields that a schema gave.
//!
//! `cases.json` has the same facts as `etw-bytes.json` of the corpus. Fields are told in two ways: as a
//! record of theirs alone, and as a payload with a schema that is given to the store, as a recording or
//! Windows itself would give it.

use std::path::Path;

use etwatch_decode::schema::{Field, FieldKind, InType, OutType, Schema};
use etwatch_decode::{Decoder, Fit, KernelEvent, Key, Outcome, SchemaStore};
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord, RecordBatch};
use serde_json::Value as Json;

use crate::corpus::corpus;
use crate::sample::{self, Made};
use crate::store;

fn read(path: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn own() -> Vec<Json> {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernel_events/cases.json"))
}

#[test]
fn the_six_cases() {
    let cases = own();
    assert_eq!(cases.len(), 6);
    cases.iter().for_each(check);
}

#[test]
fn the_six_cases_as_the_corpus_has_them() {
    let Some(corpus) = corpus() else { return };
    let cases = read(&corpus.join("etw-bytes.json"));
    cases.iter().for_each(check);
    assert_eq!(cases, own());
}

/// Checks a case in each of its versions.
fn check(case: &Json) {
    let versions = case["versions"].as_array().cloned();
    for version in versions.unwrap_or_else(|| vec![case["version"].clone()]) {
        let header = header(case, u8::try_from(version.as_u64().unwrap()).unwrap());
        match case["hex"].as_str() {
            Some(hex) => check_bytes(case, &header, &sample::bytes(hex), &store()),
            None => check_fields(case, &header),
        }
    }
}

fn header(case: &Json, version: u8) -> RawHeader {
    let (form, name) = match case["class"].as_str() {
        Some(class) => (RawForm::Kernel, class),
        None => (RawForm::Event, case["provider"].as_str().unwrap()),
    };
    let number = |key: &str| case[key].as_u64().unwrap_or_default();
    RawHeader {
        form,
        provider: Guid::parse(name.split(' ').next_back().unwrap()).unwrap(),
        id: u16::try_from(number("id")).unwrap(),
        opcode: u8::try_from(number("opcode")).unwrap(),
        version,
        pointer_size: u8::try_from(case["pointer_size"].as_u64().unwrap_or(8)).unwrap(),
        process_id: case["header_pid"].as_u64().map(|pid| u32::try_from(pid).unwrap()),
        ..RawHeader::default()
    }
}

fn check_bytes(case: &Json, header: &RawHeader, payload: &[u8], store: &SchemaStore) {
    let record = RawRecord { header: *header, extended: &[], payload };
    let mut batch = RecordBatch::default();
    let outcome = Decoder::default().decode(&record, store, &mut batch);
    let Outcome::Event { fit, newer, .. } = outcome else { panic!("{case}: {outcome:?}") };
    assert_eq!((fit, newer), (Fit::Exact, false), "{case}");
    check_event(case, header, &KernelEvent::of(header, &batch.get(0).unwrap()));
}

fn check_fields(case: &Json, header: &RawHeader) {
    let fields: Vec<_> = case["fields"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, field)| (name.clone(), Made::of(field[0].as_str().unwrap(), &field[1])))
        .collect();
    let batch = sample::batch(&fields);
    check_event(case, header, &KernelEvent::of(header, &batch.get(0).unwrap()));

    let (mut payload, mut described) = (Vec::new(), Vec::new());
    for (name, field) in case["fields"].as_object().unwrap() {
        let kind = push(&mut payload, field[0].as_str().unwrap(), &field[1]);
        let kind = FieldKind::Value(kind, OutType::NONE, None);
        described.push(Field { name: name.as_str().into(), kind, ..Field::default() });
    }
    let store = store();
    store.insert(Key::of(header, 0), Schema::of_fields(described)).unwrap();
    check_bytes(case, header, &payload, &store);
}

/// Adds a value to a payload; its type.
fn push(payload: &mut Vec<u8>, kind: &str, value: &Json) -> InType {
    let number = || value.as_u64().unwrap().to_le_bytes();
    match kind {
        "u16" => payload.extend_from_slice(number().get(..2).unwrap()),
        "u32" => payload.extend_from_slice(number().get(..4).unwrap()),
        "u64" | "pointer" => payload.extend_from_slice(&number()),
        "text" => {
            let units = value.as_str().unwrap().encode_utf16().chain([0]);
            payload.extend(units.flat_map(u16::to_le_bytes));
        }
        other => panic!("no type of a field: {other}"),
    }
    match kind {
        "u16" => InType::UInt16,
        "u32" => InType::UInt32,
        "u64" => InType::UInt64,
        "pointer" => InType::Pointer,
        _ => InType::UnicodeString,
    }
}

fn check_event(case: &Json, header: &RawHeader, event: &KernelEvent<'_>) {
    assert_eq!(event.context().process_id, header.process_id, "{case}");
    for (what, expected) in case["expect"].as_object().unwrap() {
        let told = told(event, what).unwrap_or_else(|| panic!("{what}: {event:?}"));
        if what.ends_with("ends with") {
            let end = expected.as_str().unwrap();
            assert!(told.as_str().unwrap().ends_with(end), "{what}: {told}");
        } else {
            assert_eq!(&told, expected, "{what}: {case}");
        }
    }
}

/// What an event says, under the name that the cases have for it.
fn told(event: &KernelEvent<'_>, what: &str) -> Option<Json> {
    Some(match (event, what) {
        (KernelEvent::Process(event), "ProcessId") => event.process_id.into(),
        (KernelEvent::Process(event), "ParentId") => event.parent_id?.into(),
        (KernelEvent::Process(event), "ImageFileName") => event.image_name?.into(),
        (KernelEvent::Process(event), "UserSID") => event.user?.to_string().into(),
        (KernelEvent::Image(event), "ProcessId") => event.process_id?.into(),
        (KernelEvent::Image(event), "FileName ends with") => event.file_name?.into(),
        (KernelEvent::Generic(_), "kind") => "generic".into(),
        (KernelEvent::Generic(event), "fields") => event.fields().count().into(),
        (KernelEvent::Network(event), "operation") => format!("{:?}", event.operation).into(),
        (KernelEvent::Network(event), "process_id") => event.process_id?.into(),
        (KernelEvent::Network(event), "destination_port") => event.destination_port?.into(),
        (KernelEvent::Registry(event), "operation") => format!("{:?}", event.operation).into(),
        (KernelEvent::Registry(event), "process_id") => event.process_id?.into(),
        (KernelEvent::Registry(event), "value_name") => event.value_name?.into(),
        (KernelEvent::File(event), "operation") => format!("{:?}", event.operation).into(),
        (KernelEvent::File(event), "process_id") => event.process_id?.into(),
        (KernelEvent::File(event), "open_path") => event.path?.into(),
        (KernelEvent::File(event), "file_object") => event.file_object?.into(),
        (KernelEvent::File(event), "irp_ptr") => event.irp?.into(),
        _ => return None,
    })
}
