//! What facts cost: bytes for each process, and no allocation for one that is known.
//!
//! `cargo test -p etwatch-state --test facts_memory -- --nocapture` prints the figures.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

#[path = "../../../tests/support/allocations.rs"]
mod allocations;
#[path = "facts/scene.rs"]
mod scene;

use allocations::{allocations, held};
use etwatch_event::Activity::{
    Connection, FileUse, ImageLoad, KeyUse, ProcessAccess, ProcessStart, Send, ThreadStart,
};
use etwatch_event::Shape;
use etwatch_event::Value::{Hex, Text, Unsigned};

use scene::{Scene, all_names};

const PROCESSES: u32 = 100_000;
const MOST: usize = 60_000_000;

fn scene(is_named: bool) -> Scene {
    let names = all_names();
    let names: Vec<_> =
        if is_named { names.iter().map(String::as_str).collect() } else { Vec::new() };
    let mut scene = Scene::new(&names, &[]);
    scene.shape = Shape::Evtx;
    scene
}

/// A process with 30 images of 400 different ones, two unsigned and one from a folder of a user, with four
/// endpoints, threads, files, bytes and a handle.
fn live(scene: &mut Scene, number: u32, paths: &[String], is_start: bool) {
    let (pid, millis) = (4_000 + u64::from(number) * 4, 1_000 + u64::from(number));
    let own = ("ProcessId", Unsigned(pid));
    if is_start {
        let parent = ("ParentProcessId", Unsigned(4_000 + u64::from(number) / 8 * 4));
        let image = ("Image", Text("C:\\Windows\\System32\\svchost.exe"));
        scene.comes(millis, ProcessStart, &[own, parent, image]);
    }
    for image in 0..30 {
        let path = ("ImageLoaded", Text(&paths[(number as usize + image * 11) % paths.len()]));
        let signed = ("Signed", Text(if image < 2 { "false" } else { "true" }));
        scene.comes(millis, ImageLoad, &[own, path, signed]);
    }
    let writable = ("ImageLoaded", Text("C:\\Users\\eva\\x.dll"));
    scene.comes(millis, ImageLoad, &[own, writable]);
    for port in 0..4 {
        let end = [("DestinationIp", Text("192.0.2.7")), ("DestinationPort", Unsigned(port))];
        scene.comes(millis, Connection, &[own, end[0], end[1]]);
    }
    scene.comes(millis, Send, &[own, ("EventID", Unsigned(10)), ("size", Unsigned(100))]);
    scene.comes_as("file_event", millis, FileUse, &[own, ("TargetFilename", Text("C:\\a"))]);
    let (source, target) =
        (("SourceProcessId", Unsigned(pid)), ("TargetProcessId", Unsigned(4_000)));
    let opened =
        [("TargetImage", Text("C:\\Windows\\System32\\lsass.exe")), ("GrantedAccess", Hex(0x10))];
    scene.comes(millis, ProcessAccess, &[source, target, opened[0], opened[1]]);
    let module = [("StartAddress", Hex(7)), ("StartModule", Text("-"))];
    scene.comes_as(
        "create_remote_thread",
        millis,
        ThreadStart,
        &[source, target, module[0], module[1]],
    );
    scene.out.clear();
}

fn paths() -> Vec<String> {
    (0..400).map(|number| format!("C:\\Windows\\System32\\library-{number:03}.dll")).collect()
}

fn bytes_of(is_named: bool, paths: &[String]) -> usize {
    let mut scene = scene(is_named);
    if is_named {
        scene.keep_but_do_not_tell();
    }
    let before = held();
    (0..PROCESSES).for_each(|number| live(&mut scene, number, paths, true));
    let after = held();
    if is_named {
        scene.reload();
        assert_eq!(
            scene.ask(1_000 + u64::from(PROCESSES), 4_000 + 4 * 77, "ProcessUnsignedImages"),
            "2"
        );
        assert_eq!(scene.told("ProcessImageNames").split('|').count(), 31);
        let mut ledger = std::mem::take(&mut scene.ledger);
        scene.state.finish(&mut scene.out, &mut ledger);
        let lost = ["facts of processes", "images and endpoints of processes", "processes"];
        assert!(
            lost.iter().all(|what| !ledger.forgotten.contains_key(what)),
            "{:?}",
            ledger.forgotten
        );
    }
    after - before
}

#[test]
fn all_facts_of_a_hundred_thousand_processes_take_at_most_60_megabytes() {
    let paths = paths();
    let (without, with) = (bytes_of(false, &paths), bytes_of(true, &paths));
    let facts = with - without;
    println!(
        "{PROCESSES} processes: {} MB, with all facts {} MB more, {} bytes each",
        without / 1_000_000,
        facts / 1_000_000,
        facts / PROCESSES as usize,
    );
    assert!(facts > 10_000_000 && facts <= MOST, "{facts}");
}

#[test]
fn to_count_and_tell_facts_of_known_processes_nothing_is_allocated() {
    let paths = paths();
    let mut scene = scene(true);
    (0..100).for_each(|number| live(&mut scene, number, &paths, true));
    let one_round = |scene: &mut Scene| {
        (0..100).for_each(|_| live(scene, 99, &paths, false));
        scene.comes(1_099, KeyUse, &[("ProcessId", Unsigned(4_000 + 99 * 4))]);
    };
    one_round(&mut scene);
    let (files, bytes) = (scene.told("ProcessFilesWritten"), scene.told("ProcessBytesOut"));
    let ((), count) = allocations(|| one_round(&mut scene));
    assert_eq!(count, 0);
    assert_eq!((files.as_str(), bytes.as_str()), ("1", "10100"));
    assert_eq!(scene.told("ProcessBytesOut"), "20100");
    assert_eq!(scene.told("ProcessImageNames").split('|').count(), 31);
}
