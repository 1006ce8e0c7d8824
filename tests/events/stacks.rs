//! Stacks joined to their events: a trace that is made here, and a real one.
//!
//! The made trace has each way in which a stack comes: addresses of their own in two parts, a key that is
//! explained at the end, an item of the event itself, an event without a thread, and a stack without an event.

use std::io::{Cursor, Write as _};
use std::process::{Command, Stdio};

use etwatch_capture::etl::{TraceHeader, Writer};
use etwatch_event::raw::push_item;
use etwatch_event::{ExtendedItem, Guid, RawForm, RawHeader, RawRecord, Timestamp};
use serde_json::Value;

use crate::support::place::{Place, err, out, status};
use crate::support::{corpus, golden, root};

const IMAGE: &str = "2cb15d1d-5fc1-11d2-abe1-00a0c911f518";
const PERFORMANCE: &str = "ce1dbfb4-137e-4da6-87b0-3f59aa102cbc";
const STACK_WALK: &str = "def2fe46-7bd6-4b80-bd94-f57fe20d0ce3";
const AUDIT: &str = "e02a841c-75a3-4fa7-afc8-ae09cf9b7f23";

/// 2026-03-02 09:00 UTC.
const START: u64 = 134_169_156_000_000_000;
const USER: u64 = 0x7ff8_1000_0000;
const KERNEL: u64 = 0xffff_f800_0000_0000;

/// A record of the kernel logger, by thread 8 of process 672.
fn kernel(class: &str, opcode: u8, time: u64) -> RawHeader {
    RawHeader {
        form: RawForm::Kernel,
        time: Timestamp::from_filetime(START + time),
        provider: Guid::parse(class).unwrap(),
        version: 2,
        opcode,
        process_id: Some(672),
        thread_id: Some(8),
        pointer_size: 8,
        ..RawHeader::default()
    }
}

