//! What only the host or another event can say: from records to matches, with the host's answers among the records.
//!
//! A live run is played with a host that says what it was told to: records come late and out of order, the host is
//! asked when one comes, and its answer comes some time later. What came is then replayed in the order of time.

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

use std::sync::{Arc, OnceLock};

use etwatch_engine::Engine;
use etwatch_event::{
    EventBatch, Ledger, RawValue, RecordBatch, Shape, Sid, Timestamp, Value, Vocabulary,
};
use etwatch_host::fake::FakeFile;
use etwatch_host::{
    Answer, FakeHost, FileFacts, FileIdentity, FileQuestions, Host, NoFacts, VersionInformation,
};
use etwatch_normalise::{Context, Normaliser};
use etwatch_rules::Matcher;
use etwatch_state::{Settings, State};
use support::engine_of;
use support::place::{Place, err, out, status};

const RULES: &str = r"
title: company
logsource: {category: image_load, product: windows}
detection: {s: {Company: Evil}, condition: s}
---
title: hash
logsource: {category: image_load, product: windows}
detection: {s: {Hashes|contains: 'MD5=0202'}, condition: s}
---
title: start
logsource: {category: process_creation, product: windows}
detection: {s: {OriginalFileName: mimikatz.exe, md5|startswith: '02'}, condition: s}
---
title: script
logsource: {category: ps_script, product: windows}
detection: {s: {ScriptBlockText|contains: Invoke-Mimikatz}, condition: s}
";

const MILLISECOND: u64 = 10_000;
const KERNEL: &str = "Microsoft-Windows-Kernel-Process";
const CLASS: &str = "SystemTraceProvider-Process";
const POWERSHELL: &str = "Microsoft-Windows-PowerShell";
const PATH: &str = r"C:\Temp\a.dll";

fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_filetime(milliseconds * MILLISECOND)
}

type Fields<'f> = &'f [(&'f str, Value<'f>)];

/// Adds a record; of a class of the kernel `id` is the opcode.
fn push(
    batch: &mut RecordBatch,
    shape: Shape,
    provider: &str,
    id: u32,
    time: u64,
    fields: Fields<'_>,
) {
    let (id, opcode) = if provider == CLASS { (0, id) } else { (id, 0) };
    let number = batch.len() as u64 + 1;
    let mut record = batch.begin();
    record.set_time(at(time));
    record.set_number(number);
    record.set_shape(shape);
    record.push("Provider_Name", Value::Text(provider));
    record.set_provider(0);
    record.push("EventID", Value::Unsigned(id.into()));
    record.set_event_id(id);
    record.push("Opcode", Value::Unsigned(opcode.into()));
    for (name, value) in fields {
        record.push(name, *value);
    }
    record.finish();
}

/// The load of an image.
fn load(batch: &mut RecordBatch, time: u64, path: &str) {
    let fields = [
        ("ProcessID", Value::Unsigned(672)),
        ("ImageBase", Value::Hex(0x7ff6_0000_0000)),
        ("ImageName", Value::Text(path)),
    ];
    push(batch, Shape::Etw, KERNEL, 5, time, &fields);
}

/// A content of a file: who made it, and its MD5.
fn facts(company: &str, content: u8) -> FileFacts {
    let version = VersionInformation {
        company: Some(company.to_owned()),
        original_file_name: Some("mimikatz.exe".to_owned()),
        ..VersionInformation::default()
    };
    FileFacts {
        identity: FileIdentity { volume: 1, file: 7, size: 9, changed: at(content.into()) },
        answered: FileQuestions::MD5 | FileQuestions::VERSION,
        md5: Some([content; 16]),
        version: Some(Box::new(version)),
        ..FileFacts::default()
    }
}

fn answer(batch: &mut RecordBatch, time: u64, path: &str, outcome: Result<FileFacts, NoFacts>) {
    let answer = Answer { token: 0, path: path.into(), outcome: outcome.map(Arc::new) };
    answer.record(at(time), batch.len() as u64 + 1, batch);
}

