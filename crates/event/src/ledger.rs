//! Where every record went.
//!
//! ```text
//! read   = skipped + undecodable + filtered + dropped + bookkeeping + joined + evaluated
//! events = evaluated + split + derived
//! ```
//!
//! Each stage adds to its own ledger while it works on a batch; ledgers are summed in order, so the
//! result does not depend on who worked when. Reasons are words for people and stable for programs.

use std::collections::BTreeMap;

/// Why a record did not become an event.
pub type Reason = &'static str;

/// What became of the records of one provider beside being evaluated; part of the ledger's sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderCounts {
    /// As [`Ledger::bookkeeping`].
    pub bookkeeping: u64,
    /// As [`Ledger::joined`].
    pub joined: u64,
    /// As [`Ledger::split`].
    pub split: u64,
    /// As [`Ledger::derived`].
    pub derived: u64,
}

/// Counts of records by what became of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Records of the input, damaged ones included.
    pub read: u64,
    /// Damaged or refused by a limit, by reason.
    pub skipped: BTreeMap<Reason, u64>,
    /// Framed, but without a layout that fits the bytes, by reason.
    pub undecodable: BTreeMap<Reason, u64>,
    /// Left out on purpose, by reason.
    pub filtered: BTreeMap<Reason, u64>,
    /// Lost to overload, by reason.
    pub dropped: BTreeMap<Reason, u64>,
    /// Told the engine something (schemas, rundown, names) and are no events.
    pub bookkeeping: u64,
    /// Completed another event.
    pub joined: u64,
    /// Became an event that rules saw.
    pub evaluated: u64,
    /// Further events made of one record.
    pub split: u64,
    /// Events made by the engine itself.
    pub derived: u64,
    /// Evaluated, but older than what its host had already shown; part of `evaluated`.
    pub late: u64,
    /// Evaluated with their header and raw payload alone, since no schema explains them, by reason; part of
    /// `evaluated`.
    pub unexplained: BTreeMap<Reason, u64>,
    /// Which providers the records came from that are counted as bookkeeping, joined, split or derived, as far
    /// as they were decoded.
    pub by_provider: BTreeMap<Box<str>, ProviderCounts>,
    /// Contacts with known-good endpoints, of which nothing was derived; their events are part of `evaluated`.
    pub known_good: u64,
    /// What had to be forgotten of hosts for want of room, by what it was; events that would have been told of
    /// it were not.
    pub forgotten: BTreeMap<Reason, u64>,
    /// What a recording tells in parts of which some are missing, by what it is; the parts were evaluated each by
    /// itself.
    pub incomplete: BTreeMap<Reason, u64>,
    /// What passed unseen, by what it was: starts of processes of which nothing came, buffers without a count of
    /// their events, times without a session; beside the equation.
    pub unseen: BTreeMap<Reason, u64>,
    /// Events that Windows itself says it lost, beside the equation: they were never records of the input.
    pub events_lost: u64,
    /// Buffers that Windows itself says it lost, with an unknown number of events in each; likewise.
    pub buffers_lost: u64,
}

impl Ledger {
    /// Counts a record that was read and skipped.
    pub fn skip(&mut self, reason: Reason, records: u64) {
        self.read += records;
        *self.skipped.entry(reason).or_default() += records;
    }
    /// Adds another ledger.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.skipped, &other.skipped),
            (&mut self.undecodable, &other.undecodable),
            (&mut self.filtered, &other.filtered),
            (&mut self.dropped, &other.dropped),
            (&mut self.unexplained, &other.unexplained),
            (&mut self.forgotten, &other.forgotten),
            (&mut self.incomplete, &other.incomplete),
            (&mut self.unseen, &other.unseen),
        ];
        for (mine, theirs) in pairs {
            for (reason, count) in theirs {
                *mine.entry(reason).or_default() += count;
            }
        }
        for (provider, counts) in &other.by_provider {
            let mine = self.by_provider.entry(provider.clone()).or_default();
            mine.bookkeeping += counts.bookkeeping;
            mine.joined += counts.joined;
            mine.split += counts.split;
            mine.derived += counts.derived;
        }
        self.read += other.read;
        self.bookkeeping += other.bookkeeping;
        self.joined += other.joined;
        self.evaluated += other.evaluated;
        self.split += other.split;
        self.derived += other.derived;
        self.late += other.late;
        self.known_good += other.known_good;
        self.events_lost += other.events_lost;
        self.buffers_lost += other.buffers_lost;
    }
    /// Adds to the counts of a provider.
    pub fn count_of(&mut self, provider: &str, add: impl FnOnce(&mut ProviderCounts)) {
        if let Some(counts) = self.by_provider.get_mut(provider) {
            add(counts);
        } else {
            add(self.by_provider.entry(provider.into()).or_default());
        }
    }
    /// Records that became no event because of damage.
    #[must_use]
    pub fn lost(&self) -> u64 {
        sum(&self.skipped) + sum(&self.undecodable) + sum(&self.dropped)
    }
    /// Whether every record read is accounted for.
    ///
    /// ```
    /// use etwatch_event::Ledger;
    /// let mut ledger = Ledger { read: 3, evaluated: 3, ..Ledger::default() };
    /// ledger.skip("record damaged", 1);
    /// assert!(ledger.is_balanced());
    /// ledger.read += 1;
    /// assert!(!ledger.is_balanced());
    /// ```
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let accounted = self.lost() + sum(&self.filtered) + self.bookkeeping + self.joined;
        self.read == accounted + self.evaluated
    }
    /// Events that rules saw.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.evaluated + self.split + self.derived
    }
}

fn sum(counts: &BTreeMap<Reason, u64>) -> u64 {
    counts.values().sum()
}
