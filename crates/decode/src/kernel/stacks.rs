//! Stacks joined to the events they belong to.
//!
//! The kernel writes an event first, then, as records of their own, the part of its stack in the kernel and
//! that of the user, which may wait until the thread returns to user mode. Both parts tell the time of the
//! event, to the tick, and its thread. So events are held for a while, found by what a stack says of them,
//! and handed out again in the order in which they came:
//!
//! ```text
//!                 ┌─ held: count, age ─┐
//! event ─ hold ─▶ │ e5  e4  e3  e2  e1 │ ─ release ─▶ e1 and its stack
//!                 └──────────▲─────────┘
//! stack ─ event_of ──────────┘  by (time, thread)
//! ```
//!
//! Some events have no thread in their header (profiling, switches of threads). They are found by time and
//! processor, else by time alone, and belong from then on to the thread of that stack. Events of manifests
//! carry their stack with them ([`ExtendedStack`]); if a part of it is missing, a match id takes the place of
//! the time. Tools that merge recordings add classic events with the time and thread of the event that they
//! explain, so of events that agree those of the kernel are preferred, and of those the latest.
//!
//! Memory is that of the events held, a few look-ups each; steady state takes none. What was let go before
//! its time for want of room is counted, and so is a stack whose event is not there.

mod extended;
mod keys;

use std::collections::VecDeque;
use std::time::Duration;

use etwatch_event::{RawForm, RawHeader, Timestamp};
use hashbrown::HashMap;

pub use extended::ExtendedStack;
pub use keys::StackKeys;

use super::StackEvent;
use super::provider::Provider;

/// Whether a record tells something of stacks that stand before it: the addresses of a stack that the kernel
/// keeps, or an image that is there when recording ends. A recording is searched for such records first.
#[must_use]
pub fn explains_earlier(header: &RawHeader) -> bool {
    matches!(
        (Provider::of(&header.provider), header.opcode),
        (Some(Provider::StackWalk), 34..=36) | (Some(Provider::Image), 4)
    )
}

/// How long events wait for their stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The most events that wait at a time.
    pub events: usize,
    /// How much later than an event its stack may come, in the time of the recording.
    pub age: Duration,
}

impl Default for Hold {
    /// 65,536 events and 10 seconds. A thread that waits in the kernel has its user part written at its return;
    /// in a recording of a busy host half a second was the longest.
    fn default() -> Self {
        Self { events: 65_536, age: Duration::from_secs(10) }
    }
}

/// Holds events until their stacks have come; `T` is what is kept of an event, such as its record number.
#[derive(Debug)]
pub struct StackJoin<T> {
    hold: Hold,
    held: VecDeque<Held<T>>,
    /// Numbers of held events, counted from the first ever held.
    index: HashMap<Key, u64>,
    /// The number of the first event in `held`.
    first: u64,
    joined: u64,
    unmatched: u64,
    crowded: u64,
}

#[derive(Debug)]
struct Held<T> {
    time: Timestamp,
    says: Option<Says>,
    kept: T,
}

/// What an event says that its stack repeats.
#[derive(Clone, Copy, Debug)]
struct Says {
    /// That of its header, else that of a stack that was joined.
    thread_id: Option<u32>,
    /// Without a thread in the header, the processor.
    processor: Option<u16>,
    match_id: Option<u64>,
}

/// What an event is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Match(u64, u32),
    Thread(Timestamp, u32),
    Processor(Timestamp, u16),
    Time(Timestamp),
}

impl Says {
    fn keys(self, time: Timestamp) -> impl Iterator<Item = Key> {
        let Self { thread_id, processor, match_id } = self;
        let matched = thread_id.zip(match_id).map(|(thread, id)| Key::Match(id, thread));
        let thread = thread_id.map(|thread| Key::Thread(time, thread));
        let processor = processor.map(|processor| Key::Processor(time, processor));
        let alone = processor.map(|_| Key::Time(time));
        [matched, thread, processor, alone].into_iter().flatten()
    }
}

