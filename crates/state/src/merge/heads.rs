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

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use etwatch_event::Timestamp;

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
}
