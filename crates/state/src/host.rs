//! What is remembered about one host, and what its events change in it.
//!
//! Starts of processes are learned when they *come*, everything else when the event's turn comes: a start waits
//! for its other half in the order of time, and the half has to be known by then.

use std::collections::BTreeMap;

use etwatch_event::raw::OWN_PROVIDER;
use etwatch_event::{Activity, Event, FieldId, Reason, Shape, Timestamp, Value};

use crate::accounts::Accounts;
use crate::boots::boot;
use crate::datagrams::Datagrams;
use crate::derived::{self, Derived};
use crate::fields::{Outline, guid, id, number};
use crate::file_facts::FileFacts;
use crate::fill::{Party, Plan};
use crate::limits::{HostLimits, Table};
use crate::names::ObjectNames;
use crate::passing::Seen;
use crate::processes::{Process, ProcessEnd, ProcessId, ProcessPart, ProcessTable};
use crate::scripts::Scripts;
use crate::threads::Threads;

/// The process of the kernel itself, and the one that stands for idling.
const SYSTEM: [u32; 2] = [0, 4];
/// Starts that wait for their other half at once; beyond, they do not wait. Windows starts a few thousand
/// processes a second at most, and one waits for 50 ms.
const MOST_HALVES: usize = 1_024;
/// It starts threads in console programs to tell them of signals.
const CONSOLE_HOST: &str = "\\system32\\csrss.exe";

/// Bytes of memory of a host of which nothing is known but its name.
pub(crate) const HOST_BYTES: usize = size_of::<Host>() + size_of::<Derived>() + 2_048;

/// A host's memory.
#[derive(Debug)]
pub(crate) struct Host {
    /// Its number among all hosts of the run.
    pub(crate) number: u32,
    /// The time of the latest event that left in order; what is older is late.
    pub(crate) released: Timestamp,
    /// The latest event that came.
    pub(crate) latest: Seen,
    pub(crate) processes: ProcessTable,
    pub(crate) names: ObjectNames,
    pub(crate) threads: Threads,
    pub(crate) datagrams: Datagrams,
    pub(crate) file_facts: FileFacts,
    pub(crate) accounts: Accounts,
    pub(crate) scripts: Scripts,
    /// What is remembered to make events of it, once it is needed.
    pub(crate) derived: Option<Box<Derived>>,
    pub(crate) derived_limits: derived::Limits,
    /// Whether some event named its process as Sysmon does. Then names that are made here are not told: another
    /// event of the same process may have its own.
    pub(crate) has_guids: bool,
    /// Starts that wait for their other half, with the numbers of their events.
    waiting: Vec<(ProcessId, u64)>,
    /// Starts that could not wait for want of room.
    not_waited: u64,
}

/// What is to become of an event that has just come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It takes its turn.
    Turn,
    /// The start of a process of which something is missing that another source may tell.
    Half(ProcessId),
    /// The other half of a start that waits; the number of that one if nothing is missing any more.
    Joined(Option<u64>),
}

impl Host {
    pub(crate) fn new(name: &str, number: u32, limits: &HostLimits) -> Self {
        Self {
            number,
            released: Timestamp::UNKNOWN,
            latest: Seen::default(),
            processes: ProcessTable::new(name, limits.processes),
            names: ObjectNames::new(limits.names),
            threads: Threads::new(limits.threads),
            datagrams: Datagrams::new(limits.datagrams),
            file_facts: FileFacts::new(limits.file_facts),
            accounts: Accounts::new(limits.accounts),
            scripts: Scripts::new(limits.scripts),
            derived: None,
            derived_limits: limits.derived,
            has_guids: false,
            waiting: Vec::new(),
            not_waited: 0,
        }
    }

    /// An event comes, which is not late.
    pub(crate) fn arrive(&mut self, event: &Event<'_>, plan: &Plan, outline: &Outline) -> Arrival {
        if !self.has_guids {
            self.has_guids = plan.actor.guid.iter().any(|field| guid(event, *field).is_some());
        }
        match plan.role.activity {
            Activity::ProcessStart => self.start(event, outline),
            Activity::ImageLoad if !self.waiting.is_empty() => {
                self.load_image(event, outline);
                Arrival::Turn
            }
            Activity::FileFacts if is_answer(event) => {
                self.file_facts.take(event, &outline.answers);
                Arrival::Turn
            }
            _ => Arrival::Turn,
        }
    }

    fn start(&mut self, event: &Event<'_>, outline: &Outline) -> Arrival {
        let mut scratch = String::new();
        let part = ProcessPart::of(event, &outline.processes, &mut scratch);
        let Some(part) = part else { return Arrival::Turn };
        let started = self.processes.start(&part, event.time()).id;
        if event.origin().shape != Shape::Etw {
            return Arrival::Turn;
        }
        let is_whole = self.is_whole(started);
        match self.waiting.iter().find(|(id, _)| *id == started) {
            Some((_, number)) => Arrival::Joined(is_whole.then_some(*number)),
            None if is_whole => Arrival::Turn,
            None if self.waiting.len() >= MOST_HALVES => {
                self.not_waited += 1;
                Arrival::Turn
            }
            None => Arrival::Half(started),
        }
    }

