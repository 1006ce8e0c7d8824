//! DNS queries that were told before.
//!
//! One look-up is told by several events: called, answered from the cache, answered by a server, completed. Of
//! the events of one process about one name and type, one in a second is new and the others are its duplicates.
//! The second is counted from the new one, so that a name that is asked for all the time is told once a second
//! and not once for ever. Names differ in more than the letter case of ASCII. Where the process is unknown,
//! nothing is a duplicate.
//!
//! A query is found by a digest of its name and then compared with it: names of one digest push each other out,
//! and an event too many is told.

use std::time::Duration;

use etwatch_event::{Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::KindCounts;
use super::fields::Said;
use super::remembered::{Remembered, TableLimits};

/// Events within this time of a new one are its duplicates.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Query {
    pid: u32,
    kind: u64,
    digest: u64,
}

/// The queries.
#[derive(Debug)]
pub(super) struct Queries {
    pub(super) names: Remembered<Query>,
    duplicates: u64,
}

impl Queries {
    pub(super) fn new(limits: TableLimits) -> Self {
        Self { names: Remembered::new(limits, Duration::ZERO), duplicates: 0 }
    }
    /// What is known; a duplicate counts as resolved.
    pub(super) fn counts(&self) -> KindCounts {
        KindCounts {
            known: self.names.len(),
            evicted: self.names.evicted,
            refused: self.names.refused,
            resolved: self.duplicates,
            unresolved: 0,
        }
    }
    pub(super) fn heap_bytes(&self) -> usize {
        self.names.heap_bytes()
    }

    /// Whether the query of an event was told within the last second.
    pub(super) fn is_duplicate(&mut self, said: &Said<'_>, pid: Option<u32>) -> bool {
        let (Some(name), Some(pid)) = (said.text(said.fields.query_name), pid) else {
            return false;
        };
        let kind = said.event.get(said.fields.query_type).only();
        let kind = match kind {
            Some(Value::Text(text)) => kind.and_then(|it| it.number()).unwrap_or(digest(text)),
            other => other.and_then(|it| it.number()).unwrap_or(0),
        };
        let query = Query { pid, kind, digest: digest(name) };
        let now = said.time();
        let known = self.names.get(&query, now);
        let is_duplicate = known.is_some_and(|known| {
            apart(now, known.told) < INTERVAL && self.names.text(known).eq_ignore_ascii_case(name)
        });
        if is_duplicate {
            self.duplicates += 1;
        } else {
            self.names.learn(query, name, now);
        }
        is_duplicate
    }
}

/// The time between two points, whichever is first.
fn apart(one: Timestamp, other: Timestamp) -> Duration {
    one.since(other).max(other.since(one))
}

/// FNV-1a of a text in small letters.
fn digest(text: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let fold =
        |hash: u64, byte: u8| (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(PRIME);
    text.bytes().fold(OFFSET, fold)
}
