//! Which events are told what the host answered, and which say that they lack it.

use etwatch_event::{RawValue, RecordBatch, Shape, Value};
use etwatch_host::{FileFacts, FileQuestions, Signature, SignatureStatus};
use etwatch_state::Settings;

use crate::line::{
    CLASS, KERNEL, Line, MILLISECOND, PATH, RULES, answer, at, facts, load, push, run, texts,
};
use crate::support::engine_of;
use crate::support::place::{Place, err, out, status};

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

/// What is spelled here is spelled as the host's own crate does.
#[test]
fn fields_are_those_that_the_host_tells() {
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
    let mut records = RecordBatch::default();
    load(&mut records, 1, PATH);
    let mut line = Line::new(Settings::default());
    line.state.tell(engine.wanted());
    line.take(&records);
    assert_eq!(line.seen(&["Unavailable"])[0].1, ["Company"]);
}
