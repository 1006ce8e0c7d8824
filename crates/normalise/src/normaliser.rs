//! A record batch to an event batch.
//!
//! First the row is decided, then the fields are written in the recording's order to their slots, then the
//! row's steps are applied, in this order: renames, templates, extracts, value maps, conversions, renames of
//! what was converted, removals, constants, Sysmon's ids. A name with blanks is offered as Sigma's rules have it: without
//! them (`Threat Name` → `ThreatName`), and with `_` in their place where some rule or table says so
//! (`Feature_Name`).

use std::sync::Arc;

use etwatch_event::batch::EventBuilder;
use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{
    EventBatch, FieldId, LayoutId, LogSourceSetId, Origin, RawValue, Record, RecordBatch, Value,
    Vocabulary,
};

use crate::context::Context;
use crate::convert::{Converted, Others, account, number};
use crate::route::{Place, Route, Routes, is_computer};
use crate::row::{Converting, Extraction, Part, Row};
use crate::taxonomy::Taxonomy;

/// Turns records into events; keeps its buffers between batches.
#[derive(Debug)]
pub struct Normaliser {
    taxonomy: Arc<Taxonomy>,
    vocabulary: Arc<Vocabulary>,
    routes: Routes,
    room: Room,
}

/// Buffers for texts that are made.
#[derive(Debug, Default)]
struct Room {
    /// What a step writes.
    text: String,
    /// The text of a value that is a number.
    scratch: String,
}

impl Normaliser {
    /// A normaliser for events of `vocabulary`, for which `taxonomy` was compiled.
    #[must_use]
    pub fn new(taxonomy: Arc<Taxonomy>, vocabulary: Arc<Vocabulary>) -> Self {
        Self { taxonomy, vocabulary, routes: Routes::default(), room: Room::default() }
    }

    /// Leaves the fields out of events that nobody asks for: those whose set of log sources is not marked in
    /// `needed`, by number, and that mean nothing for the memory of their host. Their time, origin, host and
    /// log sources stay.
    #[must_use]
    pub fn only(mut self, needed: Option<Arc<[bool]>>) -> Self {
        self.routes = Routes::only(needed);
        self
    }

    /// Appends an event for each record of `records` to `events`; `input` is the number of the
    /// input in this run, `context` what its values are read by.
    pub fn add(
        &mut self,
        records: &RecordBatch,
        input: u32,
        context: &Context,
        events: &mut EventBatch,
    ) {
        for record in records.iter() {
            self.add_one(&record, input, context, events);
        }
    }

    fn add_one(
        &mut self,
        record: &Record<'_>,
        input: u32,
        context: &Context,
        events: &mut EventBatch,
    ) {
        let Self { taxonomy, vocabulary, routes, room } = self;
        let route = record.names().and_then(|names| routes.of(record, names, taxonomy, vocabulary));
        if let Some(Route { computer, sources, is_needed: false, .. }) = route {
            let host = computer.and_then(|index| record.field(index)).map(|(_, host)| host);
            return add_bare(record, input, *sources, (host, context), events);
        }
        let (mut event, row) = if let Some(route) = route {
            let Route { layout, sources, moves, later, .. } = route;
            let (mut event, moved) = events.begin_from(*layout, *sources, record, moves);
            let mut push = |index: usize, place: Option<Place>| {
                if let Some((name, value)) = record.field(index) {
                    let place = place.unwrap_or_else(|| Place::of(name, vocabulary));
                    push(&mut event, place, name, value, vocabulary, &mut room.text);
                }
            };
            if record.shared_names().is_some() {
                later.iter().for_each(|(index, place)| push(*index, Some(*place)));
            } else {
                (moved..record.len()).for_each(|index| push(index, None));
            }
            (event, route.row)
        } else {
            let Some(decision) = routes.decide(record, taxonomy) else { return };
            if !routes.is_needed(&decision, vocabulary) {
                let host = record.fields().find(|(name, _)| is_computer(name));
                let host = host.map(|(_, host)| host);
                return add_bare(record, input, decision.sources, (host, context), events);
            }
            let mut event = events.begin(decision.layout, decision.sources);
            for (name, value) in record.fields() {
                let place = Place::of(name, vocabulary);
                push(&mut event, place, name, value, vocabulary, &mut room.text);
            }
            (event, decision.row)
        };
        tell_computer(&mut event, context);
        event.set_time(record.time());
        event.set_origin(Origin { input, record: record.number(), shape: record.shape() });
        if let Some(row) = row.and_then(|row| taxonomy.row(row)) {
            room.apply(row, context, &mut event);
        }
        event.finish();
    }
}

impl Room {
    fn apply(&mut self, row: &Row, context: &Context, event: &mut EventBuilder<'_>) {
        for (from, to) in &row.renames {
            event.share(*from, *to);
        }
        for (to, templates) in &row.composed {
            if templates.iter().any(|parts| self.compose(parts, event)) {
                event.set(*to, Value::Text(&self.text));
            }
        }
        for (to, parts) in &row.extracted {
            if parts.iter().any(|part| self.extract(part, event)) {
                event.set(*to, Value::Text(&self.text));
            }
        }
        for (field, map) in &row.values {
            let value = event.values(*field).first();
            let text = value.as_ref().and_then(|value| value.text(&mut self.scratch));
            let known =
                text.and_then(|text| map.iter().find(|(from, _)| from.eq_ignore_ascii_case(text)));
            if let Some((_, to)) = known {
                event.set(*field, Value::Text(to));
            }
        }
        for converting in &row.conversions {
            self.convert(converting, context, event);
        }
        for (from, to) in &row.late_renames {
            event.share(*from, *to);
        }
        for field in &row.removed {
            event.remove(*field);
        }
        for (field, text) in &row.constants {
            if !event.values(*field).is_present() {
                event.set(*field, Value::Text(text));
            }
        }
        for id in &row.sysmon {
            event.push(FieldId::EVENT_ID, Value::Unsigned(*id));
        }
    }

