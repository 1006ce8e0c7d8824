//! A recording that comes as live events do gives what its replay gives: the same bytes, the same ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use etwatch_alert::Sink;
use etwatch_capture::Limits;
use etwatch_capture::source::Location;
use etwatch_engine::run::Recorded;
use etwatch_engine::{Feed, LiveEngine, LiveOptions, Report, StopFlag, run_live};
use etwatch_rules::load::LoadOptions;

use crate::support::{self, Collected, files_under, options, root};

/// Options of a run that tells nothing of itself, over recordings that are read as fast as may be.
fn quiet(workers: usize, batch: usize, hold: Duration) -> LiveOptions {
    LiveOptions {
        workers,
        batch,
        hold,
        pace: 0.0,
        heartbeat: None,
        gap: None,
        ..LiveOptions::default()
    }
}

fn recorded(file: &Path) -> Box<dyn Feed> {
    let location = Location::File(file.to_path_buf());
    let source = etwatch_capture::open(&location, Limits::default()).unwrap();
    Box::new(Recorded::new(location.name(), source))
}

fn run(engine: &LiveEngine, file: &Path, options: LiveOptions) -> (Collected, Report) {
    let collected = Collected::default();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
    let feeds = vec![recorded(file)];
    let stop = StopFlag::default();
    let report = run_live(engine, feeds, &mut sinks, options, &stop, &mut ()).unwrap();
    assert!(report.ledger.is_balanced(), "{:?}", report.ledger);
    (collected, report)
}

/// Returns how many alerts were compared.
fn same_as_replay(files: &[PathBuf], rules: &Path, runs: &[LiveOptions]) -> usize {
    let rules = vec![rules.to_path_buf()];
    let (engine, _) = LiveEngine::load(rules, LoadOptions::default(), None).unwrap();
    let mut alerts = 0;
    for file in files {
        let (replayed, expected) =
            support::run(&engine.current(), std::slice::from_ref(file), options(2, 256));
        for options in runs {
            let (live, report) = run(&engine, file, options.clone());
            let what = format!("{}, {options:?}", file.display());
            assert!(live.text() == replayed.text(), "{what}");
            assert_eq!(report.ledger, expected.ledger, "{what}");
            assert_eq!(report.rule_alerts, expected.rule_alerts, "{what}");
            assert_eq!(report.inputs, (1, 1));
        }
        alerts += replayed.alerts().len();
    }
    alerts
}

#[test]
fn recorded_stories_give_the_same_bytes() {
    root();
    let files = files_under(Path::new("fixtures"), ".etl");
    assert!(files.len() >= 8, "{files:?}");
    let mut runs = vec![quiet(2, 256, Duration::ZERO)];
    for (workers, batch) in [(1, 1), (2, 7), (2, 256)] {
        runs.push(quiet(workers, batch, LiveOptions::HOLD));
    }
    assert!(same_as_replay(&files, Path::new("rules"), &runs) >= files.len());
}

#[test]
fn so_do_logs_of_real_hosts() {
    let Some(corpus) = support::corpus() else { return };
    let files = files_under(&corpus.join("etl"), ".etl");
    assert!(!files.is_empty());
    let rules = corpus.join("sigma/rules/windows");
    same_as_replay(&files, &rules, &[quiet(2, 256, LiveOptions::HOLD)]);
}
