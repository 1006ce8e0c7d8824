//! This machine: the acts are done, the clocks read, Windows is asked, its sessions are started where there are some.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etwatch_alert::{Sink as _, Webhook, WebhookOptions};
use etwatch_capture::etw::{EtwApi, ManagerSettings};
use etwatch_capture::eventlog::{EventLogError, Start};
use etwatch_capture::live::{ChannelSettings, SessionSettings};
use etwatch_event::clock::{Clock as _, SystemClock};
use etwatch_event::{Timestamp, time::TICKS_PER_SECOND};
use etwatch_host::registry::machine_number;
use etwatch_host::replace::replace;
use etwatch_host::{Host as _, HostError, LocalHost, Rights};

use crate::doctor::act::{Act, Actor, Done, NotDone};
use crate::doctor::seen::Seen;
use crate::doctor::surroundings::{Losses, Refused, Room, Started, Surroundings};
use crate::doctor::watched::Watched;
use crate::this_host;

/// Where the policy on script blocks lies, below `HKEY_LOCAL_MACHINE`.
const SCRIPT_BLOCK_POLICY: &str =
    r"SOFTWARE\Policies\Microsoft\Windows\PowerShell\ScriptBlockLogging";

/// This machine.
pub(crate) struct Local {
    actor: Actor,
    clock: SystemClock,
    webhook: Option<WebhookOptions>,
    /// Who starts sessions; nobody where there is no Windows.
    etw: Option<Arc<dyn EtwApi>>,
    /// The folder whose lock says that no other doctor runs.
    state: PathBuf,
    watched: Option<Watched>,
}

impl Local {
    /// `actor` does what is done; `webhook` is where a test message would go; `etw` starts sessions.
    pub(crate) fn new(
        actor: Actor,
        webhook: Option<WebhookOptions>,
        etw: Option<Arc<dyn EtwApi>>,
    ) -> Self {
        let state = actor.folder.join("etwatch-doctor");
        Self { actor, clock: SystemClock::start(), webhook, etw, state, watched: None }
    }
}

/// Windows' own sessions; none elsewhere.
pub(crate) fn windows_etw() -> Option<Arc<dyn EtwApi>> {
    #[cfg(windows)]
    return Some(Arc::new(etwatch_capture::etw::WindowsEtw));
    #[cfg(not(windows))]
    None
}

impl Surroundings for Local {
    fn windows_build(&self) -> Result<u32, HostError> {
        LocalHost.windows_build()
    }
    fn rights(&self) -> Result<Rights, HostError> {
        LocalHost.rights()
    }
    fn now(&self) -> Timestamp {
        now()
    }
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }
    fn room(&self, folder: &Path) -> Room {
        let free =
            folder.to_str().map_or(Err(HostError::NotHere), |path| LocalHost.free_bytes(path));
        Room { free, writable: try_to_write(folder).map_err(|error| error.to_string()) }
    }
    fn process_count(&self) -> Result<usize, HostError> {
        LocalHost.processes().map(|all| all.len())
    }
    fn script_block_logging(&self) -> Result<Option<u32>, HostError> {
        machine_number(SCRIPT_BLOCK_POLICY, "EnableScriptBlockLogging")
    }
    fn send_to_webhook(&mut self) -> Result<String, String> {
        let options = self.webhook.clone().ok_or("none is configured")?;
        let mut webhook = Webhook::new(WebhookOptions { attempts: 1, ..options })
            .map_err(|error| error.to_string())?;
        let message = format!(r#"{{"kind":"test","time":"{}","from":"etwatch doctor"}}"#, now());
        webhook
            .accept(&message)
            .and_then(|()| webhook.flush())
            .map_err(|error| error.to_string())?;
        Ok(format!("{} took a test message", webhook.name()))
    }
    fn start(&mut self, sessions: &[SessionSettings]) -> Vec<Result<Started, Refused>> {
        let Some(etw) = &self.etw else {
            let refused = Refused {
                what: "live capture needs Windows".to_owned(),
                remedy: "recordings are replayed on any system: `etwatch replay PATH`".to_owned(),
            };
            return vec![Err(refused); sessions.len()];
        };
        let settings = ManagerSettings::of(self.state.clone());
        match Watched::start(etw, settings, this_host::trace(), sessions) {
            Ok((watched, results)) => {
                self.watched = Some(watched);
                results
            }
            Err(refused) => vec![Err(refused); sessions.len()],
        }
    }
    fn channels(&mut self, wanted: &[ChannelSettings]) -> Vec<Result<bool, Refused>> {
        let mut log = match this_host::event_log() {
            Ok(log) => log,
            Err(what) => {
                let remedy = "event logs of others are replayed: `etwatch replay LOG.evtx`";
                let refused = Refused { what, remedy: remedy.to_owned() };
                return vec![Err(refused); wanted.len()];
            }
        };
        let read = |channel: &ChannelSettings| {
            let is_enabled = log.is_enabled(&channel.path)?;
            // Read by nobody: whether it may be is what is asked.
            log.subscribe(&channel.path, &channel.query, Start::Now).map(|_| is_enabled)
        };
        let results = wanted.iter().map(read);
        let refused = |error: EventLogError| Refused {
            what: error.to_string(),
            remedy: error.remedy().to_owned(),
        };
        results.map(|result| result.map_err(refused)).collect()
    }
    fn act(&mut self, act: Act, token: &str) -> Result<Done, NotDone> {
        self.actor.perform(act, token)
    }
    fn events(&mut self, wait: Duration, each: &mut dyn FnMut(Seen)) {
        if let Some(watched) = &self.watched {
            watched.events(wait, each);
        }
    }
    fn losses(&mut self) -> Result<Losses, String> {
        let watched = self.watched.as_mut().ok_or("no session runs")?;
        Ok(watched.losses(&self.clock))
    }
    fn stop(&mut self) -> Vec<String> {
        if let Some(watched) = self.watched.take() {
            watched.stop();
        }
        // It holds the lock alone.
        let _ = std::fs::remove_dir_all(&self.state);
        Vec::new()
    }
}

/// Writes a file, puts another in its place, and deletes it.
fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let inner = tempfile::Builder::new().prefix("etwatch-doctor-").tempdir_in(folder)?;
    let path = inner.path().join("file");
    replace(&path, b"first")?;
    replace(&path, b"second")?;
    std::fs::remove_file(&path)?;
    inner.close()
}

#[expect(clippy::disallowed_methods, reason = "the machine's clock itself is examined")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let ticks = since.as_secs().saturating_mul(TICKS_PER_SECOND);
    let ticks = ticks.saturating_add(u64::from(since.subsec_nanos() / 100));
    Timestamp::from_filetime(Timestamp::UNIX_EPOCH.filetime().saturating_add(ticks))
}

/// A token that no other run has: when it was made, and by which process.
pub(crate) fn token() -> String {
    format!("etwatch-doctor-{:x}-{:x}", now().filetime(), std::process::id())
}

/// PowerShell, where Windows has it. Only there, since a search would run what somebody put in our way.
pub(crate) fn powershell() -> Option<PathBuf> {
    let folder = LocalHost.system_folder().ok()?;
    Some([&folder, "WindowsPowerShell", "v1.0", "powershell.exe"].iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_can_be_written_to_is_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert!(try_to_write(folder.path()).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(try_to_write(&folder.path().join("none")).is_err());
    }

    #[test]
    fn tokens_differ_and_stand_anywhere() {
        let (first, second) = (token(), token());
        assert_ne!(first, second);
        let plain =
            |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        assert!(first.chars().all(plain) && first.len() < 60, "{first}");
    }
}
