//! Correlations: the same rules over the same matches, in turn.
//!
//! Matches are found beforehand, so that what is timed is correlating alone: on one thread, for either. rsigma keeps
//! nothing of the events (its default) or when they came, etwatch what alerts tell of them. Time goes by whole
//! seconds, as rsigma takes it, ten events a second; 10,000 users take turns at random, so that each has about four
//! events within the timespan.
//!
//! An alert of etwatch is a group whose condition begins to hold; rsigma tells each event for which it does. So the two
//! agree if each alert of etwatch is one of rsigma's, and all others of rsigma's are of groups that etwatch has told of
//! within the timespan. What is left must have a reason that the events before it show ([`Windows::reason`]), for three
//! kinds of events: as they are, with some users spelt in capitals now and then, and with some events without a user.
//! A difference without a reason ends the program.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use etwatch_correlate::{Correlator, Evidence, Limits, Plan, Templates};
use etwatch_event::{
    Attribution, EventBatch, FieldId, LayoutId, LogSourceSetId, Timestamp, Value, Vocabulary,
};
use etwatch_rules::RuleIndex;
use etwatch_rules::load::{LoadOptions, load_text};
use rsigma_eval::event::KvEvent;
use rsigma_eval::{CorrelationConfig, CorrelationEngine, CorrelationEventMode, EvaluationResult, ProcessResult, ResultBody};
use rsigma_parser::parse_sigma_yaml;

const EVENTS: usize = 200_000;
const USERS: u64 = 10_000;
const TIMESPAN: i64 = 3_600;
const START: i64 = 1_780_000_000;
const PASSES: usize = 5;

const KINDS: &[(&str, &str)] = &[
    ("event_count", "{type: event_count, rules: [a], condition: {gte: 6}"),
    ("value_count", "{type: value_count, rules: [a], condition: {gte: 5, field: Port}"),
    ("value_sum", "{type: value_sum, rules: [a], condition: {gt: 5000, field: Bytes}"),
    ("temporal", "{type: temporal, rules: [a, b]"),
    ("temporal, gte 2", "{type: temporal, rules: [a, b], condition: {gte: 2}"),
    ("temporal_ordered", "{type: temporal_ordered, rules: [a, b]"),
];

/// What makes events differ from one kind of them to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Twist {
    None,
    Capitals,
    Missing,
}

/// An event before either engine has its form of it.
struct Plain {
    second: i64,
    is_a: bool,
    user: Option<String>,
    port: u64,
    bytes: u64,
}

fn plain(twist: Twist) -> Vec<Plain> {
    let mut seed = 7_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let one = |number: usize| {
        let (user, kind, odd) = (random(USERS), random(4), random(20) == 0);
        let user = format!("example\\account-{user:05}");
        let user = match twist {
            Twist::Capitals if odd => Some(user.to_uppercase()),
            Twist::Missing if odd => None,
            _ => Some(user),
        };
        let second = START + i64::try_from(number / 10).expect("seconds");
        Plain { second, is_a: kind > 0, user, port: random(8), bytes: random(2_000) }
    };
    (0..EVENTS).map(one).collect()
}

fn documents(kind: &str) -> String {
    let rule = |name: &str| {
        format!("title: {name}\nid: 00000000-0000-4000-8000-00000000000{name}\nname: {name}\nlogsource: {{category: test}}\ndetection: {{s: {{Kind: {name}}}, condition: s}}\n")
    };
    format!("{}---\n{}---\ntitle: c\ncorrelation: {kind}, group-by: [User], timespan: 1h}}\n", rule("a"), rule("b"))
}

/// An alert: the event that made it, and the group in small letters.
type Alert = (usize, String);

struct Mine {
    plan: Arc<Plan>,
    events: EventBatch,
    found: Vec<[(RuleIndex, Evidence); 1]>,
}

impl Mine {
    fn new(kind: &str, plain: &[Plain]) -> Self {
        let mut vocabulary = Vocabulary::default();
        let options = LoadOptions::default();
        let loaded = load_text("versus", &documents(kind), &options, &mut vocabulary.fields);
        assert_eq!(loaded.refused, 0, "{:?}", loaded.diagnostics.first());
        let (_, plan) = Plan::new(loaded.rules, loaded.correlations, None, &vocabulary.fields);
        let [user, port, bytes] =
            ["User", "Port", "Bytes"].map(|name| vocabulary.fields.intern(name));
        let mut events = EventBatch::new(Arc::new(vocabulary));
        let mut templates = Templates::default();
        let template = format!("{{\"time\":\"\u{1}\",\"pid\":\0,\"rule\":\"{}\"}}", "x".repeat(320));
        let mut found = Vec::new();
        for (number, one) in plain.iter().enumerate() {
            let mut event = events.begin(LayoutId::HEADER, LogSourceSetId::NONE);
            let time = Timestamp::from_unix_millis(one.second * 1_000).expect("a time");
            event.set_time(time);
            event.push(FieldId::COMPUTER, Value::Text("workstation-17.example.org"));
            if let Some(text) = &one.user {
                event.push(user, Value::Text(text));
            }
            event.push(port, Value::Unsigned(one.port));
            event.push(bytes, Value::Unsigned(one.bytes));
            event.finish();
            events.attribute(number, Attribution { host: 1, ..Attribution::default() });
            let rule = RuleIndex::from_index(usize::from(!one.is_a)).expect("a rule");
            found.push([(rule, templates.evidence(&template, &format!("{number:040}"), time))]);
        }
        Self { plan: Arc::new(plan), events, found }
    }

