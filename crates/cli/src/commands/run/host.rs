//! This host as a source: its sessions and channels as the rules need them, each a feed.
//!
//! ```text
//! rules ─▶ plan ─▶ sessions ─▶ a feed each     the sessions themselves: a feed that tells who tampered with them
//!               └▶ channels ─▶ one feed
//! ```
//!
//! The feed of the sessions owns them: it looks after them each second, hands what Windows lost to the counters of
//! their records, and when it is told to end it stops them, with which the other feeds end.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etwatch_alert::telemetry::Tampering;
use etwatch_capture::SourceError;
use etwatch_capture::etl::Trace;
use etwatch_capture::etw::{Change, EtwApi, ManagerSettings};
use etwatch_capture::eventlog::{
    self, Bookmarks, ChannelRequest, ChannelState, EventLog, Subscription, SubscriptionSettings,
};
use etwatch_capture::live::Counters;
use etwatch_engine::run::{Next, SessionFeed};
use etwatch_engine::{Feed, LivePlan};
use etwatch_event::Clock;

use crate::host_sessions::{HostSessionError, HostSessions};

/// How often sessions are looked after.
const LOOK: Duration = Duration::from_secs(1);

/// What is needed of a host.
pub(super) struct HostParts {
    /// Starts sessions.
    pub(super) api: Arc<dyn EtwApi>,
    /// Has channels; `None` if there are none.
    pub(super) log: Option<Box<dyn EventLog>>,
    /// What is known of it.
    pub(super) trace: Trace,
    pub(super) clock: Arc<dyn Clock>,
}

/// What was started, and what somebody should know as well.
type Started = (Vec<Box<dyn Feed>>, Vec<String>);

/// Starts what a plan asks for; `folder` is for the lock that says that no other etwatch runs, and for bookmarks.
///
/// # Errors
/// [`HostSessionError`]; nothing of it runs on.
pub(super) fn open(
    parts: HostParts,
    plan: &LivePlan,
    folder: &Path,
) -> Result<Started, HostSessionError> {
    let HostParts { api, log, trace, clock } = parts;
    let settings = ManagerSettings::of(folder.join("sessions"));
    let mut sessions = HostSessions::new(&api, settings, trace, &plan.sessions)?;
    let mut feeds: Vec<Box<dyn Feed>> = Vec::new();
    let (mut lost, mut notes) = (Vec::new(), Vec::new());
    for settings in &plan.sessions {
        let (report, feed) = sessions.start(settings)?;
        let name = settings.name.clone();
        notes.extend(report.notes.iter().map(|note| format!("session {name}: {note}")));
        let counters = Arc::clone(feed.counters());
        lost.push(Lost { session: name.clone(), counters, events: 0, buffers: 0 });
        // They end when the sessions are stopped.
        feeds.push(Box::new(SessionFeed::new(name, feed, Box::new(|| {}))));
    }
    if let Some(log) = log.filter(|_| !plan.channels.is_empty()) {
        let request = |channel: &etwatch_capture::live::ChannelSettings| ChannelRequest {
            path: channel.path.clone(),
            query: channel.query.clone(),
            from_oldest: false,
        };
        let requests = plan.channels.iter().map(request).collect();
        let bookmarks = Some(Bookmarks::in_folder(&folder.join("bookmarks")));
        let settings = SubscriptionSettings { bookmarks, ..SubscriptionSettings::default() };
        let channels = Subscription::new(log, requests, settings, Arc::clone(&clock));
        feeds.push(Box::new(Channels { channels, told: Vec::new() }));
    }
    let (next, changes) = (Duration::ZERO, VecDeque::new());
    feeds.push(Box::new(Sessions { sessions: Some(sessions), lost, clock, next, changes }));
    Ok((feeds, notes))
}

/// What a session has lost, as far as it is counted.
struct Lost {
    session: String,
    counters: Arc<Counters>,
    events: u64,
    buffers: u64,
}

/// The sessions themselves.
struct Sessions {
    /// `None` once they are stopped.
    sessions: Option<HostSessions>,
    lost: Vec<Lost>,
    clock: Arc<dyn Clock>,
    /// When they are looked after next.
    next: Duration,
    changes: VecDeque<Tampering>,
}

impl Sessions {
    fn look(&mut self, now: Duration) {
        let Some(sessions) = &mut self.sessions else { return };
        self.next = now + LOOK;
        self.changes.extend(sessions.manager().step(now).into_iter().map(tampering));
        for losses in sessions.manager().losses() {
            let found = self.lost.iter_mut().find(|lost| lost.session == losses.session);
            let Some(Lost { counters, events, buffers, .. }) = found else { continue };
            let lost = losses.log_buffers + losses.real_time_buffers;
            counters.lose(losses.events.saturating_sub(*events), lost.saturating_sub(*buffers));
            (*events, *buffers) = (losses.events, lost);
        }
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
        if let Some(change) = self.changes.pop_front() {
            return Ok(Next::Tampering(change));
        }
        if self.sessions.is_none() {
            return Ok(Next::Ended);
        }
        let now = self.clock.elapsed();
        if now >= self.next {
            self.look(now);
        } else {
            std::thread::sleep(wait.min(self.next.saturating_sub(now)));
        }
        Ok(self.changes.pop_front().map_or(Next::Quiet, Next::Tampering))
    }
    fn stop(&mut self) {
        let now = self.clock.elapsed();
        self.look(now);
        self.sessions = None;
    }
}

