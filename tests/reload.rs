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

/// Rules in files of their own, events of a host, and an engine.
struct Live {
    folder: tempfile::TempDir,
    engine: LiveEngine,
}

impl Live {
    fn new(rules: &[(&str, &str)], events: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (path, paths) = (folder.path(), vec![folder.path().join("rules")]);
        std::fs::create_dir(path.join("rules")).unwrap();
        for (name, text) in rules {
            std::fs::write(path.join("rules").join(name), text).unwrap();
        }
        std::fs::write(path.join("events.jsonl"), events).unwrap();
        let (engine, reload) = LiveEngine::load(paths, LoadOptions::default(), None).unwrap();
        assert!(reload.loaded.diagnostics.is_empty(), "{:?}", reload.loaded.diagnostics);
        Self { folder, engine }
    }
    /// Replaces a file of rules, or removes it.
    fn write(&self, name: &str, text: Option<&str>) {
        let path = self.folder.path().join("rules").join(name);
        match text {
            Some(text) => std::fs::write(path, text).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
    /// The titles and times of the alerts of a run, in which something is done after the tenth batch of five events.
    fn run(&self, change: &dyn Fn()) -> Vec<(String, String)> {
        let collected = Collected::default();
        let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
        let events = vec![Location::File(self.folder.path().join("events.jsonl"))];
        let mut observer = AfterTen { batches: 0, change };
        replay_live(&self.engine, events, &mut sinks, options(1, 5), &mut observer).unwrap();
        let alert = |alert: support::Alert| (alert.rule.title, alert.time.unwrap_or_default());
        collected.alerts().into_iter().map(alert).collect()
    }
}

struct AfterTen<'a> {
    batches: usize,
    change: &'a dyn Fn(),
}

impl Observer for AfterTen<'_> {
    fn progress(&mut self, _: Progress) {
        self.batches += 1;
        if self.batches == 10 {
            (self.change)();
        }
    }
}

/// A correlation of failed logons, with its rule.
fn failures(title: &str, condition: &str) -> String {
    format!(
        "title: {title}\nlevel: high\ncorrelation:\n  {{type: event_count, rules: [failed], group-by: [TargetUserName], {condition}}}\n"
    )
}

const FAILED: &str = "title: failed\nname: failed\nlogsource: {product: windows, service: security}\n\
    detection: {s: {EventID: 4625}, condition: s}\n";

/// A minute of a day for each of so many events.
fn each_minute(count: usize, fields: &str) -> String {
    let event = |minute: usize| {
        format!(
            "{{\"Computer\":\"h\",\"TimeCreated\":\"2026-01-02T{:02}:{:02}:00Z\",{fields}}}\n",
            minute / 60,
            minute % 60
        )
    };
    (0..count).map(event).collect()
}

fn minute_of(time: &str) -> usize {
    let part = |from: usize| time.get(from..from + 2).unwrap().parse::<usize>().unwrap();
    part(11) * 60 + part(14)
}

#[test]
fn windows_of_correlations_stay_begin_anew_or_go_with_their_rules() {
    let condition = "timespan: 1d, condition: {gte: 80}";
    let rules = [
        ("failed.yml", FAILED.to_owned()),
        ("kept.yml", failures("kept", condition)),
        ("changed.yml", failures("changed", condition)),
        ("removed.yml", failures("removed", condition)),
    ];
    let rules = rules.each_ref().map(|(name, text)| (*name, text.as_str()));
    let fields = r#""Provider_Name":"Microsoft-Windows-Security-Auditing","Channel":"Security","EventID":4625,"TargetUserName":"eva""#;
    let live = Live::new(&rules, &each_minute(200, fields));
    let mut before = live.run(&|| {});
    before.sort();
    let titles: Vec<&str> = before.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, ["changed", "kept", "removed"]);
    let alerts = live.run(&|| {
        live.write("changed.yml", Some(&failures("changed", "timespan: 2d, condition: {gte: 80}")));
        live.write("removed.yml", None);
        live.write("added.yml", Some(&failures("added", condition)));
        let changes = live.engine.reload().changes;
        assert_eq!((changes.files_read, changes.files_removed), (2, 1));
    });
    let minutes = |title: &str| -> Vec<usize> {
        let own = alerts.iter().filter(|(own, _)| own == title);
        own.map(|(_, time)| minute_of(time)).collect()
    };
    // Fifty events had been delivered, and a few batches were under way.
    assert_eq!(minutes("kept"), [79], "{alerts:?}");
    assert_eq!(minutes("removed"), [0; 0], "{alerts:?}");
    for title in ["changed", "added"] {
        let [minute] = minutes(title)[..] else { panic!("{alerts:?}") };
        assert!((50 + 79..80 + 79).contains(&minute), "{title}: {minute}");
    }
}

const CONNECTION: &str = r#""Provider_Name":"Microsoft-Windows-Sysmon","EventID":3,"ProcessId":8,"Image":"C:\\a.exe","Protocol":"tcp","Initiated":"true","SourceIp":"10.0.0.1","SourcePort":50000,"DestinationIp":"192.0.2.7","DestinationPort":443"#;

fn flow(title: &str, least: usize) -> String {
    format!(
        "title: {title}\nlogsource: {{category: network_flow, product: windows}}\n\
         detection: {{s: {{Interval: hour, Connections|gte: {least}}}, condition: s}}\n"
    )
}

#[test]
fn an_open_hour_goes_on_when_rules_change_and_begins_with_the_first_that_asks() {
    let other = "title: other\nlogsource: {category: process_creation, product: windows}\n\
        detection: {s: {Image: x}, condition: s}\n";
    let events = each_minute(125, CONNECTION);
    let of_hour = |alerts: &[(String, String)], title: &str| -> Vec<usize> {
        let own = alerts.iter().filter(|(own, _)| own == title);
        own.map(|(_, time)| minute_of(time)).collect()
    };
    let live = Live::new(&[("flow.yml", &flow("all", 60)), ("other.yml", other)], &events);
    let alerts = live.run(&|| {
        live.write("other.yml", None);
        assert_eq!(live.engine.reload().changes.files_removed, 1);
    });
    assert_eq!(of_hour(&alerts, "all"), [60, 120], "no connection of the hour was forgotten");
    let live = Live::new(&[("other.yml", other)], &events);
    let alerts = live.run(&|| {
        live.write("flow.yml", Some(&(flow("all", 60) + "---\n" + &flow("some", 1))));
        assert_eq!(live.engine.reload().changes.files_read, 1);
    });
    assert_eq!(of_hour(&alerts, "all"), [120], "the first hour was asked for too late");
    let some = of_hour(&alerts, "some");
    assert_eq!(some.last(), Some(&124));
    assert!(some.contains(&120) && some.len() <= 3, "{some:?}");
}
