//! Facts of processes in rules, from recordings to alerts; and their table in `docs/state.md`.

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

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use etwatch_alert::Sink;
use etwatch_capture::source::Location;
use etwatch_decode::table::Tables;
use etwatch_engine::field_sources::input_events;
use etwatch_engine::{
    Engine, FieldSources, LiveEngine, Observer, Options, Progress, known_fields, replay_live,
};
use etwatch_event::Vocabulary;
use etwatch_normalise::InputKind;
use etwatch_rules::RuleSet;
use etwatch_rules::lint::reach::{self, Reaches};
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_state::facts::{Holder, TABLE};
use serde_json::json;
use support::{Collected, engine_of, options, run};

fn names() -> impl Iterator<Item = String> {
    TABLE
        .iter()
        .flat_map(|row| Holder::ALL.map(|holder| [row.field(holder), row.since_field(holder)]))
        .flatten()
}

fn rule(title: &str, number: u32, category: &str, items: &str) -> String {
    format!(
        "title: {title}\nid: 0e95725d-7320-415d-80f7-{number:012}\n\
         logsource: {{category: {category}, product: windows}}\n\
         detection: {{s: {{{items}}}, condition: s}}\n---\n"
    )
}

/// A recording of Sysmon on one host: one process with an unsigned image opens lsass, then one without.
struct Recording {
    folder: tempfile::TempDir,
    lines: Vec<serde_json::Value>,
}

impl Recording {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), lines: Vec::new() }
    }
    fn add(&mut self, second: usize, id: u32, fields: serde_json::Value) {
        let mut event = json!({
            "Provider_Name": "Microsoft-Windows-Sysmon", "EventID": id, "Computer": "ws-1",
            "Channel": "Microsoft-Windows-Sysmon/Operational",
            "UtcTime": format!("2026-01-02 03:{:02}:{:02}.000", second / 60, second % 60),
        });
        let serde_json::Value::Object(fields) = fields else { panic!("{fields}") };
        event.as_object_mut().unwrap().extend(fields);
        self.lines.push(event);
    }
    fn of_two() -> Self {
        let mut new = Self::new();
        for (second, pid) in [(0, 100), (1, 200)] {
            let image = format!("C:\\Tools\\{pid}.exe");
            new.add(second, 1, json!({"ProcessId": pid, "ParentProcessId": 50, "Image": image, "CommandLine": image}));
            let (path, signed) = if pid == 100 {
                ("C:\\Tools\\dbghelp.dll", "false")
            } else {
                ("C:\\Windows\\x.dll", "true")
            };
            new.add(
                second + 2,
                7,
                json!({"ProcessId": pid, "ImageLoaded": path, "Signed": signed}),
            );
            new.add(
                second + 4,
                10,
                json!({
                    "SourceProcessId": pid, "TargetProcessId": 600, "GrantedAccess": "0x1010",
                    "SourceImage": image, "TargetImage": "C:\\Windows\\System32\\lsass.exe",
                }),
            );
        }
        new.add(10, 8, json!({"SourceProcessId": 100, "TargetProcessId": 200, "NewThreadId": 7, "StartModule": "-", "StartAddress": "0x7FF0"}));
        new.add(11, 1, json!({"ProcessId": 300, "ParentProcessId": 200, "Image": "C:\\Windows\\System32\\cmd.exe", "CommandLine": "cmd"}));
        new
    }
    fn files(&self) -> Vec<PathBuf> {
        let mut lines = self.lines.clone();
        lines.sort_by_key(|line| line["UtcTime"].as_str().unwrap().to_owned());
        let path = self.folder.path().join("events.jsonl");
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(&path, text).unwrap();
        vec![path]
    }
}

#[test]
fn rules_ask_for_what_processes_did_before() {
    let recording = Recording::of_two();
    let rules = [
        rule(
            "unsigned opens lsass",
            1,
            "process_access",
            "TargetImage|endswith: '\\lsass.exe', ProcessUnsignedImages|gte: 1, \
             ProcessImageNames|contains: dbghelp.dll, TargetProcessAge|exists: false",
        ),
        rule(
            "second handle",
            2,
            "process_access",
            "ProcessSensitiveHandles|gte: 1",
        ),
        rule(
            "child of the injected",
            3,
            "process_creation",
            "ParentProcessRemoteThreads: 1, ParentProcessUnbackedThreads|gt: 0, ParentProcessAge: 10",
        ),
    ]
    .concat();
    let engine = engine_of(&rules);
    for workers in [1, 2, 7] {
        let (alerts, _) = run(&engine, &recording.files(), options(workers, 3));
        let alerts = alerts.alerts();
        let told: Vec<_> = alerts
            .iter()
            .map(|alert| (alert.rule.title.as_str(), alert.event.source.record))
            .collect();
        assert_eq!(told, [("unsigned opens lsass", 5), ("child of the injected", 8)]);
        assert_eq!(alerts[0].event.fields["ProcessImageNames"], json!("dbghelp.dll"));
        assert_eq!(alerts[0].event.fields["ProcessUnsignedImages"], json!("1"));
    }
    // Of recorded events nothing is asked then.
    let plain = Options { enrich: false, ..options(2, 3) };
    let (alerts, _) = run(&engine, &recording.files(), plain);
    assert!(alerts.alerts().is_empty());
}

