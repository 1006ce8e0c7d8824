//! Exit status, configuration, help.

use std::process::Command;

use crate::support::place::{EVENT, Place, RULE, err, out, status};
use crate::support::root;

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
fn help_has_examples_and_completions_are_scripts() {
    let place = Place::new();
    for arguments in [
        &["--help"][..],
        &["replay", "--help"],
        &["check", "--help"],
        &["test", "--help"],
        &["rules", "list", "--help"],
        &["doctor", "--help"],
        &["service", "--help"],
    ] {
        let text = out(&place.run(arguments));
        assert!(text.contains("Examples:"), "{arguments:?}");
    }
    assert!(out(&place.run(&["completions", "bash"])).contains("etwatch"));
}

#[test]
fn the_readme_command_finds_the_stories() {
    let output = Command::new(env!("CARGO_BIN_EXE_etwatch"))
        .args(["replay", "fixtures"])
        .current_dir(root())
        .output()
        .unwrap();
    assert_eq!(status(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("CRITICAL"));
}
