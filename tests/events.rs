//! `etwatch events` and `etwatch schemas`: golden output, selection, exit status.
//!
//! The recordings and the output they give lie in `tests/events`; the event log is a seed of the fuzzer.
//! `ETWATCH_BLESS=1 cargo test` writes the output anew; read the difference before you commit it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

#[path = "events/stacks.rs"]
mod stacks;
mod support;

use std::io::Write as _;

use etwatch_normalise::table::OneOrMany;
use serde_json::Value;
use support::cases::run_here;
use support::place::{EVENT, Place, err, out, status};
use support::{corpus, golden, root};

const DOCUMENTS: &str = "documents.json";
const LINES: &str = "lines.jsonl";
const LOG: &str = "log.evtx";

/// A folder with the recordings: two of `tests/events`, and an event log of one chunk, which the seed has
/// behind two bytes of the fuzzer's and without the zeros at its end.
fn recordings() -> Place {
    let place = Place::new();
    for name in [DOCUMENTS, LINES] {
        place.write(name, std::fs::read(root().join("tests/events").join(name)).unwrap());
    }
    let seed = std::fs::read(root().join("fuzz/seeds/read_evtx/each-type-of-value")).unwrap();
    let mut log = b"ElfFile\0".to_vec();
    log.resize(42, 0);
    log.push(1);
    log.resize(4_096, 0);
    log.extend(&seed[2..]);
    log.resize(4_096 + 65_536, 0);
    place.write(LOG, log);
    place
}

// One row an output: its file in `tests/events`, the arguments.
const OUTPUTS: &[(&str, &[&str])] = &[
    ("raw.txt", &["events", DOCUMENTS, LINES, "--raw"]),
    ("raw.jsonl", &["events", DOCUMENTS, LINES, "--raw", "--format", "json"]),
    ("decoded.txt", &["events", DOCUMENTS, LINES]),
    ("decoded.jsonl", &["events", DOCUMENTS, LINES, "--decoded", "--format", "json"]),
    ("normalised.txt", &["events", DOCUMENTS, LINES, "--normalised"]),
    ("normalised.jsonl", &["events", DOCUMENTS, LINES, "--normalised", "--format", "json"]),
    ("log-raw.jsonl", &["events", LOG, "--raw", "--format", "json"]),
    ("log-decoded.txt", &["events", LOG]),
    ("count.txt", &["events", DOCUMENTS, LINES, "--count"]),
    ("count.jsonl", &["events", DOCUMENTS, LINES, "--count", "--format", "json"]),
    ("count-normalised.txt", &["events", DOCUMENTS, LINES, "--normalised", "--count"]),
    (
        "count-normalised.jsonl",
        &["events", DOCUMENTS, LINES, "--normalised", "--count", "--format", "json"],
    ),
    ("schemas.txt", &["schemas", "microsoft-windows-sysmon"]),
    ("schemas.jsonl", &["schemas", "*security-auditing", "--id", "4688", "--format", "json"]),
];

#[test]
fn each_output_is_the_golden_one_and_harmless() {
    let place = recordings();
    for (file, arguments) in OUTPUTS {
        let output = place.run(arguments);
        assert_eq!(status(&output), 0, "{arguments:?}\n{}", err(&output));
        let text = out(&output);
        let acts = |letter| matches!(letter, '\u{1b}' | '\u{9b}' | '\u{202e}');
        assert!(!text.contains(acts), "{arguments:?}\n{}", text.escape_debug());
        golden(&root().join("tests/events").join(file), &text);
    }
}

/// The objects of JSON that a command prints.
fn objects(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let output = place.run(arguments);
    assert_eq!(status(&output), 0, "{arguments:?}\n{}", err(&output));
    parse(&out(&output))
}

