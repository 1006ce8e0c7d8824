//! The text below a provider or class, parsed to schemas.
//!
//! Lines without indent open something (a map, an event), indented ones belong to what is open. An event is
//! complete when the next line without indent comes: only then is known how many top fields it has, behind
//! which the members of its structures stand ([`fields`]).

mod fields;

use std::collections::HashMap;
use std::sync::Arc;

use etwatch_event::Guid;

use super::error::{TableError, TableProblem};
use super::layouts::{Builds, EventLayouts, Layout};
use super::line::{Line, Word};
use crate::schema::{Schema, ValueMap};

/// Names of values by the name of their map.
type Maps<'t> = HashMap<&'t str, Arc<ValueMap>>;

/// A provider or class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'t> {
    pub(super) name: &'t str,
    pub(super) guid: Guid,
    /// Whether it is a class, whose events have opcodes instead of ids.
    pub(super) classic: bool,
    /// What its events have, unless they say otherwise.
    pub(super) task: &'t str,
    pub(super) channel: &'t str,
    /// Whether another file tells of it as well.
    pub(super) more: bool,
}

impl<'t> Owner<'t> {
    /// What a line that begins with `provider`, `class` or `also` says.
    pub(super) fn parse(line: &Line<'t>) -> Result<Self, TableError> {
        let name = line.plain(1, "the name")?;
        let guid = line.plain(2, "the GUID")?;
        let guid =
            Guid::parse(guid).ok_or_else(|| line.error(TableProblem::Guid(guid.to_owned())))?;
        let classic = line.plain(0, "the kind")? == "class";
        let mut owner = Self { name, guid, classic, task: "", channel: "", more: false };
        for word in line.words.iter().skip(3) {
            match *word {
                Word::Attribute("task", task) => owner.task = task,
                Word::Attribute("channel", channel) => owner.channel = channel,
                Word::Plain("more") => owner.more = true,
                other => return Err(line.misplaced(other)),
            }
        }
        Ok(owner)
    }
}

/// What an `event` line says.
#[derive(Debug)]
struct Head<'t> {
    numbers: Vec<u16>,
    versions: Vec<u8>,
    names: Vec<&'t str>,
    task: &'t str,
    opcode: &'t str,
    channel: &'t str,
    builds: Vec<Builds>,
}

/// What indented lines belong to.
#[derive(Debug)]
enum Open<'t> {
    Nothing,
    Map(&'t str, ValueMap),
    Event(Head<'t>, Vec<Line<'t>>),
}

/// The events of `text`, which begins with the line of a provider or class.
///
/// # Errors
/// The first line that is not of the form.
pub(super) fn events<'t>(
    owner: &Owner<'t>,
    file: &'static str,
    first_line: u32,
    text: &'t str,
) -> Result<EventLayouts, TableError> {
    let mut parser = Parser { owner, maps: Maps::new(), events: EventLayouts::default() };
    let mut open = Open::Nothing;
    for (number, text) in (first_line..).zip(text.lines()) {
        let line = Line::parse(file, number, text)?;
        let Some(&word) = line.words.first() else { continue };
        if line.indent > 0 {
            match &mut open {
                Open::Nothing => return Err(line.misplaced(word)),
                Open::Map(_, map) => map.entries.push(map_entry(&line)?),
                Open::Event(_, fields) => fields.push(line),
            }
            continue;
        }
        parser.close(open)?;
        open = match word {
            Word::Plain("provider" | "class" | "also") => Open::Nothing,
            Word::Plain("map") => map_head(&line)?,
            Word::Plain("event") => Open::Event(event_head(owner, &line)?, Vec::new()),
            other => return Err(line.misplaced(other)),
        };
    }
    parser.close(open)?;
    Ok(parser.events)
}

/// What has been parsed so far.
#[derive(Debug)]
struct Parser<'t, 'o> {
    owner: &'o Owner<'t>,
    maps: Maps<'t>,
    events: EventLayouts,
}

