//! One JSON object a line.
//!
//! The text of events and of rules that were found somewhere is an attacker's to choose and JSON ends up on terminals and in web pages, so
//! what could act there is escaped beyond what JSON asks for: DEL, the C1 controls, and the characters
//! that turn the direction of writing.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::alert::Alert;
use crate::sink::{Sink, SinkError};

/// Whether a character acts instead of being shown.
#[must_use]
pub fn is_active(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(is_active) {
            let (before, behind) = rest.split_at(at);
            out.write_all(before.as_bytes())?;
            let mut letters = behind.chars();
            let mut units = [0; 2];
            for unit in letters.next().unwrap_or_default().encode_utf16(&mut units) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = letters.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

/// The stable JSON form of an alert, one line without its end.
#[must_use]
pub fn to_line(alert: &Alert) -> String {
    harmless_line(alert)
}

/// The JSON form of a structure, one line without its end, in which nothing acts on a terminal.
#[must_use]
pub fn harmless_line(structure: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Harmless);
    // Keys are text and writing to memory succeeds, so there is nothing that could fail.
    let _ = structure.serialize(&mut serializer);
    String::from_utf8(bytes).unwrap_or_default()
}

/// Writes alerts to a file or standard output, one JSON object a line.
pub struct JsonSink<W> {
    name: String,
    out: W,
    accepted: u64,
    acknowledged: u64,
}

impl<W: Write + Send> JsonSink<W> {
    /// A sink that writes to `out`; `name` is for messages.
    pub fn new(name: impl Into<String>, out: W) -> Self {
        Self { name: name.into(), out, accepted: 0, acknowledged: 0 }
    }
    fn failed(&self, source: io::Error) -> SinkError {
        SinkError::Io { sink: self.name.clone(), source }
    }
}

impl<W: Write + Send> Sink for JsonSink<W> {
    fn name(&self) -> &str {
        &self.name
    }
    fn accept(&mut self, _: &Alert, json: &str) -> Result<(), SinkError> {
        writeln!(self.out, "{json}").map_err(|error| self.failed(error))?;
        self.accepted += 1;
        Ok(())
    }
    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        self.out.flush().map_err(|error| self.failed(error))?;
        self.acknowledged = self.accepted;
        Ok(())
    }
}
