//! Windows of correlations, and what is known of hosts, outlive a run.

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
    let versioned = |version: u8| {
        let mut bytes = good.clone();
        bytes[14] = version;
        bytes
    };
    let cases = [
        (turned(cut), "is damaged"),
        (versioned(1), "is of an older version"),
        (versioned(9), "is of a newer version"),
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
    let etwatch_engine::saved::Found::State(state) = etwatch_engine::saved::load(&path) else {
        panic!("a whole file is there, whenever it was killed");
    };
    assert_eq!(state.hosts.hosts(), 1);
    assert_eq!(alerts(&place, &["evening.jsonl", "--state", "s"]), ["many failed"]);
}

const OF_HOSTS: &str = "title: a program with an unsigned image connects
logsource: {category: network_connection, product: windows}
detection: {s: {ProcessUnsignedImages|gte: 2}, condition: s}
---
title: a timer
logsource: {category: beacon, product: windows}
detection: {s: {Confidence|gte: 95}, condition: s}
---
title: many connections
logsource: {category: network_flow, product: windows}
detection: {s: {Connections|gte: 5}, condition: s}
---
title: connection
name: connection
logsource: {category: network_connection, product: windows}
detection: {s: {EventID: 3}, condition: s}
---
title: twelve connections
correlation: {type: event_count, rules: [connection], group-by: [Image], timespan: 1d, condition: {gte: 12}}
";

/// A program starts, loads what nobody signed, and calls home each minute, beyond the end of an hour; something else
/// happens the next day.
fn calls_home() -> Vec<String> {
    let event = |minute: u32, id: u32, fields: &str| {
        let (day, hour, minute) = (2 + minute / 1_440, minute / 60 % 24, minute % 60);
        format!(
            "{{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"EventID\":{id},\"Computer\":\"h\",\
             \"UtcTime\":\"2026-01-0{day} {hour:02}:{minute:02}:00\",\"ProcessId\":\"8\",\
             \"Image\":\"C:\\\\a.exe\"{fields}}}\n"
        )
    };
    let load = |name| format!(",\"ImageLoaded\":\"C:\\\\{name}.dll\",\"Signed\":\"false\"");
    let begin = 9 * 60 + 50;
    let mut events = vec![event(begin, 1, ",\"CommandLine\":\"a\"")];
    events.extend(["x", "y"].map(|name| event(begin + 1, 7, &load(name))));
    let contact = ",\"Protocol\":\"tcp\",\"Initiated\":\"true\",\"SourceIp\":\"10.0.0.1\",\
        \"SourcePort\":50000,\"DestinationIp\":\"192.0.2.7\",\"DestinationPort\":443";
    events.extend((2..18).map(|minute| event(begin + minute, 3, contact)));
    events.push(event(begin + 24 * 60, 1, ",\"CommandLine\":\"b\""));
    events
}

/// Everything that was told, without where it was read.
fn told(place: &Place, input: &str, state: &str) -> Vec<serde_json::Value> {
    fn strip(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.remove("source");
                members.values_mut().for_each(strip);
            }
            serde_json::Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let arguments =
        ["replay", input, "--state", state, "--derived", "--format", "json", "-q", "--allow-empty"];
    let output = place.run(&arguments);
    assert_eq!((status(&output), err(&output).as_str()), (0, ""));
    let line = |line: &str| {
        let mut value = serde_json::from_str(line).unwrap();
        strip(&mut value);
        value
    };
    out(&output).lines().map(line).collect()
}

#[test]
fn a_run_that_is_cut_anywhere_tells_what_one_run_tells_and_leaves_the_same_state() {
    let place = place();
    place.write("rules/r.yml", OF_HOSTS);
    let events = calls_home();
    place.write("all.jsonl", events.concat());
    let whole = told(&place, "all.jsonl", "whole");
    for title in [
        "a program with an unsigned image connects",
        "a timer",
        "many connections",
        "twelve connections",
    ] {
        assert!(whole.iter().any(|alert| alert["rule"]["title"] == title), "{title}: {whole:#?}");
    }
    let flows = whole.iter().filter(|told| told["kind"] == "network_flow").count();
    assert_eq!(
        flows, 3,
        "two hours and their day; the hour and the day that are open are not told"
    );
    let state = |name: &str| std::fs::read(place.folder.path().join(name)).unwrap();
    for cut in 1..events.len() {
        let _ = std::fs::remove_file(place.folder.path().join("parts"));
        place.write("first.jsonl", events[..cut].concat());
        place.write("second.jsonl", events[cut..].concat());
        let mut parts = told(&place, "first.jsonl", "parts");
        parts.extend(told(&place, "second.jsonl", "parts"));
        assert_eq!(parts, whole, "cut before {}", events[cut]);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode =
            std::fs::metadata(place.folder.path().join("whole")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "it holds command lines");
    }
    // The same events leave the same bytes.
    assert_eq!(told(&place, "all.jsonl", "again"), whole);
    assert!(state("again") == state("whole"));
}
