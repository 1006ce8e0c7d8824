//! The sessions of this host, as the feed that owns them.
//!
//! It looks after them each second, hands what Windows lost to the counters of their records, changes them when the
//! rules need something else, and when it is told to end it stops them, with which the feeds of their records end.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use etwatch_alert::telemetry::Tampering;
use etwatch_capture::SourceError;
use etwatch_capture::etl::Trace;
use etwatch_capture::etw::{Change, ChangeKind, EtwApi, ManagerSettings, SessionLosses};
use etwatch_capture::live::{self, Counters, SessionSettings, Unseen};
use etwatch_engine::run::{Next, SessionFeed};
use etwatch_engine::{Feed, LivePlan};
use etwatch_event::Clock;

use crate::host_sessions::{HostSessionError, HostSessions, SessionsChanged};
use crate::terminal;

/// How often sessions are looked after.
const LOOK: Duration = Duration::from_secs(1);

/// What a session has lost, as far as it is counted.
struct Lost {
    session: String,
    counters: Arc<Counters>,
    counted: SessionLosses,
}

impl Lost {
    /// Counts what was lost since.
    fn count(&mut self, losses: &SessionLosses) {
        let Self { counters, counted, .. } = self;
        let events = losses.events.saturating_sub(counted.events);
        let buffers = losses.real_time_buffers.saturating_sub(counted.real_time_buffers);
        counters.lose(events, buffers);
        let of_logs = losses.log_buffers.saturating_sub(counted.log_buffers);
        counters.miss(Unseen::LogBuffers, of_logs);
        *counted = losses.clone();
    }
}

/// The sessions themselves.
pub(super) struct Sessions {
    /// `None` once they are stopped.
    sessions: Option<HostSessions>,
    plans: Receiver<Vec<SessionSettings>>,
    lost: Vec<Lost>,
    clock: Arc<dyn Clock>,
    /// When they are looked after next.
    next: Duration,
    /// What is to be handed on.
    out: VecDeque<Next>,
}

