//! `etwatch completions`: scripts for shells.

use std::io::Write as _;

use clap_complete::Shell;

use crate::commands::{DONE, FAILED};

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch completions bash > /etc/bash_completion.d/etwatch
  etwatch completions powershell >> $PROFILE")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub(crate) fn run(&self, whole: &mut clap::Command) -> u8 {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, whole, "etwatch", &mut script);
        if std::io::stdout().write_all(&script).is_ok() { DONE } else { FAILED }
    }
}
