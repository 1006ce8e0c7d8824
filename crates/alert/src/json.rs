//! One JSON object a line.
//!
//! The text of events and of rules that were found somewhere is an attacker's to choose and JSON ends
//! up on terminals and in web pages, so what could act there is escaped beyond what JSON asks for: DEL,
//! the C1 controls, and the characters that turn the direction of writing. Nearly all text is ASCII
//! without any of that, so the next byte that is not is looked for eight at a time.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use crate::sink::{Sink, SinkError};

/// Whether a character acts instead of being shown.
#[must_use]
pub fn is_active(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Each byte of a word.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Where the first byte lies that is not plain: a control character, `"`, `\`, DEL or part of a
/// character beyond ASCII.
fn first_special(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of a byte that is zero; of bytes behind the first such one it may be wrong.
        let zero = |word: u64| word.wrapping_sub(all(1)) & !word;
        let control = word.wrapping_sub(all(0x20)) & !word;
        let named = zero(word ^ all(b'"')) | zero(word ^ all(b'\\')) | zero(word ^ all(0x7f));
        let special = (word | control | named) & all(0x80);
        if special != 0 {
            return Some(index * 8 + (special.trailing_zeros() / 8) as usize);
        }
    }
    let is_special = |byte: &u8| !matches!(byte, 0x20..=0x7e) || matches!(byte, b'"' | b'\\');
    rest.iter().position(is_special).map(|at| words.len() * 8 + at)
}

/// Adds a text in quotes, with what could act on a terminal escaped.
pub fn push_text(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some((plain, special)) =
        first_special(rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
    {
        out.push_str(plain);
        let mut letters = special.chars();
        if let Some(letter) = letters.next() {
            push_letter(out, letter);
        }
        rest = letters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

fn push_letter(out: &mut String, letter: char) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        letter if is_active(letter) => push_code(out, letter),
        letter => out.push(letter),
    }
}

fn push_code(out: &mut String, letter: char) {
    for unit in letter.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// Adds JSON that was written elsewhere, on one line: line breaks, which stand between its members alone,
/// are left out with the white space beside them, and what could act on a terminal, which stands in its
/// texts alone, is escaped there.
pub fn push_json(out: &mut String, json: &str) {
    for line in json.split('\n') {
        for letter in line.trim_matches([' ', '\t', '\r']).chars() {
            match letter {
                '\t' | '\r' => out.push(' '),
                letter if is_active(letter) => push_code(out, letter),
                letter => out.push(letter),
            }
        }
    }
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
            let mut escaped = String::new();
            push_letter(&mut escaped, letters.next().unwrap_or_default());
            out.write_all(escaped.as_bytes())?;
            rest = letters.as_str();
        }
        out.write_all(rest.as_bytes())
    }
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
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        let written = self.out.write_all(alert.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        written.map_err(|error| self.failed(error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Two ways to write a text: by the serializer and its formatter, and directly.
    fn both(text: &str) -> [String; 2] {
        let mut direct = String::new();
        push_text(&mut direct, text);
        [harmless_line(&text), direct]
    }

    #[test]
    fn every_character_is_written_as_the_serializer_writes_it() {
        let mut letters = (0..=0x1_ffff).chain([0xe_0001, 0x10_ffff]).filter_map(char::from_u32);
        assert!(letters.all(|letter| {
            let [expected, direct] = both(&letter.to_string());
            expected == direct
        }));
    }

    #[test]
    fn json_of_others_comes_out_on_one_harmless_line_and_means_the_same() {
        let json = "\r\n{\"a\":\t\"\u{9b}2J\\n\u{202e}\",\n \"b\": [1, \"\\u001b\"]}\n";
        let mut out = String::new();
        push_json(&mut out, json);
        assert!(!out.contains(is_active), "{}", out.escape_debug());
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&out), read(json));
    }

    #[test]
    fn a_special_byte_is_found_wherever_it_lies() {
        for length in 0..40 {
            for at in 0..length {
                for special in
                    ["\"", "\\", "\n", "\0", "\u{1f}", "\u{7f}", "\u{9b}", "é", "漢", "\u{202e}"]
                {
                    let mut text =
                        " ~x!#[]^_`{|}/Az".repeat(3).get(..length).unwrap_or_default().to_owned();
                    text.insert_str(at, special);
                    let [expected, direct] = both(&text);
                    assert_eq!(expected, direct);
                }
            }
        }
    }
}
