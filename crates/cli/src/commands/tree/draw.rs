//! Trees for people.
//!
//! ```text
//! WS-ONE
//! └─ ≤ 2026-05-04 08:00:05    2100  explorer.exe  ONE\eva  C:\Windows\explorer.exe
//!    ├─ 2026-05-04 08:00:10    4400  powershell.exe  ONE\eva  (30.0 s)  powershell.exe -File C:\daily.ps1
//!    └─ 2026-05-04 09:10:00    3300  WINWORD.EXE  ONE\eva  WINWORD.EXE /n invoice.docm
//!       │    HIGH  Office Program Starts a Shell
//!       └─ …
//! ```
//!
//! `≤` stands before the time at which a process was first seen whose start was not recorded; behind a process
//! that ended stands how long it ran. A line is cut to the width that is asked for; colours take none of it and
//! are written always, the writer takes them away where they do not belong.

use anstyle::Style;
use etwatch_alert::pretty::{escape, harmless, level_style};

use super::alerts::{Alerts, RuleAlerts};
use super::forest::Forest;
use crate::processes::show::{NO_HOST, duration, seconds, short};
use crate::processes::{Process, ProcessIndex, Processes};

/// The characters that lines are made of.
pub(super) struct Lines {
    /// Before a child that has younger siblings, and before the last one.
    child: &'static str,
    last: &'static str,
    /// Before what lies below these.
    below: &'static str,
    /// Before the time of a start that was not recorded.
    before: &'static str,
    /// How often.
    times: &'static str,
    /// Behind what is cut.
    cut: &'static str,
}

/// Box-drawing characters.
pub(super) const BOXES: Lines =
    Lines {
        child: "├─ ", last: "└─ ", below: "│  ", before: "≤ ", times: "×", cut: "…"
    };
/// The same in ASCII.
pub(super) const ASCII: Lines =
    Lines { child: "|- ", last: "`- ", below: "|  ", before: "<= ", times: "x", cut: "..." };
const NOTHING: &str = "   ";

/// Draws trees.
pub(super) struct Drawing<'d> {
    pub(super) processes: &'d Processes,
    pub(super) forest: &'d Forest,
    pub(super) alerts: &'d Alerts,
    pub(super) lines: Lines,
    /// Characters of a line.
    pub(super) width: usize,
}

impl Drawing<'_> {
    /// Adds all trees.
    pub(super) fn push(&self, out: &mut String) {
        for (host, roots) in &self.forest.hosts {
            let alerts = self.alerts.of_host(Some(*host));
            if roots.is_empty() && alerts.is_empty() {
                continue;
            }
            let bold = Style::new().bold();
            let name = escape(self.processes.hosts.name(*host).unwrap_or(NO_HOST));
            out.push_str(&format!("{bold}{name}{bold:#}\n"));
            self.push_below(out, roots, &mut String::new());
            self.push_alerts(out, alerts, NOTHING, ", of no process that is known");
            out.push('\n');
        }
        self.push_alerts(out, self.alerts.of_host(None), "", ", of no host that is known");
    }

    /// Adds processes that have one parent; what they do not start with is `prefix`.
    fn push_below(&self, out: &mut String, siblings: &[ProcessIndex], prefix: &mut String) {
        for (number, index) in (1..).zip(siblings) {
            let Some(process) = self.processes.get(*index) else { continue };
            let is_last = number == siblings.len();
            let lines = &self.lines;
            let joint = if is_last { lines.last } else { lines.child };
            let is_root = prefix.is_empty();
            self.push_process(out, process, &format!("{prefix}{joint}"), is_root);
            let before = prefix.len();
            prefix.push_str(if is_last { NOTHING } else { lines.below });
            let children = self.forest.children(*index);
            let below = if children.is_empty() { NOTHING } else { lines.below };
            self.push_alerts(out, self.alerts.of(*index), &format!("{prefix}{below}"), "");
            // Not deeper than a forest is.
            self.push_below(out, children, prefix);
            prefix.truncate(before);
        }
    }

    fn push_process(&self, out: &mut String, process: &Process, prefix: &str, is_root: bool) {
        let Lines { before, .. } = self.lines;
        let before = if process.start.is_some() { "" } else { before };
        let since = seconds(process.since());
        let pid = process.pid.map_or("-".to_owned(), |pid| pid.to_string());
        let image = match process.file_name() {
            "" => "unknown image".to_owned(),
            name => harmless(name),
        };
        let bold = Style::new().bold();
        let dim = Style::new().dimmed();
        let mut parts =
            vec![(Style::new(), format!("{prefix}{before}{since}  {pid:>6}  ")), (bold, image)];
        if let Some(user) = &process.user {
            parts.push((Style::new(), format!("  {}", harmless(user))));
        }
        if let Some(end) = process.end {
            parts.push((
                Style::new(),
                match process.start {
                    Some(start) => format!("  ({})", duration(start, end)),
                    None => format!("  (ended {})", seconds(end)),
                },
            ));
        }
        if is_root
            && let Some(parent) = process.parent.and_then(|parent| self.processes.get(parent))
        {
            parts.push((Style::new(), format!("  below {}", harmless(&short(parent)))));
        }
        if let Some(shown) = process.command_line.as_deref().or(process.image.as_deref()) {
            parts.push((dim, format!("  {}", escape(shown))));
        }
        self.push_line(out, &parts);
    }

    fn push_alerts(&self, out: &mut String, alerts: &[RuleAlerts], prefix: &str, what: &str) {
        for one in alerts {
            let style = level_style(one.level.as_deref());
            let level = one.level.as_deref().unwrap_or("no level").to_uppercase();
            let count = match one.count {
                1 => String::new(),
                many => format!("  {}{many}", self.lines.times),
            };
            let title = harmless(&one.title);
            self.push_line(
                out,
                &[
                    (Style::new(), format!("{prefix}  ")),
                    (style, level),
                    (Style::new(), format!("  {title}{count}{what}")),
                ],
            );
        }
    }

    /// Adds a line, cut to the width.
    fn push_line(&self, out: &mut String, parts: &[(Style, String)]) {
        let cut = self.lines.cut;
        let all: usize = parts.iter().map(|(_, text)| text.chars().count()).sum();
        let fits = all <= self.width;
        let mut room = if fits { all } else { self.width.saturating_sub(cut.chars().count()) };
        for (style, text) in parts {
            let end = text.char_indices().nth(room).map_or(text.len(), |(end, _)| end);
            let shown = text.get(..end).unwrap_or_default();
            room -= shown.chars().count();
            out.push_str(&format!("{style}{shown}{style:#}"));
        }
        if !fits {
            out.push_str(cut);
        }
        out.push('\n');
    }
}
