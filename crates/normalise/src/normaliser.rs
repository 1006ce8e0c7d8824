//! A record batch to an event batch.
//!
//! First the row is decided, then the fields are written in the recording's order to their slots,
//! then the row's renames, templates, value maps, conversions and constants are applied, in that
//! order. A name with blanks is offered as Sigma's rules have it: without them (`Threat Name` →
//! `ThreatName`), and with `_` in their place where some rule or table says so (`Feature_Name`).

use std::sync::Arc;

use etwatch_event::batch::EventBuilder;
use etwatch_event::field::HEADER_FIELDS;
use etwatch_event::{
    EventBatch, FieldId, Origin, RawValue, Record, RecordBatch, Value, Vocabulary,
};

use crate::place::{Place, Places};
use crate::table::Conversion;
use crate::taxonomy::{Names, Part, Row, Taxonomy};

/// Turns records into events; keeps its buffers between batches.
#[derive(Debug)]
pub struct Normaliser {
    taxonomy: Arc<Taxonomy>,
    vocabulary: Arc<Vocabulary>,
    names: Names,
    places: Places,
    text: String,
    converted: String,
}

impl Normaliser {
    /// A normaliser for events of `vocabulary`, for which `taxonomy` was compiled.
    #[must_use]
    pub fn new(taxonomy: Arc<Taxonomy>, vocabulary: Arc<Vocabulary>) -> Self {
        Self {
            taxonomy,
            vocabulary,
            names: Names::default(),
            places: Places::default(),
            text: String::new(),
            converted: String::new(),
        }
    }

    /// Appends an event for each record of `records` to `events`; `input` is the number of the
    /// input in this run.
    pub fn add(&mut self, records: &RecordBatch, input: u32, events: &mut EventBatch) {
        let taxonomy = Arc::clone(&self.taxonomy);
        for record in records.iter() {
            self.add_one(&record, &taxonomy, input, events);
        }
    }

    fn add_one(
        &mut self,
        record: &Record<'_>,
        taxonomy: &Taxonomy,
        input: u32,
        events: &mut EventBatch,
    ) {
        let decision = taxonomy.decide(record, &mut self.names);
        let mut event = events.begin(decision.layout, decision.sources);
        event.set_time(record.time());
        event.set_origin(Origin { input, record: record.number(), shape: record.shape() });
        let (vocabulary, text) = (&*self.vocabulary, &mut self.text);
        if let Some(names) = record.shared_names() {
            let places = self.places.of(names, decision.layout, vocabulary);
            for (index, place) in places.iter().enumerate() {
                if let Place::Field(_, Some(slot)) = place
                    && event.copy_first(*slot, record, index)
                {
                    continue;
                }
                if let Some((name, value)) = record.field(index) {
                    push(&mut event, *place, name, value, vocabulary, text);
                }
            }
        } else {
            let layout = vocabulary.layout(decision.layout);
            for (name, value) in record.fields() {
                let place = Place::of(name, layout, vocabulary);
                push(&mut event, place, name, value, vocabulary, text);
            }
        }
        if let Some(row) = decision.row {
            self.apply(row, &mut event);
        }
        event.finish();
    }

    fn apply(&mut self, row: &Row, event: &mut EventBuilder<'_>) {
        for (from, to) in &row.renames {
            event.share(*from, *to);
        }
        for (to, templates) in &row.composed {
            if templates.iter().any(|parts| self.compose(parts, event)) {
                event.set(*to, Value::Text(&self.text));
            }
        }
        for (field, map) in &row.values {
            if !self.read(*field, event) {
                continue;
            }
            if let Some((_, to)) =
                map.iter().find(|(from, _)| from.eq_ignore_ascii_case(&self.text))
            {
                event.set(*field, Value::Text(to));
            }
        }
        for (field, how) in &row.conversions {
            self.convert(*field, *how, event);
        }
        for (field, text) in &row.constants {
            if !event.values(*field).is_present() {
                event.set(*field, Value::Text(text));
            }
        }
    }

    /// The text of a field's first value into `self.text`.
    fn read(&mut self, field: FieldId, event: &EventBuilder<'_>) -> bool {
        let mut scratch = String::new();
        let value = event.values(field).first();
        let text = value.as_ref().and_then(|value| value.text(&mut scratch));
        self.text.clear();
        self.text.push_str(text.unwrap_or_default());
        text.is_some()
    }

    /// Writes a template to `self.text`; false if a field of it is missing, empty or `-`.
    fn compose(&mut self, parts: &[Part], event: &EventBuilder<'_>) -> bool {
        self.text.clear();
        let mut scratch = String::new();
        for part in parts {
            match part {
                Part::Literal(text) => self.text.push_str(text),
                Part::Field(field) => {
                    let value = event.values(*field).first();
                    match value.as_ref().and_then(|value| value.text(&mut scratch)) {
                        None | Some("" | "-") => return false,
                        Some(text) => self.text.push_str(text),
                    }
                }
            }
        }
        true
    }

    fn convert(&mut self, field: FieldId, how: Conversion, event: &mut EventBuilder<'_>) {
        if self.read(field, event)
            && let Some(value) = crate::convert::convert(how, &self.text, &mut self.converted)
        {
            event.set(field, value);
        }
    }
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
        Place::Field(id, _) if id.index() < HEADER_FIELDS.len() => push_header(event, id, value),
        Place::Field(id, _) => event.push_raw(id, value),
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

/// A pure form of [`Normaliser::add`] for tests and tools: all records of a batch as events.
#[must_use]
pub fn normalise(
    records: &RecordBatch,
    taxonomy: &Arc<Taxonomy>,
    vocabulary: &Arc<Vocabulary>,
) -> EventBatch {
    let mut events = EventBatch::new(Arc::clone(vocabulary));
    Normaliser::new(Arc::clone(taxonomy), Arc::clone(vocabulary)).add(records, 0, &mut events);
    events
}
