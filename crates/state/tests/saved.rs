//! A run that is cut anywhere and goes on with what was saved tells the same as one that is not cut, and would save the
//! same.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

#[path = "facts/scene.rs"]
mod scene;
#[path = "facts/steps.rs"]
mod steps;

use std::net::IpAddr;

use etwatch_event::Activity;
use etwatch_event::Value::{Ip, Text, Unsigned};
use etwatch_state::saved::Saved;
use proptest::prelude::*;

use scene::Scene;
use steps::{KINDS, Run, Step};

prop_compose! {
    fn step()(
        kind in 0..KINDS,
        after in prop::sample::select(vec![0, 1, 30, 900, 5_000, 60_000, 1_500_000, 20_000_000]),
        host in prop::sample::select(vec![0, 0, 0, 1_usize]),
        pid in 1..6_u64,
        other in 1..6_u64,
        choice in 0..4_u8,
    ) -> Step {
        Step { kind, after, host, pid: pid * 4, other: other * 4, choice }
    }
}

/// As it is written and read again.
fn written_and_read(saved: &Saved) -> Saved {
    postcard::from_bytes(&postcard::to_stdvec(saved).unwrap()).unwrap()
}

/// What left of a run that is cut before each of the events at `cuts`, and what it would save.
fn run(steps: &[Step], cuts: &[usize]) -> (Vec<String>, etwatch_event::Ledger, Vec<u8>) {
    let mut run = Run::new();
    for (index, step) in steps.iter().enumerate() {
        if cuts.contains(&index) {
            run.scene.restart(written_and_read);
        }
        run.take(*step);
    }
    run.pause();
    let saved = postcard::to_stdvec(&run.scene.state.save()).unwrap();
    run.finish();
    assert!(run.scene.ledger.is_balanced());
    // Each run counts for itself what had to be forgotten.
    run.scene.ledger.forgotten.clear();
    (run.scene.left(), run.scene.ledger, saved)
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
        let mut bytes = run(&steps, &[]).2;
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(saved) = postcard::from_bytes::<Saved>(&bytes) {
            let mut run = Run::new();
            run.scene.restore(saved);
            steps.iter().for_each(|step| run.take(*step));
            run.scene.restart(written_and_read);
            run.finish();
            prop_assert!(run.scene.ledger.is_balanced());
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
    scene.restart(written_and_read);
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
    scene.restart(written_and_read);
    // An answer of DNS is no handle.
    let remote = IpAddr::from([192, 0, 2, 1]);
    let fields = [("ProcessId", Unsigned(8)), ("DestinationIp", Ip(remote))];
    scene.comes(1_500, Activity::Connection, &fields);
    assert_eq!(scene.told("DestinationHostname"), "a.example");
}
