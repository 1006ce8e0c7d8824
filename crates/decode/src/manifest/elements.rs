//! The elements of an XML text, one after the other.
//!
//! A manifest is read in one pass without a tree. Who has an element asks for its children one by one;
//! whatever of a child was not asked for is passed over when the next one is, however deep it goes, so
//! what is unknown costs nothing but the way. Entities beyond the five of XML do not exist: a document
//! type that defines some is passed over and the reference is an error.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::ManifestError;
use crate::check::MOST_NAME;

/// Reads elements; only ever forward.
pub(super) struct Elements<'a> {
    reader: Reader<&'a [u8]>,
    open: usize,
}

/// An element: its name, what it says, and how deep it lies.
pub(super) struct Element<'a> {
    start: BytesStart<'a>,
    depth: usize,
    /// Behind its opening tag, bytes from the beginning.
    pub(super) position: u64,
}

impl<'a> Elements<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        reader.config_mut().expand_empty_elements = true;
        Self { reader, open: 0 }
    }
    /// The outermost element.
    pub(super) fn root(&mut self) -> Result<Option<Element<'a>>, ManifestError> {
        self.next_at(1)
    }
    /// The next child of `parent`; `None` when that has ended.
    pub(super) fn child(
        &mut self,
        parent: &Element<'a>,
    ) -> Result<Option<Element<'a>>, ManifestError> {
        self.next_at(parent.depth + 1)
    }
    /// The next element at this depth, unless the element around it ends before.
    fn next_at(&mut self, depth: usize) -> Result<Option<Element<'a>>, ManifestError> {
        while self.open + 1 >= depth {
            let event = self.reader.read_event().map_err(|error| ManifestError::Xml {
                position: self.reader.error_position(),
                reason: error.to_string(),
            })?;
            match event {
                Event::Start(start) => {
                    self.open += 1;
                    if self.open == depth {
                        let position = self.reader.buffer_position();
                        return Ok(Some(Element { start, depth, position }));
                    }
                }
                Event::End(_) => self.open = self.open.saturating_sub(1),
                Event::Eof if self.open == 0 => return Ok(None),
                Event::Eof => {
                    let position = self.reader.buffer_position();
                    let reason = "an element does not end".to_owned();
                    return Err(ManifestError::Xml { position, reason });
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Element<'_> {
    /// Its name, without the prefix of a namespace.
    pub(super) fn name(&self) -> &str {
        self.start.local_name().into_inner()
    }
    /// What it says under this name.
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, ManifestError> {
        let wrong = |reason: String| ManifestError::Xml { position: self.position, reason };
        let mut attributes = self.start.attributes();
        for attribute in attributes.with_checks(false) {
            let attribute = attribute.map_err(|error| wrong(error.to_string()))?;
            if attribute.key.into_inner() != name {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| wrong(error.to_string()))?;
            return Ok(Some(value.into_owned()));
        }
        Ok(None)
    }
    /// What it says under this name, as a name: short and without white space around it; empty if it
    /// does not say it.
    pub(super) fn optional(&self, name: &'static str) -> Result<String, ManifestError> {
        let value = self.get(name)?.unwrap_or_default();
        if value.len() > MOST_NAME {
            return Err(ManifestError::LongName(self.position));
        }
        Ok(value.trim().to_owned())
    }
    /// The same for what it must say.
    pub(super) fn required(&self, name: &'static str) -> Result<String, ManifestError> {
        let value = self.optional(name)?;
        if value.is_empty() {
            return Err(ManifestError::Missing {
                position: self.position,
                element: self.name().to_owned(),
                attribute: name,
            });
        }
        Ok(value)
    }
}