/// An event that left: its time in milliseconds, what some fields of it say, which rules are true of it.
type Seen = (u64, Vec<String>, Vec<String>);

/// The way from records to matches.
struct Line {
    engine: Engine,
    normaliser: Normaliser,
    state: State,
    events: EventBatch,
    out: EventBatch,
    ledger: Ledger,
}

impl Line {
    fn new(settings: Settings) -> Self {
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        let engine = ENGINE.get_or_init(|| engine_of(RULES)).clone();
        let mut state = State::new(settings, Arc::clone(&engine.outline));
        state.tell_lacking(engine.needed_facts());
        let batch = || EventBatch::new(Arc::clone(&engine.vocabulary));
        let (events, out) = (batch(), batch());
        let (normaliser, ledger) = (engine.normaliser(), Ledger::default());
        Self { engine, normaliser, state, events, out, ledger }
    }
    fn take(&mut self, records: &RecordBatch) {
        self.events.clear();
        self.normaliser.add(records, 0, &Context::default(), &mut self.events);
        for event in self.events.iter() {
            self.ledger.read += 1;
            self.state.take(&event, &mut self.out, &mut self.ledger);
        }
    }
    /// Nothing more comes.
    fn seen(&mut self, fields: &[&str]) -> Vec<Seen> {
        self.state.finish(&mut self.out, &mut self.ledger);
        assert!(self.ledger.is_balanced(), "{:?}", self.ledger);
        assert_eq!(self.ledger.events(), self.out.len() as u64);
        let (mut matcher, mut scratch) = (Matcher::default(), String::new());
        let rules = &self.engine.rules;
        let seen = self.out.iter().map(|event| {
            let mut matches = Vec::new();
            rules.matches(&event, 0, &mut matcher, &mut matches);
            let titles =
                matches.iter().map(|it| rules.get(it.rule).unwrap().attributes.title.clone());
            let texts = fields.iter().map(|name| {
                let values = event.get_named(name);
                let texts = values.iter().map(|value| value.text(&mut scratch).unwrap().to_owned());
                texts.collect::<Vec<_>>().join("|")
            });
            (event.time().filetime() / MILLISECOND, texts.collect(), titles.collect())
        });
        seen.collect()
    }
}

