//! Where JSON records begin and end, without parsing them.
//!
//! A record is an object at the outermost level, be it bare (documents one after the other) or a
//! member of an array. Only braces and strings are looked at. The scanner can stop anywhere and go
//! on when more bytes are there; what is no sound JSON inside a record is found when it is parsed.

use std::ops::Range;

use memchr::{memchr2, memmem};

/// Scans bytes for records; positions are relative to the buffer that is passed in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Splitter {
    position: usize,
    start: Option<usize>,
    depth: usize,
    in_string: bool,
    /// Bytes outside any record that are neither white space nor `[ ] ,`, since the last record.
    pub(crate) stray: Option<usize>,
}

impl Splitter {
    /// Where the record that is not complete yet begins.
    pub(crate) fn open_record(&self) -> Option<usize> {
        self.start
    }

    /// The next complete record of `bytes`, or `None` if there is none yet.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Option<Range<usize>> {
        while let Some(byte) = bytes.get(self.position).copied() {
            if self.in_string {
                self.skip_string(bytes);
                continue;
            }
            match byte {
                b'{' | b'[' if self.start.is_some() => self.depth += 1,
                b'{' => {
                    self.start = Some(self.position);
                    self.depth = 1;
                }
                b'}' | b']' if self.start.is_some() => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.position += 1;
                        return self.start.take().map(|start| start..self.position);
                    }
                }
                b'"' if self.start.is_some() => self.in_string = true,
                b'[' | b']' | b',' | b' ' | b'\t' | b'\r' | b'\n' => {}
                _ if self.start.is_none() => {
                    self.stray.get_or_insert(self.position);
                }
                _ => {}
            }
            self.position += 1;
        }
        None
    }

    fn skip_string(&mut self, bytes: &[u8]) {
        let rest = bytes.get(self.position..).unwrap_or_default();
        match memchr2(b'"', b'\\', rest) {
            Some(at) if rest.get(at) == Some(&b'"') => {
                self.position += at + 1;
                self.in_string = false;
            }
            // The escaped byte may not be there yet: then the backslash is looked at again.
            Some(at) if at + 1 < rest.len() => self.position += at + 2,
            Some(at) => {
                self.position += at;
                // Nothing more can be said before the next byte arrives.
                self.stalled(bytes.len());
            }
            None => self.position = bytes.len(),
        }
    }

    /// A backslash ends the buffer: step over it and remember nothing; the next byte is skipped by
    /// standing one past the end, which `shift` and the next call account for.
    fn stalled(&mut self, length: usize) {
        self.position = length + 1;
    }

    /// Gives the open record up and goes on at the next line that begins with `{`, if there is one.
    pub(crate) fn recover(&mut self, bytes: &[u8]) -> bool {
        let from = self.start.map_or(self.position.min(bytes.len()), |start| start + 1);
        let found = memmem::find(bytes.get(from..).unwrap_or_default(), b"\n{");
        let position = found.map_or(bytes.len(), |at| from + at + 1);
        *self = Self { position, ..Self::default() };
        found.is_some()
    }

    /// The first `by` bytes of the buffer are gone.
    pub(crate) fn shift(&mut self, by: usize) {
        self.position -= by.min(self.position);
        self.start = self.start.map(|start| start.saturating_sub(by));
        self.stray = self.stray.map(|at| at.saturating_sub(by));
    }
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
            while let Some(range) = splitter.next(&text.as_bytes()[..end]) {
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
    fn after_damage_the_next_line_with_a_brace_is_tried() {
        let text = b"{\"a\": \"never closed\n  {\n{\"b\":1}\n";
        let mut splitter = Splitter::default();
        assert_eq!(splitter.next(text), None);
        assert!(splitter.recover(text));
        let range = splitter.next(text).unwrap();
        assert_eq!(&text[range], b"{\"b\":1}");
        assert_eq!(splitter.next(text), None);
        assert!(!splitter.recover(text));
    }
}
