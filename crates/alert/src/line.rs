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

use std::fmt::Write as _;

use etwatch_event::{FieldId, FieldValues, Value};
use etwatch_rules::sigma::Attributes;
use etwatch_rules::{Reasoning, Rule};

use crate::alert::{Alert, Process, Subject};
use crate::json::push_text;
use crate::object::{Object, push_list, push_values};

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

impl EventText {
    /// Adds all of it, behind what tells it from an alert.
    pub(crate) fn push(&self, out: &mut String) {
        out.push_str(&self.time);
        out.push_str(&self.acting);
        out.push_str(",\"event\":");
        out.push_str(&self.event);
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
    attributes_text(&rule.attributes, &rule.filters, &rule.file)
}

/// What an alert says of a document with these attributes, filters and file.
pub(crate) fn attributes_text(attributes: &Attributes, filters: &[String], file: &str) -> String {
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    object.text_if_any("id", attributes.id.as_deref());
    object.text("title", &attributes.title);
    object.text_if_any("level", attributes.level.map(etwatch_rules::Level::name));
    push_list(object.key("tags"), &attributes.tags, |out, tag| push_text(out, tag));
    object.text_if_any("author", attributes.author.as_deref());
    if !filters.is_empty() {
        push_list(object.key("filters"), filters, |out, filter| push_text(out, filter));
    }
    object.text("file", file);
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
            push_values(object.named(name), values.iter(), scratch);
        }
    }
    object.end();
}