/// What becomes of these records.
fn run(settings: Settings, records: &RecordBatch, fields: &[&str]) -> (Vec<Seen>, Ledger) {
    let mut line = Line::new(settings);
    line.take(records);
    (line.seen(fields), line.ledger)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn an_answer_is_given_to_events_behind_it_and_to_those_that_wait() {
    let mut records = RecordBatch::default();
    load(&mut records, 1_000, PATH);
    answer(&mut records, 1_005, PATH, Ok(facts("Evil", 2)));
    load(&mut records, 1_010, &PATH.to_uppercase());
    load(&mut records, 1_011, r"C:\Temp\other.dll");
    let names = ["Company", "Hashes", "Unavailable"];
    let hashes = format!("MD5={}", "02".repeat(16));
    let told = |time| (time, texts(&["Evil", &hashes, ""]), texts(&["company", "hash"]));
    let lacking = |time| (time, texts(&["", "", "Hashes|Company"]), Vec::new());
    let (seen, ledger) = run(Settings::default(), &records, &names);
    assert_eq!(seen, [lacking(1_000), told(1_010), lacking(1_011)]);
    assert_eq!((ledger.bookkeeping, ledger.by_provider["etwatch"].bookkeeping), (1, 1));
    let hold = Settings { hold: 10 * MILLISECOND, ..Settings::default() };
    let (seen, _) = run(hold, &records, &names);
    assert_eq!(seen, [told(1_000), told(1_010), lacking(1_011)]);
}

/// The classic half has the command line, the other the path by which the host was asked.
#[test]
fn the_start_of_a_process_is_told_of_its_image() {
    let image = r"C:\Temp\m.exe";
    let mut records = RecordBatch::default();
    let classic = [("ProcessId", Value::Unsigned(672)), ("CommandLine", Value::Text("m"))];
    push(&mut records, Shape::Etw, CLASS, 1, 1_000, &classic);
    answer(&mut records, 1_001, image, Ok(facts("-", 2)));
    let manifest = [
        ("ProcessID", Value::Unsigned(672)),
        ("CreateTime", Value::Time(at(1_000))),
        ("ImageName", Value::Text(image)),
    ];
    push(&mut records, Shape::Etw, KERNEL, 1, 1_002, &manifest);
    let names = ["CommandLine", "OriginalFileName", "FileVersion", "md5", "sha1"];
    let (seen, _) = run(Settings::default(), &records, &names);
    let told = texts(&["m", "mimikatz.exe", "-", &"02".repeat(16), ""]);
    assert_eq!(seen, [(1_000, told, texts(&["start"]))]);
}

#[test]
fn a_recorded_value_stays_and_recorded_logs_can_stay_as_they_are() {
    let mut records = RecordBatch::default();
    answer(&mut records, 1, PATH, Ok(facts("Evil", 2)));
    let fields = [("ImageLoaded", Value::Text(PATH)), ("Company", Value::Text("-"))];
    push(&mut records, Shape::Evtx, "Microsoft-Windows-Sysmon", 7, 2, &fields);
    let names = ["Company", "OriginalFileName", "Unavailable"];
    let (seen, _) = run(Settings::default(), &records, &names);
    assert_eq!(seen, [(2, texts(&["-", "mimikatz.exe", ""]), texts(&["hash"]))]);
    let plain = Settings { enrich: false, ..Settings::default() };
    let (seen, ledger) = run(plain, &records, &names);
    assert_eq!(seen, [(2, texts(&["-", "", ""]), Vec::new())]);
    assert_eq!(ledger.bookkeeping, 1);
}

/// Whoever may register a provider may call it `etwatch`.
#[test]
fn a_program_that_calls_itself_etwatch_tells_nothing() {
    for (shape, channel) in
        [(Shape::Etw, None), (Shape::Evtx, Some("Application")), (Shape::Flat, Some("Application"))]
    {
        let mut records = RecordBatch::default();
        let mut told = RecordBatch::default();
        answer(&mut told, 1, PATH, Ok(facts("Evil", 2)));
        let told = told.get(0).unwrap();
        let one = |value: RawValue<'_>| match value {
            RawValue::One(Value::Text(text)) => text.to_owned(),
            other => panic!("{other:?}"),
        };
        let hashes = one(told.fields().find(|(name, _)| *name == "Hashes").unwrap().1);
        let fields = [
            ("FileName", Value::Text(PATH)),
            ("Volume", Value::Hex(1)),
            ("FileId", Value::Text("0x1")),
            ("FileSize", Value::Unsigned(1)),
            ("Changed", Value::Unsigned(1)),
            ("Hashes", Value::Text(&hashes)),
        ];
        let channel = channel.map(|channel| ("Channel", Value::Text(channel)));
        let fields: Vec<_> = fields.into_iter().chain(channel).collect();
        push(&mut records, shape, "etwatch", 1, 1, &fields);
        load(&mut records, 2, PATH);
        let (seen, ledger) = run(Settings::default(), &records, &["Unavailable"]);
        assert_eq!(seen[1], (2, texts(&["Hashes|Company"]), Vec::new()), "{shape:?}");
        assert_eq!((seen.len(), ledger.bookkeeping), (2, 0));
    }
}

/// Something of a live run, by the milliseconds at which it comes.
enum Coming {
    Load { time: u64, path: usize },
    Asked { path: usize },
    Replaced { path: usize, file: Option<u8> },
}

/// Numbers that look like chance; the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

const HOLD: u64 = 100;
const PATHS: [&str; 3] = [PATH, r"C:\Temp\b.dll", r"C:\Windows\c.dll"];