/// The channels of the event log.
struct Channels {
    channels: Subscription,
    /// Those of which was told that they are refused.
    told: Vec<String>,
}

impl Channels {
    fn tell(&mut self) {
        for failure in self.channels.take_failures() {
            tracing::warn!("{failure}");
        }
        for status in self.channels.status() {
            match status.state {
                ChannelState::Refused(error) | ChannelState::GivenUp(error)
                    if !self.told.contains(&status.path) =>
                {
                    tracing::warn!("channel {}: {error}", status.path);
                    self.told.push(status.path);
                }
                ChannelState::Reading => self.told.retain(|told| *told != status.path),
                _ => {}
            }
        }
    }
}

impl Feed for Channels {
    fn name(&self) -> String {
        "event log".to_owned()
    }
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        let next = self.channels.next(wait);
        self.tell();
        Ok(match next {
            eventlog::Next::Piece(piece) => Next::Piece(*piece),
            eventlog::Next::Quiet => Next::Quiet,
            eventlog::Next::Ended => Next::Ended,
        })
    }
    fn stop(&mut self) {
        self.channels.save();
        self.channels.stop();
    }
}

#[cfg(test)]
mod tests {
    use etwatch_capture::Piece;
    use etwatch_capture::etw::FakeEtw;
    use etwatch_capture::etw::fake::FakeMachine;
    use etwatch_capture::eventlog::fake::FakeEventLog;
    use etwatch_capture::live::{ChannelSettings, SessionSettings};
    use etwatch_event::clock::SystemClock;
    use etwatch_event::{RawForm, RawHeader, RawRecord};

    use super::*;

    const WAIT: Duration = Duration::from_millis(50);

    /// What feeds had, until each of them had nothing for a while or ended.
    fn read(feeds: &mut [Box<dyn Feed>]) -> (usize, Vec<Tampering>, usize) {
        let (mut pieces, mut changes, mut ended) = (0, Vec::new(), 0);
        for feed in feeds {
            let mut quiet = 0;
            while quiet < 30 {
                match feed.next(WAIT).unwrap() {
                    Next::Piece(Piece::Live(batch)) => pieces += batch.len(),
                    Next::Piece(_) => pieces += 1,
                    Next::Tampering(change) => changes.push(change),
                    Next::Quiet => quiet += 1,
                    Next::Ended => {
                        ended += 1;
                        break;
                    }
                }
            }
        }
        (pieces, changes, ended)
    }

    #[test]
    fn sessions_and_channels_are_read_watched_and_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let etw = FakeEtw::new(FakeMachine::default());
        let log = FakeEventLog::new(&["System"]);
        let parts = HostParts {
            api: Arc::new(etw.clone()),
            log: Some(Box::new(log.clone())),
            trace: Trace::default(),
            clock: Arc::new(SystemClock::start()),
        };
        let session =
            SessionSettings { name: "etwatch-test".to_owned(), ..SessionSettings::default() };
        let plan = LivePlan {
            sessions: vec![session],
            channels: vec![ChannelSettings::new("System", [7045])],
            ..LivePlan::default()
        };
        let (mut feeds, _) = open(parts, &plan, folder.path()).unwrap();
        assert_eq!(feeds.len(), 3);
        let (_, changes, ended) = read(&mut feeds);
        assert_eq!((changes.len(), ended), (0, 0), "{changes:?}");

        let header = RawHeader { form: RawForm::Classic, pointer_size: 8, ..RawHeader::default() };
        etw.deliver("etwatch-test", &RawRecord { header, extended: &[], payload: b"x" });
        log.write("System", 7045, "a service");
        let (pieces, _, _) = read(&mut feeds);
        assert_eq!(pieces, 2);

        etw.tamper_stop("etwatch-test", 4_321);
        let (_, changes, _) = read(&mut feeds);
        let [change] = changes.as_slice() else { panic!("{changes:?}") };
        let told = (change.session.as_str(), change.change.as_str(), change.repaired);
        assert_eq!(told, ("etwatch-test", "stopped", true));

        feeds.iter_mut().for_each(|feed| feed.stop());
        assert_eq!(read(&mut feeds).2, 3);
    }

    #[test]
    fn a_second_run_is_refused_and_a_refusal_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let etw = FakeEtw::new(FakeMachine { is_elevated: false, ..FakeMachine::default() });
        let parts = |api: &FakeEtw| HostParts {
            api: Arc::new(api.clone()),
            log: None,
            trace: Trace::default(),
            clock: Arc::new(SystemClock::start()),
        };
        let session =
            SessionSettings { name: "etwatch-test".to_owned(), ..SessionSettings::default() };
        let plan = LivePlan { sessions: vec![session], ..LivePlan::default() };
        let Err(error) = open(parts(&etw), &plan, folder.path()) else { panic!("not elevated") };
        assert!(!error.remedy().is_empty(), "{error}");
        let etw = FakeEtw::new(FakeMachine::default());
        let (feeds, _) = open(parts(&etw), &plan, folder.path()).unwrap();
        assert!(open(parts(&etw), &plan, folder.path()).is_err());
        drop(feeds);
        assert!(open(parts(&etw), &plan, folder.path()).is_ok());
    }
}
