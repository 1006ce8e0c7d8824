//! The elements of one event, as a tree in three lists that are used again for the next event.
//!
//! Only what events have is kept: elements, attributes, and text, with references and CDATA sections resolved.
//! Comments and processing instructions are passed over; a document type can define nothing, so that no entity
//! grows. A reference that nobody knows stays as it is written, which loses nothing. Line ends stay what they are:
//! to XML they are all the same, to who compares them with the log they are not.
//!
//! The number of nodes and their depth are limited, so the tree costs a multiple of the text at most.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::event::XmlError;
use crate::limits::Limits;

/// The number of a node in its tree.
pub(super) type NodeId = usize;

/// An element, or some text of the element around it.
#[derive(Clone, Debug)]
struct Node {
    /// The name of the element, or the text, in the text of the tree.
    text: Range<usize>,
    is_element: bool,
    attributes: Range<usize>,
    first: Option<NodeId>,
    last: Option<NodeId>,
    next: Option<NodeId>,
}

/// A name and a value, in the text of the tree.
#[derive(Clone, Debug)]
struct Attribute {
    name: Range<usize>,
    value: Range<usize>,
}

/// What one event says. Its first node is the outermost element.
#[derive(Debug, Default)]
pub(super) struct Tree {
    text: String,
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    /// The elements that are open while the text is read.
    open: Vec<NodeId>,
}

impl Tree {
    /// Reads the text of one event; what was read before is forgotten.
    pub(super) fn read(&mut self, text: &str, limits: &Limits) -> Result<(), XmlError> {
        self.text.clear();
        self.nodes.clear();
        self.attributes.clear();
        self.open.clear();
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        loop {
            let event = reader.read_event();
            let event = event.map_err(|error| XmlError::syntax(error.to_string()))?;
            match event {
                Event::Start(start) => self.open(&start, limits)?,
                Event::End(_) => {
                    self.open.pop();
                }
                Event::Text(text) => self.say(&text, limits)?,
                Event::CData(text) => self.say(&text, limits)?,
                Event::GeneralRef(name) => self.refer(&name, limits)?,
                Event::Eof if self.open.is_empty() && !self.nodes.is_empty() => return Ok(()),
                Event::Eof => return Err(XmlError::cut_off()),
                Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => {}
            }
        }
    }

