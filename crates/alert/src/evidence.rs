//! What the alert of a correlation tells of one event that contributed to it.
//!
//! The window of a correlation outlives its events, so what is to be told of each is written when it comes,
//! small: when, by which rule, where the record lies, which process, and what the rule's items were true of.
//! Most of it is the same for all events of a rule, a program and a file, and is kept once: see
//! [`etwatch_correlate::evidence`]. What differs from event to event, and so goes into the holes, are the key and id
//! of the process, the number of the record, and values beyond a few letters.
//!
//! ```text
//! {"time":…,"rule":{"id":…,"title":…},"process":{…},"event":{…},"matched":{"ImageLoaded":"C:\\x.dll"}}
//! ```

use etwatch_correlate::evidence::{HOLE, TIME};
use etwatch_correlate::{Evidence, Templates};
use etwatch_event::FieldId;
use etwatch_rules::{Reasoning, Rule};

use crate::alert::Subject;
use crate::json::push_text;
use crate::object::{Object, push_display};

/// Bytes of one value that are told; the record has all of it.
const MOST_BYTES: usize = 256;
/// Fields that are told.
const MOST_FIELDS: usize = 16;
/// Bytes of a value that hardly differs from event to event.
const SHORT: usize = 12;

/// Writes what is told of events; keeps what they have in common.
#[derive(Debug, Default)]
pub(crate) struct EvidenceWriter {
    templates: Templates,
    template: String,
    own: Own,
}

/// What fills the holes of a template.
#[derive(Debug, Default)]
struct Own(String);

impl Own {
    /// What `write` adds to a text goes into a hole at the end of `template`.
    fn put(&mut self, template: &mut String, write: impl FnOnce(&mut String)) {
        template.push(HOLE);
        write(&mut self.0);
        self.0.push(HOLE);
    }
    /// The text of a value, which is alike in many events if it is short and not a number.
    fn put_value(&mut self, template: &mut String, value: &str) {
        if value.len() <= SHORT && !value.bytes().any(|byte| byte.is_ascii_digit()) {
            push_text(template, value);
        } else {
            self.put(template, |own| push_text(own, value));
        }
    }
    /// The key of a process: the host, which all have in common, and what tells it apart there.
    fn put_key(&mut self, template: &mut String, key: &str) {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        match key.split_once(':').filter(|_| key.bytes().all(is_plain)) {
            Some((host, process)) => {
                template.extend(["\"", host, ":"]);
                self.put(template, |own| own.push_str(process));
                template.push('"');
            }
            None => self.put(template, |own| push_text(own, key)),
        }
    }
    fn texts(&self) -> &str {
        self.0.strip_suffix(HOLE).unwrap_or(&self.0)
    }
}

impl EvidenceWriter {
    /// One line of JSON about an event, for the alerts of correlations that refer to `rule`.
    pub(crate) fn write(
        &mut self,
        rule: &Rule,
        subject: &Subject<'_>,
        matched: &[Reasoning<'_>],
    ) -> Evidence {
        let Self { templates, template, own } = self;
        template.clear();
        own.0.clear();
        let mut object = Object::begin(template);
        if subject.time.is_some() {
            object.key("time").extend(['"', TIME, '"']);
        }
        let mut of_rule = Object::begin(object.key("rule"));
        of_rule.text_if_any("id", rule.attributes.id.as_deref());
        of_rule.text("title", &rule.attributes.title);
        of_rule.end();
        if let Some(process) = &subject.process {
            let mut of_process = Object::begin(object.key("process"));
            if let Some(key) = &process.key {
                own.put_key(of_process.key("key"), key);
            }
            if let Some(pid) = process.pid {
                own.put(of_process.key("pid"), |own| push_display(own, pid));
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
        own.put(source.key("record"), |own| push_display(own, subject.event.origin().record));
        source.end();
        event.end();
        let mut fields = Object::begin(object.key("matched"));
        for (field, value) in told(matched) {
            own.put_value(fields.named(field), cut(value));
        }
        fields.end();
        object.end();
        templates.evidence(template, own.texts(), subject.time.unwrap_or_default())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_key_the_host_is_part_of_the_template() {
        for (key, template) in [("ws-1:{b432}", "\"ws-1:\0\""), ("ws\"1:{b432}", "\0"), ("7", "\0")]
        {
            let (mut written, mut own) = (String::new(), Own::default());
            own.put_key(&mut written, key);
            assert_eq!(written, template);
            let mut expected = String::new();
            push_text(&mut expected, key);
            let time = etwatch_event::Timestamp::default();
            let evidence = Templates::default().evidence(&written, own.texts(), time);
            assert_eq!(evidence.text(time), expected);
        }
    }

    #[test]
    fn what_differs_from_event_to_event_is_not_part_of_the_template() {
        let (mut template, mut own) = (String::new(), Own::default());
        for value in ["Medium", "C:\\Users\\emma\\x.dll", "4711", "a\"b"] {
            own.put_value(&mut template, value);
        }
        assert_eq!(template, "\"Medium\"\0\0\"a\\\"b\"");
        assert_eq!(own.texts(), "\"C:\\\\Users\\\\emma\\\\x.dll\"\0\"4711\"");
    }
}
