//! `etwatch process`: golden output, which processes are meant, what is left out and told, exit status.
//!
//! The recording and the output it gives lie in `tests/process`.
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

const MACRO: &str = "macro.jsonl";
const SECOND: &str = "{0a1b2c3d-0000-6a00-0004-000000000100}";

/// A folder with the recording: a document's macro starts PowerShell, which starts a tool that starts a thread
/// in another process; before, another PowerShell had the same pid, and on another host a shell has it.
fn place() -> Place {
    let place = Place::new();
    place.write(MACRO, std::fs::read(root().join("tests/process").join(MACRO)).unwrap());
    place
}

/// The stories that a command prints as JSON.
fn stories(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let output = place.run(&[&["process"], arguments, &["--over", MACRO, "--json"]].concat());
    assert_eq!(status(&output), 0, "{arguments:?}\n{}", err(&output));
    out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_output_is_the_golden_one_and_harmless() {
    let place = place();
    for (file, arguments) in [
        ("pid.txt", &["process", "4400", "--over", MACRO][..]),
        ("pid.jsonl", &["process", "4400", "--over", MACRO, "--format", "json"]),
        ("children.txt", &["process", "winword.exe", "--over", MACRO, "--children"]),
        ("target.txt", &["process", r"*\notepad.exe", "--over", MACRO]),
        ("bounded.txt", &["process", "*", "--over", MACRO, "--most", "2", "--acts", "1"]),
        (
            "bounded.jsonl",
            &["process", "*", "--over", MACRO, "--most", "2", "--acts", "1", "--json"],
        ),
    ] {
        let output = place.run(arguments);
        assert_eq!(status(&output), 0, "{arguments:?}\n{}", err(&output));
        let text = out(&output);
        assert!(!text.contains('\u{1b}'), "{arguments:?}\n{}", text.escape_debug());
        golden(&root().join("tests/process").join(file), &text);
    }
}

#[test]
fn a_pid_is_several_processes_and_a_guid_is_one() {
    let place = place();
    let guids = |arguments: &[&str]| -> Vec<String> {
        let stories = stories(&place, arguments);
        stories.iter().map(|story| story["guid"].as_str().unwrap().to_owned()).collect()
    };
    let (first, third) =
        (SECOND.replace("0004", "0002"), SECOND.replace("0004-000000000100", "0009-000000000200"));
    let all = [first.clone(), SECOND.to_owned(), third.clone()];
    assert_eq!(guids(&["4400"]), all);
    assert_eq!(guids(&["POWERSHELL.exe"]), all[..2]);
    assert_eq!(guids(&[&SECOND.to_uppercase()]), all[1..2]);
    assert_eq!(guids(&[SECOND.trim_matches(['{', '}'])]), all[1..2]);
    assert_eq!(guids(&["4400", "--where", "Computer=ws-two"]), all[2..]);
    assert_eq!(guids(&["4400", "--to", "2026-05-04T09:00:00Z"]), all[..1]);
    assert_eq!(guids(&["4400", "--from", "2026-05-04T09:00:00Z"]), all[1..]);
}

#[test]
fn a_selection_limits_what_is_told_and_not_what_is_known() {
    let place = place();
    let story = &stories(&place, &[SECOND, "--id", "3", "--from", "2026-05-04T09:10:25Z"])[0];
    assert_eq!(story["sections"]["connections"]["count"], 3);
    assert_eq!(story["sections"].as_object().unwrap().len(), 1);
    assert_eq!(story["start"], "2026-05-04T09:10:20.5000000Z");
    assert_eq!(story["parents"][1]["image"], r"C:\Windows\explorer.exe");
}

/// Two logs tell of one start; the events of PowerShell and WMI have a pid alone.
#[test]
fn logs_without_a_guid_tell_of_the_same_process() {
    let place = place();
    let story = &stories(&place, &[SECOND])[0];
    assert_eq!(story["events"], 21);
    let calls = story["sections"]["powershell"]["acts"].as_array().unwrap();
    assert!(calls.iter().any(|act| act["object"] == "Invoke-RestMethod"), "{calls:?}");
    assert_eq!(story["sections"]["wmi"]["count"], 1);
    let before = &stories(&place, &[&SECOND.replace("0004", "0002")])[0];
    assert_eq!(
        (before["events"].clone(), before["end"].clone()),
        (3.into(), "2026-05-04T08:00:40.0000000Z".into())
    );
}

#[test]
fn events_before_the_image_is_known_are_told_as_missing() {
    let place = place();
    let line = |second: u32, id: u32, more: &str| {
        format!(
            "{{\"EventID\":{id},\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"Computer\":\"h\",\
             \"UtcTime\":\"2026-05-04 09:00:0{second}\",\"ProcessId\":7{more}}}\n"
        )
    };
    let image = r#","Image":"C:\\a.exe""#;
    let text = line(1, 11, r#","TargetFilename":"C:\\x""#) + &line(2, 11, image) + &line(3, 5, "");
    place.write("late.jsonl", text);
    let output = place.run(&["process", "a.exe", "--over", "late.jsonl", "--json"]);
    let story: Value = serde_json::from_str(out(&output).trim()).unwrap();
    assert_eq!((&story["events"], &story["events_before_known"]), (&2.into(), &1.into()));
    let text = out(&place.run(&["process", "a.exe", "--over", "late.jsonl"]));
    assert!(text.contains("2; 1 more came before it was known to be meant"), "{text}");
    assert!(text.contains("start not recorded, first seen 2026-05-04 09:00:01"), "{text}");
}

#[test]
fn nothing_found_is_an_error_that_names_what_comes_near() {
    let place = place();
    place.write("empty.jsonl", "");
    for (arguments, expected, message) in [
        (
            &["process", "powershel.exe", "--over", MACRO][..],
            4,
            r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        ),
        (&["process", r"C:\Temp\explorer.exe", "--over", MACRO], 4, r"C:\Windows\explorer.exe"),
        (&["process", "999", "--over", MACRO], 4, "8 processes are known"),
        (&["process", "4400", "--over", MACRO, "--id", "99"], 4, "no event of `4400` is selected"),
        (&["process", "4400", "--over", "empty.jsonl"], 4, "no event was read"),
        (&["process", "4400", "--over", "nowhere.jsonl"], 3, "nowhere.jsonl"),
        (&["process", "4400", "--over", MACRO, "nowhere.jsonl"], 3, "nowhere.jsonl"),
        (&["process", "99999999999", "--over", MACRO], 2, "no pid is that large"),
        (&["process", "", "--over", MACRO], 2, "name a pid, a GUID or an image"),
        (&["process", "4400"], 2, "--over"),
        (&["process", "4400", "--over", "-", "-"], 2, "name `-` once"),
        (&["process", "4400", "--over", MACRO, "--most", "0"], 2, "--most"),
        (
            &["process", "4400", "--over", MACRO, "--from", "2026-05-05", "--to", "2026-05-04"],
            2,
            "swap",
        ),
    ] {
        let output = place.run(arguments);
        assert_eq!(status(&output), expected, "{arguments:?}\n{}", err(&output));
        assert!(err(&output).contains(message), "{arguments:?}\n{}", err(&output));
    }
}

#[test]
fn what_is_not_told_is_counted() {
    let place = place();
    let told = err(&place.run(&["process", SECOND, "--over", MACRO, "--id", "3"]));
    assert!(
        told.contains("33 read = 4 shown + 29 filtered (not selected 17, of other processes 12)"),
        "{told}"
    );
    assert_eq!(err(&place.run(&["process", SECOND, "--over", MACRO, "--quiet"])), "");
}