/// A live run: what comes and when. Records are at most 20 ms on the way, the host takes at most 60 ms.
fn live_run(seed: u64) -> Vec<(u64, Coming)> {
    let mut chance = Chance(seed);
    let mut coming = Vec::new();
    let mut now = 1_000;
    for _ in 0..200 {
        now += chance.below(30);
        let path = usize::try_from(chance.below(3)).unwrap();
        match chance.below(8) {
            0 => {
                let file = u8::try_from(chance.below(4)).unwrap();
                coming.push((now, Coming::Replaced { path, file: (file > 0).then_some(file) }));
            }
            _ => {
                let comes = now + chance.below(20);
                coming.push((comes, Coming::Load { time: now, path }));
                coming.push((comes + 1 + chance.below(60), Coming::Asked { path }));
            }
        }
    }
    coming.sort_by_key(|(comes, _)| *comes);
    coming
}

/// Who made a content; the fourth file is gone.
fn company(content: Option<u8>) -> Option<&'static str> {
    content.map(|content| if content == 2 { "Evil" } else { "Acme" })
}

#[test]
fn a_replay_gives_what_the_host_gave() {
    let (mut told, mut gone) = (0, 0);
    for seed in 1..=100 {
        let host = FakeHost::default();
        let set = |path: usize, content: Option<u8>| match content {
            None => host.set_file(PATHS[path], Err(etwatch_host::HostError::Gone { code: 2 })),
            Some(content) => {
                let facts = facts(company(Some(content)).unwrap(), content);
                host.set_file(PATHS[path], Ok(FakeFile { facts, ..FakeFile::default() }));
            }
        };
        (0..PATHS.len()).for_each(|path| set(path, Some(1)));
        let (mut live, mut loads, mut answers) = (RecordBatch::default(), Vec::new(), Vec::new());
        for (now, coming) in live_run(seed) {
            match coming {
                Coming::Load { time, path } => {
                    load(&mut live, time, PATHS[path]);
                    loads.push((time, path));
                }
                Coming::Asked { path } => {
                    let outcome = host.file_facts(PATHS[path], FileQuestions::ALL);
                    let made_by = outcome.as_ref().ok().and_then(|facts| {
                        facts.version.as_ref().and_then(|version| version.company.clone())
                    });
                    answers.push((now, path, made_by));
                    answer(&mut live, now, PATHS[path], outcome.map_err(NoFacts::Failed));
                }
                Coming::Replaced { path, file } => set(path, file),
            }
        }
        // Each load is of what the host said first at or after its time.
        loads.sort_unstable();
        let expected = loads.iter().map(|(time, path)| {
            let own = answers.iter().find(|(told, of, _)| told >= time && of == path);
            (*time, own.unwrap().2.clone().unwrap_or_default())
        });
        let expected: Vec<_> = expected.collect();

        let mut order: Vec<_> = (0..live.len()).collect();
        order.sort_by_key(|index| live.get(*index).unwrap().time());
        let mut recorded = RecordBatch::default();
        for index in order {
            copy(&live, index, &mut recorded);
        }
        let settings = Settings { hold: HOLD * MILLISECOND, ..Settings::default() };
        let (of_live, ledger) = run(settings, &live, &["Company", "Unavailable", "ImageLoaded"]);
        let (of_replay, _) = run(settings, &recorded, &["Company", "Unavailable", "ImageLoaded"]);
        let by_company = |seen: &[Seen]| {
            let mut all: Vec<_> = seen
                .iter()
                .map(|(time, texts, _)| (*time, texts[2].clone(), texts[0].clone()))
                .collect();
            all.sort_unstable();
            all
        };
        let mut model: Vec<_> = loads
            .iter()
            .zip(&expected)
            .map(|((time, path), (_, company))| (*time, PATHS[*path].to_owned(), company.clone()))
            .collect();
        model.sort_unstable();
        assert_eq!(by_company(&of_live), model, "seed {seed}");
        assert_eq!(by_company(&of_replay), model, "seed {seed}");
        for (_, texts, titles) in of_live.iter().chain(&of_replay) {
            assert_eq!(titles.contains(&"company".to_owned()), texts[0] == "Evil");
            assert_eq!(texts[0].is_empty(), texts[1] == "Hashes|Company", "{texts:?}");
            told += usize::from(texts[0] == "Evil");
            gone += usize::from(texts[0].is_empty());
        }
        assert_eq!(ledger.late, 0);
    }
    assert!(told > 1_000 && gone > 1_000, "{told} {gone}");
}

