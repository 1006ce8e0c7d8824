//! The JSON form of an alert, one line without its end; `docs/alert.schema.json` describes it.
//!
//! It is written piece by piece and no tree is built. What alerts of one rule have in common is written
//! once for all of them, what alerts about one event have in common once for the event; both are copied
//! from there.
//!
//! ```text
//! {"id":…,"time":…,"rule":{…},"host":…,"process":{…},"conditions":[…],"matched":[…],"event":{…}}
//!    alert   event     rule     event        event          alert          alert        event
//! ```

use std::fmt::{Display, Write as _};

use etwatch_event::{FieldId, FieldValues, Value};
use etwatch_rules::{Reasoning, Rule};

use crate::alert::{Alert, Process, Subject};
use crate::json::push_text;

/// What the lines of all alerts about one event share.
#[derive(Debug, Default)]
pub(crate) struct EventText {
    /// Between id and rule.
    time: String,
    /// Between rule and what matched.
    acting: String,
    /// The end.
    event: String,
    scratch: String,
}

impl EventText {
    /// Takes the place of what was there.
    pub(crate) fn set(&mut self, subject: &Subject<'_>) {
        let Self { time, acting, event, scratch } = self;
        for text in [&mut *time, &mut *acting, &mut *event] {
            text.clear();
        }
        if let Some(known) = subject.time {
            let _ = write!(time, ",\"time\":\"{known}\"");
        }
        if let Some(host) = &subject.host {
            acting.push_str(",\"host\":");
            push_text(acting, host);
        }
        if let Some(process) = &subject.process {
            acting.push_str(",\"process\":");
            push_process(acting, process);
        }
        push_event(event, subject, scratch);
    }
}

/// The line of an alert; `rule` is its [`rule_text`], `event` that of its event.
pub(crate) fn push_line(out: &mut String, alert: &Alert<'_>, rule: &str, event: &EventText) {
    let matched = 96 * alert.matched.len() + 96;
    let shared = rule.len() + event.time.len() + event.acting.len() + event.event.len();
    out.reserve(shared + matched);
    out.push_str("{\"id\":\"");
    out.push_str(alert.id);
    out.push('"');
    out.push_str(&event.time);
    out.push_str(",\"rule\":");
    out.push_str(rule);
    out.push_str(&event.acting);
    if !alert.conditions.is_empty() {
        out.push_str(",\"conditions\":");
        push_list(out, alert.conditions, |out, condition| push_text(out, condition));
    }
    out.push_str(",\"matched\":");
    push_list(out, alert.matched, push_matched);
    out.push_str(",\"event\":");
    out.push_str(&event.event);
    out.push('}');
}

/// What an alert says of its rule.
pub(crate) fn rule_text(rule: &Rule) -> String {
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    let attributes = &rule.attributes;
    object.text_if_any("id", attributes.id.as_deref());
    object.text("title", &attributes.title);
    object.text_if_any("level", attributes.level.map(etwatch_rules::Level::name));
    push_list(object.key("tags"), &attributes.tags, |out, tag| push_text(out, tag));
    object.text_if_any("author", attributes.author.as_deref());
    if !rule.filters.is_empty() {
        push_list(object.key("filters"), &rule.filters, |out, filter| push_text(out, filter));
    }
    object.text("file", &rule.file);
    object.end();
    out
}

fn push_process(out: &mut String, process: &Process<'_>) {
    let mut object = Object::begin(out);
    object.text_if_any("key", process.key.as_deref());
    if let Some(pid) = process.pid {
        object.number("pid", pid);
    }
    object.text_if_any("image", process.image.as_deref());
    object.text_if_any("command_line", process.command_line.as_deref());
    object.text_if_any("user", process.user.as_deref());
    if let Some(parent) = &process.parent {
        push_process(object.key("parent"), parent);
    }
    object.end();
}

