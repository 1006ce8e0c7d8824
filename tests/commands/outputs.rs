//! Streams and files: what comes by standard input, a reader that leaves, a disk that is full, and
//! outputs that must not cost what is there.

#[cfg(unix)]
use std::process::{Command, Stdio};

use serde_yaml::Value;

use crate::support::place::{EVENT, Place, RULE, err, out, status};

#[test]
fn standard_input_and_a_file_of_alerts() {
    let place = Place::new();
    let arguments = ["replay", "-", "--output", "alerts.jsonl", "--format", "json", "-q"];
    let output = place.run_with(&arguments, EVENT);
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert_eq!(out(&output), place.read("alerts.jsonl"));
    assert!(out(&output).contains(r#""file":"-""#));
}

/// A closed pipe (`| head`) ends the run quietly.
#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    place.write("many.jsonl", EVENT.repeat(20_000));
    let output = place.run_closed(&["replay", "many.jsonl", "-q"]);
    assert_eq!((status(&output), err(&output)), (0, String::new()));
}

/// Who else waits for the results gets all of them, and the exit status is that of the whole run.
#[test]
fn a_closed_pipe_ends_standard_output_alone() {
    let place = Place::new();
    place.write("many.jsonl", EVENT.repeat(20_000));
    for format in ["pretty", "json"] {
        let mut arguments = vec!["replay", "many.jsonl", "-q", "--format", format];
        arguments.extend(["--output", "all.jsonl", "--summary", "s.json"]);
        let output = place.run_closed(&arguments);
        assert_eq!((status(&output), err(&output)), (0, String::new()));
        assert_eq!(place.read("all.jsonl").lines().count(), 20_000);
        let summary: Value = serde_yaml::from_str(&place.read("s.json")).unwrap();
        assert_eq!(summary["alerts"]["high"], Value::from(20_000));
        std::fs::remove_file(place.folder.path().join("s.json")).unwrap();
        let output = place.run_closed(&["replay", "many.jsonl", "-q", "--summary", "s.json"]);
        assert_eq!(status(&output), 0);
        assert!(place.read("s.json").contains("\"high\": 20000"));
    }
    place.write("cut.jsonl", EVENT.repeat(20_000) + "{\"cut\": 1");
    let output = place.run_closed(&["replay", "cut.jsonl", "-q", "--output", "all.jsonl"]);
    assert_eq!(status(&output), 3, "{}", err(&output));
}

/// Only standard output may be closed by its reader.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_can_t_be_written_to_the_end_is_an_error() {
    let place = Place::new();
    for arguments in [["--output", "/dev/full"], ["--summary", "/dev/full"]] {
        let output = place.run(&["replay", "events.jsonl", arguments[0], arguments[1]]);
        assert_eq!(status(&output), 1, "{arguments:?}");
        assert!(err(&output).contains("/dev/full"), "{}", err(&output));
    }
    // An output that is a pipe whose reader has left.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_etwatch"))
        .args(["replay", "events.jsonl", "-q", "--output", "/dev/stdin"])
        .current_dir(place.folder.path())
        .stdin(writer)
        .output()
        .unwrap();
    assert_eq!(status(&output), 1, "{}", err(&output));
}

/// Nothing that is read may be written over, whatever it is called, and nothing is emptied for a run
/// that does not begin.
#[test]
fn outputs_never_cost_what_is_there() {
    let place = Place::new();
    place.write("logs/a.jsonl", EVENT);
    place.write("old.jsonl", "the last run");
    place.write("etwatch.toml", "");
    std::fs::create_dir(place.folder.path().join("folder")).unwrap();
    std::fs::hard_link(place.folder.path().join("events.jsonl"), place.folder.path().join("h"))
        .unwrap();
    let mut refused = vec![
        vec!["events.jsonl", "--output", "events.jsonl"],
        vec!["events.jsonl", "--output", "logs/../events.jsonl"],
        vec!["events.jsonl", "--summary", "./events.jsonl"],
        vec!["logs", "--output", "logs/a.jsonl"],
        vec!["events.jsonl", "--rules", "rules/r.yml", "--output", "rules/r.yml"],
        vec!["events.jsonl", "--summary", "rules/r.yml"],
        vec!["events.jsonl", "--output", "old.jsonl", "--summary", "old.jsonl"],
        vec!["events.jsonl", "--output", "new", "--summary", "./new"],
        vec!["events.jsonl", "--output", "old.jsonl", "--webhook", "ftp://x"],
        vec!["events.jsonl", "--output", "old.jsonl", "--summary", "nowhere/s.json"],
        vec!["events.jsonl", "--output", "old.jsonl", "--summary", "folder"],
        vec!["events.jsonl", "--summary", "old.jsonl", "--output", "nowhere/a.jsonl"],
    ];
    if cfg!(unix) {
        refused.push(vec!["events.jsonl", "--output", "h"]);
    }
    for arguments in refused {
        let output = place.run(&[&["replay"], &arguments[..]].concat());
        assert_eq!(status(&output), 2, "{arguments:?}\n{}", err(&output));
        assert!(out(&output).is_empty(), "{arguments:?}: something was read");
        assert_eq!(place.read("events.jsonl"), EVENT, "{arguments:?}");
        assert_eq!(place.read("logs/a.jsonl"), EVENT, "{arguments:?}");
        assert_eq!(place.read("rules/r.yml"), RULE, "{arguments:?}");
        assert_eq!(place.read("old.jsonl"), "the last run", "{arguments:?}");
    }
    let output = place.run(&["replay", "logs", "--output", "old.jsonl", "--summary", "s.json"]);
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert_eq!(place.read("old.jsonl").lines().count(), 1);
    place.write("etwatch.toml", "output = \"events.jsonl\"\n");
    assert_eq!(status(&place.run(&["replay", "events.jsonl"])), 2);
    assert_eq!(place.read("events.jsonl"), EVENT);
}

/// Standard input and output may be files as well.
#[cfg(unix)]
#[test]
fn redirected_files_are_not_written_over() {
    let place = Place::new();
    let open = || std::fs::File::open(place.folder.path().join("events.jsonl")).unwrap();
    let create = || std::fs::File::create(place.folder.path().join("out")).unwrap();
    for (arguments, expected) in [
        (["replay", "-", "--output", "events.jsonl"], 2),
        (["replay", "-", "--output", "out"], 2),
        (["replay", "-", "--output", "/dev/null"], 0),
    ] {
        let status = Command::new(env!("CARGO_BIN_EXE_etwatch"))
            .args(arguments)
            .current_dir(place.folder.path())
            .stdin(open())
            .stdout(create())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
        assert_eq!(place.read("events.jsonl"), EVENT, "{arguments:?}");
    }
}
