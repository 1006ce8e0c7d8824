//! The stages of the compiler, as `etwatch rules compile` shows them, against golden files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod support;

use std::process::Command;

use support::{golden, root};

#[test]
fn each_stage_is_as_it_was() {
    root();
    for stage in ["tree", "ir", "plan"] {
        let output = Command::new(env!("CARGO_BIN_EXE_etwatch"))
            .args(["rules", "compile", "tests/compiler/rule.yml", "--show", stage])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.matches("rule `").count(), 3);
        golden(&root().join(format!("tests/compiler/rule.{stage}.txt")), &text);
    }
}
