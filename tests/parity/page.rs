//! `docs/parity.md`, as the comparison found it.

use std::fmt::Write as _;

use etwatch_engine::Engine;
use etwatch_rules::RuleIndex;

use crate::compared::{Compared, Row};
use crate::differences::Reasons;

const HEAD: &str = "\
# One act in several recordings

What happens on a host is written down by several: by Sysmon, by Windows' own logs, by ETW. A rule should
fire whoever wrote it down. Here are acts, each in the forms it exists in, with the fields that the rules see in
the end: after names and spellings are brought into line, and after the memory of the host has added what
it knows. Below stand the rules (SigmaHQ's and those of `rules/`) that fire.

A small number behind a value, or behind the field that keeps a rule from firing, is that of the
[reason](#reasons); a field that is not there is `·`. Numbers are compared by value, text without case. The events
of ETW were encoded by the layouts that Windows has and read from `.etl` files; those of logs were read in two
shapes of JSON. The data is in `tests/parity`.

This page is written by `ETWATCH_BLESS=1 cargo test -p etwatch-cli --test parity`, which fails if a difference
has no reason or a reason no difference.
";

/// The whole page.
pub(crate) fn page(engine: &Engine, all: &[Compared], reasons: &Reasons) -> String {
    let mut page = String::from(HEAD);
    let mut of = "";
    for compared in all {
        if compared.of != of {
            of = &compared.of;
            write!(page, "\n## {of}\n").unwrap();
        }
        write!(page, "\n### {}\n\n", compared.act).unwrap();
        fields(&mut page, compared);
        rules(&mut page, engine, compared);
    }
    page.push_str("\n## Reasons\n\n| | form | reason |\n|---|---|---|\n");
    for (place, line) in reasons.lines().iter().enumerate() {
        writeln!(page, "| {} | {} | {} |", place + 1, line.form, line.reason).unwrap();
    }
    page
}

fn fields(page: &mut String, compared: &Compared) {
    let titles: Vec<_> = compared.forms.iter().map(|form| &*form.title).collect();
    writeln!(page, "| field | {} |", titles.join(" | ")).unwrap();
    writeln!(page, "|---|{}", "---|".repeat(titles.len())).unwrap();
    for Row { field, cells } in &compared.rows {
        let cells: Vec<_> = cells.iter().map(|(values, line)| cell(values, *line)).collect();
        writeln!(page, "| {field} | {} |", cells.join(" | ")).unwrap();
    }
}

fn cell(values: &Option<Vec<String>>, line: Option<usize>) -> String {
    let text = match values {
        None => "·".to_owned(),
        Some(values) => {
            let quoted: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            quoted.join(" ")
        }
    };
    line.map_or(text.clone(), |line| format!("{text} <sup>{line}</sup>"))
}

/// On one line, not too long, and without what would end a cell of a table.
fn quoted(value: &str) -> String {
    if value.is_empty() {
        return "(empty)".to_owned();
    }
    let mut short: String = value.chars().take(80).collect();
    if short.len() < value.len() {
        short.push('…');
    }
    let line: Vec<_> = short.split_whitespace().collect();
    format!("`{}`", line.join(" ").replace('|', "¦").replace('`', "'"))
}

fn rules(page: &mut String, engine: &Engine, compared: &Compared) {
    let title = |index: RuleIndex| {
        let rule = engine.rules.get(index).unwrap();
        quoted(&rule.attributes.title).replace('`', "")
    };
    let mut titles: Vec<_> = compared.everywhere.iter().map(|rule| title(*rule)).collect();
    titles.sort();
    match &*titles {
        [] => page.push_str("\nNo rule fires on all forms.\n"),
        _ => write!(page, "\nOn all forms: {}.\n", titles.join("; ")).unwrap(),
    }
    if compared.splits.is_empty() {
        return;
    }
    page.push_str("\n| rule | fires on | not on, because of |\n|---|---|---|\n");
    let mut lines: Vec<_> = compared
        .splits
        .iter()
        .map(|split| {
            let off = split.off.iter().map(|(form, fields)| {
                let fields = fields.iter().map(|(name, line)| format!("{name} <sup>{line}</sup>"));
                format!("{form}: {}", fields.collect::<Vec<_>>().join(", "))
            });
            let off = off.collect::<Vec<_>>().join("; ");
            format!("| {} | {} | {off} |\n", title(split.rule), split.on.join(", "))
        })
        .collect();
    lines.sort();
    page.push_str(&lines.concat());
}
