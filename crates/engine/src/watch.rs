//! Folders of rules that are watched, so that a change is in force without a restart.
//!
//! The system tells of changes one by one and some programs write a file in many steps, so after the first
//! change the watcher waits until nothing changes for a moment (but not for ever: somebody may write all the
//! time). Then everything is loaded again, which finds out by itself what changed; nothing depends on what the
//! system told. What it can't watch (a network drive, too many watches) is looked at from time to time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use etwatch_event::clock::{Clock, SystemClock};
use etwatch_rules::Reload;
use notify::{Config, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use crate::live::LiveEngine;

/// How often folders are looked at that can't be watched.
const POLL: Duration = Duration::from_secs(10);
/// How many times as long as the quiet that is waited for a change waits at most.
const MOST_QUIETS: u32 = 10;

/// Why folders can't be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// A path can be watched in no way.
    #[error("cannot watch {path} for changes: {source}")]
    Path {
        /// The path.
        path: String,
        /// What the system said.
        source: notify::Error,
    },
    /// The thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// Watches folders until it is dropped.
#[must_use = "what is dropped watches no more"]
pub struct RuleWatcher {
    /// Dropped first: then nobody tells of changes any more, and the thread ends.
    watchers: Vec<Box<dyn Watcher + Send>>,
    thread: Option<JoinHandle<()>>,
}

impl RuleWatcher {
    /// The quiet that is usually waited for.
    pub const QUIET: Duration = Duration::from_millis(300);

    /// Watches the files and folders at `paths`, where the rules of `engine` come from. When they have changed
    /// and nothing more changed for `quiet`, they are loaded again, and `told` is told what that led to if
    /// something came of it.
    ///
    /// # Errors
    /// [`WatchError`].
    pub fn start(
        engine: Arc<LiveEngine>,
        paths: &[PathBuf],
        quiet: Duration,
        told: impl FnMut(Reload) + Send + 'static,
    ) -> Result<Self, WatchError> {
        // One change that nobody has looked at is as good as many.
        let (send, changes) = sync_channel(1);
        let watchers = paths.iter().map(|path| watch(path, send.clone()));
        let watchers = watchers.collect::<Result<_, _>>()?;
        let thread = std::thread::Builder::new().name("etwatch-rules".to_owned());
        let thread = thread.spawn(move || load_again(&engine, &changes, quiet, told));
        Ok(Self { watchers, thread: Some(thread.map_err(WatchError::Thread)?) })
    }
}

impl Drop for RuleWatcher {
    fn drop(&mut self) {
        self.watchers.clear();
        if let Some(thread) = self.thread.take() {
            // If it failed there is nothing more to be done about it.
            let _ = thread.join();
        }
    }
}

fn watch(path: &Path, send: SyncSender<()>) -> Result<Box<dyn Watcher + Send>, WatchError> {
    let told = move |event: notify::Result<notify::Event>| {
        // An error may stand for changes of which nothing is known.
        if event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            return;
        }
        let _ = send.try_send(());
    };
    // Of a file that is replaced by another one, its folder tells.
    let folder = match path.parent() {
        Some(folder) if path.is_file() && !folder.as_os_str().is_empty() => folder,
        _ if path.is_file() => Path::new("."),
        _ => path,
    };
    let mode = if path.is_file() { RecursiveMode::NonRecursive } else { RecursiveMode::Recursive };
    let by_system = RecommendedWatcher::new(told.clone(), Config::default())
        .and_then(|mut watcher| watcher.watch(folder, mode).map(|()| watcher));
    let error = match by_system {
        Ok(watcher) => return Ok(Box::new(watcher)),
        Err(error) => error,
    };
    let path = path.display().to_string();
    tracing::warn!(path, %error, "can't be watched; it is looked at every {} s", POLL.as_secs());
    PollWatcher::new(told, Config::default().with_poll_interval(POLL))
        .and_then(|mut watcher| watcher.watch(folder, mode).map(|()| watcher))
        .map(|watcher| -> Box<dyn Watcher + Send> { Box::new(watcher) })
        .map_err(|source| WatchError::Path { path, source })
}

/// Loads again after each change, until nobody tells of changes any more.
fn load_again(
    engine: &LiveEngine,
    changes: &Receiver<()>,
    quiet: Duration,
    mut told: impl FnMut(Reload),
) {
    while changes.recv().is_ok() {
        let clock = SystemClock::start();
        while clock.elapsed() < quiet * MOST_QUIETS {
            match changes.recv_timeout(quiet) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let reload = engine.reload();
        let changes = &reload.changes;
        if changes.files_read + changes.files_removed > 0 || !reload.loaded.unreadable.is_empty() {
            told(reload);
        }
    }
}
