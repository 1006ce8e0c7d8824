//! `etwatch fields`: where each field of a log source comes from, on each kind of input, or why from nowhere.

use anstyle::{AnsiColor, Style};
use etwatch_alert::json::harmless_line;
use etwatch_engine::FieldSources;
use etwatch_engine::field_sources::{Availability, FieldSource};
use etwatch_normalise::InputKind;
use etwatch_rules::diagnostic::nearest;

use crate::commands::{DONE, FAILED, NOTHING_TESTED};
use crate::terminal;

/// Show where the fields of a log source come from, live, in .etl and in event logs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  etwatch fields process_creation              each field, by kind of input
  etwatch fields security                      a service
  etwatch fields                               all log sources
  etwatch fields --format markdown             the same as a page: docs/fields.md
  etwatch fields --format json | jq -c 'select(.etl.absent)'

Every event also has the fields of the System header, which are not listed: EventID, Provider_Name,
Channel, Computer, and so on.

Exit status: 0 done, 1 standard output can't be written to, 2 wrong usage, 4 there is no such log source.")]
pub(crate) struct Fields {
    /// Only this category or service
    #[arg(value_name = "LOGSOURCE")]
    log_source: Option<String>,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A line for each field and kind of input
    Text,
    /// Tables for a page
    Markdown,
    /// One JSON object a field
    Json,
}

impl Fields {
    /// Prints; the result is the exit status.
    pub(crate) fn run(&self) -> u8 {
        let sources = match FieldSources::built_in() {
            Ok(sources) => sources,
            Err(error) => {
                terminal::error(&error.to_string());
                return FAILED;
            }
        };
        let all = sources.log_sources();
        let names = match &self.log_source {
            None => all,
            Some(name) if all.contains(&name.to_lowercase()) => vec![name.to_lowercase()],
            Some(name) => {
                let near = nearest(name, all.iter().map(String::as_str));
                let hint = near.map_or("`etwatch fields` lists all".to_owned(), |near| {
                    format!("did you mean `{near}`?")
                });
                terminal::error(&format!("there is no log source `{name}`; {hint}"));
                return NOTHING_TESTED;
            }
        };
        let text = match self.format {
            Format::Markdown if self.log_source.is_none() => sources.page(),
            Format::Markdown => sources.markdown(&names),
            Format::Text => names.iter().map(|name| text(name, &sources.of(name))).collect(),
            Format::Json => names
                .iter()
                .flat_map(|name| sources.of(name))
                .map(|source| harmless_line(&source) + "\n")
                .collect(),
        };
        if terminal::print(&text) { DONE } else { FAILED }
    }
}

/// A log source for people.
fn text(name: &str, fields: &[FieldSource]) -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let cyan = AnsiColor::Cyan.on_default();
    let mut text = format!("{bold}{name}{bold:#}\n");
    for source in fields {
        text.push_str(&format!("  {cyan}{}{cyan:#}\n", source.field));
        for kind in InputKind::ALL {
            let on = source.on(kind);
            let style = if matches!(on, Availability::Absent(_)) { dim } else { Style::new() };
            let words = on.text(&source.field);
            text.push_str(&format!("    {:5}{style}{words}{style:#}\n", kind.name()));
        }
    }
    text
}
