//! An event as the JSON that the decoder of event logs makes of it.
//!
//! | in the event | in the JSON |
//! |---|---|
//! | an element with text alone | its text; `null` if it has none |
//! | an element with attributes | `{"#attributes": {…}, "#text": …}`; attributes without a value are left out |
//! | elements of one name | `Name`, `Name_1`, `Name_2` |
//! | `<Data Name='X'>` in `EventData` or `UserData` | `"X": …`, and an empty text, not `null`; several in a row are a list |
//! | `<Data>` there, if none has a name | `"Data": {"#text": …}`, a list if there are several |
//! | `<Data>` beside others that have names | nothing, as there |
//!
//! Blank text beside elements, and in `System`, `EventData` and `UserData` themselves, is the way the text was laid
//! out.
//!
//! # Numbers
//! In the log a value has a type; here it has none. What Windows writes of a whole number is decimal without
//! leading zeros, so text that is exactly so is written as a number in the JSON: in the header where the schema of
//! events has numbers, and in the payload in elements that have a name of their own. Values of `<Data>` without a
//! name are the insertion strings of classic events, which are text in the log as well. `true` and `false` stay
//! text. Rules see no difference: they compare text with text and numbers by their value, whichever it was.

use super::tree::{NodeId, Tree};
use etwatch_event::Timestamp;

/// Elements of the header whose text is a number.
const NUMBERS: [&str; 6] = ["EventID", "Version", "Level", "Task", "Opcode", "EventRecordID"];
/// Elements of the header whose attributes are numbers.
const NUMBERED: [&str; 2] = ["EventID", "Execution"];

/// Which part of an event an element lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// `Event` itself, and what stands in it beside the parts below.
    Event,
    System,
    /// `EventData` and `UserData`.
    Payload,
}

/// Writes events; its lists are used again.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    /// Names of members so far, of all objects that are open: an element that had the name (or a `Data` whose
    /// `Name` it was), and how often it was met.
    met: Vec<(NodeId, bool, u32)>,
}

impl Writer {
    /// The event in `tree`; `None` if it is none.
    pub(super) fn write(&mut self, tree: &Tree) -> Option<&[u8]> {
        let has_header = tree.elements(Tree::ROOT).any(|element| tree.text(element) == "System");
        if tree.text(Tree::ROOT) != "Event" || !has_header {
            return None;
        }
        self.out.clear();
        self.met.clear();
        self.out.extend_from_slice(b"{\"Event\":");
        self.element(tree, Tree::ROOT, Part::Event);
        self.out.push(b'}');
        Some(&self.out)
    }

    /// Writes the value of an element.
    fn element(&mut self, tree: &Tree, element: NodeId, part: Part) {
        let has_attributes = tree.attributes(element).any(|(_, value)| !value.is_empty());
        let has_elements = tree.elements(element).next().is_some();
        if has_attributes || has_elements {
            return self.object(tree, element, part, has_attributes);
        }
        if has_text(tree, element) {
            self.content(tree, element, part);
        } else {
            self.out.extend_from_slice(b"null");
        }
    }

    fn object(&mut self, tree: &Tree, element: NodeId, part: Part, with_attributes: bool) {
        self.out.push(b'{');
        if with_attributes {
            self.key("#attributes");
            self.out.push(b'{');
            for (name, value) in tree.attributes(element).filter(|(_, value)| !value.is_empty()) {
                self.key(name);
                self.attribute(tree.text(element), name, value, part);
            }
            self.out.push(b'}');
        }
        if has_text(tree, element) {
            self.key("#text");
            self.content(tree, element, part);
        }
        let name = tree.text(element);
        let is_container = matches!(name, "EventData" | "UserData");
        let part = match (part, name) {
            (_, "EventData" | "UserData") => Part::Payload,
            (Part::Event, "System") => Part::System,
            _ => part,
        };
        let met = self.met.len();
        self.members(tree, element, part, is_container);
        self.met.truncate(met);
        self.out.push(b'}');
    }

