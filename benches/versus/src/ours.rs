//! etwatch: events decoded and normalised beforehand, matching alone is timed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use etwatch_capture::{Limits, find, open};
use etwatch_engine::Engine;
use etwatch_event::{Event, EventBatch, RecordBatch};
use etwatch_normalise::normalise;
use etwatch_rules::Matcher;
use etwatch_rules::load::LoadOptions;
use rayon::prelude::*;

use crate::cold;

/// Events of a batch, as in a replay.
const BATCH: usize = 256;

thread_local! {
    static MATCHER: RefCell<(Matcher, Vec<etwatch_rules::Match>)> = RefCell::default();
}

pub struct Ours {
    pub engine: Engine,
}

impl Ours {
    pub fn load(rules: &Path) -> Self {
        let options = LoadOptions::default();
        let (engine, _) = Engine::load(&[rules.to_owned()], &options, None).expect("rules load");
        Self { engine }
    }

    pub fn rules(&self) -> usize {
        self.engine.rules.rules().len()
    }

    pub fn build_plans(&self) -> usize {
        self.engine.rules.build_all()
    }

    /// The events of a folder in batches; `cold` makes long texts unique.
    pub fn events(&self, folder: &Path, cold: bool) -> Vec<EventBatch> {
        let mut all = EventBatch::new(Arc::clone(&self.engine.vocabulary));
        let mut number = 0;
        for location in find(&[folder.to_owned()]).inputs {
            let mut source = open(&location, Limits::default()).expect("the recording opens");
            while let Some(piece) = source.next_piece().expect("the recording is read") {
                let mut records = RecordBatch::default();
                piece.decode(&mut records);
                if cold {
                    records = cold::unique(&records, &mut number);
                }
                let batch = normalise(&records, &self.engine.taxonomy, &self.engine.vocabulary);
                batch.iter().for_each(|event| all.push_copy(&event));
            }
        }
        split(&all, |_| true)
    }

    /// Matches all events; returns the number of matches.
    pub fn run(&self, events: &[EventBatch], threads: usize) -> usize {
        if threads == 1 {
            events.iter().map(|batch| self.batch(batch)).sum()
        } else {
            events.par_iter().with_max_len(1).map(|batch| self.batch(batch)).sum()
        }
    }

    fn batch(&self, batch: &EventBatch) -> usize {
        MATCHER.with_borrow_mut(|(matcher, matches)| {
            matches.clear();
            for (row, event) in (0..).zip(batch.iter()) {
                self.engine.rules.matches(&event, row, matcher, matches);
            }
            matches.len()
        })
    }

    /// The same after a pass that has grown all buffers.
    pub fn run_warm(&self, events: &[EventBatch]) -> usize {
        self.run(events, 1)
    }

    pub fn matches_any(&self, event: &Event<'_>) -> bool {
        let mut matches = Vec::new();
        self.engine.rules.matches(event, 0, &mut Matcher::default(), &mut matches);
        !matches.is_empty()
    }

    /// Matches by id of the rule.
    pub fn hits(&self, events: &[EventBatch]) -> BTreeMap<String, usize> {
        let (mut matcher, mut matches) = (Matcher::default(), Vec::new());
        for (row, event) in (0..).zip(events.iter().flat_map(EventBatch::iter)) {
            self.engine.rules.matches(&event, row, &mut matcher, &mut matches);
        }
        let mut hits = BTreeMap::new();
        for found in matches {
            if let Some(rule) = self.engine.rules.get(found.rule) {
                *hits.entry(rule.identity().into_owned()).or_default() += 1;
            }
        }
        hits
    }
}

fn split(all: &EventBatch, keep: impl Fn(&Event<'_>) -> bool) -> Vec<EventBatch> {
    let mut batches = Vec::new();
    let mut batch = EventBatch::new(Arc::clone(all.vocabulary()));
    for event in all.iter().filter(|event| keep(event)) {
        batch.push_copy(&event);
        if batch.len() == BATCH {
            batches.push(std::mem::replace(&mut batch, EventBatch::new(Arc::clone(all.vocabulary()))));
        }
    }
    batches.push(batch);
    batches
}

/// Those of the events that `keep` wants, in batches of the usual size.
pub fn select(events: &[EventBatch], keep: impl Fn(&Event<'_>) -> bool) -> Vec<EventBatch> {
    let vocabulary = events.first().expect("there are events").vocabulary();
    let mut all = EventBatch::new(Arc::clone(vocabulary));
    for event in events.iter().flat_map(EventBatch::iter).filter(|event| keep(event)) {
        all.push_copy(&event);
    }
    split(&all, |_| true)
}

/// What no matcher can go below: the text of each event copied, folded, and read once.
pub fn floor(events: &[EventBatch]) -> usize {
    let mut folded = String::new();
    let mut found = 0;
    for event in events.iter().flat_map(EventBatch::iter) {
        folded.clear();
        folded.push_str(event.row_text());
        folded.make_ascii_lowercase();
        found += folded.bytes().filter(|byte| *byte == b'~').count();
    }
    found
}
