//! Where JSON records begin and end, without parsing them.
//!
//! A record is an object at the outermost level, be it bare (documents one after the other) or a
//! member of an array. Only braces and strings are looked at. The scanner can stop anywhere and go
//! on when more bytes are there; what is no sound JSON inside a record is found when it is parsed.
//!
//! A string can't hold a line end. Where one seems to, and the next line begins with `{`, a quote was
//! lost: the record ends there and the next one begins, without a byte being looked at twice.

use std::ops::Range;

use memchr::{memchr3, memmem};

/// Something found at the outermost level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// An object, or as much of one as there is.
    Record(Range<usize>),
    /// A value that is no object, or other text, up to the next comma, bracket or line end.
    Stray(Range<usize>),
}

/// Scans bytes for records; positions are relative to the buffer that is passed in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Splitter {
    position: usize,
    /// Where the record begins; `None` within one that is passed over.
    start: Option<usize>,
    depth: usize,
    in_string: bool,
    /// Where the text outside any record begins.
    stray: Option<usize>,
    /// The text outside any record has been told already.
    passing: bool,
}

impl Splitter {
    /// Where the record that is not complete yet begins.
    pub(crate) fn open_record(&self) -> Option<usize> {
        self.start
    }

    /// The first byte that is still needed.
    pub(crate) fn needed(&self) -> usize {
        self.start.or(self.stray).unwrap_or(self.position)
    }

    /// The next complete record of `bytes`, or `None` if there is none yet.
    pub(crate) fn next_record(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        loop {
            match self.next(bytes)? {
                Part::Record(range) => return Some(range),
                Part::Stray(_) => {}
            }
        }
    }

    /// The next complete part of `bytes`, or `None` if there is none yet.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Option<Part> {
        while let Some(byte) = bytes.get(self.position).copied() {
            let step = if self.in_string {
                self.string(bytes)
            } else if self.depth > 0 {
                self.inside(byte, bytes)
            } else {
                self.outside(byte, bytes)
            };
            match step {
                Step::On => {}
                Step::Wait => return None,
                Step::Found(part) => return Some(part),
            }
        }
        None
    }

    /// The part that the end of the input completes: text outside any record.
    pub(crate) fn last(&mut self, bytes: &[u8]) -> Option<Part> {
        self.stray.take().filter(|at| !is_mark(bytes, *at)).map(|at| Part::Stray(at..bytes.len()))
    }

    fn outside(&mut self, byte: u8, bytes: &[u8]) -> Step {
        if matches!(byte, b'{' | b'[' | b']' | b',' | b'\n') {
            self.passing = false;
            let text = bytes.get(..self.position).unwrap_or_default();
            if let Some(part) = self.last(text) {
                return Step::Found(part);
            }
        }
        match byte {
            b'{' => {
                self.start = Some(self.position);
                self.depth = 1;
            }
            b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' => {}
            byte => {
                self.in_string = byte == b'"';
                if !self.passing {
                    self.stray.get_or_insert(self.position);
                }
            }
        }
        self.position += 1;
        Step::On
    }

    fn inside(&mut self, byte: u8, bytes: &[u8]) -> Step {
        match byte {
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth -= 1;
                if self.depth == 0 {
                    self.position += 1;
                    return self.end_at(self.position);
                }
            }
            b'"' => self.in_string = true,
            // What is passed over is not believed beyond a line that begins like a record.
            b'\n' if self.start.is_none() => return self.line_end(bytes),
            _ => {}
        }
        self.position += 1;
        Step::On
    }

    fn string(&mut self, bytes: &[u8]) -> Step {
        let rest = bytes.get(self.position..).unwrap_or_default();
        let Some(at) = memchr3(b'"', b'\\', b'\n', rest) else {
            self.position = bytes.len();
            return Step::On;
        };
        self.position += at;
        match rest.get(at) {
            Some(b'"') => {
                self.position += 1;
                self.in_string = false;
            }
            // The escaped byte may not be there yet: standing one past the end skips it.
            Some(b'\\') => self.position += 2,
            _ if self.depth > 0 => return self.line_end(bytes),
            _ => self.in_string = false,
        }
        Step::On
    }

    /// At a line end that a sound record can't have: if the next line begins with `{`, the record ends.
    fn line_end(&mut self, bytes: &[u8]) -> Step {
        match bytes.get(self.position + 1) {
            None => Step::Wait,
            Some(b'{') => {
                let end = self.position;
                self.position += 1;
                self.depth = 0;
                self.in_string = false;
                self.end_at(end)
            }
            Some(_) => {
                self.position += 1;
                Step::On
            }
        }
    }

    fn end_at(&mut self, end: usize) -> Step {
        self.start.take().map_or(Step::On, |start| Step::Found(Part::Record(start..end)))
    }

    /// Gives the open record up and goes on at the next line that begins with `{`, if there is one.
    pub(crate) fn recover(&mut self, bytes: &[u8]) -> bool {
        let from = self.start.map_or(self.position.min(bytes.len()), |start| start + 1);
        let found = memmem::find(bytes.get(from..).unwrap_or_default(), b"\n{");
        if let Some(at) = found {
            *self = Self { position: from + at + 1, ..Self::default() };
        }
        found.is_some()
    }

    /// Passes over the rest of the open record, which has been told: it needs no bytes any more.
    pub(crate) fn pass(&mut self) {
        self.start = None;
    }

    /// The same for the text outside records.
    pub(crate) fn pass_stray(&mut self) {
        self.stray = None;
        self.passing = true;
    }

    /// How long the text outside records is by now.
    pub(crate) fn stray_bytes(&self, bytes: &[u8]) -> usize {
        self.stray.map_or(0, |at| bytes.len().saturating_sub(at))
    }

    /// The first `by` bytes of the buffer are gone.
    pub(crate) fn shift(&mut self, by: usize) {
        self.position -= by.min(self.position);
        self.start = self.start.map(|start| start.saturating_sub(by));
        self.stray = self.stray.map(|at| at.saturating_sub(by));
    }
}

