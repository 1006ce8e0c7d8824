//! Sources end to end: shapes, packing, damage, limits. Whatever comes in, every record is counted.

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

use std::io::Write as _;
use std::path::PathBuf;

use etwatch_capture::Limits;
use etwatch_capture::source::Location;
use etwatch_engine::input::Input;
use etwatch_engine::work::Workers;
use etwatch_engine::{Options, Report};
use etwatch_event::{Ledger, Shape};
use support::{Collected, engine_of, options, run};

const ANY_PROCESS: &str = "title: t\nlogsource: {category: process_creation}\ndetection: {s: {Image|contains: a}, condition: s}\n";

fn replay_bytes(name: &str, bytes: &[u8], limits: Limits) -> (Collected, Report) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let options = Options { limits, ..options(2, 64) };
    run(&engine_of(ANY_PROCESS), &[path], options)
}

fn replay_text(text: &str) -> (Collected, Report) {
    replay_bytes("x.json", text.as_bytes(), Limits::default())
}

const FLAT: &str = r#"{"EventID":1,"Provider_Name":"Microsoft-Windows-Sysmon","Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"h","EventRecordID":7,"UtcTime":"2026-01-02 03:04:05.678","Image":"a","ProcessId":4}"#;
const XML: &str = r##"{"Event":{"#attributes":{"xmlns":"http://x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Sysmon","Guid":"g"}},"EventID":{"#attributes":{"Qualifiers":0},"#text":1},"TimeCreated":{"#attributes":{"SystemTime":"2026-01-02T03:04:05.678Z"}},"EventRecordID":7,"Correlation":null,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"h","Security":{"#attributes":{"UserID":"S-1-5-18"}}},"EventData":{"Image":"a","ProcessId":4,"Empty":null}}}"##;
const XML_SEPARATE: &str = r#"{"Event":{"System":{"Provider_attributes":{"Name":"Microsoft-Windows-Sysmon"},"EventID":1,"TimeCreated_attributes":{"SystemTime":"2026-01-02T03:04:05.678Z"},"EventRecordID":7,"Channel":"Microsoft-Windows-Sysmon/Operational","Computer":"h"},"EventData":{"Image":"a","ProcessId":4}}}"#;
const XML_NAMED: &str = r##"{"Event":{"System":{"Provider":{"@Name":"Microsoft-Windows-Sysmon"},"EventID":"1","TimeCreated":{"@SystemTime":"2026-01-02T03:04:05.678Z"},"EventRecordID":"7","Computer":"h"},"EventData":{"Data":[{"@Name":"Image","#text":"a"},{"@Name":"ProcessId","#text":"4"}]}}}"##;
const WINLOGBEAT: &str = r#"{"@timestamp":"2026-01-02T03:04:05.678Z","message":"m","event":{"code":"1"},"winlog":{"channel":"Microsoft-Windows-Sysmon/Operational","provider_name":"Microsoft-Windows-Sysmon","event_id":"1","record_id":"7","computer_name":"h","event_data":{"Image":"a","ProcessId":"4"}}}"#;
const NXLOG: &str = r#"{"EventTime":"2026-01-02 03:04:05.678","Hostname":"h","SourceName":"Microsoft-Windows-Sysmon","EventID":1,"RecordNumber":7,"Channel":"Microsoft-Windows-Sysmon/Operational","ProcessID":2000,"Image":"a","ProcessId":"4"}"#;
const BARE: &str = r#"{"EventID":1,"UtcTime":"2026-01-02 03:04:05.678","Computer":"h","RecordID":7,"Image":"a","ProcessId":4}"#;

