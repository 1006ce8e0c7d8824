//! The command itself: exit status, streams, summary, configuration.

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
use std::process::{Command, Output, Stdio};

use serde_yaml::Value;
use support::place::{EVENT, Place, RULE, err, out, status};

#[test]
fn exit_status_says_how_it_went() {
    let place = Place::new();
    place.write("other.yml", RULE.replace("process_creation", "dns_query"));
    place.write("broken.yml", "title: [");
    place.write("empty.jsonl", "");
    place.write("damaged.jsonl", format!("{{\"broken\": \n{EVENT}"));
    for (arguments, expected) in [
        (&["replay", "events.jsonl"][..], 0),
        (&["check"], 0),
        (&["rules", "list"], 0),
        (&["check", "broken.yml"], 1),
        (&["check", "nowhere"], 2),
        (&["rules", "list", "nowhere"], 2),
        (&["rules", "list", "rules", "nowhere"], 2),
        (&["rules", "list", "broken.yml"], 4),
        (&["replay"], 2),
        (&["replay", "events.jsonl", "--rules", "nowhere"], 2),
        (&["replay", "events.jsonl", "--min-level", "huge"], 2),
        (&["replay", "events.jsonl", "--webhook", "ftp://x"], 2),
        (&["replay", "events.jsonl", "--webhook", "http://[::1"], 2),
        (&["replay", "events.jsonl", "--webhook", "http://ho st/"], 2),
        (&["replay", "-", "-"], 2),
        (&["replay", "-", "events.jsonl", "-"], 2),
        (&["replay", "events.jsonl", "--workers", "0"], 2),
        (&["replay", "events.jsonl", "--workers", "1025"], 2),
        (&["replay", "nowhere.jsonl"], 3),
        (&["replay", "rules/r.yml"], 3),
        (&["replay", "events.jsonl", "damaged.jsonl"], 3),
        (&["replay", "empty.jsonl"], 4),
        (&["replay", "empty.jsonl", "--allow-empty"], 0),
        (&["replay", "events.jsonl", "--rules", "broken.yml"], 4),
        (&["replay", "events.jsonl", "--rules", "other.yml"], 4),
        (&["replay", "events.jsonl", "--min-level", "critical"], 4),
    ] {
        let output = place.run(arguments);
        assert_eq!(status(&output), expected, "{arguments:?}\n{}", err(&output));
    }
}

