//! `etwatch test`: which tests there are, which rule each means, and whether it passes.

use std::collections::BTreeMap;

use crate::support::cases::{PASSING, failing, json_lines, run_here, with_tests};
use crate::support::place::{EVENT, Place, RULE, err, out, status};
use crate::support::{files_under, root};

#[test]
fn the_shipped_rules_pass_their_tests_and_each_has_enough_of_them() {
    let output = run_here(&["test", "rules", "--require-tests", "--format", "json"]);
    assert_eq!(status(&output), 0, "{}{}", out(&output), err(&output));
    let lines = json_lines(&out(&output));
    let (run, tests) = lines.split_last().unwrap();
    assert_eq!(run["untested"].as_sequence().map(Vec::len), Some(0), "{run:?}");
    let mut by_file: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for test in tests {
        let asks_for_none = test["expected"]["exactly"] == 0;
        by_file.entry(test["file"].as_str().unwrap()).or_default()[usize::from(asks_for_none)] += 1;
    }
    // A story is a file of several rules, which are tested together.
    assert_eq!(files_under(&root().join("rules"), ".yml").len(), by_file.len());
    for (file, [matches, none]) in by_file {
        assert!(matches >= 2 && none >= 2, "{file}: {matches} that match, {none} that do not");
    }
}

