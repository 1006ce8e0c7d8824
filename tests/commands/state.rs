//! Windows of correlations that outlive a run.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::place::{Place, err, out, status};

const RULES: &str = "title: failed
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: many failed
level: high
correlation:
  {type: event_count, rules: [failed], group-by: [TargetUserName], timespan: 1d, condition: {gte: 3}}
---
title: few failed
level: low
correlation:
  {type: event_count, rules: [failed], group-by: [TargetUserName], timespan: 1h, condition: {lt: 2}}
";

/// A logon with this event id at a minute of a day.
fn logon(id: u32, minute: u32) -> String {
    let (hour, minute) = (minute / 60, minute % 60);
    format!(
        "{{\"Provider_Name\":\"Microsoft-Windows-Security-Auditing\",\"Channel\":\"Security\",\"EventID\":{id},\
         \"Computer\":\"h\",\"TimeCreated\":\"2026-01-02T{hour:02}:{minute:02}:00Z\",\"TargetUserName\":\"eva\"}}\n"
    )
}

fn place() -> Place {
    let place = Place::new();
    place.write("rules/r.yml", RULES);
    place.write("morning.jsonl", logon(4625, 8 * 60) + &logon(4625, 8 * 60 + 1));
    place.write("evening.jsonl", logon(4625, 20 * 60));
    place
}

/// The titles of the alerts.
fn alerts(place: &Place, arguments: &[&str]) -> Vec<String> {
    let output = place.run(&[&["replay", "--format", "json", "-q"], arguments].concat());
    assert_eq!(status(&output), 0, "{}", err(&output));
    let title = |line: &str| {
        let alert: serde_json::Value = serde_json::from_str(line).unwrap();
        alert["rule"]["title"].as_str().unwrap().to_owned()
    };
    out(&output).lines().map(title).collect()
}

#[test]
fn a_window_of_a_day_survives_the_run() {
    let place = place();
    assert_eq!(alerts(&place, &["morning.jsonl", "--state", "s"]), [""; 0]);
    // The second failure of the morning is one too many for `few failed`; that of the evening is decided when
    // the input ends, but for a run that another one follows.
    assert_eq!(alerts(&place, &["evening.jsonl", "--state", "s"]), ["many failed"]);
    assert_eq!(alerts(&place, &["evening.jsonl"]), ["few failed"]);
}

#[test]
fn what_is_damaged_is_set_aside_and_the_run_goes_on() {
    let place = place();
    alerts(&place, &["morning.jsonl", "--state", "s"]);
    let path = place.folder.path().join("s");
    let good = std::fs::read(&path).unwrap();
    let cut = good.len() - 1;
    let turned = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        (turned(cut), "is damaged"),
        (turned(14), "is of another version"),
        (turned(3), "is no file of state"),
        (good[..cut].to_vec(), "is cut off"),
        (Vec::new(), "is cut off"),
    ];
    for (bytes, what) in cases {
        std::fs::write(&path, &bytes).unwrap();
        let output = place.run(&["replay", "evening.jsonl", "--state", "s", "--format", "json"]);
        assert_eq!((status(&output), out(&output).as_str()), (0, ""), "{}", err(&output));
        assert!(err(&output).contains(what), "{what}: {}", err(&output));
        assert_eq!(std::fs::read(place.folder.path().join("s.damaged")).unwrap(), bytes);
    }
}

#[test]
fn a_rule_that_says_something_else_begins_anew_and_says_so() {
    let place = place();
    alerts(&place, &["morning.jsonl", "--state", "s"]);
    place.write("rules/r.yml", RULES.replace("{gte: 3}", "{gte: 2}"));
    let output = place.run(&["replay", "evening.jsonl", "--state", "s", "--format", "json"]);
    assert_eq!((status(&output), out(&output).as_str()), (0, ""));
    assert!(err(&output).contains("`many failed` begin anew"), "{}", err(&output));
}

#[test]
fn what_was_killed_has_lost_no_more_than_an_interval() {
    let place = place();
    let mut child = Command::new(env!("CARGO_BIN_EXE_etwatch"))
        .args(["replay", "-", "--state", "s", "--state-interval", "0", "--format", "none", "-q"])
        .current_dir(place.folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(place.read("morning.jsonl").as_bytes()).unwrap();
    // Others follow until what came is read and worked on.
    let path = place.folder.path().join("s");
    let other = logon(4624, 9 * 60).repeat(1_000);
    for round in 0.. {
        assert!(round < 2_000, "nothing was saved");
        input.write_all(other.as_bytes()).unwrap();
        if path.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(alerts(&place, &["evening.jsonl", "--state", "s"]), ["many failed"]);
}