#[test]
fn pretty_output_is_harmless_and_without_colour_where_there_is_no_terminal() {
    let output = Place::new().run(&["replay", "events.jsonl"]);
    let text = out(&output);
    assert!(text.starts_with("HIGH"), "{text}");
    assert!(text.contains(r"a\u{1b}[2J\u{202e} b"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    assert!(!err(&output).contains('\u{1b}'));
}

/// Rules come from anybody too: their text, and the names of their files.
#[test]
fn nothing_in_rules_acts_on_the_terminal() {
    const ACTS: [char; 6] = ['\u{1b}', '\u{7f}', '\u{9b}', '\u{200e}', '\u{202e}', '\u{2028}'];
    let place = Place::new();
    let title = r#"title: "a\u009b31m\e[2J\u202e b""#;
    place.write("rules/r.yml", RULE.replace("title: t", title));
    let bad = RULE
        .replace("0d8e2f5f3a11", "0d8e2f5f3a12")
        .replace("Image|endswith", "Image|\u{9b}2J\u{202e}\u{200e}\u{2028}");
    let name = if cfg!(unix) { "rules/\u{1b}[2J\u{202e}bad\u{9b}.yml" } else { "rules/bad.yml" };
    place.write(name, bad);
    place.write("rules/long.yml", RULE.replace("endswith", &"x\u{9b}\u{202e}".repeat(300)));
    for arguments in [
        &["check"][..],
        &["check", "--format", "json"],
        &["rules", "list"],
        &["rules", "list", "--format", "json"],
        &["check", "\u{1b}[2J"],
        &["rules", "list", "\u{1b}[2J"],
    ] {
        let output = place.run(arguments);
        let shown = out(&output) + &err(&output);
        assert!(!shown.contains(ACTS), "{arguments:?}\n{}", shown.escape_debug());
    }
    let list = out(&place.run(&["rules", "list"]));
    assert!(list.contains(r"a\u{9b}31m\u{1b}[2J\u{202e} b"), "{list}");
    let json = out(&place.run(&["rules", "list", "--format", "json"]));
    let line: Value = serde_yaml::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(line["title"], Value::from("a\u{9b}31m\u{1b}[2J\u{202e} b"));
}

#[test]
fn json_output_is_one_harmless_object_a_line() {
    let text = out(&Place::new().run(&["replay", "events.jsonl", "--format", "json", "-q"]));
    assert_eq!(text.lines().count(), 1);
    let alert: Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(alert["rule"]["title"], Value::from("t"));
    assert_eq!(alert["process"]["command_line"], Value::from("a\u{1b}[2J\u{202e} b"));
    assert_eq!(alert["event"]["source"]["file"], Value::from("events.jsonl"));
    assert_eq!(alert["matched"][0]["item"], Value::from("Image|endswith"));
    assert!(!text.contains('\u{202e}') && text.contains(r"\u202e"));
}

/// Of a list of conditions the alert tells which held, and names no items of the others.
#[test]
fn an_alert_tells_which_of_several_conditions_held() {
    let place = Place::new();
    let detections = "{a: {Image|endswith: '\\a.exe'}, b: {Computer: h, User: x}, c: {EventID: 1}";
    let rule = |condition: &str| {
        RULE.replace("{s: {Image|endswith: '\\a.exe'}", detections)
            .replace("condition: s", &format!("condition: {condition}"))
    };
    for (condition, held, detections) in [
        ("[a and b, a and not b, 'c ']", vec!["a and not b", "c "], vec!["a", "c"]),
        ("[b, c]", vec!["c"], vec!["c"]),
        ("[a]", vec![], vec!["a"]),
        ("a or c", vec![], vec!["a", "c"]),
    ] {
        place.write("rules/r.yml", rule(condition));
        let text = out(&place.run(&["replay", "events.jsonl", "--format", "json", "-q"]));
        let alert: serde_json::Value = serde_json::from_str(&text).unwrap();
        let matched = alert["matched"].as_array().unwrap();
        let matched: Vec<_> =
            matched.iter().map(|one| one["detection"].as_str().unwrap()).collect();
        assert_eq!(matched, detections, "{condition}");
        let conditions =
            if held.is_empty() { serde_json::Value::Null } else { held.clone().into() };
        assert_eq!(alert["conditions"], conditions, "{condition}");
        let text = out(&place.run(&["replay", "events.jsonl", "-q"]));
        let because = text.lines().find(|line| line.contains("because")).unwrap();
        assert!(held.iter().all(|one| because.contains(&format!("`{one}`"))), "{because}");
    }
}

/// An item is named also if its first value, which is not satisfied, reads like that of the item before.
#[test]
fn an_alert_names_each_item_that_held() {
    let place = Place::new();
    let detections = "{s: {Image|contains: a, CommandLine|contains: [a, ' b']}";
    place.write("rules/r.yml", RULE.replace("{s: {Image|endswith: '\\a.exe'}", detections));
    place.write("events.jsonl", EVENT.replace(r#"CommandLine":"a"#, r#"CommandLine":"c"#));
    let text = out(&place.run(&["replay", "events.jsonl", "--format", "json", "-q"]));
    let alert: serde_json::Value = serde_json::from_str(&text).unwrap();
    let told = |one: &serde_json::Value| {
        format!("{} {}", one["item"].as_str().unwrap(), one["pattern"].as_str().unwrap())
    };
    let matched: Vec<_> = alert["matched"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(matched, ["Image|contains a", "CommandLine|contains  b"]);
}

#[test]
fn the_summary_is_json_and_adds_up() {
    let place = Place::new();
    place.write("more.jsonl", format!("{EVENT}{{\"cut\": 1\n{EVENT}"));
    let output = place.run(&[
        "replay",
        "events.jsonl",
        "more.jsonl",
        "--summary",
        "s.json",
        "--format",
        "none",
    ]);
    assert!(out(&output).is_empty());
    let summary: Value = serde_yaml::from_str(&place.read("s.json")).unwrap();
    let ledger = &summary["ledger"];
    assert_eq!(ledger["read"], Value::from(4));
    assert_eq!(ledger["evaluated"], Value::from(3));
    assert_eq!(ledger["skipped"]["JSON cut off"], Value::from(1));
    for name in
        ["undecodable", "filtered", "dropped", "bookkeeping", "joined", "split", "derived", "late"]
    {
        assert!(!ledger[name].is_null(), "{name}");
    }
    assert_eq!(summary["rules"]["loaded"], Value::from(1));
    assert_eq!(summary["rules"]["refused"], Value::from(0));
    assert_eq!(summary["alerts"]["high"], Value::from(3));
    assert_eq!(summary["events"]["windows/process_creation/sysmon"], Value::from(3));
    assert!(err(&output).contains("damaged: more.jsonl, byte"), "{}", err(&output));
}

#[test]
fn standard_input_and_a_file_of_alerts() {
    let place = Place::new();
    let arguments = ["replay", "-", "--output", "alerts.jsonl", "--format", "json", "-q"];
    let output = place.run_with(&arguments, EVENT);
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert_eq!(out(&output), place.read("alerts.jsonl"));
    assert!(out(&output).contains(r#""file":"-""#));
}

#[test]
fn the_configuration_is_used_flags_win_and_slips_are_named() {
    let place = Place::new();
    place.write("etwatch.toml", "format = \"json\"\nmin_level = \"low\"\n");
    assert!(out(&place.run(&["replay", "events.jsonl"])).starts_with('{'));
    assert!(out(&place.run(&["replay", "events.jsonl", "--format", "pretty"])).starts_with("HIGH"));
    place.write("etwatch.toml", "fromat = \"json\"\n");
    let output = place.run(&["replay", "events.jsonl"]);
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("did you mean `format`?"), "{}", err(&output));
}

#[test]
fn a_value_out_of_its_range_is_named_by_its_key() {
    let place = Place::new();
    for (text, key) in [
        ("workers = 4096\n", "workers"),
        (
            "[webhook]\nurl = \"http://127.0.0.1:9/\"\ntimeout_seconds = 18446744073709551615\n",
            "webhook.timeout_seconds",
        ),
        ("[webhook]\ntimeout_seconds = 0\n", "webhook.timeout_seconds"),
    ] {
        place.write("etwatch.toml", text);
        let output = place.run(&["replay", "events.jsonl"]);
        assert_eq!(status(&output), 2, "{text}\n{}", err(&output));
        assert!(err(&output).contains(key), "{}", err(&output));
    }
}

#[test]
fn check_shows_place_text_and_cure_and_goes_on() {
    let place = Place::new();
    place.write(
        "rules/bad.yml",
        RULE.replace("|endswith", "|endswiht")
            + "---\n"
            + &RULE.replace("0d8e2f5f3a11", "0d8e2f5f3a12"),
    );
    let output = place.run(&["check"]);
    assert_eq!(status(&output), 1);
    let text = out(&output);
    assert!(
        text.contains("SIG012")
            && text.contains("rules/bad.yml:5:")
            && text.contains("did you mean `endswith`?"),
        "{text}"
    );
    assert!(
        err(&output).contains("3 documents in 2 files: 2 rules, 1 refused"),
        "{}",
        err(&output)
    );
    let json = out(&place.run(&["check", "--format", "json"]));
    let line: Value = serde_yaml::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&line["code"], &line["line"]), (&Value::from("SIG012"), &Value::from(5)));
}

/// Read and checked, but not evaluated: no command leaves that out.
#[test]
fn correlations_are_counted_where_rules_are() {
    let place = Place::new();
    let correlation = "title: many\nname: many\ncorrelation: {type: event_count, rules: [5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11], group-by: Computer, timespan: 5m, condition: {gte: 2}}\n";
    place.write("rules/many.yml", correlation);
    let output = place.run(&["check"]);
    let counts = "2 documents in 2 files: 1 rules, 1 correlations (not evaluated yet), 0 refused";
    assert!(err(&output).contains(counts), "{}", err(&output));
    assert_eq!(status(&output), 0);
    assert!(out(&output).contains("warning[SIG041]"), "{}", out(&output));
    let list = place.run(&["rules", "list"]);
    assert!(err(&list).contains("1 correlations (not evaluated yet)"), "{}", err(&list));
    let replay = place.run(&["replay", "events.jsonl", "--summary", "s.json"]);
    let counts = "1 loaded, 1 correlations (not evaluated yet)";
    assert!(err(&replay).contains(counts), "{}", err(&replay));
    let summary: Value = serde_yaml::from_str(&place.read("s.json")).unwrap();
    assert_eq!(summary["rules"]["correlations"], Value::from(1));
}

#[test]
fn help_has_examples_and_completions_are_scripts() {
    let place = Place::new();
    for arguments in [
        &["--help"][..],
        &["replay", "--help"],
        &["check", "--help"],
        &["test", "--help"],
        &["rules", "list", "--help"],
    ] {
        let text = out(&place.run(arguments));
        assert!(text.contains("Examples:"), "{arguments:?}");
    }
    assert!(out(&place.run(&["completions", "bash"])).contains("etwatch"));
}

/// A closed pipe (`| head`) ends the run quietly.
#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    place.write("many.jsonl", EVENT.repeat(20_000));
    let output = run_closed(&place, &["replay", "many.jsonl", "-q"]);
    assert_eq!((status(&output), err(&output)), (0, String::new()));
}

/// Runs with standard output closed from the start.
fn run_closed(place: &Place, arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_etwatch"))
        .args(arguments)
        .current_dir(place.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.wait_with_output().unwrap()
}

/// Who else waits for the results gets all of them, and the exit status is that of the whole run.
#[test]
fn a_closed_pipe_ends_standard_output_alone() {
    let place = Place::new();
    place.write("many.jsonl", EVENT.repeat(20_000));
    for format in ["pretty", "json"] {
        let mut arguments = vec!["replay", "many.jsonl", "-q", "--format", format];
        arguments.extend(["--output", "all.jsonl", "--summary", "s.json"]);
        let output = run_closed(&place, &arguments);
        assert_eq!((status(&output), err(&output)), (0, String::new()));
        assert_eq!(place.read("all.jsonl").lines().count(), 20_000);
        let summary: Value = serde_yaml::from_str(&place.read("s.json")).unwrap();
        assert_eq!(summary["alerts"]["high"], Value::from(20_000));
        std::fs::remove_file(place.folder.path().join("s.json")).unwrap();
        let output = run_closed(&place, &["replay", "many.jsonl", "-q", "--summary", "s.json"]);
        assert_eq!(status(&output), 0);
        assert!(place.read("s.json").contains("\"high\": 20000"));
    }
    place.write("cut.jsonl", EVENT.repeat(20_000) + "{\"cut\": 1");
    let output = run_closed(&place, &["replay", "cut.jsonl", "-q", "--output", "all.jsonl"]);
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

#[test]
fn the_readme_command_finds_the_stories() {
    let output = Command::new(env!("CARGO_BIN_EXE_etwatch"))
        .args(["replay", "fixtures"])
        .current_dir(Path::new(support::root()))
        .output()
        .unwrap();
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("CRITICAL"));
}
