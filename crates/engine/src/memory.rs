//! One limit for all that a run remembers, and how much of it is taken.
//!
//! Correlations get a fifth of it, but no more than is built in for them; everything else is shared out among the tables
//! of hosts ([`etwatch_state::limits`]). What is bounded elsewhere (batches on their way, inputs that wait for their turn,
//! rules) is no memory of what happened and not part of it.

use std::collections::BTreeMap;

use etwatch_correlate::Limits;
use etwatch_event::Ledger;
use etwatch_state::limits::{self, Table};
use serde::Serialize;

/// What windows of correlations are told by.
const CORRELATIONS: &str = "correlations";
/// Of how many parts correlations get one.
const PART: usize = 5;
/// Bytes of what correlations get that are left for the group that is begun when there is room.
const LAST_GROUP: usize = 64 << 10;

/// Bytes that all that is remembered may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit(usize);

impl MemoryLimit {
    /// The smallest one: with less, what is known of a host would be gone before it is asked for.
    pub const LEAST: usize = 16 << 20;

    /// A limit in bytes, at least [`MemoryLimit::LEAST`].
    #[must_use]
    pub fn new(bytes: u64) -> Option<Self> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        (bytes >= Self::LEAST).then_some(Self(bytes))
    }

    /// The limit in bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.0
    }

    fn of_correlations(self) -> usize {
        let built_in = Limits::default().bytes;
        let whole = Self::default().0;
        if self.0 <= whole {
            return built_in.min(self.0 / PART);
        }
        let larger = built_in as u128 * self.0 as u128 / whole as u128;
        usize::try_from(larger).unwrap_or(usize::MAX)
    }

    /// Bytes of what is remembered of hosts.
    pub(crate) fn of_hosts(self) -> usize {
        self.0 - self.of_correlations()
    }

    /// How much correlations may remember.
    pub(crate) fn correlations(self) -> Limits {
        Limits { bytes: self.of_correlations() - LAST_GROUP, ..Limits::default() }
    }
}

impl Default for MemoryLimit {
    /// What the bounds add up to that are built in.
    fn default() -> Self {
        Self(limits::BUILT_IN + Limits::default().bytes)
    }
}

/// What was remembered when there were no more events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Bytes that all of it may take.
    pub limit: u64,
    /// What each table took.
    pub tables: BTreeMap<&'static str, TableMemory>,
}

/// What a table took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TableMemory {
    /// Bytes.
    pub bytes: u64,
    /// Bytes that it may take.
    pub limit: u64,
    /// Entries that had to go for want of room.
    pub evicted: u64,
}

impl Memory {
    /// Of bytes by table of hosts, what the ledger says was forgotten, and bytes and evicted groups of correlations.
    pub(crate) fn of(
        limit: MemoryLimit,
        of_hosts: &BTreeMap<&'static str, u64>,
        ledger: &Ledger,
        (bytes, evicted): (u64, u64),
    ) -> Self {
        let mut tables = BTreeMap::new();
        for (table, room) in limits::by_table(limit.of_hosts()) {
            let of_table: &mut TableMemory = tables.entry(table.name()).or_default();
            of_table.limit += room as u64;
            of_table.bytes = of_hosts.get(table.name()).copied().unwrap_or(0);
            of_table.evicted = evicted_of(table, ledger);
        }
        let limit_of_groups = limit.of_correlations() as u64;
        tables.insert(CORRELATIONS, TableMemory { bytes, limit: limit_of_groups, evicted });
        Self { limit: limit.bytes() as u64, tables }
    }

    /// Bytes of all tables.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.tables.values().map(|table| table.bytes).sum()
    }
}

fn evicted_of(table: Table, ledger: &Ledger) -> u64 {
    table.forgets().iter().filter_map(|what| ledger.forgotten.get(what)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_tables_add_up_to_the_limit() {
        let limits = [16 << 20, 100 << 20, 300 << 20, 4 << 30];
        for bytes in limits.map(|bytes| MemoryLimit::new(bytes).map_or(0, MemoryLimit::bytes)) {
            let limit = MemoryLimit(bytes);
            let memory = Memory::of(limit, &BTreeMap::new(), &Ledger::default(), (0, 0));
            let sum: u64 = memory.tables.values().map(|table| table.limit).sum();
            assert!(sum <= memory.limit && memory.limit - sum < 100, "{bytes}: {sum}");
        }
        assert_eq!(MemoryLimit::new((16 << 20) - 1), None);
    }

    #[test]
    fn correlations_get_a_fifth_and_no_more_than_is_built_in_for_them() {
        let of = |bytes| MemoryLimit(bytes).of_correlations();
        assert_eq!(of(100 << 20), 20 << 20);
        assert_eq!(of(MemoryLimit::default().0 - 1), 28 << 20);
        assert_eq!(of(MemoryLimit::default().0), 28 << 20);
        assert_eq!(of(2 * MemoryLimit::default().0), 56 << 20);
    }
}
