//! One limit for all that is remembered: a flood stays within it, and the summary tells what each table took and what
//! had to go.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::place::{Place, err, out, status};

const RULES: &str = "title: failed
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: many failed
correlation:
  {type: event_count, rules: [failed], group-by: [TargetUserName], timespan: 1d, condition: {gte: 3}}
---
title: a program with many children
logsource: {category: process_creation, product: windows}
detection: {s: {ProcessChildren|gte: 100000}, condition: s}
";
const LIMIT: u64 = 16 << 20;

/// Logons that fail and processes that start, each of another user and program.
fn flood(count: u32) -> String {
    let mut events = String::new();
    for number in 0..count {
        let (minute, second) = (number / 60 / 60 % 60, number / 60 % 60);
        let time = format!("2026-01-02T08:{minute:02}:{second:02}Z");
        writeln!(
            events,
            "{{\"Provider_Name\":\"Microsoft-Windows-Security-Auditing\",\"Channel\":\"Security\",\"EventID\":4625,\
             \"Computer\":\"h\",\"TimeCreated\":\"{time}\",\"TargetUserName\":\"user-{number}\"}}"
        )
        .unwrap();
        writeln!(
            events,
            "{{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\
             \"EventID\":1,\"Computer\":\"h\",\"TimeCreated\":\"{time}\",\"UtcTime\":\"{time}\",\"ProcessId\":{},\
             \"ParentProcessId\":4000,\"Image\":\"C:\\\\{number}.exe\",\"CommandLine\":\"{number:0200}\"}}",
            4_004 + 4 * number
        )
        .unwrap();
    }
    events
}

fn place(count: u32) -> Place {
    let place = Place::new();
    place.write("rules/r.yml", RULES);
    place.write("flood.jsonl", flood(count));
    place
}

fn summary(place: &Place, input: &str, more: &[&str]) -> String {
    let arguments = ["replay", input, "-q", "--format", "none", "--summary", "s.json"];
    let output = place.run(&[&arguments, more].concat());
    assert_eq!((status(&output), out(&output).as_str()), (0, ""), "{}", err(&output));
    place.read("s.json")
}

/// Asserts that each table of a summary is within its share, and all within the limit; of which tables something went.
fn evicted(summary: &str) -> Vec<String> {
    let summary: Value = serde_json::from_str(summary).unwrap();
    let memory = &summary["memory"];
    assert_eq!(memory["limit"], LIMIT);
    let tables = memory["tables"].as_object().unwrap();
    let number = |table: &Value, what: &str| table[what].as_u64().unwrap();
    let sum = |what| tables.values().map(|table| number(table, what)).sum::<u64>();
    assert!(sum("bytes") <= LIMIT && sum("limit") <= LIMIT, "{memory}");
    assert!(
        tables.values().all(|table| number(table, "bytes") <= number(table, "limit")),
        "{memory}"
    );
    let gone = tables.iter().filter(|(_, table)| number(table, "evicted") > 0);
    gone.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_flood_stays_within_the_limit_and_two_runs_say_the_same() {
    let place = place(30_000);
    let one = summary(&place, "flood.jsonl", &["--memory", "16M", "--state", "a"]);
    assert_eq!(evicted(&one), ["correlations", "facts of processes", "processes"]);
    let whole: Value = serde_json::from_str(&one).unwrap();
    let of_groups = &whole["memory"]["tables"]["correlations"];
    assert_eq!(of_groups["evicted"], whole["correlation"]["evicted"]);
    let other = summary(&place, "flood.jsonl", &["--memory", "16M", "--state", "b"]);
    assert_eq!(one, other);
    let state = |name: &str| std::fs::read(place.folder.path().join(name)).unwrap();
    assert!(state("a") == state("b"));
    // The file says the same as the flag; the flag wins.
    place.write("etwatch.toml", "memory = \"16M\"");
    assert_eq!(evicted(&summary(&place, "flood.jsonl", &[])), evicted(&one));
    let larger = summary(&place, "flood.jsonl", &["--memory", "1G"]);
    let larger: Value = serde_json::from_str(&larger).unwrap();
    assert_eq!(larger["memory"]["limit"], 1 << 30);
    assert_eq!(larger["memory"]["tables"]["correlations"]["evicted"], 0);
}

#[test]
fn a_state_that_was_saved_under_a_larger_limit_is_brought_within_a_smaller_one() {
    let place = place(30_000);
    place.write("one.jsonl", flood(1));
    summary(&place, "flood.jsonl", &["--state", "large"]);
    let copy = |name: &str| {
        std::fs::copy(place.folder.path().join("large"), place.folder.path().join(name)).unwrap();
    };
    copy("a");
    copy("b");
    let one = summary(&place, "one.jsonl", &["--memory", "16M", "--state", "a"]);
    let other = summary(&place, "one.jsonl", &["--memory", "16M", "--state", "b"]);
    assert_eq!(evicted(&one), ["correlations", "facts of processes", "processes"]);
    assert_eq!(one, other);
}

#[test]
fn the_summary_for_people_tells_memory_and_a_limit_that_leaves_no_room_is_refused() {
    let place = place(10);
    let output = place.run(&["replay", "flood.jsonl", "--format", "none", "--memory", "200M"]);
    let line = err(&output);
    let line = line.lines().find(|line| line.starts_with("Memory")).unwrap();
    assert!(line.contains(" of 200M: ") && line.contains("processes "), "{line}");
    let output = place.run(&["replay", "flood.jsonl", "--memory", "1M"]);
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("the least is 16M"), "{}", err(&output));
}
