//! The tables compiled for a vocabulary, and which row is an event's.
//!
//! A row is found by (provider, id). Where a record does not say its provider, or the table asks
//! for a channel alone, by (channel, id). Rows of one id are tried in order, the first whose `when`
//! holds is taken. The channel gives the service; a record without a channel gets that of its row.

use etwatch_event::{
    Activity, FieldId, LayoutId, LogSource, LogSourceSet, LogSourceSetId, RawValue, Record, Role,
    Vocabulary,
};
use hashbrown::HashMap;

use crate::table::{Conversion, EventRow, Log, Table, TableError};

const PRODUCT: &str = "windows";

/// A template of `compose`: literal text and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Literal(Box<str>),
    Field(FieldId),
}

/// Whole values and what they become.
pub(crate) type ValueMap = Vec<(Box<str>, Box<str>)>;

/// A row, its names numbered.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    when: Vec<(Box<str>, Vec<Box<str>>)>,
    log: usize,
    pub(crate) layout: LayoutId,
    listed: bool,
    /// The set with the service of the row's own log, and the one without a service.
    with_service: LogSourceSetId,
    without_service: LogSourceSetId,
    /// From, to; ordered so that a name is read before it is taken over.
    pub(crate) renames: Vec<(FieldId, FieldId)>,
    pub(crate) composed: Vec<(FieldId, Vec<Vec<Part>>)>,
    pub(crate) values: Vec<(FieldId, ValueMap)>,
    pub(crate) conversions: Vec<(FieldId, Conversion)>,
    pub(crate) constants: Vec<(FieldId, Box<str>)>,
}

/// What events of one kind can be, and which fields they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Their log sources.
    pub sources: LogSourceSetId,
    /// Their known fields.
    pub layout: LayoutId,
    /// Whether the table lists all fields of its own for them; events outside of rows may have any.
    pub listed: bool,
}

/// What normalisation does with a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision<'a> {
    pub(crate) row: Option<&'a Row>,
    pub(crate) layout: LayoutId,
    pub(crate) sources: LogSourceSetId,
}

#[derive(Clone, Debug)]
struct CompiledLog {
    channels: Vec<Box<str>>,
    by_channel_alone: bool,
    layout: LayoutId,
    /// The events without a category.
    sources: LogSourceSetId,
}

/// The tables, numbered for one vocabulary.
#[derive(Clone, Debug)]
pub struct Taxonomy {
    rows: Vec<Row>,
    logs: Vec<CompiledLog>,
    by_provider: HashMap<(Box<str>, u32), Vec<usize>>,
    by_channel: HashMap<(Box<str>, u32), Vec<usize>>,
    log_of_channel: HashMap<Box<str>, usize>,
    log_of_provider: HashMap<Box<str>, usize>,
    /// A Windows event of which nothing more is known.
    windows: LogSourceSetId,
}

impl Taxonomy {
    /// Numbers the names of `table` in `vocabulary` and adds its layouts and log sources there.
    ///
    /// # Errors
    /// [`TableError::Row`] if the renames of a row take each other's names in a circle, or a
    /// template has an unclosed brace.
    pub fn compile(table: &Table, vocabulary: &mut Vocabulary) -> Result<Self, TableError> {
        let windows = vocabulary.add_set(set(&[], &[]));
        let services = services_of_channels(table);
        let mut new = Self {
            rows: Vec::new(),
            logs: Vec::new(),
            by_provider: HashMap::new(),
            by_channel: HashMap::new(),
            log_of_channel: HashMap::new(),
            log_of_provider: HashMap::new(),
            windows,
        };
        for log in &table.logs {
            new.add_log(log, &services, vocabulary)?;
        }
        Ok(new)
    }

    fn add_log(
        &mut self,
        log: &Log,
        services: &HashMap<Box<str>, Vec<String>>,
        vocabulary: &mut Vocabulary,
    ) -> Result<(), TableError> {
        let number = self.logs.len();
        let fields = intern_all(&log.fields, vocabulary);
        let channels: Vec<Box<str>> = log.channel.iter().map(|name| lower(name)).collect();
        let providers: Vec<Box<str>> = log.provider.iter().map(|name| lower(name)).collect();
        let mut own: Vec<String> = log.service.clone().into_iter().collect();
        own.extend(channels.iter().filter_map(|name| services.get(name)).flatten().cloned());
        let service = Services { own };
        for channel in &channels {
            self.log_of_channel.entry(channel.clone()).or_insert(number);
        }
        for provider in &providers {
            self.log_of_provider.entry(provider.clone()).or_insert(number);
        }
        self.logs.push(CompiledLog {
            by_channel_alone: providers.is_empty(),
            layout: vocabulary.add_layout(&fields),
            sources: vocabulary.add_set(set(&[], &service.own)),
            channels: channels.clone(),
        });
        for row in &log.events {
            let index = self.rows.len();
            self.rows.push(compile_row(row, number, &service, &fields, vocabulary)?);
            for provider in &providers {
                self.by_provider.entry((provider.clone(), row.id)).or_default().push(index);
            }
            for channel in &channels {
                self.by_channel.entry((channel.clone(), row.id)).or_default().push(index);
            }
        }
        Ok(())
    }

