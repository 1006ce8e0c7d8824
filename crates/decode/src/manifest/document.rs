//! What a manifest says, as written: names are not yet looked up, numbers not yet read.
//!
//! ```text
//! instrumentation/events/provider      one or more
//!   channels/channel, importChannel
//!   tasks/task(/opcodes/opcode), opcodes/opcode
//!   maps/valueMap|bitMap/map
//!   templates/template/data|struct(/data)
//!   events/event
//! localization/resources/stringTable/string      texts that `$(string.ID)` stands for
//! ```
//!
//! Only what decoding needs is kept. The parts of a provider may stand in any order.

use std::collections::HashMap;

use super::ManifestError;
use super::elements::{Element, Elements};

/// A manifest.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) providers: Vec<Provider>,
    /// Texts by their id.
    pub(super) texts: HashMap<String, String>,
}

/// A provider.
#[derive(Debug, Default)]
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) guid: String,
    /// Names of channels by what events call them (`chid`, else the name).
    pub(super) channels: HashMap<String, String>,
    pub(super) tasks: HashMap<String, Label>,
    /// By task, empty for those of all tasks, and name.
    pub(super) opcodes: HashMap<(String, String), Label>,
    pub(super) maps: HashMap<String, Map>,
    pub(super) templates: HashMap<String, Vec<Part>>,
    pub(super) events: Vec<EventRow>,
}

/// What a task, an opcode or a value is called.
#[derive(Debug)]
pub(super) struct Label {
    /// Its own name; empty if it has none.
    pub(super) name: String,
    /// The reference to its text; empty if it has none.
    pub(super) message: String,
}

/// Names of values.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) bits: bool,
    /// Number and label, in order.
    pub(super) entries: Vec<(String, Label)>,
}

/// A part of a template: a field, or a structure of fields.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) in_type: String,
    pub(super) out_type: String,
    pub(super) map: String,
    pub(super) count: String,
    pub(super) length: String,
    /// The fields of a structure; `None` for a field.
    pub(super) members: Option<Vec<Part>>,
}

/// An event.
#[derive(Debug)]
pub(super) struct EventRow {
    pub(super) value: String,
    pub(super) version: String,
    pub(super) symbol: String,
    pub(super) channel: String,
    pub(super) task: String,
    pub(super) opcode: String,
    pub(super) template: String,
}

/// Reads a manifest.
pub(super) fn read(text: &str) -> Result<Document, ManifestError> {
    let mut elements = Elements::new(text);
    let mut document = Document::default();
    let mut english = false;
    while let Some(root) = elements.root()? {
        while let Some(section) = elements.child(&root)? {
            match section.name() {
                "instrumentation" => instrumentation(&mut elements, &section, &mut document)?,
                "localization" => {
                    while let Some(resources) = elements.child(&section)? {
                        let culture = resources.optional("culture")?.to_ascii_lowercase();
                        if english || !document.texts.is_empty() && !culture.starts_with("en") {
                            continue;
                        }
                        english = culture.starts_with("en");
                        document.texts = texts(&mut elements, &resources)?;
                    }
                }
                _ => {}
            }
        }
    }
    Ok(document)
}

fn instrumentation<'a>(
    elements: &mut Elements<'a>,
    section: &Element<'a>,
    document: &mut Document,
) -> Result<(), ManifestError> {
    while let Some(events) = elements.child(section)? {
        if events.name() != "events" {
            continue;
        }
        while let Some(element) = elements.child(&events)? {
            if element.name() == "provider" {
                document.providers.push(provider(elements, &element)?);
            }
        }
    }
    Ok(())
}

fn texts<'a>(
    elements: &mut Elements<'a>,
    resources: &Element<'a>,
) -> Result<HashMap<String, String>, ManifestError> {
    let mut texts = HashMap::new();
    while let Some(table) = elements.child(resources)? {
        if table.name() != "stringTable" {
            continue;
        }
        while let Some(string) = elements.child(&table)? {
            texts.insert(string.required("id")?, string.get("value")?.unwrap_or_default());
        }
    }
    Ok(texts)
}

