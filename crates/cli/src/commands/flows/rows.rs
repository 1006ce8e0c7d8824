//! Flow events summed up to rows, by what is asked for.

use std::collections::HashMap;

use etwatch_event::time::TICKS_PER_SECOND;
use etwatch_event::{Event, FieldId, LogSourceSetId, Timestamp, Value, Vocabulary};

use super::By;

/// Rows that are told apart; flows beyond are one row.
const MOST: usize = 500_000;
/// The category of flow events.
const CATEGORY: &str = "network_flow";

/// What a row is told apart by. What it does not ask for, or what is not known, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) host: Option<Box<str>>,
    pub(super) hour: Option<Timestamp>,
    pub(super) image: Option<Box<str>>,
    pub(super) pid: Option<u64>,
    pub(super) name: Option<Box<str>>,
    pub(super) address: Option<Box<str>>,
    pub(super) port: Option<u64>,
    pub(super) protocol: Option<Box<str>>,
    /// Whether this host began.
    pub(super) initiated: Option<bool>,
}

/// What passed, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) connections: u64,
    /// Sent, received; `None` if no event tells bytes.
    pub(super) bytes: Option<(u64, u64)>,
    /// The same.
    pub(super) packets: Option<(u64, u64)>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// A row.
pub(super) type Row = (Key, Sums);

/// The fields of flow events.
#[derive(Debug)]
struct Fields {
    image: Option<FieldId>,
    pid: Option<FieldId>,
    name: Option<FieldId>,
    address: Option<FieldId>,
    port: Option<FieldId>,
    protocol: Option<FieldId>,
    initiated: Option<FieldId>,
    interval: Option<FieldId>,
    connections: Option<FieldId>,
    bytes: [Option<FieldId>; 2],
    packets: [Option<FieldId>; 2],
    first: Option<FieldId>,
    last: Option<FieldId>,
}

/// All rows.
#[derive(Debug)]
pub(super) struct Rows {
    fields: Fields,
    by: [bool; 3],
    /// Which sets of log sources are those of flows.
    sets: Vec<bool>,
    rows: HashMap<Key, Sums>,
    /// Flows for which there was no row of their own.
    pub(super) beyond: u64,
}

fn text(event: &Event<'_>, field: Option<FieldId>) -> Option<Box<str>> {
    let value = event.get(field?).first()?;
    let mut scratch = String::new();
    value.text(&mut scratch).map(Into::into)
}

fn number(event: &Event<'_>, field: Option<FieldId>) -> Option<u64> {
    event.get(field?).first()?.number()
}

fn time(event: &Event<'_>, field: Option<FieldId>) -> Timestamp {
    match field.and_then(|field| event.get(field).first()) {
        Some(Value::Time(time)) => time,
        _ => Timestamp::UNKNOWN,
    }
}

fn both(event: &Event<'_>, fields: [Option<FieldId>; 2]) -> Option<(u64, u64)> {
    let [sent, received] = fields.map(|field| number(event, field));
    sent.zip(received)
}

fn add_both(sum: &mut Option<(u64, u64)>, more: Option<(u64, u64)>) {
    if let Some((sent, received)) = more {
        let (one, other) = sum.get_or_insert((0, 0));
        *one = one.saturating_add(sent);
        *other = other.saturating_add(received);
    }
}

impl Rows {
    /// None yet; their events are of `vocabulary`. By nothing in particular is by all.
    pub(super) fn new(vocabulary: &Vocabulary, by: &[By]) -> Self {
        let id = |name: &str| vocabulary.fields.id(name);
        let fields = Fields {
            image: id("Image"),
            pid: id("ProcessId"),
            name: id("DestinationHostname"),
            address: id("DestinationIp"),
            port: id("DestinationPort"),
            protocol: id("Protocol"),
            initiated: id("Initiated"),
            interval: id("Interval"),
            connections: id("Connections"),
            bytes: [id("BytesSent"), id("BytesReceived")],
            packets: [id("PacketsSent"), id("PacketsReceived")],
            first: id("FirstSeen"),
            last: id("LastSeen"),
        };
        let is_asked = |one: By| by.is_empty() || by.contains(&one);
        let by = [By::Process, By::Endpoint, By::Hour].map(is_asked);
        let is_flow = |set: LogSourceSetId| {
            let members = vocabulary.log_sources(set);
            members.iter().any(|member| member.category.as_deref() == Some(CATEGORY))
        };
        let sets = (0..vocabulary.sets().len()).filter_map(LogSourceSetId::from_index);
        let sets = sets.map(is_flow).collect();
        Self { fields, by, sets, rows: HashMap::new(), beyond: 0 }
    }

    /// Adds an event, if it is the flow of an hour. Days are sums of hours.
    pub(super) fn take(&mut self, event: &Event<'_>) {
        let is_flow = self.sets.get(event.source_set().index()).copied().unwrap_or(false);
        if !is_flow || text(event, self.fields.interval).as_deref() != Some("hour") {
            return;
        }
        let mut key = self.key(event);
        if self.rows.len() >= MOST && !self.rows.contains_key(&key) {
            self.beyond += 1;
            key = Key::default();
        }
        let sums = self.rows.entry(key).or_default();
        let fields = &self.fields;
        let connections = number(event, fields.connections).unwrap_or(0);
        sums.connections = sums.connections.saturating_add(connections);
        add_both(&mut sums.bytes, both(event, fields.bytes));
        add_both(&mut sums.packets, both(event, fields.packets));
        let (first, last) = (time(event, fields.first), time(event, fields.last));
        if first.is_known() && (first < sums.first || !sums.first.is_known()) {
            sums.first = first;
        }
        sums.last = sums.last.max(last);
    }

    fn key(&self, event: &Event<'_>) -> Key {
        let Self { fields, by: [process, endpoint, hour], .. } = self;
        let mut key = Key { host: text(event, Some(FieldId::COMPUTER)), ..Key::default() };
        if *hour {
            let ticks = time(event, fields.first).filetime();
            let begin = Timestamp::from_filetime(ticks - ticks % (3_600 * TICKS_PER_SECOND));
            key.hour = Some(begin).filter(|begin| begin.is_known());
        }
        if *process {
            key.image = text(event, fields.image);
            key.pid = number(event, fields.pid);
        }
        if *endpoint {
            key.name = text(event, fields.name);
            key.address = text(event, fields.address);
            key.port = number(event, fields.port);
            key.protocol = text(event, fields.protocol);
            key.initiated = text(event, fields.initiated).map(|text| *text == *"true");
        }
        key
    }

    /// The rows: host by host and hour by hour, most bytes first, then most connections.
    pub(super) fn sorted(&self) -> Vec<Row> {
        let mut rows: Vec<Row> =
            self.rows.iter().map(|(key, sums)| (key.clone(), sums.clone())).collect();
        rows.sort_by(|(one, a), (other, b)| {
            let total = |sums: &Sums| {
                sums.bytes.map_or(0, |(sent, received)| sent.saturating_add(received))
            };
            (&one.host, one.hour)
                .cmp(&(&other.host, other.hour))
                .then_with(|| total(b).cmp(&total(a)))
                .then_with(|| b.connections.cmp(&a.connections))
                .then_with(|| one.cmp(other))
        });
        rows
    }
}
