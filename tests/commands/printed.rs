//! What is printed, for people and for programs: it tells all that was found, and acts on no terminal.

use serde_yaml::Value;

use crate::support::place::{EVENT, Place, RULE, err, out, status};

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

#[test]
fn correlations_are_counted_and_listed_where_rules_are() {
    let place = Place::new();
    let correlation = "title: many\nname: many\ncorrelation: {type: event_count, rules: [5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11], group-by: Computer, timespan: 5m, condition: {gte: 2}}\n";
    place.write("rules/many.yml", correlation);
    let output = place.run(&["check"]);
    let counts = "2 documents in 2 files: 1 rules, 1 correlations, 0 refused";
    assert!(err(&output).contains(counts), "{}", err(&output));
    assert_eq!(status(&output), 0);
    let list = place.run(&["rules", "list"]);
    assert!(out(&list).contains("correlation event_count"), "{}", out(&list));
    let replay = place.run(&["replay", "events.jsonl", "--summary", "s.json"]);
    assert!(err(&replay).contains("1 loaded, 1 correlations"), "{}", err(&replay));
    let summary: Value = serde_yaml::from_str(&place.read("s.json")).unwrap();
    assert_eq!(summary["rules"]["correlations"], Value::from(1));
    assert!(summary["correlation"]["contributions"].is_u64());
    for table in ["correlations", "processes", "facts of processes", "names behind handles"] {
        assert!(summary["memory"]["tables"][table]["bytes"].is_u64(), "{table}");
    }
}