    fn run(&self) -> Vec<Alert> {
        let mut correlator = Correlator::new(Arc::clone(&self.plan), Limits::default());
        let (mut out, mut alerts) = (Vec::new(), Vec::new());
        for (number, (event, found)) in self.events.iter().zip(&self.found).enumerate() {
            if !self.plan.contributes(found[0].0) {
                continue;
            }
            correlator.take(&event, found, &mut out);
            alerts.extend(out.drain(..).map(|found| (number, found.group[0].1.to_lowercase())));
        }
        alerts
    }
}

struct Others {
    documents: String,
    events: Vec<(KvEvent, i64)>,
    found: Vec<Vec<EvaluationResult>>,
}

impl Others {
    fn engine(documents: &str) -> CorrelationEngine {
        let collection = parse_sigma_yaml(documents).expect("the rules parse");
        let mut engine = CorrelationEngine::new(CorrelationConfig::default());
        engine.add_collection(&collection).expect("the rules load");
        assert_eq!((engine.detection_rule_count(), engine.correlation_rule_count()), (2, 1));
        engine
    }

    fn new(kind: &str, plain: &[Plain]) -> Self {
        let documents = documents(kind);
        let engine = Self::engine(&documents);
        let event = |one: &Plain| {
            let mut pairs = vec![("Kind".to_owned(), if one.is_a { "a" } else { "b" }.to_owned())];
            pairs.extend(one.user.clone().map(|user| ("User".to_owned(), user)));
            pairs.push(("Port".to_owned(), one.port.to_string()));
            pairs.push(("Bytes".to_owned(), one.bytes.to_string()));
            (KvEvent::new(pairs), one.second)
        };
        let events: Vec<_> = plain.iter().map(event).collect();
        let found = events.iter().map(|(event, _)| engine.evaluate(event)).collect();
        Self { documents, events, found }
    }

    /// `found` is used up: what either engine is given was made before.
    fn run(
        &self,
        found: Vec<Vec<EvaluationResult>>,
        mode: CorrelationEventMode,
    ) -> Vec<ProcessResult> {
        let mut engine = Self::engine(&self.documents);
        engine.set_correlation_event_mode(mode);
        let pairs = self.events.iter().zip(found);
        pairs
            .map(|((event, second), found)| engine.process_with_detections(event, found, *second))
            .collect()
    }

    fn alerts(results: &[ProcessResult]) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for (number, results) in results.iter().enumerate() {
            for result in results {
                if let ResultBody::Correlation(body) = &result.body {
                    let group = body.group_key.first().map(|(_, value)| value.to_lowercase());
                    alerts.push((number, group.unwrap_or_default()));
                }
            }
        }
        alerts
    }
}

/// Alerts of etwatch that rsigma does not have, and those of rsigma whose group etwatch has not told of.
fn disagreements<'a>(
    plain: &[Plain],
    mine: &'a [Alert],
    others: &'a [Alert],
) -> (Vec<&'a Alert>, Vec<&'a Alert>) {
    let told: HashSet<&Alert> = others.iter().collect();
    let alone = mine.iter().filter(|alert| !told.contains(alert)).collect();
    let own: HashSet<&Alert> = mine.iter().collect();
    let mut last: HashMap<&str, i64> = HashMap::new();
    let mut by_event = mine.iter().peekable();
    let mut not_told = Vec::new();
    for alert in others {
        while let Some((number, group)) = by_event.next_if(|(number, _)| *number <= alert.0) {
            last.insert(group, plain[*number].second);
        }
        let before = last.get(alert.1.as_str());
        let is_quiet = before.is_some_and(|before| plain[alert.0].second - before <= TIMESPAN);
        if !own.contains(alert) && !is_quiet {
            not_told.push(alert);
        }
    }
    (alone, not_told)
}

/// The events of each user, in small letters.
struct Windows<'p> {
    plain: &'p [Plain],
    of_user: HashMap<String, Vec<usize>>,
}

