//! A thread for each feed, and the one queue in which all of them put what they have.
//!
//! ```text
//! feed 0 ─▶ thread ─┐
//! feed 1 ─▶ thread ─┼─▶ inbox, bounded ─▶ the thread of the run
//! workers ──woken───┘
//! ```
//!
//! If the run does not keep up, the queue is full and the threads wait: so does a feed that can, and one that
//! can't counts what it drops. Workers that are done never wait, they only leave word that there is something to
//! look at, once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use etwatch_alert::telemetry::Tampering;
use etwatch_capture::{Piece, SourceError};

use crate::engine::EngineError;
use crate::pending::Waker;
use crate::run::feed::{Feed, Next};

/// How long a thread waits for its feed before it looks whether the run is to stop.
const WAIT: Duration = Duration::from_millis(200);
/// How often a feed that was stopped may have nothing, before it is taken to have ended.
const QUIET_WHEN_STOPPED: u32 = 50;
/// Messages of each feed that may lie in the queue, and of how many feeds at least.
const QUEUED: usize = 4;
const FEEDS: usize = 4;

/// Says that a run is to stop; may be said from any thread.
#[derive(Clone, Debug, Default)]
pub struct StopFlag {
    own: Arc<AtomicBool>,
    /// Whoever sets this one, sets the other as well.
    above: Option<Arc<AtomicBool>>,
}

impl StopFlag {
    /// The run is to stop.
    pub fn stop(&self) {
        self.own.store(true, Ordering::Release);
    }
    /// Whether it is.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let is_set = |flag: &AtomicBool| flag.load(Ordering::Acquire);
        is_set(&self.own) || self.above.as_deref().is_some_and(is_set)
    }
    /// A flag that is set when this one is, and can be set by itself.
    pub(crate) fn child(&self) -> Self {
        Self { own: Arc::default(), above: Some(Arc::clone(&self.own)) }
    }
}

/// What the thread of the run is told.
#[expect(clippy::large_enum_variant, reason = "moved once a batch, and most are records")]
pub(crate) enum Message {
    /// A feed, by its number, has records.
    Piece(u32, Piece),
    /// Somebody changed what is watched.
    Tampering(Tampering),
    /// There is one more feed.
    Feed(Box<dyn Feed>),
    /// A feed has ended, perhaps before its end.
    Ended(u32, Option<Box<SourceError>>),
    /// A worker is done with something.
    Done,
}

/// Where all messages come in.
pub(crate) struct Inbox {
    messages: Receiver<Message>,
    /// Whether [`Message::Done`] lies in the queue already.
    is_woken: Arc<AtomicBool>,
    waker: Waker,
    threads: Threads,
}

impl Inbox {
    /// The next message; `None` if there is none in time.
    pub(crate) fn next(&self, wait: Duration) -> Option<Message> {
        match self.messages.recv_timeout(wait) {
            Ok(Message::Done) => {
                self.is_woken.store(false, Ordering::Release);
                Some(Message::Done)
            }
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }
    /// Starts a thread for one more feed.
    ///
    /// # Errors
    /// [`EngineError::Thread`].
    pub(crate) fn add(&self, feed: Box<dyn Feed>) -> Result<(), EngineError> {
        self.threads.add(feed)
    }
    /// What wakes whoever waits for the next message.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }
}

/// The threads of all feeds; they end when the inbox is gone, or their feeds have ended.
#[derive(Clone)]
pub(crate) struct Threads {
    all: Arc<Mutex<Vec<JoinHandle<()>>>>,
    send: SyncSender<Message>,
    stop: StopFlag,
}

impl Threads {
    fn lock(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn add(&self, feed: Box<dyn Feed>) -> Result<(), EngineError> {
        let mut all = self.lock();
        let number = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let (send, stop) = (self.send.clone(), self.stop.clone());
        let thread = std::thread::Builder::new().name(format!("etwatch-feed-{number}"));
        let thread =
            thread.spawn(move || wait_for(feed, &stop, Leaving { number, send, ending: None }));
        all.push(thread.map_err(EngineError::Thread)?);
        Ok(())
    }
    /// Waits until all have ended.
    pub(crate) fn join(self) {
        let all = std::mem::take(&mut *self.lock());
        for thread in all {
            // One that failed has said so: it left the queue.
            let _ = thread.join();
        }
    }
}

/// Starts a thread for each feed.
///
/// # Errors
/// [`EngineError::Thread`].
pub(crate) fn gather(
    feeds: Vec<Box<dyn Feed>>,
    stop: &StopFlag,
) -> Result<(Inbox, Threads), EngineError> {
    let (send, messages) = sync_channel(QUEUED * feeds.len().max(FEEDS) + 1);
    let is_woken = Arc::new(AtomicBool::new(false));
    let waker = {
        let (send, is_woken) = (send.clone(), Arc::clone(&is_woken));
        Waker::new(move || {
            // If there is no room, there are messages that wake as well.
            if !is_woken.swap(true, Ordering::AcqRel) && send.try_send(Message::Done).is_err() {
                is_woken.store(false, Ordering::Release);
            }
        })
    };
    let threads = Threads { all: Arc::default(), send, stop: stop.clone() };
    for feed in feeds {
        threads.add(feed)?;
    }
    Ok((Inbox { messages, is_woken, waker, threads: threads.clone() }, threads))
}

/// Tells that a feed has ended, also if its thread fails.
struct Leaving {
    number: u32,
    send: SyncSender<Message>,
    /// How it ended; not known as long as its thread is at work.
    ending: Option<Option<SourceError>>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let ending = self.ending.take().unwrap_or_else(|| {
            let source = std::io::Error::other("its thread failed; this is a fault of etwatch");
            Some(SourceError::Io { path: format!("feed {}", self.number), source })
        });
        // If nobody is there any more, nobody waits for it.
        let _ = self.send.send(Message::Ended(self.number, ending.map(Box::new)));
    }
}

fn wait_for(mut feed: Box<dyn Feed>, stop: &StopFlag, mut leaving: Leaving) {
    let number = leaving.number;
    let mut quiet = None;
    let error = loop {
        if quiet.is_none() && stop.is_set() {
            feed.stop();
            quiet = Some(0);
        }
        let sent = match feed.next(WAIT) {
            Ok(Next::Piece(piece)) => leaving.send.send(Message::Piece(number, piece)),
            Ok(Next::Tampering(what)) => leaving.send.send(Message::Tampering(what)),
            Ok(Next::Feed(feed)) => leaving.send.send(Message::Feed(feed)),
            Ok(Next::Quiet) => match &mut quiet {
                Some(times) if *times >= QUIET_WHEN_STOPPED => break None,
                Some(times) => {
                    *times += 1;
                    continue;
                }
                None => continue,
            },
            Ok(Next::Ended) => break None,
            Err(error) => break Some(error),
        };
        if sent.is_err() {
            feed.stop();
            break None;
        }
    };
    // What it holds is given up before it is said to have ended.
    drop(feed);
    leaving.ending = Some(error);
}
