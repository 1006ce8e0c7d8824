//! rsigma as a library in its fastest way: strict routing, events as pairs of text.

use std::collections::BTreeMap;
use std::path::Path;

use etwatch_event::{Event, EventBatch};
use rayon::prelude::*;
use rsigma_eval::Engine;
use rsigma_eval::event::KvEvent;
use rsigma_parser::{LogSource, SigmaCollection, parse_sigma_directory};

pub struct Theirs {
    engine: Engine,
}

/// An event as rsigma takes it; it knows one log source for each.
pub type TheirEvent = (KvEvent, LogSource);

impl Theirs {
    pub fn load(rules: &Path) -> Self {
        let collection: SigmaCollection = parse_sigma_directory(rules).expect("rules load");
        let mut engine = Engine::new();
        engine.add_rules(collection.rules.iter());
        Self { engine }
    }

    pub fn rules(&self) -> usize {
        self.engine.rule_count()
    }

    pub fn run(&self, events: &[TheirEvent], threads: usize) -> usize {
        let one = |(event, source): &TheirEvent| {
            self.engine.evaluate_with_logsource(event, source).len()
        };
        if threads == 1 { events.iter().map(one).sum() } else { events.par_iter().map(one).sum() }
    }

    pub fn hits(&self, events: &[TheirEvent]) -> BTreeMap<String, usize> {
        let mut hits = BTreeMap::new();
        for (event, source) in events {
            for result in self.engine.evaluate_with_logsource(event, source) {
                let id = result.header.rule_id.as_deref();
                let name = id.unwrap_or(&result.header.rule_title).to_owned();
                *hits.entry(name).or_default() += 1;
            }
        }
        hits
    }
}

/// The same events: each field's first value as text, and the log source with the most parts.
pub fn events(events: &[EventBatch]) -> Vec<TheirEvent> {
    events.iter().flat_map(EventBatch::iter).map(|event| (pairs(&event), source(&event))).collect()
}

fn pairs(event: &Event<'_>) -> KvEvent {
    let mut scratch = String::new();
    let mut pairs = Vec::new();
    for (name, values) in event.fields() {
        if let Some(text) = values.first().and_then(|value| value.text(&mut scratch).map(str::to_owned)) {
            pairs.push((name.to_owned(), text));
        }
    }
    KvEvent::new(pairs)
}

fn source(event: &Event<'_>) -> LogSource {
    let parts = |source: &&etwatch_event::LogSource| {
        usize::from(source.category.is_some()) + usize::from(source.service.is_some())
    };
    let best = event.log_sources().iter().max_by_key(parts);
    let text = |part: Option<&Box<str>>| part.map(|text| text.to_string());
    LogSource {
        product: text(best.and_then(|source| source.product.as_ref())),
        service: text(best.and_then(|source| source.service.as_ref())),
        category: text(best.and_then(|source| source.category.as_ref())),
        ..LogSource::default()
    }
}
