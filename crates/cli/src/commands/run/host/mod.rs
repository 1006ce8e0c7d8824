//! This host as a source: its sessions and channels as the rules need them, each a feed.
//!
//! ```text
//! rules ─▶ plan ─▶ sessions ─▶ a feed each     the sessions themselves: a feed that tells who tampered with them
//!   ▲        └───▶ channels ─▶ one feed
//!   └─ loaded again: another plan, to which sessions and channels are changed while they run
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`planning`] | what the rules need of this host, now and after they were loaded again |
//! | [`sessions`] | the feed that owns the sessions |
//! | [`channels`] | the feed that reads channels |

mod channels;
mod planning;
mod sessions;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use etwatch_capture::etl::Trace;
use etwatch_capture::etw::EtwApi;
use etwatch_capture::eventlog::EventLog;
use etwatch_engine::{Feed, LiveConditions, LivePlan};
use etwatch_event::Clock;
use etwatch_host::Host;

use crate::host_sessions::HostSessionError;
pub(super) use planning::Planning;
use sessions::Wanted;

/// Plans that may wait for a feed to take them; then whoever loads rules waits.
const PLANS: usize = 4;

/// What is needed of a host.
pub(super) struct HostParts {
    /// Starts sessions.
    pub(super) api: Arc<dyn EtwApi>,
    /// Has channels; `None` if there are none.
    pub(super) log: Option<Box<dyn EventLog>>,
    /// What is known of it.
    pub(super) trace: Trace,
    /// The same, as far as a plan goes by it.
    pub(super) conditions: LiveConditions,
    /// Who is asked about files; `None` if nobody is.
    pub(super) files: Option<Arc<dyn Host>>,
    pub(super) clock: Arc<dyn Clock>,
}

impl HostParts {
    /// The machine this runs on.
    ///
    /// # Errors
    /// A message: there are no live events here, or the event log can't be asked.
    #[cfg(windows)]
    pub(super) fn local() -> Result<Self, String> {
        use std::collections::BTreeSet;

        use etwatch_capture::etw::WindowsEtw;
        use etwatch_event::clock::SystemClock;
        use etwatch_host::LocalHost;

        use crate::{terminal, this_host};

        let opened = this_host::event_log().and_then(|mut log| {
            let conditions = this_host::conditions(Some(log.as_mut()))?;
            Ok((log, conditions))
        });
        let trace = this_host::trace();
        let (log, conditions) = match opened {
            Ok((log, conditions)) => (Some(log), conditions),
            Err(error) => {
                terminal::error(&format!("without the channels of the event log: {error}"));
                let os_build = trace.os_build;
                let channels = Some(BTreeSet::new());
                let conditions = LiveConditions { os_build, channels, ..LiveConditions::default() };
                (None, Some(conditions))
            }
        };
        let conditions = conditions.unwrap_or_default();
        let clock = Arc::new(SystemClock::start());
        let (api, files) = (Arc::new(WindowsEtw), Arc::new(LocalHost));
        Ok(Self { api, log, trace, conditions, files: Some(files), clock })
    }

    /// There is none here.
    ///
    /// # Errors
    /// Always, with a message.
    #[cfg(not(windows))]
    pub(super) fn local() -> Result<Self, String> {
        Err("live capture needs Windows; use --source sim:FILE here".to_owned())
    }
}

/// What was started.
pub(super) struct Opened {
    pub(super) feeds: Vec<Box<dyn Feed>>,
    /// What somebody should know who relies on it.
    pub(super) notes: Vec<String>,
}

/// Starts what the first plan of `planning` asks for, and has it changed by those that follow; `folder` is for the
/// lock that says that no other etwatch runs, and for bookmarks. With names in `attach`, those sessions are read, as
/// somebody else has set them up, and none is started.
///
/// # Errors
/// [`HostSessionError`]; nothing of it runs on.
pub(super) fn open(
    parts: HostParts,
    plan: &LivePlan,
    planning: &mut Planning,
    folder: &Path,
    attach: &[String],
) -> Result<Opened, HostSessionError> {
    let HostParts { api, log, trace, clock, .. } = parts;
    let (to_sessions, plans) = sync_channel(PLANS);
    let wanted = if attach.is_empty() { Wanted::Own(plan) } else { Wanted::Attached(attach) };
    let (sessions, mut feeds, notes) =
        sessions::start(&api, trace, wanted, folder, plans, Arc::clone(&clock))?;
    if attach.is_empty() {
        planning.tell_sessions(to_sessions);
    }
    if let Some(log) = log {
        let (to_channels, plans) = sync_channel(PLANS);
        feeds.push(Box::new(channels::open(log, &plan.channels, folder, plans, clock)));
        planning.tell_channels(to_channels);
    }
    feeds.push(Box::new(sessions));
    Ok(Opened { feeds, notes })
}
