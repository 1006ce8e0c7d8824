//! Which datagrams are the first between two ends.
//!
//! UDP has no connections; the first datagram that a process sends to or gets from another end stands for
//! one. After a silence it counts as new.

use std::hash::BuildHasher as _;
use std::time::Duration;

use etwatch_event::Timestamp;
use hashbrown::DefaultHashBuilder;
use lru::LruCache;

/// Pairs of ends that are remembered; the one unseen for longest goes first.
const MOST: usize = 16_384;
/// How long two ends may be silent: as long as Windows' firewall keeps its state of them, and some.
const SILENCE: Duration = Duration::from_secs(120);

/// The pairs of ends of a host, by a hash of what tells them apart.
#[derive(Debug)]
pub(crate) struct Datagrams {
    last: LruCache<u64, Timestamp>,
    hasher: DefaultHashBuilder,
    /// Pairs that were forgotten for want of room.
    pub(crate) evicted: u64,
}

impl Default for Datagrams {
    fn default() -> Self {
        Self { last: LruCache::unbounded(), hasher: DefaultHashBuilder::default(), evicted: 0 }
    }
}

impl Datagrams {
    /// Whether this is the first datagram between the ends that `key` stands for.
    pub(crate) fn is_first(&mut self, key: impl std::hash::Hash, time: Timestamp) -> bool {
        let before = self.last.put(self.hasher.hash_one(key), time);
        if self.last.len() > MOST {
            self.evicted += u64::from(self.last.pop_lru().is_some());
        }
        before.is_none_or(|before| time.since(before) > SILENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_new_again_after_a_silence_and_when_it_was_forgotten() {
        let at = |second: u64| Timestamp::from_filetime(second * 10_000_000);
        let mut seen = Datagrams::default();
        let firsts = [0, 1, 100, 220, 341].map(|second| seen.is_first("a", at(second)));
        assert_eq!(firsts, [true, false, false, false, true]);
        for other in 0..MOST {
            seen.is_first(other, at(342));
        }
        assert_eq!(seen.evicted, 1);
        assert!(seen.is_first("a", at(342)));
    }
}
