//! Which value of the JSON text is which value of the record.
//!
//! The crate `evtx` writes what a record says in the order of its templates: attributes, then content, with
//! nested templates in their gaps. So the values of the text and those of the record, each in order, must be
//! the same: each filled gap gives exactly the next value of the text, whose path ends in the name of its
//! element or attribute and which is what [`value::read`] makes of the bytes. Constant text of a template may
//! be a value or not (the name of a `Data` becomes a path). Where anything else is found, there is no form.

use etwatch_event::{RawValue, Record, Value};

use crate::evtx::instance::{Instances, Slot};
use crate::evtx::template::{Part, Templates};
use crate::evtx::value::{self, kind};

/// Parts of templates that are looked at for one record.
const STEPS: usize = 16_384;
/// Bytes of constant text in one form.
const CONSTANT_BYTES: usize = 8_192;

/// Where a value of the text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// It is the same in all records of the form.
    Text(Box<str>),
    Unsigned(u64),
    Signed(i64),
    /// The value of the record with this number; `quoted` if it is text in any case.
    Slot {
        number: usize,
        quoted: bool,
    },
}

/// Something that a record says, and where.
#[derive(Clone, Copy, Debug)]
struct Item<'t> {
    element: &'t str,
    /// What the attribute `Name` of the element says.
    data: Option<&'t str>,
    attribute: Option<&'t str>,
    what: What<'t>,
}

#[derive(Clone, Copy, Debug)]
enum What<'t> {
    Constant(&'t str),
    Slot(usize),
}

/// The sources of the values in `paths`, the record `record` of `chunk` as its JSON text has it.
pub(crate) fn sources(
    paths: &Record<'_>,
    chunk: &[u8],
    record: &Instances,
    templates: &Templates,
) -> Option<Vec<Source>> {
    let mut said = Said { record, templates, items: Vec::new(), steps: 0 };
    said.instance(0)?;
    let mut items = said.items.iter();
    let mut sources = Vec::new();
    let (mut room, mut constant_bytes) = (Vec::new(), 0);
    for (path, value) in paths.fields() {
        let RawValue::One(value) = value else { continue };
        match value {
            Value::Text("") => {
                sources.push(Source::Text("".into()));
                continue;
            }
            Value::Text(_) | Value::Unsigned(_) | Value::Signed(_) => {}
            // Booleans are part of the key.
            Value::Null | Value::Structure | Value::Boolean(_) => continue,
            _ => return None,
        }
        let source = loop {
            let item = items.next()?;
            if item.is_at(path)
                && let Some(source) = item.source(value, chunk, &record.slots, &mut room)
            {
                break source;
            }
            if matches!(item.what, What::Slot(_)) {
                return None;
            }
        };
        if let Source::Text(text) = &source {
            constant_bytes += text.len();
        }
        sources.push(source);
    }
    let all = items.all(|item| matches!(item.what, What::Constant(_)));
    (all && constant_bytes <= CONSTANT_BYTES).then_some(sources)
}

impl Item<'_> {
    /// Whether a value with this path can be this one.
    fn is_at(&self, path: &str) -> bool {
        if let Some(attribute) = self.attribute {
            let element = path.strip_suffix(attribute);
            let element = element.and_then(|path| path.strip_suffix(".#attributes."));
            return element.is_some_and(|path| ends_in(path, self.element));
        }
        let path = path.strip_suffix(".#text").unwrap_or(path);
        ends_in(path, self.element) || self.data.is_some_and(|name| ends_in(path, name))
    }

    /// Where `value` comes from, if it is this one.
    fn source(
        &self,
        value: Value<'_>,
        chunk: &[u8],
        slots: &[Slot],
        room: &mut Vec<u8>,
    ) -> Option<Source> {
        match self.what {
            What::Slot(number) => {
                let (slot, quoted) = (slots.get(number)?, matches!(value, Value::Text(_)));
                let read = value::read(slot.kind, slot.bytes(chunk), quoted, room)?;
                (read == value).then_some(Source::Slot { number, quoted })
            }
            What::Constant(text) => {
                let mut scratch = String::new();
                (value.text(&mut scratch) == Some(text)).then_some(match value {
                    Value::Unsigned(number) => Source::Unsigned(number),
                    Value::Signed(number) => Source::Signed(number),
                    _ => Source::Text(text.into()),
                })
            }
        }
    }
}

/// Whether the last part of a path is `name`, or `name` with the number of its repetition.
fn ends_in(path: &str, name: &str) -> bool {
    let is_last = |path: &str| {
        path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let numbered = path.rsplit_once('_');
    let unnumbered =
        numbered.filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    is_last(path) || unnumbered.is_some_and(|(path, _)| is_last(path))
}

/// What a record says, in order.
struct Said<'t> {
    record: &'t Instances,
    templates: &'t Templates,
    items: Vec<Item<'t>>,
    steps: usize,
}

/// An element that is open.
struct Element<'t> {
    name: &'t str,
    data: Option<&'t str>,
    attribute: Option<&'t str>,
    is_left_out: bool,
}

impl<'t> Said<'t> {
    fn instance(&mut self, number: usize) -> Option<()> {
        let instance = self.record.instances.get(number)?;
        let slots = self.record.slots.get(instance.first..instance.first + instance.count)?;
        let mut open: Vec<Element<'t>> = Vec::new();
        for part in self.templates.get(instance.template)? {
            self.steps += 1;
            if self.steps > STEPS {
                return None;
            }
            if let Part::Open { name, dependency } = part {
                let dependency = dependency.and_then(|slot| slots.get(usize::from(slot)));
                let is_null = dependency.is_some_and(is_null);
                let is_left_out = is_null || open.last().is_some_and(|outer| outer.is_left_out);
                open.push(Element { name, data: None, attribute: None, is_left_out });
                continue;
            }
            let element = open.last_mut()?;
            match part {
                Part::Open { .. } => {}
                Part::Attribute { name } => element.attribute = Some(name),
                Part::Content => element.attribute = None,
                Part::Close => {
                    open.pop();
                }
                Part::Text(text) => {
                    if element.attribute == Some("Name") {
                        element.data = Some(text);
                    }
                    self.say(element, What::Constant(text));
                }
                Part::Gap(gap) => match slots.get(usize::from(*gap)) {
                    None => {}
                    Some(slot) if slot.is_empty || element.is_left_out => {}
                    Some(slot) if slot.kind == kind::BINARY_XML => self.instance(slot.inner)?,
                    Some(slot) if slot.kind == kind::BOOLEAN => {
                        let text = if slot.is_true { "true" } else { "false" };
                        self.say(element, What::Constant(text));
                    }
                    Some(slot) if slot.kind == kind::STRINGS => {
                        self.steps += slot.texts;
                        for number in slot.inner..slot.inner + slot.texts {
                            if !self.record.slots.get(number)?.is_empty {
                                self.say(element, What::Slot(number));
                            }
                        }
                    }
                    Some(_) => {
                        self.say(element, What::Slot(instance.first + usize::from(*gap)));
                    }
                },
            }
        }
        Some(())
    }

    fn say(&mut self, element: &Element<'t>, what: What<'t>) {
        let Element { name, data, attribute, is_left_out } = *element;
        if !is_left_out {
            self.items.push(Item { element: name, data, attribute, what });
        }
    }
}

/// Whether elements that depend on this value are left out.
fn is_null(slot: &Slot) -> bool {
    slot.kind == kind::NULL || (slot.kind == kind::BINARY_XML && slot.is_empty)
}
