//! What others do to our sessions is noticed within seconds, put right, and told once; losses add up.
#![allow(clippy::unwrap_used, reason = "these are tests, though not all of it is marked as such")]

mod etw;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etw::{
    FILE, PROCESS, Run, deliver, event_tracing, keeps, machine, provider, system, user, wanted,
};
use etwatch_capture::etw::api::Masks;
use etwatch_capture::etw::code;
use etwatch_capture::etw::error::Kind;
use etwatch_capture::etw::{
    Call, Change, ChangeKind, EtwApi as _, SessionLosses, WantedSession, Watch, Watcher,
};
use etwatch_capture::live::loss::LossReading;
use etwatch_event::Clock;

const SECOND: Duration = Duration::from_secs(1);
const EVIL: u32 = 666;

/// Kernel-Process and what tells of sessions in one, files in another, the kernel's flags in a third.
fn run() -> Run {
    let mut run = Run::on(machine());
    let process = provider(PROCESS, "Kernel-Process");
    let sessions = vec![
        wanted(system("etwatch-kernel", 5)),
        wanted(user("etwatch-process", vec![process, event_tracing()])),
        wanted(user("etwatch-noisy", vec![provider(FILE, "Kernel-File")])),
    ];
    for report in run.manager.start_all(sessions).unwrap() {
        assert_eq!(report.notes, [], "{}", report.name);
    }
    run
}

/// All that is told until that second, a step a second.
fn told(run: &mut Run, from: u32, until: u32) -> Vec<(u32, Change)> {
    let step = |second| {
        let changes = run.manager.step(SECOND * second);
        changes.into_iter().map(move |change| (second, change))
    };
    (from..until).flat_map(step).collect()
}

fn masks(run: &Run, session: &str, guid: etwatch_event::Guid) -> Option<Masks> {
    let logger_id = run.etw.query(session).ok()?.logger_id;
    let state = run.etw.provider(guid).ok()?;
    state.enabled.iter().find(|it| it.logger_id == logger_id).map(|it| it.masks)
}

#[test]
fn nothing_is_told_while_nothing_happens() {
    let mut run = run();
    assert_eq!(told(&mut run, 0, 200), []);
}

#[test]
fn a_stopped_session_is_started_anew_at_once_with_its_takers() {
    let mut run = run();
    let (taker, ids) = keeps();
    run.manager.add_taker("etwatch-noisy", taker);
    assert_eq!(told(&mut run, 0, 5), []);
    run.etw.tamper_stop("etwatch-noisy", EVIL);
    let all = told(&mut run, 5, 100);
    let expected = Change {
        kind: ChangeKind::Stopped,
        session: "etwatch-noisy".to_owned(),
        provider: None,
        by: Some(EVIL),
        repaired: Ok(()),
        further: 0,
    };
    assert_eq!(all, [(5, expected)]);
    deliver(&run.etw, "etwatch-noisy", FILE, 12);
    assert_eq!(*ids.lock().unwrap(), [12]);
}

