//! `etwatch run` with simulated sessions: what a replay gives, rules dropped in, recordings, how it ends.

#![cfg_attr(
    not(unix),
    allow(dead_code, unused_imports, reason = "a run is interrupted where there are signals")
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use serde_json::Value;

use crate::support::place::{Place, err, out};
use crate::support::{files_under, root};

/// Recordings of the project, in full.
fn recordings() -> Vec<PathBuf> {
    let files = files_under(&root().join("fixtures"), ".etl");
    assert!(files.len() >= 8, "{files:?}");
    files
}

fn rules() -> String {
    root().join("rules").canonicalize().unwrap().display().to_string()
}

/// The alerts of an output, without where their event was read.
fn alerts(text: &str) -> Vec<Value> {
    let alert = |line: &str| {
        let mut alert: Value = serde_json::from_str(line).unwrap();
        if let Some(event) = alert.get_mut("event").and_then(Value::as_object_mut) {
            event.remove("source");
        }
        for event in alert.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten() {
            event["event"].as_object_mut().map(|event| event.remove("source"));
        }
        alert
    };
    let mut alerts: Vec<_> = text.lines().map(alert).collect();
    alerts.sort_by_key(ToString::to_string);
    alerts
}

fn ledger(place: &Place) -> Value {
    serde_json::from_str::<Value>(&place.read("run.json")).unwrap()["ledger"].clone()
}

#[test]
fn a_recording_as_fast_as_may_be_gives_what_its_replay_gives() {
    let (place, rules) = (Place::new(), rules());
    for file in recordings() {
        let file = file.canonicalize().unwrap().display().to_string();
        let common = ["--rules", &rules, "--format", "json", "--summary", "run.json"];
        let replayed = place.run(&[&["replay", &file], &common[..]].concat());
        let expected = ledger(&place);
        let source = format!("sim:{file}");
        let live = ["run", "--source", &source, "--speed", "max"];
        let live = place.run(&[&live[..], &common[..]].concat());
        assert_eq!(live.status.code(), replayed.status.code(), "{}", err(&live));
        assert_eq!(out(&live), out(&replayed), "{file}");
        assert_eq!(ledger(&place), expected, "{file}");
    }
}

/// What a session delivers is recorded and can be replayed: the same alerts three times, and of all records that
/// are no bookkeeping the same was made.
#[test]
fn a_session_gives_the_same_alerts_and_so_does_what_was_recorded_of_it() {
    let (place, rules) = (Place::new(), rules());
    let mut compared = 0;
    for (number, file) in recordings().into_iter().enumerate() {
        let file = file.canonicalize().unwrap().display().to_string();
        let common = ["--rules", &rules, "--format", "json", "--summary", "run.json"];
        let replayed = place.run(&[&["replay", &file], &common[..]].concat());
        let (expected, counted) = (alerts(&out(&replayed)), ledger(&place));
        let (source, folder) = (format!("sim:{file}"), format!("ring-{number}"));
        let live = ["run", "--source", &source, "--speed", "max", "--record", &folder];
        let live = place.run(&[&live[..], &common[..]].concat());
        assert_eq!(live.status.code(), Some(0), "{}", err(&live));
        assert_eq!(alerts(&out(&live)), expected, "{file}");
        let counts = ledger(&place);
        for what in ["evaluated", "joined", "split", "derived", "late", "dropped", "unexplained"] {
            assert_eq!(counts[what], counted[what], "{what} of {file}");
        }
        let again = place.run(&[&["replay", &folder], &common[..]].concat());
        assert_eq!(again.status.code(), Some(0), "{}", err(&again));
        assert_eq!(alerts(&out(&again)), expected, "{file}");
        assert_eq!(ledger(&place)["evaluated"], counted["evaluated"], "{file}");
        compared += expected.len();
    }
    assert!(compared >= 8);
}

/// A run under way, and the lines of its standard output.
struct Under {
    child: Child,
    lines: Receiver<String>,
}