fn image(process: u32, base: u64, path: &str) -> Vec<u8> {
    let mut payload = [base.to_le_bytes(), 0x10_0000_u64.to_le_bytes()].concat();
    payload.extend(process.to_le_bytes());
    payload.extend([0; 36]);
    payload.extend(path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    payload
}

/// A stack of the event at `time`, its thread being 8 of 672; `rest` are addresses, or a key.
fn stack(time: u64, rest: &[u64]) -> Vec<u8> {
    let mut payload = (START + time).to_le_bytes().to_vec();
    payload.extend([672_u32, 8].into_iter().flat_map(u32::to_le_bytes));
    payload.extend(rest.iter().copied().flat_map(u64::to_le_bytes));
    payload
}

/// A trace with stacks; times are 100 ns units since its start.
fn trace() -> Vec<u8> {
    let anybody = |header: RawHeader| RawHeader { process_id: None, thread_id: None, ..header };
    let audit =
        RawHeader { form: RawForm::Event, id: 5, opcode: 0, version: 0, ..kernel(AUDIT, 0, 50) };
    let mut item = Vec::new();
    let carried: Vec<u8> = [0, USER + 0x9, 0x1234].into_iter().flat_map(u64::to_le_bytes).collect();
    push_item(&mut item, ExtendedItem::STACK_64, &carried, true);
    let opened: Vec<u8> = [700_u32, 0x1410, 0].into_iter().flat_map(u32::to_le_bytes).collect();
    let profile = [&(KERNEL + 1).to_le_bytes()[..], &[8, 0, 0, 0, 1, 0, 0, 0]].concat();
    let define = |key: u64, addresses: &[u64]| -> Vec<u8> {
        [key].iter().chain(addresses).copied().flat_map(u64::to_le_bytes).collect()
    };
    let records = [
        (kernel(IMAGE, 10, 10), image(4, KERNEL, r"\SystemRoot\system32\ntoskrnl.exe")),
        (kernel(IMAGE, 10, 20), image(672, USER, r"\Device\HarddiskVolume2\Windows\ntdll.dll")),
        (anybody(kernel(STACK_WALK, 32, 21)), stack(20, &[KERNEL + 0x10, KERNEL + 0x20])),
        (anybody(kernel(PERFORMANCE, 46, 30)), profile),
        (anybody(kernel(STACK_WALK, 37, 31)), stack(30, &[0xabc])),
        (anybody(kernel(STACK_WALK, 32, 40)), stack(20, &[USER + 0x30, 0x48_0000])),
        (anybody(kernel(STACK_WALK, 32, 41)), stack(11, &[USER])),
        (anybody(kernel(STACK_WALK, 38, 42)), stack(20, &[0xdef])),
        (audit, opened),
        (anybody(kernel(STACK_WALK, 36, 60)), define(0xabc, &[KERNEL + 0x40])),
        (kernel(IMAGE, 4, 61), image(672, 0x40_0000, r"\Device\HarddiskVolume2\a.exe")),
    ];
    let start = Timestamp::from_filetime(START);
    let header = TraceHeader { build: 19_045, start, ..TraceHeader::default() };
    let mut file = Cursor::new(Vec::new());
    let mut writer = Writer::create(&mut file, &header).unwrap();
    for (header, payload) in &records {
        let is_event = header.form == RawForm::Event;
        let extended = if is_event { &item[..] } else { &[] };
        writer.write(&RawRecord { header: *header, extended, payload }).unwrap();
    }
    writer.finish().unwrap();
    file.into_inner()
}

#[test]
fn each_event_is_shown_with_its_stack() {
    root();
    let place = Place::new();
    place.write("trace.etl", trace());
    for (file, format) in [("stacks.txt", "text"), ("stacks.jsonl", "json")] {
        let output = place.run(&["events", "trace.etl", "--stacks", "--format", format]);
        assert_eq!(status(&output), 0, "{}", err(&output));
        let told = "12 read = 7 shown + 2 bookkeeping + 3 joined\n";
        assert!(err(&output).contains(told), "{}", err(&output));
        golden(&root().join("tests/events").join(file), &out(&output));
    }
}

#[test]
fn what_is_not_asked_for_is_joined_and_not_printed() {
    let place = Place::new();
    place.write("trace.etl", trace());
    let shown = |flags: &[&str]| {
        let arguments = [&["events", "trace.etl", "--stacks", "--format", "json"], flags].concat();
        let output = place.run(&arguments);
        assert_eq!(status(&output), 0, "{}", err(&output));
        (out(&output), err(&output))
    };
    let (events, summary) = shown(&["--provider", "*-PerfInfo"]);
    assert_eq!(events.lines().count(), 1);
    assert!(events.ends_with("\"stack\":[\"ntoskrnl.exe+0x40\"]}\n"), "{events}");
    let told = "1 shown + 6 filtered (not selected 6) + 2 bookkeeping + 3 joined";
    assert!(summary.contains(told), "{summary}");
    // A limit waits for the stack of the last event that is shown.
    let (events, summary) = shown(&["--limit", "2"]);
    assert_eq!(events.lines().count(), 2);
    assert!(events.ends_with("\"ntdll.dll+0x30\",\"a.exe+0x80000\"]}\n"), "{events}");
    assert!(summary.contains("2 shown, then stopped"), "{summary}");
    for flag in ["--raw", "--normalised", "--count"] {
        let output = place.run(&["events", "trace.etl", "--stacks", flag]);
        assert_eq!(status(&output), 2, "{flag}");
    }
}

#[test]
fn other_recordings_are_printed_in_their_place() {
    let place = Place::new();
    place.write("trace.etl", trace());
    let both = place.run(&["events", "events.jsonl", "trace.etl", "events.jsonl", "--stacks"]);
    assert_eq!(status(&both), 0, "{}", err(&both));
    assert!(err(&both).contains("14 read = 9 shown + 2 bookkeeping + 3 joined"), "{}", err(&both));
    let text = out(&both);
    let files: Vec<_> = text.lines().filter(|line| line.contains(", record ")).collect();
    let ends = [files.first(), files.last()];
    assert_eq!(ends, [Some(&"  events.jsonl, record 1"); 2], "{text}");
}

#[test]
fn standard_input_is_read_once() {
    let bytes = trace();
    let mut child = Command::new(env!("CARGO_BIN_EXE_etwatch"))
        .args(["events", "-", "--stacks", "--provider", "*-PerfInfo", "--provider", "*-StackWalk"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    // The key of the profile is defined behind its stack, so that is an event of its own.
    let told = "12 read = 4 shown + 4 filtered (not selected 4) + 2 bookkeeping + 2 joined";
    assert!(err(&output).contains(told), "{}", err(&output));
}

/// Of the real trace 252 stacks have addresses and 9,107 a key, and a reader of others finds the event of
/// each in the trace; 2,921 records define keys.
#[test]
fn the_stacks_of_a_real_trace_find_their_events() {
    let Some(corpus) = corpus() else { return };
    let trace = corpus.join("etl/net.4.5.2.x64.etl");
    let mut arguments = vec!["events", trace.to_str().unwrap(), "--stacks", "--format", "json"];
    for provider in ["*-DiskIo", "*-Image", "*-StackWalk", "*-Kernel-File", "*-PerfInfo"] {
        arguments.extend(["--provider", provider]);
    }
    // Idle processors are profiled too, without stacks.
    arguments.extend(["--where", "ThreadId!=0"]);
    let output = Place::new().run(&arguments);
    assert_eq!(status(&output), 0, "{}", err(&output));
    let summary = err(&output);
    let count = |what: &str| -> u64 {
        let before = summary.split(what).next().unwrap();
        before.rsplit([' ', '\n']).next().unwrap().parse().unwrap()
    };
    let joined = count(" joined");
    println!("{joined} of 9,359 records of stacks joined\n{summary}");
    assert!(joined * 100 > 9_359 * 95, "{joined}");
    let events: Vec<Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| {
        let is_of = |event: &&Value| event["provider"].as_str().unwrap().ends_with(name);
        events.iter().filter(is_of).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of("-StackWalk").len() as u64, 9_359 - joined);
    // Reads of disks have a stack in the kernel, events of Kernel-File carry theirs.
    for (name, least) in [("-DiskIo", 1_000), ("-Image", 20), ("-Kernel-File", 500)] {
        let with = of(name).iter().filter(|event| event["stack"].is_array()).count();
        assert!(with > least, "{name} {with}");
    }
    // An address of code that was profiled is that of the innermost call. Images begin at whole pages.
    let page =
        |text: &str| u64::from_str_radix(text.rsplit("0x").next().unwrap(), 16).unwrap() & 0xfff;
    let profiled = of("-PerfInfo");
    let tops: Vec<_> = profiled
        .iter()
        .filter_map(|event| {
            Some((event["fields"]["InstructionPointer"].as_str()?, event["stack"][0].as_str()?))
        })
        .collect();
    let agree = tops.iter().filter(|(pointer, top)| page(pointer) == page(top)).count();
    println!("{agree} of {} profiled addresses are where their stack begins", tops.len());
    assert!(tops.len() > 6_000 && agree * 1_000 > tops.len() * 999, "{agree} of {}", tops.len());
    let frames: Vec<&str> = events
        .iter()
        .flat_map(|event| event["stack"].as_array().into_iter().flatten())
        .map(|frame| frame.as_str().unwrap())
        .collect();
    let named = frames.iter().filter(|frame| frame.contains("+0x")).count();
    println!("{named} of {} addresses lie in a known module", frames.len());
    assert!(named * 10 > frames.len() * 8, "{named} of {}", frames.len());
    assert!(frames.iter().any(|frame| frame.starts_with("ntoskrnl.exe+0x")));
}