impl<T> Default for StackJoin<T> {
    fn default() -> Self {
        Self::new(Hold::default())
    }
}

impl<T> StackJoin<T> {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(hold: Hold) -> Self {
        Self {
            hold,
            held: VecDeque::new(),
            index: HashMap::new(),
            first: 0,
            joined: 0,
            unmatched: 0,
            crowded: 0,
        }
    }

    /// Holds an event. `stack`: what it carries of its stack; if that is all, no stack is awaited.
    pub fn hold(&mut self, header: &RawHeader, stack: Option<&ExtendedStack<'_>>, kept: T) {
        let match_id = stack.map(|stack| stack.match_id);
        let (time, thread_id) = (header.time, header.thread_id);
        let processor = if thread_id.is_none() { Some(header.processor) } else { None };
        let says = Says { thread_id, processor, match_id };
        if match_id == Some(0) || !time.is_known() {
            return self.pass(time, kept);
        }
        let number = self.next();
        for key in says.keys(time) {
            if header.form == RawForm::Kernel {
                self.index.insert(key, number);
            } else {
                self.index.entry(key).or_insert(number);
            }
        }
        self.held.push_back(Held { time, says: Some(says), kept });
    }

    /// Holds what no stack belongs to, so that it keeps its place among the events.
    pub fn pass(&mut self, time: Timestamp, kept: T) {
        self.held.push_back(Held { time, says: None, kept });
    }

    /// The event that `stack` belongs to, if it is held. `time`: the stack's `event_time_stamp`, as the clock of
    /// the trace has it.
    pub fn event_of(&mut self, stack: &StackEvent<'_>, time: Timestamp) -> Option<&mut T> {
        let thread = stack.thread_id;
        let found = [
            Key::Match(stack.event_time_stamp, thread),
            Key::Thread(time, thread),
            Key::Processor(time, stack.context.processor),
            Key::Time(time),
        ];
        let found = found.iter().find_map(|key| {
            let number = *self.index.get(key)?;
            let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
            let says = self.held.get(at)?.says?;
            says.thread_id.is_none_or(|other| other == thread).then_some((number, at))
        });
        let event = found.and_then(|(number, at)| self.held.get_mut(at).map(|held| (number, held)));
        let Some((number, held)) = event else {
            self.unmatched += 1;
            return None;
        };
        self.joined += 1;
        if let Some(says) = held.says.as_mut().filter(|says| says.thread_id.is_none()) {
            says.thread_id = Some(thread);
            self.index.insert(Key::Thread(held.time, thread), number);
        }
        Some(&mut held.kept)
    }

    /// The next event, in the order in which they came, that has waited long enough at the time `now`, or for
    /// which there is no room. To be called until there is none.
    pub fn release(&mut self, now: Timestamp) -> Option<T> {
        let oldest = self.held.front()?;
        if now.since(oldest.time) > self.hold.age {
            return self.release_any();
        }
        if self.held.len() > self.hold.events { self.release_early() } else { None }
    }

    /// The next event, whether or not it has waited long enough: its user has no room for it.
    pub fn release_early(&mut self) -> Option<T> {
        let kept = self.release_any()?;
        self.crowded += 1;
        Some(kept)
    }

    /// The next event; nothing more will come.
    pub fn release_any(&mut self) -> Option<T> {
        let Held { time, says, kept } = self.held.pop_front()?;
        for key in says.into_iter().flat_map(|says| says.keys(time)) {
            if self.index.get(&key) == Some(&self.first) {
                self.index.remove(&key);
            }
        }
        self.first += 1;
        Some(kept)
    }

    /// How many events are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }
    /// Whether no event is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
    /// How many records of stacks found their event.
    #[must_use]
    pub fn joined(&self) -> u64 {
        self.joined
    }
    /// How many did not.
    #[must_use]
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }
    /// How many events were let go before their time for want of room.
    #[must_use]
    pub fn crowded(&self) -> u64 {
        self.crowded
    }

    fn next(&self) -> u64 {
        self.first + u64::try_from(self.held.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
