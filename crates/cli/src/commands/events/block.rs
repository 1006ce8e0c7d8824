//! An event as a few lines, for people.
//!
//! ```text
//! Microsoft-Windows-Sysmon 1  2026-03-02T09:06:21.6340000Z
//!   windows/process_creation/sysmon
//!   EventID      1
//!   Image        C:\Windows\System32\rundll32.exe
//!   Hashes       A
//!                B
//!   stack
//!     ntdll.dll+0x9d4e4
//!   case.evtx, record 10284
//! ```
//!
//! Colours are written always; the writer takes them away where they do not belong. What could act on a
//! terminal is shown by its code; nothing is cut.

use anstyle::{AnsiColor, Style};
use etwatch_alert::pretty::escape;

use crate::event_view::EventView;

/// Names longer than this do not push all values to the right.
const NAME_WIDTH: usize = 32;

/// Adds the lines of an event; with `text`, what the recording has, in place of the fields.
pub(super) fn push(out: &mut String, event: &EventView<'_>, text: Option<&str>) {
    let bold = Style::new().bold();
    let provider = event.provider();
    let provider = if provider.is_empty() { "unknown provider" } else { &*provider };
    let id = event.id().map_or(String::new(), |id| format!(" {id}"));
    let name = event.name();
    let name = if name.is_empty() { String::new() } else { format!(" {}", escape(&name)) };
    out.push_str(&format!("{bold}{}{id}{bold:#}{name}  {}\n", escape(provider), event.time()));
    if let Some(sources) = event.log_sources().filter(|sources| !sources.is_empty()) {
        let sources: Vec<_> = sources.iter().map(ToString::to_string).collect();
        let style = AnsiColor::Cyan.on_default();
        out.push_str(&format!("  {style}{}{style:#}\n", sources.join(", ")));
    }
    match text {
        Some(text) => {
            for line in text.trim().split('\n') {
                out.push_str(&format!("  {}\n", escape(line.trim_end_matches('\r'))));
            }
        }
        None => push_fields(out, event),
    }
}

/// Adds the addresses of its stack, a line each.
pub(super) fn push_stack(out: &mut String, frames: &[String]) {
    let style = AnsiColor::Cyan.on_default();
    out.push_str(&format!("  {style}stack{style:#}\n"));
    for frame in frames {
        out.push_str(&format!("    {}\n", escape(frame)));
    }
}

/// Adds where it comes from and an empty line.
pub(super) fn push_source(out: &mut String, event: &EventView<'_>, file: &str) {
    let dim = Style::new().dimmed();
    let number = event.number();
    out.push_str(&format!("  {dim}{}, record {number}{dim:#}\n\n", escape(file)));
}

fn push_fields(out: &mut String, event: &EventView<'_>) {
    let style = AnsiColor::Cyan.on_default();
    let dim = Style::new().dimmed();
    let mut scratch = String::new();
    let fields: Vec<_> =
        event.fields().into_iter().map(|field| (escape(field.name), field.values)).collect();
    let widths = fields.iter().map(|(name, _)| name.chars().count());
    let width = widths.filter(|width| *width <= NAME_WIDTH).max().unwrap_or(0);
    for (name, values) in fields {
        let mut label = name.as_str();
        if values.is_empty() {
            out.push_str(&format!("  {style}{label:width$}{style:#}  {dim}no value{dim:#}\n"));
        }
        for value in &values {
            let mut shown = match value.text(&mut scratch) {
                Some(text) => escape(text),
                None => format!("{dim}null{dim:#}"),
            };
            if event.value_name(&name, value, &mut scratch) {
                shown.push_str(&format!(" {dim}({}){dim:#}", escape(&scratch)));
            }
            if shown.is_empty() {
                out.push_str(&format!("  {style}{label}{style:#}\n"));
            } else {
                out.push_str(&format!("  {style}{label:width$}{style:#}  {shown}\n"));
            }
            label = "";
        }
    }
}
