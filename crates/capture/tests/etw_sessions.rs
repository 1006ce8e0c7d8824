//! Sessions are started in spite of what can be done without, and refused with a reason otherwise.
#![allow(clippy::unwrap_used, reason = "these are tests, though not all of it is marked as such")]

mod etw;

use std::time::Duration;

use etw::{
    FILE, NOBODYS, PROCESS, Run, deliver, keeps, machine, provider, settings, system, user, wanted,
};
use etwatch_capture::etw::api::SYSTEM_LOGGER_MODE;
use etwatch_capture::etw::code;
use etwatch_capture::etw::error::Kind;
use etwatch_capture::etw::fake::FakeMachine;
use etwatch_capture::etw::{Call, EtwApi, EtwError, Manager, Note, WantedSession};
use etwatch_capture::live::ProviderSettings;
use etwatch_event::Guid;

fn refused(machine: FakeMachine, session: WantedSession) -> EtwError {
    let mut run = Run::on(machine);
    let error = run.manager.start(session).unwrap_err();
    assert_eq!(run.sessions(), Vec::<String>::new(), "nothing is left behind");
    error
}

#[test]
fn a_session_is_started_delivered_and_stopped() {
    let mut run = Run::on(machine());
    let ((first, of_first), (second, of_second)) = (keeps(), keeps());
    let settings = user("etwatch-a", vec![provider(PROCESS, "Kernel-Process")]);
    let report = run.manager.start(WantedSession { settings, receive: vec![first] }).unwrap();
    assert_eq!(report.notes, []);
    deliver(&run.etw, "etwatch-a", PROCESS, 1);
    assert!(run.manager.add_taker("etwatch-a", second));
    deliver(&run.etw, "etwatch-a", PROCESS, 2);
    deliver(&run.etw, "etwatch-a", FILE, 3);
    assert_eq!(*of_first.lock().unwrap(), [1, 2], "what is not enabled does not come");
    assert_eq!(*of_second.lock().unwrap(), [2]);
    run.manager.stop();
    assert_eq!(run.sessions(), Vec::<String>::new());
    assert_eq!(run.etw.acts().last().unwrap(), "stop etwatch-a");
}

#[test]
fn dropping_the_manager_stops_its_sessions_and_no_others() {
    let mut run = Run::on(machine());
    run.etw.occupy("EventLog-System", 0);
    run.manager.start(wanted(system("etwatch-kernel", 5))).unwrap();
    run.manager.attach("EventLog-System", vec![keeps().0]).unwrap();
    let etw = run.etw.clone();
    drop(run);
    let names: Vec<_> = etw.sessions().unwrap().into_iter().map(|it| it.name).collect();
    assert_eq!(names, ["EventLog-System"]);
}

#[test]
fn a_stale_session_of_ours_is_replaced_and_one_of_others_is_not() {
    let mut run = Run::on(machine());
    run.etw.occupy("etwatch-a", 0);
    let report = run.manager.start(wanted(user("etwatch-a", Vec::new()))).unwrap();
    assert_eq!(report.notes, [Note::StaleReplaced]);
    run.etw.occupy("sensor", 0);
    let error = run.manager.start(wanted(user("sensor", Vec::new()))).unwrap_err();
    assert_eq!(error.kind(), Kind::NameTaken);
    assert_eq!(run.etw.acts(), ["stop etwatch-a", "start etwatch-a"]);
    // A name of our own choosing may be used as long as nobody has it.
    run.manager.start(wanted(user("sensor-2", Vec::new()))).unwrap();
    let error = run.manager.start(wanted(user("SENSOR-2", Vec::new()))).unwrap_err();
    assert_eq!(error.kind(), Kind::NameTaken);
}

#[test]
fn a_name_taken_between_look_and_start_is_told() {
    let mut machine = machine();
    machine.refuse.push((Call::Start, None, code::ALREADY_EXISTS));
    assert_eq!(refused(machine, wanted(user("etwatch-a", Vec::new()))).kind(), Kind::NameTaken);
}

#[test]
fn names_of_the_system_and_such_as_windows_would_cut_are_never_asked_for() {
    let mut run = Run::on(machine());
    run.etw.occupy("NT Kernel Logger", 0);
    let long = "x".repeat(201);
    for name in ["NT Kernel Logger", "nt kernel logger", "", "a\0b", &long] {
        let error = run.manager.start(wanted(user(name, Vec::new()))).unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (Kind::ReservedName, 9), "{name:?}");
    }
    assert_eq!(run.etw.acts(), Vec::<String>::new());
    run.manager.attach("NT Kernel Logger", vec![keeps().0]).unwrap(); // it may be read
}

