//! Which datagrams are the first between two ends.
//!
//! UDP has no connections; the first datagram that a process sends to or gets from another end stands for
//! one. After a silence it counts as new.

use std::net::IpAddr;
use std::time::Duration;

use etwatch_event::Timestamp;
use lru::LruCache;
use serde::{Deserialize, Serialize};

use crate::bytes::{of_listed, of_listed_entry};
use crate::hash::{self, Hasher};

/// Pairs of ends that are remembered, unless less is asked for; the one unseen for longest goes first.
pub(crate) const MOST: usize = 16_384;
/// Bytes of memory for each pair that may be remembered.
pub(crate) const PAIR_BYTES: usize = of_listed_entry(PAIR);

const PAIR: usize = size_of::<(u64, Timestamp)>();
/// How long two ends may be silent: as long as Windows' firewall keeps its state of them, and some.
const SILENCE: Duration = Duration::from_secs(120);

/// What is kept of datagrams from one run to the next: the key of the hashes, and when each pair was seen last, the one
/// unseen for longest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedDatagrams {
    key: u64,
    last: Vec<(u64, u64)>,
}

/// Address and port of an end, as far as they are told.
pub(crate) type End = (Option<IpAddr>, Option<u32>);

/// The pairs of ends of a host, by a hash of what tells them apart.
#[derive(Debug)]
pub(crate) struct Datagrams {
    most: usize,
    last: LruCache<u64, Timestamp>,
    hasher: Option<Hasher>,
    /// Pairs that were forgotten for want of room.
    pub(crate) evicted: u64,
}

impl Datagrams {
    /// None is known yet, of at most so many pairs.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, last: LruCache::unbounded(), hasher: None, evicted: 0 }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_listed(self.last.len(), PAIR)
    }
    /// Whether this is the first datagram of a process between two ends, whichever sent it.
    pub(crate) fn is_first(&mut self, pid: Option<u32>, ends: [End; 2], time: Timestamp) -> bool {
        let [one, other] = ends;
        let ends = if one <= other { [one, other] } else { [other, one] };
        let hasher = *self.hasher.get_or_insert_with(|| Hasher::new(time));
        self.see(hasher.hash(&bytes(pid, ends)), time)
    }
    fn see(&mut self, pair: u64, time: Timestamp) -> bool {
        let before = self.last.put(pair, time);
        if self.last.len() > self.most {
            self.evicted += u64::from(self.last.pop_lru().is_some());
        }
        before.is_none_or(|before| time.since(before) > SILENCE)
    }

    /// What is to be kept.
    pub(crate) fn saved(&self) -> SavedDatagrams {
        let last = self.last.iter().rev().map(|(pair, time)| (*pair, time.filetime()));
        SavedDatagrams { key: self.hasher.unwrap_or_default().key, last: last.collect() }
    }
    /// Pairs of ends that go on with what was kept.
    pub(crate) fn restored(most: usize, saved: &SavedDatagrams) -> Self {
        let mut datagrams = Self::new(most);
        for (pair, time) in &saved.last {
            datagrams.hasher = Some(Hasher { key: saved.key });
            datagrams.see(*pair, Timestamp::from_filetime(*time));
        }
        datagrams
    }
}

/// What tells a pair apart.
fn bytes(pid: Option<u32>, ends: [End; 2]) -> [u8; 59] {
    let mut bytes = [0; 59];
    let end = |(address, port): End| {
        let unknown = IpAddr::from([0; 4]);
        let told = u8::from(address.is_some());
        [told].into_iter().chain(hash::end(address.unwrap_or(unknown), port.map(u64::from)))
    };
    let [one, other] = ends;
    let pid = [u8::from(pid.is_some())].into_iter().chain(pid.unwrap_or(0).to_le_bytes());
    let all = pid.chain(end(one)).chain(end(other));
    bytes.iter_mut().zip(all).for_each(|(place, byte)| *place = byte);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_new_again_after_a_silence_and_when_it_was_forgotten() {
        let at = |second: u64| Timestamp::from_filetime(second * 10_000_000);
        let end = |port: u32| (Some(IpAddr::from([10, 0, 0, 1])), Some(port));
        let mut seen = Datagrams::new(MOST);
        let mut is_first = |pid, ends, second| seen.is_first(Some(pid), ends, at(second));
        let firsts = [0, 1, 100, 220, 341].map(|second| is_first(1, [end(1), end(2)], second));
        assert_eq!(firsts, [true, false, false, false, true]);
        assert!(!is_first(1, [end(2), end(1)], 341), "both directions are one");
        assert!(is_first(2, [end(1), end(2)], 341) && is_first(1, [end(1), (None, None)], 341));
        for port in 0..MOST {
            is_first(3, [end(3), end(u32::try_from(port).unwrap_or(0))], 342);
        }
        assert!(is_first(1, [end(1), end(2)], 342));
        assert_eq!(seen.evicted, 4);
    }

    #[test]
    fn what_is_restored_goes_on_as_what_was_saved() {
        let at = |second: u64| Timestamp::from_filetime(second * 10_000_000);
        let ends = [(None, Some(1)), (None, Some(2))];
        let mut seen = Datagrams::new(MOST);
        assert!(seen.is_first(Some(1), ends, at(5)));
        let mut other = Datagrams::restored(MOST, &seen.saved());
        assert!(!other.is_first(Some(1), ends, at(100)));
        assert!(other.is_first(Some(2), ends, at(100)));
    }
}
