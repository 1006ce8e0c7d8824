//! Events in, events with what their host knows out.
//!
//! An event belongs to a host: the one that it names (`Computer`), else the one that its input was recorded
//! on. Hosts know nothing of each other, and their clocks do not concern each other. An event that is older
//! than what its host has already shown is *late*: it is matched like any other, may be told what is known,
//! and changes nothing.

use etwatch_event::{Event, EventBatch, Ledger, Timestamp};

use crate::host::Hosts;
use crate::merge::{Merge, Waiting};

/// How events are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long an event is held back so that older ones can overtake it, in units of 100 ns. None for
    /// recordings, which are in order by themselves.
    pub hold: u64,
    /// Whether events of recorded logs get what their host knows (events of ETW always do: without it, they
    /// lack what rules ask for).
    pub enrich: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hold: 0, enrich: true }
    }
}

/// The memory of all hosts of a run.
#[derive(Debug)]
pub struct State {
    settings: Settings,
    hosts: Hosts,
    merge: Merge,
    now: Timestamp,
}

impl State {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let (hosts, merge) = (Hosts::default(), Merge::default());
        Self { settings, hosts, merge, now: Timestamp::UNKNOWN }
    }

    /// Says which host the events of an input are of that do not name one.
    pub fn name_input(&mut self, input: u32, host: &str) {
        self.hosts.name_input(input, host);
    }

    /// Takes the next event. Those whose turn has come leave to the end of `out`; `ledger` is told what became
    /// of each record.
    pub fn take(&mut self, event: &Event<'_>, out: &mut EventBatch, ledger: &mut Ledger) {
        let time = event.time();
        self.now = self.now.max(time);
        let host = self.hosts.of(event);
        if time.is_known() && time < host.released {
            ledger.late += 1;
            emit(event, out, ledger);
            return;
        }
        if self.settings.hold == 0 && self.merge.is_empty() {
            host.released = host.released.max(time);
            emit(event, out, ledger);
            return;
        }
        let until = Timestamp::from_filetime(time.filetime().saturating_add(self.settings.hold));
        self.merge.push(event, out.vocabulary(), time, until);
        self.release(out, ledger);
    }

    /// There is nothing more: what still waits leaves.
    pub fn finish(&mut self, out: &mut EventBatch, ledger: &mut Ledger) {
        self.now = Timestamp::from_filetime(u64::MAX);
        self.release(out, ledger);
    }

    fn release(&mut self, out: &mut EventBatch, ledger: &mut Ledger) {
        while let Some(waiting) = self.merge.next(self.now) {
            self.release_one(&waiting, out, ledger);
            self.merge.done(&waiting);
        }
    }

    fn release_one(&mut self, waiting: &Waiting, out: &mut EventBatch, ledger: &mut Ledger) {
        let Self { merge, hosts, .. } = self;
        let Some(event) = merge.event(waiting) else { return };
        let host = hosts.of(&event);
        host.released = host.released.max(waiting.time);
        emit(&event, out, ledger);
    }
}

fn emit(event: &Event<'_>, out: &mut EventBatch, ledger: &mut Ledger) {
    out.push_copy(event);
    ledger.evaluated += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use etwatch_event::{FieldId, LayoutId, LogSourceSetId, Value, Vocabulary};

    fn late(events: &[(&str, u64)]) -> Vec<u64> {
        let vocabulary = Arc::new(Vocabulary::default());
        let mut batch = EventBatch::new(Arc::clone(&vocabulary));
        let mut out = EventBatch::new(vocabulary);
        let (mut state, mut ledger) = (State::new(Settings::default()), Ledger::default());
        let counts = events.iter().map(|(host, time)| {
            batch.clear();
            let mut event = batch.begin(LayoutId::HEADER, LogSourceSetId::NONE);
            event.push(FieldId::COMPUTER, Value::Text(host));
            event.set_time(Timestamp::from_filetime(*time));
            event.finish();
            if let Some(event) = batch.get(0) {
                state.take(&event, &mut out, &mut ledger);
            }
            ledger.late
        });
        let counts = counts.collect();
        assert_eq!((out.len(), ledger.evaluated), (events.len(), events.len() as u64));
        counts
    }

    #[test]
    fn late_is_told_for_each_host_apart() {
        let seen = [("a", 5), ("b", 3), ("a", 4), ("a", 5), ("b", 9), ("a", 6)];
        assert_eq!(late(&seen), [0, 0, 1, 1, 1, 1]);
    }

    #[test]
    fn of_an_endless_host_name_the_beginning_is_kept() {
        let name = "ä".repeat(1 << 20);
        assert_eq!(late(&[(&name, 5), (&name, 4)]), [0, 1]);
    }
}
