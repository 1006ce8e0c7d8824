//! What a pool knows of contents, and which are looked at right now.
//!
//! Facts are kept by content, those that were used longest ago going first. A content that a thread is at
//! work on is in flight: whoever asks about it meanwhile leaves its tickets there. To decide which of the
//! two it is, the entry of the content in the table of flights is held while the cache is looked into; a
//! flight ends by filling the cache first and leaving the table then, so nobody can miss both.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::{DashMap, Entry};
use lru::LruCache;

use super::board::Ticket;
use crate::error::HostError;
use crate::facts::{FileFacts, FileIdentity};
use crate::questions::FileQuestions;

/// Facts that are kept.
#[derive(Clone)]
struct Kept {
    /// What was asked, answered or not.
    asked: FileQuestions,
    facts: Arc<FileFacts>,
}

/// A content that a thread is at work on.
struct Flight {
    /// All that is asked about it.
    wanted: FileQuestions,
    /// Those for whom it was begun.
    own: Vec<Ticket>,
    /// Those who came later, the oldest first.
    joined: std::collections::VecDeque<Ticket>,
}

pub(super) struct Known {
    kept: Mutex<LruCache<FileIdentity, Kept>>,
    flights: DashMap<FileIdentity, Flight>,
    /// Most tickets that join a flight.
    most_joined: usize,
}

/// What to do about a question.
pub(super) enum Look {
    /// Answer it with this.
    Kept(Arc<FileFacts>, Vec<Ticket>),
    /// Nothing: whoever is at work answers it.
    Joined,
    /// Ask the host this.
    WorkOut(FileQuestions),
}

/// What came of a flight.
pub(super) enum Found {
    /// It has ended: the facts for its own tickets and for those that joined.
    All(Result<Arc<FileFacts>, HostError>, Vec<Ticket>, Vec<Ticket>),
    /// Somebody joined who wants this too.
    More(FileQuestions),
}

impl Known {
    pub(super) fn new(kept: NonZeroUsize, most_joined: usize) -> Self {
        Self { kept: Mutex::new(LruCache::new(kept)), flights: DashMap::new(), most_joined }
    }

    /// Looks for facts of a content.
    pub(super) fn look(
        &self,
        identity: FileIdentity,
        wanted: FileQuestions,
        tickets: Vec<Ticket>,
    ) -> Look {
        match self.flights.entry(identity) {
            Entry::Occupied(mut flight) => {
                let flight = flight.get_mut();
                flight.wanted = flight.wanted | wanted;
                flight.joined.extend(tickets);
                // More than can be open: the oldest are late by now, and told so.
                let closed = flight.joined.len().saturating_sub(self.most_joined);
                flight.joined.drain(..closed);
                Look::Joined
            }
            Entry::Vacant(place) => {
                let kept = self.kept(identity);
                let asked = kept.as_ref().map_or(FileQuestions::NONE, |kept| kept.asked);
                if let Some(kept) = kept.filter(|kept| kept.asked.contains(wanted)) {
                    return Look::Kept(kept.facts, tickets);
                }
                place.insert(Flight { wanted, own: tickets, joined: Default::default() });
                Look::WorkOut(wanted - asked)
            }
        }
    }

    fn kept(&self, identity: FileIdentity) -> Option<Kept> {
        self.lock().get(&identity).cloned()
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<FileIdentity, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the host said of a content when it was asked `asked`.
    pub(super) fn found(
        &self,
        identity: FileIdentity,
        asked: FileQuestions,
        outcome: Result<FileFacts, HostError>,
    ) -> Found {
        let outcome = outcome.and_then(|facts| {
            let kept = self.keep(asked, facts);
            // Another content has the path by now: these facts are not what was looked for.
            if kept.facts.identity == identity { Ok(kept) } else { Err(HostError::Changed) }
        });
        let asked = outcome.as_ref().map_or(FileQuestions::ALL, |kept| kept.asked);
        let ended = self.flights.remove_if(&identity, |_, flight| asked.contains(flight.wanted));
        match ended {
            Some((_, Flight { own, joined, .. })) => {
                Found::All(outcome.map(|kept| kept.facts), own, joined.into())
            }
            // Asked for all of it anew, so that whatever the cache drops meanwhile, the next time is enough.
            None => match self.flights.get(&identity) {
                Some(flight) => Found::More(flight.wanted),
                None => Found::All(outcome.map(|kept| kept.facts), Vec::new(), Vec::new()),
            },
        }
    }

    /// Keeps facts, together with those that are kept of the same content.
    fn keep(&self, asked: FileQuestions, facts: FileFacts) -> Kept {
        let mut cache = self.lock();
        let known = cache.get(&facts.identity);
        let kept = match known {
            Some(known) => {
                Kept { asked: known.asked | asked, facts: Arc::new(facts.with(&known.facts)) }
            }
            None => Kept { asked, facts: Arc::new(facts) },
        };
        cache.put(kept.facts.identity, kept.clone());
        kept
    }
}
