//! What a match costs that correlations are about.
//!
//! - *updates*: matches of one rule, by one correlation of each kind, over 10,000 groups in turn, all known; the
//!   goal is a million a second on one core. The same where each match begins a group and one has to go.
//! - *growth*: the same matches with 10 to 10,000 correlations, of which one is about them: no more correlations
//!   cost more than their matches do. The same where each match begins a group and one has to go; and where matches
//!   are shared out among all correlations, so that the memory of all is gone through instead of that of one. What
//!   loading leaves in memory scatters what comes later, so there are two controls beside each count: ten correlations
//!   in the same memory, and a plain table that keeps times and texts for as many groups.
//!
//! Unit: matches. The contributions that are counted must be as many as were given.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark that fails must stop"
)]

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use etwatch_correlate::{Correlator, Evidence, Limits, Plan, Templates};
use etwatch_event::{
    Attribution, EventBatch, FieldId, LayoutId, LogSourceSetId, Timestamp, Value, Vocabulary,
};
use etwatch_rules::RuleIndex;
use etwatch_rules::load::{LoadOptions, load_text};

const EVENTS: usize = 10_000;
/// A tenth of a second: a group gets a match each thousand seconds, three or four within the timespan.
const STEP: u64 = 1_000_000;

/// One of each kind of window.
const KINDS: &[(&str, &str)] = &[
    ("event_count", "type: event_count, rules: [r0, r1], condition: {gte: 1000}"),
    ("value_count", "type: value_count, rules: [r0, r1], condition: {gte: 1000, field: F}"),
    ("value_sum", "type: value_sum, rules: [r0, r1], condition: {gt: 1000000000, field: F}"),
    ("temporal", "type: temporal, rules: [r0, r1]"),
    ("temporal_ordered", "type: temporal_ordered, rules: [r0, r1]"),
    ("decided when it closes", "type: event_count, rules: [r0, r1], condition: {lt: 2}"),
];

struct Bench {
    plan: Arc<Plan>,
    events: EventBatch,
    evidence: Evidence,
    now: u64,
}

impl Bench {
    /// `rules` rules; the correlations are bodies of YAML mappings.
    fn new(rules: usize, correlations: impl Iterator<Item = String>) -> Self {
        let mut text = String::new();
        for rule in 0..rules {
            text += &format!(
                "title: r{rule}\nname: r{rule}\nlogsource: {{category: test}}\ndetection: {{s: {{k: v}}, condition: s}}\n---\n"
            );
        }
        for (number, body) in correlations.enumerate() {
            text += &format!(
                "title: c{number}\ncorrelation: {{{body}, group-by: [u], timespan: 1h}}\n---\n"
            );
        }
        let mut vocabulary = Vocabulary::default();
        let loaded = load_text("bench", &text, &LoadOptions::default(), &mut vocabulary.fields);
        assert_eq!(loaded.refused, 0, "{:?}", loaded.diagnostics.first());
        let (_, plan) = Plan::new(loaded.rules, loaded.correlations, None, &vocabulary.fields);
        let id = |name: &str| vocabulary.fields.id(name);
        let (user, value) = (id("u").unwrap(), id("F"));
        let mut events = EventBatch::new(Arc::new(vocabulary));
        for number in 0..EVENTS {
            let mut event = events.begin(LayoutId::HEADER, LogSourceSetId::NONE);
            event.push(FieldId::COMPUTER, Value::Text("workstation-17.example.org"));
            event.push(user, Value::Text(&format!("EXAMPLE\\account-{number:05}")));
            if let Some(value) = value {
                event.push(value, Value::Unsigned(number as u64 % 7));
            }
            event.finish();
            let attribution = Attribution { host: 1, ..Attribution::default() };
            events.attribute(number, attribution);
        }
        // As long as what is told of an event mostly is.
        let template =
            format!("{{\"time\":\"\u{1}\",\"pid\":\0,\"rule\":\"{}\"}}", "x".repeat(320));
        let evidence =
            Templates::default().evidence(&template, &"x".repeat(60), Timestamp::default());
        Self { plan: Arc::new(plan), events, evidence, now: 133_000_000_000_000_000 }
    }

    fn correlator(&self, limits: Limits) -> Correlator {
        Correlator::new(Arc::clone(&self.plan), limits)
    }

    /// A pass over all events, which match the first rule and are later than those of the pass before.
    fn pass(&mut self, correlator: &mut Correlator) {
        self.pass_over(1, correlator);
    }

