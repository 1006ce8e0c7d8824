//! What the alert of a correlation tells of one event that contributed to it.
//!
//! The window of a correlation outlives its events, so what is to be told of each is written when it comes,
//! small: when, by which rule, where the record lies, which process, and what the rule's items were true of.
//!
//! ```text
//! {"time":…,"rule":{"id":…,"title":…},"process":{…},"event":{…},"matched":{"ImageLoaded":"C:\\x.dll"}}
//! ```

use std::sync::Arc;

use etwatch_event::FieldId;
use etwatch_rules::{Reasoning, Rule};

use crate::alert::Subject;
use crate::json::push_text;
use crate::object::Object;

/// Bytes of one value that are told; the record has all of it.
const MOST_BYTES: usize = 256;
/// Fields that are told.
const MOST_FIELDS: usize = 16;

/// One line of JSON about an event, for the alerts of correlations that refer to `rule`.
pub(crate) fn evidence(rule: &Rule, subject: &Subject<'_>, matched: &[Reasoning<'_>]) -> Arc<str> {
    let mut out = String::with_capacity(512);
    let mut object = Object::begin(&mut out);
    if let Some(time) = subject.time {
        object.text("time", &time.to_string());
    }
    let mut of_rule = Object::begin(object.key("rule"));
    of_rule.text_if_any("id", rule.attributes.id.as_deref());
    of_rule.text("title", &rule.attributes.title);
    of_rule.end();
    if let Some(process) = &subject.process {
        let mut of_process = Object::begin(object.key("process"));
        of_process.text_if_any("key", process.key.as_deref());
        if let Some(pid) = process.pid {
            of_process.number("pid", pid);
        }
        of_process.text_if_any("image", process.image.as_deref().map(cut));
        of_process.end();
    }
    let mut event = Object::begin(object.key("event"));
    event.text_if_any("provider", subject.text(FieldId::PROVIDER_NAME).as_deref());
    if let Some(id) = subject.text(FieldId::EVENT_ID).and_then(|id| id.parse::<u64>().ok()) {
        event.number("id", id);
    }
    let mut source = Object::begin(event.key("source"));
    source.text("file", subject.file);
    source.number("record", subject.event.origin().record);
    source.end();
    event.end();
    let mut fields = Object::begin(object.key("matched"));
    for (field, value) in told(matched) {
        push_text(fields.named(field), cut(value));
    }
    fields.end();
    object.end();
    out.into()
}

/// Each field once, with the first value that an item was true of.
fn told<'a>(matched: &'a [Reasoning<'_>]) -> Vec<(&'a str, &'a str)> {
    let mut told: Vec<(&str, &str)> = Vec::new();
    for reason in matched {
        let Some(value) = reason.value.as_deref().filter(|_| !reason.field.is_empty()) else {
            continue;
        };
        if told.len() < MOST_FIELDS && !told.iter().any(|(field, _)| *field == reason.field) {
            told.push((reason.field, value));
        }
    }
    told
}

/// The beginning of a text.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or(text)
}
