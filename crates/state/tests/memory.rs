//! One limit for all that is remembered: whatever comes, and however many hosts there are, what is counted stays within
//! it, what is counted is what is there, and what had to go is told.
//!
//! `cargo test -p etwatch-state --test memory -- --nocapture` prints the figures.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

#[path = "../../../tests/support/allocations.rs"]
mod allocations;
#[path = "facts/scene.rs"]
mod scene;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use allocations::held;
use etwatch_event::Activity::{
    Connection, DnsQuery, FileFacts, FileOpen, ImageLoad, Logon, ProcessStart, ScriptPart,
    ThreadStart,
};
use etwatch_event::Shape;
use etwatch_event::Value::{Ip, Text, Unsigned};
use etwatch_state::Settings;
use etwatch_state::limits::{BUILT_IN, Table, by_table};
use scene::{Scene, all_names};

const LIMIT: usize = 16 << 20;

fn scene(memory: usize) -> Scene {
    let names = all_names();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::with(&names, &[], Settings { memory, ..Settings::default() });
    scene.derive();
    scene
}

/// A process of a host that does a bit of everything, as no other does.
fn act(scene: &mut Scene, host: &str, number: u32) {
    let millis = 1_000_000 + u64::from(number);
    let pid = 4_000 + 4 * u64::from(number);
    let (own, on) = (("ProcessId", Unsigned(pid)), ("Computer", Text(host)));
    let long = format!("{:200}", format!("C:\\Users\\eva\\{number}\\program.exe"));
    let command_line = format!("{long} {number}");
    scene.shape = Shape::Evtx;
    let start = [("Image", Text(&long)), ("CommandLine", Text(&command_line))];
    scene.comes(millis, ProcessStart, &[on, own, start[0], start[1]]);
    for image in 0..4_u32 {
        let path = format!("C:\\Users\\eva\\{number}\\library-{image}.dll");
        let place =
            [("ImageBase", Unsigned(u64::from(image + 1) << 20)), ("ImageSize", Unsigned(1 << 16))];
        let file = [("ImageLoaded", Text(&path)), ("Signed", Text("false"))];
        scene.comes(millis, ImageLoad, &[on, own, place[0], place[1], file[0], file[1]]);
    }
    let sid = format!("S-1-5-21-{number}");
    let account = [("TargetUserSid", Text(&sid)), ("TargetUserName", Text(&command_line))];
    scene.comes(millis, Logon, &[on, account[0], account[1]]);
    let (id, text) = (number.to_string(), long.repeat(10));
    let part = [("ScriptBlockId", Text(&id)), ("ScriptBlockText", Text(&text))];
    let of = [("MessageNumber", Unsigned(1)), ("MessageTotal", Unsigned(2))];
    scene.comes(millis, ScriptPart, &[on, own, part[0], part[1], of[0], of[1]]);
    scene.shape = Shape::Etw;
    let [_, a, b, c] = number.to_be_bytes();
    let there = Ip(IpAddr::V4(Ipv4Addr::new(9, a, b, c)));
    let here = Ip(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)));
    let name = format!("a-host-with-quite-a-long-name-{number}.example.org");
    let results = format!("9.{a}.{b}.{c};");
    let query = [("QueryName", Text(&name)), ("QueryResults", Text(&results))];
    scene.comes(millis, DnsQuery, &[on, own, query[0], query[1]]);
    for protocol in ["tcp", "udp"] {
        let kind = [("Protocol", Text(protocol)), ("Initiated", Text("true"))];
        let source = [("SourceIp", here), ("SourcePort", Unsigned(50_000))];
        let target = [("DestinationIp", there), ("DestinationPort", Unsigned(443))];
        let all = [on, own, kind[0], kind[1], source[0], source[1], target[0], target[1]];
        scene.comes(millis, Connection, &all);
    }
    let file = [("FileObject", Unsigned(pid)), ("TargetFilename", Text(&long))];
    scene.comes(millis, FileOpen, &[on, own, file[0], file[1]]);
    let thread = [("TargetProcessId", Unsigned(pid)), ("NewThreadId", Unsigned(pid + 1))];
    scene.comes(millis, ThreadStart, &[on, ("SourceProcessId", Unsigned(8)), thread[0], thread[1]]);
    scene.shape = Shape::Flat;
    let file = format!("0x{pid:x}");
    let told = [("FileName", Text(&long)), ("Answered", Text("hashes")), ("FileId", Text(&file))];
    let [volume, size, changed] = ["Volume", "FileSize", "Changed"].map(|own| (own, Unsigned(pid)));
    let hashes = ("Hashes", Text("SHA256=0123456789012345678901234567890123456789"));
    let all = [on, told[0], told[1], told[2], volume, size, changed, hashes];
    scene.comes(millis, FileFacts, &all);
    scene.out.clear();
}

