//! Any bytes as a file of state, or as its content: read or refused, and what is read can be gone on with.
//!
//! Whatever was read, events that follow end, the memory that grows of it is bounded, and it is written and read
//! again the same.

use std::sync::{Arc, OnceLock};

use etwatch_correlate::{Correlator, Limits, Plan};
use etwatch_engine::saved::{SavedState, parse, read, written};
use etwatch_event::{
    Attribution, EventBatch, FieldId, LayoutId, LogSourceSetId, Timestamp, Value, Vocabulary,
};
use etwatch_rules::RuleIndex;
use etwatch_rules::load::{LoadOptions, load_text};

use super::steps::{KINDS, Run, Step};

/// A correlation for each kind of window, over two rules.
const CONDITIONS: &[&str] = &[
    "type: event_count, condition: {gte: 3}",
    "type: event_count, condition: {lt: 3}",
    "type: value_count, condition: {gte: 2, field: F}",
    "type: value_count, condition: {eq: 2, field: F}",
    "type: value_sum, condition: {gt: 5, field: F}",
    "type: value_median, condition: {gt: 1, field: F}",
    "type: temporal",
    "type: temporal, condition: a and not b",
    "type: temporal_ordered",
    "type: temporal_ordered, condition: {lt: 3}",
];

/// Where time begins.
const START: u64 = 133_000_000_000_000_000;

fn plan() -> &'static (Arc<Plan>, Arc<Vocabulary>) {
    static PLAN: OnceLock<(Arc<Plan>, Arc<Vocabulary>)> = OnceLock::new();
    PLAN.get_or_init(|| {
        let mut text = String::new();
        for name in ["a", "b"] {
            text += &format!(
                "title: {name}\nname: {name}\nlogsource: {{category: test}}\ndetection: {{s: {{k: {name}}}, condition: s}}\n---\n"
            );
        }
        for (number, condition) in CONDITIONS.iter().enumerate() {
            text += &format!(
                "title: c{number}\ncorrelation: {{{condition}, rules: [a, b], group-by: [u], timespan: 10s}}\n---\n"
            );
        }
        let mut vocabulary = Vocabulary::default();
        let loaded = load_text("state", &text, &LoadOptions::default(), &mut vocabulary.fields);
        assert_eq!((loaded.refused, loaded.correlations.len()), (0, CONDITIONS.len()));
        let (_, plan) = Plan::new(loaded.rules, loaded.correlations, None, &vocabulary.fields);
        (Arc::new(plan), Arc::new(vocabulary))
    })
}

/// Events that match both rules in turn.
fn go_on(correlator: &mut Correlator, count: u64) {
    let (_, vocabulary) = plan();
    let mut batch = EventBatch::new(Arc::clone(vocabulary));
    for number in 0..count {
        let mut event = batch.begin(LayoutId::HEADER, LogSourceSetId::NONE);
        event.set_time(Timestamp::from_filetime(START + number * 7_000_000));
        event.push(FieldId::COMPUTER, Value::Text("h"));
        for (name, value) in [("u", number % 2), ("F", number % 5)] {
            if let Some(field) = vocabulary.fields.id(name) {
                event.push(field, Value::Unsigned(value));
            }
        }
        event.finish();
        batch.attribute(batch.len() - 1, Attribution { host: 1, ..Attribution::default() });
    }
    let mut found = Vec::new();
    for (number, event) in batch.iter().enumerate() {
        let rule = RuleIndex::from_index(number % 2).unwrap();
        correlator.advance(&event, &mut found);
        correlator.take(&event, &[(rule, "{}".into())], &mut found);
    }
}

/// A bit of everything happens on two hosts.
fn go_on_with_hosts(run: &mut Run, count: u64) {
    for number in 0..count {
        run.take(Step {
            kind: u8::try_from(number % u64::from(KINDS)).unwrap(),
            after: [30, 1_000, 60_000, 1_500_000][(number % 7 % 4) as usize],
            host: usize::from(number % 5 == 4),
            pid: 4 + number % 3 * 4,
            other: 4 + number % 4 * 4,
            choice: (number % 11 % 4) as u8,
        });
    }
}

/// What a file of state looks like after so many events.
pub fn state_after(count: u64) -> Vec<u8> {
    let mut correlator = Correlator::new(Arc::clone(&plan().0), Limits::default());
    go_on(&mut correlator, count);
    let mut run = Run::new();
    go_on_with_hosts(&mut run, count);
    run.pause();
    let hosts = run.scene.state.save();
    written(&SavedState { correlations: correlator.save(), hosts })
}

/// A file, or what stands in one behind its head.
pub fn check(bytes: &[u8]) {
    let state = match read(bytes) {
        Ok(state) => state,
        Err(_) => match parse(bytes) {
            Ok(state) => state,
            Err(_) => return,
        },
    };
    assert_eq!(written(&read(&written(&state)).unwrap()), written(&state));
    let SavedState { correlations, hosts } = state;
    let (mut correlator, _) =
        Correlator::restore(Arc::clone(&plan().0), Limits::default(), correlations);
    go_on(&mut correlator, 40);
    correlator.finish(&mut Vec::new());
    let mut run = Run::new();
    run.scene.restore(hosts);
    go_on_with_hosts(&mut run, 80);
    run.scene.restart(Clone::clone);
    go_on_with_hosts(&mut run, 20);
    run.pause();
    let hosts = run.scene.state.save();
    run.finish();
    assert!(run.scene.ledger.is_balanced());
    let saved = SavedState { correlations: correlator.save(), hosts };
    assert!(read(&written(&saved)).is_ok());
}