#[test]
fn a_stop_of_the_session_that_would_tell_is_noticed_all_the_same() {
    let mut run = run();
    run.etw.tamper_stop("etwatch-process", EVIL);
    let all = told(&mut run, 1, 100);
    let [(1, change)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((&change.kind, change.by), (&ChangeKind::Stopped, None));
    // Notices go on: what is done next is told with its author again.
    run.etw.tamper_disable("etwatch-process", PROCESS, EVIL);
    let all = told(&mut run, 100, 102);
    let [(100, change)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((&change.kind, change.by), (&ChangeKind::Disabled, Some(EVIL)));
}

#[test]
fn providers_that_are_disabled_narrowed_or_widened_are_enabled_anew() {
    let as_wanted = Masks { any: 0x10, all: 0, level: 4, properties: 0 };
    let narrow = Masks { any: 0x8, ..as_wanted };
    let wide = Masks { any: 0x1c10, ..as_wanted };
    let quiet = Masks { level: 1, ..as_wanted };
    for (found, word) in [
        (None, "disabled"),
        (Some(narrow), "narrowed"),
        (Some(quiet), "narrowed"),
        (Some(wide), "widened"),
    ] {
        let mut run = run();
        assert_eq!(told(&mut run, 0, 3), []);
        match found {
            None => run.etw.tamper_disable("etwatch-noisy", FILE, EVIL),
            Some(masks) => run.etw.tamper_enable("etwatch-noisy", FILE, masks, EVIL),
        }
        let all = told(&mut run, 3, 200);
        let [(3, change)] = all.as_slice() else { panic!("{word}: {all:?}") };
        assert_eq!((change.kind.word(), change.by), (word, Some(EVIL)));
        assert_eq!(change.provider, Some((FILE, "Kernel-File".to_owned())));
        assert_eq!(change.repaired, Ok(()));
        assert_eq!(masks(&run, "etwatch-noisy", FILE), Some(as_wanted), "{word}");
    }
}

#[test]
fn without_notices_a_comparison_every_30_seconds_finds_it() {
    let mut run = Run::on(machine());
    let settings = user("etwatch-noisy", vec![provider(FILE, "Kernel-File")]);
    run.manager.start(wanted(settings)).unwrap();
    assert_eq!(told(&mut run, 0, 40), []);
    run.etw.tamper_disable("etwatch-noisy", FILE, EVIL);
    let all = told(&mut run, 40, 200);
    let [(60, change)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((change.kind.word(), change.by), ("disabled", None));
}

#[test]
fn flags_and_buffers_that_are_changed_are_set_again() {
    let mut run = run();
    assert_eq!(told(&mut run, 0, 3), []);
    let evil = |state: &mut etwatch_capture::etw::SessionState| {
        state.flags = 4;
        state.buffers.flush = Duration::from_secs(3_600);
    };
    run.etw.tamper_update("etwatch-kernel", evil, EVIL);
    let all = told(&mut run, 3, 100);
    let found: Vec<_> = all.iter().map(|(at, it)| (*at, it.kind.clone(), it.by)).collect();
    let flags = ChangeKind::Flags { was: 5, found: 4 };
    assert_eq!(found, [(3, flags, Some(EVIL)), (3, ChangeKind::Buffers, Some(EVIL))]);
    let state = run.etw.query("etwatch-kernel").unwrap();
    assert_eq!((state.flags, state.buffers.flush), (5, Duration::from_millis(20)));
}

#[test]
fn our_own_acts_are_no_tampering() {
    let mut run = run();
    run.manager.start(wanted(user("etwatch-more", vec![provider(FILE, "F")]))).unwrap();
    assert_eq!(told(&mut run, 0, 100), []);
    run.etw.tamper_stop("EventLog-System", EVIL); // not one of ours
    assert_eq!(told(&mut run, 100, 200), []);
}

#[test]
fn what_is_done_again_and_again_is_told_once_a_minute_with_its_count() {
    let mut run = run();
    let mut all = Vec::new();
    for second in 0..120 {
        run.etw.tamper_stop("etwatch-noisy", EVIL);
        all.extend(run.manager.step(SECOND * second).into_iter().map(|it| (second, it.further)));
    }
    assert_eq!(all, [(0, 0), (60, 58)]);
    all.extend(told(&mut run, 120, 300).into_iter().map(|(at, it)| (at, it.further)));
    assert_eq!(all, [(0, 0), (60, 58), (120, 59)]);
    assert_eq!(all.iter().map(|(_, further)| further + 1).sum::<u64>(), 120, "none is lost");
}

#[test]
fn what_cannot_be_put_right_is_told_once_with_the_reason() {
    let mut run = run();
    assert_eq!(told(&mut run, 0, 3), []);
    run.etw.change(|machine| machine.refuse.push((Call::Update, None, code::ACCESS_DENIED)));
    run.etw.tamper_update("etwatch-kernel", |state| state.flags = 0, EVIL);
    let all = told(&mut run, 3, 300);
    let [(3, change)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(change.repaired.as_ref().unwrap_err().kind(), Kind::SessionDenied);
    run.etw.change(|machine| machine.refuse.clear());
    let all = told(&mut run, 300, 400);
    let [(300, change)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(change.repaired, Ok(()), "that it worked in the end is told as well");
}

#[test]
fn a_session_that_cannot_be_started_anew_is_tried_each_second_without_waiting() {
    let mut run = run();
    run.etw.change(|machine| machine.slots = 2);
    run.etw.tamper_stop("etwatch-noisy", EVIL);
    let all = told(&mut run, 0, 50);
    let [(0, change)] = all.as_slice() else { panic!("{all:?}") };
    let error = change.repaired.as_ref().unwrap_err();
    assert_eq!(error.kind(), Kind::SessionLimit);
    assert_eq!(error.holders, ["etwatch-kernel", "etwatch-process"]);
    assert_eq!(*run.waited.lock().unwrap(), [], "nobody waits while sessions are unwatched");
    run.etw.change(|machine| machine.slots = 64);
    assert_eq!(told(&mut run, 50, 60).len(), 1);
    assert_eq!(run.sessions().len(), 3);
}

#[test]
fn an_attached_session_that_ends_is_told_and_read_again_when_it_is_back() {
    let mut run = Run::on(machine());
    run.etw.occupy("sensor", etwatch_capture::etw::api::SYSTEM_LOGGER_MODE);
    let (taker, ids) = keeps();
    run.manager.attach("sensor", vec![taker]).unwrap();
    deliver(&run.etw, "sensor", FILE, 1);
    run.etw.tamper_stop("sensor", EVIL);
    let all = told(&mut run, 0, 10);
    let [(0, change)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(change.repaired.as_ref().unwrap_err().kind(), Kind::NoSuchSession);
    run.etw.occupy("sensor", etwatch_capture::etw::api::SYSTEM_LOGGER_MODE);
    assert_eq!(told(&mut run, 10, 20).len(), 1, "it is back");
    deliver(&run.etw, "sensor", FILE, 2);
    assert_eq!(*ids.lock().unwrap(), [1, 2]);
    assert_eq!(run.etw.acts(), Vec::<String>::new(), "nothing of it was changed");
}

#[test]
fn losses_are_kept_apart_and_go_on_when_a_session_is_started_anew() {
    let mut run = run();
    let lose = |run: &Run, events, real_time_buffers| {
        let losses = LossReading {
            events_lost: events,
            log_buffers_lost: 1,
            real_time_buffers_lost: real_time_buffers,
        };
        run.etw.lose("etwatch-noisy", losses);
    };
    lose(&run, 10, 2);
    run.manager.step(SECOND);
    lose(&run, 5, 0);
    run.manager.step(SECOND * 2);
    run.etw.tamper_stop("etwatch-noisy", EVIL);
    run.manager.step(SECOND * 3);
    lose(&run, 3, 1);
    run.manager.step(SECOND * 4);
    let noisy = run.manager.losses().find(|it| it.session == "etwatch-noisy").unwrap();
    assert_eq!((noisy.events, noisy.log_buffers, noisy.real_time_buffers), (18, 3, 3));
    let others = run.manager.losses().filter(|it| it.session != "etwatch-noisy");
    assert_eq!(others.map(|it| it.events + it.log_buffers).sum::<u64>(), 0);
}

/// Notes what the watcher says.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<(usize, Vec<Change>)>>);

impl Watch for Said {
    fn losses(&mut self, losses: &mut dyn Iterator<Item = &SessionLosses>) {
        self.0.lock().unwrap().0 = losses.count();
    }
    fn changed(&mut self, change: Change) {
        self.0.lock().unwrap().1.push(change);
    }
}

/// A clock on which each look is a second later.
struct Ticks(std::sync::atomic::AtomicU32);

impl Clock for Ticks {
    fn elapsed(&self) -> Duration {
        SECOND * self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

#[test]
fn the_watcher_tells_on_its_thread_and_gives_the_sessions_back() {
    let Run { etw, manager, .. } = run();
    etw.tamper_stop("etwatch-noisy", EVIL);
    let said = Said::default();
    let clock = Arc::new(Ticks(0.into()));
    let watcher = Watcher::start(manager, clock, Box::new(said.clone())).unwrap();
    let manager = watcher.stop().unwrap();
    let (sessions, changes) = said.0.lock().unwrap().clone();
    assert_eq!((sessions, changes.len()), (3, 1));
    assert_eq!(etw.sessions().unwrap().len(), 3, "sessions outlive their watcher");
    drop(manager);
    assert_eq!(etw.sessions().unwrap().len(), 0);
}

#[test]
fn a_taker_that_unwinds_is_counted_with_the_losses() {
    struct Unwinds;
    impl etwatch_capture::live::Receive for Unwinds {
        fn wants(&mut self, _: &etwatch_event::RawHeader) -> bool {
            true
        }
        fn take(&mut self, _: &etwatch_event::RawRecord<'_>) {
            panic!("a taker with a mistake");
        }
    }
    let mut run = Run::on(machine());
    let settings = user("etwatch-a", vec![provider(FILE, "F")]);
    let (taker, ids) = keeps();
    let receive: Vec<Box<dyn etwatch_capture::live::Receive>> = vec![Box::new(Unwinds), taker];
    run.manager.start(WantedSession { settings, receive }).unwrap();
    deliver(&run.etw, "etwatch-a", FILE, 1);
    run.manager.step(SECOND);
    let counts = run.manager.losses().next().unwrap().callback;
    assert_eq!((counts.offered, counts.unwound), (1, 1));
    assert_eq!(*ids.lock().unwrap(), [1]);
}
