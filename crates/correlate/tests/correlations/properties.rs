//! What holds for any sequence of matches: windows find what a plain search finds, memory that was saved goes
//! on as if nothing had been, and floods push out nobody else's.

use std::sync::Arc;

use crate::support::{Play, documents, plan};
use etwatch_correlate::{Correlator, Limits, Saved};
use etwatch_event::Attribution;
use proptest::prelude::*;
use serde_yaml::Value;

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// One match: seconds since the one before, which rule, whose, and a value.
type Given = (u8, u8, u8, u8);

const NAMES: [&str; 3] = ["a", "b", "c"];

fn given(most: usize) -> impl Strategy<Value = Vec<Given>> {
    prop::collection::vec((0..6_u8, 0..3_u8, 0..2_u8, 0..4_u8), 0..most)
}

fn take(play: &mut Play, at: f64, (_, rule, user, value): Given) {
    let (user, value) = (user.to_string(), value.to_string());
    let fields = [("u", Some(user.as_str())), ("F", Some(value.as_str()))];
    let attribution = Attribution { host: 1, ..Attribution::default() };
    play.take(at, NAMES[usize::from(rule)], &fields, attribution);
}

fn play(correlation: &str, all: &[Given]) -> Vec<String> {
    let mut play = Play::of(&yaml(correlation), &Value::Null);
    let mut at = 0.0;
    for one in all {
        at += f64::from(one.0);
        take(&mut play, at, *one);
    }
    play.finish();
    play.alerts
}

/// The matches with their times, those of one user at a time.
fn of_user(all: &[Given], user: u8) -> Vec<(u32, Given)> {
    let mut at = 0;
    let timed = all.iter().map(|one| {
        at += u32::from(one.0);
        (at, *one)
    });
    timed.filter(|(_, one)| one.2 == user).collect()
}

/// Alerts of a condition that is looked at with each match: `holds` is given those of the last `span` seconds,
/// that match among them.
fn plainly(
    all: &[Given],
    span: u32,
    rules: &[u8],
    holds: impl Fn(&[(u32, Given)]) -> Option<usize>,
) -> Vec<String> {
    let mut alerts = Vec::new();
    for user in 0..2 {
        let own: Vec<_> =
            of_user(all, user).into_iter().filter(|(_, one)| rules.contains(&one.1)).collect();
        let mut alerted: Option<u32> = None;
        for (index, (at, _)) in own.iter().enumerate() {
            let window: Vec<_> =
                own[..=index].iter().copied().filter(|(time, _)| time + span >= *at).collect();
            match holds(&window) {
                None => alerted = None,
                Some(_) if alerted.is_some_and(|before| at - before <= span) => {}
                Some(measure) => {
                    alerted = Some(*at);
                    alerts.push((*at, index, format!("{user}@{at}={measure}")));
                }
            }
        }
    }
    let mut alerts: Vec<_> = alerts.into_iter().map(|(_, _, text)| text).collect();
    alerts.sort();
    alerts
}

fn sorted(mut alerts: Vec<String>) -> Vec<String> {
    alerts.sort();
    alerts
}

/// Whether there is a chain of the rules in this order, by trying all.
fn has_chain(window: &[(u32, Given)], order: &[u8]) -> bool {
    let Some((first, rest)) = order.split_first() else { return true };
    (0..window.len())
        .any(|index| window[index].1.1 == *first && has_chain(&window[index + 1..], rest))
}

