//! Many inputs, one order: by time, then input, then record.
//!
//! Each input delivers its events in the order in which they were recorded. [`Heads`] holds the time
//! of the next event of each input and tells whose turn it is; the result depends on the inputs
//! alone, not on who was decoded first. An input that is not open yet stands in the queue with the
//! time of its first event, so that only inputs that overlap are open together.
//!
//! ```text
//! input 0   9:00  9:05  9:10            next: 9:00 (0)  9:01 (1)  9:05 (0)  9:05 (1) …
//! input 1   9:01  9:05                  equal times: the lower input first
//! ```
//!
//! An event that is older than what its host has already shown is *late*: it is matched like any
//! other, and [`Watermarks`] says so. Clocks of different hosts do not concern each other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroUsize;

use etwatch_event::Timestamp;
use lru::LruCache;

/// Hosts whose watermark is kept; the one unseen for longest goes first.
const HOSTS: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Bytes of a host's name that are compared; a name in the DNS has no more than 255.
const HOST_BYTES: usize = 256;

/// The next event of each input.
#[derive(Debug, Default)]
pub struct Heads {
    queue: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Heads {
    /// The next event of `input` has this time.
    pub fn push(&mut self, time: Timestamp, input: u32) {
        self.queue.push(Reverse((time, input)));
    }
    /// Whose turn it is; the input leaves the queue.
    pub fn pop(&mut self) -> Option<(Timestamp, u32)> {
        self.queue.pop().map(|Reverse(head)| head)
    }
    /// Whether `input` stays the one whose turn it is if its next event has this time.
    #[must_use]
    pub fn stays(&self, time: Timestamp, input: u32) -> bool {
        self.queue.peek().is_none_or(|Reverse(head)| (time, input) < *head)
    }
}

/// The highest event time each host has shown.
#[derive(Debug)]
pub struct Watermarks {
    hosts: LruCache<Box<str>, Timestamp>,
    /// Hosts that were forgotten for want of room.
    pub evicted: u64,
}

impl Default for Watermarks {
    fn default() -> Self {
        Self { hosts: LruCache::new(HOSTS), evicted: 0 }
    }
}

impl Watermarks {
    /// Takes note of an event; true if it is late. `host` is compared as it is written, up to
    /// 256 bytes: a recording may claim names of any length, and each is kept.
    pub fn is_late(&mut self, host: &str, time: Timestamp) -> bool {
        let host = host.get(..host.floor_char_boundary(HOST_BYTES)).unwrap_or(host);
        match self.hosts.get_mut(host) {
            Some(mark) => {
                let late = time < *mark;
                *mark = time.max(*mark);
                late
            }
            None => {
                self.evicted += u64::from(self.hosts.push(host.into(), time).is_some());
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_filetime(second)
    }

    #[test]
    fn turns_go_by_time_then_input() {
        let mut heads = Heads::default();
        for (time, input) in [(5, 1), (5, 0), (3, 2)] {
            heads.push(at(time), input);
        }
        assert_eq!(heads.pop(), Some((at(3), 2)));
        assert!(heads.stays(at(4), 2) && !heads.stays(at(5), 2));
        assert_eq!(
            [heads.pop(), heads.pop(), heads.pop()],
            [Some((at(5), 0)), Some((at(5), 1)), None]
        );
    }

    #[test]
    fn late_is_told_for_each_host_apart() {
        let mut marks = Watermarks::default();
        let seen = [("a", 5), ("b", 3), ("a", 4), ("a", 5), ("b", 9), ("a", 6)];
        let late = seen.map(|(host, time)| marks.is_late(host, at(time)));
        assert_eq!(late, [false, false, true, false, false, false]);
    }

    #[test]
    fn of_an_endless_host_name_the_beginning_is_kept() {
        let mut marks = Watermarks::default();
        let name = "ä".repeat(1 << 20);
        assert!(!marks.is_late(&name, at(5)));
        assert!(marks.is_late(&name, at(4)));
        assert!(marks.hosts.iter().all(|(host, _)| host.len() <= HOST_BYTES));
    }
}
