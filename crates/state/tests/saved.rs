//! A run that is cut anywhere and goes on with what was saved tells the same as one that is not cut, and would save the
//! same.

#![expect(clippy::unwrap_used, reason = "a failure in a test is a finding")]

#[path = "facts/scene.rs"]
mod scene;

use std::net::IpAddr;

use etwatch_event::Activity;
use etwatch_event::Shape::{Etw, Evtx, Flat};
use etwatch_event::Value::{self, Hex, Ip, Text, Unsigned};
use etwatch_state::saved::Saved;
use proptest::prelude::*;

use scene::{Scene, all_names};

/// A noon, in milliseconds since 1601.
const BEGIN: u64 = 13_411_872_000_000;
const HOSTS: [&str; 2] = ["one", "two"];
const IMAGES: [&str; 4] = [
    "C:\\Windows\\System32\\svchost.exe",
    "C:\\Users\\eva\\a.exe",
    "C:\\Windows\\System32\\lsass.exe",
    "C:\\ProgramData\\b.dll",
];

/// What happens: milliseconds since the event before, host, process, another process, a choice.
#[derive(Clone, Copy, Debug)]
struct Step {
    kind: u8,
    after: u64,
    host: usize,
    pid: u64,
    other: u64,
    choice: u8,
}

prop_compose! {
    fn step()(
        kind in 0..20_u8,
        after in prop::sample::select(vec![0, 1, 30, 900, 5_000, 60_000, 1_500_000, 20_000_000]),
        host in prop::sample::select(vec![0, 0, 0, 1_usize]),
        pid in 1..6_u64,
        other in 1..6_u64,
        choice in 0..4_u8,
    ) -> Step {
        Step { kind, after, host, pid: pid * 4, other: other * 4, choice }
    }
}

type Field<'a> = (&'a str, Value<'a>);

fn ends(step: Step, protocol: &'static str, more: &[Field<'static>]) -> Vec<Field<'static>> {
    let remote = IpAddr::from([192, 0, 2, step.choice]);
    let own = [
        ("ProcessId", Unsigned(step.pid)),
        ("Protocol", Text(protocol)),
        ("SourceIp", Ip(IpAddr::from([10, 0, 0, 1]))),
        ("SourcePort", Unsigned(50_000 + step.other)),
        ("DestinationIp", Ip(remote)),
        ("DestinationPort", Unsigned(443)),
    ];
    own.into_iter().chain(more.iter().copied()).collect()
}

/// A script in parts.
fn part(step: Step) -> Vec<Field<'static>> {
    let text = ["a", "b", "c", "d"][usize::from(step.choice)];
    vec![
        ("ProcessId", Unsigned(step.pid)),
        ("ScriptBlockId", Text(["s", "t"][usize::from(step.other > 12)])),
        ("ScriptBlockText", Text(text)),
        ("MessageNumber", Unsigned(1 + u64::from(step.choice) % 3)),
        ("MessageTotal", Unsigned(3)),
    ]
}

/// What the host was asked about a file.
fn answer(step: Step) -> Vec<Field<'static>> {
    vec![
        ("FileName", Text(IMAGES[usize::from(step.choice)])),
        ("Answered", Text("hashes version signature")),
        ("Hashes", Text("SHA256=00")),
        ("SignatureStatus", Text(["Valid", "Unavailable"][usize::from(step.other > 12)])),
        ("FileId", Text(if step.choice == 0 { "0x1" } else { "0x2" })),
        ("Volume", Unsigned(1)),
        ("FileSize", Unsigned(step.pid)),
        ("Changed", Unsigned(1)),
    ]
}

