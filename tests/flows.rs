//! `etwatch flows` and derived events from end to end: golden output, rules over them, sinks, known-good
//! endpoints, the same for any number of workers.
//!
//! The recording and the output it gives lie in `tests/flows`. `ETWATCH_BLESS=1 cargo test` writes the output
//! anew; read the difference before you commit it.

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

use etwatch_alert::Sink;
use etwatch_capture::source::Location;
use etwatch_engine::{Engine, Options, Report, replay};
use serde_json::Value;
use support::place::{Place, err, out, status};
use support::{Collected, files_under, golden, options, root};

const OFFICES: &str = "offices.jsonl";
const ENDPOINTS: &str = "endpoints.yaml";

fn place() -> Place {
    let place = Place::new();
    for name in [OFFICES, ENDPOINTS] {
        place.write(name, std::fs::read(root().join("tests/flows").join(name)).unwrap());
    }
    place
}

#[test]
fn each_output_is_the_golden_one_and_harmless() {
    let place = place();
    for (file, flags) in [
        ("table.txt", &[][..]),
        ("all.csv", &["--format", "csv"]),
        ("all.jsonl", &["--format", "json"]),
        ("by-process.txt", &["--by", "process"]),
        ("by-endpoint.txt", &["--by", "endpoint", "--endpoints", ENDPOINTS]),
        ("by-hour.csv", &["--by", "hour", "--format", "csv"]),
    ] {
        let output = place.run(&[&["flows", OFFICES], flags].concat());
        assert_eq!(status(&output), 0, "{flags:?}\n{}", err(&output));
        let text = out(&output);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{flags:?}\n{}", text.escape_debug());
        golden(&root().join("tests/flows").join(file), &text);
    }
}

#[test]
fn known_good_contacts_are_told_and_mistakes_are_explained() {
    let place = place();
    let output = place.run(&["flows", OFFICES]);
    assert!(err(&output).contains("2 known-good contacts left out"), "{}", err(&output));
    place.write("bad.yaml", "- names: [a]\n- cidr: [10.0.0.1/8]\n");
    for command in ["flows", "replay"] {
        let output = place.run(&[command, OFFICES, "--endpoints", "bad.yaml"]);
        assert_eq!(status(&output), 2);
        for part in ["bad.yaml", "line 2", "10.0.0.1/8", "192.0.2.0/24"] {
            assert!(err(&output).contains(part), "{part}: {}", err(&output));
        }
    }
    let output = place.run(&["flows", OFFICES, "--endpoints", "none.yaml"]);
    assert!(status(&output) == 2 && err(&output).contains("none.yaml"), "{}", err(&output));
}

#[test]
fn known_good_endpoints_of_the_configuration_hold_unless_a_flag_names_others() {
    let place = place();
    place.write("none.yaml", "[]\n");
    let flows = |arguments: &[&str]| {
        let output = place.run(&[&["flows", OFFICES, "--format", "csv"], arguments].concat());
        assert_eq!(status(&output), 0, "{}", err(&output));
        out(&output)
    };
    let (built_in, ours, none) =
        (flows(&[]), flows(&["--endpoints", ENDPOINTS]), flows(&["--endpoints", "none.yaml"]));
    assert!(built_in != ours && ours != none && built_in != none);
    place.write("etwatch.toml", format!("endpoints = \"{ENDPOINTS}\"\n"));
    assert_eq!(flows(&[]), ours);
    assert_eq!(flows(&["--endpoints", "none.yaml"]), none);
    place.write("etwatch.toml", "endpoints = \"missing.yaml\"\n");
    for command in ["flows", "replay"] {
        let output = place.run(&[command, OFFICES]);
        assert!(status(&output) == 2 && err(&output).contains("missing.yaml"), "{}", err(&output));
    }
}

#[test]
fn a_recording_without_contacts_is_told_by_the_status() {
    let place = place();
    let output = place.run(&["flows", "events.jsonl"]);
    assert_eq!((status(&output), out(&output)), (4, String::new()));
    assert!(err(&output).contains("no event tells of a contact"), "{}", err(&output));
    assert_eq!(status(&place.run(&["flows", "nowhere.jsonl"])), 3);
}