    /// The same, where events match one of the first rules in turn.
    fn pass_over(&mut self, rules: usize, correlator: &mut Correlator) {
        let mut found = Vec::new();
        for index in 0..EVENTS {
            self.now += STEP;
            self.events.set_time(index, Timestamp::from_filetime(self.now));
        }
        for (number, event) in self.events.iter().enumerate() {
            let rule = RuleIndex::from_index(number % rules).unwrap();
            correlator.take(&event, &[(rule, self.evidence.clone())], &mut found);
        }
        assert!(found.is_empty());
    }
}

/// The least that could be remembered: by the name of the user when, and what is told, for an hour.
#[derive(Default)]
struct Table(HashMap<String, VecDeque<(u64, Box<str>)>>);

impl Table {
    fn pass(&mut self, bench: &mut Bench, user: FieldId) {
        let own = "x".repeat(60);
        for event in bench.events.iter() {
            bench.now += STEP;
            let name = event.text(user).unwrap_or_default();
            let kept = match self.0.get_mut(name) {
                Some(kept) => kept,
                None => self.0.entry(name.to_owned()).or_default(),
            };
            while kept.front().is_some_and(|(time, _)| time + 36_000 * STEP < bench.now) {
                kept.pop_front();
            }
            kept.push_back((bench.now, own.as_str().into()));
        }
    }
}

fn updates(c: &mut Criterion) {
    let mut group = c.benchmark_group("updates");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for (name, body) in KINDS {
        let mut bench = Bench::new(2, [(*body).to_owned()].into_iter());
        let mut correlator = bench.correlator(Limits::default());
        bench.pass(&mut correlator);
        let mut passes = 1;
        group.bench_function(*name, |b| {
            b.iter(|| {
                bench.pass(&mut correlator);
                passes += 1;
            });
        });
        assert_eq!(correlator.counts().contributions, passes * EVENTS as u64);
    }
    let mut bench = Bench::new(2, [KINDS[4].1.to_owned()].into_iter());
    let mut correlator = bench.correlator(Limits { groups: EVENTS / 4, ..Limits::default() });
    bench.pass(&mut correlator);
    group.bench_function("temporal_ordered, a flood of new groups", |b| {
        b.iter(|| bench.pass(&mut correlator));
    });
    assert!(correlator.counts().evicted > 0);
    group.finish();
}

/// One correlation a rule.
fn counts(count: usize) -> Bench {
    let body = |number| format!("type: event_count, rules: [r{number}], condition: {{gte: 1000}}");
    Bench::new(count, (0..count).map(body))
}

/// What the same matches cost in the memory that loading has left, whatever the number of correlations.
fn controls(group: &mut BenchmarkGroup<'_, WallTime>, count: usize) {
    let mut few = counts(10);
    let mut correlator = few.correlator(Limits::default());
    few.pass(&mut correlator);
    group.bench_function(format!("10 correlations beside {count}"), |b| {
        b.iter(|| few.pass(&mut correlator));
    });
    drop(correlator);
    let (mut table, user) = (Table::default(), few.events.vocabulary().fields.id("u").unwrap());
    table.pass(&mut few, user);
    group.bench_function(format!("a plain table beside {count} correlations"), |b| {
        b.iter(|| table.pass(&mut few, user));
    });
    assert_eq!(table.0.len(), EVENTS);
}

fn growth(c: &mut Criterion) {
    let mut group = c.benchmark_group("growth");
    group.throughput(Throughput::Elements(EVENTS as u64));
    for count in [10, 100, 1_000, 10_000] {
        let mut bench = counts(count);
        controls(&mut group, count);
        let mut correlator = bench.correlator(Limits::default());
        bench.pass(&mut correlator);
        group.bench_function(format!("{count} correlations"), |b| {
            b.iter(|| bench.pass(&mut correlator));
        });
        let mut correlator = bench.correlator(Limits { groups: EVENTS / 4, ..Limits::default() });
        bench.pass(&mut correlator);
        group.bench_function(format!("{count} correlations, a flood of new groups"), |b| {
            b.iter(|| bench.pass(&mut correlator));
        });
        assert!(correlator.counts().evicted > 0);
        let mut correlator = bench.correlator(Limits::default());
        bench.pass_over(count, &mut correlator);
        group.bench_function(format!("{count} correlations, matches of all in turn"), |b| {
            b.iter(|| bench.pass_over(count, &mut correlator));
        });
    }
    group.finish();
}

criterion_group!(benches, updates, growth);
criterion_main!(benches);
