//! Flows: what passed between a process and another host, by hour and by day.
//!
//! A flow is told apart by process, address and port of the other end, protocol, and who began. Where the other
//! end began, its port is any free one and says nothing; then the port of this host, which it called, is that
//! of the flow. An hour (of event time, UTC) is over for a host when a later event of it passes its end, or
//! with the input; then its flows become events in the order in which they began, timed at the hour's end.
//! Hours add up to days, whose events come behind those of their last hour.
//!
//! ```text
//! 9:10  process 7 connects to 192.0.2.7:443      ─┐
//! 9:11  sends 500 bytes, receives 40,000           ├─ 10:00  hour: 1 connection, 500 sent, 40,000 received
//! 10:02 sends 10 bytes                            ─┘─ 11:00  hour: 0 connections, 10 sent
//!                                                     00:00  day: 1 connection, 510 sent, 40,000 received
//! ```
//!
//! A recorded log tells connections and not what passes over them: then bytes and packets are absent.
//!
//! | file | holds |
//! |---|---|
//! | `contact` | what an event says of a contact with another host |
//! | `who` | the process, as it is told when it may be forgotten |
//! | `connections` | connections that are open |
//! | `period` | the flows of an hour or a day, within bounds |
//! | [`known_good`] | contacts that nobody wants to hear of |

pub(crate) mod connections;
pub(crate) mod contact;
pub mod known_good;
pub(crate) mod period;
pub(crate) mod who;

use etwatch_event::Timestamp;
use etwatch_event::time::TICKS_PER_SECOND;

pub use contact::Protocol;
pub use known_good::{Entry, KnownGood, Malformed, Network, Pattern};
pub use period::Limits;

use period::{Flow, FlowKey, Passed, Period, Place};

/// Units of 100 ns in an hour.
pub(crate) const HOUR: u64 = 3_600 * TICKS_PER_SECOND;
/// Hours in a day.
const HOURS: u64 = 24;

/// What a flow event counts over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interval {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Interval {
    /// The word for it in events.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

/// The flows of a host.
#[derive(Debug)]
pub(crate) struct Flows {
    hour: Period,
    day: Period,
    /// The hours since 1601 that `hour` is.
    number: u64,
}

/// The hours since 1601.
pub(crate) fn hour_of(time: Timestamp) -> u64 {
    time.filetime() / HOUR
}

fn end_of(hour: u64) -> Timestamp {
    Timestamp::from_filetime(hour.saturating_add(1).saturating_mul(HOUR))
}

impl Flows {
    pub(crate) fn new(of_hour: Limits, of_day: Limits) -> Self {
        Self { hour: Period::new(of_hour), day: Period::new(of_day), number: 0 }
    }

    /// The flows of the hour and the day that are open, and which hour it is.
    pub(crate) fn open(&self) -> (&Period, &Period, u64) {
        (&self.hour, &self.day, self.number)
    }
    /// Flows that go on with what an earlier run had open.
    pub(crate) fn restored(
        (of_hour, of_day): (Limits, Limits),
        hour: impl Iterator<Item = Flow>,
        day: impl Iterator<Item = Flow>,
        number: u64,
        epoch: u64,
    ) -> Self {
        let hour = Period::restored(of_hour, hour, epoch);
        let day = Period::restored(of_day, day, 0);
        Self { hour, day, number }
    }

    /// When the first of what is open is over; never if nothing is.
    pub(crate) fn end(&self) -> Timestamp {
        if !self.hour.flows.is_empty() {
            end_of(self.number)
        } else if !self.day.flows.is_empty() {
            self.end_of_day()
        } else {
            Timestamp::from_filetime(u64::MAX)
        }
    }
    fn end_of_day(&self) -> Timestamp {
        end_of(self.number - self.number % HOURS + HOURS - 1)
    }

    /// Counts in the flow of `key`, which begins with `new` if there is none; all is of the hour that is open, or
    /// none is open. `place` is where the flow was. Returns where it is.
    pub(crate) fn count(
        &mut self,
        place: Option<Place>,
        passed: &Passed,
        flow: impl FnOnce() -> Flow,
        told: (Timestamp, etwatch_event::Origin),
    ) -> Option<Place> {
        let (time, origin) = told;
        if self.hour.flows.is_empty() {
            self.number = self.number.max(hour_of(time));
        }
        if let Some(place) = place
            && self.hour.add_at(place, passed, time, origin)
        {
            return Some(place);
        }
        self.hour.add(flow())
    }

    /// Counts in the flow of `key` if there is one whose name is this; false if not.
    pub(crate) fn count_known(
        &mut self,
        key: &FlowKey,
        name: Option<&str>,
        passed: &Passed,
        told: (Timestamp, etwatch_event::Origin),
    ) -> bool {
        let Some(place) = self.hour.place(key) else { return false };
        let same = |flow: &mut Flow| {
            let is_known = flow.who.as_ref().is_none_or(|who| who.image.is_some());
            is_known && name.is_none_or(|name| flow.name.as_deref() == Some(name))
        };
        self.hour.get_mut(place).is_some_and(same)
            && self.hour.add_at(place, passed, told.0, told.1)
    }

    /// Tells the flows of what is over at `now`, or of all, and forgets them. They are told with the end of what they
    /// count over, which is not yet over for all at the end of an input: then it is `now`.
    pub(crate) fn close(
        &mut self,
        now: Timestamp,
        all: bool,
        tell: &mut impl FnMut(&Flow, Interval, Timestamp),
    ) {
        let end = end_of(self.number);
        if !self.hour.flows.is_empty() && (all || now >= end) {
            for flow in &self.hour.flows {
                tell(flow, Interval::Hour, end.min(now));
            }
            for flow in self.hour.flows.drain(..) {
                self.day.add(flow);
            }
            self.hour.clear();
        }
        let end = self.end_of_day();
        if !self.day.flows.is_empty() && (all || now >= end) {
            for flow in &self.day.flows {
                tell(flow, Interval::Day, end.min(now));
            }
            self.day.clear();
        }
    }

    /// Bytes of memory, but for the processes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.hour.heap_bytes() + self.day.heap_bytes()
    }
    /// Puts flows together, those of the day first if it has more; false if there are none that could be.
    pub(crate) fn put_together(&mut self) -> bool {
        let Self { hour, day, .. } = self;
        let (more, less) =
            if day.flows.len() > hour.flows.len() { (day, hour) } else { (hour, day) };
        more.put_together() || less.put_together()
    }

    /// How often something was counted in a flow without an end of its own.
    pub(crate) fn together(&self) -> u64 {
        self.hour.together + self.day.together
    }
}

#[cfg(test)]
mod tests;