    /// Writes a template to `self.text`; false if a field of it is missing, empty or `-`.
    fn compose(&mut self, parts: &[Part], event: &EventBuilder<'_>) -> bool {
        let Self { text, scratch } = self;
        text.clear();
        for part in parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Field(field) => {
                    let value = event.values(*field).first();
                    match value.as_ref().and_then(|value| value.text(scratch)) {
                        None | Some("" | "-") => return false,
                        Some(value) => text.push_str(value),
                    }
                }
                Part::Account(field) => {
                    let sid = event.values(*field).first();
                    match sid.as_ref().and_then(account) {
                        None => return false,
                        Some(name) => text.push_str(name),
                    }
                }
            }
        }
        true
    }

    /// Writes a part of a field's text to `self.text`; false if it is not there.
    fn extract(&mut self, part: &Extraction, event: &EventBuilder<'_>) -> bool {
        let Extraction { from, after, before } = part;
        let Some(Value::Text(whole)) = event.values(*from).first() else { return false };
        let Some((_, found)) = whole.split_once(&**after) else { return false };
        let found = found.split_once(&**before).map_or(found, |(found, _)| found);
        self.text.clear();
        self.text.push_str(found);
        true
    }

    fn convert(
        &mut self,
        converting: &Converting,
        context: &Context,
        event: &mut EventBuilder<'_>,
    ) {
        let Converting { field, how, others } = converting;
        let Some(value) = event.values(*field).first() else { return };
        let number_of =
            |other: FieldId| event.values(other).first().and_then(|value| number(&value));
        let others = others.map_or(Others::default(), |others| others.map(number_of));
        match how.convert(&value, others, context, &mut self.text) {
            None => {}
            Some(Converted::Number(number)) => event.set(*field, Value::Unsigned(number)),
            Some(Converted::Hex(number)) => event.set(*field, Value::Hex(number)),
            Some(Converted::Word(word)) => event.set(*field, Value::Text(word)),
            Some(Converted::Written) => event.set(*field, Value::Text(&self.text)),
            Some(Converted::Nothing) => event.remove(*field),
        }
    }
}

/// Names the host of an event that does not do so itself.
fn tell_computer(event: &mut EventBuilder<'_>, context: &Context) {
    if let Some(computer) = context.computer()
        && !event.values(FieldId::COMPUTER).is_present()
    {
        event.push(FieldId::COMPUTER, Value::Text(computer));
    }
}

/// An event that nobody asks for: when, where and of which log sources.
fn add_bare(
    record: &Record<'_>,
    input: u32,
    sources: LogSourceSetId,
    (host, context): (Option<RawValue<'_>>, &Context),
    events: &mut EventBatch,
) {
    let mut event = events.begin(LayoutId::HEADER, sources);
    if let Some(host) = host {
        event.push_raw(FieldId::COMPUTER, host);
    }
    tell_computer(&mut event, context);
    event.set_time(record.time());
    event.set_origin(Origin { input, record: record.number(), shape: record.shape() });
    event.finish();
}

/// Writes a field to its place.
fn push(
    event: &mut EventBuilder<'_>,
    place: Place,
    name: &str,
    value: RawValue<'_>,
    vocabulary: &Vocabulary,
    text: &mut String,
) {
    match place {
        Place::Field(id) if id.index() < HEADER_FIELDS.len() => push_header(event, id, value),
        Place::Field(id) => event.push_raw(id, value),
        Place::Blanks => push_blank_name(event, name, value, vocabulary, text),
        Place::Unknown => event.push_raw_named(name, value),
    }
}

fn push_blank_name(
    event: &mut EventBuilder<'_>,
    name: &str,
    value: RawValue<'_>,
    vocabulary: &Vocabulary,
    text: &mut String,
) {
    text.clear();
    text.extend(name.chars().map(|letter| if letter == ' ' { '_' } else { letter }));
    if let Some(id) = vocabulary.fields.id(text) {
        event.push_raw(id, value);
    }
    text.clear();
    text.extend(name.chars().filter(|letter| *letter != ' '));
    match vocabulary.fields.id(text) {
        Some(id) => event.push_raw(id, value),
        None => event.push_raw_named(text, value),
    }
}

/// The header and the payload may use one name: rules mean the payload's (Eventlog 104, which log was
/// cleared: `Channel`), but what names the event and its host stays the header's.
fn push_header(event: &mut EventBuilder<'_>, field: FieldId, value: RawValue<'_>) {
    let names_the_event =
        matches!(field, FieldId::EVENT_ID | FieldId::PROVIDER_NAME | FieldId::COMPUTER);
    if event.values(field).is_present() {
        if names_the_event {
            return;
        }
        event.remove(field);
    }
    event.push_raw(field, value);
}

/// A pure form of [`Normaliser::add`] for tests and tools: all records of a batch as events, without context.
#[must_use]
pub fn normalise(
    records: &RecordBatch,
    taxonomy: &Arc<Taxonomy>,
    vocabulary: &Arc<Vocabulary>,
) -> EventBatch {
    let mut events = EventBatch::new(Arc::clone(vocabulary));
    let mut normaliser = Normaliser::new(Arc::clone(taxonomy), Arc::clone(vocabulary));
    normaliser.add(records, 0, &Context::default(), &mut events);
    events
}
