//! How the sources of fields are written: as text, and as the page `docs/fields.md`.
//!
//! Providers lose the `Microsoft-Windows-` that nearly all begin with. In the page a row has all fields that come
//! alike. For a service it says the providers alone: its events are mostly told by one, with its own names.

use etwatch_normalise::InputKind;
use etwatch_normalise::convert::Conversion;

use super::{Availability, FieldSource, FieldSources, Origin, Way};

const PREFIX: &str = "Microsoft-Windows-";
/// Where a reason is missing; no page may have it.
const GAP: &str = "(no reason is known)";

/// What stands before the tables of the page.
const HEAD: &str = include_str!("fields.md");

/// `RegistryPath` as `registry path`.
pub(super) fn conversion(how: Conversion) -> String {
    let mut text = String::new();
    for letter in format!("{how:?}").chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// The name of a provider, without what nearly all have.
pub(super) fn short(provider: &str) -> &str {
    provider.strip_prefix(PREFIX).unwrap_or(provider)
}

impl Origin {
    /// In a few words, with the name of a field in backticks: `` `ImageName` of Kernel-Process 1 (path) ``.
    /// `field` is the field that comes so, whose own name is not said again.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        let ids: Vec<_> = self.ids.iter().map(ToString::to_string).collect();
        let provider = short(self.provider.as_deref().unwrap_or_default());
        let who = format!("{provider} {}", ids.join(", "));
        let who = who.trim();
        match &self.way {
            Way::Payload { name, conversion } => {
                let what = if name == field { String::new() } else { format!("`{name}` of ") };
                let how = conversion.as_ref().map(|how| format!(" ({how})")).unwrap_or_default();
                format!("{what}{who}{how}")
            }
            Way::Header { name } => format!("`{name}` of the header, {who}"),
            Way::Composed { template } => format!("`{template}` of {who}"),
            Way::Extracted { name } => format!("a part of `{name}` of {who}"),
            Way::Constant { value } => format!("always `{value}`, {who}"),
            Way::Process { process, field: Some(told) } => {
                format!("process table: `{told}` of {process}")
            }
            Way::Process { process, field: None } => {
                format!("process table: made for {process}")
            }
            Way::Handle => "name behind the handle".to_owned(),
            Way::Dns => "last answer of DNS, a guess".to_owned(),
            Way::Modules => "modules of the target".to_owned(),
            Way::Creator => "real creator, if it is not the parent".to_owned(),
            Way::File { path } => format!("read from the file in `{path}`"),
            Way::OpenProcess { id } => format!("asked of the process in `{id}`"),
        }
    }

    /// Who tells it, in a few words.
    fn teller(&self) -> String {
        match &self.provider {
            Some(provider) => short(provider).to_owned(),
            None => self.text(""),
        }
    }
}

impl Availability {
    /// In words; `field` as for [`Origin::text`]. A reason begins with a dash.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        match self {
            Self::From(origins) => {
                origins.iter().map(|origin| origin.text(field)).collect::<Vec<_>>().join("; ")
            }
            Self::Absent(why) => reason(why),
        }
    }

    /// Who tells it, each once.
    fn tellers(&self) -> String {
        match self {
            Self::From(origins) => {
                let mut tellers: Vec<_> = origins.iter().map(Origin::teller).collect();
                tellers.sort_unstable();
                tellers.dedup();
                tellers.join("; ")
            }
            Self::Absent(why) => reason(why),
        }
    }

    /// Whether it is not there and no reason is known.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        matches!(self, Self::Absent(why) if why.is_empty())
    }
}

fn reason(why: &str) -> String {
    format!("– {}", if why.is_empty() { GAP } else { why })
}

impl FieldSources {
    /// The page `docs/fields.md`, or the part of it that is about these log sources.
    #[must_use]
    pub fn markdown(&self, log_sources: &[String]) -> String {
        let mut page = String::new();
        let (categories, services): (Vec<_>, Vec<_>) =
            log_sources.iter().partition(|name| self.is_category(name));
        for (heading, names) in [("Categories", categories), ("Services", services)] {
            if !names.is_empty() {
                page.push_str(&format!("\n## {heading}\n"));
            }
            for name in names {
                page.push_str(&format!("\n### {name}\n\n"));
                page.push_str(&self.table(name));
            }
        }
        page
    }

    fn table(&self, log_source: &str) -> String {
        let fields = self.of(log_source);
        if fields.is_empty() {
            return "No field of its events is known; they have the names that their provider gives \
                them.\n"
                .to_owned();
        }
        let rows = if self.is_category(log_source) {
            alike(&fields, |source, kind| source.on(kind).text(&source.field))
        } else {
            alike(&fields, |source, kind| source.on(kind).tellers())
        };
        let mut table = "| field | live | `.etl` | event logs |\n|---|---|---|---|\n".to_owned();
        for cells in rows {
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            table.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        table
    }

    /// The whole page.
    #[must_use]
    pub fn page(&self) -> String {
        HEAD.to_owned() + &self.markdown(&self.log_sources())
    }
}

/// A row for all fields that come alike, each cell by `cell`.
fn alike(
    fields: &[FieldSource],
    cell: impl Fn(&FieldSource, InputKind) -> String,
) -> Vec<[String; 4]> {
    let mut groups: Vec<([String; 3], Vec<String>)> = Vec::new();
    for source in fields {
        let cells = InputKind::ALL.map(|kind| cell(source, kind));
        let name = format!("`{}`", source.field);
        match groups.iter_mut().find(|(of, _)| *of == cells) {
            Some((_, names)) => names.push(name),
            None => groups.push((cells, vec![name])),
        }
    }
    let row = |([live, etl, evtx], names): ([String; 3], Vec<String>)| {
        [names.join(", "), live, etl, evtx]
    };
    groups.into_iter().map(row).collect()
}
