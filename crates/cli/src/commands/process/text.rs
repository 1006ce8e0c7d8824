//! A story for people: who it is, then each section with its first acts.
//!
//! ```text
//! rundll32.exe (pid 2716)
//!   host          WS-ANNA
//!   image         C:\Windows\System32\rundll32.exe
//!   time          2026-03-02 09:06:21 to 09:06:23 (2.120 s)
//!   parents       cmd.exe (pid 5112) ◂ explorer.exe (pid 4312)
//!
//!   DNS names: 1, 3 times in all
//!         3  2026-03-02 09:06:21 to 09:06:22   lookup  www.example.com  203.0.113.80
//! ```
//!
//! Colours are written always; the writer takes them away where they do not belong. What could act on a
//! terminal is shown by its code.

use anstyle::{AnsiColor, Style};
use etwatch_alert::pretty::{escape, harmless};

use super::looked_up::LookedUp;
use super::story::{Acts, Flow, Row, Section, Story, Tally};
use crate::processes::show::{NO_HOST, duration, seconds, seconds_after, short};
use crate::processes::{Process, Processes};

/// Adds a story with at most `most` acts of each section.
pub(super) fn push(out: &mut String, story: &Story, processes: &Processes, most: usize) {
    let Some(process) = processes.get(story.process) else { return };
    let style = AnsiColor::Green.on_default().bold();
    out.push_str(&format!("{style}{}{style:#}\n", escape(&short(process))));
    for (name, value) in head(story, process, processes) {
        let style = AnsiColor::Cyan.on_default();
        out.push_str(&format!("  {style}{name:13}{style:#} {value}\n"));
    }
    let looked_up = LookedUp::of(story);
    for (section, _, title) in Section::ALL {
        if let Some(acts) = story.sections.get(section) {
            push_section(out, title, acts, &looked_up, most);
        }
    }
    out.push('\n');
}

/// What is known of the process, line by line.
fn head(story: &Story, process: &Process, processes: &Processes) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut add = |name, value: Option<&str>| {
        lines.extend(value.map(|value| (name, escape(value))));
    };
    add("host", Some(processes.hosts.name(process.host).unwrap_or(NO_HOST)));
    add("image", process.image.as_deref());
    add("command line", process.command_line.as_deref());
    add("guid", process.guid.map(|guid| guid.to_string()).as_deref());
    add("user", process.user.as_deref());
    add("integrity", process.integrity.as_deref());
    lines.push(("time", lifetime(process)));
    let parents = processes.ancestors(story.process);
    if !parents.is_empty() {
        let parents: Vec<_> = parents.into_iter().map(|parent| escape(&short(parent))).collect();
        lines.push(("parents", parents.join(" ◂ ")));
    }
    let mut events = story.events.to_string();
    match story.descendants {
        0 => {}
        1 => events.push_str(", with those of 1 descendant"),
        many => events.push_str(&format!(", with those of {many} descendants")),
    }
    if story.before_known > 0 {
        let before = story.before_known;
        events.push_str(&format!("; {before} more came before it was known to be meant"));
    }
    lines.push(("events", events));
    lines
}

/// From when to when it ran, as far as that was recorded.
fn lifetime(process: &Process) -> String {
    let from = match process.start {
        Some(start) => seconds(start),
        None => format!("start not recorded, first seen {}", seconds(process.first)),
    };
    match (process.start, process.end) {
        (Some(start), Some(end)) => {
            format!("{from} to {} ({})", seconds_after(start, end), duration(start, end))
        }
        (None, Some(end)) => format!("{from}, ended {}", seconds_after(process.first, end)),
        (_, None) => {
            let last = seconds_after(process.since(), process.last);
            format!("{from}, end not recorded, last seen {last}")
        }
    }
}

fn push_section(out: &mut String, title: &str, acts: &Acts, looked_up: &LookedUp<'_>, most: usize) {
    let rows = acts.rows();
    let bold = Style::new().bold();
    let (different, count) = (rows.len(), acts.all.count);
    out.push_str(&format!("\n  {bold}{title}{bold:#}: {different}"));
    if count != different as u64 {
        out.push_str(&format!(", {count} times in all"));
    }
    out.push('\n');
    let shown = rows.get(..most).unwrap_or(&rows);
    let widths = Widths {
        span: shown.iter().map(|row| span(&row.act.tally).len()).max().unwrap_or(0),
        action: shown.iter().map(|row| row.action.len()).max().unwrap_or(0),
    };
    for row in shown {
        out.push_str(line(row, looked_up, widths).trim_end());
        out.push('\n');
    }
    let more = different - shown.len();
    if more > 0 {
        out.push_str(&format!("           and {more} more\n"));
    }
    if acts.beyond > 0 {
        out.push_str(&format!("           and {} events that are not told apart\n", acts.beyond));
    }
}

/// Widths of columns.
#[derive(Clone, Copy)]
struct Widths {
    span: usize,
    action: usize,
}

/// When first, and when last if that is another second.
fn span(tally: &Tally) -> String {
    let first = seconds(tally.first);
    if seconds(tally.last) == first {
        return first;
    }
    format!("{first} to {}", seconds_after(tally.first, tally.last))
}

fn line(row: &Row<'_>, looked_up: &LookedUp<'_>, widths: Widths) -> String {
    let Row { action, object, act } = row;
    let Widths { span: span_width, action: width } = widths;
    let (count, span, object) = (act.tally.count, span(&act.tally), harmless(object));
    let mut line = format!("    {count:>5}  {span:span_width$}  {action:width$}  {object}");
    let dim = Style::new().dimmed();
    let mut details: Vec<_> = act.details.iter().map(|detail| harmless(detail)).collect();
    if let Some(flow) = &act.flow {
        details.extend(flow_details(flow, looked_up));
    }
    if act.details_left_out > 0 {
        details.push(format!("and others in {} events", act.details_left_out));
    }
    if !details.is_empty() {
        line.push_str(&format!("  {dim}{}{dim:#}", details.join(" | ")));
    }
    line
}

/// The names of the other end, what was made and accepted, what passed.
fn flow_details(flow: &Flow, looked_up: &LookedUp<'_>) -> Vec<String> {
    let mut details: Vec<_> = flow.names.iter().map(|name| harmless(name)).collect();
    if details.is_empty() {
        let names = looked_up.names(flow.remote.address);
        details.extend(names.iter().map(|name| format!("{} by its lookup", harmless(name))));
    }
    if flow.made > 0 {
        details.push(format!("{} made", flow.made));
    }
    if flow.accepted > 0 {
        let ports: Vec<_> = flow.local_ports.iter().map(ToString::to_string).collect();
        details.push(format!("{} accepted on port {}", flow.accepted, ports.join(", ")));
    }
    if flow.sent + flow.received > 0 {
        details.push(format!("{} bytes sent, {} received", flow.sent, flow.received));
    }
    details
}