#[test]
fn each_shape_gives_the_same_event() {
    for (text, shape) in [
        (FLAT, Shape::Flat),
        (XML, Shape::EventXml),
        (XML_SEPARATE, Shape::EventXml),
        (XML_NAMED, Shape::EventXml),
        (WINLOGBEAT, Shape::Winlogbeat),
        (NXLOG, Shape::Nxlog),
        (BARE, Shape::Flat),
    ] {
        let (alerts, report) = replay_text(text);
        let alert = alerts.alerts().pop().unwrap_or_else(|| panic!("no alert for {text}"));
        assert_eq!(alert.time.as_deref(), Some("2026-01-02T03:04:05.6780000Z"), "{text}");
        assert_eq!(alert.host.as_deref(), Some("h"), "{text}");
        assert_eq!(alert.event.provider.as_deref(), Some("Microsoft-Windows-Sysmon"), "{text}");
        assert_eq!(alert.event.id, Some(1), "{text}");
        assert_eq!(alert.event.source.record, 7, "{text}");
        let process = alert.process.unwrap();
        assert_eq!((process.image.as_deref(), process.pid), (Some("a"), Some(4)), "{text}");
        assert_eq!(report.shapes.get(&shape), Some(&1), "{text}");
    }
}

#[test]
fn an_empty_element_is_an_empty_text_and_a_missing_field_is_missing() {
    let fields = replay_text(XML).0.alerts().pop().unwrap().event.fields;
    assert_eq!(fields.get("Empty").and_then(|value| value.as_str()), Some(""));
    assert!(!fields.contains_key("Correlation"));
    assert_eq!(fields.get("Security_UserID").and_then(|value| value.as_str()), Some("S-1-5-18"));
}

