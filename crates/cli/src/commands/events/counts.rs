//! How many events there are of each kind: by provider, id and the name that a schema gives it, and by log
//! sources where they are known.
//!
//! A recording may claim any number of providers, so kinds are told apart up to [`KINDS`], and names up to
//! [`NAME_BYTES`]; what comes later is counted together.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anstyle::Style;
use etwatch_alert::json::push_text;
use etwatch_alert::object::{Object, push_list};
use etwatch_alert::pretty::escape;
use etwatch_event::LogSourceSetId;

use crate::event_view::EventView;

/// Kinds that are told apart.
const KINDS: usize = 10_000;
/// Bytes of a name.
const NAME_BYTES: usize = 256;
const PROVIDER: &str = "provider";

/// What tells kinds of one provider apart.
type Kind = (Option<u32>, LogSourceSetId);

/// As much of a name as is told apart.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or_default()
}

/// How many events have each name.
type Names = BTreeMap<Box<str>, u64>;

/// Counts of events.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// By provider, kind and name.
    providers: BTreeMap<Box<str>, BTreeMap<Kind, Names>>,
    kinds: usize,
    /// Events of kinds that are not told apart.
    others: u64,
    /// The log sources of each set that occurred.
    sources: BTreeMap<LogSourceSetId, Vec<String>>,
    /// Whether log sources are known at all.
    normalised: bool,
    /// Whether any kind has a name.
    named: bool,
}

struct Row<'a> {
    count: u64,
    provider: &'a str,
    id: Option<u32>,
    name: &'a str,
    sources: &'a [String],
}

impl Counts {
    /// Counts an event.
    pub(super) fn add(&mut self, event: &EventView<'_>) {
        let provider = event.provider();
        let (provider, name) = (cut(&provider), event.name());
        let name = cut(&name);
        let kind = (event.id(), event.source_set());
        let kinds = self.providers.get_mut(provider);
        let names = kinds.and_then(|kinds| kinds.get_mut(&kind));
        if let Some(count) = names.and_then(|names| names.get_mut(name)) {
            *count += 1;
            return;
        }
        if self.kinds >= KINDS {
            self.others += 1;
            return;
        }
        self.kinds += 1;
        self.named |= !name.is_empty();
        let kinds = self.providers.entry(provider.into()).or_default();
        kinds.entry(kind).or_default().insert(name.into(), 1);
        if let Some(sources) = event.log_sources() {
            self.normalised = true;
            let names = || sources.iter().map(ToString::to_string).collect();
            self.sources.entry(event.source_set()).or_insert_with(names);
        }
    }

    /// The most frequent first.
    fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        for (provider, kinds) in &self.providers {
            for ((id, set), names) in kinds {
                let sources = self.sources.get(set).map_or(&[][..], Vec::as_slice);
                for (name, count) in names {
                    rows.push(Row { count: *count, provider, id: *id, name, sources });
                }
            }
        }
        rows.sort_by_key(|row| (Reverse(row.count), row.provider, row.id, row.name, row.sources));
        rows
    }

    /// Adds a table with a line for each kind.
    pub(super) fn push_table(&self, out: &mut String) {
        let rows = self.rows();
        let names: Vec<_> = rows
            .iter()
            .map(|row| if row.provider.is_empty() { "-".to_owned() } else { escape(row.provider) })
            .collect();
        let widths = names.iter().map(|name| name.chars().count());
        let width = widths.chain([PROVIDER.len()]).max().unwrap_or(0);
        let bold = Style::new().bold();
        let title = match (self.normalised, self.named) {
            (true, _) => "  log sources",
            (_, true) => "  name",
            _ => "",
        };
        out.push_str(&format!(
            "{bold}{:>9}  {PROVIDER:width$}  {:>5}{title}{bold:#}\n",
            "count", "id"
        ));
        for (row, name) in rows.iter().zip(names) {
            let id = row.id.map_or("-".to_owned(), |id| id.to_string());
            let last = if self.normalised { row.sources.join(", ") } else { escape(row.name) };
            let line = format!("{:>9}  {name:width$}  {id:>5}  {last}", row.count);
            out.push_str(line.trim_end());
            out.push('\n');
        }
        if self.others > 0 {
            out.push_str(&format!("{:>9}  of further kinds, not told apart\n", self.others));
        }
    }

    /// Adds an object of JSON for each kind, a line each.
    pub(super) fn push_lines(&self, out: &mut String) {
        for row in self.rows() {
            let mut object = Object::begin(out);
            object.number("count", row.count);
            object.text_if_any(PROVIDER, Some(row.provider).filter(|name| !name.is_empty()));
            if let Some(id) = row.id {
                object.number("id", id);
            }
            object.text_if_any("name", Some(row.name).filter(|name| !name.is_empty()));
            if self.normalised {
                push_list(object.key("log_sources"), row.sources, |out, source| {
                    push_text(out, source);
                });
            }
            object.end();
            out.push('\n');
        }
        if self.others > 0 {
            let mut object = Object::begin(out);
            object.number("count", self.others);
            object.key("others").push_str("true");
            object.end();
            out.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use etwatch_event::RecordBatch;

    use super::*;

    #[test]
    fn kinds_beyond_the_limit_are_counted_together() {
        let mut counts = Counts::default();
        let mut records = RecordBatch::default();
        for id in (0..).take(KINDS + 2) {
            let mut record = records.begin();
            record.set_event_id(id);
            record.finish();
        }
        for record in records.iter().chain(records.get(0)) {
            counts.add(&EventView::Record(record, None));
        }
        let mut lines = String::new();
        counts.push_lines(&mut lines);
        assert_eq!(lines.lines().count(), KINDS + 1);
        assert_eq!(lines.lines().next(), Some(r#"{"count":2,"id":0}"#));
        assert_eq!(lines.lines().last(), Some(r#"{"count":2,"others":true}"#));
        let mut table = String::new();
        counts.push_table(&mut table);
        assert!(table.ends_with("        2  of further kinds, not told apart\n"), "{table}");
    }
}