#[test]
fn without_a_slot_it_waits_and_then_says_who_has_them() {
    let mut run = Run::on(FakeMachine { system_slots: 2, ..machine() });
    for name in ["DiagLog", "Defender"] {
        run.etw.occupy(name, SYSTEM_LOGGER_MODE);
    }
    run.etw.occupy("EventLog-System", 0);
    let error = run.manager.start(wanted(system("etwatch-kernel", 5))).unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (Kind::SessionLimit, 6));
    assert_eq!(error.holders, ["Defender", "DiagLog"], "system loggers alone hold its slots");
    let seconds: Vec<_> = run.waited.lock().unwrap().iter().map(Duration::as_millis).collect();
    assert_eq!(seconds, [500, 1_000, 2_000, 4_000]);
}

#[test]
fn a_slot_that_becomes_free_while_it_waits_is_taken() {
    let state = tempfile::tempdir().unwrap();
    let (mut settings, _) = settings(&state);
    let etw = etwatch_capture::etw::FakeEtw::new(FakeMachine { slots: 1, ..machine() });
    etw.occupy("trace-by-hand", 0);
    let frees = etw.clone();
    settings.pause = std::sync::Arc::new(move |_| frees.tamper_stop("trace-by-hand", 7));
    let mut manager = Manager::new(std::sync::Arc::new(etw.clone()), settings).unwrap();
    let report = manager.start(wanted(user("etwatch-a", Vec::new()))).unwrap();
    let (holders, time) = (vec!["trace-by-hand".to_owned()], Duration::from_millis(500));
    assert_eq!(report.notes, [Note::Waited { holders, time }]);
}

#[test]
fn missing_rights_are_told_apart() {
    let machine = machine();
    let kernel = || wanted(system("etwatch-kernel", 5));
    let rows = [
        (FakeMachine { is_elevated: false, ..machine.clone() }, Kind::NotElevated),
        (FakeMachine { has_privilege: false, ..machine.clone() }, Kind::NoPrivilege),
        (
            FakeMachine { refuse: vec![(Call::Open, None, code::ACCESS_DENIED)], ..machine },
            Kind::NotReadable,
        ),
    ];
    for (machine, kind) in rows {
        let error = refused(machine, kernel());
        assert_eq!((error.kind(), error.exit_code()), (kind, 5));
        assert!(error.to_string().contains("etwatch-kernel"), "{error}");
    }
}

#[test]
fn settings_that_windows_does_not_take_are_told() {
    let mut settings = user("etwatch-a", Vec::new());
    settings.buffers.kilobytes = 1 << 20;
    assert_eq!(refused(machine(), wanted(settings)).kind(), Kind::BadSettings);
}

#[test]
fn without_milliseconds_the_flush_time_is_rounded_up() {
    let mut run = Run::on(FakeMachine { takes_milliseconds: false, ..machine() });
    let report = run.manager.start(wanted(user("etwatch-a", Vec::new()))).unwrap();
    let (what, wanted, granted) = ("milliseconds of flush time".to_owned(), 20, 1_000);
    let expected = [Note::FlushInSeconds, Note::Granted { what, wanted, granted }];
    assert_eq!(report.notes, expected);
    assert_eq!(report.granted.unwrap().buffers.flush, Duration::from_secs(1));
}

#[test]
fn what_is_granted_is_read_back() {
    let mut run = Run::on(FakeMachine { processors: 64, ..machine() });
    let report = run.manager.start(wanted(user("etwatch-a", Vec::new()))).unwrap();
    let (what, wanted, granted) = ("least buffers".to_owned(), 64, 128);
    assert_eq!(report.notes, [Note::Granted { what, wanted, granted }]);
}

#[test]
fn a_provider_is_found_by_its_name_or_told_unknown() {
    let mut run = Run::on(machine());
    let by_name = provider(Guid::default(), "microsoft-windows-kernel-file");
    // The second is the first again, so it is enabled once.
    let twice = vec![by_name, provider(FILE, "Microsoft-Windows-Kernel-File")];
    let report = run.manager.start(wanted(user("etwatch-a", twice))).unwrap();
    assert_eq!(report.notes, []);
    assert_eq!(run.etw.filtered_ids("etwatch-a", FILE), Some(Vec::new()));
    let unknown = provider(Guid::default(), "Kernel-Flie");
    let error = run.manager.start(wanted(user("etwatch-b", vec![unknown]))).unwrap_err();
    assert_eq!((error.kind(), error.subject.as_str()), (Kind::UnknownProvider, "Kernel-Flie"));
    assert_eq!(run.sessions(), ["etwatch-a"]);
}

#[test]
fn a_provider_that_nobody_registered_is_told_though_windows_says_yes() {
    let mut run = Run::on(machine());
    let providers = vec![provider(NOBODYS, "Acme"), provider(FILE, "Kernel-File")];
    let report = run.manager.start(wanted(user("etwatch-a", providers))).unwrap();
    assert_eq!(report.notes, [Note::NotRegistered("Acme".to_owned())]);
    let refusal = run.etw.provider(Guid([8; 16])).unwrap_err();
    assert_eq!(refusal.kind(), Kind::NotRegistered);
}

