//! Rules that change in their folder while events come.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etwatch_engine::{LiveEngine, LiveOptions, RuleWatcher};
use etwatch_rules::Reload;
use etwatch_rules::load::LoadOptions;

use crate::scripted::{run, until};

/// A folder of rules that is watched.
struct Watched {
    folder: tempfile::TempDir,
    engine: Arc<LiveEngine>,
    reloads: Arc<Mutex<Vec<Reload>>>,
    _watcher: RuleWatcher,
}

impl Watched {
    fn new(rules: &[(&str, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in rules {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let paths = vec![folder.path().to_path_buf()];
        let (engine, loaded) =
            LiveEngine::load(paths.clone(), LoadOptions::default(), None).unwrap();
        assert!(loaded.loaded.diagnostics.is_empty(), "{:?}", loaded.loaded.diagnostics);
        let engine = Arc::new(engine);
        let reloads = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&reloads);
        let watcher = RuleWatcher::start(
            Arc::clone(&engine),
            &paths,
            Duration::from_millis(50),
            move |one| {
                told.lock().unwrap().push(one);
            },
        );
        Self { folder, engine, reloads, _watcher: watcher.unwrap() }
    }
    /// Writes a file and waits until it is in force; returns what that changed.
    fn write(&self, name: &str, text: &str) -> Reload {
        std::fs::write(self.folder.path().join(name), text).unwrap();
        self.next()
    }
    fn next(&self) -> Reload {
        until("rules are loaded again", || !self.reloads.lock().unwrap().is_empty());
        self.reloads.lock().unwrap().remove(0)
    }
}

fn rule(title: &str, id: usize, image: &str) -> String {
    format!(
        "title: {title}\nname: {title}\nid: 0e95725d-7320-415d-80f7-{id:012}\n\
         logsource: {{category: process_creation, product: windows}}\n\
         detection: {{s: {{Image|endswith: '\\{image}'}}, condition: s}}\n"
    )
}

fn correlation(title: &str, of: &str, timespan: &str, count: u32) -> String {
    format!(
        "title: {title}\nid: 1e95725d-7320-415d-80f7-000000000001\n\
         correlation: {{type: event_count, rules: [{of}], group-by: [Computer], \
         timespan: {timespan}, condition: {{gte: {count}}}}}\ngenerate: true\n"
    )
}

fn options() -> LiveOptions {
    LiveOptions { hold: Duration::ZERO, ..LiveOptions::default() }
}

#[test]
fn a_rule_dropped_into_the_folder_fires_and_a_bad_one_is_named_while_the_others_go_on() {
    let watched = Watched::new(&[("one.yml", rule("one", 1, "one.exe"))]);
    let (delivered, report) = run(&watched.engine, options(), |script, delivered, _| {
        script.starts("one.exe");
        script.starts("two.exe");
        until("the first rule fires", || delivered.titles() == ["one"]);
        let reload = watched.write("two.yml", &rule("two", 2, "two.exe"));
        assert_eq!(reload.changes.added.len(), 1, "{:?}", reload.changes);
        script.starts("two.exe");
        until("the new rule fires", || delivered.titles() == ["one", "two"]);

        let bad = rule("one", 1, "one.exe").replace("|endswith", "|endswiht");
        let reload = watched.write("one.yml", &bad);
        let named = reload.loaded.diagnostics.iter().any(|one| {
            let text = one.to_string();
            one.code == "SIG012" && text.contains("one.yml")
        });
        assert!(named, "{:?}", reload.loaded.diagnostics);
        assert_eq!(reload.changes.kept.len(), 1, "{:?}", reload.changes);
        script.starts("one.exe");
        script.starts("two.exe");
        until("both go on", || delivered.titles() == ["one", "two", "one", "two"]);

        std::fs::remove_file(watched.folder.path().join("two.yml")).unwrap();
        assert_eq!(watched.next().changes.removed.len(), 1);
        script.starts("two.exe");
        script.starts("one.exe");
    });
    assert_eq!(delivered.titles(), ["one", "two", "one", "two", "one"]);
    assert_eq!((report.ledger.evaluated, report.rules.loaded), (7, 1));
}

#[test]
fn windows_of_a_correlation_stay_through_a_reload_until_it_says_something_else() {
    let many = correlation("many", "one", "1h", 3);
    let watched = Watched::new(&[("one.yml", rule("one", 1, "one.exe")), ("many.yml", many)]);
    let (delivered, _) = run(&watched.engine, options(), |script, delivered, _| {
        let count = |title: &str| delivered.titles().iter().filter(|one| *one == title).count();
        script.starts("one.exe");
        script.starts("one.exe");
        until("two", || count("one") == 2);
        // Something else changes: two and one are three.
        watched.write("two.yml", &rule("two", 2, "two.exe"));
        script.starts("one.exe");
        until("three", || count("one") == 3);
        assert_eq!(count("many"), 1);

        // It says something else: what it has seen under the old words does not count.
        script.starts("one.exe");
        until("four", || count("one") == 4);
        let before = count("many");
        watched.write("many.yml", &correlation("many", "one", "2h", 3));
        script.starts("one.exe");
        script.starts("one.exe");
        until("six", || count("one") == 6);
        assert_eq!(count("many"), before);
        script.starts("one.exe");
        until("seven", || count("one") == 7);
        until("the changed one holds", || count("many") == before + 1);

        std::fs::remove_file(watched.folder.path().join("many.yml")).unwrap();
        watched.next();
        for _ in 0..4 {
            script.starts("one.exe");
        }
    });
    let titles = delivered.titles();
    assert_eq!(titles.iter().filter(|one| *one == "one").count(), 11);
    assert_eq!(titles.iter().rev().take(4).filter(|one| *one == "many").count(), 0);
}

/// Files that a program writes in many steps are read once, when nothing changes any more.
#[test]
fn many_changes_are_one_reload() {
    let watched = Watched::new(&[("one.yml", rule("one", 1, "one.exe"))]);
    for id in 2..40 {
        let text = rule(&format!("r{id}"), id, "x.exe");
        std::fs::write(watched.folder.path().join(format!("{id}.yml")), text).unwrap();
    }
    let mut added = 0;
    until("all are loaded", || {
        added += watched
            .reloads
            .lock()
            .unwrap()
            .drain(..)
            .map(|one| one.changes.added.len())
            .sum::<usize>();
        added == 38
    });
    std::thread::sleep(Duration::from_millis(300));
    assert!(watched.reloads.lock().unwrap().is_empty());
}
