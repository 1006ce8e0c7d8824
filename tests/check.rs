//! What `etwatch check` prints: explanations of codes, SARIF, and what a closer look at rules finds.

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
use std::process::{Command, Output};

use serde_json::Value;

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etwatch"));
    command.arg("check").args(arguments).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A rule with these detections.
fn rule(log_source: &str, detections: &str, condition: &str) -> String {
    format!(
        "title: t\nlogsource: {log_source}\ndetection:\n{detections}\n    condition: {condition}\n"
    )
}

#[test]
fn a_code_is_explained_in_either_case() {
    for code in ["SIG012", "sig012"] {
        let output = check(support::root(), &["--explain", code]);
        assert_eq!(output.status.code(), Some(0));
        let shown = text(&output.stdout);
        assert!(shown.starts_with("## SIG012 an unknown modifier\n\nError."), "{shown}");
        assert!(shown.contains("Cure:") && !shown.contains("SIG013"), "{shown}");
        assert!(output.stderr.is_empty());
    }
    let shown = check(support::root(), &["--explain", "SIG017"]).stdout;
    assert!(text(&shown).contains("Cure: give them in `etwatch.toml`, section"), "no links");
}

#[test]
fn a_code_that_is_none_names_others() {
    for (code, named) in [
        ("SIG0112", "did you mean SIG011?"),
        ("E0308", "the codes are SIG001, SIG002"),
        ("\u{1b}[2J", r"there is no code `\u{1b}[2J`"),
    ] {
        let output = check(support::root(), &["--explain", code]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(named) && output.stdout.is_empty(), "{error}");
    }
    assert_eq!(check(support::root(), &["--explain"]).status.code(), Some(2));
    assert_eq!(check(support::root(), &["--explain", "SIG012", "rules"]).status.code(), Some(2));
}

#[test]
fn json_tells_where_a_problem_begins_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let text_of = "title: ä\nlogsource: {product: windows}\nlevel: ünknown # no level\ndetection: {s: {A: b}, condition: s}\n";
    std::fs::write(folder.path().join("r.yml"), text_of).unwrap();
    let output = check(folder.path(), &["r.yml", "--format", "json"]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (key, number) in [("line", 3), ("column", 8), ("end_line", 3), ("end_column", 15)] {
        assert_eq!(line[key], number, "{key} of {line}");
    }
    assert_eq!(line["text"], "ünknown");
}

/// The document for a folder with one broken rule, one rule with a slip, and a file that is not there.
fn sarif(folder: &Path) -> (Value, Option<i32>) {
    let output = check(folder, &["a rule.yml", "slip.yml", "nowhere.yml", "--format", "sarif"]);
    let document = serde_json::from_slice(&output.stdout).unwrap();
    (document, output.status.code())
}

