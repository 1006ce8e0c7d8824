//! Asks about files on threads of its own, and answers by a deadline.
//!
//! Whoever handles events may not wait for a disk. It asks and goes on; threads of the pool ask the host, and
//! the asker collects the answers when it comes by. Each question that is not refused gets exactly one answer: facts,
//! why there are none, or `late` once its deadline has passed, whatever its thread is stuck in.
//!
//! Work is done once, in three steps:
//!
//! 1. Questions about a path that waits in the queue join it.
//! 2. A thread asks which content the path leads to, which is cheap, and looks for it in the cache.
//! 3. If another thread is at work on the same content, the question joins that one's.
//!
//! So the cache is keyed by content ([`crate::FileIdentity`]), never by path: a program that was replaced is asked
//! about anew, one with two paths is not. A failure is not kept. What is asked beyond what is kept is worked
//! out, and both are kept together.
//!
//! All is bounded: open questions and answers that nobody has collected together by `capacity`, past which a
//! question is refused; the cache by a number of files. A question whose deadline passed before its turn is
//! not worked on, so that an overloaded pool catches up instead of answering everything late.
//!
//! One mutex guards the board of questions; it is held for table operations alone, never while the host is
//! asked. The lock order is: in-flight table, then cache; the board is never held together with either.

mod board;
mod known;

use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use etwatch_event::Clock;

use crate::answer::{Answer, NoFacts};
use crate::error::HostError;
use crate::facts::FileFacts;
use crate::host::Host;
use crate::questions::FileQuestions;
use board::{Board, Question, Ticket};
use known::{Found, Known, Look};

/// How a pool works.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Threads that ask the host.
    pub threads: NonZeroUsize,
    /// Most questions that are open or whose answers nobody has collected.
    pub capacity: usize,
    /// Most files whose facts are kept; a file takes less than 1 KiB as a rule, and at most 16 KiB.
    pub kept: NonZeroUsize,
    /// How long an asker waits at most.
    pub deadline: Duration,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            threads: NonZeroUsize::MIN.saturating_add(1),
            capacity: 4_096,
            kept: NonZeroUsize::MIN.saturating_add(8_191),
            deadline: Duration::from_secs(2),
        }
    }
}

/// Where questions went. `asked = answered + failed() + late + refused` once none is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolCounts {
    /// Questions that were put.
    pub asked: u64,
    /// Those that were answered with facts in time.
    pub answered: u64,
    /// Of these, those whose facts were kept from before.
    pub from_cache: u64,
    /// Of these, those that joined another question about the same content.
    pub joined: u64,
    /// Of these, those with facts that do not answer all that was wanted.
    pub incomplete: u64,
    /// Those that failed since the file was gone.
    pub gone: u64,
    /// Those that failed since Windows did not let us.
    pub access_denied: u64,
    /// Those that failed since this system has no such thing.
    pub not_here: u64,
    /// Those that failed since the file changed.
    pub changed: u64,
    /// Those that failed for another reason.
    pub other: u64,
    /// Those that were not answered by their deadline.
    pub late: u64,
    /// Those that were refused, since too many were open.
    pub refused: u64,
}

impl PoolCounts {
    /// All that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.gone + self.access_denied + self.not_here + self.changed + self.other
    }
    fn count(&mut self, outcome: &Result<Arc<FileFacts>, NoFacts>) {
        let counter = match outcome {
            Ok(_) => &mut self.answered,
            Err(NoFacts::Late) => &mut self.late,
            Err(NoFacts::Refused) => &mut self.refused,
            Err(NoFacts::Failed(error)) => match error {
                HostError::Gone { .. } => &mut self.gone,
                HostError::AccessDenied { .. } => &mut self.access_denied,
                HostError::NotHere => &mut self.not_here,
                HostError::Changed => &mut self.changed,
                HostError::Other { .. } => &mut self.other,
            },
        };
        *counter += 1;
    }
}

/// What the threads of a pool and its askers share.
struct Shared {
    host: Arc<dyn Host>,
    clock: Arc<dyn Clock>,
    board: Mutex<Board>,
    /// Something was put on the board: a question, or the end.
    asked: Condvar,
    /// An answer was put on the board.
    answered: Condvar,
    known: Known,
}

