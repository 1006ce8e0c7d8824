//! `etwatch check`: what is wrong with rules, and what to write instead.

use std::path::PathBuf;

use etwatch_alert::json::{harmless_line, is_active};
use etwatch_alert::pretty::escape;
use etwatch_event::FieldTable;
use etwatch_rules::load::{LoadOptions, Loaded, load};
use etwatch_rules::{Diagnostic, Severity};
use serde::Serialize;

use crate::commands::{DONE, FAILED, NOTHING_TESTED, USAGE};
use crate::config::Config;
use crate::terminal;

/// Check rules: each problem with its place and its cure
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch check                        the folder rules/
  etwatch check sigma --format json    one JSON object a problem, for a program
  etwatch check new.yml --quiet        errors alone

Exit status: 0 no errors, 1 errors, 2 a path can't be read, 4 there was no rule.")]
pub(crate) struct Check {
    /// Files or folders of rules [default: rules]
    #[arg(value_name = "RULES")]
    paths: Vec<PathBuf>,
    /// Form of the problems
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Leave warnings and notes out
    #[arg(short, long)]
    quiet: bool,
    /// Load rules whose status is `deprecated` or `unsupported` too
    #[arg(long)]
    include_deprecated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The offending text, underlined
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Serialize)]
struct Line<'a> {
    code: &'a str,
    severity: String,
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    text: &'a str,
    hint: Option<&'a str>,
}

impl Check {
    /// Prints the problems.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        let paths = config.rule_paths(&self.paths);
        let options = LoadOptions {
            placeholders: config.placeholders(),
            include_deprecated: self.include_deprecated,
        };
        let loaded = load(&paths, &options, &mut FieldTable::default());
        let lowest = if self.quiet { Severity::Error } else { Severity::Note };
        let mut text = String::new();
        for diagnostic in loaded.diagnostics.iter().filter(|found| found.severity >= lowest) {
            text.push_str(&match self.format {
                Format::Text => text_block(diagnostic) + "\n",
                Format::Json => json_line(diagnostic),
            });
            text.push('\n');
        }
        if !terminal::print(&text) {
            return FAILED;
        }
        terminal::unreadable(&loaded.unreadable);
        terminal::note(&summary(&loaded));
        let is_error = |found: &Diagnostic| found.severity == Severity::Error;
        if loaded.diagnostics.iter().any(is_error) {
            FAILED
        } else if !loaded.unreadable.is_empty() {
            USAGE
        } else if loaded.documents == 0 {
            NOTHING_TESTED
        } else {
            DONE
        }
    }
}

fn summary(loaded: &Loaded) -> String {
    let count = |severity| loaded.diagnostics.iter().filter(|one| one.severity == severity).count();
    format!(
        "{} documents in {} files: {} rules{}{}{}, {} refused; {} errors, {} warnings, {} notes",
        loaded.documents,
        loaded.files,
        loaded.rules.len(),
        some(loaded.filters.len(), "filters"),
        some(loaded.correlations.len(), "correlations (not evaluated yet)"),
        some(loaded.templates, "templates"),
        loaded.refused,
        count(Severity::Error),
        count(Severity::Warning),
        count(Severity::Note),
    )
}

/// A count that is left out if there is nothing to count.
fn some(count: usize, what: &str) -> String {
    if count == 0 { String::new() } else { format!(", {count} {what}") }
}

/// The problem with the offending text underlined, in which nothing but our own colours acts on the
/// terminal: a file of rules, and its name, may come from anybody.
fn text_block(diagnostic: &Diagnostic) -> String {
    let harmless = Diagnostic {
        message: escape(&diagnostic.message),
        label: escape(&diagnostic.label),
        hint: diagnostic.hint.as_deref().map(escape),
        ..diagnostic.clone()
    };
    let mut text = harmless.render(true);
    let name = &diagnostic.file.name;
    if name.contains(is_active) {
        text = text.replace(name.as_str(), &escape(name));
    }
    // In the lines of the file the renderer has replaced what is ASCII; ASCII are our colours too.
    text.replace(|letter: char| !letter.is_ascii() && is_active(letter), "\u{fffd}")
}

fn json_line(diagnostic: &Diagnostic) -> String {
    let (line, column) = diagnostic.place();
    let line = Line {
        code: diagnostic.code,
        severity: diagnostic.severity.to_string(),
        message: &diagnostic.message,
        file: &diagnostic.file.name,
        line,
        column,
        text: diagnostic.offending(),
        hint: diagnostic.hint.as_deref(),
    };
    harmless_line(&line)
}
