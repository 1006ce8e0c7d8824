//! An event as one JSON object a line; `docs/events.md` describes it.
//!
//! Its members have the names and the order that `event` has in an alert.

use etwatch_alert::json::push_text;
use etwatch_alert::object::{Object, push_list, push_values};

use crate::event_view::EventView;

/// The end of the object.
const END: char = '}';

/// Adds the object and the end of the line.
pub(super) fn push(out: &mut String, event: &EventView<'_>, file: &str, scratch: &mut String) {
    push_open(out, event, file, scratch);
    push_end(out, &[]);
}

/// Adds all of the object but its last member, the stack, and its end.
pub(super) fn push_open(out: &mut String, event: &EventView<'_>, file: &str, scratch: &mut String) {
    let mut object = Object::begin(out);
    if event.time().is_known() {
        object.text("time", &event.time().to_string());
    }
    let some = |text: &str| !text.is_empty();
    object.text_if_any("provider", Some(&*event.provider()).filter(|text| some(text)));
    object.text_if_any("channel", Some(&*event.channel()).filter(|text| some(text)));
    if let Some(id) = event.id() {
        object.number("id", id);
    }
    object.text_if_any("name", Some(&*event.name()).filter(|text| some(text)));
    if let Some(sources) = event.log_sources() {
        push_list(object.key("log_sources"), sources, |out, source| {
            push_text(out, &source.to_string());
        });
    }
    let mut source = Object::begin(object.key("source"));
    source.text("file", file);
    source.number("record", event.number());
    source.text("form", event.shape().name());
    source.end();
    let mut fields = Object::begin(object.key("fields"));
    for field in event.fields() {
        push_values(fields.named(field.name), field.values.into_iter(), scratch);
    }
    fields.end();
    object.end();
    // The stack of an event comes later; `push_end` adds what lacks.
    out.pop();
}

/// Adds the addresses of the stack, if there are any, and the end of the object and the line.
pub(super) fn push_end(out: &mut String, frames: &[String]) {
    if !frames.is_empty() {
        out.push_str(",\"stack\":");
        push_list(out, frames, |out, frame| push_text(out, frame));
    }
    out.push(END);
    out.push('\n');
}