    fn open(&mut self, start: &BytesStart<'_>, limits: &Limits) -> Result<(), XmlError> {
        if self.open.is_empty() && !self.nodes.is_empty() {
            return Err(XmlError::syntax("text goes on behind the event".to_owned()));
        }
        if self.open.len() >= limits.depth {
            return Err(XmlError::depth(limits));
        }
        let first = self.attributes.len();
        // Names that occur twice stay two values, as in JSON.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| XmlError::syntax(error.to_string()))?;
            self.room(limits)?;
            let name = self.keep(attribute.key.into_inner());
            let value = unescape(&attribute.value).unwrap_or(Cow::Borrowed(&*attribute.value));
            let value = self.keep(&value);
            self.attributes.push(Attribute { name, value });
        }
        let text = self.keep(start.name().into_inner());
        let attributes = first..self.attributes.len();
        let node = self.add(Node { attributes, ..Node::new(text, true) }, limits)?;
        self.open.push(node);
        Ok(())
    }

    /// Adds text to the element that is open.
    fn say(&mut self, text: &str, limits: &Limits) -> Result<(), XmlError> {
        let Some(around) = self.open.last().copied() else {
            let is_blank = text.chars().all(|letter| letter.is_whitespace() || letter == '\0');
            let between = || XmlError::syntax("there is text outside the event".to_owned());
            return if is_blank { Ok(()) } else { Err(between()) };
        };
        if text.is_empty() {
            return Ok(());
        }
        let last = self.nodes.get(around).and_then(|node| node.last);
        let end = self.text.len();
        if let Some(node) = last.and_then(|last| self.nodes.get_mut(last))
            && !node.is_element
            && node.text.end == end
        {
            self.text.push_str(text);
            node.text.end = self.text.len();
            return Ok(());
        }
        let text = self.keep(text);
        self.add(Node::new(text, false), limits).map(|_| ())
    }

    fn refer(&mut self, name: &BytesRef<'_>, limits: &Limits) -> Result<(), XmlError> {
        let mut room = [0; 4];
        if let Ok(Some(letter)) = name.resolve_char_ref() {
            return self.say(letter.encode_utf8(&mut room), limits);
        }
        match resolve_xml_entity(name) {
            Some(text) => self.say(text, limits),
            None => {
                self.say("&", limits)?;
                self.say(name, limits)?;
                self.say(";", limits)
            }
        }
    }

    fn keep(&mut self, text: &str) -> Range<usize> {
        let start = self.text.len();
        self.text.push_str(text);
        start..self.text.len()
    }

    fn room(&self, limits: &Limits) -> Result<(), XmlError> {
        // Each element may have text before and behind it.
        let is_full = self.nodes.len() + self.attributes.len() >= limits.values.saturating_mul(2);
        if is_full { Err(XmlError::values(limits)) } else { Ok(()) }
    }

    /// Adds a node to the element that is open.
    fn add(&mut self, node: Node, limits: &Limits) -> Result<NodeId, XmlError> {
        self.room(limits)?;
        let number = self.nodes.len();
        self.nodes.push(node);
        let around = self.open.last().copied();
        let before = around.and_then(|around| self.nodes.get_mut(around)).and_then(|around| {
            around.first = around.first.or(Some(number));
            around.last.replace(number)
        });
        if let Some(before) = before.and_then(|before| self.nodes.get_mut(before)) {
            before.next = Some(number);
        }
        Ok(number)
    }
}

impl Node {
    fn new(text: Range<usize>, is_element: bool) -> Self {
        Self { text, is_element, attributes: 0..0, first: None, last: None, next: None }
    }
}

/// What is asked of a tree that has been read.
impl Tree {
    /// The outermost element.
    pub(super) const ROOT: NodeId = 0;

    fn text_of(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
    /// The name of an element, or a text.
    pub(super) fn text(&self, node: NodeId) -> &str {
        self.nodes.get(node).map_or("", |node| self.text_of(node.text.clone()))
    }
    /// Names and values.
    pub(super) fn attributes(&self, node: NodeId) -> impl Iterator<Item = (&str, &str)> {
        let range = self.nodes.get(node).map_or(0..0, |node| node.attributes.clone());
        let attributes = self.attributes.get(range).unwrap_or_default().iter();
        attributes.map(|one| (self.text_of(one.name.clone()), self.text_of(one.value.clone())))
    }
    /// What an element says under this name.
    pub(super) fn attribute(&self, node: NodeId, name: &str) -> Option<&str> {
        self.attributes(node).find(|(found, _)| *found == name).map(|(_, value)| value)
    }
    fn inside(&self, node: NodeId, elements: bool) -> impl Iterator<Item = NodeId> {
        let first = self.nodes.get(node).and_then(|node| node.first);
        self.from(first, elements)
    }
    fn from(&self, first: Option<NodeId>, elements: bool) -> impl Iterator<Item = NodeId> {
        let next = |node: &NodeId| self.nodes.get(*node).and_then(|node| node.next);
        let of_kind = move |node: &NodeId| {
            self.nodes.get(*node).is_some_and(|node| node.is_element == elements)
        };
        std::iter::successors(first, next).filter(of_kind)
    }
    /// The elements in an element.
    pub(super) fn elements(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.inside(node, true)
    }
    /// The elements that follow an element.
    pub(super) fn following(&self, node: NodeId) -> impl Iterator<Item = NodeId> {
        self.from(self.nodes.get(node).and_then(|node| node.next), true)
    }
    /// The texts in an element, of which only the first and the last may be blank if it has others.
    pub(super) fn texts(&self, node: NodeId) -> impl Iterator<Item = &str> {
        self.inside(node, false).map(|text| self.text(text))
    }
}
