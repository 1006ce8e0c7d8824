//! Time that passes, what a run tells of itself, and how it ends.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etwatch_alert::telemetry::Tampering;
use etwatch_engine::options::StateFile;
use etwatch_engine::{LiveEngine, LiveOptions};
use etwatch_rules::load::LoadOptions;

use crate::scripted::{run, until};

const RULES: &str = "title: one
name: one
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: '\\one.exe'}, condition: s}
---
title: two
name: two
logsource: {category: process_creation, product: windows}
detection: {s: {Image|endswith: '\\two.exe'}, condition: s}
---
title: one without two
correlation: {type: temporal, group-by: [Computer], timespan: 2s, condition: one and not two}
";

fn engine(folder: &Path) -> Arc<LiveEngine> {
    std::fs::write(folder.join("rules.yml"), RULES).unwrap();
    let paths = vec![folder.to_path_buf()];
    let (engine, loaded) = LiveEngine::load(paths, LoadOptions::default(), None).unwrap();
    assert!(loaded.loaded.diagnostics.is_empty(), "{:?}", loaded.loaded.diagnostics);
    Arc::new(engine)
}

fn of_kind(all: &[serde_json::Value], kind: &str) -> Vec<serde_json::Value> {
    all.iter().filter(|one| one["kind"] == kind).cloned().collect()
}

/// Nothing comes any more, and yet what is held back is matched, and a window that waits for time is decided.
#[test]
fn on_an_idle_host_time_passes_by_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let hold = Duration::from_millis(300);
    let options = LiveOptions { hold, ..LiveOptions::default() };
    let (delivered, _) = run(&engine(folder.path()), options, |script, delivered, _| {
        let begin = Instant::now();
        script.starts("one.exe");
        until("the window is over", || delivered.titles() == ["one without two"]);
        // The window is 2 s long.
        let took = begin.elapsed();
        assert!(took > Duration::from_millis(2_300) && took < Duration::from_secs(9), "{took:?}");
    });
    assert_eq!(delivered.titles(), ["one without two"]);
}

/// A window that is open when the run is stopped is not decided: nobody knows what would have come.
#[test]
fn what_waits_for_time_is_left_undecided_by_a_stop_and_kept_for_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let (delivered, report) = run(&engine, LiveOptions::default(), |script, _, stop| {
        script.starts("one.exe");
        std::thread::sleep(Duration::from_millis(200));
        stop.stop();
        drop(script);
    });
    assert_eq!((delivered.titles(), report.ledger.evaluated), (vec![], 1));
    let (delivered, _) = run(&engine, LiveOptions::default(), |script, _, _| {
        script.starts("one.exe");
    });
    assert_eq!(delivered.titles(), ["one without two"], "its input ended");

    let path = folder.path().join("windows.state");
    let state = StateFile { path, interval: Duration::from_secs(60) };
    let options = LiveOptions { state: Some(state), ..LiveOptions::default() };
    let (delivered, _) = run(&engine, options.clone(), |script, _, stop| {
        script.starts("one.exe");
        std::thread::sleep(Duration::from_millis(200));
        stop.stop();
    });
    assert_eq!(delivered.titles(), Vec::<String>::new());
    let (delivered, report) = run(&engine, options, |script, delivered, _| {
        // The host is heard of again; its time passes.
        script.starts("other.exe");
        until("the window is over", || !delivered.titles().is_empty());
    });
    assert_eq!(delivered.titles(), ["one without two"]);
    assert_eq!(report.state.map(|state| state.groups), Some(1));
}

#[test]
fn a_run_tells_that_it_is_alive_and_what_it_lost_and_who_tampered() {
    let folder = tempfile::tempdir().unwrap();
    let options = LiveOptions {
        heartbeat: Some(Duration::from_secs(1)),
        host: Some("HOST".to_owned()),
        ..LiveOptions::default()
    };
    let (delivered, report) = run(&engine(folder.path()), options, |script, delivered, _| {
        script.starts("other.exe");
        script.lines("{\"EventID\": 1\n");
        let kinds = |kind| of_kind(&delivered.all(), kind);
        until("two heartbeats", || kinds("heartbeat").len() == 2);
        let [session, change, detail] = ["etwatch", "stopped", ""].map(str::to_owned);
        script.tampering(Tampering { session, change, detail, repaired: true });
        until("the change is told", || kinds("tampering").len() == 1);
    });
    let all = delivered.all();
    let beats = of_kind(&all, "heartbeat");
    assert_eq!(beats[1]["heartbeat"]["ledger"]["read"], 2);
    assert_eq!(beats[1]["heartbeat"]["sources"], 1);
    assert!(beats[0]["time"].as_str().is_some_and(|time| time > "2026"), "{beats:?}");
    let gaps = of_kind(&all, "telemetry_gap");
    assert_eq!(gaps.len(), 1, "{all:?}");
    assert_eq!((&gaps[0]["gap"]["count"], &gaps[0]["host"]), (&1.into(), &"HOST".into()));
    assert_eq!((report.ledger.read, report.ledger.lost()), (2, 1));
}

/// Alerts leave when workers are done with them, not when a batch is full.
#[test]
fn an_alert_leaves_soon_after_its_hold() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "title: one\nlogsource: {category: process_creation, product: windows}\n\
                 detection: {s: {Image|endswith: '\\one.exe'}, condition: s}\n";
    std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
    let paths = vec![folder.path().to_path_buf()];
    let (engine, _) = LiveEngine::load(paths, LoadOptions::default(), None).unwrap();
    let options = LiveOptions { hold: Duration::from_millis(500), ..LiveOptions::default() };
    run(&engine, options, |script, delivered, _| {
        let begin = Instant::now();
        script.starts("one.exe");
        until("it is there", || delivered.titles() == ["one"]);
        let took = begin.elapsed();
        assert!(took > Duration::from_millis(450) && took < Duration::from_secs(3), "{took:?}");
    });
}