#[test]
fn sarif_is_one_document_with_rules_results_and_notifications() {
    let folder = tempfile::tempdir().unwrap();
    let broken = rule("{product: windows}", "    s: {Image|endwith: '\\a.exe'}", "s");
    let slip = "{category: process_creation, product: windows}";
    let slip = rule(slip, "    s: {Commandline|contains: 'abcd'}", "s");
    std::fs::write(folder.path().join("a rule.yml"), &broken).unwrap();
    std::fs::write(folder.path().join("slip.yml"), &slip).unwrap();
    let (document, status) = sarif(folder.path());
    assert_eq!(status, Some(1));
    assert_eq!(
        (&document["version"], document["runs"].as_array().unwrap().len()),
        (&"2.1.0".into(), 1)
    );
    let run = &document["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let driver = &run["tool"]["driver"];
    assert_eq!(
        (&driver["name"], &driver["version"]),
        (&"etwatch".into(), &env!("CARGO_PKG_VERSION").into())
    );

    let rules = driver["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|one| one["ruleId"].as_str().unwrap()).collect();
    assert_eq!(codes, ["SIG012", "SIG024"]);
    for (result, level) in results.iter().zip(["error", "warning"]) {
        let described = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(described["id"], result["ruleId"]);
        assert_eq!(result["level"], level);
        assert_eq!(described["defaultConfiguration"]["level"], level);
        assert!(described["help"]["markdown"].as_str().unwrap().contains("Cure:"));
        assert!(!described["shortDescription"]["text"].as_str().unwrap().is_empty());
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20rule.yml");
    let region =
        serde_json::json!({"startLine": 4, "startColumn": 9, "endLine": 4, "endColumn": 22});
    assert_eq!(place["region"], region);
    let message = results[0]["message"]["text"].as_str().unwrap();
    assert_eq!(message, "Unknown modifier `endwith` on field `Image`. Did you mean `endswith`?");

    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notification = &invocation["toolExecutionNotifications"][0];
    let place = &notification["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!((&notification["level"], &place["uri"]), (&"error".into(), &"nowhere.yml".into()));
}

/// Text above a finding leaves its fingerprint, another finding has another one.
#[test]
fn fingerprints_do_not_depend_on_lines() {
    let folder = tempfile::tempdir().unwrap();
    let twice = "    s:\n        - {Image|endwith: a}\n        - {Image|endwith: a}";
    let one = rule("{product: windows}", "    s: {Image|endwith: a}", "s");
    let tags = "tags: [Bad]\n";
    let write = |text: &str| std::fs::write(folder.path().join("slip.yml"), text).unwrap();
    std::fs::write(folder.path().join("a rule.yml"), format!("{tags}{one}")).unwrap();
    let prints = || -> Vec<String> {
        let (document, _) = sarif(folder.path());
        let results = document["runs"][0]["results"].as_array().unwrap().clone();
        let print = |result: &Value| {
            result["partialFingerprints"]["primaryLocationLineHash"].as_str().unwrap().to_owned()
        };
        results.iter().map(print).collect()
    };
    write(&one);
    let before = prints();
    write(&format!("# a line\n# another\n{one}"));
    assert_eq!(prints(), before);
    assert_eq!(before.len(), 3, "{before:?}");
    assert_ne!(before[0], before[1], "a tag and a modifier");
    assert_eq!(before[1], before[2], "the same in two files");
    // The same in one file is counted.
    write(&format!("{}---\n{}", rule("{product: windows}", twice, "s"), one));
    let counted = prints();
    assert!(counted[2].ends_with(":1") && counted[3].ends_with(":2"), "{counted:?}");
}

/// Rules that can't fire on an input are counted, and listed for those inputs that are asked about.
#[test]
fn rules_that_can_not_fire_on_an_input() {
    const PROCESS: &str = "{category: process_creation, product: windows}";
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.yml", &rule(PROCESS, "    s: {Image|endswith: '\\a.exe'}", "s"));
    let either = "    s:\n        - Image|endswith: '\\a.exe'\n        - OriginalFileName: a.exe";
    write("b.yml", &rule(PROCESS, either, "s"));
    write("c.yml", &rule(PROCESS, "    s: {Hashes|contains: 'MD5=1234'}", "s"));
    write("d.yml", &rule("{category: webserver}", "    s: {cs-method: POST}", "s"));
    let output = check(folder.path(), &["."]);
    let (shown, told) = (text(&output.stdout), text(&output.stderr));
    assert!(!shown.contains("SIG036"), "{shown}");
    let counts = "3 rules of Windows, that can fire: live 3, etl 2 (1 in part), evtx 3;";
    assert!(told.contains(counts), "{told}");
    assert!(!text(&check(folder.path(), &[".", "--quiet"]).stderr).contains("can fire"));

    let output = check(folder.path(), &[".", "--input", "etl,evtx", "--format", "json"]);
    assert_eq!(output.status.code(), Some(0));
    let lines = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap());
    let found: Vec<Value> = lines.filter(|line: &Value| line["code"] == "SIG036").collect();
    let [only] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((&only["file"], &only["severity"]), (&"./c.yml".into(), &"note".into()));
    let message = "the rule can't fire on `.etl` recordings: it needs `Hashes`, which is not there";
    assert_eq!(only["message"], message);
    assert!(only["hint"].as_str().unwrap().contains("read from the file"), "{only}");
    assert_eq!(check(folder.path(), &[".", "--input", "tape"]).status.code(), Some(2));
}

/// What `check` says of a rule: codes with the text that they point at.
fn said(rule: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("r.yml"), rule).unwrap();
    let output = check(folder.path(), &["r.yml", "--format", "json"]);
    let lines = text(&output.stdout).lines();
    let read = |line| -> Value { serde_json::from_str(line).unwrap() };
    let said = |value: Value| {
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        (text("code"), text("text"))
    };
    lines.map(read).map(said).collect()
}

#[test]
fn fields_that_a_log_source_does_not_have() {
    const PROCESS: &str = "{category: process_creation, product: windows}";
    const SECURITY: &str = "{product: windows, service: security}";
    for (log_source, key, is_told) in [
        (PROCESS, "CommandLine|contains", false),
        (PROCESS, "Commandline|contains", true),
        (PROCESS, "TargetFilename|contains", true),
        (PROCESS, "md5", true),
        (PROCESS, "EventID", false),
        (PROCESS, "Provider_Name", false),
        (PROCESS, "Message|contains", false),
        (PROCESS, "Event.System.Foo", false),
        (SECURITY, "TargetUserName", false),
        (SECURITY, "TargetUsername", true),
        (SECURITY, "SomethingOfANewWindows", false),
        ("{category: process_creation}", "ParentTTY", false),
        ("{category: process_creation, product: linux}", "Commandline", false),
        ("{category: webserver}", "cs-method", false),
        ("{product: windows, service: windefend}", "Feature_Name", false),
    ] {
        let rule = rule(log_source, &format!("    s: {{{key}: 'abcd'}}"), "s");
        let told: Vec<_> = if is_told { vec![("SIG024".into(), key.into())] } else { Vec::new() };
        assert_eq!(said(&rule), told, "{log_source} {key}");
    }
    let reference = rule(PROCESS, "    s: {Image: 'abcd', User|fieldref: Parentuser}", "s");
    assert_eq!(said(&reference), [("SIG024".into(), "Parentuser".into())]);
}

#[test]
fn conditions_that_never_or_always_hold() {
    let both = "a and b";
    for (detections, condition, told) in [
        ("    a: {F: x}", "a and not a", &[("SIG034", "a and not a")][..]),
        ("    a: {F: x}", "a or not a", &[("SIG035", "a or not a")]),
        ("    a: {F: x}\n    b: {F: y}", both, &[("SIG034", both)]),
        ("    a: {F|contains: x}\n    b: {F|contains: y}", both, &[]),
        ("    a: {F|startswith: xa}\n    b: {F|startswith: x}", both, &[]),
        ("    a: {F|startswith: xa}\n    b: {F|startswith: xb}", both, &[("SIG034", both)]),
        ("    a: {EventID: 1}\n    b: {EventID: 1}", both, &[]),
        ("    a: {EventID: [1, 2]}\n    b: {EventID: [2, 3]}", both, &[]),
        ("    a: {EventID: [1, 2]}\n    b: {EventID: [3, '4']}", both, &[("SIG034", both)]),
        ("    a: {EventID: 10}\n    b: {EventID|gt: 5}", both, &[]),
        ("    a: {EventID: 1}\n    b: {EventID|gt: 5}", both, &[("SIG034", both)]),
        ("    a: {F: null}\n    b: {F: abcd}", both, &[("SIG034", both)]),
        ("    a: {F|exists: false}\n    b: {F: abcd}", both, &[("SIG034", both)]),
        ("    a: {F|exists: true}\n    b: {F: null}\n    c: {G: abcd}", "all of them", &[]),
        ("    a: {F: null}\n    b: {F: abcd}", "b and not a", &[]),
        (
            "    a: {F|endswith: abc}\n    b: {F|contains: B}",
            "a and not b",
            &[("SIG034", "a and not b")],
        ),
        ("    a: {F|endswith: abc}\n    b: {F|contains|cased: b}", "a and not b", &[]),
        ("    a: {F: abcd}\n    b: {F: '*'}", "a and not b", &[("SIG034", "a and not b")]),
        ("    a: {F: [xabc, yabc]}\n    b: {F: xabc}", "a and not b", &[]),
        (
            "    a: {F: abcd}\n    b: {F: null, G: x, F|exists: false}",
            "a or (b and a)",
            &[("SIG034", "a or (b and a)")],
        ),
        (
            "    a:\n        - {F: abcd}\n        - {G: x, G|exists: false}",
            "a",
            &[("SIG034", "{G: x, G|exists: false}")],
        ),
        ("    a: {F: abcd, EventID|all: [1, 2]}\n    b: {F: efgh}", "a or b", &[("SIG034", "a")]),
        ("    a: {F: abcd}", "[a, a and not a]", &[("SIG034", "a and not a")]),
    ] {
        let rule = rule("{product: windows}", detections, condition);
        let said = said(&rule);
        let said: Vec<_> = said
            .iter()
            .map(|(code, text)| (code.as_str(), text.as_str()))
            .filter(|(code, _)| *code != "SIG030")
            .collect();
        assert_eq!(said, told, "{rule}");
    }
}

#[test]
fn rules_with_nothing_to_search_for() {
    for (detections, condition, is_told) in [
        ("    a: {Image|endswith: '\\a.exe'}", "a", false),
        ("    a: {Image|endswith: '\\a.exe'}", "not a", true),
        ("    a: {CommandLine|re: '[a-z]\\d'}", "a", true),
        ("    a: {CommandLine|re: 'reg\\s+save'}", "a", false),
        ("    a: {Image|endswith: '\\a.exe'}\n    b: {User|fieldref: ParentUser}", "a or b", true),
        (
            "    a: {Image|endswith: '\\a.exe'}\n    b: {User|fieldref: ParentUser}",
            "a and b",
            false,
        ),
        ("    a: {EventID: 4624}", "a", false),
    ] {
        let rule = rule("{product: windows}", detections, condition);
        let told: Vec<_> =
            if is_told { vec![("SIG030".into(), condition.into())] } else { Vec::new() };
        assert_eq!(said(&rule), told, "{rule}");
    }
}
