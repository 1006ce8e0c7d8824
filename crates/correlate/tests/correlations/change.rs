//! What becomes of windows when the rules change, and of windows that were saved under other rules.

use std::sync::Arc;

use etwatch_correlate::{Correlator, Limits, Plan};
use etwatch_event::{Attribution, Vocabulary};

use crate::support::{Play, plan};

/// The rules a, b and c, the first of which says `kind`, and correlations by name.
fn planned(kind: &str, correlations: &[(&str, &str)]) -> (Arc<Plan>, Arc<Vocabulary>) {
    let rule = |name: &str, kind: &str| {
        format!(
            "title: {name}\nname: {name}\nlogsource: {{category: test}}\ndetection: {{s: {{kind: {kind}}}, condition: s}}\n---\n"
        )
    };
    let mut documents = rule("a", kind) + &rule("b", "b") + &rule("c", "c");
    for (name, body) in correlations {
        documents += &format!(
            "title: {name}\nname: {name}\nlevel: low\ncorrelation: {{{body}, group-by: [u], timespan: 1m}}\n---\n"
        );
    }
    plan(&documents)
}

const THREE: &str = "type: event_count, rules: [a], condition: {gte: 3}";
const FEW: &str = "type: event_count, rules: [b], condition: {lt: 3}";
const BOTH: &str = "type: temporal, rules: [a, b]";

fn play(of: &(Arc<Plan>, Arc<Vocabulary>)) -> Play {
    Play::with(Arc::clone(&of.0), Arc::clone(&of.1), Limits::default())
}

fn take(play: &mut Play, at: f64, rules: &str) {
    let attribution = Attribution { host: 1, ..Attribution::default() };
    play.take(at, rules, &[("u", Some("eva"))], attribution);
}

/// The names of those that begin anew.
fn change(play: &mut Play, to: &(Arc<Plan>, Arc<Vocabulary>)) -> Vec<String> {
    let anew = play.correlator.change_to(Arc::clone(&to.0));
    anew.into_iter().map(|index| to.0.correlations()[index].identity().to_owned()).collect()
}

#[test]
fn who_says_the_same_keeps_its_windows_at_whatever_place() {
    let before = planned("a", &[("three", THREE), ("both", BOTH)]);
    let mut play = play(&before);
    take(&mut play, 0.0, "a");
    take(&mut play, 1.0, "a");
    let after = planned("a", &[("new", FEW), ("both", BOTH), ("three", THREE)]);
    assert_eq!(change(&mut play, &after), [""; 0]);
    take(&mut play, 2.0, "a");
    assert_eq!(play.alerts, ["eva@2=3"]);
    assert_eq!(&*play.matches[0].planned().unwrap().correlation.attributes.title, "three");
    take(&mut play, 3.0, "b");
    assert_eq!(play.alerts.len(), 2, "both had seen the first");
}

#[test]
fn who_says_something_else_or_whose_rule_does_begins_anew() {
    let before = planned("a", &[("three", THREE), ("both", BOTH)]);
    let wider = "type: event_count, rules: [a, c], condition: {gte: 3}";
    for (after, anew) in [
        (planned("a", &[("three", wider), ("both", BOTH)]), &["three"][..]),
        (planned("other", &[("three", THREE), ("both", BOTH)]), &["three", "both"]),
    ] {
        let mut play = play(&before);
        take(&mut play, 0.0, "a");
        take(&mut play, 1.0, "a");
        assert_eq!(change(&mut play, &after), anew);
        take(&mut play, 2.0, "a");
        assert_eq!(play.alerts, [""; 0]);
        take(&mut play, 3.0, "a");
        take(&mut play, 4.0, "a");
        let of_three = play.matches.iter().filter(|found| found.count == 3).count();
        assert_eq!(of_three, 1, "{:?}", play.alerts);
    }
}

#[test]
fn who_is_gone_is_forgotten_and_comes_back_empty() {
    let (with, without) = (planned("a", &[("three", THREE)]), planned("a", &[("both", BOTH)]));
    let mut play = play(&with);
    take(&mut play, 0.0, "a");
    take(&mut play, 1.0, "a");
    assert_eq!(change(&mut play, &without), [""; 0]);
    assert_eq!(change(&mut play, &with), [""; 0]);
    assert_eq!(play.correlator.memory().collect::<Vec<_>>(), [(0, 0)]);
    take(&mut play, 2.0, "a");
    assert_eq!(play.alerts, [""; 0]);
}

#[test]
fn a_window_that_waits_for_its_end_waits_on_under_another_number() {
    let before = planned("a", &[("few", FEW), ("gone", FEW)]);
    let mut play = play(&before);
    take(&mut play, 0.0, "b");
    let after = planned("a", &[("three", THREE), ("both", BOTH), ("few", FEW)]);
    assert_eq!(change(&mut play, &after), [""; 0]);
    assert!(play.correlator.has_deadlines());
    take(&mut play, 61.0, "c");
    assert_eq!(play.alerts, ["eva@0=1"]);
    assert!(!play.correlator.has_deadlines(), "that of the one that is gone went with it");
}

#[test]
fn what_was_saved_is_taken_up_as_far_as_rules_say_the_same() {
    let before = planned("a", &[("three", THREE), ("both", BOTH), ("few", FEW)]);
    let mut play_before = play(&before);
    take(&mut play_before, 0.0, "a");
    take(&mut play_before, 1.0, "a b");
    let saved = play_before.correlator.save();
    assert_eq!(saved, play_before.correlator.save());
    let after = planned(
        "a",
        &[("few", FEW), ("three", "type: event_count, rules: [a], condition: {gte: 4}")],
    );
    let (correlator, restored) =
        Correlator::restore(Arc::clone(&after.0), Limits::default(), saved);
    assert_eq!((restored.groups, restored.left_out), (1, vec!["three".into(), "both".into()]));
    let mut play_after = play(&after);
    play_after.correlator = correlator;
    take(&mut play_after, 70.0, "c");
    assert_eq!(play_after.alerts, ["eva@1=1"]);
}

/// Hosts whose events do not name them are found again by the number that their memory has for them.
#[test]
fn a_host_without_a_name_is_found_by_its_number() {
    let planned = planned("a", &[("three", THREE)]);
    let mut before = play(&planned);
    let of = |host| Attribution { host, ..Attribution::default() };
    for (host, at) in [(1, 0.0), (2, 1.0), (1, 2.0)] {
        before.take_unnamed(at, "a", &[("u", Some("eva"))], of(host));
    }
    let saved = before.correlator.save();
    let (correlator, _) = Correlator::restore(Arc::clone(&planned.0), Limits::default(), saved);
    let mut after = play(&planned);
    after.correlator = correlator;
    after.take_unnamed(3.0, "a", &[("u", Some("eva"))], of(2));
    assert_eq!(after.alerts, [""; 0]);
    after.take_unnamed(4.0, "a", &[("u", Some("eva"))], of(1));
    assert_eq!(after.alerts, ["eva@4=3"]);
}
