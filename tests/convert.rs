//! `etwatch convert`: what is written is the recording again, and gives the same alerts.

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

use std::path::Path;

use serde_json::Value;
use support::place::{Place, err, out, status};
use support::{corpus, root};

/// The objects that a command prints, one a line.
fn objects(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let output = place.run(arguments);
    assert_eq!(status(&output), 0, "{arguments:?}: {}", err(&output));
    out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The counts of a replay, and its alerts by id and rule.
fn replayed(place: &Place, input: &str, rules: &str) -> (Value, Vec<(Value, Value)>) {
    replayed_with(place, input, rules, &[])
}

fn replayed_with(
    place: &Place,
    input: &str,
    rules: &str,
    flags: &[&str],
) -> (Value, Vec<(Value, Value)>) {
    let mut arguments = vec!["replay", input, "--rules", rules, "--format", "json"];
    arguments.extend(["--allow-empty", "--summary", "s.json"]);
    arguments.extend(flags);
    let alerts = objects(place, &arguments);
    let summary: Value = serde_json::from_str(&place.read("s.json")).unwrap();
    let alerts = alerts.iter().map(|alert| (alert["id"].clone(), alert["rule"]["title"].clone()));
    (summary["ledger"].clone(), alerts.collect())
}

#[test]
fn lines_give_the_same_alerts() {
    let place = Place::new();
    let (rules, fixtures) = (root().join("rules"), root().join("fixtures"));
    let rules = rules.to_str().unwrap();
    let mut count = 0;
    for entry in walk(&fixtures) {
        let input = entry.to_str().unwrap();
        objects(&place, &["convert", "-q", input, "copy.jsonl", "--force"]);
        let (_, expected) = replayed(&place, input, rules);
        let (_, alerts) = replayed(&place, "copy.jsonl", rules);
        let titles = |alerts: &[(Value, Value)]| -> Vec<Value> {
            alerts.iter().map(|(_, title)| title.clone()).collect()
        };
        assert_eq!(titles(&alerts), titles(&expected), "{input}");
        // Objects of JSON are told by their members, so an id may be another one; but not twice.
        objects(&place, &["convert", "-q", "copy.jsonl", "again.jsonl", "--force"]);
        assert_eq!(place.read("again.jsonl"), place.read("copy.jsonl"), "{input}");
        count += alerts.len();
    }
    assert!(count > 0);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        } else if path.extension().is_some_and(|ending| ending == "jsonl" || ending == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn what_is_selected_is_written_and_the_rest_is_counted() {
    let place = Place::new();
    let output = place.run(&["convert", "events.jsonl", "a.jsonl", "--where", "Image=*\\b.exe"]);
    assert_eq!((status(&output), place.read("a.jsonl").as_str()), (0, ""));
    assert!(err(&output).contains("1 read = 0 written + 1 filtered"), "{}", err(&output));
    let output = place.run(&["convert", "events.jsonl", "-", "--where", "Image=*\\a.exe"]);
    let line: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(line["Image"], r"C:\a.exe");
    assert_eq!(line["CommandLine"], "a\u{1b}[2J\u{202e} b");
}

#[test]
fn what_can_not_be_is_refused_with_advice() {
    let place = Place::new();
    place.write("old.jsonl", "mine");
    for (arguments, expected, advice) in [
        (&["events.jsonl", "old.jsonl"][..], 2, "--force"),
        (&["events.jsonl", "a.csv"], 2, ".etl or .jsonl"),
        (&["events.jsonl", "a.etl"], 2, "write .jsonl"),
        (&["rules", "a.etl"], 2, "is a folder"),
        (&["none.etl", "a.etl"], 3, "none.etl"),
        (&["events.jsonl", "no/such/folder.jsonl"], 1, "no/such/folder.jsonl"),
        (&["events.jsonl", "a.jsonl", "--from", "2026-03-03", "--to", "2026-03-02"], 2, "swap"),
    ] {
        let output = place.run(&[&["convert"], arguments].concat());
        assert_eq!(status(&output), expected, "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(advice), "{arguments:?}: {}", err(&output));
    }
    assert_eq!(place.read("old.jsonl"), "mine");
    let left: Vec<_> = std::fs::read_dir(place.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 3, "nothing half written stays behind");
}

/// Records of the corpus' logs: as many as its README says, read and written.
const LOGS: &[(&str, u64)] = &[
    ("AMSITrace", 21),
    ("Process", 10_344),
    ("ShutdownPerfDiagLogger", 17_078),
    ("gcevents", 71),
    ("lxcore_kernel", 4),
    ("net.4.5.2.x64", 179_474),
    ("powershell", 114),
    ("primitive-types", 7),
];

#[test]
fn logs_of_the_corpus_are_read_whole_and_come_back_the_same() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    for (name, records) in LOGS {
        let log = corpus.join("etl").join(format!("{name}.etl"));
        let log = log.to_str().unwrap();
        let (ledger, expected) = replayed(&place, log, "rules");
        assert_eq!(ledger["read"], *records, "{name}");
        assert_eq!(
            (&ledger["skipped"], &ledger["undecodable"]),
            (&Value::Object([].into_iter().collect()), &Value::Object([].into_iter().collect()))
        );
        let parts =
            ["evaluated", "bookkeeping", "joined"].map(|part| ledger[part].as_u64().unwrap());
        let filtered = ledger["filtered"].as_object().unwrap().values();
        let sum = parts.iter().sum::<u64>() + filtered.map(|n| n.as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum, *records, "{name}: {ledger}");
        let output = place.run(&["convert", "-q", log, "copy.etl", "--force"]);
        assert_eq!(status(&output), 0, "{name}: {}", err(&output));
        let (again, alerts) = replayed(&place, "copy.etl", "rules");
        assert_eq!((&again["evaluated"], alerts), (&ledger["evaluated"], expected), "{name}");
        assert_eq!(
            (&again["events_lost"], &again["unexplained"]),
            (&ledger["events_lost"], &ledger["unexplained"])
        );
        let (first, second) = (lines(&place, log), lines(&place, "copy.etl"));
        assert_eq!(first.len(), second.len());
        assert!(first == second, "{name}: the fields of its records are not the same");
    }
}

/// The records of a log as lines, in the order of their text: those of one time may have changed places.
fn lines(place: &Place, log: &str) -> Vec<String> {
    let output = place.run(&["convert", "-q", log, "copy.jsonl", "--force"]);
    assert_eq!(status(&output), 0, "{log}: {}", err(&output));
    let mut lines: Vec<_> = place.read("copy.jsonl").lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn lines_of_event_logs_give_alerts_with_the_same_ids() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    let logs = corpus.join("evtx/Credential Access");
    let (logs, rules) = (logs.to_str().unwrap(), corpus.join("sigma"));
    objects(&place, &["convert", "-q", logs, "copy.jsonl"]);
    // The logs are merged by time, the lines are in the order of the logs, so that of the lines many are late
    // and teach nothing.
    let (rules, flags) = (rules.to_str().unwrap(), ["--no-enrich"]);
    let (_, mut expected) = replayed_with(&place, logs, rules, &flags);
    let (_, mut alerts) = replayed_with(&place, "copy.jsonl", rules, &flags);
    for alerts in [&mut alerts, &mut expected] {
        alerts.sort_by_key(|(id, _)| id.to_string());
    }
    assert!(!alerts.is_empty());
    assert_eq!(alerts, expected);
}

#[test]
fn a_part_of_a_log_is_a_log() {
    let Some(corpus) = corpus() else { return };
    let place = Place::new();
    let log = corpus.join("etl/Process.etl");
    let log = log.to_str().unwrap();
    let output = place.run(&["convert", log, "part.etl", "--id", "1,2"]);
    assert!(err(&output).contains("10344 read = 8 written + 10335 filtered"), "{}", err(&output));
    let events = objects(&place, &["events", "part.etl", "-q", "--format", "json"]);
    assert_eq!(events.len(), 8);
    assert!(events.iter().all(|event| event["fields"]["ImageName"].is_string()));
}