/// Which sessions are read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'w> {
    /// Those of a plan, which are ours.
    Own(&'w LivePlan),
    /// Those of somebody else with these names.
    Attached(&'w [String]),
}

/// The sessions, the feeds of their records, and what somebody should know.
type Started = (Sessions, Vec<Box<dyn Feed>>, Vec<String>);

/// Starts the sessions of a plan.
///
/// # Errors
/// [`HostSessionError`]; nothing of it runs on.
pub(super) fn start(
    api: &Arc<dyn EtwApi>,
    trace: Trace,
    wanted: Wanted<'_>,
    folder: &Path,
    plans: Receiver<Vec<SessionSettings>>,
    clock: Arc<dyn Clock>,
) -> Result<Started, HostSessionError> {
    let own = if let Wanted::Own(plan) = wanted { plan.sessions.as_slice() } else { &[] };
    let settings = ManagerSettings::of(folder.join("sessions"));
    let sessions = HostSessions::new(api, settings, trace, own)?;
    let (out, next) = (VecDeque::new(), Duration::ZERO);
    let mut all = Sessions { sessions: Some(sessions), plans, lost: Vec::new(), clock, next, out };
    let (mut feeds, mut notes) = (Vec::new(), Vec::new());
    for settings in own {
        let Some(sessions) = &mut all.sessions else { break };
        let (report, feed) = sessions.start(settings)?;
        notes.extend(report.notes.iter().map(|note| format!("session {}: {note}", report.name)));
        feeds.push(all.feed(report.name, feed));
    }
    if let (Wanted::Attached(names), Some(sessions)) = (wanted, &mut all.sessions) {
        let attached: Result<Vec<_>, HostSessionError> =
            names.iter().map(|name| Ok((name.clone(), sessions.attach(name)?))).collect();
        for (name, feed) in attached? {
            feeds.push(all.feed(name, feed));
        }
    }
    Ok((all, feeds, notes))
}

impl Sessions {
    /// The records of a session that was started. They end when it is stopped.
    fn feed(&mut self, session: String, feed: live::Feed) -> Box<dyn Feed> {
        let counters = Arc::clone(feed.counters());
        let counted = SessionLosses::default();
        self.lost.push(Lost { session: session.clone(), counters, counted });
        Box::new(SessionFeed::new(session, feed, Box::new(|| {})))
    }

    fn look(&mut self, now: Duration) {
        let Some(sessions) = &mut self.sessions else { return };
        self.next = now + LOOK;
        for change in sessions.manager().step(now) {
            if change.kind == ChangeKind::Stopped && change.repaired.is_ok() {
                miss(&self.lost, &change.session);
            }
            self.out.push_back(Next::Tampering(tampering(change)));
        }
        for losses in sessions.manager().losses() {
            if let Some(lost) = self.lost.iter_mut().find(|lost| lost.session == losses.session) {
                lost.count(losses);
            }
        }
    }

    /// Makes the sessions be as the rules need them now.
    fn change(&mut self, wanted: &[SessionSettings]) {
        let now = self.clock.elapsed();
        // What others did until now is told as theirs, and what was lost is counted.
        self.look(now);
        let Some(sessions) = &mut self.sessions else { return };
        let SessionsChanged { started, changed, stopped, failed } = sessions.change(wanted);
        for (name, how) in changed {
            how.notes.iter().for_each(|note| terminal::note(&format!("session {name}: {note}")));
            if how.was_interrupted {
                miss(&self.lost, &name);
                terminal::note(&format!(
                    "session {name}: started anew for the rules that changed; what happened meanwhile was not seen"
                ));
            }
        }
        for (name, error) in failed {
            terminal::error(&format!("session {name}: {error}; {}", error.remedy()));
        }
        self.lost.retain(|lost| !stopped.contains(&lost.session));
        for (report, feed) in started {
            let name = &report.name;
            report.notes.iter().for_each(|note| terminal::note(&format!("session {name}: {note}")));
            let feed = self.feed(report.name, feed);
            self.out.push_back(Next::Feed(feed));
        }
    }
}

/// Counts that a session was interrupted.
fn miss(lost: &[Lost], session: &str) {
    if let Some(lost) = lost.iter().find(|lost| lost.session == session) {
        lost.counters.miss(Unseen::StartedAnew, 1);
    }
}

/// A change as receivers of alerts are told of it.
fn tampering(change: Change) -> Tampering {
    let Change { kind, session, provider, by, repaired, further } = change;
    let mut detail: Vec<String> = provider.into_iter().map(|(_, name)| name).collect();
    detail.extend(by.map(|pid| format!("by process {pid}")));
    detail.extend(repaired.as_ref().err().map(ToString::to_string));
    detail.extend((further > 0).then(|| format!("and {further} more of the kind")));
    let (change, detail) = (kind.word().to_owned(), detail.join(", "));
    Tampering { session, change, detail, repaired: repaired.is_ok() }
}

impl Feed for Sessions {
    fn name(&self) -> String {
        "sessions".to_owned()
    }
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        if let Some(next) = self.out.pop_front() {
            return Ok(next);
        }
        if self.sessions.is_none() {
            return Ok(Next::Ended);
        }
        let now = self.clock.elapsed();
        let wait = wait.min(self.next.saturating_sub(now));
        match self.plans.recv_timeout(wait) {
            // Only the last one counts.
            Ok(first) => self.change(&self.plans.try_iter().last().unwrap_or(first)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(wait),
        }
        let now = self.clock.elapsed();
        if now >= self.next {
            self.look(now);
        }
        Ok(self.out.pop_front().unwrap_or(Next::Quiet))
    }
    fn stop(&mut self) {
        let now = self.clock.elapsed();
        self.look(now);
        self.sessions = None;
    }
}