    fn members(&mut self, tree: &Tree, element: NodeId, part: Part, is_container: bool) {
        let met = self.met.len();
        let named = is_container
            && tree
                .elements(element)
                .any(|one| data_name(tree, one).is_some_and(|name| !name.is_empty()));
        let (mut skip, mut positional) = (0, false);
        for child in tree.elements(element) {
            let name = tree.text(child);
            if !is_container || name != "Data" {
                let times = self.times(tree, met, child, false);
                self.numbered_key(name, times);
                self.element(tree, child, part);
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            match data_name(tree, child).filter(|name| !name.is_empty()) {
                Some(name) => {
                    let times = self.times(tree, met, child, true);
                    self.numbered_key(name, times);
                    skip = self.run(tree, child, name) - 1;
                }
                None if named || positional => {}
                None => {
                    positional = true;
                    self.positional(tree, element);
                }
            }
        }
    }

    /// Writes a `Data` and those behind it that have its name; returns how many there are.
    fn run(&mut self, tree: &Tree, first: NodeId, name: &str) -> usize {
        let same =
            |next: &NodeId| tree.text(*next) == "Data" && data_name(tree, *next) == Some(name);
        let count = 1 + tree.following(first).take_while(same).count();
        if count == 1 {
            self.data(tree, first, Part::Payload);
        } else {
            let run = std::iter::once(first).chain(tree.following(first).take(count - 1));
            self.list(tree, run, Part::Payload);
        }
        count
    }

    /// Writes all `Data` of an element, none of which has a name.
    fn positional(&mut self, tree: &Tree, element: NodeId) {
        let all = || tree.elements(element).filter(|child| tree.text(*child) == "Data");
        self.key("Data");
        self.out.push(b'{');
        self.key("#text");
        match (all().next(), all().nth(1)) {
            (Some(only), None) => self.data(tree, only, Part::Event),
            _ => self.list(tree, all(), Part::Event),
        }
        self.out.push(b'}');
    }

    fn list(&mut self, tree: &Tree, data: impl Iterator<Item = NodeId>, part: Part) {
        self.out.push(b'[');
        for one in data {
            self.comma();
            self.data(tree, one, part);
        }
        self.out.push(b']');
    }

    /// Writes the value of a `Data`.
    fn data(&mut self, tree: &Tree, data: NodeId, part: Part) {
        if tree.elements(data).next().is_some() {
            self.object(tree, data, part, false);
        } else {
            self.content(tree, data, part);
        }
    }

    /// How often the name of a member was met before in the object whose names begin at `met`.
    fn times(&mut self, tree: &Tree, met: usize, member: NodeId, is_data: bool) -> u32 {
        let name = |node| if is_data { data_name(tree, node) } else { Some(tree.text(node)) };
        let wanted = name(member);
        let mut known = self.met.get_mut(met..).unwrap_or_default().iter_mut();
        match known.find(|(other, of_data, _)| *of_data == is_data && name(*other) == wanted) {
            Some((_, _, times)) => {
                *times += 1;
                *times
            }
            None => {
                self.met.push((member, is_data, 0));
                0
            }
        }
    }
}

/// What stands in an object.
impl Writer {
    /// A comma, unless it is the first.
    fn comma(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }
    fn key(&mut self, name: &str) {
        self.numbered_key(name, 0);
    }
    fn numbered_key(&mut self, name: &str, times: u32) {
        self.comma();
        self.out.push(b'"');
        self.escaped(name);
        if times > 0 {
            self.out.push(b'_');
            self.out.extend_from_slice(times.to_string().as_bytes());
        }
        self.out.extend_from_slice(b"\":");
    }

    fn attribute(&mut self, element: &str, name: &str, value: &str, part: Part) {
        let is_header = part == Part::System;
        if is_header && (element, name) == ("TimeCreated", "SystemTime") {
            // Older Windows write nine digits of a fraction of which seven say something.
            let time = Timestamp::parse(value).filter(|_| value.ends_with('Z'));
            return match time {
                Some(time) => self.quoted(&time.to_string()),
                None => self.quoted(value),
            };
        }
        if is_header && NUMBERED.contains(&element) && is_number(value) {
            self.out.extend_from_slice(value.as_bytes());
        } else {
            self.quoted(value);
        }
    }

    /// The text of an element, as a number where it is one.
    fn content(&mut self, tree: &Tree, element: NodeId, part: Part) {
        let mut texts = tree.texts(element);
        let may_be_number = match part {
            Part::Event => false,
            Part::System => NUMBERS.contains(&tree.text(element)),
            Part::Payload => true,
        };
        if let (true, Some(text), None) = (may_be_number, texts.next(), texts.next())
            && is_number(text)
        {
            return self.out.extend_from_slice(text.as_bytes());
        }
        self.out.push(b'"');
        let has_elements = tree.elements(element).next().is_some();
        for text in tree.texts(element).filter(|text| !has_elements || !is_blank(text)) {
            self.escaped(text);
        }
        self.out.push(b'"');
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        self.escaped(text);
        self.out.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for byte in text.bytes() {
            match byte {
                b'"' | b'\\' => self.out.extend_from_slice(&[b'\\', byte]),
                0..0x20 => {
                    let digit = |number: u8| HEX.get(usize::from(number)).copied().unwrap_or(b'0');
                    self.out.extend_from_slice(b"\\u00");
                    self.out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
                }
                _ => self.out.push(byte),
            }
        }
    }
}

fn data_name(tree: &Tree, element: NodeId) -> Option<&str> {
    if tree.text(element) == "Data" { tree.attribute(element, "Name") } else { None }
}

/// Whether an element has text that is not layout.
fn has_text(tree: &Tree, element: NodeId) -> bool {
    let is_layout = matches!(tree.text(element), "Event" | "System" | "EventData" | "UserData")
        || tree.elements(element).next().is_some();
    tree.texts(element).any(|text| !is_layout || !is_blank(text))
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

/// Whether a text is what Windows writes of a whole number of at most 64 bits.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = !digits.is_empty()
        && digits.len() <= 20
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    is_plain
        && if text.starts_with('-') {
            text != "-0" && text.parse::<i64>().is_ok()
        } else {
            text.parse::<u64>().is_ok()
        }
}