#[test]
fn lines_arrays_and_documents_hold_the_same_records() {
    let pretty = FLAT.replace(',', ",\n  ").replace('{', "{\n  ");
    for text in [
        [FLAT; 5].join("\n"),
        [FLAT; 5].join("\r\n") + "\r\n",
        [FLAT; 5].join("\n\n"),
        [FLAT; 5].join(",\n"),
        [FLAT; 5].concat(),
        format!("[{}]", [FLAT; 5].join(",")),
        format!("[\n  {}\n]\n", [FLAT; 5].join(",\n  ")),
        [pretty.as_str(); 5].join("\n"),
        [pretty.as_str(); 5].concat(),
        format!("\u{feff}{}", [FLAT; 5].join("\n")),
    ] {
        let (alerts, report) = replay_text(&text);
        assert_eq!(alerts.alerts().len(), 5, "{text}");
        assert_eq!((report.ledger.read, report.ledger.lost()), (5, 0), "{text}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zstd frame of one raw block for each 64 KiB: no compressor is needed to write one.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    let blocks: Vec<&[u8]> = bytes.chunks(1 << 16).collect();
    for (index, block) in blocks.iter().enumerate() {
        let last = u32::from(index + 1 == blocks.len());
        let header = last | u32::try_from(block.len()).unwrap() << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame
}

#[test]
fn packed_recordings_are_read_also_in_several_members() {
    let text = [FLAT; 700].join("\n") + "\n";
    for bytes in [
        gzip(text.as_bytes()),
        [gzip(text.as_bytes()), gzip(text.as_bytes())].concat(),
        zstd(text.as_bytes()),
        [zstd(text.as_bytes()), zstd(text.as_bytes())].concat(),
    ] {
        let (alerts, report) = replay_bytes("x.bin", &bytes, Limits::default());
        assert_eq!(report.unreadable, Vec::<String>::new());
        assert_eq!(alerts.alerts().len() % 700, 0);
        assert!(alerts.alerts().len() >= 700);
    }
}

/// Inputs that overlap in time and can't be read twice keep their events while others have their turn.
#[test]
fn packed_recordings_that_overlap_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = (0..6)
        .map(|input| {
            let line =
                |n| FLAT.replace(":7,", &format!(":{n},")).replace("5.678", &format!("5.{n}"));
            let text: String = (100..999).map(|n| line(n) + "\n").collect();
            let path = folder.path().join(format!("{input}.jsonl.gz"));
            std::fs::write(&path, gzip(text.as_bytes())).unwrap();
            path
        })
        .collect();
    let options = Options { held: 1, ..options(2, 64) };
    let (alerts, report) = run(&engine_of(ANY_PROCESS), &paths, options);
    assert_eq!(report.unreadable, Vec::<String>::new());
    assert_eq!((report.ledger.read, alerts.alerts().len()), (6 * 899, 6 * 899));
}

/// A file that is changed while its turn is over: what it had is counted as lost, and it is told.
#[test]
fn a_file_that_changes_while_it_waits_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{FLAT}\n").repeat(9)).unwrap();
    let location = Location::File(file.path().to_owned());
    let workers = Workers::start(engine_of(ANY_PROCESS), 1).unwrap();
    let mut ledger = Ledger::default();
    let mut input = Input::new(location, 0);
    input.begin(&workers, Limits::default()).unwrap();
    for _ in 0..4 {
        assert!(input.advance(&workers, 1, &mut ledger).unwrap().is_some());
        input.step();
        ledger.evaluated += 1;
    }
    assert!(input.rest(&workers).is_some());
    input.park();
    std::fs::write(file.path(), format!("{FLAT}\n").repeat(3)).unwrap();
    assert_eq!(input.advance(&workers, 1, &mut ledger).unwrap(), None);
    assert!(input.error.is_some());
    assert_eq!(ledger.skipped.get("input changed"), Some(&5));
    assert!(ledger.is_balanced());
}

#[test]
fn a_cut_off_gzip_gives_what_is_readable_then_an_error() {
    let text =
        (0..20_000).map(|n| FLAT.replace(":7,", &format!(":{n},")) + "\n").collect::<String>();
    let mut bytes = gzip(text.as_bytes());
    bytes.truncate(bytes.len() * 3 / 4);
    let (alerts, report) = replay_bytes("x.gz", &bytes, Limits::default());
    assert!(alerts.alerts().len() > 5_000);
    assert_eq!(report.unreadable.len(), 1);
    assert!(report.input_was_lost());
}

#[test]
fn damage_costs_its_own_record_alone() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let bottomless = format!("{{\"a\":{}", "[".repeat(200_000));
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(3_000));
    let long = format!("{{\"{}\":1}}", "k".repeat(600));
    for (bad, reason) in [
        (many.as_str(), "JSON value limit"),
        (long.as_str(), "JSON path limit"),
        (r#"{"EventID": tru }"#, "JSON syntax"),
        (r#"{"EventID": 1"#, "JSON cut off"),
        (r#"["x"]"#, "JSON is no object"),
        ("garbage", "JSON syntax"),
        (deep.as_str(), "JSON nesting limit"),
        (bottomless.as_str(), "JSON nesting limit"),
        ("{\"Image\":\"\u{0}\"}", "JSON syntax"),
    ] {
        let text = format!("{FLAT}\n{bad}\n{FLAT}\n");
        let (alerts, report) = replay_text(&text);
        assert_eq!(alerts.alerts().len(), 2, "{bad:.60}");
        assert_eq!(report.ledger.read, 3, "{bad:.60}: {:?}", report.damage);
        assert_eq!(report.ledger.skipped.get(reason), Some(&1), "{bad:.60}: {:?}", report.ledger);
        assert_eq!(report.damage[0].1.offset, FLAT.len() as u64 + 1, "{bad:.60}");
    }
}

#[test]
fn damage_in_documents_does_not_swallow_those_behind_it() {
    let pretty = FLAT.replace(',', ",\n  ").replace('{', "{\n  ");
    let text = format!("{pretty}\n{{\n \"broken\": \"no end\n}}\n{pretty}\n{pretty}\n");
    let (alerts, report) = replay_text(&text);
    assert_eq!(alerts.alerts().len(), 3, "{:?}", report.damage);
    assert!(report.ledger.lost() >= 1);
}

/// What is no record is counted one by one, and hides no record behind it.
#[test]
fn each_value_that_is_no_record_is_counted() {
    for (text, records, lost) in [
        (format!("[{FLAT},1,\"x\",null, true ,2.5,{FLAT},nonsense,]\n"), 2, 6),
        (format!("[\"a{{b\",{FLAT},\"}}\",{FLAT}]"), 2, 2),
        (format!("[{FLAT}]\nnonsense \"\n[{FLAT}]\n"), 2, 1),
        (format!("{FLAT}\n[{FLAT},{FLAT}]\n[\n{FLAT},\n{FLAT}\n]\n"), 5, 0),
        (format!("{FLAT}\n[{FLAT},7,{{\"a\":}},{FLAT}\n"), 3, 2),
        (format!("\u{feff}{FLAT}\n\u{feff}{FLAT}\n"), 2, 0),
        (format!("\u{feff}[{FLAT}]\n\u{feff}[{FLAT}]\n"), 2, 0),
    ] {
        let (alerts, report) = replay_text(&text);
        let (read, ledger) = (alerts.alerts().len(), &report.ledger);
        assert_eq!((read, ledger.lost()), (records, lost), "{text:.60}: {:?}", report.damage);
    }
}

/// The rest of a record that was too long is no record, whatever it looks like.
#[test]
fn a_record_that_is_too_long_counts_once() {
    let limits = Limits { record_bytes: 4_096, ..Limits::default() };
    let inner = r#"{"b":"}{ ["},"#.repeat(80_000);
    let long = format!("{{\"a\":[{inner}1]}}");
    let (alerts, report) = replay_bytes("x", format!("[{FLAT},{long},{FLAT}]").as_bytes(), limits);
    assert_eq!((alerts.alerts().len(), report.ledger.lost()), (2, 1), "{:?}", report.damage);
}

/// Damage that could be looked at anew from each line takes no longer than the input is long.
#[test]
fn damage_takes_no_longer_than_its_length() {
    for text in ["{\n".repeat(400_000), "{\"\n".repeat(400_000), "{\"a\":[\n{}\n".repeat(200_000)] {
        let balanced = text.clone() + &"]}".repeat(400_000);
        for text in [text, balanced] {
            assert!(replay_text(&text).1.ledger.lost() > 0);
        }
    }
}

/// However short its records are, a piece holds a limited number of them.
#[test]
fn many_short_records_are_read_in_several_pieces() {
    let short = r#"{"EventID":1}"#.repeat(70_000);
    let (_, report) = replay_text(&short);
    assert_eq!((report.ledger.evaluated, report.ledger.lost()), (70_000, 0));
    let lines = short.replace('}', "}\n");
    let (_, report) = replay_text(&lines);
    assert_eq!((report.ledger.evaluated, report.ledger.lost()), (70_000, 0));
    // A single line among others is a single piece.
    let (alerts, report) = replay_text(&format!("{FLAT}\n{short}\n{FLAT}\n"));
    let over = *report.ledger.skipped.get("JSON block limit").unwrap();
    assert!(over > 10_000, "{:?}", report.ledger);
    assert_eq!((report.ledger.read, report.ledger.evaluated), (70_002, 70_002 - over));
    assert!(!alerts.alerts().is_empty());
}

#[test]
fn limits_have_names_and_the_rest_goes_on() {
    let limits = Limits { record_bytes: 4_096, ..Limits::default() };
    let long = format!("{{\"EventID\":1,\"Image\":\"{}\"}}", "a".repeat(1 << 20));
    for text in [format!("{FLAT}\n{long}\n{FLAT}\n"), format!("[{FLAT},\n{long},\n{FLAT}]")] {
        let (alerts, report) = replay_bytes("x.json", text.as_bytes(), limits);
        assert_eq!(alerts.alerts().len(), 2, "{:?}", report.damage);
        assert_eq!(
            report.ledger.skipped.get("JSON record size limit"),
            Some(&1),
            "{:?}",
            report.ledger
        );
    }
}

#[test]
fn a_decompression_bomb_meets_its_limit() {
    let bomb = gzip(&vec![b' '; 256 << 20]);
    assert!(bomb.len() < 4 << 20);
    for limits in [
        Limits { unpacked_ratio: 50, ..Limits::default() },
        Limits { unpacked_bytes: 1 << 20, ..Limits::default() },
    ] {
        let (_, report) = replay_bytes("x.gz", &bomb, limits);
        assert_eq!(report.unreadable.len(), 1);
        assert!(report.unreadable[0].contains("limit"), "{:?}", report.unreadable);
    }
}

#[test]
fn what_is_no_recording_is_told() {
    for (bytes, word) in
        [(&b"\xff\xfe{\0}\0"[..], "UTF-16"), (b"MZ\x90\0", "neither an event log nor JSON")]
    {
        let (_, report) = replay_bytes("x.json", bytes, Limits::default());
        assert_eq!(report.unreadable.len(), 1);
        assert!(report.unreadable[0].contains(word), "{:?}", report.unreadable);
    }
}

/// Real event logs as they were recorded: nothing is counted as lost.
#[test]
fn sound_event_logs_lose_nothing() {
    let Some(corpus) = support::corpus() else { return };
    let files = support::files_under(&corpus.join("evtx"), ".evtx");
    let (_, report) = run(&engine_of(ANY_PROCESS), &files, options(2, 64));
    assert_eq!(report.unreadable, Vec::<String>::new());
    assert_eq!((report.ledger.read > 0, report.ledger.lost()), (true, 0), "{:?}", report.damage);
}

/// Real event logs, cut and overwritten: what is whole is read, what is not is counted, nothing panics.
#[test]
fn damaged_event_logs_give_what_is_whole() {
    let Some(corpus) = support::corpus() else { return };
    let files = support::files_under(&corpus.join("evtx/Execution"), ".evtx");
    let largest = files.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let bytes = std::fs::read(largest).unwrap();
    let whole = replay_bytes("a.evtx", &bytes, Limits::default()).1.ledger.evaluated;
    assert!(whole > 100);

    // A chunk's header is gone: its records are lost and told, the others stay.
    let mut no_header = bytes.clone();
    no_header[4_096..4_104].fill(b'?');
    let (_, report) = replay_bytes("a.evtx", &no_header, Limits::default());
    assert_eq!(report.ledger.skipped.get("EVTX chunk header"), Some(&1));
    assert!(report.ledger.evaluated < whole);

    // The file's own header is gone: the chunks are found all the same.
    let mut no_file_header = bytes.clone();
    no_file_header[..8].fill(0);
    let (_, report) = replay_bytes("a.evtx", &no_file_header, Limits::default());
    assert_eq!(report.ledger.evaluated, whole);

    // The file ends in the middle of a chunk, or before one: what is missing is told and counted.
    for (length, reason) in [(40_000, "EVTX chunk cut off"), (0, "EVTX chunk missing")] {
        let (_, report) = replay_bytes("a.evtx", &bytes[..4_096 + length], Limits::default());
        assert_eq!(report.ledger.evaluated > 0, length > 0);
        assert!(report.ledger.skipped.contains_key(reason), "{:?}", report.ledger);
        assert!(report.input_was_lost());
    }

    // Bytes are overwritten here and there.
    for seed in 0..40_u64 {
        let mut noisy = bytes.clone();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..200 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = 4_096 + usize::try_from(state % 60_000).unwrap();
            noisy[at] = state.to_le_bytes()[5];
        }
        let (_, report) = replay_bytes("a.evtx", &noisy, Limits::default());
        assert!(report.ledger.read > 0);
    }

    // Packed, it has to go through a temporary file.
    let (_, report) = replay_bytes("a.evtx.gz", &gzip(&bytes), Limits::default());
    assert_eq!(report.ledger.evaluated, whole);
}

/// A record that does not say when it happened takes the time of the one before it.
#[test]
fn a_record_without_a_time_follows_the_one_before_it() {
    let timeless =
        r#"{"EventID":1,"Provider_Name":"Microsoft-Windows-Sysmon","Image":"a timeless"}"#;
    let times = |text: &str| -> Vec<_> {
        replay_text(text).0.alerts().into_iter().map(|alert| alert.time.is_some()).collect()
    };
    assert_eq!(times(&format!("{FLAT}\n{timeless}\n")), [true, true]);
    assert_eq!(times(&format!("{timeless}\n{FLAT}\n")), [false, true]);
}