/// What of each table had to go.
fn evicted(scene: &Scene, table: Table) -> u64 {
    let forgotten = &scene.ledger.forgotten;
    table.forgets().iter().filter_map(|what| forgotten.get(what)).sum()
}

fn assert_within(scene: &Scene, limit: usize) {
    let mut rooms = BTreeMap::new();
    for (table, room) in by_table(limit) {
        *rooms.entry(table.name()).or_default() += room as u64;
    }
    let memory = scene.state.memory();
    assert!(memory.iter().all(|(table, bytes)| *bytes <= rooms[table]), "{memory:?} {rooms:?}");
    assert!(memory.values().sum::<u64>() <= limit as u64, "{memory:?}");
}

const OF_A_HOST: [Table; 10] = [
    Table::Processes,
    Table::ProcessFacts,
    Table::Names,
    Table::Flows,
    Table::Connections,
    Table::Beacons,
    Table::FileFacts,
    Table::Scripts,
    Table::Accounts,
    Table::Threads,
];

/// A flood of everything, on one host; what is said of it at the end.
fn flood(scene: &mut Scene, count: u32, limit: usize) {
    for number in 0..count {
        act(scene, "one", number);
        if number % 1_000 == 0 {
            assert_within(scene, limit);
        }
    }
    while scene.state.pause(&mut scene.out, &mut scene.ledger) {}
    scene.out.clear();
    assert_within(scene, limit);
}

#[test]
fn a_flood_stays_within_the_limit_is_counted_as_it_is_and_told_by_table() {
    let mut scene = scene(LIMIT);
    let before = held();
    flood(&mut scene, 30_000, LIMIT);
    for table in OF_A_HOST {
        assert!(evicted(&scene, table) > 0, "{table:?} {:?}", scene.ledger.forgotten);
    }
    // What is kept of events that left is none of it.
    scene.out = scene.out.tail(0);
    let (memory, real) = (scene.state.memory(), held() - before);
    let counted: usize = memory.values().map(|bytes| usize::try_from(*bytes).unwrap()).sum();
    println!("{counted} bytes are counted, {real} are held: {memory:#?}");
    assert!(counted > LIMIT / 4, "{counted}");
    assert!(real.abs_diff(counted) <= real / 5, "{counted} {real}");
}

#[test]
fn what_a_flood_leaves_is_the_same_each_time() {
    let run = || {
        let mut scene = scene(LIMIT);
        flood(&mut scene, 12_000, LIMIT);
        let saved = postcard::to_stdvec(&scene.state.save()).unwrap();
        (scene.state.memory(), scene.ledger.forgotten.clone(), saved)
    };
    let (one, other) = (run(), run());
    assert!(one.2 == other.2);
    assert_eq!((one.0, one.1), (other.0, other.1));
}

#[test]
fn many_hosts_together_stay_within_the_limit() {
    let mut scene = scene(LIMIT);
    for number in 0..12_000 {
        act(&mut scene, ["a", "b", "c", "d", "e", "f"][number as usize / 400 % 6], number);
        if number % 100 == 0 {
            while scene.state.pause(&mut scene.out, &mut scene.ledger) {}
            scene.out.clear();
            let sum: u64 = scene.state.memory().values().sum();
            assert!(sum <= LIMIT as u64, "{number}: {sum}");
        }
    }
    assert!(evicted(&scene, Table::Hosts) > 0, "{:?}", scene.ledger.forgotten);
    // The host that acted last is not the one that went.
    assert!(scene.state.watermarks().count() >= 1);
}

#[test]
fn what_was_saved_under_a_larger_limit_is_brought_within_a_smaller_one_and_told() {
    let mut scene = scene(BUILT_IN);
    flood(&mut scene, 30_000, BUILT_IN);
    let saved = scene.state.save();
    scene.ledger.forgotten.clear();
    scene.restore_within(LIMIT, saved.clone());
    while scene.state.pause(&mut scene.out, &mut scene.ledger) {}
    assert_within(&scene, LIMIT);
    // Names behind handles are not saved.
    for table in OF_A_HOST.into_iter().filter(|table| *table != Table::Names) {
        assert!(evicted(&scene, table) > 0, "{table:?} {:?}", scene.ledger.forgotten);
    }
    let left = |scene: &Scene| postcard::to_stdvec(&scene.state.save()).unwrap();
    let first = left(&scene);
    scene.restore_within(LIMIT, saved);
    assert!(first == left(&scene));
}