impl<'t> Parser<'t, '_> {
    /// Takes in what was open.
    fn close(&mut self, open: Open<'t>) -> Result<(), TableError> {
        match open {
            Open::Nothing => Ok(()),
            Open::Map(name, map) => {
                self.maps.insert(name, Arc::new(map));
                Ok(())
            }
            Open::Event(head, lines) => self.event(&head, &lines),
        }
    }

    /// Takes in an event under each of its numbers and versions.
    fn event(&mut self, head: &Head<'t>, lines: &[Line<'t>]) -> Result<(), TableError> {
        let (fields, top) = fields::fields(lines, &self.maps)?;
        for (index, &number) in head.numbers.iter().enumerate() {
            let name = head.names.get(index).or(head.names.first()).copied().unwrap_or_default();
            let opcode =
                if head.opcode.is_empty() && self.owner.classic { name } else { head.opcode };
            let schema = Schema {
                provider: self.owner.name.into(),
                guid: self.owner.guid,
                name: name.into(),
                task: head.task.into(),
                opcode: opcode.into(),
                channel: head.channel.into(),
                fields: fields.clone(),
                top,
                ..Schema::default()
            };
            let schema = Arc::new(schema);
            for &version in &head.versions {
                let layout = Layout { schema: Arc::clone(&schema), builds: head.builds.clone() };
                self.events.push(number, version, layout);
            }
        }
        Ok(())
    }
}

/// `map NAME bit`
fn map_head<'t>(line: &Line<'t>) -> Result<Open<'t>, TableError> {
    let name = line.plain(1, "the name")?;
    let bits = match line.plain(2, "`bit` or `value`")? {
        "bit" => true,
        "value" => false,
        other => return Err(line.misplaced(Word::Plain(other))),
    };
    Ok(Open::Map(name, ValueMap { name: name.into(), bits, entries: Vec::new() }))
}

/// `0x1 NAME`
fn map_entry(line: &Line<'_>) -> Result<(u32, Box<str>), TableError> {
    let number = line.number(line.plain(0, "the number")?)?;
    Ok((number, line.plain(1, "the name")?.into()))
}

/// `event 1,2 v3,v4 Start,End builds=7600-9600`
fn event_head<'t>(owner: &Owner<'t>, line: &Line<'t>) -> Result<Head<'t>, TableError> {
    let numbers = line.plain(1, "the id or opcode")?.split(',');
    let numbers = numbers.map(|word| line.number(word)).collect::<Result<Vec<u16>, _>>()?;
    let version = |word: &str| match word.strip_prefix('v') {
        Some(number) => line.number(number),
        None => Err(line.error(TableProblem::Missing("the version"))),
    };
    let versions = line.plain(2, "the version")?.split(',').map(version);
    let versions = versions.collect::<Result<Vec<u8>, _>>()?;
    let (mut names, mut builds) = (Vec::new(), Vec::new());
    let (mut task, mut opcode, mut channel) = (owner.task, "", owner.channel);
    for (index, word) in line.words.iter().enumerate().skip(3) {
        match *word {
            Word::Plain(word) if index == 3 && owner.classic => names = word.split(',').collect(),
            Word::Plain(word) if index == 3 => names = vec![word],
            Word::Attribute("task", value) => task = value,
            Word::Attribute("opcode", value) => opcode = value,
            Word::Attribute("channel", value) => channel = value,
            Word::Attribute("builds", value) => builds = self::builds(line, value)?,
            other => return Err(line.misplaced(other)),
        }
    }
    if names.len() > 1 && names.len() != numbers.len() {
        let (names, numbers) = (names.len(), numbers.len());
        return Err(line.error(TableProblem::Names { names, numbers }));
    }
    Ok(Head { numbers, versions, names, task, opcode, channel, builds })
}

/// `7600-9600,10240`
fn builds(line: &Line<'_>, value: &str) -> Result<Vec<Builds>, TableError> {
    let range = |word: &str| {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        Ok((line.number(first)?, line.number(last)?))
    };
    value.split(',').map(range).collect()
}