/// Threads that ask a host about files.
///
/// Dropped, it tells its threads to end and does not wait for one that the host keeps.
pub struct FactsPool {
    shared: Arc<Shared>,
}

impl FactsPool {
    /// Starts a pool.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        host: Arc<dyn Host>,
        clock: Arc<dyn Clock>,
        settings: &PoolSettings,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            host,
            clock,
            board: Mutex::new(Board::new(settings.capacity, settings.deadline)),
            asked: Condvar::new(),
            answered: Condvar::new(),
            known: Known::new(settings.kept, settings.capacity),
        });
        // Made first: if a thread can't be had, dropping the pool ends those before it.
        let pool = Self { shared };
        for _ in 0..settings.threads.get() {
            let shared = Arc::clone(&pool.shared);
            thread::Builder::new().name("file facts".to_owned()).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Asks about a file; the answer comes by [`FactsPool::answers`] with the same `token`. Never waits.
    ///
    /// # Errors
    /// [`NoFacts::Refused`] if too many questions are open; then there will be no other answer.
    pub fn ask(&self, path: &str, wanted: FileQuestions, token: u64) -> Result<(), NoFacts> {
        let now = self.shared.clock.elapsed();
        self.shared.board().ask(path, wanted, token, now)?;
        self.shared.asked.notify_one();
        Ok(())
    }

    /// Adds the answers that came since to `into`, those that are late included. Never waits.
    pub fn answers(&self, into: &mut Vec<Answer>) {
        let now = self.shared.clock.elapsed();
        self.shared.board().collect(now, into);
    }

    /// Waits until there is an answer, but at most `longest` by the machine's clock; then adds all to `into`.
    pub fn wait(&self, longest: Duration, into: &mut Vec<Answer>) {
        let nothing = |board: &mut Board| !board.has_answers();
        let board = self.shared.board();
        let waited = self.shared.answered.wait_timeout_while(board, longest, nothing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.answers(into);
    }

    /// Where questions went so far.
    #[must_use]
    pub fn counts(&self) -> PoolCounts {
        self.shared.board().counts
    }
}

impl std::fmt::Debug for FactsPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FactsPool").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Drop for FactsPool {
    fn drop(&mut self) {
        self.shared.board().end();
        self.shared.asked.notify_all();
    }
}

impl Shared {
    /// A panic elsewhere can't leave the board half-changed: nothing in between can panic.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread of the pool does until the end.
    fn work(&self) {
        while let Some(question) = self.next() {
            self.answer(question);
        }
    }

    /// The next question that is not late already; `None` at the end.
    fn next(&self) -> Option<Question> {
        let mut board = self.board();
        loop {
            if board.has_ended() {
                return None;
            }
            if let Some(question) = board.take(self.clock.elapsed()) {
                return Some(question);
            }
            board = self.asked.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn answer(&self, question: Question) {
        let Question { path, wanted, tickets } = question;
        let identity = match self.host.file_identity(&path) {
            Ok(identity) => identity,
            Err(error) => return self.deliver(&tickets, &Err(error.into()), Counter::None),
        };
        match self.known.look(identity, wanted, tickets) {
            Look::Kept(facts, tickets) => self.deliver(&tickets, &Ok(facts), Counter::FromCache),
            Look::Joined => (),
            Look::WorkOut(mut wanted) => loop {
                let outcome = self.host.file_facts(&path, wanted);
                match self.known.found(identity, wanted, outcome) {
                    Found::All(outcome, own, joined) => {
                        let outcome = outcome.map_err(NoFacts::Failed);
                        self.deliver(&own, &outcome, Counter::None);
                        return self.deliver(&joined, &outcome, Counter::Joined);
                    }
                    Found::More(more) => wanted = more,
                }
            },
        }
    }

    /// Puts an answer on the board for each ticket that is still open.
    fn deliver(
        &self,
        tickets: &[Ticket],
        outcome: &Result<Arc<FileFacts>, NoFacts>,
        counter: Counter,
    ) {
        self.board().deliver(tickets, outcome, counter);
        self.answered.notify_all();
    }
}

/// What else is counted of an answer with facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counter {
    None,
    FromCache,
    Joined,
}

#[cfg(test)]
mod tests;
