//! A host that does what it is told, watched from the rules to the alerts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::Limits;
use etwatch_capture::etl::hooks::PROCESS;
use etwatch_capture::etl::{Trace, Volume};
use etwatch_capture::etw::api::SYSTEM_LOGGER_MODE;
use etwatch_capture::etw::fake::FakeMachine;
use etwatch_capture::etw::{EtwApi as _, FakeEtw};
use etwatch_capture::eventlog::fake::FakeEventLog;
use etwatch_capture::live::loss::LossReading;
use etwatch_capture::sim::Recording;
use etwatch_capture::source::Location;
use etwatch_engine::{LiveConditions, StopFlag};
use etwatch_event::clock::{Clock as _, SystemClock};
use etwatch_event::{Guid, RawForm, RawHeader, RawRecord, Timestamp};
use etwatch_host::Host;
use serde_json::Value;

mod files;

use super::HostParts;
use crate::commands::{Command, DONE};
use crate::config::Config;

/// How long something may take that is to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A host, rules and what a run of them writes.
struct Scene {
    etw: FakeEtw,
    log: FakeEventLog,
    folder: tempfile::TempDir,
    /// Who is asked about files.
    files: Option<Arc<dyn Host>>,
}

impl Scene {
    fn new(machine: FakeMachine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        let log = FakeEventLog::new(&["Security", "System"]);
        Self { etw: FakeEtw::new(machine), log, folder, files: None }
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn rule(&self, name: &str, source: &str, detection: &str) {
        let id = name.bytes().fold(0_u64, |sum, byte| sum * 31 + u64::from(byte)) % 1_000_000;
        let text = format!(
            "title: {name}\nid: 5a4c0d0e-6a2b-4a53-9d53-{id:012}\nstatus: stable\nlevel: high\n\
             logsource: {{{source}}}\ndetection:\n  selection:\n    {detection}\n  condition: selection\n"
        );
        fs::write(self.path("rules").join(format!("{name}.yml")), text).unwrap();
    }
    fn parts(&self) -> HostParts {
        HostParts {
            api: Arc::new(self.etw.clone()),
            log: Some(Box::new(self.log.clone())),
            trace: Trace {
                computer: "WS-1.example".to_owned(),
                os_build: 22_631,
                pointer_size: 8,
                volumes: vec![Volume {
                    device: r"\Device\HarddiskVolume3\".to_owned(),
                    drive: r"C:\".to_owned(),
                }],
                ..Trace::default()
            },
            conditions: LiveConditions { os_build: 22_631, ..LiveConditions::default() },
            files: self.files.clone(),
            clock: Arc::new(SystemClock::start()),
        }
    }
    /// Runs until it is told to end; the result is the exit status, or what was wrong.
    fn run(&self, stop: &StopFlag, more: &[&str]) -> Result<u8, (u8, String)> {
        let at = |name: &str| self.path(name).display().to_string();
        let (rules, output) = (at("rules"), at("alerts.jsonl"));
        let (state, summary) = (at("host"), at("summary.json"));
        let mut words = vec!["run", "--rules", &rules, "--output", &output, "--format", "none"];
        words.extend(["--host-folder", &state, "--summary", &summary, "--quiet"]);
        words.extend(more);
        let words: Vec<_> = words.into_iter().map(Into::into).collect();
        let arguments = crate::parse(&words).unwrap();
        let Command::Run(run) = arguments.command else { panic!("not a run") };
        run.watch(&Config::default(), stop, false, || Ok(self.parts()))
    }
    fn written(&self, what: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path("alerts.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.filter(|line: &Value| !line[what].is_null()).collect()
    }
    fn sessions(&self) -> Vec<String> {
        self.etw.sessions().unwrap().into_iter().map(|session| session.name).collect()
    }
    /// Delivers a recording to the sessions that take it.
    fn deliver(&self, recording: &Recording) {
        for record in recording.records() {
            let is_system = matches!(record.header.form, RawForm::Kernel | RawForm::Classic);
            for session in self.sessions() {
                if is_system == (session == "etwatch-system") {
                    self.etw.deliver(&session, &record);
                }
            }
        }
    }
}

/// Ends a run also if a test fails, which would wait for it for ever.
struct Ending<'s>(&'s StopFlag);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let clock = SystemClock::start();
    while !is_so() {
        assert!(clock.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn fixture(name: &str) -> Recording {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    Recording::read(&Location::File(folder.join(name)), Limits::default()).unwrap()
}

fn registered() -> FakeMachine {
    let mut machine = FakeMachine::default();
    let known = live_table_providers();
    machine.registered.extend(known);
    machine
}

/// The providers that a plan may ask for, as a machine has them.
fn live_table_providers() -> Vec<(Guid, String)> {
    let table = etwatch_engine::live_plan::LiveTable::built_in().unwrap();
    let named = table.providers.iter().filter(|row| !row.is_class());
    named.map(|row| (row.guid.0, row.name.clone())).collect()
}

#[test]
fn a_host_is_watched_and_asked_for_something_else_when_its_rules_change() {
    let scene = Scene::new(registered());
    scene.rule("started", "category: process_creation, product: windows", "Image|endswith: .exe");
    let stop = StopFlag::default();
    std::thread::scope(|scope| {
        let _ending = Ending(&stop);
        let run = scope.spawn(|| scene.run(&stop, &[]));
        wait_until("sessions", || scene.sessions() == ["etwatch-lifecycle", "etwatch-system"]);
        scene.deliver(&fixture("defense-evasion/injection-after-image-load.etl"));
        wait_until("an alert", || !scene.written("rule").is_empty());
        let alert = scene.written("rule").remove(0);
        assert_eq!(alert["host"], "WS-1.example");

        // A rule that needs a channel and a session that nobody needed so far.
        scene.rule("service", "product: windows, service: system", "EventID: 7045");
        scene.rule(
            "asked",
            "category: dns_query, product: windows",
            "QueryName|endswith: .example",
        );
        wait_until("a session more", || scene.sessions().contains(&"etwatch-noisy".to_owned()));
        wait_until("a channel", || !scene.log.asked().is_empty());
        scene.log.write("System", 7045, "a service");
        let found =
            |title: &str| scene.written("rule").iter().any(|alert| alert["rule"]["title"] == title);
        wait_until("an alert of the channel", || found("service"));

        // Rules that need it no more.
        fs::remove_file(scene.path("rules").join("asked.yml")).unwrap();
        wait_until("a session less", || !scene.sessions().contains(&"etwatch-noisy".to_owned()));

        // What Windows loses and what others do is told.
        let losses = LossReading { events_lost: 7, log_buffers_lost: 2, real_time_buffers_lost: 3 };
        scene.etw.lose("etwatch-system", losses);
        wait_until("a loss", || scene.written("gap").len() >= 3);
        scene.etw.tamper_stop("etwatch-lifecycle", 4_321);
        wait_until("tampering", || !scene.written("tampering").is_empty());
        stop.stop();
        assert_eq!(run.join().unwrap().unwrap(), DONE);
    });
    assert_eq!(scene.sessions(), Vec::<String>::new());
    let gaps = scene.written("gap");
    let reasons: Vec<_> = gaps.iter().map(|gap| gap["gap"]["reason"].as_str().unwrap()).collect();
    for reason in
        ["events lost by Windows", "buffers lost by Windows", "log buffers lost by Windows"]
    {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    let change = &scene.written("tampering")[0]["tampering"];
    assert_eq!(
        (&change["session"], &change["change"]),
        (&"etwatch-lifecycle".into(), &"stopped".into())
    );
    let summary = fs::read_to_string(scene.path("summary.json")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let ledger = &summary["ledger"];
    assert_eq!((&ledger["events_lost"], &ledger["buffers_lost"]), (&7.into(), &3.into()));
    assert_eq!(ledger["unseen"]["log buffers lost by Windows"], 2);
    assert_eq!(ledger["unseen"]["sessions started anew"], 1);
}

#[test]
fn a_second_run_is_refused_and_a_refusal_leaves_nothing_behind() {
    let scene = Scene::new(FakeMachine { is_elevated: false, ..registered() });
    scene.rule("started", "category: process_creation, product: windows", "Image|endswith: .exe");
    let stop = StopFlag::default();
    let (status, message) = scene.run(&stop, &[]).unwrap_err();
    assert_eq!(status, 5, "{message}");
    assert!(message.contains("elevated"), "{message}");

    scene.etw.change(|machine| machine.is_elevated = true);
    std::thread::scope(|scope| {
        let _ending = Ending(&stop);
        let run = scope.spawn(|| scene.run(&stop, &["--allow-empty"]));
        wait_until("sessions", || scene.sessions().len() == 2);
        let (status, message) = scene.run(&StopFlag::default(), &[]).unwrap_err();
        assert_eq!(status, 7, "{message}");
        stop.stop();
        assert_eq!(run.join().unwrap().unwrap(), DONE);
    });
    assert_eq!(scene.sessions(), Vec::<String>::new());
}

#[test]
fn a_session_of_somebody_else_is_read_and_left_alone() {
    let scene = Scene::new(registered());
    scene.rule("started", "category: process_creation, product: windows", "Image|endswith: .exe");
    scene.etw.occupy("theirs", SYSTEM_LOGGER_MODE);
    let stop = StopFlag::default();
    let (status, message) = scene.run(&stop, &["--attach", "nobodys"]).unwrap_err();
    assert!(status == 8 && message.contains("nobodys"), "{status} {message}");
    std::thread::scope(|scope| {
        let _ending = Ending(&stop);
        let run = scope.spawn(|| scene.run(&stop, &["--attach", "theirs"]));
        let recording = fixture("defense-evasion/injection-after-image-load.etl");
        wait_until("an alert", || {
            for record in recording.records() {
                scene.etw.deliver("theirs", &record);
            }
            !scene.written("rule").is_empty()
        });
        stop.stop();
        assert_eq!(run.join().unwrap().unwrap(), DONE);
    });
    assert_eq!(scene.sessions(), ["theirs"]);
}

#[test]
fn what_is_recorded_of_a_host_names_it() {
    let scene = Scene::new(registered());
    scene.rule("started", "category: process_creation, product: windows", "Image|endswith: .exe");
    let (stop, recordings) = (StopFlag::default(), scene.path("recordings"));
    let folder = recordings.display().to_string();
    std::thread::scope(|scope| {
        let _ending = Ending(&stop);
        let run = scope.spawn(|| scene.run(&stop, &["--record", &folder]));
        wait_until("sessions", || scene.sessions().len() == 2);
        scene.deliver(&fixture("defense-evasion/injection-after-image-load.etl"));
        wait_until("an alert", || !scene.written("rule").is_empty());
        stop.stop();
        assert_eq!(run.join().unwrap().unwrap(), DONE);
    });
    let mut names = Vec::new();
    for entry in fs::read_dir(&recordings).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "etl") {
            let recording = Recording::read(&Location::File(path), Limits::default()).unwrap();
            names.push(recording.trace().computer.clone());
        }
    }
    assert!(!names.is_empty() && names.iter().all(|name| name == "WS-1.example"), "{names:?}");
}

/// The public yardstick of agents: starts that come faster than anything else does, each process gone at once.
#[test]
fn a_burst_of_short_lived_processes_loses_no_start_and_no_command_line() {
    const PROCESSES: u32 = 4_000;
    let scene = Scene::new(registered());
    scene.rule(
        "burst",
        "category: process_creation, product: windows",
        "CommandLine|contains: burst-",
    );
    let recording = fixture("defense-evasion/injection-after-image-load.etl");
    let is_start =
        |record: &RawRecord<'_>| record.header.provider == PROCESS && record.header.opcode == 1;
    let start = recording.records().find(is_start).unwrap();
    // The name of the image, of which the kernel keeps 14 letters, is in front of the command line; both end with a NUL.
    let name = start.payload.windows(2).position(|bytes| bytes == b".e").unwrap();
    let name = name + start.payload[name..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let line = start.payload[name..].chunks_exact(2).position(|unit| unit == [0, 0]).unwrap();
    let (head, rest) = (&start.payload[..name], &start.payload[name + 2 * line..]);
    let stop = StopFlag::default();
    std::thread::scope(|scope| {
        let _ending = Ending(&stop);
        let run = scope.spawn(|| scene.run(&stop, &[]));
        wait_until("sessions", || scene.sessions().len() == 2);
        let begin = SystemClock::start().now().filetime();
        for number in 0..PROCESSES {
            let line = format!("a.exe burst-{number:04}.");
            let line: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let mut payload = [head, &line, rest].concat();
            // Its id, behind the key of 8 bytes.
            payload[8..12].copy_from_slice(&(100_000 + 4 * number).to_le_bytes());
            // 2,000 a second; each lives for 100 µs.
            for (opcode, after) in [(1, 0), (2, 1_000)] {
                let time = Timestamp::from_filetime(begin + u64::from(number) * 5_000 + after);
                let header = RawHeader { opcode, time, ..start.header };
                let record = RawRecord { header, extended: &[], payload: &payload };
                scene.etw.deliver("etwatch-system", &record);
            }
        }
        let count = || scene.written("rule").len() >= PROCESSES as usize;
        wait_until("an alert for each", count);
        stop.stop();
        assert_eq!(run.join().unwrap().unwrap(), DONE);
    });
    let text = fs::read_to_string(scene.path("alerts.jsonl")).unwrap();
    for number in 0..PROCESSES {
        assert!(text.contains(&format!("burst-{number:04}.")), "{number}");
    }
    assert_eq!(scene.written("rule").len(), PROCESSES as usize);
}
