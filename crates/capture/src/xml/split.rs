//! Where events begin and end in a file, without parsing them.
//!
//! An event is an element `Event`, wherever it stands: one after the other as `wevtutil` writes them, or in
//! `Events` or any other element. Only the tags of `Event` are looked at, and where comments and CDATA sections end.
//! What is no sound XML inside an event is found when it is parsed.
//!
//! A tag that names the schema of events begins an event in any case: where one is still open, its end was lost, and
//! the next one begins without a byte being looked at twice. An `Event` inside an event that does not name the schema
//! is an element of its data. Text outside events is told once for each stretch between two of them.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

/// Events name it in their tag.
const SCHEMA: &[u8] = b"schemas.microsoft.com/win/2004/08/events/event";
/// A tag that is not closed within so many bytes is no tag of an event.
const TAG: usize = 1_024;

/// Something found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// An event.
    Event(Range<usize>),
    /// An event without an end, and where it begins.
    CutOff(usize),
    /// Text outside events, and where it begins.
    Stray(usize),
}

/// The event that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Where it begins; `None` if it is passed over.
    start: Option<usize>,
    /// Elements of its own name that are open in it.
    depth: usize,
}

/// Scans bytes for events; positions are relative to the buffer that is passed in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Splitter {
    position: usize,
    open: Option<Open>,
    /// What ends the comment, section or other tag that is passed over.
    within: Option<&'static [u8]>,
    /// The text outside events has been told already.
    told: bool,
}

/// What a tag means to the scanner.
enum Tag {
    /// More bytes are needed to tell.
    Wait,
    Begin {
        names_schema: bool,
        is_empty: bool,
        length: usize,
    },
    End {
        length: usize,
    },
    /// Something to be passed over up to these bytes.
    Pass(&'static [u8]),
}

impl Splitter {
    /// The next part of `bytes` that is complete; `None` if there is none yet.
    pub(crate) fn next(&mut self, bytes: &[u8], at_end: bool) -> Option<Part> {
        loop {
            let rest = bytes.get(self.position..).filter(|rest| !rest.is_empty())?;
            if let Some(end) = self.within {
                let Some(at) = memchr2(b'<', b'>', rest) else {
                    self.position = bytes.len();
                    return None;
                };
                let seen = bytes.get(..=self.position + at).unwrap_or_default();
                if seen.ends_with(end) {
                    self.position += at + 1;
                    self.within = None;
                    continue;
                }
                self.position += at;
                if seen.ends_with(b">") {
                    self.position += 1;
                    continue;
                }
            } else {
                let at = memchr(b'<', rest).unwrap_or(rest.len());
                let start = self.position;
                self.position += at;
                if let Some(stray) = self.stray(rest.get(..at).unwrap_or_default(), start) {
                    return Some(stray);
                }
            }
            let rest = bytes.get(self.position..).filter(|rest| !rest.is_empty())?;
            match tag(rest, at_end) {
                Tag::Wait => return None,
                Tag::Begin { names_schema, is_empty, length } => {
                    if let Some(part) = self.begin(names_schema, is_empty, length) {
                        return Some(part);
                    }
                }
                Tag::End { length } if self.within.is_none() => {
                    if let Some(part) = self.end(length) {
                        return Some(part);
                    }
                }
                Tag::End { .. } => self.position += 1,
                Tag::Pass(end) => {
                    self.position += 1;
                    // Within an event, only sections hide what looks like a tag.
                    if self.within.is_none() && (self.open.is_none() || end.len() > 1) {
                        self.within = Some(end);
                    }
                }
            }
        }
    }

    fn begin(&mut self, names_schema: bool, is_empty: bool, length: usize) -> Option<Part> {
        let at = self.position;
        match &mut self.open {
            Some(open) if names_schema => {
                let cut_off = open.start.map(Part::CutOff);
                (self.open, self.within) = (None, None);
                cut_off
            }
            None if names_schema || self.within.is_none() => {
                self.position += length;
                (self.within, self.told) = (None, false);
                if is_empty {
                    return Some(Part::Event(at..self.position));
                }
                self.open = Some(Open { start: Some(at), depth: 0 });
                None
            }
            Some(open) if self.within.is_none() => {
                open.depth += usize::from(!is_empty);
                self.position += length;
                None
            }
            _ => {
                self.position += 1;
                None
            }
        }
    }