    /// The kinds of events that the tables tell apart: those of rows, then those of logs.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        let of_row =
            |row: &Row| Kind { sources: row.with_service, layout: row.layout, listed: row.listed };
        let of_log =
            |log: &CompiledLog| Kind { sources: log.sources, layout: log.layout, listed: false };
        self.rows.iter().map(of_row).chain(self.logs.iter().map(of_log))
    }

    /// Decides what `record` is. `scratch` is room for two lower-cased names.
    pub(crate) fn decide(&self, record: &Record<'_>, scratch: &mut Names) -> Decision<'_> {
        scratch.set(record);
        let (provider, channel) = (scratch.provider.as_str(), scratch.channel.as_str());
        let log_of_channel = self.log_of_channel.get(channel).copied();
        let row = record.event_id().and_then(|id| self.row(record, provider, channel, id));
        if let Some(row) = row {
            let own = self.logs.get(row.log);
            let in_own_channel = channel.is_empty()
                || own.is_some_and(|log| log.channels.iter().any(|name| **name == *channel));
            let sources = if in_own_channel { row.with_service } else { row.without_service };
            return Decision { row: Some(row), layout: row.layout, sources };
        }
        let log = match log_of_channel {
            None if channel.is_empty() => self.log_of_provider.get(provider).copied(),
            log => log,
        };
        let known = log.and_then(|log| self.logs.get(log));
        let is_windows = !provider.is_empty() || !channel.is_empty() || record.event_id().is_some();
        let nothing = if is_windows { self.windows } else { LogSourceSetId::NONE };
        Decision {
            row: None,
            layout: known.map_or(LayoutId::HEADER, |log| log.layout),
            sources: known.map_or(nothing, |log| log.sources),
        }
    }

    fn row(&self, record: &Record<'_>, provider: &str, channel: &str, id: u32) -> Option<&Row> {
        let by_provider = self.by_provider.get(&(provider, id) as &dyn Key);
        let by_channel = || self.by_channel.get(&(channel, id) as &dyn Key);
        let of = |rows: &[usize], by_channel: bool| {
            rows.iter().filter_map(|index| self.rows.get(*index)).find(|row| {
                let log = self.logs.get(row.log);
                let reachable = !by_channel
                    || provider.is_empty()
                    || log.is_some_and(|log| log.by_channel_alone);
                reachable && row.when.iter().all(|(name, values)| holds(record, name, values))
            })
        };
        let found = by_provider.and_then(|rows| of(rows, false));
        found.or_else(|| by_channel().and_then(|rows| of(rows, true)))
    }
}

/// Room for the lower-cased provider and channel of a record.
#[derive(Debug, Default)]
pub(crate) struct Names {
    provider: String,
    channel: String,
}

impl Names {
    fn set(&mut self, record: &Record<'_>) {
        for (room, name) in
            [(&mut self.provider, record.provider()), (&mut self.channel, record.channel())]
        {
            room.clear();
            room.push_str(name);
            room.make_ascii_lowercase();
        }
    }
}

/// A key of a look-up table that can be asked for without owning its text.
trait Key {
    fn parts(&self) -> (&str, u32);
}
impl Key for (Box<str>, u32) {
    fn parts(&self) -> (&str, u32) {
        (&self.0, self.1)
    }
}
impl Key for (&str, u32) {
    fn parts(&self) -> (&str, u32) {
        *self
    }
}
impl std::hash::Hash for dyn Key + '_ {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}
impl PartialEq for dyn Key + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}
impl Eq for dyn Key + '_ {}
impl<'a> std::borrow::Borrow<dyn Key + 'a> for (Box<str>, u32) {
    fn borrow(&self) -> &(dyn Key + 'a) {
        self
    }
}

fn holds(record: &Record<'_>, name: &str, values: &[Box<str>]) -> bool {
    let mut scratch = String::new();
    record.fields().filter(|(field, _)| *field == name).any(|(_, value)| match value {
        RawValue::One(value) => value
            .text(&mut scratch)
            .is_some_and(|text| values.iter().any(|wanted| wanted.eq_ignore_ascii_case(text))),
        RawValue::Empty => false,
    })
}

