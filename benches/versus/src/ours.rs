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

    /// Prints what the plans of these events are made of and how much work an event makes.
    pub fn describe(&self, events: &[EventBatch]) {
        let (mut matcher, mut matches) = (Matcher::default(), Vec::new());
        let (mut count, mut candidates, mut steps, mut asked, mut hits) = (0, 0, 0, 0, 0);
        for event in events.iter().flat_map(EventBatch::iter) {
            self.engine.rules.matches(&event, 0, &mut matcher, &mut matches);
            let work = matcher.work();
            count += 1;
            candidates += work.candidates;
            steps += work.steps;
            asked += work.asked;
            hits += work.hits;
        }
        let per = |number: usize| number as f64 / f64::from(count);
        println!(
            "an event: {:.1} literals found, {:.1} rules run, {:.1} steps, {:.1} tests asked",
            per(hits), per(candidates), per(steps), per(asked)
        );
    }

    /// The rules that are run most often in vain.
    pub fn in_vain(&self, events: &[EventBatch]) {
        let (mut matcher, mut matches) = (Matcher::default(), Vec::new());
        let mut runs: BTreeMap<String, usize> = BTreeMap::new();
        for event in events.iter().flat_map(EventBatch::iter) {
            self.engine.rules.matches(&event, 0, &mut matcher, &mut matches);
            let id = event.get(etwatch_event::FieldId::EVENT_ID).first();
            let id = match id { Some(etwatch_event::Value::Unsigned(id)) => Some(id), _ => None };
            let Some(plan) = self.engine.rules.plan(event.source_set(), id) else { continue };
            for candidate in matcher.candidates() {
                let rule = plan.programs[*candidate as usize].rule;
                *runs.entry(self.engine.rules.get(rule).expect("a rule").identity().into_owned()).or_default() += 1;
            }
        }
        let mut runs: Vec<_> = runs.into_iter().collect();
        runs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (id, count) in runs.iter().take(45) {
            let index = (0..self.rules()).find(|n| self.engine.rules.rules()[*n].identity() == *id).expect("it");
            let index = etwatch_rules::RuleIndex::from_index(index).expect("it");
            let whole = self.engine.rules.expression(index).expect("it");
            let witness = self.engine.rules.witnesses().of(whole);
            let text = match witness { None => "none".to_owned(), Some((cost, atoms)) => {
                let names: Vec<_> = atoms.iter().take(4).map(|atom| { let a = self.engine.rules.atoms().get(*atom).expect("a"); format!("{:?} {}", a.target, etwatch_rules::compile::show::test_text(&a.test, &self.engine.vocabulary.fields))}).collect();
                format!("{cost:.0} {} of {}", names.join(" | "), atoms.len()) } };
            println!("{count:6} {} {}", self.engine.rules.rules()[index.index()].file.rsplit('/').next().unwrap_or(""), &text.chars().take(230).collect::<String>());
        }
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