/// A day on two hosts: a beacon with jitter, pages, a server's clients; each a Sysmon 3.
fn day(folder: &Path) -> Vec<PathBuf> {
    let mut random = 7_u64;
    let mut next = |most: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    let mut files = Vec::new();
    for host in ["one", "two"] {
        let mut calls = Vec::new();
        let mut now = 0;
        while now < 86_400 {
            calls.push((now, 7, "C:\\\\implant.exe", "192.0.2.7", 443));
            now += 240 + next(120);
        }
        for _ in 0..600 {
            calls.push((next(86_400), 8, "C:\\\\browser.exe", "203.0.113.20", 443));
            calls.push((next(86_400), 9, "C:\\\\agent.exe", "198.51.100.3", 8_080));
        }
        calls.sort_unstable();
        let mut text = String::new();
        for (number, (second, pid, image, address, port)) in calls.into_iter().enumerate() {
            let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
            writeln!(
                text,
                "{{\"EventID\":3,\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"Computer\":\"{host}\",\
                 \"UtcTime\":\"2026-03-02 {hour:02}:{minute:02}:{second:02}\",\"EventRecordID\":{number},\
                 \"ProcessId\":{pid},\"Image\":\"{image}\",\"Protocol\":\"tcp\",\"Initiated\":\"true\",\
                 \"DestinationIp\":\"{address}\",\"DestinationPort\":{port}}}"
            )
            .unwrap();
        }
        let path = folder.join(format!("{host}.jsonl"));
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    files
}

const RULES: &str = "title: many connections in an hour\nid: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11\n\
    logsource: {category: network_flow, product: windows}\n\
    detection: {s: {Interval: hour, Connections|gte: 20}, condition: s}\n---\n\
    title: beacon\nid: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a12\n\
    logsource: {category: beacon, product: windows}\n\
    detection: {s: {Image|endswith: '\\implant.exe', Period|lt: 600, Confidence|gte: 95}, condition: s}\n---\n\
    title: port 8080\nid: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a13\n\
    logsource: {category: network_connection, product: windows}\n\
    detection: {s: {DestinationPort: 8080}, condition: s}\n";

/// What the sink got, line by line.
fn lines(engine: &Engine, files: &[PathBuf], options: Options) -> (String, Report) {
    let collected = Collected::default();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
    let locations = files.iter().cloned().map(Location::File).collect();
    let report = replay(engine, locations, &mut sinks, options, &mut ()).unwrap();
    assert!(report.ledger.is_balanced(), "{:?}", report.ledger);
    (collected.text(), report)
}

fn kinds(text: &str) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let kind = value["kind"].as_str().or(value["rule"]["title"].as_str()).unwrap();
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}

#[test]
fn rules_are_true_of_derived_events_whoever_works_and_however_much_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = day(folder.path());
    let engine = support::engine_of(RULES);
    let told = engine.clone().with_derived();
    let (alerts, first) = lines(&engine, &files, options(1, 1));
    let (both, _) = lines(&told, &files, options(1, 1));
    let counts = kinds(&both);
    assert!(counts["beacon"] >= 2 && counts["many connections in an hour"] >= 40, "{counts:?}");
    assert_eq!(counts["port 8080"], 1_200);
    assert_eq!(counts["network_flow"], 2 * (24 + 1) * 3, "an hour and a day of each");
    // Alerts are the same, with derived events between them.
    let without: String = both
        .lines()
        .filter(|line| !line.starts_with("{\"kind\""))
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(without == alerts);
    assert_eq!(first.ledger.derived, first.ledger.by_provider["etwatch"].derived);
    assert_eq!(first.events["windows/network_flow"], 2 * 25 * 3);
    for workers in [1, 2, 7] {
        for batch in [1, 7, 256] {
            let (again, report) = lines(&told, &files, options(workers, batch));
            assert!(again == both, "{workers} workers, batches of {batch}");
            assert_eq!(report.ledger, first.ledger);
        }
    }
}

