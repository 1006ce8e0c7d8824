//! Sessions are changed while they run where that is possible, and started anew, which is said, where not.
#![allow(clippy::unwrap_used, reason = "these are tests, though not all of it is marked as such")]

mod etw;

use std::time::Duration;

use etw::{FILE, PROCESS, Run, deliver, event_tracing, keeps, machine, provider, system, user};
use etwatch_capture::etw::{Changed, EtwApi as _, WantedSession};
use etwatch_capture::live::{Capture, Next, ProviderSettings, SessionKind, SessionSettings};

fn both() -> Vec<ProviderSettings> {
    vec![provider(PROCESS, "Kernel-Process"), provider(FILE, "Kernel-File")]
}

#[test]
fn masks_ids_and_fewer_providers_are_changed_without_a_stop() {
    let mut run = Run::on(machine());
    let (taker, ids) = keeps();
    let settings = user("etwatch-a", both());
    run.manager.start(WantedSession { settings: settings.clone(), receive: vec![taker] }).unwrap();
    assert_eq!(run.manager.change(&settings).unwrap(), Changed::default());
    let before = run.etw.acts().len();
    let wider = ProviderSettings { any: 0x30, ids: vec![1, 2], ..provider(PROCESS, "Process") };
    let changed = run.manager.change(&user("etwatch-a", vec![wider])).unwrap();
    assert_eq!(changed, Changed::default());
    let acts = run.etw.acts().split_off(before);
    assert!(acts.iter().all(|act| !act.starts_with("start") && !act.starts_with("stop")));
    assert_eq!(run.etw.filtered_ids("etwatch-a", PROCESS).unwrap(), [1, 2]);
    assert_eq!(run.etw.filtered_ids("etwatch-a", FILE), None);
    deliver(&run.etw, "etwatch-a", PROCESS, 2);
    deliver(&run.etw, "etwatch-a", PROCESS, 3);
    deliver(&run.etw, "etwatch-a", FILE, 1);
    assert_eq!(*ids.lock().unwrap(), [2]);
    // Our own doing is nobody's tampering.
    assert_eq!(run.manager.step(Duration::from_secs(60)), []);
}

#[test]
fn a_new_provider_needs_a_new_start_which_is_said() {
    let mut run = Run::on(machine());
    let (taker, ids) = keeps();
    let one = user("etwatch-a", vec![provider(PROCESS, "Kernel-Process")]);
    run.manager.start(WantedSession { settings: one, receive: vec![taker] }).unwrap();
    run.manager.start(etw::wanted(user("etwatch-b", vec![event_tracing()]))).unwrap();
    let changed = run.manager.change(&user("etwatch-a", both())).unwrap();
    assert!(changed.was_interrupted);
    deliver(&run.etw, "etwatch-a", FILE, 7);
    assert_eq!(*ids.lock().unwrap(), [7], "the same taker has its records");
    assert_eq!(run.manager.step(Duration::from_secs(60)), []);
    assert!(run.manager.remove("etwatch-a") && !run.manager.remove("etwatch-a"));
    assert_eq!(run.sessions(), ["etwatch-b"]);
    assert!(run.manager.change(&user("etwatch-a", both())).is_err(), "it is gone");
}

#[test]
fn a_system_logger_gets_other_flags() {
    let mut run = Run::on(machine());
    run.manager.start(etw::wanted(system("etwatch-kernel", 5))).unwrap();
    let changed = run.manager.change(&system("etwatch-kernel", 7)).unwrap();
    assert!(!changed.was_interrupted);
    assert_eq!(run.etw.query("etwatch-kernel").unwrap().flags, 7);
    assert_eq!(run.manager.step(Duration::from_secs(60)), []);
    let kind = SessionKind::User;
    let other = SessionSettings { kind, ..user("etwatch-kernel", both()) };
    assert!(run.manager.change(&other).unwrap().was_interrupted);
}

#[test]
fn what_is_wanted_of_a_session_changes_with_its_next_record() {
    let mut run = Run::on(machine());
    let first = ProviderSettings { ids: vec![1], ..provider(PROCESS, "Kernel-Process") };
    let first = user("etwatch-a", vec![first]);
    let Capture { intake, mut feed, flush } = Capture::builder(&first).build().unwrap();
    let refilter = intake.refilter();
    let receive = vec![Box::new(intake) as _];
    run.manager.start(WantedSession { settings: first, receive }).unwrap();
    deliver(&run.etw, "etwatch-a", PROCESS, 1);
    let then = ProviderSettings { ids: vec![2], ..provider(PROCESS, "Kernel-Process") };
    let then = user("etwatch-a", vec![then]);
    refilter.set(&then);
    run.manager.change(&then).unwrap();
    deliver(&run.etw, "etwatch-a", PROCESS, 1);
    deliver(&run.etw, "etwatch-a", PROCESS, 2);
    flush.tick();
    let Next::Batch(batch) = feed.next_batch(Duration::from_secs(5)) else { panic!("no batch") };
    let ids: Vec<_> = batch.records().map(|record| record.header.id).collect();
    assert_eq!(ids, [1, 2]);
}
