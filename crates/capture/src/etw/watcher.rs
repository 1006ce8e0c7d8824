//! The thread that looks after sessions.
//!
//! It sleeps on a condition, so that stopping it does not wait for its second to pass, and gives the manager back
//! when it ends: whoever stops the watcher stops the sessions, in that order, or else the watcher would take our
//! own stop for someone's.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use etwatch_event::Clock;

use super::defaults::LOSS_PERIOD;
use super::losses::SessionLosses;
use super::manager::Manager;
use super::watch::Change;

/// Who is told what was found, on the watcher's thread.
pub trait Watch: Send {
    /// What sessions have lost so far, each second.
    fn losses(&mut self, losses: &mut dyn Iterator<Item = &SessionLosses>);
    /// A change that someone made.
    fn changed(&mut self, change: Change);
}

#[derive(Debug, Default)]
struct Ending {
    is_wanted: Mutex<bool>,
    changed: Condvar,
}

/// Looks after sessions until it is stopped or dropped.
#[derive(Debug)]
pub struct Watcher {
    ending: Arc<Ending>,
    thread: Option<JoinHandle<Manager>>,
}

impl Watcher {
    /// Begins to look after the sessions of `manager`.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn start(
        mut manager: Manager,
        clock: Arc<dyn Clock>,
        mut watch: Box<dyn Watch>,
    ) -> std::io::Result<Self> {
        let ending = Arc::new(Ending::default());
        let theirs = Arc::clone(&ending);
        let look = move || {
            loop {
                for change in manager.step(clock.elapsed()) {
                    watch.changed(change);
                }
                watch.losses(&mut manager.losses());
                let is_wanted = theirs.is_wanted.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = theirs.changed.wait_timeout_while(is_wanted, LOSS_PERIOD, |it| !*it);
                let (is_wanted, _) = waited.unwrap_or_else(PoisonError::into_inner);
                if *is_wanted {
                    drop(is_wanted);
                    return manager;
                }
            }
        };
        let thread = thread::Builder::new().name("etwatch-sessions".to_owned()).spawn(look)?;
        Ok(Self { ending, thread: Some(thread) })
    }

    /// Ends the watching and gives the sessions back; `None` if the thread was lost, and they with it.
    #[must_use]
    pub fn stop(mut self) -> Option<Manager> {
        self.end()
    }

    fn end(&mut self) -> Option<Manager> {
        *self.ending.is_wanted.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ending.changed.notify_all();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.end());
    }
}
