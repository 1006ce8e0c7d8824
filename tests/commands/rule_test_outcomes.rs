//! `etwatch test`: how outcomes are told, in text, JUnit XML and JSON.

use crate::support::cases::{PASSING, failing, json_lines, run_here, untimed, with_tests};
use crate::support::place::{RULE, err, out, status};

#[test]
fn passing_tests_look_like_those_of_cargo() {
    let output = with_tests(PASSING).run(&["test"]);
    assert_eq!(
        untimed(&out(&output)),
        "\
running 2 tests
test rules/r.test.yaml::the program ... ok
test rules/r.test.yaml::another program ... ok

test result: ok. 2 passed; 0 failed; 0 filtered out; finished in …
"
    );
    assert_eq!((err(&output).as_str(), status(&output)), ("1 rule, 0 without a test\n", 0));
}

#[test]
fn a_failure_says_what_held_and_what_did_not() {
    let output = with_tests(&failing()).run(&["test"]);
    assert_eq!(
        untimed(&out(&output)),
        "\
running 2 tests
test rules/r.test.yaml::the program ... FAILED
test rules/r.test.yaml::another program ... FAILED

failures:

---- rules/r.test.yaml::the program ----
expected no match, got 1
rule `t`, rules/r.yml:1
event 1, rules/r.test.yaml:4, matches
  s holds
    Image|endswith '\\a.exe' by 'C:\\a.exe'

---- rules/r.test.yaml::another program ----
expected a match, got 0
rule `t`, rules/r.yml:1
event 1, rules/r.test.yaml:10, does not match
  s does not hold
    Image|endswith '\\a.exe': found 'C:\\b.exe'

test result: FAILED. 0 passed; 2 failed; 0 filtered out; finished in …
"
    );
    assert_eq!(status(&output), 1);
}

/// Of several events that do not match, the one is shown that lacks least; negated detections that hold
/// count as lacking.
#[test]
fn the_event_that_came_nearest_is_shown() {
    let rule = RULE.replace(
        "{s: {Image|endswith: '\\a.exe'}, condition: s}",
        "{s: {Image|endswith: '\\a.exe'}, words: ['dump', 'memory'], user: {User: null, Hashes|contains|all: [x, y]}, \
         filter: {CommandLine|contains: test}, condition: s and words and user and not filter}",
    );
    let place = with_tests(
        "\
cases:
  - match: two events, three things that lack
    events:
      - {EventID: 1, Provider_Name: Microsoft-Windows-Sysmon, Image: 'C:\\b.exe', CommandLine: test}
      - {EventID: 1, Provider_Name: Microsoft-Windows-Sysmon, Image: 'C:\\a.exe', CommandLine: a test, Hashes: x}
",
    );
    place.write("rules/r.yml", rule);
    let text = out(&place.run(&["test"]));
    let expected = "\
event 2, rules/r.test.yaml:5, does not match
  s holds
  words does not hold
    keyword 'dump', 'memory': found nowhere
  user does not hold
    Hashes|contains|all 'y': found 'x'
  filter holds (the condition negates it)
";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn tests_are_listed_and_chosen_by_name() {
    let place = with_tests(PASSING);
    assert_eq!(
        out(&place.run(&["test", "--list"])),
        "rules/r.test.yaml::the program: test\nrules/r.test.yaml::another program: test\n\n2 tests\n"
    );
    let text = out(&place.run(&["test", "--filter", "another"]));
    assert!(text.starts_with("running 1 test\ntest rules/r.test.yaml::another program ... ok\n"));
    assert!(text.contains("1 passed; 0 failed; 1 filtered out"), "{text}");
}