#[test]
fn ids_of_alerts_do_not_depend_on_facts() {
    let recording = Recording::of_two();
    let plain = rule("plain", 1, "process_access", "TargetImage|endswith: '\\lsass.exe'");
    let every: String = names().map(|name| format!("{name}: nothing, ")).collect();
    let with =
        plain.clone() + &rule("names all", 2, "process_access", every.trim_end_matches(", "));
    let of = |rules: &str| {
        let (alerts, _) = run(&engine_of(rules), &recording.files(), options(2, 3));
        alerts.alerts()
    };
    let (without, with) = (of(&plain), of(&with));
    let ids =
        |alerts: &[support::Alert]| alerts.iter().map(|alert| alert.id.clone()).collect::<Vec<_>>();
    assert_eq!((ids(&without), without.len()), (ids(&with), 2));
    assert!(without[0].event.fields.keys().all(|name| names().all(|fact| fact != *name)));
    assert!(
        with[0].event.fields.keys().filter(|name| names().any(|fact| fact == **name)).count() > 20
    );
}

#[test]
fn facts_of_the_security_log_are_counted_too() {
    let mut recording = Recording::new();
    for (second, pid) in [(1, "0x64"), (2, "0xc8"), (3, "0x12c")] {
        recording.add(second, 4688, json!({
            "Provider_Name": "Microsoft-Windows-Security-Auditing", "Channel": "Security",
            "NewProcessId": pid, "NewProcessName": "C:\\Windows\\System32\\cmd.exe", "ProcessId": "0x32",
            "TargetLogonId": "0x0", "SubjectLogonId": "0x3e7",
        }));
    }
    for second in [4, 5, 6] {
        recording.add(second, 4663, json!({
            "Provider_Name": "Microsoft-Windows-Security-Auditing", "Channel": "Security",
            "ObjectType": "Process", "ObjectName": "\\Device\\HarddiskVolume2\\Windows\\System32\\lsass.exe",
            "ProcessId": "0x64", "ProcessName": "C:\\Windows\\System32\\cmd.exe", "AccessMask": "0x10",
        }));
    }
    let rules = rule("third child", 1, "process_creation", "ParentProcessChildren: 2")
        + &rule("third handle", 2, "process_access", "ProcessSensitiveHandles|gte: 2");
    let (alerts, _) = run(&engine_of(&rules), &recording.files(), options(2, 3));
    let told: Vec<_> = alerts
        .alerts()
        .into_iter()
        .map(|alert| (alert.rule.title, alert.event.source.record))
        .collect();
    assert_eq!(told, [("third child".to_owned(), 3), ("third handle".to_owned(), 6)]);
}

/// Loads a rule that names a fact after some batches.
struct Changing<'a> {
    batches: usize,
    rules: PathBuf,
    engine: &'a LiveEngine,
}

impl Observer for Changing<'_> {
    fn progress(&mut self, _: Progress) {
        self.batches += 1;
        if self.batches == 20 {
            let text = std::fs::read_to_string(&self.rules).unwrap();
            let more = rule(
                "counted",
                2,
                "image_load",
                "ProcessImageNames|contains: x1.dll, ProcessUnsignedImages|gte: 3",
            );
            std::fs::write(&self.rules, text + &more).unwrap();
            self.engine.reload();
        }
    }
}

