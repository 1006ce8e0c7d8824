//! Once its groups are there and its windows have grown, taking a match allocates nothing but what is kept of it:
//! the own text of what is told, one block; nothing at all if it contributes to nothing.

#![allow(
    clippy::unwrap_used,
    reason = "a test that fails must say where; lints know tests only by their attribute"
)]

#[path = "../../../tests/support/allocations.rs"]
mod allocations;

use std::sync::Arc;

use allocations::allocations;
use etwatch_correlate::{Correlator, Evidence, Limits, Plan, Templates};
use etwatch_event::{
    Attribution, EventBatch, FieldId, LayoutId, LogSourceSetId, Timestamp, Value, Vocabulary,
};
use etwatch_rules::RuleIndex;
use etwatch_rules::load::{LoadOptions, load_text};

const GROUPS: usize = 500;
const SECOND: u64 = 10_000_000;

/// A correlation of each kind, none of which ever holds.
const KINDS: &[&str] = &[
    "type: event_count, rules: [a], condition: {gte: 1000}",
    "type: value_count, rules: [a], condition: {gte: 1000, field: F}",
    "type: value_sum, rules: [a], condition: {gt: 1000000000, field: F}",
    "type: temporal, rules: [a, b]",
    "type: temporal_ordered, rules: [a, b]",
];

struct Scene {
    events: EventBatch,
    correlator: Correlator,
    found: [(RuleIndex, Evidence); 1],
    now: u64,
}

impl Scene {
    fn new(kind: &str) -> Self {
        let rule = |name: &str| {
            format!(
                "title: {name}\nname: {name}\nlogsource: {{category: test}}\ndetection: {{s: {{k: v}}, condition: s}}\n---\n"
            )
        };
        let correlation =
            format!("title: c\ncorrelation: {{{kind}, group-by: [u], timespan: 1m}}\n");
        let text = rule("a") + &rule("b") + &correlation;
        let mut vocabulary = Vocabulary::default();
        let [user, value] = ["u", "F"].map(|name| vocabulary.fields.intern(name));
        let loaded = load_text("test", &text, &LoadOptions::default(), &mut vocabulary.fields);
        assert_eq!(loaded.refused, 0, "{:?}", loaded.diagnostics);
        let (_, plan) = Plan::new(loaded.rules, loaded.correlations, None, &vocabulary.fields);
        let mut events = EventBatch::new(Arc::new(vocabulary));
        for number in 0..GROUPS {
            let mut event = events.begin(LayoutId::HEADER, LogSourceSetId::NONE);
            event.push(FieldId::COMPUTER, Value::Text("ws-1"));
            event.push(user, Value::Text(&format!("EXAMPLE\\account-{number:05}")));
            event.push(value, Value::Unsigned(7));
            event.finish();
            events.attribute(number, Attribution { host: 1, ..Attribution::default() });
        }
        let time = Timestamp::UNIX_EPOCH;
        let evidence = Templates::default().evidence("{\"pid\":\0}", "4711", time);
        let found = [(RuleIndex::from_index(0).unwrap(), evidence)];
        let correlator = Correlator::new(Arc::new(plan), Limits::default());
        Self { events, correlator, found, now: 133_000_000_000_000_000 }
    }

    /// Each group gets a match, 15 seconds after the one before.
    fn round(&mut self) -> u64 {
        self.now += 15 * SECOND;
        let mut out = Vec::new();
        for index in 0..GROUPS {
            self.events.set_time(index, Timestamp::from_filetime(self.now));
        }
        for event in self.events.iter() {
            self.correlator.take(&event, &self.found, &mut out);
        }
        assert!(out.is_empty());
        self.correlator.counts().contributions
    }
}

#[test]
fn a_match_allocates_what_is_kept_of_it() {
    for kind in KINDS {
        let mut scene = Scene::new(kind);
        for _ in 0..20 {
            scene.round();
        }
        let (contributions, count) = allocations(|| scene.round());
        assert_eq!(contributions, 21 * GROUPS as u64, "{kind}");
        assert_eq!(count, GROUPS, "{kind}");
    }
}

#[test]
fn a_match_without_a_use_allocates_nothing() {
    let mut scene = Scene::new(KINDS.last().unwrap());
    // That of the rule which only stands behind the other, in groups that never began.
    scene.found.iter_mut().for_each(|(rule, _)| *rule = RuleIndex::from_index(1).unwrap());
    scene.round();
    let (contributions, count) = allocations(|| scene.round());
    assert_eq!((contributions, count), (2 * GROUPS as u64, 0));
    assert!(scene.correlator.memory().all(|memory| memory == (0, 0)));
}
