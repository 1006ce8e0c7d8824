//! Tests of a rule to run, and what comes of them.

use std::process::{Command, Output};

use serde_yaml::Value;

use crate::support::place::Place;
use crate::support::root;

/// Two cases that pass.
pub(crate) const PASSING: &str = "\
cases:
  - match: the program
    events:
      - &start
        EventID: 1
        Provider_Name: Microsoft-Windows-Sysmon
        Image: 'C:\\a.exe'
  - no-match: another program
    events:
      - {<<: *start, Image: 'C:\\b.exe'}
";

/// The same, with what is expected turned round.
pub(crate) fn failing() -> String {
    PASSING.replace("- match", "- swap").replace("no-match", "match").replace("swap", "no-match")
}

/// A folder with a rule, a recording and these tests of the rule.
pub(crate) fn with_tests(text: &str) -> Place {
    let place = Place::new();
    place.write("rules/r.test.yaml", text);
    place
}

/// The output without the time that it took.
pub(crate) fn untimed(text: &str) -> String {
    let lines = text.lines().map(|line| match line.split_once("finished in ") {
        Some((line, _)) => format!("{line}finished in …\n"),
        None => format!("{line}\n"),
    });
    lines.collect()
}

/// Each line as the object that it is.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_yaml::from_str(line).unwrap()).collect()
}

/// Runs in the project's own folder.
pub(crate) fn run_here(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etwatch"));
    command.args(arguments).current_dir(root()).output().unwrap()
}