fn lower(text: &str) -> Box<str> {
    text.to_ascii_lowercase().into()
}

/// The services that the channels of a log give; nearly always one.
struct Services {
    own: Vec<String>,
}

fn services_of_channels(table: &Table) -> HashMap<Box<str>, Vec<String>> {
    let mut services: HashMap<Box<str>, Vec<String>> = HashMap::new();
    for log in &table.logs {
        for channel in &log.channel {
            services.entry(lower(channel)).or_default().extend(log.service.clone());
        }
    }
    services
}

/// Every category with every service; either may be missing.
fn set(categories: &[String], services: &[String]) -> LogSourceSet {
    let or_none = |names: &'_ [String]| -> Vec<Option<String>> {
        if names.is_empty() { vec![None] } else { names.iter().cloned().map(Some).collect() }
    };
    let mut members = Vec::new();
    for category in or_none(categories) {
        for service in or_none(services) {
            members.push(LogSource::new(category.as_deref(), Some(PRODUCT), service.as_deref()));
        }
    }
    LogSourceSet::new(members)
}

fn intern_all(names: &[String], vocabulary: &mut Vocabulary) -> Vec<FieldId> {
    names.iter().map(|name| vocabulary.fields.intern(name)).collect()
}

fn compile_row(
    row: &EventRow,
    log_number: usize,
    services: &Services,
    log_fields: &[FieldId],
    vocabulary: &mut Vocabulary,
) -> Result<Row, TableError> {
    let refuse = |what: String| TableError::Row { id: row.id, name: row.name.clone(), what };
    let mut fields = intern_all(&row.fields, vocabulary);
    let mut number = |name: &str| {
        let id = vocabulary.fields.intern(name);
        fields.push(id);
        id
    };
    let renames: Vec<_> = row.rename.iter().map(|(from, to)| (number(from), number(to))).collect();
    let mut composed = Vec::new();
    for (name, templates) in &row.compose {
        let templates = templates.iter().map(|text| {
            parse_template(text, &mut number).ok_or_else(|| refuse(format!("template `{text}`")))
        });
        let templates: Vec<_> = templates.collect::<Result<_, _>>()?;
        composed.push((number(name), templates));
    }
    let mut values = Vec::new();
    for (name, map) in &row.values {
        let pairs = map.iter().map(|(from, to)| (from.as_str().into(), to.as_str().into()));
        values.push((number(name), pairs.collect()));
    }
    let conversions = row.convert.iter().map(|(name, how)| (number(name), *how)).collect();
    let constants = row.constants.iter().map(|(name, text)| (number(name), text.as_str().into()));
    let constants = constants.collect();
    let activity = match &row.activity {
        Some(word) => Activity::parse(word).ok_or_else(|| refuse(format!("activity `{word}`")))?,
        None => Activity::Other,
    };
    let actor = row.actor.as_deref().map(&mut number);
    let target = row.target.as_deref().map(&mut number);
    fields.extend(log_fields);
    let alternative = if row.may_be.is_empty() {
        None
    } else {
        Some(vocabulary.add_set(set(&row.may_be, &services.own)))
    };
    Ok(Row {
        when: row.when.iter().map(|(name, values)| (name.as_str().into(), boxed(values))).collect(),
        log: log_number,
        layout: vocabulary.add_layout_of(&fields, Role { activity, actor, target, alternative }),
        listed: !row.fields.is_empty(),
        with_service: vocabulary.add_set(set(&row.category, &services.own)),
        without_service: vocabulary.add_set(set(&row.category, &[])),
        renames: in_order(renames).ok_or_else(|| refuse("renames in a circle".to_owned()))?,
        composed,
        values,
        conversions,
        constants,
    })
}

fn boxed(texts: &[String]) -> Vec<Box<str>> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

/// Orders renames so that each name is read before it is taken over; `None` if they form a circle.
fn in_order(mut renames: Vec<(FieldId, FieldId)>) -> Option<Vec<(FieldId, FieldId)>> {
    let mut ordered = Vec::new();
    while !renames.is_empty() {
        let free = renames
            .iter()
            .position(|(_, to)| renames.iter().all(|(from, other)| from != to || other == to))?;
        ordered.push(renames.remove(free));
    }
    Some(ordered)
}

fn parse_template(text: &str, number: &mut impl FnMut(&str) -> FieldId) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        parts.push(Part::Field(number(name)));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.into()));
    }
    Some(parts)
}
