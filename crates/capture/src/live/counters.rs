//! What a session counts while it runs.
//!
//! Each number has one writer at a time, so counting is a load and a store; whoever reads them sees each
//! number as it was a moment ago. None of them ever goes back: a batch takes along a tally of all of them, and the
//! difference of two is what happened in between, whatever was lost on the way.
//!
//! ```text
//! delivered = filtered + dropped + copied
//! copied    = handed on to a feed + dropped before that feed (its queue was full)
//! ```

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use etwatch_event::{Ledger, Reason};

/// Why a record was left out on purpose, before it was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Filtered {
    /// The session has no such provider.
    Provider,
    /// Of its provider other events are wanted.
    Id,
    /// It is more verbose than what is wanted.
    Level,
    /// It has none of the keywords that are wanted.
    Keyword,
    /// Its process is not wanted.
    Process,
    /// The filter of whoever captures said no.
    Own,
}

impl Filtered {
    /// How many there are.
    pub const COUNT: usize = 6;
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Provider, Self::Id, Self::Level, Self::Keyword, Self::Process, Self::Own];

    /// The ledger's word for it.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::Provider => "provider not wanted",
            Self::Id => "event id not wanted",
            Self::Level => "level not wanted",
            Self::Keyword => "keyword not wanted",
            Self::Process => "process not wanted",
            Self::Own => "own filter",
        }
    }
}

/// Why a record was lost that was wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Dropped {
    /// The feed's queue was full: the whole batch is lost for that feed.
    QueueFull,
    /// All buffers of a session that may drop are in use.
    NoBuffer,
    /// A session that must not drop has used up the memory that it may grow to.
    Limit,
    /// The record is larger than any that Windows writes.
    TooLarge,
    /// Another thread held the batch up for longer than there was room beside it.
    HeldUp,
    /// It was wanted, but never came: what handed it on failed in between.
    NotTaken,
    /// No feed is left that could read it.
    NoReader,
}

impl Dropped {
    /// How many there are.
    pub const COUNT: usize = 7;
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::QueueFull,
        Self::NoBuffer,
        Self::Limit,
        Self::TooLarge,
        Self::HeldUp,
        Self::NotTaken,
        Self::NoReader,
    ];

    /// The ledger's word for it.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::QueueFull => "queue full",
            Self::NoBuffer => "no buffer free",
            Self::Limit => "memory limit of a session that never drops",
            Self::TooLarge => "record too large",
            Self::HeldUp => "batch held up",
            Self::NotTaken => "failed in the callback",
            Self::NoReader => "nobody reads",
        }
    }
}

/// What passed by a session that is no record and of which nobody knows how many records it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Unseen {
    /// Buffers that Windows could not write to a log (`LogBuffersLost`).
    LogBuffers,
    /// The session was stopped and started anew, by us for other rules or since somebody had stopped it.
    StartedAnew,
}

impl Unseen {
    /// How many there are.
    pub const COUNT: usize = 2;
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [Self::LogBuffers, Self::StartedAnew];

    /// The ledger's words for it.
    #[must_use]
    pub fn reason(self) -> Reason {
        match self {
            Self::LogBuffers => "log buffers lost by Windows",
            Self::StartedAnew => "sessions started anew",
        }
    }
}

/// What a session has counted so far.
#[derive(Debug, Default)]
pub struct Counters {
    delivered: AtomicU64,
    copied: AtomicU64,
    filtered: [AtomicU64; Filtered::COUNT],
    dropped: DropCounters,
    batches: AtomicU64,
    flushes: AtomicU64,
    grown: AtomicU64,
    aside: AtomicU64,
    failures: AtomicU64,
    longest: AtomicU64,
    events_lost: AtomicU64,
    buffers_lost: AtomicU64,
    unseen: [AtomicU64; Unseen::COUNT],
}

/// Drops by reason.
#[derive(Debug, Default)]
pub(super) struct DropCounters([AtomicU64; Dropped::COUNT]);

impl DropCounters {
    pub(super) fn add(&self, why: Dropped, records: u64) {
        if let Some(counter) = self.0.get(why as usize) {
            add(counter, records);
        }
    }
    pub(super) fn read(&self) -> [u64; Dropped::COUNT] {
        self.0.each_ref().map(read)
    }
}

/// All that goes into a ledger, as it was at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) filtered: [u64; Filtered::COUNT],
    pub(super) dropped: [u64; Dropped::COUNT],
    pub(super) events_lost: u64,
    pub(super) buffers_lost: u64,
    pub(super) unseen: [u64; Unseen::COUNT],
}

impl Tally {
    /// The same with what one feed lost.
    pub(super) fn with(mut self, dropped: &DropCounters) -> Self {
        for (sum, more) in self.dropped.iter_mut().zip(dropped.read()) {
            *sum = sum.wrapping_add(more);
        }
        self
    }
    /// The same with the greater of both counts of what Windows lost and what passed unseen: they come beside the
    /// records, and a batch may have been tallied before they were told.
    pub(super) fn with_losses(mut self, other: &Self) -> Self {
        self.events_lost = self.events_lost.max(other.events_lost);
        self.buffers_lost = self.buffers_lost.max(other.buffers_lost);
        for (mine, theirs) in self.unseen.iter_mut().zip(other.unseen) {
            *mine = theirs.max(*mine);
        }
        self
    }
    /// What was counted between `earlier` and this one. Records that were handed on are not in it.
    pub(super) fn since(&self, earlier: &Self) -> Ledger {
        let mut ledger = Ledger {
            events_lost: self.events_lost.saturating_sub(earlier.events_lost),
            buffers_lost: self.buffers_lost.saturating_sub(earlier.buffers_lost),
            ..Ledger::default()
        };
        for ((what, now), before) in Unseen::ALL.iter().zip(self.unseen).zip(earlier.unseen) {
            if now > before {
                ledger.unseen.insert(what.reason(), now - before);
            }
        }
        for ((why, now), before) in Filtered::ALL.iter().zip(self.filtered).zip(earlier.filtered) {
            if now > before {
                ledger.filtered.insert(why.reason(), now - before);
                ledger.read += now - before;
            }
        }
        for ((why, now), before) in Dropped::ALL.iter().zip(self.dropped).zip(earlier.dropped) {
            if now > before {
                ledger.dropped.insert(why.reason(), now - before);
                ledger.read += now - before;
            }
        }
        ledger
    }
}

