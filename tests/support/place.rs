//! The command itself, run in a folder of its own.

use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};

/// A process start as Sysmon tells it, one line.
pub(crate) const EVENT: &str = concat!(
    r#"{"Provider_Name":"Microsoft-Windows-Sysmon","EventID":1,"Computer":"h","#,
    r#""UtcTime":"2026-01-02 03:04:05","Image":"C:\\a.exe","CommandLine":"a\u001b[2J\u202e b"}"#,
    "\n"
);
/// A rule that it satisfies.
pub(crate) const RULE: &str = "title: t\nid: 5a4c0d0e-6a2b-4a53-9d53-0d8e2f5f3a11\nlevel: high\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image|endswith: '\\a.exe'}, condition: s}\n";

/// A folder in which the command is run; it goes away with this.
pub(crate) struct Place {
    /// The folder.
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    /// A folder with one rule and one event.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder };
        place.write("rules/r.yml", RULE);
        place.write("events.jsonl", EVENT);
        place
    }
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, "")
    }
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.start(arguments);
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
    /// Starts the command, with pipes to and from it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_etwatch"))
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
    /// Runs the command with its standard output closed from the start.
    pub(crate) fn run_closed(&self, arguments: &[&str]) -> Output {
        let mut child = self.start(arguments);
        drop(child.stdout.take());
        child.wait_with_output().unwrap()
    }
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}
pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
pub(crate) fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}
