//! Results of work that somebody else does.
//!
//! Who asks for work has a [`Pending`] and waits for it, or looks now and then; with a [`Waker`], he is told when
//! there is something to look at. A worker that fails drops its [`Place`], and that is a result as well.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use crate::engine::EngineError;

/// A result that is being worked on.
#[derive(Debug)]
pub struct Pending<T> {
    result: Receiver<T>,
    what: &'static str,
}

/// Where a result is put.
#[derive(Debug)]
pub struct Place<T> {
    // Dropped in this order: who is woken finds the result, or that there will be none.
    send: SyncSender<T>,
    _waking: Waking,
}

impl<T> Place<T> {
    /// The work is done.
    pub fn fill(self, result: T) {
        // Nobody waits any more if the run was given up.
        let _ = self.send.send(result);
    }
}

impl<T> Pending<T> {
    /// A place for a result, and where to wait for it. Whoever asks is woken when the place was filled or
    /// dropped; `what` is done until then.
    #[must_use]
    pub fn new(what: &'static str, waker: Option<Waker>) -> (Place<T>, Self) {
        let (send, result) = sync_channel(1);
        (Place { send, _waking: Waking(waker) }, Self { result, what })
    }
    /// A result that is there already.
    #[must_use]
    pub fn ready(result: T) -> Self {
        let (send, ready) = sync_channel(1);
        // There is room for it.
        let _ = send.send(result);
        Self { result: ready, what: "waiting" }
    }
    /// Waits for the result.
    ///
    /// # Errors
    /// [`EngineError::WorkerFailed`] if the worker ended without one.
    pub fn wait(self) -> Result<T, EngineError> {
        self.result.recv().map_err(|_| EngineError::WorkerFailed(self.what))
    }
    /// The result, if it is there; it can be had once.
    ///
    /// # Errors
    /// As [`Pending::wait`].
    pub fn try_take(&self) -> Result<Option<T>, EngineError> {
        match self.result.try_recv() {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(EngineError::WorkerFailed(self.what)),
        }
    }
}

/// Is called, by any thread, when something is done that somebody may be waiting for.
#[derive(Clone)]
pub struct Waker(Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// Calls `wake`, which must not wait.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(wake))
    }
    /// Calls it.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl fmt::Debug for Waker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waker")
    }
}

/// Wakes whoever asked for work when it is done, however it ended.
#[derive(Debug)]
struct Waking(Option<Waker>);

impl Drop for Waking {
    fn drop(&mut self) {
        if let Some(waker) = &self.0 {
            waker.wake();
        }
    }
}
