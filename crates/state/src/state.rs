//! Events in, events with what their host knows out.
//!
//! An event belongs to a host: the one that it names (`Computer`), else the one that its input was recorded
//! on. Hosts know nothing of each other, and their clocks do not concern each other. An event that is older
//! than what its host has already shown is *late*: it is matched like any other, may be told what is known,
//! and changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use etwatch_event::{
    Activity, Event, EventBatch, FieldId, Ledger, LogSourceSetId, Shape, Timestamp,
};

use crate::derived::Derivation;
use crate::facts::Facts;
use crate::fields::Outline;
use crate::file_facts::{FileQuestion, NeededFacts};
use crate::host::Arrival;
use crate::hosts::Hosts;
use crate::limits::{Limits, Table};
use crate::merge::{Merge, Patience, Waiting, Waits};
use crate::names::Found;
use crate::passing::Seen;
use crate::release::{Release, provider};

/// How long the start of a process waits for its other half, in units of 100 ns: 50 ms, more than the flush
/// of a buffer takes.
pub const JOIN_WAIT: u64 = 500_000;

/// How late an event of a JSON recording may come and still take its place, in units of 100 ns: 5 s.
pub const JSON_HOLD: u64 = 50_000_000;

/// How events are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long an event is held back so that older ones can overtake it, in units of 100 ns. None for
    /// recordings of Windows, which are in order by themselves.
    pub hold: u64,
    /// The same for JSON, which comes through forwarders and need not be in order.
    pub json_hold: u64,
    /// Whether events of recorded logs get what their host knows (events of ETW always do: without it, they
    /// lack what rules ask for).
    pub enrich: bool,
    /// When so many events stand at the end of the order, no more of those that waited leave until they were
    /// taken away.
    pub batch: usize,
    /// The same for the bytes that they take.
    pub batch_bytes: usize,
    /// Bytes of memory that all that is remembered may take, see [`crate::limits`].
    pub memory: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hold: 0,
            json_hold: JSON_HOLD,
            enrich: true,
            batch: usize::MAX,
            batch_bytes: usize::MAX,
            memory: crate::limits::BUILT_IN,
        }
    }
}

impl Settings {
    /// How long an event may wait at most, as long as there is room.
    fn longest_wait(&self) -> u64 {
        self.hold.max(self.json_hold).max(JOIN_WAIT)
    }
    fn hold_of(&self, shape: Shape) -> u64 {
        match shape {
            Shape::Evtx | Shape::Etw => self.hold,
            _ => self.hold.max(self.json_hold),
        }
    }
}

/// That events are to tell the GUIDs of all ancestors of the process that acted, the nearest first, at most 16.
#[derive(Clone, Debug)]
pub struct Ancestors {
    /// The field that gets them.
    pub field: FieldId,
    /// Which events, by the number of their set of log sources.
    pub of: Arc<[bool]>,
}

impl Ancestors {
    /// The field, if an event of these log sources is to tell them.
    pub(crate) fn told_to(&self, sources: LogSourceSetId) -> Option<FieldId> {
        self.of.get(sources.index()).copied().unwrap_or_default().then_some(self.field)
    }
}

/// What events are to tell that costs something, and that somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The GUIDs of all ancestors of the process that acted.
    pub ancestors: Option<Ancestors>,
    /// Whether events say of which lineage they are, see [`etwatch_event::Attribution`].
    pub lineages: bool,
    /// Facts of a file: events of ETW that lack one of them say so.
    pub needed: NeededFacts,
    /// Facts of processes: these are kept and told, and no others.
    pub facts: Facts,
}

/// The memory of all hosts of a run.
#[derive(Debug)]
pub struct State {
    settings: Settings,
    outline: Arc<Outline>,
    wanted: Wanted,
    derivation: Derivation,
    hosts: Hosts,
    merge: Merge,
    now: Timestamp,
    /// The latest event of all hosts.
    latest: Seen,
    /// What a clock shows, see [`State::set_clock`].
    clock: Duration,
    found: Found,
}