#[test]
fn a_refused_provider_is_left_out_and_the_others_go_on() {
    for (code, kind) in
        [(code::ACCESS_DENIED, Kind::ProviderDenied), (code::NOT_SUPPORTED, Kind::BadProvider)]
    {
        let refuse = vec![(Call::Enable, Some(PROCESS), code)];
        let mut run = Run::on(FakeMachine { refuse, ..machine() });
        let providers = vec![provider(PROCESS, "Threat-Intelligence"), provider(FILE, "File")];
        let report = run.manager.start(wanted(user("etwatch-a", providers))).unwrap();
        let [Note::ProviderRefused(error)] = report.notes.as_slice() else {
            panic!("{:?}", report.notes)
        };
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("Threat-Intelligence in etwatch-a"), "{error}");
        assert_eq!(run.etw.filtered_ids("etwatch-a", FILE), Some(Vec::new()));
    }
}

#[test]
fn a_session_without_any_provider_left_is_refused() {
    let refuse = vec![(Call::Enable, Some(PROCESS), code::ACCESS_DENIED)];
    let session = wanted(user("etwatch-a", vec![provider(PROCESS, "Threat-Intelligence")]));
    let error = refused(FakeMachine { refuse, ..machine() }, session);
    assert_eq!(error.kind(), Kind::ProviderDenied);
}

#[test]
fn a_provider_that_eight_sessions_have_is_refused() {
    let mut run = Run::on(machine());
    for number in 0..8 {
        let settings = user(&format!("etwatch-{number}"), vec![provider(FILE, "File")]);
        run.manager.start(wanted(settings)).unwrap();
    }
    let settings = user("etwatch-8", vec![provider(FILE, "File")]);
    assert_eq!(run.manager.start(wanted(settings)).unwrap_err().kind(), Kind::ProviderLimit);
}

#[test]
fn filters_are_set_where_they_work_and_told_where_not() {
    let with_ids = |guid, name: &str, most| ProviderSettings {
        ids: (1..=most).collect(),
        filter: Some((0x8000_0000, vec![2])),
        capture_state: true,
        ..provider(guid, name)
    };
    let mut machine = machine();
    machine.without_id_filter.insert(PROCESS);
    machine.without_own_filter.insert(FILE);
    machine.without_state.insert(FILE);
    let mut run = Run::on(machine);
    let providers =
        vec![with_ids(PROCESS, "P", 3), with_ids(FILE, "F", 3), with_ids(NOBODYS, "N", 65)];
    let report = run.manager.start(wanted(user("etwatch-a", providers))).unwrap();
    let texts: Vec<_> = report.notes.iter().map(ToString::to_string).collect();
    let expected = [
        "the ids of `P` are filtered here, not by Windows: EnableTraceEx2 gave Windows error 87",
        "a filter is not set: Windows does not take these settings of a provider: `F in etwatch-a` \
         (EnableTraceEx2 gave Windows error 87)",
        "what there is already is not told: Windows does not take these settings of a provider: \
         `F in etwatch-a` (EnableTraceEx2 gave Windows error 50)",
        "`N` has more ids than Windows filters; they are filtered here",
        "nobody has registered `N`",
    ];
    assert_eq!(texts, expected);
    let ids = |provider| run.etw.filtered_ids("etwatch-a", provider).unwrap();
    assert_eq!((ids(PROCESS), ids(FILE), ids(NOBODYS)), (vec![], vec![1, 2, 3], vec![]));
    let captured = run.etw.acts().iter().filter(|act| act.starts_with("capture")).count();
    assert_eq!(captured, 2);
}

#[test]
fn half_a_sensor_is_none() {
    let mut run = Run::on(machine());
    let sessions =
        vec![wanted(user("etwatch-a", Vec::new())), wanted(user("NT Kernel Logger", Vec::new()))];
    assert_eq!(run.manager.start_all(sessions).unwrap_err().kind(), Kind::ReservedName);
    assert_eq!(run.sessions(), Vec::<String>::new());
}

#[test]
fn one_cannot_attach_to_what_there_is_not() {
    let mut run = Run::on(machine());
    let error = run.manager.attach("EventLog-Nowhere", Vec::new()).unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (Kind::NoSuchSession, 8));
}

#[test]
fn a_second_run_with_the_same_state_is_refused() {
    let state = tempfile::tempdir().unwrap();
    let etw = etwatch_capture::etw::FakeEtw::new(machine());
    let new = || Manager::new(std::sync::Arc::new(etw.clone()), settings(&state).0);
    let mut first = new().unwrap();
    first.start(wanted(user("etwatch-a", Vec::new()))).unwrap();
    let error = new().unwrap_err();
    assert_eq!((error.kind(), error.exit_code()), (Kind::AlreadyRunning, 7));
    drop(first);
    new().unwrap();
}
