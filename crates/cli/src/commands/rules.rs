//! `etwatch rules`: what is loaded.

use std::path::PathBuf;

use etwatch_alert::json::harmless_line;
use etwatch_alert::pretty::escape;
use etwatch_event::FieldTable;
use etwatch_rules::load::{LoadOptions, load};
use etwatch_rules::sigma::{Attributes, Correlation, Status};
use etwatch_rules::{Level, Rule};
use serde::Serialize;

use crate::commands::compile::Compile;
use crate::commands::{DONE, FAILED, NOTHING_TESTED, USAGE};
use crate::config::Config;
use crate::terminal;

/// Show what rules there are
#[derive(Debug, clap::Args)]
pub(crate) struct Rules {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    List(List),
    Compile(Compile),
}

/// List rules: level, log source, title, id
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch rules list
  etwatch rules list sigma --format json | jq -r .title

Exit status: 0 done, 2 a path can't be read, 4 no rule was loaded.")]
struct List {
    /// Files or folders of rules [default: rules]
    #[arg(value_name = "RULES")]
    paths: Vec<PathBuf>,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Load rules whose status is `deprecated` or `unsupported` too
    #[arg(long)]
    include_deprecated: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// One line a rule
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Serialize)]
struct Line<'a> {
    id: Option<&'a str>,
    title: &'a str,
    level: Option<&'a str>,
    status: Option<&'a str>,
    log_source: &'a str,
    tags: &'a [String],
    author: Option<&'a str>,
    file: &'a str,
    line: usize,
}

impl Rules {
    /// Does what is asked.
    pub(crate) fn run(&self, config: &Config) -> u8 {
        match &self.command {
            Subcommand::List(list) => list.run(config),
            Subcommand::Compile(compile) => compile.run(config),
        }
    }
}

impl List {
    fn run(&self, config: &Config) -> u8 {
        let paths = config.rule_paths(&self.paths);
        let options = LoadOptions {
            placeholders: config.placeholders(),
            include_deprecated: self.include_deprecated,
            ..LoadOptions::default()
        };
        let loaded = load(&paths, &options, &mut FieldTable::default());
        terminal::unreadable(&loaded.unreadable);
        let mut listed = Vec::new();
        for rule in &loaded.rules {
            listed.push(Listed::of_rule(rule));
        }
        listed.extend(loaded.correlations.iter().map(Listed::of_correlation));
        let text: String = listed.iter().map(|one| one.line(self.format) + "\n").collect();
        if !terminal::print(&text) {
            return FAILED;
        }
        if loaded.refused > 0 {
            terminal::note(&format!(
                "{} documents were refused; `etwatch check` tells why",
                loaded.refused
            ));
        }
        if !loaded.unreadable.is_empty() {
            USAGE
        } else if loaded.rules.is_empty() {
            NOTHING_TESTED
        } else {
            DONE
        }
    }
}

/// What is listed of a rule or a correlation.
struct Listed<'a> {
    attributes: &'a Attributes,
    /// The log source, or the type of the correlation.
    about: String,
    file: &'a str,
    line: usize,
}

impl<'a> Listed<'a> {
    fn of_rule(rule: &'a Rule) -> Self {
        let Rule { attributes, log_source, file, line, .. } = rule;
        Self { attributes, about: log_source.to_string(), file, line: *line }
    }
    fn of_correlation(correlation: &'a Correlation) -> Self {
        let Correlation { attributes, kind, file, line, .. } = correlation;
        Self { attributes, about: format!("correlation {}", kind.name()), file, line: *line }
    }

    fn line(&self, format: Format) -> String {
        let Attributes { id, title, level, .. } = self.attributes;
        match format {
            Format::Text => {
                let level = level.map_or("-", Level::name);
                let id = escape(id.as_deref().unwrap_or("-"));
                let (about, title) = (escape(&self.about), escape(title));
                format!("{level:13} {about:40} {title} ({id})")
            }
            Format::Json => harmless_line(&self.json()),
        }
    }

    fn json(&self) -> Line<'_> {
        let Attributes { id, title, level, status, tags, author, .. } = self.attributes;
        Line {
            id: id.as_deref(),
            title,
            level: level.map(Level::name),
            status: status.map(Status::name),
            log_source: &self.about,
            tags,
            author: author.as_deref(),
            file: self.file,
            line: self.line,
        }
    }
}
