//! On real recordings and rules: what loads, what matches, how much is read.
//!
//! The corpus is not part of the project; see `CONTRIBUTING.md` for where it is looked for.

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

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use etwatch_engine::Engine;
use etwatch_event::LogSource;
use serde_yaml::Value;
use sha2::{Digest, Sha256};
use support::{corpus, engine, files_under, golden, options, root, run};

/// Cases whose recording holds more events that the rule's own text describes than the case says:
/// `info.yml` counts one, the recording has each registry value that the rule lists (checked by hand).
const COUNTED_OTHERWISE: &[(&str, u64, u64)] = &[
    ("c7dcacd0-cc59-4004-b0a4-1d6cdebe6f3e", 1, 2), // AutoShareServer and AutoShareWks, both set to 0
    ("45e112d0-7759-4c2a-aa36-9f8fb79d3393", 1, 3), // https, http and * of one domain, each put into zone 2
];

#[test]
fn every_rule_loads_or_is_refused_with_its_reason() {
    let Some(corpus) = corpus() else { return };
    let (engine, loaded) = engine(&[&corpus.join("sigma")]);
    assert_eq!(loaded.documents, 3_034);
    assert_eq!(engine.rules.rules().len(), 3_009);
    assert_eq!(loaded.refused, 25);
    let errors =
        loaded.diagnostics.iter().filter(|one| one.severity == etwatch_rules::Severity::Error);
    let errors: Vec<_> = errors.collect();
    assert_eq!(errors.len(), 25);
    for error in errors {
        assert_eq!(error.code, "SIG017", "{error}");
        assert!(error.offending().contains('%'), "{error}");
    }
}

/// Every category and service that SigmaHQ defines for Windows can be the log source of some event.
#[test]
fn every_log_source_of_windows_is_covered() {
    let Some(corpus) = corpus() else { return };
    let text = std::fs::read_to_string(corpus.join("sigma/logsource.json")).unwrap();
    let defined: Value = serde_yaml::from_str(&text).unwrap();
    let windows = &defined["legit"]["windows"];
    let (engine, _) = engine(&[Path::new("rules")]);
    let sets = engine.vocabulary.sets();
    let mut count = 0;
    for (kind, category) in [("category", true), ("service", false)] {
        for name in windows[kind].as_mapping().unwrap().keys() {
            let name = name.as_str().unwrap();
            let wanted = if category {
                LogSource::new(Some(name), Some("windows"), None)
            } else {
                LogSource::new(None, Some("windows"), Some(name))
            };
            assert!(sets.iter().any(|set| set.fits(&wanted)), "{kind} {name}");
            count += 1;
        }
    }
    assert!(count >= 74, "{count}");
    println!("categories and services of Windows that are covered: {count} of {count}");
}

struct Case {
    name: String,
    rules: Vec<String>,
    /// Stated matches; not all cases state them.
    count: Option<u64>,
    folder: PathBuf,
}

fn cases(corpus: &Path) -> Vec<Case> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |path: PathBuf| {
        let info: Value = serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let rules = info["rule_metadata"].as_sequence().unwrap();
        let tests = info["regression_tests_info"].as_sequence().unwrap();
        Case {
            name: path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned(),
            rules: rules.iter().map(|rule| text(&rule["id"])).collect(),
            count: tests.iter().map(|test| test.get("match_count").and_then(Value::as_u64)).sum(),
            folder: path.parent().unwrap().to_path_buf(),
        }
    };
    files_under(&corpus.join("regression"), "info.yml").into_iter().map(one).collect()
}

#[test]
fn every_regression_case_matches_from_evtx_and_from_json() {
    let Some(corpus) = corpus() else { return };
    let (engine, _) = engine(&[&corpus.join("sigma")]);
    let cases = cases(&corpus);
    assert_eq!(cases.len(), 116);
    for ending in [".evtx", ".json"] {
        let failed: Vec<_> =
            cases.iter().filter_map(|case| check_case(&engine, case, ending)).collect();
        assert!(failed.is_empty(), "{ending}: {failed:#?}");
        println!("regression cases that match from *{ending}: {} of {}", cases.len(), cases.len());
    }
}

/// What is wrong with a case, if anything.
fn check_case(engine: &Engine, case: &Case, ending: &str) -> Option<String> {
    let (alerts, report) = run(engine, &files_under(&case.folder, ending), options(0, 256));
    assert_eq!(report.ledger.lost(), 0, "{}: {:?}", case.name, report.damage);
    for rule in &case.rules {
        let found =
            alerts.alerts().iter().filter(|one| one.rule.id.as_ref() == Some(rule)).count() as u64;
        let otherwise = COUNTED_OTHERWISE.iter().find(|(id, ..)| id == rule);
        let expected = otherwise.map_or(case.count, |(_, stated, actual)| {
            assert_eq!(case.count, Some(*stated), "{}: the case was corrected", case.name);
            Some(*actual)
        });
        if found == 0 || expected.is_some_and(|expected| found != expected) {
            return Some(format!("{}: {rule} matched {found} times, not {expected:?}", case.name));
        }
    }
    None
}

#[test]
fn every_event_log_is_read_to_its_last_record() {
    let Some(corpus) = corpus() else { return };
    let (engine, _) = engine(&[Path::new("rules")]);
    let files = files_under(&corpus.join("evtx"), ".evtx");
    assert_eq!(files.len(), 277);
    let mut all = 0;
    for file in files {
        let mut parser = evtx::EvtxParser::from_path(&file).unwrap();
        let expected = parser.records_json_bytes().filter(Result::is_ok).count() as u64;
        let (_, report) = run(&engine, std::slice::from_ref(&file), options(0, 256));
        assert_eq!(report.ledger.evaluated, expected, "{}", file.display());
        all += expected;
    }
    assert_eq!(all, 8_255);
    println!("event logs: 277 files, {all} records, each as many as the decoder's own dump has");
}

/// How often each rule matches, and a digest of its alerts' ids: a change of results is seen here and
/// has to be explained in the commit that makes it.
#[test]
fn the_alerts_of_the_corpus_are_known() {
    let Some(corpus) = corpus() else { return };
    let (engine, _) = engine(&[&corpus.join("sigma")]);
    let (alerts, report) =
        run(&engine, &files_under(&corpus.join("evtx"), ".evtx"), options(0, 1_024));
    assert_eq!(report.ledger.evaluated, 8_255);
    let mut by_rule: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for alert in alerts.alerts() {
        by_rule.entry(alert.rule.id.unwrap_or(alert.rule.title)).or_default().push(alert.id);
    }
    let mut digest =
        String::from("# rule, alerts, first 16 digits of SHA-256 over their sorted ids\n");
    for (rule, mut ids) in by_rule {
        ids.sort();
        let hash = Sha256::digest(ids.concat().as_bytes());
        let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        writeln!(digest, "{rule} {} {short}", ids.len()).unwrap();
    }
    golden(&root().join("tests/conformance/evtx-alerts.txt"), &digest);
    println!(
        "alerts of the corpus: {} from {} rules",
        alerts.alerts().len(),
        report.rule_alerts.len()
    );
}
