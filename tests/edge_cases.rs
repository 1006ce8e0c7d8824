//! The edge cases of the Sigma language, one by one, by name.
//!
//! Each case is a rule text, an event and what is expected. The event takes the way that a JSON record
//! takes, but for routing: every rule of the text is eligible.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

use std::sync::Arc;

use etwatch_capture::Limits;
use etwatch_capture::json::RecordParser;
use etwatch_event::{EventBatch, LayoutId, LogSourceSet, RecordBatch, Vocabulary};
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::{Evaluator, Matcher, RuleSet, Severity};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    rule: String,
    event: serde_json::Value,
    expect: Expectation,
    source: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
enum Expectation {
    Matches(bool),
    Refused(Refused),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
enum Refused {
    #[serde(rename = "load-error")]
    LoadError,
}

/// What comes of a case, and the errors of loading.
fn outcome(case: &Case) -> (Expectation, Vec<String>) {
    let mut vocabulary = Vocabulary::default();
    let loaded = load_text("case.yml", &case.rule, &LoadOptions::default(), &mut vocabulary.fields);
    assert!(loaded.is_balanced(), "{}", case.name);
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.hint.is_some(), "{}: no hint for {diagnostic}", case.name);
    }
    let errors: Vec<_> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    if loaded.rules.is_empty() {
        return (Expectation::Refused(Refused::LoadError), errors);
    }
    let all = loaded.rules.iter().map(|rule| rule.log_source.clone()).collect();
    let set = vocabulary.add_set(LogSourceSet::new(all));
    let vocabulary = Arc::new(vocabulary);
    let rules = RuleSet::new(loaded.rules, &vocabulary);

    let mut records = RecordBatch::default();
    let text = serde_json::to_vec(&case.event).unwrap();
    RecordParser::new(Limits::default()).parse(&text, None, records.begin()).unwrap();
    let mut events = EventBatch::new(Arc::clone(&vocabulary));
    let mut event = events.begin(LayoutId::default(), set);
    for (name, value) in records.get(0).unwrap().fields() {
        match vocabulary.fields.id(name) {
            Some(id) => event.push_raw(id, value),
            None => event.push_raw_named(name, value),
        }
    }
    event.finish();
    let mut matches = Vec::new();
    let event = events.get(0).unwrap();
    rules.matches(&event, 0, &mut Matcher::default(), &mut matches);
    let mut plainly = Vec::new();
    rules.matches_plainly(&event, 0, &mut Evaluator::default(), &mut plainly);
    assert_eq!(matches, plainly, "{}: the two evaluators differ", case.name);
    (Expectation::Matches(!matches.is_empty()), errors)
}

#[test]
fn every_edge_case_is_as_expected() {
    let text = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/sigma-edge-cases.yaml"
    ));
    let cases: Vec<Case> = serde_yaml::from_str(&text.unwrap()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    let mut failed = Vec::new();
    for case in &cases {
        assert!(names.insert(case.name.as_str()), "{} comes twice", case.name);
        let (found, errors) = outcome(case);
        if found != case.expect {
            failed.push(format!(
                "{}: expected {:?} ({}), found {found:?} {errors:?}",
                case.name, case.expect, case.source
            ));
        }
        if found == Expectation::Refused(Refused::LoadError) {
            assert!(!errors.is_empty(), "{}: refused without a word", case.name);
        }
    }
    assert_eq!(cases.len(), 394);
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}
