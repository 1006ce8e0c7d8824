//! `etwatch fields` and `docs/fields.md`: the page is what the program says, and no cell of it is a gap.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod support;

use std::process::{Command, Output};

use etwatch_engine::FieldSources;
use etwatch_engine::field_sources::{Availability, FieldSource, Way};
use etwatch_normalise::{InputKind, Inputs};
use serde_json::Value;

fn sources() -> FieldSources {
    FieldSources::built_in().unwrap()
}

fn all(sources: &FieldSources) -> Vec<FieldSource> {
    sources.log_sources().iter().flat_map(|name| sources.of(name)).collect()
}

fn fields(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_etwatch")).arg("fields").args(arguments).output().unwrap()
}

#[test]
fn the_page_is_what_the_program_prints() {
    let output = fields(&["--format", "markdown"]);
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    support::golden(&support::root().join("docs/fields.md"), &page);
}

#[test]
fn no_cell_is_empty_without_a_reason() {
    let sources = sources();
    let mut gaps = Vec::new();
    for source in all(&sources) {
        let of = InputKind::ALL.into_iter().filter(|kind| source.on(*kind).is_gap());
        gaps.extend(of.map(|kind| (source.log_source.clone(), source.field.clone(), kind.name())));
    }
    assert!(gaps.is_empty(), "taxonomy/inputs.yaml has no reason for {gaps:#?}");
}

/// A reason that no field has is of something that has come to be told.
#[test]
fn each_reason_is_some_fields() {
    let sources = sources();
    let all = all(&sources);
    for absent in Inputs::built_in().unwrap().absent {
        for on in &absent.on {
            let is_used = |source: &FieldSource| matches!(source.on(*on), Availability::Absent(why) if *why == absent.why);
            let is_of = |source: &FieldSource| {
                absent.fields.is_empty() || absent.fields.contains(&source.field)
            };
            assert!(all.iter().any(|source| is_of(source) && is_used(source)), "{on:?} {absent:?}");
            for field in &absent.fields {
                let is_used = all.iter().any(|source| source.field == *field && is_used(source));
                assert!(is_used, "{on:?} {field}: {}", absent.why);
            }
        }
    }
}

/// What is said to be read from files is what the crate of the host can say of one, a list of hashes also singly.
#[test]
fn what_is_read_from_files_can_be_read() {
    use etwatch_host::{FileFacts, FileQuestions, Signature, SignatureStatus};
    let facts = FileFacts {
        answered: FileQuestions::ALL,
        md5: Some([0; 16]),
        signature: Some(Signature { status: SignatureStatus::Valid, signer: None }),
        ..FileFacts::default()
    };
    let mut known: Vec<_> = ["md5", "sha1", "sha256", "Imphash"].map(str::to_owned).into();
    facts.fields(&mut |name, _| known.push(name.to_owned()));
    let of_files = |source: &FieldSource| match &source.live {
        Availability::From(origins) => {
            origins.iter().any(|origin| matches!(origin.way, Way::File { .. }))
        }
        Availability::Absent(_) => false,
    };
    let mut read: Vec<_> = all(&sources()).into_iter().filter(of_files).collect();
    read.retain(|source| source.log_source == "image_load");
    let mut read: Vec<_> = read.into_iter().map(|source| source.field).collect();
    read.sort_unstable();
    known.sort_unstable();
    assert_eq!(read, known);
}

/// One field for each way, by hand from the providers' manifests.
#[test]
fn sources_are_those_of_the_manifests() {
    let sources = sources();
    let find = |log_source: &str, field: &str| -> FieldSource {
        let found = sources.of(log_source).into_iter().find(|source| source.field == field);
        found.unwrap_or_else(|| panic!("{log_source} has no {field}"))
    };
    let from = |log_source: &str, field: &str, on: InputKind| match find(log_source, field).on(on) {
        Availability::From(origins) => origins.clone(),
        Availability::Absent(why) => panic!("{log_source} {field}: {why}"),
    };
    let payload = |name: &str, conversion: Option<&str>| Way::Payload {
        name: name.into(),
        conversion: conversion.map(str::to_owned),
    };
    let (etl, evtx) = (InputKind::Etl, InputKind::Evtx);
    for (log_source, field, on, provider, id, way) in [
        ("process_creation", "Image", evtx, "Microsoft-Windows-Sysmon", 1, payload("Image", None)),
        (
            "process_creation",
            "ParentProcessId",
            evtx,
            "Microsoft-Windows-Security-Auditing",
            4688,
            payload("ProcessId", Some("hexadecimal")),
        ),
        (
            "registry_set",
            "EventType",
            etl,
            "Microsoft-Windows-Kernel-Registry",
            5,
            Way::Constant { value: "SetValue".into() },
        ),
        (
            "dns_query",
            "QueryName",
            etl,
            "Microsoft-Windows-DNS-Client",
            3008,
            payload("QueryName", None),
        ),
    ] {
        let origins = from(log_source, field, on);
        let is = |origin: &&etwatch_engine::field_sources::Origin| {
            origin.provider.as_deref() == Some(provider)
                && origin.ids.contains(&id)
                && origin.way == way
        };
        assert!(origins.iter().any(|origin| is(&origin)), "{log_source} {field}: {origins:#?}");
    }
    for (log_source, field, on) in [
        ("process_creation", "Hashes", etl),
        ("image_load", "Signed", InputKind::Evtx),
        ("clipboard_capture", "Image", InputKind::Live),
        ("security", "LogonType", etl),
    ] {
        let is_there = matches!(find(log_source, field).on(on), Availability::From(_));
        assert_eq!(is_there, on == evtx, "{log_source} {field}");
    }
}

#[test]
fn one_log_source_is_printed_in_three_forms() {
    let output = fields(&["Process_Creation", "--format", "json"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let fields_of: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hashes = fields_of.iter().find(|field| field["field"] == "Hashes").unwrap();
    assert_eq!(hashes["log_source"], "process_creation");
    assert!(hashes["etl"]["absent"].is_string() && hashes["live"]["from"].is_array(), "{hashes}");
    let text = String::from_utf8(fields(&["process_creation"]).stdout).unwrap();
    assert!(text.starts_with("process_creation\n  RuleName\n    live "), "{text}");
    let page = String::from_utf8(fields(&["security", "--format", "markdown"]).stdout).unwrap();
    assert!(page.contains("### security\n\n| field | live |"), "{page}");
}

#[test]
fn a_log_source_that_is_none_names_another() {
    let output = fields(&["process_creaton"]);
    assert_eq!(output.status.code(), Some(4));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("did you mean `process_creation`?"), "{error}");
}
