//! The tables compiled for a vocabulary, and which row is an event's.
//!
//! A row is found by (provider, id), that of a classic event by (class, opcode). Where a record does not say
//! its provider, or the table asks for a channel alone, by (channel, id). Rows of one id are tried in order,
//! the first whose conditions hold is taken. The channel gives the service; a record without a channel gets
//! that of its row.

use etwatch_event::{LayoutId, LogSourceSetId, Record, Shape, Vocabulary};
use hashbrown::HashMap;

use crate::row::{Row, compile_row, intern_all, set};
use crate::table::{Log, Table, TableError};

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

/// What normalisation may do with a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    /// The number of its row.
    pub(crate) row: Option<usize>,
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

/// Rows in order, by a lower-cased name and a number.
type Index = HashMap<(Box<str>, u32), Vec<usize>>;

/// The tables, numbered for one vocabulary.
#[derive(Clone, Debug)]
pub struct Taxonomy {
    rows: Vec<Row>,
    logs: Vec<CompiledLog>,
    by_provider: Index,
    by_class: Index,
    by_channel: Index,
    log_of_channel: HashMap<Box<str>, usize>,
    log_of_provider: HashMap<Box<str>, usize>,
    /// A Windows event of which nothing more is known.
    windows: LogSourceSetId,
}

impl Taxonomy {
    /// Numbers the names of `table` in `vocabulary` and adds its layouts and log sources there.
    ///
    /// # Errors
    /// [`TableError::Row`] if the renames of a row take each other's names in a circle, a template has an
    /// unclosed brace, or there is no such activity.
    pub fn compile(table: &Table, vocabulary: &mut Vocabulary) -> Result<Self, TableError> {
        let windows = vocabulary.add_set(set(&[], &[]));
        let services = services_of_channels(table);
        let mut new = Self {
            rows: Vec::new(),
            logs: Vec::new(),
            by_provider: HashMap::new(),
            by_class: HashMap::new(),
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
        let lower_all = |names: &[String]| names.iter().map(|name| lower(name)).collect();
        let channels: Vec<Box<str>> = lower_all(&log.channel);
        let providers: Vec<Box<str>> = lower_all(&log.provider);
        let classes: Vec<Box<str>> = lower_all(&log.class);
        let mut own: Vec<String> = log.service.clone().into_iter().collect();
        own.extend(channels.iter().filter_map(|name| services.get(name)).flatten().cloned());
        for channel in &channels {
            self.log_of_channel.entry(channel.clone()).or_insert(number);
        }
        for provider in providers.iter().chain(&classes) {
            self.log_of_provider.entry(provider.clone()).or_insert(number);
        }
        self.logs.push(CompiledLog {
            by_channel_alone: providers.is_empty() && classes.is_empty(),
            layout: vocabulary.add_layout(&fields),
            sources: vocabulary.add_set(set(&[], &own)),
            channels: channels.clone(),
        });
        for row in &log.events {
            let index = self.rows.len();
            self.rows.push(compile_row(row, log, number, &own, vocabulary)?);
            for (names, by_name) in [
                (&providers, &mut self.by_provider),
                (&classes, &mut self.by_class),
                (&channels, &mut self.by_channel),
            ] {
                for (name, id) in
                    names.iter().flat_map(|name| row.id.all().iter().map(move |id| (name, id)))
                {
                    by_name.entry((name.clone(), *id)).or_default().push(index);
                }
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

    /// The row with this number.
    pub(crate) fn row(&self, index: usize) -> Option<&Row> {
        self.rows.get(index)
    }

    /// What records of `kind` may be, in the order in which it is to be tried; the last one always holds.
    pub(crate) fn decisions<'t>(
        &'t self,
        kind: &'t RecordKind,
    ) -> impl Iterator<Item = Decision> + use<'t> {
        let RecordKind { provider, channel, id, opcode } = kind;
        let of = |by_name: &'t Index, name: &str, number: Option<u32>| {
            let rows = number.and_then(|number| by_name.get(&(name, number) as &dyn Key));
            rows.map(Vec::as_slice).unwrap_or_default().iter().copied()
        };
        let by_channel = of(&self.by_channel, channel, *id).filter(|index| {
            let log = self.row(*index).and_then(|row| self.logs.get(row.log));
            kind.provider.is_empty() || log.is_some_and(|log| log.by_channel_alone)
        });
        let rows = of(&self.by_class, provider, *opcode)
            .chain(of(&self.by_provider, provider, *id))
            .chain(by_channel);
        rows.filter_map(|index| self.with_row(index, &kind.channel))
            .chain(std::iter::once_with(|| self.without_row(kind)))
    }

    fn with_row(&self, index: usize, channel: &str) -> Option<Decision> {
        let row = self.row(index)?;
        let own = self.logs.get(row.log);
        let in_own_channel = channel.is_empty()
            || own.is_some_and(|log| log.channels.iter().any(|name| **name == *channel));
        let sources = if in_own_channel { row.with_service } else { row.without_service };
        Some(Decision { row: Some(index), layout: row.layout, sources })
    }

    fn without_row(&self, kind: &RecordKind) -> Decision {
        let RecordKind { provider, channel, id, .. } = kind;
        let log = match self.log_of_channel.get(channel.as_str()) {
            None if channel.is_empty() => self.log_of_provider.get(provider.as_str()),
            log => log,
        };
        let known = log.and_then(|log| self.logs.get(*log));
        let is_windows = !provider.is_empty() || !channel.is_empty() || id.is_some();
        let nothing = if is_windows { self.windows } else { LogSourceSetId::NONE };
        Decision {
            row: None,
            layout: known.map_or(LayoutId::HEADER, |log| log.layout),
            sources: known.map_or(nothing, |log| log.sources),
        }
    }
}

/// What rows are found by, names in small letters.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordKind {
    provider: String,
    channel: String,
    id: Option<u32>,
    /// That of a classic event.
    opcode: Option<u32>,
}

impl RecordKind {
    /// Takes the place of what was there. `opcode` is that of the record, if it is a classic one.
    pub(crate) fn set(&mut self, record: &Record<'_>, opcode: Option<u32>) {
        let rooms = [&mut self.provider, &mut self.channel];
        for (room, name) in rooms.into_iter().zip([record.provider(), record.channel()]) {
            room.clear();
            room.push_str(name);
            room.make_ascii_lowercase();
        }
        self.id = record.event_id();
        self.opcode = opcode;
    }
}

/// Whether a record may be of a classic event, which is told apart by its opcode.
pub(crate) fn may_be_classic(record: &Record<'_>) -> bool {
    record.shape() == Shape::Etw && record.event_id() == Some(0)
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

fn lower(text: &str) -> Box<str> {
    text.to_ascii_lowercase().into()
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
