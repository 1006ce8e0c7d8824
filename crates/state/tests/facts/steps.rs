//! Steps of which runs are made up: something of each kind that a host's memory learns from.

use std::net::IpAddr;

use etwatch_event::Activity;
use etwatch_event::Shape::{Etw, Evtx, Flat};
use etwatch_event::Value::{self, Hex, Ip, Text, Unsigned};

use super::scene::Scene;

/// A noon, in milliseconds since 1601.
const BEGIN: u64 = 13_411_872_000_000;
const HOSTS: [&str; 2] = ["one", "two"];
const IMAGES: [&str; 4] = [
    "C:\\Windows\\System32\\svchost.exe",
    "C:\\Users\\eva\\a.exe",
    "C:\\Windows\\System32\\lsass.exe",
    "C:\\ProgramData\\b.dll",
];

/// Kinds of steps.
pub(crate) const KINDS: u8 = 20;

/// What happens: milliseconds since the event before, host, process, another process, a choice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) kind: u8,
    pub(crate) after: u64,
    pub(crate) host: usize,
    pub(crate) pid: u64,
    pub(crate) other: u64,
    pub(crate) choice: u8,
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

/// Step after step.
pub(crate) struct Run {
    pub(crate) scene: Scene,
    now: u64,
}

impl Run {
    /// All facts are told, flows and beacons made; nothing has happened yet.
    pub(crate) fn new() -> Self {
        let names = super::scene::all_names();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut scene = Scene::new(&names, &[]);
        scene.derive();
        Self { scene, now: BEGIN }
    }
    pub(crate) fn take(&mut self, step: Step) {
        self.now += step.after;
        let (activity, category, mut fields) = event(step);
        // One in eight comes from an event log.
        self.scene.shape = match activity {
            Activity::FileFacts => Flat,
            _ if step.choice == 3 && step.other > 12 => Evtx,
            _ => Etw,
        };
        fields.push(("Computer", Text(HOSTS[step.host])));
        // Now and then one is late.
        let is_late = step.kind == 13 && step.choice == 2;
        let time = if is_late { self.now - 700 } else { self.now };
        self.scene.comes_as(category, time, activity, &fields);
    }
    /// What waits leaves.
    pub(crate) fn pause(&mut self) {
        while self.scene.state.pause(&mut self.scene.out, &mut self.scene.ledger) {}
    }
    /// What is open is told.
    pub(crate) fn finish(&mut self) {
        while self.scene.state.finish(&mut self.scene.out, &mut self.scene.ledger) {}
    }
}
