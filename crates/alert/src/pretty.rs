//! A few lines an alert, for people.
//!
//! ```text
//! HIGH      Registry hive with account secrets saved to a file
//!           2026-04-09 11:20:31 on SRV-FILE01, process_creation, attack.t1003.002
//!           C:\Windows\System32\reg.exe (pid 6732)
//!             reg save HKLM\SAM C:\Temp\s.hiv
//!             by C:\Windows\System32\cmd.exe
//!           because Image|endswith '\reg.exe', CommandLine|contains ' save '
//!           fixtures/credential-access/registry-hive-save.jsonl, record 14
//! ```
//!
//! Colours are written always; the writer takes them away where they do not belong. What could act on
//! a terminal (control characters, turned writing direction) is shown by its code instead.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use etwatch_rules::{Level, Rule};

use crate::alert::{Alert, Process, Subject};
use crate::json::is_active;
use crate::sink::{Form, Sink, SinkError};

/// Characters of one value that are shown; JSON has all of it.
const SHOWN: usize = 400;
pub(crate) const INDENT: &str = "          ";

/// Writes alerts in a form for people.
pub struct PrettySink<W> {
    out: W,
    accepted: u64,
    acknowledged: u64,
}

impl<W: Write + Send> PrettySink<W> {
    /// A sink that writes to `out`, with colours.
    pub fn new(out: W) -> Self {
        Self { out, accepted: 0, acknowledged: 0 }
    }
}

fn failed(source: io::Error) -> SinkError {
    SinkError::Io { sink: "standard output".to_owned(), source }
}

impl<W: Write + Send> Sink for PrettySink<W> {
    fn name(&self) -> &'static str {
        "standard output"
    }
    fn form(&self) -> Form {
        Form::Pretty
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        self.out.write_all(alert.as_bytes()).map_err(failed)?;
        self.accepted += 1;
        Ok(())
    }
    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.out.flush().map_err(failed)?;
        self.acknowledged = self.accepted;
        Ok(())
    }
}

/// The style of a level.
#[must_use]
pub fn level_style(level: Option<&str>) -> Style {
    let colour = match level {
        Some("critical") => AnsiColor::Magenta,
        Some("high") => AnsiColor::Red,
        Some("medium") => AnsiColor::Yellow,
        Some("low") => AnsiColor::Cyan,
        _ => AnsiColor::White,
    };
    colour.on_default().bold()
}

/// `text` with everything that could act on a terminal shown by its code, cut to a sane length.
#[must_use]
pub fn harmless(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => escape(text.get(..end).unwrap_or_default()) + "…",
        None => escape(text),
    }
}

/// `text` with everything that could act on a terminal shown by its code, whatever its length.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if is_active(letter) => out.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out
}

/// Adds an alert.
pub(crate) fn push_lines(text: &mut String, alert: &Alert<'_>) {
    let Alert { rule, subject, .. } = alert;
    let level = rule.attributes.level.map(Level::name);
    let style = level_style(level);
    let word = level.unwrap_or("no level").to_uppercase();
    let bold = Style::new().bold();
    text.push_str(&format!(
        "{style}{word:9}{style:#} {bold}{}{bold:#}\n",
        harmless(&rule.attributes.title)
    ));
    let mut line = |content: String| text.push_str(&format!("{INDENT}{content}\n"));
    line(when_and_where(rule, subject));
    if let Some(process) = &subject.process {
        process_lines(process).into_iter().for_each(&mut line);
    }
    line(format!("because {}", reasons(alert)));
    let dim = Style::new().dimmed();
    let record = subject.event.origin().record;
    line(format!("{dim}{}, record {record}{dim:#}", harmless(subject.file)));
    text.push('\n');
}

/// When and on which host.
pub(crate) fn when(subject: &Subject<'_>) -> String {
    // 2026-04-09T11:20:31.1234567Z: to the second is enough here.
    let time = subject.time.map(|time| time.to_string());
    let time = time.as_deref().and_then(|time| time.get(..19)).unwrap_or("at an unknown time");
    let host = harmless(subject.host.as_deref().unwrap_or("an unknown host"));
    format!("{} on {host}", time.replace('T', " "))
}

fn when_and_where(rule: &Rule, subject: &Subject<'_>) -> String {
    let mut parts = vec![when(subject)];
    let sources = subject.event.log_sources().iter().map(ToString::to_string);
    let kinds: Vec<_> =
        sources.filter_map(|source| source.split('/').nth(1).map(str::to_owned)).collect();
    if !kinds.is_empty() {
        parts.push(kinds.join(" and "));
    }
    let techniques = rule.attributes.tags.iter().filter(|tag| tag.starts_with("attack.t"));
    parts.extend(techniques.map(|tag| harmless(tag)));
    parts.join(", ")
}

pub(crate) fn process_lines(process: &Process<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let image = process.image.as_deref().unwrap_or("a process without a known image");
    let pid = process.pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
    let user =
        process.user.as_deref().map_or(String::new(), |user| format!(" as {}", harmless(user)));
    lines.push(format!("{}{pid}{user}", harmless(image)));
    if let Some(command_line) = &process.command_line {
        lines.push(format!("  {}", harmless(command_line)));
    }
    if let Some(image) = process.parent.as_ref().and_then(|parent| parent.image.as_deref()) {
        lines.push(format!("  by {}", harmless(image)));
    }
    lines
}

/// The items that held; those of one key together. Of a list of conditions those that held come first.
fn reasons(alert: &Alert<'_>) -> String {
    let mut parts: Vec<String> = Vec::new();
    for matched in alert.matched {
        let item = if matched.item.is_empty() { "keyword" } else { matched.item };
        let part = format!("{} '{}'", harmless(item), harmless(&matched.pattern));
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let items = if parts.is_empty() {
        "nothing that the rule excludes is there".to_owned()
    } else {
        parts.join(", ")
    };
    if alert.conditions.is_empty() {
        return items;
    }
    let held: Vec<_> =
        alert.conditions.iter().map(|text| format!("`{}`", harmless(text))).collect();
    format!("of {}: {items}", held.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_act_on_a_terminal_is_shown_by_its_code() {
        assert_eq!(
            harmless("a\u{1b}[2J\u{9b}31m\r\n\u{202e}b"),
            "a\\u{1b}[2J\\u{9b}31m\\r\\n\\u{202e}b"
        );
        assert_eq!(harmless(&"x".repeat(500)).chars().count(), SHOWN + 1);
    }
}