    /// Whether all is known of a process for which rules on its start mostly ask.
    fn is_whole(&self, id: ProcessId) -> bool {
        let process = self.processes.get(id);
        process.is_none_or(|process| process.image().is_some() && process.command_line().is_some())
    }

    /// The event with this number waits for the other half of a start.
    pub(crate) fn wait(&mut self, id: ProcessId, number: u64) {
        self.waiting.push((id, number));
    }

    /// A start that waits and of which nothing is missing any more.
    pub(crate) fn next_whole(&self) -> Option<u64> {
        let whole = self.waiting.iter().find(|(id, _)| self.is_whole(*id));
        whole.map(|(_, number)| *number)
    }

    /// The turn of the event with this number has come.
    pub(crate) fn no_longer_waits(&mut self, number: u64) {
        if !self.waiting.is_empty() {
            self.waiting.retain(|(_, waiting)| *waiting != number);
        }
    }

    /// Learns from an event whose turn has come.
    pub(crate) fn learn(&mut self, event: &Event<'_>, plan: &Plan, outline: &Outline) {
        let time = event.time();
        match plan.role.activity {
            Activity::ProcessRundown => {
                let mut scratch = String::new();
                if let Some(part) = ProcessPart::of(event, &outline.processes, &mut scratch) {
                    self.processes.start(&part, time);
                }
            }
            Activity::ProcessEnd => {
                if let Some(end) = ProcessEnd::of(event, &outline.processes) {
                    self.processes.end(&end, time);
                }
            }
            Activity::ImageLoad | Activity::ImageRundown => self.load_image(event, outline),
            Activity::ImageUnload => {
                let (pid, base) =
                    (id(event, outline.own.process_id), number(event, outline.own.image_base));
                if let (Some(pid), Some(base)) = (pid, base) {
                    self.processes.unload_image(pid, base, time);
                }
            }
            Activity::ThreadRundown => {
                self.begin_thread(event, outline);
            }
            Activity::Logon => self.accounts.learn(event, &outline.accounts),
            Activity::Boot => {
                let last = self.processes.booted();
                if let Some(booted) = boot(event, outline.own.start_time, last) {
                    self.processes.boot(booted);
                    self.threads.forget_all();
                }
            }
            _ => {}
        }
    }

    fn load_image(&mut self, event: &Event<'_>, outline: &Outline) {
        let own = &outline.own;
        let (pid, base, size) = (
            id(event, own.process_id),
            number(event, own.image_base),
            number(event, own.image_size),
        );
        if let (Some(pid), Some(base), Some(path)) = (pid, base, event.text(own.image_loaded)) {
            self.processes.load_image(pid, base, size.unwrap_or(0), path, event.time());
        }
    }

    /// The thread of an event begins to be known; whether it is the first of its process.
    fn begin_thread(&mut self, event: &Event<'_>, outline: &Outline) -> bool {
        let own = &outline.own;
        let thread = id(event, own.new_thread_id);
        let (Some(thread), Some(pid)) = (thread, id(event, own.target_process_id)) else {
            return false;
        };
        let process = self.processes.at(pid, event.time()).map(|process| process.id());
        self.threads.begin(thread, pid, process)
    }

    /// Whether the thread that an event starts is one that a process started in another, and not the first
    /// thread of a process, which its creator starts.
    pub(crate) fn is_remote_thread(
        &mut self,
        event: &Event<'_>,
        plan: &Plan,
        outline: &Outline,
    ) -> bool {
        let is_first = self.begin_thread(event, outline);
        let source = plan.actor.id.and_then(|field| id(event, field));
        let target = plan.target.id.and_then(|field| id(event, field));
        let (Some(source), Some(target)) = (source, target) else { return false };
        // A driver's thread of the kernel begins in whatever process it was called from.
        if source == target || SYSTEM.contains(&source) || SYSTEM.contains(&target) {
            return false;
        }
        // A process that nothing was heard of before has just been created.
        let Some(process) = self.processes.at(target, event.time()) else { return false };
        if is_first && process.start_was_seen() {
            return false;
        }
        let source = self.processes.at(source, event.time());
        let image = source.and_then(|source| source.image()).unwrap_or_default();
        let place = image.len().checked_sub(CONSOLE_HOST.len());
        let end = place.and_then(|place| image.get(place..)).unwrap_or_default();
        !end.eq_ignore_ascii_case(CONSOLE_HOST)
    }

    /// Whether a datagram is the first between its ends.
    pub(crate) fn is_first_datagram(&mut self, event: &Event<'_>, outline: &Outline) -> bool {
        let own = &outline.own;
        let mut scratch = String::new();
        let protocol = event.get(own.protocol).first();
        if protocol.as_ref().and_then(|value| value.text(&mut scratch)) != Some("udp") {
            return false;
        }
        let ip = |field| match event.get(field).first() {
            Some(Value::Ip(ip)) => Some(ip),
            _ => None,
        };
        let near = (ip(own.source_ip), id(event, own.source_port));
        let far = (ip(own.destination_ip), id(event, own.destination_port));
        self.datagrams.is_first(id(event, own.process_id), [near, far], event.time())
    }