/// The event of a step: what it is, its category, its fields.
fn event(step: Step) -> (Activity, &'static str, Vec<Field<'static>>) {
    let Step { kind, pid, other, choice, .. } = step;
    let image = IMAGES[usize::from(choice)];
    let own = ("ProcessId", Unsigned(pid));
    let pair = [("SourceProcessId", Unsigned(pid)), ("TargetProcessId", Unsigned(other))];
    let with = |more: &[Field<'static>]| [&[own], more].concat();
    let sent = [("size", Unsigned(100))];
    match kind {
        0..3 => {
            let fields = [
                ("ParentProcessId", Unsigned(other)),
                ("Image", Text(image)),
                ("CommandLine", Text("-k")),
                ("User", Text(if choice == 0 { "S-1-5-21-1-2-3-1001" } else { "CORP\\eva" })),
                ("Execution_ProcessID", Unsigned(other)),
            ];
            (Activity::ProcessStart, "other", with(&fields))
        }
        3 => (Activity::ProcessEnd, "other", with(&[])),
        4 => (Activity::ProcessRundown, "other", with(&[("Image", Text(image))])),
        5 | 6 => {
            let signed = if other > 12 { "false" } else { "true" };
            let fields = [
                ("ImageLoaded", Text(image)),
                ("ImageBase", Hex(0x1000 * other)),
                ("ImageSize", Hex(0x1800)),
                ("Signed", Text(signed)),
            ];
            (Activity::ImageLoad, "other", with(&fields))
        }
        7 => (Activity::ImageUnload, "other", with(&[("ImageBase", Hex(0x1000 * other))])),
        8 => {
            let thread = Unsigned(u64::from(choice) + 100);
            let fields = [("NewThreadId", thread), ("StartAddress", Hex(0x1000 * other + 1))];
            (Activity::ThreadStart, "other", [&pair[..], &fields].concat())
        }
        9 => {
            let fields = [("TargetImage", Text(image)), ("GrantedAccess", Hex(0x10))];
            (Activity::ProcessAccess, "other", [&pair[..], &fields].concat())
        }
        10 => (Activity::FileOpen, "file_event", with(&[("TargetFilename", Text(image))])),
        11 | 12 => {
            let fields = ends(step, "tcp", &[("Initiated", Text("true"))]);
            (Activity::Connection, "other", fields)
        }
        13 => (Activity::Send, "other", ends(step, "tcp", &sent)),
        14 => (Activity::Receive, "other", ends(step, "tcp", &sent)),
        15 => {
            let fields = [("Initiated", Text("true")), ("size", Unsigned(40))];
            (Activity::Connection, "other", ends(step, "udp", &fields))
        }
        16 => {
            let results =
                Text(["192.0.2.0;", "192.0.2.1;", "192.0.2.2;192.0.2.3;", ""][usize::from(choice)]);
            let name = Text(if other > 12 { "c2.example" } else { "cdn.example" });
            (Activity::DnsQuery, "other", with(&[("QueryName", name), ("QueryResults", results)]))
        }
        17 => {
            let fields = [
                ("TargetUserSid", Text("S-1-5-21-1-2-3-1001")),
                ("TargetUserName", Text("anna")),
                ("TargetDomainName", Text("CORP")),
            ];
            (Activity::Logon, "other", fields.to_vec())
        }
        18 => (Activity::ScriptPart, "other", part(step)),
        _ => (Activity::FileFacts, "other", answer(step)),
    }
}

/// What left of a run that is cut before each of the events at `cuts`, and what it would save.
fn run(steps: &[Step], cuts: &[usize]) -> (Vec<String>, etwatch_event::Ledger, Vec<u8>) {
    let names = all_names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::new(&names, &[]);
    scene.derive();
    let mut now = BEGIN;
    for (index, step) in steps.iter().enumerate() {
        if cuts.contains(&index) {
            scene.restart();
        }
        now += step.after;
        let (activity, category, mut fields) = event(*step);
        // One in eight comes from an event log.
        scene.shape = match activity {
            Activity::FileFacts => Flat,
            _ if step.choice == 3 && step.other > 12 => Evtx,
            _ => Etw,
        };
        fields.push(("Computer", Text(HOSTS[step.host])));
        // Now and then one is late.
        let time = if step.kind == 13 && step.choice == 2 { now - 700 } else { now };
        scene.comes_as(category, time, activity, &fields);
    }
    while scene.state.pause(&mut scene.out, &mut scene.ledger) {}
    let saved = scene.saved();
    while scene.state.finish(&mut scene.out, &mut scene.ledger) {}
    assert!(scene.ledger.is_balanced());
    // Each run counts for itself what had to be forgotten.
    scene.ledger.forgotten.clear();
    (scene.left(), scene.ledger, saved)
}

proptest! {
    #[test]
    fn a_run_that_is_cut_anywhere_tells_and_saves_the_same(
        steps in prop::collection::vec(step(), 1..120),
        cuts in prop::collection::vec(0..120_usize, 1..4),
    ) {
        let (left, ledger, saved) = run(&steps, &[]);
        let (cut_left, cut_ledger, cut_saved) = run(&steps, &cuts);
        for (whole, cut) in left.iter().zip(&cut_left) {
            prop_assert_eq!(whole, cut);
        }
        prop_assert_eq!(left.len(), cut_left.len());
        prop_assert_eq!(ledger, cut_ledger);
        prop_assert!(saved == cut_saved, "what is saved differs");
    }

    #[test]
    fn the_same_events_save_the_same_bytes(steps in prop::collection::vec(step(), 1..60)) {
        prop_assert_eq!(run(&steps, &[]).2, run(&steps, &[]).2);
    }

    #[test]
    fn damaged_bytes_are_refused_or_gone_on_with(
        steps in prop::collection::vec(step(), 1..60),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let names = all_names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut bytes = run(&steps, &[]).2;
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(saved) = postcard::from_bytes::<Saved>(&bytes) {
            let mut scene = Scene::new(&names, &[]);
            scene.derive();
            scene.restore(saved);
            for (index, step) in steps.iter().enumerate() {
                let (activity, category, mut fields) = event(*step);
                fields.push(("Computer", Text(HOSTS[step.host])));
                scene.comes_as(category, 2 * BEGIN + index as u64, activity, &fields);
            }
            scene.restart();
            while scene.state.finish(&mut scene.out, &mut scene.ledger) {}
            prop_assert!(scene.ledger.is_balanced());
        }
    }
}

/// A program that calls home each minute, from the morning on.
fn beats(count: u64) -> Vec<Step> {
    let beat = |_| Step { kind: 11, after: 60_000, host: 0, pid: 8, other: 8, choice: 1 };
    (0..count).map(beat).collect()
}

#[test]
fn a_beacon_is_found_wherever_its_beats_are_cut() {
    let steps = beats(14);
    let (left, _, _) = run(&steps, &[]);
    let beacons =
        |left: &[String]| left.iter().filter(|event| event.contains("Confidence")).count();
    assert_eq!(beacons(&left), 1);
    for cut in 0..steps.len() {
        let (cut_left, _, _) = run(&steps, &[cut, cut + 3]);
        assert_eq!(cut_left, left, "{cut}");
    }
}

#[test]
fn what_rules_no_longer_name_is_forgotten_and_what_they_name_now_begins() {
    let mut scene =
        Scene::new(&["ProcessFilesWritten"], &["ProcessChildren", "ProcessChildrenSince"]);
    let write = |scene: &mut Scene, millis| {
        let name = if millis % 2 == 0 { "C:\\a" } else { "C:\\b" };
        let fields = [("ProcessId", Unsigned(8)), ("TargetFilename", Text(name))];
        scene.comes_as("file_event", millis, Activity::FileOpen, &fields);
    };
    (1_000..1_005).for_each(|millis| write(&mut scene, millis));
    scene.restart();
    scene.reload();
    assert_eq!(scene.ask(2_000, 8, "ProcessFilesWritten"), "5");
    assert_eq!(scene.told("ProcessChildrenSince"), scene::at(2_000));
}

#[test]
fn names_behind_handles_are_not_kept() {
    let mut scene = Scene::new(&[], &[]);
    let fields = [
        ("ProcessId", Unsigned(8)),
        ("QueryName", Text("a.example")),
        ("QueryResults", Text("192.0.2.1;")),
    ];
    scene.comes(1_000, Activity::DnsQuery, &fields);
    scene.restart();
    // An answer of DNS is no handle.
    let remote = IpAddr::from([192, 0, 2, 1]);
    let fields = [("ProcessId", Unsigned(8)), ("DestinationIp", Ip(remote))];
    scene.comes(1_500, Activity::Connection, &fields);
    assert_eq!(scene.told("DestinationHostname"), "a.example");
}