fn copy(from: &RecordBatch, index: usize, to: &mut RecordBatch) {
    let record = from.get(index).unwrap();
    let mut copy = to.begin();
    copy.set_time(record.time());
    copy.set_number(record.number());
    copy.set_shape(record.shape());
    for (place, (name, value)) in record.fields().enumerate() {
        if let RawValue::One(value) = value {
            copy.push(name, value);
        }
        if name == "Provider_Name" {
            copy.set_provider(place);
        }
    }
    copy.set_event_id(record.event_id().unwrap());
    copy.finish();
}

/// Parts of a script whose telling string lies across the border.
fn script(records: &mut RecordBatch, shape: Shape, parts: &[(u64, &str)], total: u64) {
    for (number, text) in parts {
        let fields = [
            ("ScriptBlockId", Value::Text("0a1b2c3d-0000-0000-0000-000000000001")),
            ("ScriptBlockText", Value::Text(text)),
            ("MessageNumber", Value::Unsigned(*number)),
            ("MessageTotal", Value::Unsigned(total)),
        ];
        push(records, shape, POWERSHELL, 4104, 1_000 + number, &fields);
    }
}

#[test]
fn a_string_that_is_cut_in_two_fires() {
    for shape in [Shape::Evtx, Shape::Etw] {
        let mut records = RecordBatch::default();
        script(&mut records, shape, &[(1, "# long\nInvoke-Mi"), (2, "mikatz")], 2);
        push(&mut records, shape, POWERSHELL, 4105, 1_002, &[]);
        let names = ["ScriptBlockText", "MessageNumber", "EventID"];
        let (seen, ledger) = run(Settings::default(), &records, &names);
        let whole = texts(&["# long\nInvoke-Mimikatz", "", "4104"]);
        assert_eq!(seen.len(), 4, "{seen:?}");
        assert_eq!(seen[2], (1_002, whole, texts(&["script"])), "{shape:?}");
        assert!([0, 1, 3].iter().all(|index| seen[*index].2.is_empty()));
        assert_eq!((ledger.derived, ledger.by_provider[POWERSHELL].derived), (1, 1));
        assert_eq!((ledger.evaluated, ledger.incomplete.len()), (3, 0));
    }
}

#[test]
fn a_script_of_which_a_part_is_missing_is_counted_and_not_made_up() {
    let mut records = RecordBatch::default();
    script(&mut records, Shape::Evtx, &[(1, "Invoke-Mi"), (3, "mikatz")], 3);
    let (seen, ledger) = run(Settings::default(), &records, &[]);
    assert_eq!((seen.len(), ledger.derived), (2, 0));
    assert_eq!((ledger.incomplete["scripts"], ledger.forgotten.len()), (1, 0));
    let plain = Settings { enrich: false, ..Settings::default() };
    let mut records = RecordBatch::default();
    script(&mut records, Shape::Evtx, &[(1, "Invoke-Mi"), (2, "mikatz")], 2);
    assert_eq!(run(plain, &records, &[]).1.derived, 0, "recorded logs stay as they are");
}

const ANNA: [u8; 28] =
    [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xe9, 3, 0, 0];