    fn end(&mut self, length: usize) -> Option<Part> {
        let at = self.position;
        self.position += length;
        match &mut self.open {
            None => self.stray(b"</Event>", at),
            Some(Open { depth: 0, start }) => {
                let event = start.map(|start| Part::Event(start..self.position));
                self.open = None;
                event
            }
            Some(open) => {
                open.depth -= 1;
                None
            }
        }
    }

    /// Text that begins at `start`, if it stands outside events and has not been told.
    fn stray(&mut self, text: &[u8], start: usize) -> Option<Part> {
        // A byte order mark may arrive in parts.
        let is_blank = |byte: &u8| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(byte);
        if self.open.is_some() || self.told || text.iter().all(is_blank) {
            return None;
        }
        self.told = true;
        Some(Part::Stray(start))
    }

    /// Where the event that is not complete yet begins.
    pub(crate) fn open_event(&self) -> Option<usize> {
        self.open.and_then(|open| open.start)
    }

    /// What the end of the input completes.
    pub(crate) fn last(&mut self) -> Option<Part> {
        let start = self.open_event();
        self.open = None;
        start.map(Part::CutOff)
    }

    /// The first byte that is still needed. What ends a section may have begun before it.
    pub(crate) fn needed(&self) -> usize {
        self.open_event().unwrap_or_else(|| self.position.saturating_sub(2))
    }

    /// Passes over the rest of the open event, which has been told: it needs no bytes any more.
    pub(crate) fn pass(&mut self) {
        if let Some(open) = &mut self.open {
            open.start = None;
        }
    }

    /// The first `by` bytes of the buffer are gone.
    pub(crate) fn shift(&mut self, by: usize) {
        self.position -= by.min(self.position);
        if let Some(Open { start: Some(start), .. }) = &mut self.open {
            *start -= by.min(*start);
        }
    }
}

/// What begins at the `<` that `bytes` begin with.
fn tag(bytes: &[u8], at_end: bool) -> Tag {
    const BEGIN: &[u8] = b"<Event";
    const END: &[u8] = b"</Event";
    for (begin, end) in [(&b"<!--"[..], &b"-->"[..]), (b"<![CDATA[", b"]]>")] {
        if bytes.starts_with(begin) {
            return Tag::Pass(end);
        }
    }
    let is_short = |whole: &[u8]| bytes.len() < whole.len() && whole.starts_with(bytes);
    if !at_end && [BEGIN, END, b"<!--", b"<![CDATA["].into_iter().any(is_short) {
        return Tag::Wait;
    }
    let name = if bytes.starts_with(BEGIN) { BEGIN } else { END };
    if !bytes.starts_with(name) {
        return Tag::Pass(b">");
    }
    match bytes.get(name.len()) {
        None if !at_end => return Tag::Wait,
        Some(b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n') => {}
        _ => return Tag::Pass(b">"),
    }
    let window = bytes.get(..TAG).unwrap_or(bytes);
    let Some(close) = memchr(b'>', window) else {
        let may_come = !at_end && window.len() < TAG;
        return if may_come { Tag::Wait } else { Tag::Pass(b">") };
    };
    let length = close + 1;
    if name == END {
        return Tag::End { length };
    }
    let inner = window.get(..close).unwrap_or_default();
    let names_schema = memmem::find(inner, SCHEMA).is_some();
    Tag::Begin { names_schema, is_empty: inner.ends_with(b"/"), length }
}

/// Whether a text whose first bytes these are seems to hold events: XML, with the tag of one among them.
pub(crate) fn shows_event(first: &[u8]) -> bool {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    text.starts_with(b"<") && memmem::find(first, SCHEMA).is_some()
}

#[cfg(test)]
mod tests;
