//! One order of time.
//!
//! Recordings are brought into it by [`Heads`]: each is in order by itself. What comes from several sources of
//! a live host, or can't be told until its other half has come, waits in [`Merge`]: events leave it in order
//! of time, and none leaves before the one in front of it. How long one may wait is bounded by event time
//! and by room, so that a half that never comes holds nobody up for long.
//!
//! ```text
//! comes    9:00.000 a process starts (no command line yet)   waits until 9:00.050
//!          9:00.001 it opens a file                           waits behind it
//!          9:00.002 its command line                          both may go
//! ```

mod heads;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use etwatch_event::{Event, EventBatch, Timestamp, Vocabulary};
use hashbrown::HashSet;

use crate::limits::Room;

pub use heads::Heads;

/// Events that may wait at once, unless less is asked for; beyond, the first goes whatever it waits for.
pub const MOST_WAITING: usize = 1 << 16;
/// The same in bytes.
pub const MOST_BYTES: usize = 64 << 20;
/// Bytes of an event that waits, beside what it says.
pub(crate) const EVENT_BYTES: usize = 256;
/// Beyond this share of both, one goes that waits only in case that older ones still come.
const SHARE_IN_CASE: usize = 4;

/// What an event waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Patience {
    /// Its other half, or its turn among what a live host tells: it waits as long as there is room.
    Needed,
    /// Older ones that may still come in a recording that need not be in order.
    InCase,
}

/// How long an event waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waits {
    /// Until then in any case: older ones, or what the host was asked, may still come.
    pub for_turn: Timestamp,
    /// Until then if it lacks its other half; otherwise the same.
    pub until: Timestamp,
    /// What for.
    pub patience: Patience,
}

/// Rows of a segment.
const SEGMENT: usize = 512;
/// Empty segments that are kept to be used again.
const KEPT: usize = 4;

/// An event that waits; they are ordered by time, then by their coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// When it happened.
    pub time: Timestamp,
    /// Which one it is; what came later has a higher number.
    pub number: u64,
    waits: Waits,
    segment: u64,
    row: usize,
}

/// Events in order of time, each with the time until which it waits.
#[derive(Debug)]
pub struct Merge {
    room: Room,
    order: BinaryHeap<Reverse<Waiting>>,
    /// Those that need not wait for anything more than their turn.
    complete: HashSet<u64>,
    /// How many came so far.
    came: u64,
    segments: VecDeque<Segment>,
    /// Number of the first segment.
    first: u64,
    free: Vec<EventBatch>,
    bytes: usize,
    /// Events that had to go before their time for want of room.
    pub hurried: u64,
}

#[derive(Debug)]
struct Segment {
    events: EventBatch,
    left: usize,
}

impl Default for Merge {
    fn default() -> Self {
        Self::within(Room { entries: MOST_WAITING, bytes: MOST_BYTES })
    }
}

impl Merge {
    /// Nothing waits yet.
    pub(crate) fn within(room: Room) -> Self {
        Self {
            room,
            order: BinaryHeap::new(),
            complete: HashSet::new(),
            came: 0,
            segments: VecDeque::new(),
            first: 0,
            free: Vec::new(),
            bytes: 0,
            hurried: 0,
        }
    }
    /// Bytes of memory of what waits.
    pub(crate) fn heap_bytes(&self) -> usize {
        let segments = self.segments.iter().map(|segment| segment.events.heap_bytes());
        self.order.len() * size_of::<Waiting>() + segments.sum::<usize>()
    }
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }
    /// Takes a copy of an event, which waits as told and goes behind those of its own; returns its number.
    /// Its fields are numbered by `vocabulary`.
    pub fn push(
        &mut self,
        event: &Event<'_>,
        vocabulary: &Arc<Vocabulary>,
        time: Timestamp,
        waits: Waits,
    ) -> u64 {
        let has_room = |segment: &Segment| {
            segment.events.len() < SEGMENT && Arc::ptr_eq(segment.events.vocabulary(), vocabulary)
        };
        if !self.segments.back().is_some_and(has_room) {
            let events = self.empty_batch(vocabulary);
            self.segments.push_back(Segment { events, left: 0 });
        }
        let place = self.first + (self.segments.len() as u64).saturating_sub(1);
        self.came += 1;
        let Some(segment) = self.segments.back_mut() else { return self.came };
        let before = segment.events.payload_bytes();
        segment.events.push_copy(event);
        segment.left += 1;
        self.bytes += segment.events.payload_bytes() - before;
        let row = segment.events.len() - 1;
        let number = self.came;
        self.order.push(Reverse(Waiting { time, number, waits, segment: place, row }));
        number
    }

    fn empty_batch(&mut self, vocabulary: &Arc<Vocabulary>) -> EventBatch {
        while let Some(mut batch) = self.free.pop() {
            if Arc::ptr_eq(batch.vocabulary(), vocabulary) {
                batch.clear();
                return batch;
            }
        }
        EventBatch::new(Arc::clone(vocabulary))
    }

    /// The event with this number has its other half: it waits for its turn alone.
    pub fn complete(&mut self, number: u64) {
        self.complete.insert(number);
    }

    /// The first one, if it may go at `now`: look at it with [`Merge::event`], then call [`Merge::done`].
    pub fn next(&mut self, now: Timestamp) -> Option<Waiting> {
        let Reverse(head) = *self.order.peek()?;
        let Waits { for_turn, until, patience } = head.waits;
        let is_complete = !self.complete.is_empty() && self.complete.contains(&head.number);
        if now < if is_complete { for_turn } else { until } {
            let share = if patience == Patience::InCase { SHARE_IN_CASE } else { 1 };
            let Room { entries, bytes } = self.room;
            if self.order.len() <= entries / share && self.bytes <= bytes / share {
                return None;
            }
            self.hurried += u64::from(patience == Patience::Needed);
        }
        if is_complete {
            self.complete.remove(&head.number);
        }
        self.order.pop().map(|Reverse(head)| head)
    }

    /// An event that was given out.
    #[must_use]
    pub fn event(&self, waiting: &Waiting) -> Option<Event<'_>> {
        let index = usize::try_from(waiting.segment.checked_sub(self.first)?).ok()?;
        self.segments.get(index)?.events.get(waiting.row)
    }

    /// An event that was given out is no longer needed.
    pub fn done(&mut self, waiting: &Waiting) {
        let index = waiting.segment.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(segment) = index.and_then(|index| self.segments.get_mut(index)) {
            segment.left = segment.left.saturating_sub(1);
        }
        let is_over = |segment: &Segment, more: bool| segment.left == 0 && more;
        let nothing_waits = self.order.is_empty();
        while let Some(front) = self.segments.front()
            && is_over(front, self.segments.len() > 1 || nothing_waits)
        {
            let Some(Segment { events, .. }) = self.segments.pop_front() else { break };
            self.first += 1;
            self.bytes = self.bytes.saturating_sub(events.payload_bytes());
            if self.free.len() < KEPT {
                self.free.push(events);
            }
        }
    }
}

#[cfg(test)]
mod tests;
