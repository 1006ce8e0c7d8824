//! Rules that change while events are matched.

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
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use etwatch_alert::Sink;
use etwatch_capture::source::Location;
use etwatch_engine::{LiveEngine, Observer, Progress, Report, replay_live};
use etwatch_rules::load::LoadOptions;
use support::{Collected, options};

const EVENTS: usize = 3_000;
const BATCH: usize = 7;

/// A folder with rules, a recording of events that all rules but `never` are true of, and an engine.
struct Place {
    folder: tempfile::TempDir,
    engine: LiveEngine,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rules")).unwrap();
        write_rules(&folder, 0);
        let event = r#"{"Provider_Name":"Microsoft-Windows-Sysmon","EventID":1,"Computer":"h","UtcTime":"2026-01-02 03:04:05","Image":"C:\\a.exe","Fresh0":"yes","Fresh1":"yes","Fresh2":"yes","Fresh3":"yes"}"#;
        let events = format!("{event}\n").repeat(EVENTS);
        std::fs::write(folder.path().join("events.jsonl"), events).unwrap();
        let rules = vec![folder.path().join("rules")];
        let (engine, reload) = LiveEngine::load(rules, LoadOptions::default(), None).unwrap();
        assert!(reload.loaded.diagnostics.is_empty(), "{:?}", reload.loaded.diagnostics);
        Self { folder, engine }
    }

    fn run(&self, observer: &mut dyn Observer) -> (Collected, Report) {
        let collected = Collected::default();
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
        let events = vec![Location::File(self.folder.path().join("events.jsonl"))];
        let report =
            replay_live(&self.engine, events, &mut sinks, options(2, BATCH), observer).unwrap();
        assert!(report.ledger.is_balanced());
        assert_eq!(report.ledger.evaluated, EVENTS as u64);
        (collected, report)
    }
}

/// The rules of a generation: `A` and `B` are true of each event, `never` of none. Other generations have
/// them at other numbers, and `B` looks at a field that only some of them name.
fn write_rules(folder: &tempfile::TempDir, generation: usize) {
    let rule = |title: &str, id: usize, item: &str| {
        format!(
            "title: {title} {generation}\nid: 0e95725d-7320-415d-80f7-{id:012}\n\
             logsource: {{category: process_creation, product: windows}}\n\
             detection: {{s: {{{item}}}, condition: s}}\n---\n"
        )
    };
    let never: String =
        (0..generation % 5).map(|n| rule("never", 10 + n, "Image: nothing")).collect();
    let fresh = format!("Fresh{}: yes", generation % 4);
    let text = never + &rule("A", 1, "Image|endswith: '\\a.exe'") + &rule("B", 2, &fresh);
    // As an editor does that replaces a file: nobody sees a half of it.
    let (new, name) = (folder.path().join("new"), folder.path().join("rules/rules.yml"));
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, name).unwrap();
}

/// The generation by which each batch was matched; each event has both alerts of it, and no other.
fn generations(collected: &Collected) -> Vec<usize> {
    let titles: Vec<String> =
        collected.alerts().into_iter().map(|alert| alert.rule.title).collect();
    assert_eq!(titles.len(), 2 * EVENTS, "an event was matched by less or more than one rule set");
    let of_batch = |batch: &[String]| {
        let found: BTreeSet<&str> = batch.iter().map(String::as_str).collect();
        let generation = batch[0].rsplit(' ').next().unwrap();
        let expected = [format!("A {generation}"), format!("B {generation}")];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "a batch of two rule sets");
        generation.parse().unwrap()
    };
    titles.chunks(2 * BATCH).map(of_batch).collect()
}

/// Changes the rules after each so many batches.
struct Changing<'a> {
    place: &'a Place,
    batches: usize,
    generation: usize,
}

impl Observer for Changing<'_> {
    fn progress(&mut self, _: Progress) {
        self.batches += 1;
        if self.batches.is_multiple_of(60) {
            self.generation += 1;
            write_rules(&self.place.folder, self.generation);
            let reload = self.place.engine.reload();
            assert!(reload.loaded.diagnostics.is_empty(), "{:?}", reload.loaded.diagnostics);
            assert!(reload.changes.changed.len() >= 2, "{:?}", reload.changes);
        }
    }
}

#[test]
fn a_run_changes_over_with_the_next_batch() {
    let place = Place::new();
    let mut changing = Changing { place: &place, batches: 0, generation: 0 };
    let (collected, report) = place.run(&mut changing);
    let last = changing.generation;
    let generations = generations(&collected);
    assert!(generations.is_sorted());
    let seen: BTreeSet<_> = generations.into_iter().collect();
    // All of them but for the last ones, which may come when all batches have begun.
    assert!(seen.len() >= last && seen.len() >= 6, "{seen:?} of {last}");
    assert!(report.rules.loaded >= 2);
}

/// Waits in its first batch until the rules have changed once.
struct Waiting<'a>(&'a AtomicUsize);

impl Observer for Waiting<'_> {
    fn progress(&mut self, _: Progress) {
        while self.0.load(Ordering::Acquire) == 0 {
            std::thread::yield_now();
        }
    }
}

/// The same with changes that come from another thread, at any time.
#[test]
fn each_batch_is_matched_by_one_rule_set_whenever_that_changes() {
    let place = Place::new();
    let (done, changes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let collected = std::thread::scope(|scope| {
        scope.spawn(|| {
            for generation in 1.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                write_rules(&place.folder, generation);
                place.engine.reload();
                changes.store(generation, Ordering::Release);
            }
        });
        let (collected, _) = place.run(&mut Waiting(&changes));
        done.store(true, Ordering::Relaxed);
        collected
    });
    let generations = generations(&collected);
    assert!(generations.is_sorted());
    assert!(generations.last().is_some_and(|last| *last > 0), "no change was seen");
}

#[test]
fn a_rule_that_becomes_bad_goes_on_giving_alerts() {
    let place = Place::new();
    let rules: PathBuf = place.folder.path().join("rules/rules.yml");
    let text = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, text.replace("Image|endswith", "Image|endswiht")).unwrap();
    let reload = place.engine.reload();
    let codes: Vec<_> = reload.loaded.diagnostics.iter().map(|one| one.code).collect();
    assert_eq!((codes, reload.changes.kept.len()), (vec!["SIG012", "SIG043"], 1));
    let (collected, _) = place.run(&mut ());
    assert_eq!(generations(&collected).into_iter().max(), Some(0));
}

/// The engine of a run that is over is not kept by anything.
#[test]
fn a_rule_set_that_was_replaced_is_let_go() {
    let place = Place::new();
    let before = std::sync::Arc::downgrade(&place.engine.current().rules);
    assert_eq!(place.engine.reload().changes.files_unchanged, 1);
    assert!(before.upgrade().is_some(), "nothing changed, so nothing was to be replaced");
    let mut changing = Changing { place: &place, batches: 0, generation: 0 };
    place.run(&mut changing);
    assert!(before.upgrade().is_none());
}