    /// The id of a process of an event. The kernel writes some file events for others: their thread tells.
    pub(crate) fn pid(&self, event: &Event<'_>, party: &Party, outline: &Outline) -> Option<u32> {
        let pid = id(event, party.id?);
        if pid.is_some_and(|pid| !SYSTEM.contains(&pid)) {
            return pid;
        }
        let thread = id(event, outline.own.issuing_thread_id);
        thread.and_then(|thread| self.threads.owner(thread)).or(pid)
    }

    /// The process of an event, by the name that was recorded or by its id at that time.
    pub(crate) fn process(
        &self,
        event: &Event<'_>,
        party: &Party,
        outline: &Outline,
    ) -> Option<Process<'_>> {
        let recorded = party.guid.iter().find_map(|field| guid(event, *field));
        if let Some(process) = recorded.and_then(|guid| self.processes.by_guid(&guid)) {
            return Some(process);
        }
        let process = self.processes.at(self.pid(event, party, outline)?, event.time())?;
        // Another recorded name is that of another process, of which nothing is known.
        (recorded.is_none() || !process.guid_is_recorded()).then_some(process)
    }

    /// A process of an event, see [`Host::pid`], has been seen to be there, and the event may tell its name and
    /// image in passing. Returns it if the event names it by its id alone.
    pub(crate) fn sight(
        &mut self,
        event: &Event<'_>,
        party: &Party,
        pid: u32,
        outline: &Outline,
    ) -> Option<ProcessId> {
        let seen = self.processes.seen(pid, event.time())?;
        let known = self.processes.get(seen)?;
        let tells = |field: FieldId| event.get(field).is_present();
        let has_name = party.guid.iter().copied().any(tells);
        let has_news = (known.image().is_none() && party.image.is_some_and(tells))
            || (has_name && !known.guid_is_recorded());
        if has_news
            && let Some(part) = ProcessPart::sighting(event, &outline.processes, party.whose)
        {
            self.processes.learn(seen, &part);
        }
        (!has_name).then_some(seen)
    }

    /// The bytes that each table takes.
    pub(crate) fn memory(&self) -> [(Table, usize); 11] {
        let facts = self.processes.facts.heap_bytes();
        let derived = self.derived.as_ref().map(|derived| derived.heap_bytes());
        let [flows, connections, beacons] = derived.unwrap_or_default();
        [
            (Table::Processes, self.processes.memory_bytes() - facts),
            (Table::ProcessFacts, facts),
            (Table::Names, self.names.heap_bytes()),
            (Table::FileFacts, self.file_facts.heap_bytes()),
            (Table::Scripts, self.scripts.heap_bytes()),
            (Table::Accounts, self.accounts.heap_bytes()),
            (Table::Threads, self.threads.heap_bytes() + self.datagrams.heap_bytes()),
            (Table::Flows, flows),
            (Table::Connections, connections),
            (Table::Beacons, beacons),
            (Table::Hosts, HOST_BYTES),
        ]
    }
    /// The bytes that all of them take.
    pub(crate) fn bytes(&self) -> usize {
        self.memory().into_iter().map(|(_, bytes)| bytes).sum()
    }

    /// Adds what had to be forgotten.
    pub(crate) fn add_forgotten(&self, all: &mut BTreeMap<Reason, u64>) {
        if let Some(derived) = &self.derived {
            derived.add_forgotten(all);
        }
        let (processes, names) = (self.processes.counts(), self.names.counts());
        let facts = self.processes.facts.counts();
        for (what, count) in [
            ("processes", processes.evicted_live),
            ("ended processes", processes.evicted_dead),
            ("modules", processes.evicted_modules),
            ("ends of texts", processes.cut_texts),
            ("file names", names.files.evicted + names.files.refused),
            ("registry keys", names.keys.evicted + names.keys.refused),
            ("DNS answers", names.answers.evicted + names.answers.refused),
            ("DNS queries", names.queries.evicted + names.queries.refused),
            ("threads", self.threads.evicted),
            ("ends of datagrams", self.datagrams.evicted),
            ("halves to wait for", self.not_waited),
            ("file facts", self.file_facts.evicted + self.file_facts.refused),
            ("accounts", self.accounts.evicted),
            ("scripts in parts", self.scripts.evicted),
            ("facts of processes", facts.evicted),
            ("images and endpoints of processes", facts.refused),
        ] {
            if count > 0 {
                *all.entry(what).or_default() += count;
            }
        }
    }
}

/// Whether an event is an answer of the host: a record that etwatch wrote, which is of no channel, and of ETW has the GUID
/// that no session asks for; and not one of a program that calls its provider the same.
pub(crate) fn is_answer(event: &Event<'_>) -> bool {
    let is_own = match event.origin().shape {
        Shape::Flat => true,
        Shape::Etw => guid(event, FieldId::PROVIDER_GUID) == Some(OWN_PROVIDER),
        _ => false,
    };
    is_own && !event.get(FieldId::CHANNEL).is_present()
}