fn provider<'a>(
    elements: &mut Elements<'a>,
    element: &Element<'a>,
) -> Result<Provider, ManifestError> {
    let mut provider = Provider {
        name: element.required("name")?,
        guid: element.required("guid")?,
        ..Provider::default()
    };
    while let Some(section) = elements.child(element)? {
        let kind = section.name().to_owned();
        if kind == "opcodes" {
            opcodes(elements, &section, "", &mut provider)?;
            continue;
        }
        while let Some(item) = elements.child(&section)? {
            match (kind.as_str(), item.name()) {
                ("channels", "channel" | "importChannel") => {
                    let name = item.required("name")?;
                    let called = item.optional("chid")?;
                    let called = if called.is_empty() { name.clone() } else { called };
                    provider.channels.insert(called, name);
                }
                ("tasks", "task") => task(elements, &item, &mut provider)?,
                ("maps", name @ ("valueMap" | "bitMap")) => {
                    let bits = name == "bitMap";
                    let entries = map_entries(elements, &item)?;
                    provider.maps.insert(item.required("name")?, Map { bits, entries });
                }
                ("templates", "template") => {
                    let parts = parts(elements, &item, true)?;
                    provider.templates.insert(item.required("tid")?, parts);
                }
                ("events", "event") => provider.events.push(event(&item)?),
                _ => {}
            }
        }
    }
    Ok(provider)
}

fn task<'a>(
    elements: &mut Elements<'a>,
    item: &Element<'a>,
    provider: &mut Provider,
) -> Result<(), ManifestError> {
    let name = item.required("name")?;
    provider.tasks.insert(name.clone(), label(item)?);
    while let Some(section) = elements.child(item)? {
        if section.name() == "opcodes" {
            opcodes(elements, &section, &name, provider)?;
        }
    }
    Ok(())
}

fn opcodes<'a>(
    elements: &mut Elements<'a>,
    section: &Element<'a>,
    task: &str,
    provider: &mut Provider,
) -> Result<(), ManifestError> {
    while let Some(item) = elements.child(section)? {
        if item.name() == "opcode" {
            let key = (task.to_owned(), item.required("name")?);
            provider.opcodes.insert(key, label(&item)?);
        }
    }
    Ok(())
}

fn map_entries<'a>(
    elements: &mut Elements<'a>,
    item: &Element<'a>,
) -> Result<Vec<(String, Label)>, ManifestError> {
    let mut entries = Vec::new();
    while let Some(entry) = elements.child(item)? {
        if entry.name() == "map" {
            entries.push((entry.required("value")?, label(&entry)?));
        }
    }
    Ok(entries)
}

/// The parts of a template, or of a structure, which has no structures inside it.
fn parts<'a>(
    elements: &mut Elements<'a>,
    parent: &Element<'a>,
    structures: bool,
) -> Result<Vec<Part>, ManifestError> {
    let mut parts = Vec::new();
    while let Some(item) = elements.child(parent)? {
        let structure = match item.name() {
            "data" => false,
            "struct" if structures => true,
            // `UserData` says how the event is shown as XML.
            _ => continue,
        };
        let mut part = Part {
            name: item.required("name")?,
            count: item.optional("count")?,
            ..Part::default()
        };
        if structure {
            part.members = Some(self::parts(elements, &item, false)?);
        } else {
            part.in_type = item.required("inType")?;
            part.out_type = item.optional("outType")?;
            part.map = item.optional("map")?;
            part.length = item.optional("length")?;
        }
        parts.push(part);
    }
    Ok(parts)
}

fn event(item: &Element<'_>) -> Result<EventRow, ManifestError> {
    Ok(EventRow {
        value: item.required("value")?,
        version: item.optional("version")?,
        symbol: item.optional("symbol")?,
        channel: item.optional("channel")?,
        task: item.optional("task")?,
        opcode: item.optional("opcode")?,
        template: item.optional("template")?,
    })
}

fn label(item: &Element<'_>) -> Result<Label, ManifestError> {
    let name = item.optional("name")?;
    let name = if name.is_empty() { item.optional("symbol")? } else { name };
    Ok(Label { name, message: item.optional("message")? })
}
