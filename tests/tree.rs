//! `etwatch tree`: golden output, what is cut and bounded, exit status.
//!
//! The recording, the rules and the output they give lie in `tests/tree`.
//! `ETWATCH_BLESS=1 cargo test` writes the output anew; read the difference before you commit it.

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

use serde_json::Value;
use support::place::{Place, err, out, status};
use support::{golden, root};

const OFFICES: &str = "offices.jsonl";
const RULES: [&str; 2] = ["--rules", "rules.yml"];

/// A folder with the recording and the rules: a shell whose children list accounts, on another host two
/// processes that claim to have started each other, and events of no process and of no host.
fn place() -> Place {
    let place = Place::new();
    for name in [OFFICES, RULES[1]] {
        place.write(name, std::fs::read(root().join("tests/tree").join(name)).unwrap());
    }
    place
}

fn tree(place: &Place, input: &str, flags: &[&str]) -> String {
    let output = place.run(&[&["tree", input], &RULES[..], flags].concat());
    assert_eq!(status(&output), 0, "{flags:?}\n{}", err(&output));
    out(&output)
}

#[test]
fn each_output_is_the_golden_one_and_harmless() {
    let place = place();
    for (file, flags) in [
        ("tree.txt", &[][..]),
        ("tree.jsonl", &["--format", "json"]),
        ("only-alerts.txt", &["--only-alerts", "--wide"]),
        ("only-alerts.jsonl", &["--only-alerts", "--json"]),
        ("ascii.txt", &["--ascii", "--width", "80"]),
    ] {
        let text = tree(&place, OFFICES, flags);
        assert!(!text.contains('\u{1b}'), "{flags:?}\n{}", text.escape_debug());
        golden(&root().join("tests/tree").join(file), &text);
    }
}

#[test]
fn lines_are_as_wide_as_is_asked_for() {
    let place = place();
    let longest = |flags: &[&str]| {
        tree(&place, OFFICES, flags).lines().map(|line| line.chars().count()).max().unwrap()
    };
    assert_eq!((longest(&[]), longest(&["--width", "60"])), (160, 60));
    assert!(longest(&["--wide"]) > 200);
    let ascii = tree(&place, OFFICES, &["--ascii", "--width", "60"]);
    assert!(ascii.is_ascii() && ascii.contains("...\n"), "{ascii}");
}

/// The recording of a chain: each process starts the next.
fn chain(length: u32) -> String {
    let guid = |number: u32| format!("{{{number:08x}-0000-0000-0000-000000000001}}");
    let line = |number: u32| {
        format!(
            "{{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"EventID\":1,\"Computer\":\"h\",\
             \"UtcTime\":\"2026-05-04 09:00:00.{number:06}\",\"ProcessId\":{number},\
             \"ProcessGuid\":\"{}\",\"ParentProcessGuid\":\"{}\",\"Image\":\"C:\\\\{number}.exe\",\
             \"CommandLine\":\"whoami\"}}\n",
            guid(number),
            guid(number - 1)
        )
    };
    (2..length + 1).map(line).collect()
}

#[test]
fn a_deep_chain_is_drawn_in_pieces_that_any_reader_of_json_can_nest() {
    let place = place();
    place.write("chain.jsonl", chain(500));
    let host: Value = serde_json::from_str(&tree(&place, "chain.jsonl", &["--json"])).unwrap();
    let roots = host["processes"].as_array().unwrap();
    assert_eq!(roots.len(), 500_usize.div_ceil(48));
    assert!(roots[0].get("parent").is_none());
    assert_eq!(roots[1]["parent"]["pid"].as_u64().unwrap() + 1, roots[1]["pid"].as_u64().unwrap());
    let text = tree(&place, "chain.jsonl", &["--wide"]);
    assert_eq!(text.matches("Any start of whoami").count(), 499);
    assert!(text.contains("49.exe  below 48.exe (pid 48)"), "{text}");
}

#[test]
fn exit_status_says_how_it_went() {
    let place = place();
    place.write("empty.jsonl", "");
    place.write("no-process.jsonl", "{\"EventID\":1102,\"Channel\":\"Security\",\"Provider_Name\":\"Microsoft-Windows-Eventlog\",\"Computer\":\"h\"}\n");
    for (arguments, expected, message) in [
        (&["tree", "empty.jsonl"][..], 4, "no event was read"),
        (&["tree", "no-process.jsonl"], 4, "no event tells of a process"),
        (&["tree", "nowhere.jsonl"], 3, "nowhere.jsonl"),
        (&["tree", OFFICES, "--rules", "nowhere"], 2, "no rules at `nowhere`"),
        (&["tree", OFFICES, "--width", "20"], 2, "--width"),
        (&["tree", OFFICES, "--wide", "--width", "90"], 2, "--wide"),
        (&["tree", OFFICES, "--min-level", "huge"], 2, "not a level"),
        (&["tree"], 2, "INPUT"),
    ] {
        let output = place.run(arguments);
        assert_eq!(status(&output), expected, "{arguments:?}\n{}", err(&output));
        assert!(err(&output).contains(message), "{arguments:?}\n{}", err(&output));
    }
}

#[test]
fn only_alerts_of_the_asked_level_are_drawn() {
    let place = place();
    let text = tree(&place, OFFICES, &["--only-alerts", "--min-level", "high"]);
    assert!(text.contains("Name looked up") && !text.contains("Account listed"), "{text}");
    assert!(!text.contains("whoami.exe") && text.contains("explorer.exe"), "{text}");
}