#[test]
fn a_sid_is_called_what_a_logon_called_it() {
    let mut records = RecordBatch::default();
    let start = |records: &mut RecordBatch, time, pid, parent| {
        let fields = [
            ("ProcessId", Value::Unsigned(pid)),
            ("ParentId", Value::Unsigned(parent)),
            ("UserSID", Value::Sid(Sid(&ANNA))),
        ];
        push(records, Shape::Etw, CLASS, 1, time, &fields);
    };
    start(&mut records, 1_000, 500, 4);
    let logon = [
        ("TargetUserSid", Value::Text("S-1-5-21-1-2-3-1001")),
        ("TargetUserName", Value::Text("anna")),
        ("TargetDomainName", Value::Text("CORP")),
    ];
    push(&mut records, Shape::Evtx, "Microsoft-Windows-Security-Auditing", 4624, 2_000, &logon);
    start(&mut records, 3_000, 672, 500);
    load(&mut records, 4_000, PATH);
    // A recorded log keeps what it has.
    let recorded =
        [("ProcessId", Value::Unsigned(9)), ("User", Value::Text("S-1-5-21-1-2-3-1001"))];
    push(&mut records, Shape::Evtx, "Microsoft-Windows-Sysmon", 1, 5_000, &recorded);
    let (seen, _) = run(Settings::default(), &records, &["User", "ParentUser"]);
    let users: Vec<_> = seen.into_iter().map(|(_, users, _)| users).collect();
    let (sid, name) = ("S-1-5-21-1-2-3-1001", r"CORP\anna");
    assert_eq!(
        users,
        [
            texts(&[sid, ""]),
            texts(&["", ""]),
            texts(&[name, name]),
            texts(&[name, ""]),
            texts(&[sid, ""])
        ]
    );
}

#[test]
fn ids_of_processes_do_not_reach_across_a_start_of_windows() {
    let started = "1601-01-01T00:01:50.0000000Z"; // 110 s
    let general = "Microsoft-Windows-Kernel-General";
    let security = "Microsoft-Windows-Security-Auditing";
    for (provider, id, fields) in [
        (general, 12, &[("StartTime", Value::Text(started))][..]),
        (general, 12, &[("StartTime", Value::Time(at(110_000)))]),
        ("EventLog", 6005, &[]),
        (security, 4608, &[]),
    ] {
        // What knows no time is believed to come a minute late at most.
        let time = if id == 12 { 110_500 } else { 170_000 };
        let mut records = RecordBatch::default();
        let start = |records: &mut RecordBatch, time, pid| {
            let image = [
                ("ProcessId", Value::Unsigned(pid)),
                ("Image", Value::Text(r"C:\Windows\explorer.exe")),
            ];
            push(records, Shape::Evtx, "Microsoft-Windows-Sysmon", 1, time, &image);
        };
        start(&mut records, 100_000, 672);
        load(&mut records, 109_000, PATH);
        start(&mut records, 110_200, 700);
        push(&mut records, Shape::Evtx, provider, id, time, fields);
        load(&mut records, time + 1, PATH);
        let act = [
            ("ProcessID", Value::Unsigned(700)),
            ("ImageBase", Value::Hex(0x7ff6_0000_0000)),
            ("ImageName", Value::Text(PATH)),
        ];
        push(&mut records, Shape::Etw, KERNEL, 5, time + 2, &act);
        let (seen, ledger) = run(Settings::default(), &records, &["Image"]);
        let images: Vec<_> = seen.iter().map(|(_, texts, _)| texts[0].as_str()).collect();
        let explorer = r"C:\Windows\explorer.exe";
        assert_eq!(images, [explorer, explorer, explorer, "", "", explorer], "{provider} {id}");
        assert!(ledger.forgotten.is_empty(), "{:?}", ledger.forgotten);
    }
}

/// A recording in JSON with the host's answers in it, through the program.
#[test]
fn answers_in_a_recording_are_used_by_a_replay() {
    let place = Place::new();
    place.write("rules/r.yml", RULES.split("---").nth(2).unwrap());
    let mut batch = RecordBatch::default();
    answer(&mut batch, 1, r"C:\m.exe", Ok(facts("-", 2)));
    let mut line = serde_json::Map::new();
    line.insert("Computer".to_owned(), "WS-1".into());
    let mut scratch = String::new();
    for (name, value) in batch.get(0).unwrap().fields() {
        let RawValue::One(value) = value else { continue };
        line.insert(name.to_owned(), value.text(&mut scratch).unwrap().into());
    }
    let answer = serde_json::Value::Object(line);
    let start = r#"{"EventID":4688,"Provider_Name":"Microsoft-Windows-Security-Auditing","Channel":"Security","Computer":"WS-1","TimeCreated":"2026-05-04T09:00:00Z","NewProcessName":"C:\\M.exe","NewProcessId":"0x2a0"}"#;
    place.write("both.jsonl", format!("{answer}\n{start}\n"));
    place.write("start.jsonl", format!("{start}\n"));
    let alerts = |arguments: &[&str]| {
        let output =
            place.run(&[&["replay", "--rules", "rules", "--format", "json"], arguments].concat());
        assert_eq!(status(&output), 0, "{}", err(&output));
        (out(&output).lines().count(), err(&output))
    };
    let (count, told) = alerts(&["both.jsonl"]);
    assert!(count == 1 && told.contains("1 bookkeeping"), "{count} {told}");
    assert_eq!(alerts(&["both.jsonl", "--no-enrich"]).0, 0);
    assert_eq!(alerts(&["start.jsonl"]).0, 0);
}

