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
use std::path::Path;
use std::process::Command;

use etwatch_event::LogSource;
use serde_yaml::Value;
use sha2::{Digest, Sha256};
use support::cases::json_lines;
use support::place::{err, out, status};
use support::{corpus, engine, files_under, golden, options, root, run};

/// Cases whose recording holds more events that the rule's own text describes than the case says:
/// `info.yml` counts one, the recording has each registry value that the rule lists (checked by hand).
const COUNTED_OTHERWISE: &[(&str, u64, u64)] = &[
    ("/registry_set_disable_administrative_share/", 1, 2), // AutoShareServer and AutoShareWks, both set to 0
    ("/registry_set_change_security_zones/", 1, 3), // https, http and * of one domain, each put into zone 2
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

/// Logs of ETW through the rules: the ledger of each log, by provider, and each alert. Every alert was looked at
/// by hand, see `docs/conformance.md`.
#[test]
fn the_ledgers_and_alerts_of_etw_logs_are_known() {
    let Some(corpus) = corpus() else { return };
    let (engine, _) = engine(&[&corpus.join("sigma")]);
    let mut told = String::new();
    for log in files_under(&corpus.join("etl"), ".etl") {
        let name = log.file_name().unwrap().to_string_lossy().into_owned();
        let (collected, report) = run(&engine, &[log], options(2, 64));
        let ledger = &report.ledger;
        writeln!(told, "{name}: {} read = {} evaluated", ledger.read, ledger.evaluated).unwrap();
        let whole = [("bookkeeping", ledger.bookkeeping), ("joined", ledger.joined)];
        for (what, count) in whole.into_iter().filter(|(_, count)| *count > 0) {
            writeln!(told, "  + {count} {what}").unwrap();
        }
        for (reason, count) in &ledger.filtered {
            writeln!(told, "  + {count} filtered: {reason}").unwrap();
        }
        for (provider, counts) in &ledger.by_provider {
            writeln!(told, "  of {provider}: {counts:?}").unwrap();
        }
        for (source, count) in &report.events {
            writeln!(told, "  {source} {count}").unwrap();
        }
        assert!(ledger.forgotten.is_empty() && ledger.late == 0, "{name}: {ledger:?}");
        for alert in json_lines(&collected.text()) {
            let title = alert["rule"]["title"].as_str().unwrap();
            let record = alert["event"]["source"]["record"].as_u64().unwrap();
            let image = alert["process"]["image"].as_str().unwrap_or("image unknown");
            writeln!(told, "  ! {title}: record {record}, {image}").unwrap();
        }
    }
    golden(&root().join("tests/conformance/etl.txt"), &told);
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

/// SigmaHQ's own cases, as a user would run them: `etwatch test`.
#[test]
fn every_regression_case_matches_from_evtx_and_from_json() {
    let Some(corpus) = corpus() else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_etwatch"))
        .args(["test", "regression", "--format", "json"])
        .current_dir(&corpus)
        .output()
        .unwrap();
    let mut lines = json_lines(&out(&output));
    let run = lines.pop().unwrap();
    assert_eq!(run["rules"].as_u64(), Some(3_009), "{}", err(&output));
    for form in ["(evtx)", "(json)"] {
        let of_form = |test: &&Value| test["case"].as_str().unwrap().ends_with(form);
        let tests: Vec<_> = lines.iter().filter(of_form).collect();
        assert_eq!(tests.len(), 116, "{form}");
        let failed: Vec<_> = tests.iter().filter(|test| test["passed"] != true).collect();
        for test in &failed {
            let name = test["name"].as_str().unwrap();
            let known = COUNTED_OTHERWISE.iter().find(|(case, ..)| name.contains(case));
            let (_, stated, actual) = known.unwrap_or_else(|| panic!("{test:#?}"));
            assert_eq!(test["expected"]["exactly"].as_u64(), Some(*stated), "{name}");
            assert_eq!(test["matches"].as_u64(), Some(*actual), "{name}");
        }
        assert_eq!(failed.len(), COUNTED_OTHERWISE.len(), "{form}: a case was corrected");
        println!("regression cases that match {form}: {} of {}", tests.len(), tests.len());
    }
    assert_eq!((lines.len(), status(&output)), (232, 1));
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
