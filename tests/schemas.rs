//! All that is written as JSON lines is what the schemas in `docs/` say: golden output, and what the fixtures give with
//! all outputs on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etwatch_alert::Sink;
use etwatch_capture::source::Location;
use etwatch_engine::replay;
use jsonschema::Validator;
use serde_json::{Value, json};
use support::{Collected, engine, files_under, options, root};

/// The schema in a file of `docs`, which has to be one itself.
fn schema(name: &str) -> Validator {
    let text = std::fs::read_to_string(root().join("docs").join(name)).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

/// The schemas by what lines are of.
struct Schemas {
    alert: Validator,
    event: Validator,
}

impl Schemas {
    fn read() -> Self {
        Self { alert: schema("alert.schema.json"), event: schema("event.schema.json") }
    }
    /// What a line is: `alert`, `correlation`, or the kind of an event. Whatever it is, it is of one schema alone.
    fn check(&self, line: &str, place: &str) -> String {
        let value: Value = serde_json::from_str(line).unwrap();
        let (own, other) = match value.get("kind") {
            Some(_) => (&self.event, &self.alert),
            None => (&self.alert, &self.event),
        };
        let errors: Vec<String> = own
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{place}: {line}");
        assert!(!other.is_valid(&value), "{place}: {line}");
        match value.get("kind").and_then(Value::as_str) {
            Some(kind) => kind.to_owned(),
            None if value.get("correlation").is_some() => "correlation".to_owned(),
            None => "alert".to_owned(),
        }
    }
}

#[test]
fn golden_alerts_are_what_the_schema_says() {
    root();
    let schemas = Schemas::read();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for file in files_under(Path::new("fixtures"), ".alerts.jsonl") {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            *counts.entry(schemas.check(line, &file.display().to_string())).or_default() += 1;
        }
    }
    assert!(counts["alert"] >= 20 && counts["correlation"] >= 2, "{counts:?}");
}

#[test]
fn what_fixtures_give_with_all_outputs_on_is_what_the_schemas_say() {
    root();
    let schemas = Schemas::read();
    let (engine, _) = engine(&[Path::new("rules")]);
    let collected = Collected::default();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
    let mut recordings: Vec<PathBuf> = files_under(Path::new("fixtures"), ".jsonl");
    recordings.retain(|path| !path.to_string_lossy().ends_with(".alerts.jsonl"));
    recordings.extend(files_under(Path::new("fixtures"), ".etl"));
    recordings.push(root().join("tests/flows/offices.jsonl"));
    let inputs = recordings.into_iter().map(Location::File).collect();
    replay(&engine.with_derived(), inputs, &mut sinks, options(2, 64), &mut ()).unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in collected.text().lines() {
        *counts.entry(schemas.check(line, "fixtures")).or_default() += 1;
    }
    for kind in ["alert", "correlation", "network_flow", "beacon"] {
        assert!(counts.get(kind).is_some_and(|count| *count > 0), "no {kind}: {counts:?}");
    }
}

/// The schemas are strict: what is left out, put in or of another form is told.
#[test]
fn what_is_not_as_the_schema_says_is_told() {
    root();
    let schemas = Schemas::read();
    let file = &files_under(Path::new("fixtures"), ".alerts.jsonl")[0];
    let text = std::fs::read_to_string(file).unwrap();
    let good: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert!(schemas.alert.is_valid(&good));
    let changes: [(&str, Option<Value>); 5] = [
        ("id", None),
        ("id", Some(json!("0E"))),
        ("time", Some(json!("2026-01-02T03:04:05Z"))),
        ("kind", Some(json!("alert"))),
        ("matched", Some(json!("all"))),
    ];
    for (member, value) in changes {
        let mut bad = good.clone();
        let members = bad.as_object_mut().unwrap();
        match &value {
            Some(value) => members.insert(member.to_owned(), value.clone()),
            None => members.remove(member),
        };
        assert!(!schemas.alert.is_valid(&bad), "{member}: {value:?}");
    }
}
