//! What the tests of sessions share: wanted sessions, a manager that never waits, takers that keep ids.
#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "these are tests, though not marked as such")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use etwatch_capture::etw::fake::{FakeMachine, OURSELVES};
use etwatch_capture::etw::notice::EVENT_TRACING;
use etwatch_capture::etw::{FakeEtw, Manager, ManagerSettings, WantedSession, defaults};
use etwatch_capture::live::{ProviderSettings, Receive, SessionKind, SessionSettings};
use etwatch_event::{Guid, RawHeader, RawRecord};
use tempfile::TempDir;

pub(crate) const PROCESS: Guid = Guid([1; 16]);
pub(crate) const FILE: Guid = Guid([2; 16]);
/// Nobody registers it.
pub(crate) const NOBODYS: Guid = Guid([9; 16]);

/// A machine on which both providers are registered.
pub(crate) fn machine() -> FakeMachine {
    let mut machine = FakeMachine::default();
    machine.registered.insert(PROCESS, "Microsoft-Windows-Kernel-Process".to_owned());
    machine.registered.insert(FILE, "Microsoft-Windows-Kernel-File".to_owned());
    machine
}

pub(crate) fn provider(provider: Guid, name: &str) -> ProviderSettings {
    ProviderSettings {
        provider,
        name: name.to_owned(),
        any: 0x10,
        all: 0,
        level: 4,
        ids: Vec::new(),
        capture_state: false,
        properties: 0,
        filter: None,
    }
}

/// Kernel-EventTracing, as the design enables it.
pub(crate) fn event_tracing() -> ProviderSettings {
    let ids = vec![10, 11, 12, 14, 15];
    ProviderSettings { any: 0x410, level: 5, ids, ..provider(EVENT_TRACING, "Kernel-EventTracing") }
}

pub(crate) fn user(name: &str, providers: Vec<ProviderSettings>) -> SessionSettings {
    SessionSettings {
        name: name.to_owned(),
        kind: SessionKind::User,
        buffers: defaults::LIFECYCLE,
        independent: true,
        may_drop: false,
        providers,
        only_processes: Vec::new(),
        not_processes: Vec::new(),
    }
}

pub(crate) fn system(name: &str, flags: u32) -> SessionSettings {
    SessionSettings { kind: SessionKind::System { flags }, ..user(name, Vec::new()) }
}

/// Takers that nobody asks.
pub(crate) fn wanted(settings: SessionSettings) -> WantedSession {
    WantedSession { settings, receive: Vec::new() }
}

pub(crate) type Ids = Arc<Mutex<Vec<u16>>>;

struct Keeps(Ids);

impl Receive for Keeps {
    fn wants(&mut self, _: &RawHeader) -> bool {
        true
    }
    fn take(&mut self, record: &RawRecord<'_>) {
        self.0.lock().unwrap().push(record.header.id);
    }
}

pub(crate) fn keeps() -> (Box<dyn Receive>, Ids) {
    let ids = Ids::default();
    (Box::new(Keeps(Arc::clone(&ids))), ids)
}

/// A record that [`provider`] lets through.
pub(crate) fn deliver(etw: &FakeEtw, session: &str, provider: Guid, id: u16) {
    let header = RawHeader { provider, id, keyword: 0x10, level: 4, ..RawHeader::default() };
    etw.deliver(session, &RawRecord { header, ..RawRecord::default() });
}

/// A manager over a fake machine.
pub(crate) struct Run {
    pub(crate) etw: FakeEtw,
    pub(crate) manager: Manager,
    pub(crate) waited: Arc<Mutex<Vec<Duration>>>,
    _state: TempDir,
}

pub(crate) fn settings(state: &TempDir) -> (ManagerSettings, Arc<Mutex<Vec<Duration>>>) {
    let waited = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&waited);
    let pause = Arc::new(move |time| theirs.lock().unwrap().push(time));
    let state = state.path().to_owned();
    (ManagerSettings { state, pause, process_id: OURSELVES }, waited)
}

impl Run {
    pub(crate) fn on(machine: FakeMachine) -> Self {
        let state = tempfile::tempdir().unwrap();
        let (settings, waited) = settings(&state);
        let etw = FakeEtw::new(machine);
        let manager = Manager::new(Arc::new(etw.clone()), settings).unwrap();
        Self { etw, manager, waited, _state: state }
    }

    /// Names of the sessions that there are.
    pub(crate) fn sessions(&self) -> Vec<String> {
        use etwatch_capture::etw::EtwApi as _;
        self.etw.sessions().unwrap().into_iter().map(|session| session.name).collect()
    }
}
