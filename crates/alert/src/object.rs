//! Objects of JSON, written member by member behind a text; no tree is built.
//!
//! Texts are escaped as [`crate::json`] does it, so that nothing in them acts on a terminal. Values of
//! fields are numbers and booleans where JSON has them, else the one text that they have.

use std::fmt::{Display, Write as _};

use etwatch_event::Value;

use crate::json::push_text;

/// Adds the value of a field, or a list if there is not exactly one; structures are left out.
pub fn push_values<'v>(
    out: &mut String,
    values: impl Iterator<Item = Value<'v>>,
    scratch: &mut String,
) {
    let mut told = values.filter(|value| *value != Value::Structure);
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
        Value::Float(number) => push_display(out, serde_json::Value::from(*number)),
        Value::Unsigned(_) | Value::Signed(_) | Value::Boolean(_) => {
            out.push_str(value.text(scratch).unwrap_or_default());
        }
        value => match value.text(scratch) {
            Some(text) => push_text(out, text),
            None => out.push_str("null"),
        },
    }
}

/// Adds what is written as a number.
pub(crate) fn push_display(out: &mut String, value: impl Display) {
    // Writing to a text can't fail.
    let _ = write!(out, "{value}");
}

/// Adds a list, whose items `push` adds.
pub fn push_list<T>(out: &mut String, items: &[T], mut push: impl FnMut(&mut String, &T)) {
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
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Begins an object at the end of `out`.
    pub fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }
    /// The object is complete.
    pub fn end(self) {
        self.out.push('}');
    }
    /// Where the value of the next member is to be written.
    pub fn named(&mut self, name: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        push_text(self.out, name);
        self.out.push(':');
        self.out
    }
    /// The same for a name in which nothing has to be escaped.
    pub fn key(&mut self, name: &'static str) -> &mut String {
        self.out.push_str(if self.empty { "\"" } else { ",\"" });
        self.empty = false;
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }
    /// Adds a text.
    pub fn text(&mut self, key: &'static str, text: &str) {
        push_text(self.key(key), text);
    }
    /// Adds a text, if there is one.
    pub fn text_if_any(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }
    /// Adds what is written as a number.
    pub fn number(&mut self, key: &'static str, number: impl Display) {
        push_display(self.key(key), number);
    }
}