#[test]
fn a_rule_that_is_loaded_later_is_told_since_when() {
    const LOADS: usize = 600;
    let mut recording = Recording::new();
    for number in 0..LOADS {
        let path = format!("C:\\App\\x{}.dll", number % 10);
        recording.add(number, 7, json!({"ProcessId": 100, "ImageLoaded": path, "Signed": "false"}));
    }
    let rules = recording.folder.path().join("rules.yml");
    std::fs::write(&rules, rule("any", 1, "image_load", "ImageLoaded|endswith: '.exe'")).unwrap();
    let (engine, _) = LiveEngine::load(vec![rules.clone()], LoadOptions::default(), None).unwrap();
    let collected = Collected::default();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(collected.clone())];
    let files = recording.files().into_iter().map(Location::File).collect();
    let mut changing = Changing { batches: 0, rules, engine: &engine };
    let report = replay_live(&engine, files, &mut sinks, options(2, 7), &mut changing).unwrap();
    assert!(report.ledger.is_balanced());
    let alerts = collected.alerts();
    let first = alerts.first().expect("the rule is in force before the end").event.source.record;
    assert!(first > 20 && alerts.iter().all(|alert| alert.rule.title == "counted"));
    // Ten different ones are told at most, and the first alert comes before all ten were counted anew.
    assert_eq!(alerts.len() as u64, LOADS as u64 - first + 1);
    let counts: BTreeSet<u64> = alerts
        .iter()
        .map(|alert| alert.event.fields["ProcessUnsignedImages"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(
        counts.contains(&10) && counts.iter().min().is_some_and(|least| *least < 10),
        "{counts:?}"
    );
}

#[test]
fn logs_of_etw_tell_facts() {
    let Some(corpus) = support::corpus() else { return };
    let log = corpus.join("etl/net.4.5.2.x64.etl");
    let rules = rule(
        "names",
        1,
        "image_load",
        "ProcessImageNames|contains: ntdll.dll, ImageLoaded|contains: '\\'",
    );
    let (alerts, _) = run(&engine_of(&rules), &[log], options(2, 256));
    let alerts = alerts.alerts();
    assert!(!alerts.is_empty());
    // What is told is what was loaded before: an image that is named now is so from then on.
    let mut before: BTreeMap<Option<u32>, BTreeSet<String>> = BTreeMap::new();
    for alert in &alerts {
        let names = match &alert.event.fields["ProcessImageNames"] {
            serde_json::Value::Array(names) => {
                names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
            }
            name => BTreeSet::from([name.as_str().unwrap().to_owned()]),
        };
        let known =
            before.entry(alert.process.as_ref().and_then(|process| process.pid)).or_default();
        assert!(known.is_subset(&names), "{known:?} {names:?}");
        let path = alert.event.fields["ImageLoaded"].as_str().unwrap();
        *known = names;
        known.insert(path.rsplit('\\').next().unwrap().to_owned());
    }
}

/// Nobody else gives a field such a name, and without a rule no name has a number.
#[test]
fn names_are_those_of_facts_alone() {
    let engine = Engine::new(Vec::new(), Vec::new(), Vocabulary::default(), None).unwrap();
    let mut recorded: BTreeSet<String> = BTreeSet::new();
    for entry in Tables::embedded().entries() {
        recorded.extend(entry.schema.own_fields().iter().map(|field| field.name.replace(' ', "")));
    }
    assert!(recorded.len() > 1_000, "{}", recorded.len());
    for name in names() {
        assert!(
            engine.vocabulary.fields.id(&name).is_none() && !recorded.contains(&name),
            "{name}"
        );
    }
}

#[test]
fn check_knows_facts_and_which_input_tells_them() {
    let rules = [
        rule(
            "known",
            1,
            "process_access",
            "ProcessUnsignedImages: 1, TargetProcessAgeSince: x, ParentProcessAge: 1",
        ),
        rule("no target", 2, "process_creation", "TargetProcessAge: 1"),
        rule("slip", 3, "process_creation", "ProcessEndpoint: 1"),
        rule("bytes", 4, "process_creation", "ParentProcessBytesOut|gte: 1000"),
    ]
    .concat();
    let options = LoadOptions { examine: Some(known_fields().unwrap()), ..LoadOptions::default() };
    let mut vocabulary = Vocabulary::default();
    let loaded = load_text("rule.yml", &rules, &options, &mut vocabulary.fields);
    let unknown: Vec<_> = loaded.diagnostics.iter().filter(|one| one.code == "SIG024").collect();
    let hints: Vec<_> = unknown.iter().map(|one| one.hint.as_deref().unwrap_or_default()).collect();
    assert_eq!(hints.len(), 2, "{unknown:?}");
    assert!(unknown[0].message.contains("no field `TargetProcessAge`"), "{unknown:?}");
    assert!(names().all(|name| !hints[0].contains(&name)), "{hints:?}");
    assert_eq!(hints[1], "did you mean `ProcessEndpoints`?");

    let rules = RuleSet::new(loaded.rules, &vocabulary);
    let sources = FieldSources::built_in().unwrap();
    let notes = |kind: InputKind| {
        let events = input_events(&sources, kind);
        let reaches = Reaches::new(&rules, &vocabulary.fields, &events);
        let notes = reach::notes(&reaches, &loaded.places, kind.description());
        notes
            .iter()
            .map(|note| (note.message.clone(), note.hint.clone().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let about =
        |kind, field: &str| notes(kind).into_iter().find(|(message, _)| message.contains(field));
    let (_, why) = about(InputKind::Evtx, "ParentProcessBytesOut").unwrap();
    assert_eq!(why, "no event of this input tells `BytesOut`");
    assert_eq!(about(InputKind::Etl, "ParentProcessBytesOut"), None);
    assert_eq!(about(InputKind::Evtx, "ProcessUnsignedImages"), None);
}

/// The table of the page is what the tables of the program say.
#[test]
fn the_table_of_the_page_is_fresh() {
    let path = support::root().join("docs/state.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once("| fact | says |").expect("a table of facts");
    let (_, after) = rest.split_once("\nWho tells a fact").expect("what follows the table");
    let table = FieldSources::built_in().unwrap().facts_markdown();
    let fresh = format!("{before}{table}\nWho tells a fact{after}");
    support::golden(&path, &fresh);
}