#[test]
fn junit_has_a_suite_for_each_file() {
    let place = with_tests(&failing().replace("the program", "a < b & \"c\""));
    place.write("rules/s.yml", RULE.replace("3a11", "3a12"));
    place.write("rules/s.test.yaml", PASSING);
    let output = place.run(&["test", "--format", "junit"]);
    assert_eq!(status(&output), 1);
    let text = out(&output);
    let (head, rest) = text.split_once(" time=\"").unwrap();
    let (_, rest) = rest.split_once('"').unwrap();
    assert_eq!(
        format!("{head}{rest}"),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="etwatch test" tests="4" failures="2">
  <testsuite name="rules/r.test.yaml" tests="2" failures="2">
    <testcase classname="rules/r.test.yaml" name="a &lt; b &amp; &quot;c&quot;">
      <failure message="expected no match, got 1">expected no match, got 1
rule `t`, rules/r.yml:1
event 1, rules/r.test.yaml:4, matches
  s holds
    Image|endswith '\a.exe' by 'C:\a.exe'</failure>
    </testcase>
    <testcase classname="rules/r.test.yaml" name="another program">
      <failure message="expected a match, got 0">expected a match, got 0
rule `t`, rules/r.yml:1
event 1, rules/r.test.yaml:10, does not match
  s does not hold
    Image|endswith '\a.exe': found 'C:\b.exe'</failure>
    </testcase>
  </testsuite>
  <testsuite name="rules/s.test.yaml" tests="2" failures="0">
    <testcase classname="rules/s.test.yaml" name="the program"/>
    <testcase classname="rules/s.test.yaml" name="another program"/>
  </testsuite>
</testsuites>
"#
    );
}

#[test]
fn json_is_one_object_a_test_and_one_for_the_run() {
    let place = with_tests(&failing());
    place.write("rules/u.yml", RULE.replace("3a11", "3a12"));
    let lines = json_lines(&out(&place.run(&["test", "--format", "json"])));
    let [first, second, run] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!(first["kind"], "test");
    assert_eq!(first["name"], "rules/r.test.yaml::the program");
    assert_eq!(
        (&first["file"], &first["case"]),
        (&"rules/r.test.yaml".into(), &"the program".into())
    );
    assert_eq!((&first["passed"], &first["matches"]), (&false.into(), &1.into()));
    assert_eq!(
        (&first["expected"]["exactly"], &second["expected"]["at_least"]),
        (&0.into(), &1.into())
    );
    assert!(first["failure"].as_str().unwrap().starts_with("expected no match, got 1\n"));
    assert_eq!(run["kind"], "run");
    assert_eq!(
        (&run["passed"], &run["failed"], &run["filtered_out"]),
        (&0.into(), &2.into(), &0.into())
    );
    assert_eq!((&run["rules"], &run["untested"][0]["file"]), (&2.into(), &"rules/u.yml".into()));
    assert!(run["seconds"].as_f64().is_some());
}

#[test]
fn outcomes_are_in_order_whoever_is_done_first() {
    let output = |workers: &str| {
        let output = run_here(&["test", "rules", "--workers", workers]);
        assert_eq!(status(&output), 0, "{}", out(&output));
        untimed(&out(&output))
    };
    let one = output("1");
    assert!(one.lines().count() > 100);
    for workers in ["2", "7"] {
        assert_eq!(output(workers), one, "{workers} workers");
    }
}

#[test]
fn nothing_in_tests_acts_on_the_terminal() {
    const ACTS: [char; 4] = ['\u{1b}', '\u{9b}', '\u{202e}', '\u{2028}'];
    let name = r#""a\u009b31m\e[2J\u202e\u2028 b""#;
    let image = r#""C:\\\u009b\e[2J\u202e.exe""#;
    let text = failing().replace("the program", name).replace(r"'C:\b.exe'", image);
    let place = with_tests(&text);
    place.write(
        "rules/s.yml",
        RULE.replace("title: t", &format!("title: {name}")).replace("3a11", "3a12"),
    );
    place.write("rules/bad.test.yaml", "\"\\u009b\\e[2J\": \u{9b}\u{202e}\n");
    for format in ["text", "junit", "json"] {
        let output = place.run(&["test", "--format", format, "--require-tests"]);
        let shown = out(&output) + &err(&output);
        assert!(!shown.contains(ACTS), "{format}\n{}", shown.escape_debug());
        assert!(shown.contains(r"\u{9b}") || shown.contains(r"\u009b"), "{shown}");
    }
    assert!(!out(&place.run(&["test", "--list"])).contains(ACTS));
}