#[test]
fn the_beacon_is_found_and_nothing_else_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let (text, _) =
        lines(&support::engine_of("").with_derived(), &day(folder.path()), options(0, 256));
    let mut images = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("{\"kind\":\"beacon\"")) {
        let beacon: Value = serde_json::from_str(line).unwrap();
        let fields = &beacon["event"]["fields"];
        let period = fields["Period"].as_f64().unwrap();
        assert!((270.0..330.0).contains(&period), "{fields}");
        assert!((10.0..=30.0).contains(&fields["Jitter"].as_f64().unwrap()), "{fields}");
        *images.entry(fields["Image"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(images.keys().collect::<Vec<_>>(), ["C:\\implant.exe"]);
    assert!(
        images.values().all(|count| *count > 2 && *count <= 2 * 24),
        "once an hour: {images:?}"
    );
}

#[test]
fn without_a_rule_or_sink_that_asks_nothing_is_derived() {
    let folder = tempfile::tempdir().unwrap();
    let all = "---\ntitle: all of Windows\nid: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a14\n\
        logsource: {product: windows}\ndetection: {s: {Interval: hour}, condition: s}\n";
    let other = RULES.rsplit("---\n").next().unwrap().to_owned() + all;
    let (_, report) = lines(&support::engine_of(&other), &day(folder.path()), options(2, 256));
    assert_eq!((report.ledger.derived, report.ledger.known_good), (0, 0));
    assert_eq!(report.alerts.values().sum::<u64>(), 1_200);
}

/// At most one in 24 hours is what is asked of the benign days.
#[test]
fn benign_days_have_no_beacon() {
    root();
    let files = files_under(Path::new("fixtures/benign"), "-day.jsonl");
    let (text, _) = lines(&support::engine_of("").with_derived(), &files, options(2, 256));
    let counts = kinds(&text);
    assert!(files.len() == 3 && counts["network_flow"] > 50, "{counts:?}");
    assert_eq!(counts.get("beacon"), None);
}

/// What a log of the kernel says of each packet, added up by itself, is what its flows say.
#[test]
fn flows_of_a_real_trace_have_all_bytes_of_its_events() {
    let Some(corpus) = support::corpus() else { return };
    let place = Place::new();
    place.write("none.yaml", "[]");
    let trace = corpus.join("etl/net.4.5.2.x64.etl");
    let trace = trace.to_str().unwrap();
    let events = out(&place.run(&["events", trace, "--normalised", "--format", "json", "-q"]));
    let mut expected = [0_u64; 4];
    for line in events.lines().filter(|line| line.contains("\"Protocol\"")) {
        let event: Value = serde_json::from_str(line).unwrap();
        let fields = &event["fields"];
        let (Some(size), Some(id)) = (fields["size"].as_u64(), number(&fields["EventID"])) else {
            continue;
        };
        let id = if id == 0 { number(&fields["Opcode"]).unwrap() } else { id };
        let is_udp = fields["Protocol"] == "udp";
        match id {
            10 | 26 | 42 | 58 => add(&mut expected, [size, 0, 1, 0]),
            11 | 27 | 43 | 59 => add(&mut expected, [0, size, 0, 1]),
            _ => assert!(!is_udp, "{fields}"),
        }
    }
    let output = place.run(&["flows", trace, "--format", "json", "--endpoints", "none.yaml"]);
    let mut sums = [0; 4];
    for line in out(&output).lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let of = |name: &str| row[name].as_u64().unwrap();
        let row =
            [of("bytes_sent"), of("bytes_received"), of("packets_sent"), of("packets_received")];
        add(&mut sums, row);
    }
    assert!(expected.iter().all(|sum| *sum > 0), "{expected:?}");
    assert!(!err(&output).contains("late"), "{}", err(&output));
    assert_eq!(sums, expected);
}

fn number(value: &Value) -> Option<u64> {
    let first = value.as_array().map_or(value, |all| &all[0]);
    first.as_u64()
}

fn add(sums: &mut [u64; 4], more: [u64; 4]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

#[test]
fn check_tells_which_fields_event_logs_can_not_have() {
    let place = Place::new();
    let rule = "title: much was sent\nid: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11\nstatus: test\nlevel: low\n\
        description: d\nauthor: a\ndate: 2026-01-01\ntags: [attack.t1041]\n\
        logsource: {category: network_flow, product: windows}\n\
        detection: {s: {BytesSent|gte: 1000000000}, condition: s}\nfalsepositives: [none]\n";
    place.write("flow/r.yml", rule);
    let text = out(&place.run(&["check", "flow", "--input", "evtx"]));
    assert!(text.contains("not what passes over them"), "{text}");
    let text = out(&place.run(&["check", "flow", "--input", "etl"]));
    assert!(!text.contains("SIG036"), "{text}");
}