#[test]
fn alerts_of_a_part_and_of_the_whole_have_ids_of_their_own() {
    let place = Place::new();
    place.write("rules/r.yml", RULES.split("---").last().unwrap());
    let part = |number: u32, text: &str| {
        serde_json::json!({
            "EventID": 4104, "Provider_Name": POWERSHELL, "Computer": "WS-1", "MessageTotal": 2,
            "Channel": "Microsoft-Windows-PowerShell/Operational", "MessageNumber": number,
            "TimeCreated": format!("2026-05-04T09:00:0{number}Z"), "ScriptBlockText": text,
            "ScriptBlockId": "0a1b2c3d-0000-0000-0000-000000000001",
        })
    };
    let parts = [part(1, "# long"), part(2, "Invoke-Mimikatz")];
    place.write("parts.jsonl", format!("{}\n{}\n", parts[0], parts[1]));
    let arguments = ["replay", "--rules", "rules", "--format", "json", "parts.jsonl"];
    let output = place.run(&arguments);
    let ids = || {
        let alert = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        out(&output).lines().map(|line| alert(line)["id"].clone()).collect::<Vec<_>>()
    };
    let ids = ids();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?} {}", err(&output));
    assert!(err(&output).contains("2 read = 2 evaluated (1 derived)"), "{}", err(&output));
    assert_eq!(out(&place.run(&arguments)), out(&output));
}

/// What is spelled here is spelled as the host's own crate does.
#[test]
fn fields_are_those_that_the_host_tells() {
    use etwatch_host::{Signature, SignatureStatus};
    let sound = facts("Evil", 2);
    let mut signed = sound.clone();
    signed.answered = FileQuestions::ALL;
    signed.signature =
        Some(Signature { status: SignatureStatus::Revoked, signer: Some("Acme".to_owned()) });
    let mut bare = FileFacts { answered: FileQuestions::ALL, ..FileFacts::default() };
    bare.signature = Some(Signature { status: SignatureStatus::Unavailable, signer: None });
    for facts in [sound, signed, bare] {
        let mut told = Vec::new();
        facts.fields(&mut |name, text| told.push((name, text.to_owned())));
        let mut records = RecordBatch::default();
        answer(&mut records, 1, PATH, Ok(facts));
        load(&mut records, 2, PATH);
        let names: Vec<_> = told.iter().map(|(name, _)| *name).collect();
        let (seen, _) = run(Settings::default(), &records, &names);
        let expected: Vec<_> = told.into_iter().map(|(_, text)| text).collect();
        assert_eq!(seen[0].1, expected);
    }
}

/// Rules decide what an event has to say that it lacks.
#[test]
fn only_what_a_rule_asks_for_is_told_as_lacking() {
    let engine = engine_of(RULES.split("---").next().unwrap());
    let vocabulary: &Vocabulary = &engine.vocabulary;
    assert!(vocabulary.fields.id("Company").is_some());
    let mut records = RecordBatch::default();
    load(&mut records, 1, PATH);
    let mut line = Line::new(Settings::default());
    line.state.tell_lacking(engine.needed_facts());
    line.take(&records);
    assert_eq!(line.seen(&["Unavailable"])[0].1, ["Company"]);
}
