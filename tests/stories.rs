//! Each recording in `fixtures/` gives its golden alerts, which lie beside it.
//!
//! `ETWATCH_BLESS=1 cargo test` writes them anew; read the difference before you commit it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use etwatch_rules::Severity;
use etwatch_rules::sigma::Attributes;
use support::{engine, files_under, golden, options, root, run};

fn stories() -> Vec<PathBuf> {
    root();
    let all = files_under(Path::new("fixtures"), ".jsonl");
    all.into_iter().filter(|path| !path.to_string_lossy().ends_with(".alerts.jsonl")).collect()
}

#[test]
fn each_story_gives_its_golden_alerts() {
    let stories = stories();
    assert!(stories.len() >= 12, "{stories:?}");
    let (engine, _) = engine(&[Path::new("rules")]);
    for story in stories {
        let (alerts, report) = run(&engine, std::slice::from_ref(&story), options(2, 64));
        assert_eq!(report.ledger.lost(), 0, "{}: {:?}", story.display(), report.damage);
        golden(&story.with_extension("alerts.jsonl"), &alerts.text());
    }
}

#[test]
fn the_shipped_rules_are_sound_and_each_tells_a_story() {
    root();
    let (engine, loaded) = engine(&[Path::new("rules")]);
    let problems: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    assert!(
        loaded.diagnostics.iter().all(|found| found.severity == Severity::Note),
        "{problems:#?}"
    );
    assert!(engine.rules.rules().len() >= 20);
    let (alerts, _) = run(&engine, &stories(), options(2, 64));
    let told: BTreeSet<_> = alerts.alerts().into_iter().filter_map(|alert| alert.rule.id).collect();
    for rule in engine.rules.rules() {
        let Attributes { id, tags, false_positives, .. } = &rule.attributes;
        assert!(told.contains(id.as_ref().unwrap()), "no story tells of {}", rule.file);
        assert!(!tags.is_empty() && !false_positives.is_empty(), "{}", rule.file);
    }
}

#[test]
fn benign_days_raise_nothing_above_low() {
    root();
    let (engine, _) = engine(&[Path::new("rules")]);
    let (alerts, report) =
        run(&engine, &files_under(Path::new("fixtures/benign"), "day.jsonl"), options(0, 64));
    assert!(report.ledger.evaluated >= 200);
    for alert in alerts.alerts() {
        let level = alert.rule.level.as_deref();
        assert!(
            matches!(level, Some("low" | "informational")),
            "{}: {:?}",
            alert.rule.title,
            alert.matched
        );
    }
}

#[test]
fn each_story_is_a_host_of_its_own() {
    let mut hosts = BTreeSet::new();
    for story in stories() {
        let (engine, _) = engine(&[Path::new("rules")]);
        let (alerts, _) = run(&engine, std::slice::from_ref(&story), options(1, 64));
        let of_story: BTreeSet<_> =
            alerts.alerts().into_iter().filter_map(|alert| alert.host).collect();
        assert!(of_story.len() <= 1, "{}: {of_story:?}", story.display());
        for host in of_story {
            assert!(hosts.insert(host.clone()), "{host} has two stories");
        }
    }
}
