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

use etwatch_rules::sigma::Attributes;
use etwatch_rules::sigma::correlation::Correlation;
use etwatch_rules::{RuleIndex, Severity};
use support::{engine, files_under, golden, options, root, run};

fn stories() -> Vec<PathBuf> {
    root();
    let mut all = files_under(Path::new("fixtures"), ".jsonl");
    all.retain(|path| !path.to_string_lossy().ends_with(".alerts.jsonl"));
    all.extend(files_under(Path::new("fixtures"), ".etl"));
    all
}

/// `a.jsonl` has `a.alerts.jsonl`, the same story from ETW `a.etl.alerts.jsonl`.
fn golden_file(story: &Path) -> PathBuf {
    let is_etl = story.extension().is_some_and(|extension| extension == "etl");
    story.with_extension(if is_etl { "etl.alerts.jsonl" } else { "alerts.jsonl" })
}

#[test]
fn each_story_gives_its_golden_alerts() {
    let stories = stories();
    assert!(stories.len() >= 12, "{stories:?}");
    let (engine, _) = engine(&[Path::new("rules")]);
    for story in stories {
        let (alerts, report) = run(&engine, std::slice::from_ref(&story), options(2, 64));
        assert_eq!(report.ledger.lost(), 0, "{}: {:?}", story.display(), report.damage);
        golden(&golden_file(&story), &alerts.text());
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
    let mut told = BTreeSet::new();
    for alert in alerts.alerts() {
        told.extend(alert.rule.id);
        told.extend(alert.events.into_iter().filter_map(|link| link.rule.id));
    }
    for (index, rule) in engine.rules.rules().iter().enumerate() {
        let index = RuleIndex::from_index(index).unwrap();
        let is_alone = engine.correlations.is_visible(index);
        assert!(is_sound(&rule.attributes, is_alone), "{}: {}", rule.file, rule.attributes.title);
        let id = rule.attributes.id.as_ref().unwrap();
        assert!(told.contains(id), "no story tells of {}: {}", rule.file, rule.attributes.title);
    }
    for planned in engine.correlations.correlations() {
        let Correlation { attributes, file, .. } = &planned.correlation;
        assert!(is_sound(attributes, true), "{file}: {}", attributes.title);
        let id = attributes.id.as_ref().unwrap();
        assert!(told.contains(id) || !planned.is_visible, "no story tells of {file}");
    }
}

/// Whether readers learn what it is about; of what is not told by itself also without false positives.
fn is_sound(attributes: &Attributes, is_alone: bool) -> bool {
    !attributes.tags.is_empty() && (!is_alone || !attributes.false_positives.is_empty())
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