impl Counters {
    /// Records that the session delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        read(&self.delivered)
    }
    /// Records that were copied into batches.
    #[must_use]
    pub fn copied(&self) -> u64 {
        read(&self.copied)
    }
    /// Records that were left out, by reason; reasons without records are left out.
    pub fn filtered(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.filtered.iter().map(read);
        Filtered::ALL.iter().map(|why| why.reason()).zip(counts).filter(|(_, count)| *count > 0)
    }
    /// Records that were lost before they were copied, by reason; reasons without records are left out. What a feed
    /// lost since its queue was full stands in its batches alone.
    pub fn dropped(&self) -> impl Iterator<Item = (Reason, u64)> {
        let counts = self.dropped.read();
        Dropped::ALL.iter().map(|why| why.reason()).zip(counts).filter(|(_, count)| *count > 0)
    }
    /// Batches that were handed on.
    #[must_use]
    pub fn batches(&self) -> u64 {
        read(&self.batches)
    }
    /// Batches among them that were handed on before they were full.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        read(&self.flushes)
    }
    /// Buffers that were made while the session ran, since readers had fallen behind.
    #[must_use]
    pub fn grown(&self) -> u64 {
        read(&self.grown)
    }
    /// Records that were put aside since the flusher had the batch.
    #[must_use]
    pub fn aside(&self) -> u64 {
        read(&self.aside)
    }
    /// How often the callback failed, see [`super::guarded`].
    #[must_use]
    pub fn failures(&self) -> u64 {
        read(&self.failures)
    }
    /// The longest that taking a record was seen to take. Every record that hands a batch on or meets the flusher is
    /// timed, of the others one in 64.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(read(&self.longest))
    }
    /// Adds what passed unseen. To be called by one thread at a time.
    pub fn miss(&self, what: Unseen, count: u64) {
        if let Some(counter) = self.unseen.get(what as usize) {
            add(counter, count);
        }
    }
    /// Adds what Windows says that it lost: events, and buffers on their way to us, see [`super::loss`]. To be called
    /// by one thread at a time.
    pub fn lose(&self, events: u64, buffers: u64) {
        add(&self.events_lost, events);
        add(&self.buffers_lost, buffers);
    }

    pub(super) fn count_delivered(&self) {
        add(&self.delivered, 1);
    }
    pub(super) fn count_copied(&self) {
        add(&self.copied, 1);
    }
    pub(super) fn count_filtered(&self, why: Filtered) {
        if let Some(counter) = self.filtered.get(why as usize) {
            add(counter, 1);
        }
    }
    pub(super) fn count_dropped(&self, why: Dropped, records: u64) {
        self.dropped.add(why, records);
    }
    pub(super) fn count_batch(&self, is_flush: bool) {
        add(&self.batches, 1);
        add(&self.flushes, u64::from(is_flush));
    }
    pub(super) fn count_grown(&self) {
        add(&self.grown, 1);
    }
    pub(super) fn count_aside(&self) {
        add(&self.aside, 1);
    }
    pub(super) fn count_failure(&self) {
        add(&self.failures, 1);
    }
    pub(super) fn took(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        if time > read(&self.longest) {
            self.longest.store(time, Relaxed);
        }
    }
    pub(super) fn tally(&self) -> Tally {
        Tally {
            filtered: self.filtered.each_ref().map(read),
            dropped: self.dropped.read(),
            events_lost: read(&self.events_lost),
            buffers_lost: read(&self.buffers_lost),
            unseen: self.unseen.each_ref().map(read),
        }
    }
}

/// Adds to a number that nobody else writes to at the same time.
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_number_and_word() {
        let counters = Counters::default();
        for (number, why) in (1..).zip(Filtered::ALL) {
            (0..number).for_each(|_| counters.count_filtered(why));
        }
        for (number, why) in (11..).zip(Dropped::ALL) {
            counters.count_dropped(why, number);
        }
        assert!(counters.filtered().map(|(_, count)| count).eq(1..=6));
        assert!(counters.dropped().map(|(_, count)| count).eq(11..=17));
        counters.lose(3, 2);
        counters.miss(Unseen::LogBuffers, 4);
        counters.miss(Unseen::StartedAnew, 1);
        let ledger = counters.tally().since(&Tally::default());
        assert_eq!((ledger.filtered.len(), ledger.dropped.len()), (6, 7));
        assert_eq!((ledger.events_lost, ledger.buffers_lost), (3, 2));
        assert!(ledger.is_balanced() && ledger.read == 21 + 98);
        assert_eq!(
            ledger.unseen.into_iter().collect::<Vec<_>>(),
            [("log buffers lost by Windows", 4), ("sessions started anew", 1)]
        );
        assert_eq!(counters.tally().since(&counters.tally()), Ledger::default());
    }
}