/// What the documentation shows is true.
#[test]
fn the_documented_example_passes() {
    let page = std::fs::read_to_string(root().join("docs/rule-tests.md")).unwrap();
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    // What `canonicalize` gives on Windows takes no `/` behind it.
    let fixtures = std::path::absolute(root().join("fixtures")).unwrap();
    let example = example.replace("../../fixtures", fixtures.to_str().unwrap());
    let rule = root().join("rules/credential-access/process-creation-registry-hive-save.yml");
    let place = with_tests(&example);
    place.write("rules/r.yml", std::fs::read(rule).unwrap());
    let output = place.run(&["test"]);
    assert_eq!(status(&output), 0, "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("5 passed"), "{}", out(&output));
}

#[test]
fn exit_status_says_how_it_went() {
    let place = with_tests(PASSING);
    place.write("failing/r.yml", RULE);
    place.write("failing/r.test.yml", failing());
    place.write("bad/r.yml", RULE.replace("0d8e2f5f3a11", "0d8e2f5f3a12"));
    place.write("bad/r.test.yaml", "cases: 1");
    place.write("untested/u.yml", RULE.replace("0d8e2f5f3a11", "0d8e2f5f3a13"));
    for (arguments, expected) in [
        (&["test"][..], 0),
        (&["test", "rules/r.yml"], 0),
        (&["test", "rules/r.test.yaml"], 0),
        (&["test", "--list"], 0),
        (&["test", "--filter", "another"], 0),
        (&["test", "--require-tests"], 0),
        (&["test", "rules", "untested"], 0),
        (&["test", "failing"], 1),
        (&["test", "rules", "untested", "--require-tests"], 1),
        (&["test", "rules", "--rules", "untested", "--require-tests"], 1),
        (&["test", "nowhere"], 2),
        (&["test", "rules", "nowhere"], 2),
        (&["test", "--rules", "nowhere"], 2),
        (&["test", "rules", "bad"], 2),
        (&["test", "--format", "yaml"], 2),
        (&["test", "untested"], 4),
        (&["test", "--filter", "no such name"], 4),
        (&["test", "--filter", "no such name", "--list"], 4),
        (&["test", "events.jsonl"], 4),
    ] {
        let output = place.run(arguments);
        assert_eq!(status(&output), expected, "{arguments:?}\n{}{}", out(&output), err(&output));
    }
    let output = place.run(&["test", "rules", "untested", "--require-tests"]);
    assert!(out(&output).contains("untested/u.yml::`t` has a test ... FAILED"), "{}", out(&output));
    assert!(err(&output).contains("2 rules, 1 without a test\n  `t`, untested/u.yml:1\n"));
}

/// Each slip in a file of tests: its place, its code, its cure. The tests of other files are run.
#[test]
fn a_bad_file_of_tests_is_told_with_place_and_cure() {
    let event = "events: [{EventID: 1, Provider_Name: x}]";
    let case = |rest: &str| format!("cases:\n  - match: a\n    {rest}\n");
    for (text, place, code, hint) in [
        (String::new(), "1:1", "TST001", ""),
        ("- a\n".to_owned(), "1:1", "TST001", "its keys are `rule`, `cases`"),
        ("rule: r\n".to_owned(), "1:1", "TST001", ""),
        ("case: []\n".to_owned(), "1:1", "TST002", "did you mean `cases`?"),
        ("cases: []\n".to_owned(), "1:8", "TST001", ""),
        ("cases: {match: a}\n".to_owned(), "1:8", "TST001", "begin each item with `- `"),
        ("rule: other.yml\ncases: []\n".to_owned(), "1:7", "TST003", "relative to the folder"),
        (case("events: []"), "3:13", "TST001", ""),
        (case("events: [a]"), "3:14", "TST001", "for example `{EventID: 1"),
        (case("events: [{a: .nan}]"), "3:18", "TST001", "put it in quotes"),
        (case("evens: []"), "3:5", "TST002", "did you mean `events`?"),
        (case("fixture: none.jsonl"), "3:14", "TST003", "relative to the folder"),
        (case("fixture: [a]"), "3:14", "TST001", ""),
        (case("nomatch: b"), "3:5", "TST002", "did you mean `no-match`?"),
        (case("no-match: b"), "2:5", "TST001", "its value is the name"),
        (case(""), "2:5", "TST001", "`fixture` names a recording"),
        (case(&format!("{event}\n    count: 0")), "4:12", "TST001", "write `no-match`"),
        (case(&format!("{event}\n    count: many")), "4:12", "TST001", "write `no-match`"),
        (case(&format!("{event}\n    fixture: r.yml")), "2:5", "TST001", ""),
        (
            case(event).replace("match", "no-match") + "    count: 1\n",
            "4:12",
            "TST001",
            "leave it out",
        ),
        (case(event) + &case(event).replace("cases:\n", ""), "4:12", "TST001", "on line 2"),
        (case(event) + "---\na: b\n", "5:1", "TST001", "one file a rule"),
        ("cases: [\n".to_owned(), "2:1", "SIG001", ""),
        ("cases: 1\ncases: 2\n".to_owned(), "2:1", "SIG002", "keep one"),
    ] {
        let folder = with_tests(PASSING);
        folder.write("rules/bad.yml", RULE.replace("0d8e2f5f3a11", "0d8e2f5f3a12"));
        folder.write("rules/bad.test.yaml", &text);
        let output = folder.run(&["test"]);
        assert_eq!(status(&output), 2, "{text}\n{}", out(&output));
        assert!(out(&output).contains("2 passed"), "{}", out(&output));
        let told = err(&output);
        assert!(told.contains(&format!("rules/bad.test.yaml:{place}\n")), "{text}\n{told}");
        assert!(told.contains(&format!("error[{code}]")) && told.contains(hint), "{text}\n{told}");
    }
}

/// What a test needs and does not get makes it fail; it neither passes nor goes away.
#[test]
fn nothing_is_passed_over_in_silence() {
    let event = "{EventID: 1, Provider_Name: Microsoft-Windows-Sysmon, Image: 'C:\\a.exe'}";
    let dns = "{EventID: 22, Provider_Name: Microsoft-Windows-Sysmon, QueryName: a}";
    let both =
        RULE.to_owned() + "---\n" + &RULE.replace("title: t", "title: u").replace("3a11", "3a12");
    let refused = RULE.replace("|endswith", "|endswiht");
    for (rule, case, failure) in [
        (
            RULE,
            format!("match: a\n    events: [{{Image: 'C:\\a.exe'}}, {event}]"),
            "event 1, rules/r.test.yaml:3",
        ),
        (
            RULE,
            "match: a\n    events: [{a: 1}]".to_owned(),
            "give it EventID, and Provider_Name or Channel",
        ),
        (
            RULE,
            format!("no-match: a\n    events: [{dns}]"),
            "nothing was tested: the rule applies to no event",
        ),
        (RULE, format!("match: a\n    events: [{dns}]"), "that of the events is: windows/"),
        (
            RULE,
            format!("match: a\n    events: [{event}]\n    count: 2"),
            "expected exactly 2 matches, got 1",
        ),
        (
            RULE,
            "match: a\n    fixture: ../cut.jsonl".to_owned(),
            "../cut.jsonl, byte 159: JSON cut off",
        ),
        (RULE, "no-match: a\n    fixture: ../empty.jsonl".to_owned(), "there is no event in it"),
        (RULE, "no-match: a\n    fixture: r.yml".to_owned(), "neither an event log nor JSON"),
        (
            &both,
            format!("match: a\n    events: [{event}]"),
            "may be one of several; say which with `rule:`",
        ),
        (&refused, format!("match: a\n    events: [{event}]"), "rules/r.yml:5:17: error[SIG012]"),
    ] {
        let place = with_tests(&format!("cases:\n  - {case}\n"));
        place.write("rules/r.yml", rule);
        place.write("cut.jsonl", format!("{EVENT}{{\"cut\": 1"));
        place.write("empty.jsonl", "");
        let output = place.run(&["test"]);
        assert_eq!(status(&output), 1, "{case}\n{}{}", out(&output), err(&output));
        assert!(out(&output).contains(failure), "{case}\n{}", out(&output));
    }
}

#[test]
fn a_test_finds_its_rule_beside_it_by_file_or_by_name() {
    let place = Place::new();
    let other = RULE.replace("title: t", "title: u\nname: second").replace("3a11", "3a12");
    place.write("several/two.yml", RULE.replace("3a11", "3a13") + "---\n" + &other);
    for (name, rule) in [
        ("several/two.test.yaml", "second"),
        ("several/two.test.yml", "5A4C0D0E-6A2B-4A53-9D53-0D8E2F5F3A13"),
        ("several/two.test.yml", "u"),
        ("elsewhere/a.test.yaml", "../rules/r.yml"),
        ("elsewhere/a.test.yaml", "5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11"),
    ] {
        place.write(name, format!("rule: {rule}\n{PASSING}"));
        let output = place.run(&["test", name, "--rules", "rules"]);
        assert_eq!(status(&output), 0, "{name} {rule}\n{}", out(&output));
    }
    place.write("elsewhere/a.test.yaml", PASSING);
    let told = err(&place.run(&["test", "elsewhere"]));
    assert!(told.contains("there is no rule `elsewhere/a.yml` beside this file"), "{told}");
    place.write("elsewhere/a.test.yaml", format!("rule: unheard\n{PASSING}"));
    let text = out(&place.run(&["test", "elsewhere", "--rules", "rules"]));
    assert!(text.contains("the rule `unheard` is not among the 1 that were loaded"), "{text}");
}

/// The way from inline events to matches is that of a recording.
#[test]
fn each_form_of_a_record_can_be_written_inline() {
    let events = [
        r"{EventID: 1, Provider_Name: Microsoft-Windows-Sysmon, Image: 'C:\a.exe'}",
        r"{UtcTime: 2026-01-02 03:04:05, EventID: 1, Image: 'C:\a.exe'}",
        r##"{"Event": {"System": {"Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}}, "EventID": 1}, "EventData": {"Image": "C:\\a.exe"}}}"##,
        r#"{"winlog": {"provider_name": "Microsoft-Windows-Sysmon", "event_id": "1", "event_data": {"Image": "C:\\a.exe"}}}"#,
        r"{SourceName: Microsoft-Windows-Sysmon, EventID: 1, Hostname: h, Image: 'C:\a.exe'}",
        r"{EventID: 4688, Channel: Security, TargetLogonId: '0x0', NewProcessName: 'C:\a.exe'}",
    ];
    let list: String = events.iter().map(|event| format!("      - {event}\n")).collect();
    let text = format!("cases:\n  - match: all\n    count: {}\n    events:\n{list}", events.len());
    let output = with_tests(&text).run(&["test"]);
    assert_eq!(status(&output), 0, "{}", out(&output));
}

const INFO: &str = "\
id: 1f9c2a37-5d60-4c0c-8e0d-5a0b8a6f1c11
rule_metadata:
    - id: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11
      title: t
regression_tests_info:
    - name: Positive Detection Test
      type: evtx
      provider: Microsoft-Windows-Sysmon
      match_count: 1
      path: regression_data/rules/windows/a/b.json
";

/// SigmaHQ's layout: cases by folder, rules beside the folder of all cases.
#[test]
fn regression_data_is_run_as_it_stands() {
    let place = Place::new();
    place.write("regression_data/rules/windows/a/info.yml", INFO);
    place.write("regression_data/rules/windows/a/b.json", EVENT);
    for path in [
        "regression_data",
        "regression_data/rules/windows/a",
        "regression_data/rules/windows/a/info.yml",
    ] {
        let output = place.run(&["test", path]);
        assert_eq!(status(&output), 0, "{path}\n{}{}", out(&output), err(&output));
        let name =
            "regression_data/rules/windows/a/info.yml::Positive Detection Test (json) ... ok";
        assert!(out(&output).contains(name), "{}", out(&output));
    }
    // In another form too, in which it is another recording.
    place.write("regression_data/rules/windows/a/b.jsonl", EVENT.repeat(2));
    let output = place.run(&["test", "regression_data"]);
    assert_eq!(status(&output), 1);
    assert!(out(&output).contains("Test (jsonl) ... FAILED"), "{}", out(&output));
    assert!(out(&output).contains("expected exactly 1 match, got 2"), "{}", out(&output));
    place.write("sigma/r.yml", RULE);
    let output = place.run(&["test", "regression_data"]);
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("name one with --rules"), "{}", err(&output));
}

#[test]
fn a_regression_case_whose_rule_is_not_there_fails() {
    let place = Place::new();
    place.write("cases/a/info.yml", INFO);
    place.write("cases/a/b.json", EVENT);
    for (rule, failure) in [
        (RULE.replace("3a11", "3a12"), "is not among the 1 that were loaded"),
        (RULE.replace("|endswith", "|endswiht"), "was not loaded\nrules/r.yml:5:17: error[SIG012]"),
        (RULE.replace("level: high", "status: deprecated"), "left out: its status is `deprecated`"),
    ] {
        place.write("rules/r.yml", rule);
        let output = place.run(&["test", "cases"]);
        assert_eq!(status(&output), 1, "{failure}\n{}", err(&output));
        assert!(out(&output).contains(failure), "{failure}\n{}", out(&output));
    }
    let output = place.run(&["test", "cases", "--include-deprecated"]);
    assert_eq!(status(&output), 0, "{}", out(&output));
    place.write("cases/a/info.yml", INFO.replace("/b.json", "/c.json"));
    let output = place.run(&["test", "cases"]);
    assert_eq!(status(&output), 2);
    assert!(err(&output).contains("there is no recording `cases/a/c.json`"), "{}", err(&output));
}