impl Under {
    fn way(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place.start(arguments);
        let (send, lines) = sync_channel(100_000);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line))
        });
        Self { child, lines }
    }
    fn line(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(30)).expect("a line within 30 s");
        serde_json::from_str(&line).unwrap()
    }
    /// Ends it as a keyboard does; returns its exit status and what it said.
    fn interrupt(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

/// A session that goes on until it is stopped.
fn endless(place: &Place, more: &[&str]) -> Under {
    let name = "defense-evasion/creator-is-not-the-parent.etl";
    let file = root().join("fixtures").join(name).canonicalize().unwrap();
    let source = format!("sim:{}", file.display());
    let common =
        ["run", "--source", &source, "--rate", "500", "--times", "1000000", "--format", "json"];
    Under::way(place, &[&common[..], more].concat())
}

/// A rule that any process start satisfies.
pub(crate) const ANY: &str = "title: dropped in\nlogsource: {category: process_creation, product: windows}\n\
                   detection: {s: {Image|exists: true}, condition: s}\n";

#[cfg(unix)]
#[test]
fn a_rule_dropped_into_the_folder_fires_and_an_interrupt_ends_the_run_in_order() {
    let place = Place::new();
    let run = endless(&place, &["--summary", "run.json", "--allow-empty"]);
    // The folder is watched once the run has begun, which the second rule shows.
    std::thread::sleep(Duration::from_millis(500));
    place.write("rules/bad.yml", ANY.replace("condition: s", "condition: t"));
    place.write("rules/any.yml", ANY);
    assert_eq!(run.line()["rule"]["title"], "dropped in");
    let (status, said) = run.interrupt();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("rules loaded again: 1 added (dropped in)"), "{said}");
    assert!(said.contains("bad.yml:3:"), "{said}");
    assert!(said.contains("stopping"), "{said}");
    let ledger = ledger(&place);
    let number = |what: &str| ledger[what].as_u64().unwrap();
    assert!(number("evaluated") > 0);
    assert_eq!(number("read"), number("evaluated") + number("bookkeeping") + number("joined"));
}

#[cfg(unix)]
#[test]
fn two_runs_do_not_share_a_state_or_a_folder_of_recordings() {
    let place = Place::new();
    place.write("rules/any.yml", ANY);
    let run = endless(&place, &["--state", "windows.state", "--record", "ring"]);
    run.line();
    for taken in [["--state", "windows.state"], ["--record", "ring"]] {
        let arguments = [&["run", "--source", "sim:x.etl"][..], &taken].concat();
        let other = place.run(&arguments);
        assert_eq!(other.status.code(), Some(7), "{}", err(&other));
        assert!(err(&other).contains("another run uses"), "{}", err(&other));
    }
    let (status, said) = run.interrupt();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("records recorded in 1 files"), "{said}");
    assert!(place.folder.path().join("windows.state").exists());
    // A run that has ended leaves both free.
    let name = "defense-evasion/creator-is-not-the-parent.etl";
    let source =
        format!("sim:{}", root().join("fixtures").join(name).canonicalize().unwrap().display());
    let next =
        place.run(&["run", "--source", &source, "--speed", "max", "--state", "windows.state"]);
    assert_eq!(next.status.code(), Some(0), "{}", err(&next));
}

#[test]
fn a_file_of_alerts_keeps_those_of_earlier_runs() {
    let place = Place::new();
    place.write("rules/any.yml", ANY);
    let name = "defense-evasion/creator-is-not-the-parent.etl";
    let source =
        format!("sim:{}", root().join("fixtures").join(name).canonicalize().unwrap().display());
    let arguments =
        ["run", "--source", &source, "--speed", "max", "--format", "none", "--output", "all.jsonl"];
    assert_eq!(place.run(&arguments).status.code(), Some(0));
    let once = place.read("all.jsonl");
    assert_eq!(place.run(&arguments).status.code(), Some(0));
    assert!(!once.is_empty());
    assert_eq!(place.read("all.jsonl"), once.repeat(2));
}

#[test]
fn what_can_not_be_is_refused_before_anything_begins() {
    let place = Place::new();
    for (arguments, expected) in [
        (&["run", "--source", "events.jsonl"][..], "write `sim:FILE`"),
        (&["run", "--source", "sim:nothing.etl"], "nothing.etl"),
        (&["run", "--source", "sim:events.jsonl"], "no log of ETW"),
        (&["run", "--source", "sim:a.etl", "--speed", "x"], "not a speed"),
        (&["run", "--speed", "2"], "--source"),
        (&["run", "--record-size", "x", "--record", "r"], "not a size"),
        (&["run", "--record-age", "7w", "--record", "r"], "not an age"),
    ] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(expected), "{arguments:?}: {}", err(&output));
    }
    if cfg!(not(windows)) {
        let output = place.run(&["run"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains("live capture needs Windows; use --source sim:FILE here"));
    }
    assert!(!Path::new("r").exists());
}