fn parse(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn normalised_events_come_in_the_order_of_time_and_others_in_that_of_the_recordings() {
    let place = recordings();
    let of = |stage| objects(&place, &["events", DOCUMENTS, LINES, stage, "--format", "json"]);
    let order = |events: &[Value]| -> Vec<(u64, String)> {
        let number = |event: &Value| event["source"]["record"].as_u64().unwrap();
        let file = |event: &Value| event["source"]["file"].as_str().unwrap().to_owned();
        events.iter().map(|event| (number(event), file(event))).collect()
    };
    let at = |number, file: &str| (number, file.to_owned());
    let as_read: Vec<_> = [71, 72].map(|number| at(number, DOCUMENTS)).into();
    let as_read = [as_read, (1..=4).map(|number| at(number, LINES)).collect()].concat();
    assert_eq!(order(&of("--decoded")), as_read);
    // 72 is older than 71 of its recording, but by less than what JSON may be out of order.
    let by_time =
        [(72, DOCUMENTS), (1, LINES), (2, LINES), (71, DOCUMENTS), (3, LINES), (4, LINES)];
    let by_time: Vec<_> = by_time.into_iter().map(|(number, file)| at(number, file)).collect();
    assert_eq!(order(&of("--normalised")), by_time);
}

#[test]
fn raw_json_is_a_recording_again() {
    root();
    let story = "fixtures/credential-access/lsass-dump-with-comsvcs.jsonl";
    let raw = out(&run_here(&["events", story, "--raw", "--format", "json"]));
    assert_eq!(raw, std::fs::read_to_string(story).unwrap());
    let place = recordings();
    for recording in [DOCUMENTS, LINES, LOG] {
        let raw = out(&place.run(&["events", recording, "--raw", "--format", "json"]));
        assert!(!raw.is_empty());
        let again = place.run_with(&["events", "-", "--format", "json"], &raw);
        let told = |events: Vec<Value>| -> Vec<_> {
            let of =
                |event: &Value| ["time", "provider", "id", "fields"].map(|key| event[key].clone());
            events.iter().map(of).collect()
        };
        let direct = told(objects(&place, &["events", recording, "--format", "json"]));
        assert_eq!(told(parse(&out(&again))), direct, "{recording}");
    }
}

#[test]
fn what_is_selected_is_counted_and_so_is_the_rest() {
    let place = recordings();
    let process = &["--where", r"Image=C:\\?.EXE"][..];
    for (flags, stage, expected) in [
        (&[][..], "--decoded", 6),
        (process, "--decoded", 2),
        (process, "--raw", 2),
        (process, "--normalised", 2),
        (&["--where", r"Image=*\cmd.exe"], "--decoded", 0),
        (&["--where", r"Image=*\cmd.exe"], "--normalised", 1),
        (&["--where", "NewProcessName=*"], "--decoded", 1),
        (&["--provider", "*sysmon", "--id", "1"], "--decoded", 2),
        (&["--provider", "54849625-5478-4994-a5ba-3e3b0328c30d"], "--decoded", 2),
        (&["--provider", "54849625-5478-4994-a5ba-3e3b0328c30d"], "--normalised", 2),
        (&["--channel", "security"], "--normalised", 2),
        (&["--from", "2026-03-02T09:00:01Z", "--to", "2026-03-02T09:00:03Z"], "--decoded", 3),
        (&["--from", "2026-03-02T09:00:01Z", "--to", "2026-03-02T09:00:03Z"], "--normalised", 3),
        (&["--from", "2026-03-03"], "--raw", 0),
    ] {
        let arguments = [&["events", DOCUMENTS, LINES, stage, "--format", "json"], flags].concat();
        let output = place.run(&arguments);
        assert_eq!(status(&output), 0, "{arguments:?}\n{}", err(&output));
        assert_eq!(out(&output).lines().count(), expected, "{arguments:?}\n{}", out(&output));
        let rest = match 6 - expected {
            0 => String::new(),
            rest => format!(" + {rest} filtered (not selected {rest})"),
        };
        let told = format!("6 read = {expected} shown{rest}");
        assert!(err(&output).contains(&told), "{arguments:?}\n{}", err(&output));
        let counted = objects(&place, &[&arguments[..], &["--count"]].concat());
        let sum: u64 = counted.iter().map(|row| row["count"].as_u64().unwrap()).sum();
        assert_eq!(sum, expected as u64, "{arguments:?}");
    }
}

#[test]
fn exit_status_says_how_it_went() {
    let place = Place::new();
    place.write("damaged.jsonl", format!("{{\"broken\": \n{EVENT}"));
    place.write("empty.jsonl", "");
    for (arguments, expected, told) in [
        (&["events", "events.jsonl"][..], 0, "1 read = 1 shown"),
        (&["events", "events.jsonl", "--id", "2"], 0, "0 shown + 1 filtered (not selected 1)"),
        (&["events"], 2, "INPUT"),
        (&["events", "-", "-"], 2, "name `-` once"),
        (&["events", "events.jsonl", "--raw", "--normalised"], 2, "cannot be used with"),
        (&["events", "events.jsonl", "--count", "--limit", "1"], 2, "cannot be used with"),
        (&["events", "events.jsonl", "--limit", "0"], 2, "--limit"),
        (&["events", "events.jsonl", "--where", "Image"], 2, "write FIELD=VALUE"),
        (&["events", "events.jsonl", "--where", "A|endswiht=x"], 2, "did you mean `endswith`?"),
        (&["events", "events.jsonl", "--from", "now"], 2, "2026-03-02T09:00:00Z"),
        (
            &["events", "events.jsonl", "--from", "2026-02-01", "--to", "2026-01-01"],
            2,
            "swap --from and --to",
        ),
        (&["events", "nowhere.jsonl"], 3, "nowhere.jsonl"),
        (&["events", "rules/r.yml", "events.jsonl"], 3, "1 of 2 read"),
        (&["events", "damaged.jsonl"], 3, "damaged: damaged.jsonl, byte"),
        (&["events", "damaged.jsonl", "--normalised"], 3, "damaged: damaged.jsonl, byte"),
        (&["events", "empty.jsonl"], 4, "no event was read"),
        (&["events", "empty.jsonl", "--normalised"], 4, "no event was read"),
        (&["schemas"], 0, ""),
        (&["schemas", "Microsoft-Windows-Sysmom"], 4, "did you mean `Microsoft-Windows-Sysmon`?"),
        (&["schemas", "Microsoft-Windows-Sysmon", "--id", "9999"], 4, "has no event 9999"),
        (&["schemas", "--id", "99999"], 4, "no event 99999 is known"),
        (&["schemas", "22fb2cd6-0e7b-422b-a0c7-2fad1fd0e717"], 4, "no event of `{22fb2cd6"),
    ] {
        let output = place.run(arguments);
        assert_eq!(status(&output), expected, "{arguments:?}\n{}", err(&output));
        assert!(err(&output).contains(told), "{arguments:?}\n{}", err(&output));
    }
}

#[test]
fn a_limit_stops_and_says_so() {
    let place = Place::new();
    place.write("many.jsonl", EVENT.repeat(5_000));
    for stage in ["--raw", "--decoded", "--normalised"] {
        let output =
            place.run(&["events", "many.jsonl", stage, "--limit", "3", "--format", "json"]);
        assert_eq!((status(&output), out(&output).lines().count()), (0, 3), "{}", err(&output));
        assert!(err(&output).contains("3 shown, then stopped (--limit)"), "{}", err(&output));
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    place.write("many.jsonl", EVENT.repeat(20_000));
    for flags in
        [["--raw", "--format=text"], ["--decoded", "--format=json"], ["--normalised", "--count"]]
    {
        let output = place.run_closed(&[&["events", "many.jsonl"], &flags[..]].concat());
        assert_eq!((status(&output), err(&output)), (0, String::new()), "{flags:?}");
    }
}

#[test]
fn folders_packed_recordings_and_standard_input_are_read() {
    let place = Place::new();
    let file = std::fs::File::create(place.folder.path().join("day.jsonl.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(EVENT.repeat(3).as_bytes()).unwrap();
    packed.finish().unwrap();
    let output = place.run_with(&["events", ".", "-", "--raw", "--format", "json"], EVENT);
    assert_eq!(out(&output), EVENT.repeat(5));
    let read = "Events    5 read = 5 shown\nInputs    3 of 3 read; json, flat: 5; 1 other files";
    assert!(err(&output).contains(read), "{}", err(&output));
    let quiet = place.run_with(&["events", "-", "-q"], EVENT);
    assert!(err(&quiet).is_empty() && out(&quiet).contains("  -, record 1\n"), "{}", out(&quiet));
}

#[test]
fn each_event_of_the_tables_is_known_once_by_table_and_row() {
    let schemas = objects(&Place::new(), &["schemas", "--format", "json"]);
    let table = etwatch_normalise::Table::built_in().unwrap();
    let of_rows = |log: &etwatch_normalise::Log| -> usize {
        let ids: usize = log.events.iter().map(|row| row.id.all().len()).sum();
        let by_id = usize::from(log.class.is_empty() || !log.provider.is_empty());
        ids * (by_id + usize::from(!log.class.is_empty()))
    };
    let rows: usize = table.logs.iter().map(of_rows).sum();
    let (schemas, layouts): (Vec<_>, Vec<_>) =
        schemas.into_iter().partition(|schema| schema["table"] == "taxonomy");
    assert_eq!(layouts.len(), etwatch_decode::Tables::embedded().schemas().count());
    let is_numbered = |schema: &&Value| !schema["id"].is_null() || !schema["opcode"].is_null();
    assert_eq!(schemas.iter().filter(is_numbered).count(), rows);
    assert_eq!(schemas.len(), rows + table.logs.len());
    for (log, row) in table.logs.iter().flat_map(|log| log.events.iter().map(move |row| (log, row)))
    {
        let first = log.provider.first().or(log.class.first());
        let provider = first.map_or(Value::Null, |name| name.as_str().into());
        let number = if log.provider.is_empty() && !log.class.is_empty() { "opcode" } else { "id" };
        let named = |schema: &&Value| {
            let is_of = schema["providers"].get(0).cloned().unwrap_or_default() == provider;
            is_of && schema["name"] == row.name.as_str() && schema[number] == row.id.all()[0]
        };
        let schema = schemas.iter().find(named).unwrap();
        let fields = schema["fields"].as_array().unwrap();
        let renamed = row.rename.values().flat_map(OneOrMany::all);
        let sigma = renamed.chain(row.compose.keys()).chain(row.constants.keys());
        let header = etwatch_event::field::HEADER_FIELDS;
        for field in row.fields.iter().chain(sigma).filter(|name| !header.contains(&name.as_str()))
        {
            assert!(fields.iter().any(|known| known == field.as_str()), "{} {field}", row.name);
        }
        for category in &row.category {
            let sources = schema["log_sources"].as_array().unwrap();
            let of = |source: &&Value| source.as_str().unwrap().contains(category.as_str());
            assert!(sources.iter().any(|source| of(&source)), "{} {category}", row.name);
        }
    }
}

#[test]
fn help_has_examples() {
    for command in ["events", "schemas"] {
        let help = out(&run_here(&[command, "--help"]));
        assert!(help.contains("Examples:") && help.contains("Exit status: 0 done"), "{help}");
    }
}

/// The two ways of reading, and a replay, agree on how many events real event logs have.
#[test]
fn each_way_of_reading_counts_the_same() {
    let Some(corpus) = corpus() else { return };
    let logs = corpus.join("evtx");
    let logs = logs.to_str().unwrap();
    let count = |stage: &str| -> u64 {
        let output = run_here(&["events", logs, stage, "--count", "--format", "json"]);
        parse(&out(&output)).iter().map(|row| row["count"].as_u64().unwrap()).sum()
    };
    let place = Place::new();
    place.run(&["replay", logs, "--format", "none", "--summary", "s.json", "-q"]);
    let summary: Value = serde_json::from_str(&place.read("s.json")).unwrap();
    let evaluated = summary["ledger"]["evaluated"].as_u64().unwrap();
    assert!(evaluated > 100, "{evaluated}");
    assert_eq!((count("--decoded"), count("--normalised")), (evaluated, evaluated));
}