impl State {
    /// Nothing is remembered yet.
    #[must_use]
    pub fn new(settings: Settings, outline: Arc<Outline>) -> Self {
        Self::with_hosts(settings, outline, Hosts::new(Limits::of(settings.memory)))
    }
    pub(crate) fn with_hosts(settings: Settings, outline: Arc<Outline>, hosts: Hosts) -> Self {
        let merge = Merge::within(hosts.limits().waiting);
        Self {
            settings,
            outline,
            wanted: Wanted::default(),
            derivation: Derivation::default(),
            hosts,
            merge,
            now: Timestamp::UNKNOWN,
            latest: Seen::default(),
            clock: Duration::ZERO,
            found: Found::default(),
        }
    }

    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Says which host the events of an input are of that do not name one.
    pub fn name_input(&mut self, input: u32, host: &str) {
        self.hosts.name_input(input, host);
    }

    /// Says what events are to tell from now on.
    pub fn tell(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// From now on, these events are made of what hosts' events tell.
    pub fn derive(&mut self, derivation: Derivation) {
        if derivation.is_idle() {
            self.hosts.each(|host| host.derived = None);
        }
        self.derivation = derivation;
    }

    /// What the host is to be asked because of an event that is to be taken; see [`NeededFacts`].
    #[must_use]
    pub fn question<'e>(&self, event: &Event<'e>) -> Option<FileQuestion<'e>> {
        let plan = self.outline.plans.of(event.layout_id())?;
        plan.file.as_ref()?.question(event, &self.wanted.needed)
    }

    /// Takes the next event. Those whose turn has come leave to the end of `out`; `ledger` is told what became
    /// of each record.
    pub fn take(&mut self, event: &Event<'_>, out: &mut EventBatch, ledger: &mut Ledger) {
        let Self { settings, outline, wanted, derivation, hosts, merge, now, found, .. } = self;
        let time = event.time();
        *now = (*now).max(time);
        self.latest.see(time, self.clock);
        hosts.look();
        while let Some(mut gone) = hosts.take_gone() {
            gone.derive_rest(derivation, outline, out, ledger);
        }
        let host = hosts.of(event);
        host.latest.see(time, self.clock);
        let is_late = time.is_known() && time < host.released;
        ledger.late += u64::from(is_late);
        let plan = outline.plans.of(event.layout_id()).filter(|plan| !plan.is_idle());
        let arrival = match plan {
            Some(plan) if !is_late => host.arrive(event, plan, outline),
            _ => Arrival::Turn,
        };
        let hold = match plan {
            // The engine's own records lie in the order in which they were made.
            Some(plan) if plan.role.activity == Activity::FileFacts => settings.hold,
            _ => settings.hold_of(event.origin().shape),
        };
        // In the replay of a recording with answers, events wait for them as they did live.
        let answers = match plan.and_then(|plan| plan.file.as_ref()) {
            Some(file) if host.file_facts.hold > hold && file.lacks_any(event, &wanted.needed) => {
                host.file_facts.hold
            }
            _ => 0,
        };
        let in_case = arrival == Arrival::Turn && hold > settings.hold.max(answers);
        let hold = hold.max(answers);
        let waits_for = match arrival {
            Arrival::Turn => hold,
            Arrival::Half(_) => hold.max(JOIN_WAIT),
            Arrival::Joined(whole) => {
                ledger.joined += 1;
                ledger.count_of(provider(event), |counts| counts.joined += 1);
                if let Some(number) = whole {
                    merge.complete(number);
                }
                return self.release(out, ledger);
            }
        };
        if is_late || (waits_for == 0 && merge.is_empty()) {
            host.released = host.released.max(time);
            let mut release = Release { outline, settings: *settings, wanted, found, derivation };
            return release.turn(host, event, plan, is_late, out, ledger);
        }
        let later = |by| Timestamp::from_filetime(time.filetime().saturating_add(by));
        let patience = if in_case { Patience::InCase } else { Patience::Needed };
        let waits = Waits { for_turn: later(hold), until: later(waits_for), patience };
        let number = merge.push(event, out.vocabulary(), time, waits);
        if let Arrival::Half(process) = arrival {
            host.wait(process, number);
        } else if plan.is_some_and(|plan| plan.role.activity == Activity::ImageLoad)
            && let Some(whole) = host.next_whole()
        {
            merge.complete(whole);
        }
        self.release(out, ledger);
    }

    /// There is nothing more: what still waits leaves, what is open is told, and the ledger is told what had to be
    /// forgotten. Returns whether there is more to leave, once these have been taken away.
    pub fn finish(&mut self, out: &mut EventBatch, ledger: &mut Ledger) -> bool {
        if self.pause(out, ledger) {
            return true;
        }
        let Self { hosts, derivation, outline, .. } = self;
        hosts.each_in_order(|host| host.derive_rest(derivation, outline, out, ledger));
        let missing = self.hosts.missing_scripts();
        if missing > 0 {
            *ledger.incomplete.entry("scripts").or_default() += missing;
        }
        false
    }

    /// Bytes of memory by table, of all hosts together.
    #[must_use]
    pub fn memory(&self) -> BTreeMap<&'static str, u64> {
        let mut all = self.hosts.memory();
        all.insert(Table::Waiting.name(), self.merge.heap_bytes() as u64);
        all
    }

    /// There is nothing more in this run, and another goes on with what [`State::save`] gives: what still waits
    /// leaves, what is open stays open. Returns as [`State::finish`].
    pub fn pause(&mut self, out: &mut EventBatch, ledger: &mut Ledger) -> bool {
        self.now = Timestamp::from_filetime(u64::MAX);
        self.release(out, ledger);
        if !self.merge.is_empty() {
            return true;
        }
        let Self { hosts, derivation, outline, .. } = self;
        hosts.make_room();
        while let Some(mut gone) = hosts.take_gone() {
            gone.derive_rest(derivation, outline, out, ledger);
        }
        ledger.forgotten = self.hosts.forgotten();
        if self.merge.hurried > 0 {
            *ledger.forgotten.entry("halves to wait for").or_default() += self.merge.hurried;
        }
        false
    }

    /// A clock that never goes back shows this: events that are taken from now on come at that time.
    pub fn set_clock(&mut self, clock: Duration) {
        self.clock = self.clock.max(clock);
    }

    /// Time has passed, by the clock, also on hosts of which nothing comes: the time of a host is that of its
    /// latest event and what has passed since it came. Events whose turn has come by then leave to the end of
    /// `out`, and so do those that are made of what is over. Returns whether there is more to leave, once these
    /// have been taken away.
    pub fn pass(&mut self, out: &mut EventBatch, ledger: &mut Ledger) -> bool {
        self.now = self.now.max(self.latest.now(self.clock));
        self.release(out, ledger);
        if self.is_full(out) {
            return true;
        }
        let (clock, wait) = (self.clock, self.settings.longest_wait());
        let Self { hosts, derivation, outline, .. } = self;
        hosts.each(|host| host.pass(clock, wait, derivation, outline, out, ledger));
        false
    }

    /// Whether an event waits for its turn.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.merge.is_empty()
    }

    /// Each host by its number in events, and the time before which nothing of it is awaited any more.
    pub fn watermarks(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        self.hosts.iter().map(|host| (host.number, host.released))
    }

    fn is_full(&self, out: &EventBatch) -> bool {
        out.len() >= self.settings.batch || out.payload_bytes() >= self.settings.batch_bytes
    }

    fn release(&mut self, out: &mut EventBatch, ledger: &mut Ledger) {
        while !self.is_full(out)
            && let Some(waiting) = self.merge.next(self.now)
        {
            self.release_one(&waiting, out, ledger);
            self.merge.done(&waiting);
        }
    }

    fn release_one(&mut self, waiting: &Waiting, out: &mut EventBatch, ledger: &mut Ledger) {
        let Self { settings, outline, wanted, derivation, hosts, merge, found, .. } = self;
        let Some(event) = merge.event(waiting) else { return };
        let plan = outline.plans.of(event.layout_id()).filter(|plan| !plan.is_idle());
        let host = hosts.of(&event);
        host.released = host.released.max(waiting.time);
        host.no_longer_waits(waiting.number);
        let mut release = Release { outline, settings: *settings, wanted, found, derivation };
        release.turn(host, &event, plan, false, out, ledger);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etwatch_event::{LayoutId, LogSourceSetId, Value, Vocabulary};

    fn late(events: &[(&str, u64)]) -> Vec<u64> {
        let mut vocabulary = Vocabulary::default();
        let outline = Arc::new(Outline::new(&mut vocabulary));
        let vocabulary = Arc::new(vocabulary);
        let mut batch = EventBatch::new(Arc::clone(&vocabulary));
        let mut out = EventBatch::new(vocabulary);
        let settings = Settings { json_hold: 0, ..Settings::default() };
        let (mut state, mut ledger) = (State::new(settings, outline), Ledger::default());
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
