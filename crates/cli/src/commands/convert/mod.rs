//! `etwatch convert`: a recording, or a part of one, as a file of another form.
//!
//! ```text
//! any recording ─▶ records ─▶ selection ─▶ .jsonl   an object a line, the fields by their names
//! .etl          ─▶ raw records, decoded for the selection alone ─▶ .etl   the same bytes, with schemas
//! ```
//!
//! The file appears under its name when it is whole: it is written beside it first.

mod lines;
mod log;

use std::io;
use std::path::{Path, PathBuf};

use etwatch_engine::Report;
use tempfile::NamedTempFile;

use crate::commands::{FAILED, USAGE, reading_status};
use crate::selection::Selection;
use crate::terminal;

/// Write a recording, or a part of one, to a file of another form
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch convert trace.etl trace.jsonl                        for tools that read JSON
  etwatch convert trace.etl part.etl --from 2026-03-02T09:00:00Z --to 2026-03-02T09:05:00Z
  etwatch convert big.etl dns.etl --provider Microsoft-Windows-DNS-Client
  etwatch convert case.evtx cmd.jsonl --where 'Image=*\\cmd.exe'
  etwatch convert trace.etl - | jq .EventID                    JSON to standard output

OUTPUT's ending decides the form. An .etl file is made of an .etl file alone, since other recordings do not
have the bytes of ETW; it carries the schemas that its events need, so it reads the same on any machine.
What is written replays to the same alerts.

Exit status: 0 done, also if no event was selected; 1 OUTPUT can't be written; 2 wrong usage, OUTPUT exists;
3 some input could not be read (the rest was); 4 no event was read.")]
pub(crate) struct Convert {
    /// File or folder; `-` reads standard input
    input: PathBuf,
    /// File that ends in .etl, .jsonl or .json; `-` writes JSON to standard output
    output: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Replace OUTPUT if it exists
    #[arg(long)]
    force: bool,
    /// Leave the summary out
    #[arg(short, long)]
    quiet: bool,
}

/// Why a conversion failed, and the exit status.
type Failure = (u8, String);

/// What is made of the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Lines,
    Log,
}

impl Convert {
    /// Converts; the result is the exit status.
    pub(crate) fn run(&self) -> u8 {
        match self.convert() {
            Ok(report) => {
                terminal::troubles(&report);
                if !self.quiet {
                    terminal::writing_summary(&report);
                }
                reading_status(&report, false)
            }
            Err((status, message)) => {
                terminal::error(&message);
                status
            }
        }
    }

    fn convert(&self) -> Result<Report, Failure> {
        self.selection.check().map_err(|message| (USAGE, message))?;
        let form = self.form()?;
        if self.output.as_os_str() == "-" {
            return lines::write(&self.input, &self.selection, &mut io::stdout());
        }
        if !self.force && self.output.exists() {
            let name = self.output.display();
            return Err((USAGE, format!("{name} exists; `--force` replaces it")));
        }
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = beside(folder.unwrap_or(Path::new(".")));
        let mut file = file.map_err(|error| self.failed(&error))?;
        let report = match form {
            Form::Lines => lines::write(&self.input, &self.selection, file.as_file_mut())?,
            Form::Log => log::write(&self.input, &self.selection, file.as_file_mut())?,
        };
        file.persist(&self.output).map_err(|error| self.failed(&error.error))?;
        Ok(report)
    }

    fn failed(&self, error: &io::Error) -> Failure {
        (FAILED, format!("{}: {error}", self.output.display()))
    }

    fn form(&self) -> Result<Form, Failure> {
        let ending = self.output.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("jsonl" | "json") => Ok(Form::Lines),
            Some("etl") => Ok(Form::Log),
            _ if self.output.as_os_str() == "-" => Ok(Form::Lines),
            _ => {
                let name = self.output.display();
                Err((
                    USAGE,
                    format!(
                        "{name}: what to write is not known; let the name end in .etl or .jsonl"
                    ),
                ))
            }
        }
    }
}

/// A temporary file in a folder, with the rights that any new file has there.
fn beside(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The process's mask takes away what it should not have.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.prefix(".etwatch-").tempfile_in(folder)
}