fn push_matched(out: &mut String, reason: &Reasoning<'_>) {
    let mut object = Object::begin(out);
    object.text("detection", reason.detection);
    for (key, text) in [("item", reason.item), ("field", reason.field)] {
        object.text_if_any(key, Some(text).filter(|text| !text.is_empty()));
    }
    object.text("pattern", &reason.pattern);
    object.text_if_any("value", reason.value.as_deref());
    object.end();
}

fn push_event(out: &mut String, subject: &Subject<'_>, scratch: &mut String) {
    let event = &subject.event;
    let mut object = Object::begin(out);
    object.text_if_any("provider", subject.text(FieldId::PROVIDER_NAME).as_deref());
    object.text_if_any("channel", subject.text(FieldId::CHANNEL).as_deref());
    if let Some(id) = subject.text(FieldId::EVENT_ID).and_then(|id| id.parse::<u64>().ok()) {
        object.number("id", id);
    }
    push_list(object.key("log_sources"), event.log_sources(), |out, source| {
        push_text(out, &source.to_string());
    });
    let mut source = Object::begin(object.key("source"));
    source.text("file", subject.file);
    source.number("record", event.origin().record);
    source.end();
    push_fields(object.key("fields"), &subject.fields, scratch);
    object.end();
}

fn push_fields(out: &mut String, fields: &[(&str, FieldValues<'_>)], scratch: &mut String) {
    let is_structure = |values: &FieldValues<'_>| {
        values.first().is_some() && values.iter().all(|value| value == Value::Structure)
    };
    let mut object = Object::begin(out);
    let mut told = fields.iter().filter(|(_, values)| !is_structure(values)).peekable();
    while let Some((name, values)) = told.next() {
        // Should two fields have the same name, the last is told.
        if told.peek().is_none_or(|(next, _)| next != name) {
            push_values(object.named(name), values, scratch);
        }
    }
    object.end();
}

/// The value, or a list if there is not exactly one.
fn push_values(out: &mut String, values: &FieldValues<'_>, scratch: &mut String) {
    let mut told = values.iter().filter(|value| *value != Value::Structure);
    match (told.next(), told.next()) {
        (Some(value), None) => push_value(out, &value, scratch),
        (first, second) => {
            let all: Vec<_> = first.into_iter().chain(second).chain(told).collect();
            push_list(out, &all, |out, value| push_value(out, value, scratch));
        }
    }
}

/// A value as JSON has it. Structures, whose parts are fields of their own, don't come here.
fn push_value(out: &mut String, value: &Value<'_>, scratch: &mut String) {
    match value {
        // JSON has no number for some of them.
        Value::Float(number) => push_display(out, &serde_json::Value::from(*number)),
        Value::Unsigned(_) | Value::Signed(_) | Value::Boolean(_) => {
            out.push_str(value.text(scratch).unwrap_or_default());
        }
        value => match value.text(scratch) {
            Some(text) => push_text(out, text),
            None => out.push_str("null"),
        },
    }
}

fn push_display(out: &mut String, value: &impl Display) {
    // Writing to a text can't fail.
    let _ = write!(out, "{value}");
}

fn push_list<T>(out: &mut String, items: &[T], mut push: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

/// An object that is being written.
struct Object<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> Object<'o> {
    fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }
    fn end(self) {
        self.out.push('}');
    }
    /// Where the value of the next member is to be written.
    fn named(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        push_text(self.out, name);
        self.out.push(':');
        self.out
    }
    /// The same for a name in which nothing has to be escaped.
    fn key(&mut self, name: &'static str) -> &mut String {
        self.out.push_str(if self.empty { "\"" } else { ",\"" });
        self.empty = false;
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }
    fn text(&mut self, key: &'static str, text: &str) {
        push_text(self.key(key), text);
    }
    fn text_if_any(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }
    fn number(&mut self, key: &'static str, number: impl Display) {
        push_display(self.key(key), &number);
    }
}
