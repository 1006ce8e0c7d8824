//! Hands on batches that are not full, so that no record waits for those that follow it.
//!
//! One thread serves all sessions of a run. Every [`EVERY`] it tries each desk: if the callback has it, records are
//! coming and the next turn is soon enough; else what was copied is handed on. So a record waits at most two turns, 20
//! ms, for a feed that has nothing else to read.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::desk::Shared;

/// How often each desk is tried.
pub const EVERY: Duration = Duration::from_millis(10);

/// Hands on what one session has copied.
#[derive(Clone, Debug)]
pub struct Flush(pub(super) Arc<Shared>);

impl Flush {
    /// Hands on the batch that is being filled, unless the callback is at it or no feed has read what it has. Does not
    /// wait.
    pub fn tick(&self) {
        if let Some(mut desk) = self.0.try_desk() {
            self.0.aside.bring(&mut desk, &self.0.counters);
            desk.flush(&self.0.counters);
        }
    }
}

/// The thread that does it; ends when this is dropped.
#[derive(Debug)]
pub struct Flusher {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts a thread for these sessions.
    ///
    /// # Errors
    /// If the operating system refuses the thread.
    pub fn start(sessions: Vec<Flush>) -> io::Result<Self> {
        let (stop, stopped) = sync_channel(1);
        let thread =
            std::thread::Builder::new().name("etwatch-flusher".into()).spawn(move || {
                while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    sessions.iter().for_each(Flush::tick);
                }
            })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}