proptest! {
    #[test]
    fn counting_finds_what_counting_anew_finds(all in given(60), needed in 1..5_usize) {
        let rule = format!("{{type: event_count, rules: [a, b], group-by: [u], timespan: 10s, condition: {{gte: {needed}}}}}");
        // No more are kept than are needed.
        let holds = |window: &[(u32, Given)]| (window.len() >= needed).then_some(needed);
        prop_assert_eq!(sorted(play(&rule, &all)), plainly(&all, 10, &[0, 1], holds));
    }

    #[test]
    fn values_are_counted_as_a_set_counts_them(all in given(60), needed in 1..4_usize) {
        let rule = format!("{{type: value_count, rules: [a], group-by: [u], timespan: 10s, condition: {{gte: {needed}, field: F}}}}");
        let holds = |window: &[(u32, Given)]| {
            let mut values: Vec<_> = window.iter().map(|(_, one)| one.3).collect();
            values.sort_unstable();
            values.dedup();
            (values.len() >= needed).then_some(needed)
        };
        prop_assert_eq!(sorted(play(&rule, &all)), plainly(&all, 10, &[0], holds));
    }

    #[test]
    fn a_chain_is_found_if_any_search_finds_one(all in given(60)) {
        let rule = "{type: temporal_ordered, rules: [a, b, c], group-by: [u], timespan: 10s}";
        let holds = |window: &[(u32, Given)]| has_chain(window, &[0, 1, 2]).then_some(3);
        prop_assert_eq!(sorted(play(rule, &all)), plainly(&all, 10, &[0, 1, 2], holds));
    }

    #[test]
    fn all_rules_of_a_window_are_found(all in given(60)) {
        let rule = "{type: temporal, rules: [a, b, c], group-by: [u], timespan: 10s}";
        let holds = |window: &[(u32, Given)]| {
            (0..3).all(|rule| window.iter().any(|(_, one)| one.1 == rule)).then_some(3)
        };
        prop_assert_eq!(sorted(play(rule, &all)), plainly(&all, 10, &[0, 1, 2], holds));
    }

    #[test]
    fn a_sum_is_that_of_its_window(all in given(60), limit in 1..12_usize) {
        let rule = format!("{{type: value_sum, rules: [a], group-by: [u], timespan: 10s, condition: {{gt: {limit}, field: F}}}}");
        let holds = |window: &[(u32, Given)]| {
            let sum: usize = window.iter().map(|(_, one)| usize::from(one.3)).sum();
            (sum > limit).then_some(sum)
        };
        prop_assert_eq!(sorted(play(&rule, &all)), plainly(&all, 10, &[0], holds));
    }

    #[test]
    fn what_was_saved_goes_on_as_if_nothing_had_been(all in given(40), cut in 0..40_usize, kind in 0..RULES.len()) {
        let documents = documents(&yaml(RULES[kind]), &Value::Null);
        let (plan, vocabulary) = plan(&documents);
        let mut whole = Play::with(Arc::clone(&plan), Arc::clone(&vocabulary), Limits::default());
        let mut parts = Play::with(Arc::clone(&plan), Arc::clone(&vocabulary), Limits::default());
        let mut at = 0.0;
        for (index, one) in all.iter().enumerate() {
            at += f64::from(one.0);
            take(&mut whole, at, *one);
            if index == cut {
                let text = serde_yaml::to_string(&parts.correlator.save()).unwrap();
                let saved: Saved = serde_yaml::from_str(&text).unwrap();
                // Another run numbers fields and hosts as it pleases.
                let (correlator, restored) = Correlator::restore(Arc::clone(&plan), Limits::default(), saved);
                prop_assert!(restored.left_out.is_empty());
                parts.correlator = correlator;
            }
            take(&mut parts, at, *one);
        }
        whole.finish();
        parts.finish();
        prop_assert_eq!(parts.alerts, whole.alerts);
    }
}

/// One of each kind of window.
const RULES: &[&str] = &[
    "{type: event_count, rules: [a, b], group-by: [u], timespan: 10s, condition: {gte: 3}}",
    "{type: event_count, rules: [a, b], group-by: [u], timespan: 10s, condition: {lt: 3}}",
    "{type: value_count, rules: [a], group-by: [u], timespan: 10s, condition: {gte: 2, field: F}}",
    "{type: value_count, rules: [a], group-by: [u], timespan: 10s, condition: {eq: 2, field: F}}",
    "{type: value_sum, rules: [a], group-by: [u], timespan: 10s, condition: {gt: 5, field: F}}",
    "{type: value_median, rules: [a], group-by: [u], timespan: 10s, condition: {gt: 1, field: F}}",
    "{type: temporal, rules: [a, b], group-by: [u], timespan: 10s}",
    "{type: temporal, group-by: [u], timespan: 10s, condition: a and not b}",
    "{type: temporal_ordered, rules: [a, b, c], group-by: [u], timespan: 10s}",
    "{type: temporal_ordered, rules: [a, b, c], group-by: [u], timespan: 10s, condition: {lt: 3}}",
];

