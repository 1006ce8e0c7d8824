//! Alerts of correlations: which group, what its window came to, and the chain of events.
//!
//! ```text
//! {"id":…,"time":…,"rule":{…},"host":…,"correlation":{…},"events":[…]}
//! ```
//!
//! What is told of each event was written when it came, see `evidence`.

use anstyle::Style;
use etwatch_correlate::{CorrelationMatch, Loss, Planned};
use etwatch_event::Timestamp;
use etwatch_rules::Level;
use etwatch_rules::sigma::value::Number;
use serde_json::Value;

use crate::id::correlation_id;
use crate::json::push_text;
use crate::line::attributes_text;
use crate::object::Object;
use crate::pretty::{INDENT, harmless, level_style};

/// Adds the JSON form.
pub(crate) fn push_line(out: &mut String, found: &CorrelationMatch) {
    let Some(planned) = found.planned() else { return };
    let correlation = &planned.correlation;
    let mut object = Object::begin(out);
    object.text("id", &correlation_id(found));
    object.text("time", &found.last.to_string());
    let rule = attributes_text(&correlation.attributes, &[], &correlation.file);
    object.key("rule").push_str(&rule);
    object.text_if_any("host", Some(&*found.host).filter(|host| !host.is_empty()));
    let mut own = Object::begin(object.key("correlation"));
    own.text("type", correlation.kind.name());
    own.number("timespan", correlation.timespan.as_secs());
    let mut group = Object::begin(own.key("group"));
    for (name, value) in &found.group {
        push_text(group.named(name), value);
    }
    group.end();
    own.key("value").push_str(&number(found.measure));
    own.number("count", found.count);
    own.text("first", &found.first.to_string());
    own.text("last", &found.last.to_string());
    if !found.loss.is_none() {
        own.text("confidence", "reduced");
        let mut lost = Object::begin(own.key("missing"));
        for (name, count) in losses(&found.loss) {
            lost.number(name, count);
        }
        lost.end();
    }
    own.end();
    let events = object.key("events");
    events.push('[');
    events.push_str(&found.events.join(","));
    events.push(']');
    object.end();
}

/// What was lost, by what it was.
fn losses(loss: &Loss) -> impl Iterator<Item = (&'static str, u64)> {
    let Loss { lost, dropped, unreadable, late } = *loss;
    let all = [("lost", lost), ("dropped", dropped), ("unreadable", unreadable), ("late", late)];
    all.into_iter().filter(|(_, count)| *count > 0)
}

/// A number as JSON has it.
fn number(number: Number) -> String {
    match number {
        Number::Integer(number) => number.to_string(),
        Number::Float(number) => Value::from(number).to_string(),
    }
}

/// Adds the form for people.
pub(crate) fn push_lines(out: &mut String, found: &CorrelationMatch) {
    let Some(planned) = found.planned() else { return };
    let attributes = &planned.correlation.attributes;
    let level = attributes.level.map(Level::name);
    let style = level_style(level);
    let word = level.unwrap_or("no level").to_uppercase();
    let bold = Style::new().bold();
    let title = harmless(&attributes.title);
    out.push_str(&format!("{style}{word:9}{style:#} {bold}{title}{bold:#}\n"));
    let mut line = |content: String| out.push_str(&format!("{INDENT}{content}\n"));
    let host = if found.host.is_empty() { "an unknown host" } else { &*found.host };
    let mut about = vec![format!("{} on {}", moment(found.last), harmless(host))];
    let techniques = attributes.tags.iter().filter(|tag| tag.starts_with("attack.t"));
    about.extend(techniques.map(|tag| harmless(tag)));
    line(about.join(", "));
    if !found.group.is_empty() {
        let group = found.group.iter();
        let group: Vec<_> =
            group.map(|(name, value)| format!("{} {}", harmless(name), harmless(value))).collect();
        line(format!("for {}", group.join(", ")));
    }
    line(came_to(planned, found));
    let dim = Style::new().dimmed();
    for event in events(found) {
        line(format!("  {}", event.what));
        line(format!("    {dim}{}{dim:#}", event.place));
    }
    if !found.loss.is_none() {
        let lost: Vec<_> =
            losses(&found.loss).map(|(name, count)| format!("{count} {name}")).collect();
        line(format!("confidence reduced: events are missing in its time ({})", lost.join(", ")));
    }
    out.push('\n');
}

/// To the second: 2026-04-09 11:20:31.
fn moment(time: Timestamp) -> String {
    time.to_string().get(..19).unwrap_or_default().replace('T', " ")
}

fn came_to(planned: &Planned, found: &CorrelationMatch) -> String {
    let kind = planned.correlation.kind;
    let seconds = planned.correlation.timespan.as_secs();
    let shown: usize = events(found).len();
    let more = found.count.saturating_sub(shown as u64);
    let more = if more > 0 { format!(", the last {shown} are") } else { String::new() };
    let value = number(found.measure);
    format!(
        "because {} {value} of {} events within {}{more}:",
        kind.name(),
        found.count,
        span(seconds)
    )
}

/// A span of time in the largest unit that divides it.
fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}

/// What is shown of an event.
struct Shown {
    what: String,
    place: String,
}

fn events(found: &CorrelationMatch) -> Vec<Shown> {
    let all = format!("[{}]", found.events.join(","));
    let Ok(Value::Array(events)) = serde_json::from_str(&all) else { return Vec::new() };
    events.iter().map(shown).collect()
}

fn shown(event: &Value) -> Shown {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).map(harmless);
    let number = |path: &str| event.pointer(path).and_then(Value::as_u64);
    let time = event.pointer("/time").and_then(Value::as_str).and_then(|time| time.get(11..19));
    let title = text("/rule/title").unwrap_or_default();
    let image = text("/process/image");
    let pid = number("/process/pid").map_or(String::new(), |pid| format!(" (pid {pid})"));
    let matched = event.pointer("/matched").and_then(Value::as_object).into_iter().flatten();
    let matched: String = matched
        .filter(|(name, _)| **name != "EventID")
        .filter_map(|(name, value)| Some((name, harmless(value.as_str()?))))
        .filter(|(_, value)| Some(value) != image.as_ref())
        .map(|(name, value)| format!(", {} {value}", harmless(name)))
        .collect();
    let image = image.map_or(String::new(), |image| format!(": {image}"));
    let time = harmless(time.unwrap_or("at an unknown time"));
    let file = text("/event/source/file").unwrap_or_default();
    let place = format!("{file}, record {}", number("/event/source/record").unwrap_or(0));
    Shown { what: format!("{time} {title}{image}{pid}{matched}"), place }
}
