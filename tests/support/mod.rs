//! What the end-to-end tests share: a replay in memory, golden files, the place of the project.

#![allow(dead_code, reason = "each test target uses a part of it")]

mod alert;
pub(crate) mod cases;
mod corpus;
pub(crate) mod place;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use etwatch_alert::{Sink, SinkError};
use etwatch_capture::source::Location;
use etwatch_engine::{Engine, Options, Report, replay};
use etwatch_rules::load::{LoadOptions, Loaded};

#[allow(unused_imports, reason = "each test target uses a part of it")]
pub(crate) use corpus::{corpus, root};

pub(crate) use alert::Alert;

/// Alerts as JSON lines, in order.
#[derive(Clone, Default)]
pub(crate) struct Collected(Arc<Mutex<Vec<String>>>);

impl Collected {
    pub(crate) fn text(&self) -> String {
        self.0.lock().unwrap().iter().map(|json| format!("{json}\n")).collect()
    }
    pub(crate) fn alerts(&self) -> Vec<Alert> {
        self.0.lock().unwrap().iter().map(|json| serde_json::from_str(json).unwrap()).collect()
    }
}

impl Sink for Collected {
    fn name(&self) -> &'static str {
        "test"
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(alert.to_owned());
        Ok(())
    }
    fn acknowledged(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// An engine with the rules under `paths`.
pub(crate) fn engine(paths: &[&Path]) -> (Engine, Loaded) {
    let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
    Engine::load(&paths, &LoadOptions::default(), None).unwrap()
}

/// An engine with the rules of one text.
pub(crate) fn engine_of(rules: &str) -> Engine {
    let mut vocabulary = etwatch_event::Vocabulary::default();
    let loaded = etwatch_rules::load::load_text(
        "test.yml",
        rules,
        &LoadOptions::default(),
        &mut vocabulary.fields,
    );
    for diagnostic in &loaded.diagnostics {
        eprintln!("{diagnostic}");
    }
    Engine::new(loaded.rules, loaded.correlations, vocabulary, None).unwrap()
}

/// Replays and collects; the ledger must add up, whatever was replayed.
pub(crate) fn run(engine: &Engine, files: &[PathBuf], options: Options) -> (Collected, Report) {
    let collected = Collected::default();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
    let locations = files.iter().cloned().map(Location::File).collect();
    let report = replay(engine, locations, &mut sinks, options, &mut ()).unwrap();
    assert!(report.ledger.is_balanced(), "{:?}", report.ledger);
    assert_eq!(report.alerts.values().sum::<u64>(), collected.alerts().len() as u64);
    (collected, report)
}

/// Options with this many workers and events in a batch.
pub(crate) fn options(workers: usize, batch: usize) -> Options {
    Options { workers, batch, ..Options::default() }
}

/// Compares with the golden file, or writes it if ETWATCH_BLESS is set.
pub(crate) fn golden(path: &Path, actual: &str) {
    if std::env::var_os("ETWATCH_BLESS").is_some() {
        std::fs::write(path, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    let difference = expected.lines().zip(actual.lines()).enumerate().find(|(_, (a, b))| a != b);
    panic!(
        "{} differs from what came out ({} lines, now {}); first difference {difference:#?}\n\
         read what changed and why, then ETWATCH_BLESS=1 cargo test writes it anew",
        path.display(),
        expected.lines().count(),
        actual.lines().count(),
    );
}

/// All files under a folder with one of these endings, sorted.
pub(crate) fn files_under(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
