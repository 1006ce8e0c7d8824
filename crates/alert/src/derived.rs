//! Events that etwatch makes (flows, beacons), as sinks get them beside alerts.
//!
//! Their JSON form is described in `docs/event.schema.json`; the member `kind`, which alerts do not have, tells
//! them apart:
//!
//! ```text
//! {"kind":"network_flow","time":…,"host":…,"process":{…},"event":{…}}
//! ```

use std::fmt::Write as _;

use anstyle::Style;
use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{Event, Vocabulary};

use crate::alert::{ProcessFields, Subject};
use crate::json::push_text;
use crate::line::EventText;
use crate::pretty::{INDENT, harmless, process_lines, when};
use crate::sink::Form;

/// Fields that are told with the process.
const OF_PROCESS: &[&str] = &["Image", "ProcessGuid", "ProcessId", "User"];

/// Writes derived events in the forms that sinks ask for.
#[derive(Debug)]
pub struct DerivedWriter {
    names: ProcessFields,
    event_text: EventText,
    out: String,
}

impl DerivedWriter {
    /// A writer for events of `vocabulary`, or of one that grew from it.
    #[must_use]
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let names = ProcessFields::of(vocabulary);
        Self { names, event_text: EventText::default(), out: String::new() }
    }

    /// Writes an event of this kind, what it was made of last being read from `file`. The text holds until the
    /// next one is written.
    pub fn write(&mut self, event: Event<'_>, file: &str, kind: &str, form: Form) -> &str {
        self.out.clear();
        let subject = Subject::new(event, file, &self.names);
        match form {
            Form::Json => {
                self.event_text.set(&subject);
                self.out.push_str("{\"kind\":");
                push_text(&mut self.out, kind);
                self.event_text.push(&mut self.out);
                self.out.push('}');
            }
            Form::Pretty => push_lines(&mut self.out, &subject, kind),
        }
        &self.out
    }
}

fn push_lines(out: &mut String, subject: &Subject<'_>, kind: &str) {
    let bold = Style::new().bold();
    let word = kind.replace('_', " ").to_uppercase();
    // Writing to a text can't fail.
    let _ = writeln!(out, "{bold}{word}{bold:#} {}", when(subject));
    for line in subject.process.iter().flat_map(process_lines) {
        let _ = writeln!(out, "{INDENT}{line}");
    }
    let mut scratch = String::new();
    let mut told = Vec::new();
    for (name, values) in &subject.fields {
        if HEADER_FIELDS.contains(name) || OF_PROCESS.contains(name) {
            continue;
        }
        let value = values.first();
        let text = value.as_ref().and_then(|value| value.text(&mut scratch));
        told.push(format!("{name} {}", harmless(text.unwrap_or_default())));
    }
    let _ = writeln!(out, "{INDENT}{}\n", told.join(", "));
}