const CHAIN: &str = "{type: temporal_ordered, rules: [a, b], group-by: [u], timespan: 1h}";

/// The victim's first step, then a million decoys, then the second step: the alert comes.
fn survives(lineage_of_decoy: impl Fn(u32) -> [u32; 4], limits: Limits) {
    let (plan, vocabulary) = plan(&documents(&yaml(CHAIN), &Value::Null));
    let mut play = Play::with(plan, vocabulary, limits);
    let of = |lineage| Attribution { host: 1, lineage, ..Attribution::default() };
    play.take(0.0, "a", &[("u", Some("victim"))], of([70, 7, 2, 1]));
    for decoy in 0..1_000_000_u32 {
        let key = format!("decoy {decoy}");
        let attribution = of(lineage_of_decoy(decoy));
        play.take(1.0 + f64::from(decoy) / 1e6, "a", &[("u", Some(&key))], attribution);
    }
    play.take(10.0, "b", &[("u", Some("victim"))], of([70, 7, 2, 1]));
    assert_eq!(play.alerts, ["victim@10=2"]);
    let (groups, bytes) = play.correlator.memory().next().unwrap();
    assert!(groups <= limits.groups && bytes <= limits.bytes, "{groups} groups, {bytes} bytes");
    let evicted = play.correlator.counts().evicted;
    assert!(evicted > 0 && evicted + groups as u64 == 1_000_001, "{evicted}");
}

#[test]
fn a_million_decoys_of_one_process_do_not_push_out_another_lineage() {
    survives(|_| [80, 8, 2, 1], Limits { groups: 10_000, ..Limits::default() });
}

#[test]
fn nor_do_those_of_ten_thousand_children_of_one() {
    survives(
        |decoy| [1_000 + decoy % 10_000, 80, 8, 2],
        Limits { groups: 10_000, ..Limits::default() },
    );
}

#[test]
fn nor_do_they_if_bytes_are_what_is_short() {
    survives(|_| [80, 8, 2, 1], Limits { bytes: 4 << 20, ..Limits::default() });
}

/// Where many take the same, looking at all of them makes room for many groups; who takes little keeps what it has.
#[test]
fn of_many_correlations_those_that_take_most_give_way_together() {
    const MANY: usize = 100;
    let name =
        |number: usize| format!("title: c{number}\nname: c{number}\ncorrelation: {CHAIN}\n---\n");
    let small = CHAIN.replace("[a, b]", "[c, b]");
    let small = format!("title: small\nname: small\nlevel: low\ncorrelation: {small}\n---\n");
    let many: String = (0..MANY).map(name).collect();
    let (plan, vocabulary) = plan(&(documents(&Value::Null, &Value::Null) + &many + &small));
    let limits = Limits { bytes: 4 << 20, ..Limits::default() };
    let mut play = Play::with(plan, vocabulary, limits);
    let of = || Attribution { host: 1, lineage: [80, 8, 2, 1], ..Attribution::default() };
    play.take(0.0, "c", &[("u", Some("victim"))], of());
    for number in 1..1_000_u32 {
        play.take(f64::from(number), "a", &[("u", Some(&format!("user {number}")))], of());
        let bytes: usize = play.correlator.memory().map(|(_, bytes)| bytes).sum();
        assert!(bytes < limits.bytes, "{bytes}");
    }
    let groups: Vec<usize> = play.correlator.memory().map(|(groups, _)| groups).collect();
    let (least, most) =
        (groups[..MANY].iter().min().unwrap(), groups[..MANY].iter().max().unwrap());
    assert!(*least > 0 && most - least <= 1, "{groups:?}");
    let evicted = play.correlator.counts().evicted;
    assert_eq!(evicted + groups.iter().sum::<usize>() as u64, 99_901);
    play.take(1_000.0, "b", &[("u", Some("victim"))], of());
    assert_eq!(play.alerts, ["victim@1000=2"]);
}
