//! All sessions of a run: started, looked after, stopped.
//!
//! Looking after them is one function, [`Manager::step`], that is told the time and called about once a second, by
//! [`super::Watcher`] or a test:
//!
//! ```text
//! every second      each session is asked for ─▶ losses since the start, whether it is there, its flags
//! every 30 seconds  each provider of each session is asked for ─▶ its masks
//! or on a notice
//! each finding      repaired through the same trait ─▶ told, if it is new
//! ```
//!
//! Losses are told as totals of the run: a session that was started anew begins at 0, its total goes on.
//!
//! A session of someone else is read, never changed: when it ends, that is told, and it is attached to again when
//! it is back.

mod change;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::api::{Consumption, EtwApi, SessionState};
use super::callback::Callback;
use super::code;
use super::defaults::{BACK_OFF, COMPARE_PERIOD, LOSS_PERIOD};
use super::error::{Call, EtwError, Refusal};
use super::instance::InstanceLock;
use super::losses::SessionLosses;
use super::notice::{EVENT_TRACING, Happened, Notice, Notices};
use super::session::{Expected, SessionReport, Start, Started};
use super::watch::{Change, ChangeKind, Finding, Teller, compare_provider, compare_session};
use crate::live::loss::LossReading;
use crate::live::{Receive, SessionSettings};

pub use self::change::Changed;

/// A session that is wanted, and who takes its records.
pub struct WantedSession {
    /// What it is like.
    pub settings: SessionSettings,
    /// Who takes its records; each gets all of them.
    pub receive: Vec<Box<dyn Receive>>,
}

/// What a manager needs besides sessions.
#[derive(Clone)]
pub struct ManagerSettings {
    /// The folder whose lock says that no other etwatch runs.
    pub state: PathBuf,
    /// Waits for a slot to become free; a test does not.
    pub pause: Arc<dyn Fn(Duration) + Send + Sync>,
    /// The process whose acts are our own.
    pub process_id: u32,
}

impl ManagerSettings {
    /// The settings of a real run with this state folder.
    #[must_use]
    pub fn of(state: PathBuf) -> Self {
        Self { state, pause: Arc::new(std::thread::sleep), process_id: std::process::id() }
    }
}

/// A session that is looked after.
struct Session {
    settings: SessionSettings,
    is_ours: bool,
    callback: Arc<Callback>,
    /// `None` while it could not be started anew.
    consumption: Option<Box<dyn Consumption>>,
    /// As Windows told it when it was started.
    granted: Option<SessionState>,
    expected: Vec<Expected>,
    last: LossReading,
    losses: SessionLosses,
}