/// What looking at a byte led to.
enum Step {
    On,
    /// The next byte has to be known.
    Wait,
    Found(Part),
}

/// Whether the text from `at` on is a byte order mark, as between files that were joined.
fn is_mark(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|text| text.trim_ascii() == b"\xef\xbb\xbf")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, step: usize) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        let mut end = 0;
        while end < text.len() {
            end = (end + step).min(text.len());
            while let Some(range) = splitter.next_record(&text.as_bytes()[..end]) {
                found.push(text.get(range).unwrap().to_owned());
            }
        }
        found
    }

    #[test]
    fn records_are_found_whatever_the_steps_in_which_bytes_arrive() {
        let text = r#"[ {"a":"}\"\\"}, {"b":{"c":[1,{"d":"]"}]}},
            {"e":"\\\\"}
        ] {"f":1}{"g":"x\\\"{"}"#;
        let expected = [
            r#"{"a":"}\"\\"}"#,
            r#"{"b":{"c":[1,{"d":"]"}]}}"#,
            r#"{"e":"\\\\"}"#,
            r#"{"f":1}"#,
            r#"{"g":"x\\\"{"}"#,
        ];
        for step in 1..text.len() {
            assert_eq!(records(text, step), expected, "{step}");
        }
    }

    #[test]
    fn a_line_end_within_a_string_ends_a_damaged_record() {
        let text = "{\"a\": \"never closed\n  {\n{\"b\":1}\n";
        for step in 1..text.len() {
            let expected = ["{\"a\": \"never closed\n  {", "{\"b\":1}"];
            assert_eq!(records(text, step), expected, "{step}");
        }
    }

    #[test]
    fn after_damage_the_next_line_with_a_brace_is_tried() {
        let text = b"{\"a\": [\n  {\n{\"b\":1}\n";
        let mut splitter = Splitter::default();
        assert_eq!(splitter.next(text), None);
        assert!(splitter.recover(text));
        assert_eq!(splitter.next_record(text).map(|range| &text[range]), Some(&b"{\"b\":1}"[..]));
        assert_eq!(splitter.next(text), None);
        assert!(!splitter.recover(text));
    }

    #[test]
    fn what_is_passed_over_ends_where_it_ends() {
        let mut splitter = Splitter::default();
        let text = br#"[{"a":"{}"#;
        assert_eq!(splitter.next(text), None);
        splitter.pass();
        splitter.shift(text.len());
        let text = br#"}}"},{"b":1}]"#;
        assert_eq!(splitter.next(text), Some(Part::Record(5..12)));
    }

    #[test]
    fn text_outside_records_is_told_value_by_value() {
        let text = "\u{feff}[1, \"a{b\", null,{\"c\":1}, tr ue\n\u{feff}{\"d\":1}]x";
        let mut splitter = Splitter::default();
        let mut found = Vec::new();
        while let Some(part) = splitter.next(text.as_bytes()) {
            found.push(part);
        }
        found.extend(splitter.last(text.as_bytes()));
        let texts: Vec<_> = found
            .into_iter()
            .map(|part| match part {
                Part::Record(range) => text.get(range).unwrap().to_owned(),
                Part::Stray(range) => format!("stray {}", text.get(range).unwrap()),
            })
            .collect();
        assert_eq!(
            texts,
            [
                "stray 1",
                "stray \"a{b\"",
                "stray null",
                "{\"c\":1}",
                "stray tr ue",
                "{\"d\":1}",
                "stray x"
            ]
        );
    }
}
