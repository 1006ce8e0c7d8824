//! `etwatch rules`: what is loaded.

use std::path::PathBuf;

use etwatch_alert::json::harmless_line;
use etwatch_alert::pretty::escape;
use etwatch_event::FieldTable;
use etwatch_rules::load::{LoadOptions, load};
use etwatch_rules::sigma::{Attributes, Status};
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
    log_source: String,
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
        let mut text = String::new();
        for rule in &loaded.rules {
            text.push_str(&match self.format {
                Format::Text => one_line(rule),
                Format::Json => json_line(rule),
            });
            text.push('\n');
        }
        if !terminal::print(&text) {
            return FAILED;
        }
        if !loaded.correlations.is_empty() {
            let count = loaded.correlations.len();
            terminal::note(&format!(
                "{count} correlations (not evaluated yet) are not in the list"
            ));
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

fn one_line(rule: &Rule) -> String {
    let Attributes { id, title, level, .. } = &rule.attributes;
    let level = level.map_or("-", Level::name);
    let id = escape(id.as_deref().unwrap_or("-"));
    let (log_source, title) = (escape(&rule.log_source.to_string()), escape(title));
    format!("{level:13} {log_source:40} {title} ({id})")
}

fn json_line(rule: &Rule) -> String {
    let attributes = &rule.attributes;
    let line = Line {
        id: attributes.id.as_deref(),
        title: &attributes.title,
        level: attributes.level.map(Level::name),
        status: attributes.status.map(Status::name),
        log_source: rule.log_source.to_string(),
        tags: &attributes.tags,
        author: attributes.author.as_deref(),
        file: &rule.file,
        line: rule.line,
    };
    harmless_line(&line)
}