/// All sessions of a run. Dropping it stops those that it started.
pub struct Manager {
    sessions: Vec<Session>,
    api: Arc<dyn EtwApi>,
    settings: ManagerSettings,
    notices: Notices,
    teller: Teller,
    next_losses: Duration,
    next_compare: Duration,
    _lock: InstanceLock,
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.sessions.iter().map(|session| &session.settings.name);
        f.debug_struct("Manager")
            .field("sessions", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Manager {
    /// A manager without sessions, which is the only one with its state folder.
    ///
    /// # Errors
    /// Another etwatch runs.
    pub fn new(api: Arc<dyn EtwApi>, settings: ManagerSettings) -> Result<Self, EtwError> {
        let lock = InstanceLock::take(&settings.state)?;
        Ok(Self {
            sessions: Vec::new(),
            api,
            notices: Notices::new(settings.process_id),
            settings,
            teller: Teller::default(),
            next_losses: Duration::ZERO,
            next_compare: COMPARE_PERIOD,
            _lock: lock,
        })
    }

    /// Starts sessions. If one is refused, those that were started before are stopped: half a sensor would be
    /// taken for a whole one.
    ///
    /// # Errors
    /// What was refused.
    pub fn start_all(
        &mut self,
        wanted: Vec<WantedSession>,
    ) -> Result<Vec<SessionReport>, EtwError> {
        let started: Result<Vec<_>, _> =
            wanted.into_iter().map(|wanted| self.start(wanted)).collect();
        if started.is_err() {
            self.stop();
        }
        started
    }

    /// Starts a session.
    ///
    /// # Errors
    /// What was refused, or a session of this manager has the name.
    pub fn start(&mut self, wanted: WantedSession) -> Result<SessionReport, EtwError> {
        let WantedSession { settings, mut receive } = wanted;
        self.check_new(&settings.name)?;
        if settings.providers.iter().any(|provider| provider.provider == EVENT_TRACING) {
            receive.push(Box::new(self.notices.clone()));
        }
        let callback = Arc::new(Callback::new(receive));
        let started = self.begin(&settings, &callback, &BACK_OFF)?;
        let report = started.report.clone();
        let mut session = Session::new(settings, callback, true);
        session.is_started(started);
        self.sessions.push(session);
        Ok(report)
    }

    /// Reads a session that someone else has started.
    ///
    /// # Errors
    /// There is none, or it may not be read.
    pub fn attach(&mut self, name: &str, receive: Vec<Box<dyn Receive>>) -> Result<(), EtwError> {
        self.check_new(name)?;
        let callback = Arc::new(Callback::new(receive));
        let refused = |refusal| EtwError::of(refusal, name);
        let state = self.api.query(name).map_err(refused)?;
        let consumption = self.api.attach(name, &callback).map_err(refused)?;
        let mut session = Session::new(attached(&state), callback, false);
        (session.consumption, session.last) = (Some(consumption), state.losses);
        session.granted = Some(state);
        self.sessions.push(session);
        Ok(())
    }

    /// Adds a taker to the records of a session; `false` if there is no session of this name.
    pub fn add_taker(&self, name: &str, receive: Box<dyn Receive>) -> bool {
        let session = self.sessions.iter().find(|session| session.settings.name == name);
        session.map(|session| session.callback.add(receive)).is_some()
    }

    /// Stops all sessions that were started, and reads no more of others.
    pub fn stop(&mut self) {
        // The last that was started goes first: who watches over the others is stopped after them.
        while let Some(session) = self.sessions.pop() {
            drop(session);
        }
    }

    /// What was lost by each session, as of the last step.
    pub fn losses(&self) -> impl Iterator<Item = &SessionLosses> {
        self.sessions.iter().map(|session| &session.losses)
    }

    /// Looks after the sessions: losses, and what others did to them, which is put right. Returns what is to be
    /// told. `now`: time since any fixed start, of a clock that never goes back.
    pub fn step(&mut self, now: Duration) -> Vec<Change> {
        let (notices, dropped) = self.notices.drain();
        let about_ours = notices.iter().any(|notice| self.is_about_ours(notice));
        let compares = about_ours || dropped > 0 || now >= self.next_compare;
        if now < self.next_losses && !compares {
            return Vec::new();
        }
        self.next_losses = now + LOSS_PERIOD;
        if compares {
            self.next_compare = now + COMPARE_PERIOD;
        }
        let mut told = self.teller.held_back(now);
        let mut sessions = std::mem::take(&mut self.sessions);
        for session in &mut sessions {
            for finding in self.look_at(session, compares) {
                let change = self.repair(session, finding, &notices);
                told.extend(self.teller.tell(now, change));
            }
        }
        self.sessions = sessions;
        told
    }

    fn check_new(&self, name: &str) -> Result<(), EtwError> {
        if self.sessions.iter().any(|session| session.settings.name.eq_ignore_ascii_case(name)) {
            return Err(EtwError::new(Call::Start, code::ALREADY_EXISTS, name));
        }
        Ok(())
    }

    fn is_about_ours(&self, notice: &Notice) -> bool {
        self.sessions.iter().any(|session| session.settings.name == notice.session)
    }

    fn begin(
        &self,
        settings: &SessionSettings,
        callback: &Arc<Callback>,
        waits: &[Duration],
    ) -> Result<Started, EtwError> {
        let (api, pause) = (self.api.as_ref(), self.settings.pause.as_ref());
        Start { api, pause, waits, settings, callback }.run()
    }

    /// What is otherwise than expected; reads losses on the way.
    fn look_at(&self, session: &mut Session, compares: bool) -> Vec<Finding> {
        let stopped = || vec![Finding::of_session(ChangeKind::Stopped)];
        session.count();
        let state = match self.api.query(&session.settings.name) {
            Ok(state) => state,
            Err(refusal) if refusal.is_gone() => return stopped(),
            // It can't be asked for now; what is delivered still is.
            Err(_) => return if session.is_delivered() { Vec::new() } else { stopped() },
        };
        let is_same = session.granted.as_ref().is_none_or(|it| it.logger_id == state.logger_id);
        if !session.is_delivered() || !is_same {
            return stopped();
        }
        session.losses.add(session.last, state.losses);
        session.last = state.losses;
        if !session.is_ours {
            return Vec::new();
        }
        let mut findings = match &session.granted {
            Some(granted) => compare_session(granted, &state),
            None => Vec::new(),
        };
        session.granted.get_or_insert_with(|| state.clone());
        if compares {
            for (place, expected) in session.expected.iter_mut().enumerate() {
                let Ok(found) = self.api.provider(expected.provider.provider) else { continue };
                let kind = compare_provider(expected, &found, state.logger_id);
                findings.extend(kind.map(|kind| Finding { kind, provider: Some(place) }));
            }
        }
        findings
    }

    /// Puts right what was found.
    fn repair(&self, session: &mut Session, finding: Finding, notices: &[Notice]) -> Change {
        let name = session.settings.name.clone();
        let Finding { kind, provider } = finding;
        let expected = provider.and_then(|place| session.expected.get(place)).cloned();
        let guid = expected.as_ref().map(|expected| expected.provider.provider);
        let by = author(notices, &name, &kind, guid);
        let repaired = match (&kind, &expected) {
            (ChangeKind::Stopped, _) => self.start_anew(session),
            (_, Some(expected)) => self.enable_anew(&name, expected),
            (_, None) => match &session.granted {
                Some(granted) => self.api.update(granted).map_err(|it| EtwError::of(it, &name)),
                None => Ok(()),
            },
        };
        let provider = expected.map(|it| (it.provider.provider, it.provider.name));
        Change { kind, session: name, provider, by, repaired, further: 0 }
    }

    /// Starts a session that someone stopped, or attaches to one that is back.
    fn start_anew(&self, session: &mut Session) -> Result<(), EtwError> {
        session.end();
        if session.is_ours {
            // Without waiting, since nothing is looked after meanwhile; the next second is the next attempt.
            let started = self.begin(&session.settings, &session.callback, &[])?;
            session.is_started(started);
            return Ok(());
        }
        let name = &session.settings.name;
        let refused = |refusal: Refusal| EtwError::of(refusal, name);
        let state = self.api.query(name).map_err(refused)?;
        session.consumption = Some(self.api.attach(name, &session.callback).map_err(refused)?);
        (session.last, session.granted) = (LossReading::default(), Some(state));
        Ok(())
    }

    fn enable_anew(&self, name: &str, expected: &Expected) -> Result<(), EtwError> {
        let provider = &expected.provider;
        let refused = |refusal| EtwError::of(refusal, format!("{} in {name}", provider.name));
        self.api.enable(name, provider, expected.filters).map_err(refused)?;
        if provider.capture_state {
            // What there is already may have changed meanwhile; that it can't be told was told at the start.
            let _ = self.api.capture_state(name, provider.provider);
        }
        Ok(())
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Session {
    fn new(settings: SessionSettings, callback: Arc<Callback>, is_ours: bool) -> Self {
        let losses = SessionLosses { session: settings.name.clone(), ..SessionLosses::default() };
        Self {
            settings,
            is_ours,
            callback,
            consumption: None,
            granted: None,
            expected: Vec::new(),
            last: LossReading::default(),
            losses,
        }
    }
    fn is_started(&mut self, started: Started) {
        self.consumption = Some(started.consumption);
        self.granted = started.report.granted;
        self.expected = started.expected;
        self.last = LossReading::default();
    }
    fn is_delivered(&self) -> bool {
        self.consumption.as_ref().is_some_and(|consumption| consumption.is_running())
    }
    fn undispatched(&self) -> u64 {
        self.consumption.as_ref().map_or(0, |consumption| consumption.undispatched())
    }
    fn count(&mut self) {
        self.losses.callback = self.callback.counts();
        self.losses.undispatched = self.undispatched();
    }
    /// Ends the delivery.
    fn end(&mut self) {
        self.consumption = None;
    }
}

/// Settings of a session that is another's, as far as they are known.
fn attached(state: &SessionState) -> SessionSettings {
    SessionSettings {
        name: state.name.clone(),
        kind: crate::live::SessionKind::User,
        buffers: state.buffers,
        independent: false,
        may_drop: true,
        providers: Vec::new(),
        only_processes: Vec::new(),
        not_processes: Vec::new(),
    }
}

/// Which process did it, by the last notice that fits.
fn author(
    notices: &[Notice],
    session: &str,
    kind: &ChangeKind,
    provider: Option<etwatch_event::Guid>,
) -> Option<u32> {
    let fits = |notice: &&Notice| {
        notice.session == session
            && match notice.happened {
                Happened::Stopped | Happened::Started => *kind == ChangeKind::Stopped,
                Happened::Configured => {
                    matches!(kind, ChangeKind::Flags { .. } | ChangeKind::Buffers)
                }
                Happened::Enabled(guid) | Happened::Disabled(guid) => provider == Some(guid),
            }
    };
    notices.iter().rev().find(fits)?.by
}