impl<'p> Windows<'p> {
    fn of(plain: &'p [Plain]) -> Self {
        let mut of_user: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, one) in plain.iter().enumerate() {
            let user = one.user.as_ref().map(|user| user.to_lowercase()).unwrap_or_default();
            of_user.entry(user).or_default().push(number);
        }
        Self { plain, of_user }
    }

    /// Why one tells this and the other does not, if the events of its window show it.
    fn reason(&self, kind: &str, (number, group): &Alert) -> Option<&'static str> {
        if group.is_empty() {
            return Some("without a user: a group for rsigma; here no part");
        }
        let now = self.plain[*number].second;
        let of_user = self.of_user.get(group).map_or(&[][..], Vec::as_slice);
        let up_to = of_user.iter().take_while(|other| *other <= number);
        let window: Vec<&Plain> = up_to
            .map(|other| &self.plain[*other])
            .filter(|other| now - other.second <= TIMESPAN)
            .collect();
        let is_spelt_in_capitals =
            |one: &&Plain| one.user.as_ref().is_some_and(|user| user.to_lowercase() != *user);
        if window.iter().any(is_spelt_in_capitals) {
            return Some("capitals: two groups for rsigma; here one");
        }
        let has = |is_a: bool| window.iter().any(|one| one.is_a == is_a);
        if kind == "temporal" && !(has(true) && has(false)) {
            return Some("one of the rules is enough for rsigma; here all must match");
        }
        let same_second = |one: &&Plain| {
            one.is_a && window.iter().any(|other| !other.is_a && other.second == one.second)
        };
        if kind == "temporal_ordered" && window.iter().any(same_second) {
            return Some("the same second: in order for rsigma; here the order of coming decides");
        }
        None
    }
}

/// Prints speed and agreement for each kind of correlation.
pub fn table() {
    println!("\ncorrelations, {EVENTS} matches of 10,000 groups, one core, best of {PASSES} passes in turn");
    println!(
        "{:18} {:>12} {:>12} {:>7} {:>14} {:>7}",
        "matches/s", "etwatch", "rsigma", "ratio", "times kept", "ratio"
    );
    let events = plain(Twist::None);
    for (name, kind) in KINDS {
        let (mine, others) = (Mine::new(kind, &events), Others::new(kind, &events));
        let mut best = [f64::MAX; 3];
        for _ in 0..=PASSES {
            let start = Instant::now();
            mine.run();
            best[0] = best[0].min(start.elapsed().as_secs_f64());
            for (mode, best) in
                [CorrelationEventMode::None, CorrelationEventMode::Refs].into_iter().zip(&mut best[1..])
            {
                // Clones are made while the clock stands still.
                let found = others.found.clone();
                let start = Instant::now();
                let results = others.run(found, mode);
                *best = best.min(start.elapsed().as_secs_f64());
                drop(results);
            }
        }
        let [own, other, kept] = best;
        let rate = |seconds: f64| EVENTS as f64 / seconds;
        println!(
            "{name:18} {:>12.0} {:>12.0} {:>6.1}× {:>14.0} {:>6.1}×",
            rate(own),
            rate(other),
            other / own,
            rate(kept),
            kept / own
        );
    }
    println!(
        "\n{:18} {:10} {:>8} {:>8} {:>14} {:>13}",
        "alerts", "events", "etwatch", "rsigma", "etwatch alone", "rsigma alone"
    );
    for (name, kind) in KINDS {
        for twist in [Twist::None, Twist::Capitals, Twist::Missing] {
            agreement(name, kind, twist);
        }
    }
}

/// Prints what either tells that the other does not, and why.
fn agreement(name: &str, kind: &str, twist: Twist) {
    let events = plain(twist);
    let mine = Mine::new(kind, &events).run();
    let engine = Others::new(kind, &events);
    let others = Others::alerts(&engine.run(engine.found.clone(), CorrelationEventMode::None));
    assert!(!mine.is_empty() && !others.is_empty(), "{name}: nothing is compared");
    let (alone, not_told) = disagreements(&events, &mine, &others);
    let twist = format!("{twist:?}").to_lowercase();
    let (both, few) = ((mine.len(), others.len()), (alone.len(), not_told.len()));
    println!("{name:18} {twist:10} {:>8} {:>8} {:>14} {:>13}", both.0, both.1, few.0, few.1);
    let windows = Windows::of(&events);
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for alert in alone.into_iter().chain(not_told) {
        let reason = windows.reason(name, alert);
        *reasons.entry(reason.unwrap_or_else(|| panic!("no reason for {alert:?}"))).or_default() +=
            1;
    }
    for (reason, count) in reasons {
        println!("    {count:>8} {reason}");
    }
}
