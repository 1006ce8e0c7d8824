//! `etwatch check`: what is wrong with rules, and what to write instead; `--explain` tells what a code
//! means.

mod inputs;
mod sarif;

use std::path::PathBuf;

use etwatch_alert::json::{harmless_line, is_active};
use etwatch_alert::pretty::escape;
use etwatch_engine::{FieldSources, known_fields};
use etwatch_event::Vocabulary;
use etwatch_normalise::InputKind;
use etwatch_rules::diagnostic::nearest;
use etwatch_rules::lint::unsearchable;
use etwatch_rules::load::{LoadOptions, Loaded, load};
use etwatch_rules::{Diagnostic, RuleSet, Severity, explain};
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
  etwatch check sigma --input etl      which rules can't fire on .etl recordings, and why
  etwatch check --explain SIG012       what a code means, with an example and its cure
  etwatch check rules --format sarif > rules.sarif    for code scanning of a rule repository

Exit status: 0 no errors, 1 errors, 2 a path can't be read or wrong usage, 4 there was no rule.")]
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
    /// List the rules that can't fire on a kind of input, and why: live, etl, evtx
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = inputs::parse)]
    input: Vec<InputKind>,
    /// Print what a code means instead, such as SIG012
    #[arg(long, value_name = "CODE", conflicts_with_all = ["paths", "format", "quiet", "input"])]
    explain: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The offending text, underlined
    Text,
    /// One JSON object a line
    Json,
    /// One SARIF 2.1.0 document, for code scanning
    Sarif,
}

#[derive(Serialize)]
struct Line<'a> {
    code: &'a str,
    severity: String,
    message: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    text: &'a str,
    hint: Option<&'a str>,
}

impl Check {
    /// Prints the problems, or what a code means.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        if let Some(code) = &self.explain {
            return explain_code(code);
        }
        let paths = config.rule_paths(&self.paths);
        let tables = known_fields().and_then(|known| Ok((known, FieldSources::built_in()?)));
        let (known, sources) = match tables {
            Ok(tables) => tables,
            Err(error) => {
                terminal::error(&error.to_string());
                return FAILED;
            }
        };
        let options = LoadOptions {
            placeholders: config.placeholders(),
            include_deprecated: self.include_deprecated,
            examine: Some(known),
        };
        let mut vocabulary = Vocabulary::default();
        let mut loaded = load(&paths, &options, &mut vocabulary.fields);
        let rules = RuleSet::new(loaded.rules.clone(), &vocabulary);
        loaded.diagnostics.extend(unsearchable::notes(&rules, &loaded.places, &vocabulary.fields));
        let reached = inputs::Reached::new(&sources, &rules, &vocabulary.fields);
        loaded.diagnostics.extend(reached.notes(&loaded.places, &self.input));
        if !terminal::print(&self.output(&loaded)) {
            return FAILED;
        }
        terminal::unreadable(&loaded.unreadable);
        terminal::note(&summary(&loaded));
        if let (false, Some(line)) = (self.quiet, reached.summary()) {
            terminal::note(&line);
        }
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

    /// The problems in the form that is asked for.
    fn output(&self, loaded: &Loaded) -> String {
        let lowest = if self.quiet { Severity::Error } else { Severity::Note };
        let shown = loaded.diagnostics.iter().filter(|found| found.severity >= lowest);
        match self.format {
            Format::Text => shown.map(|found| text_block(found) + "\n\n").collect(),
            Format::Json => shown.map(|found| json_line(found) + "\n").collect(),
            Format::Sarif => {
                harmless_line(&sarif::document(&shown.collect::<Vec<_>>(), &loaded.unreadable))
                    + "\n"
            }
        }
    }
}

/// Prints what is documented of a code; names the nearest code, or all, if there is no such code.
fn explain_code(code: &str) -> u8 {
    if let Some(section) = explain::section(code) {
        return if terminal::print(&section.text()) { DONE } else { FAILED };
    }
    let codes: Vec<_> = explain::sections().map(|section| section.code).collect();
    let hint = match nearest(code, codes.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("the codes are {}", codes.join(", ")),
    };
    terminal::error(&format!("there is no code `{code}`; {hint}"));
    USAGE
}

fn summary(loaded: &Loaded) -> String {
    let count = |severity| loaded.diagnostics.iter().filter(|one| one.severity == severity).count();
    format!(
        "{} documents in {} files: {} rules{}{}{}, {} refused; {} errors, {} warnings, {} notes",
        loaded.documents,
        loaded.files,
        loaded.rules.len(),
        some(loaded.filters.len(), "filters"),
        some(loaded.correlations.len(), "correlations"),
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
pub(crate) fn text_block(diagnostic: &Diagnostic) -> String {
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
    let (end_line, end_column) = diagnostic.end_place();
    let line = Line {
        code: diagnostic.code,
        severity: diagnostic.severity.to_string(),
        message: &diagnostic.message,
        file: &diagnostic.file.name,
        line,
        column,
        end_line,
        end_column,
        text: diagnostic.offending(),
        hint: diagnostic.hint.as_deref(),
    };
    harmless_line(&line)
}
