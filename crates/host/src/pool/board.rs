//! The board of a pool: questions that wait for a thread, askers that wait for an answer, and answers.
//!
//! Each asker draws a ticket. It is open until its answer is put on the board or its deadline has passed;
//! what comes second finds it closed. All have the same time to wait, so tickets are late in the order in
//! which they were drawn, and a question that waits loses its oldest ticket first; without any it is taken
//! off. So whatever the threads are stuck in, the board never holds more than its capacity.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Counter, PoolCounts};
use crate::answer::{Answer, NoFacts};
use crate::facts::FileFacts;
use crate::questions::FileQuestions;

/// The number of an asker, in the order of asking.
pub(super) type Ticket = u64;

/// What is asked about a path, by one asker or more.
pub(super) struct Question {
    pub(super) path: Arc<str>,
    pub(super) wanted: FileQuestions,
    /// In the order in which they were drawn.
    pub(super) tickets: Vec<Ticket>,
}

/// Who waits for an answer.
struct Asker {
    token: u64,
    path: Arc<str>,
    wanted: FileQuestions,
    deadline: Duration,
    /// The ticket under which its question waits, or waited.
    question: Ticket,
}

#[derive(Default)]
pub(super) struct Board {
    capacity: usize,
    time: Duration,
    ended: bool,
    drawn: Ticket,
    /// Questions that wait for a thread, by the ticket that was drawn first for them.
    waiting: BTreeMap<Ticket, Question>,
    /// The same by their paths.
    paths: HashMap<Arc<str>, Ticket>,
    open: BTreeMap<Ticket, Asker>,
    answers: Vec<Answer>,
    pub(super) counts: PoolCounts,
}

impl Board {
    pub(super) fn new(capacity: usize, time: Duration) -> Self {
        Self { capacity, time, ..Self::default() }
    }

    /// Puts a question.
    pub(super) fn ask(
        &mut self,
        path: &str,
        wanted: FileQuestions,
        token: u64,
        now: Duration,
    ) -> Result<(), NoFacts> {
        self.counts.asked += 1;
        self.close_late(now);
        if self.open.len() + self.answers.len() >= self.capacity {
            self.counts.refused += 1;
            return Err(NoFacts::Refused);
        }
        self.drawn += 1;
        let ticket = self.drawn;
        let known = self.paths.get_key_value(path).map(|(path, first)| (Arc::clone(path), *first));
        let (path, question) = known.unwrap_or_else(|| (path.into(), ticket));
        self.paths.insert(Arc::clone(&path), question);
        let waiting = self.waiting.entry(question).or_insert_with(|| Question {
            path: Arc::clone(&path),
            wanted,
            tickets: Vec::new(),
        });
        waiting.wanted = waiting.wanted | wanted;
        waiting.tickets.push(ticket);
        // Threads that ask at once may tell their times in another order than they come by.
        let last = self.open.last_key_value().map_or(Duration::ZERO, |(_, asker)| asker.deadline);
        let deadline = now.saturating_add(self.time).max(last);
        self.open.insert(ticket, Asker { token, path, wanted, deadline, question });
        Ok(())
    }

    /// Takes the question that has waited longest.
    pub(super) fn take(&mut self, now: Duration) -> Option<Question> {
        self.close_late(now);
        let (_, question) = self.waiting.pop_first()?;
        self.paths.remove(&question.path);
        Some(question)
    }

    /// Answers those whose deadline has passed.
    fn close_late(&mut self, now: Duration) {
        while let Some(oldest) = self.open.first_entry().filter(|one| one.get().deadline <= now) {
            let (ticket, asker) = oldest.remove_entry();
            if let Some(question) = self.waiting.get_mut(&asker.question) {
                question.tickets.retain(|other| *other != ticket);
                if question.tickets.is_empty() {
                    self.waiting.remove(&asker.question);
                    self.paths.remove(&asker.path);
                }
            }
            self.answer(asker, Err(NoFacts::Late), Counter::None);
        }
    }

    /// Answers those of the tickets that are open still.
    pub(super) fn deliver(
        &mut self,
        tickets: &[Ticket],
        outcome: &Result<Arc<FileFacts>, NoFacts>,
        counter: Counter,
    ) {
        for ticket in tickets {
            if let Some(asker) = self.open.remove(ticket) {
                self.answer(asker, outcome.clone(), counter);
            }
        }
    }

    fn answer(&mut self, asker: Asker, outcome: Result<Arc<FileFacts>, NoFacts>, counter: Counter) {
        self.counts.count(&outcome);
        if let Ok(facts) = &outcome {
            self.counts.incomplete += u64::from(!facts.answered.contains(asker.wanted));
            self.counts.from_cache += u64::from(counter == Counter::FromCache);
            self.counts.joined += u64::from(counter == Counter::Joined);
        }
        self.answers.push(Answer { token: asker.token, path: asker.path, outcome });
    }

    /// Moves all answers to `into`, those that are late by `now` included.
    pub(super) fn collect(&mut self, now: Duration, into: &mut Vec<Answer>) {
        self.close_late(now);
        into.append(&mut self.answers);
    }
    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }
    pub(super) fn end(&mut self) {
        self.ended = true;
    }
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}
