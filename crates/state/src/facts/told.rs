//! What an event tells of processes, once it has been filled.
//!
//! The table says which events tell which fact. A fact that is not kept costs nothing: the three sets (what is
//! kept, what the activity tells, what the log sources allow) are cut first.

use std::net::IpAddr;

use etwatch_event::{Activity, Event, FieldId, LogSourceSetId, Timestamp, Value, Vocabulary};

use super::places::{is_sensitive, is_user_writable, name_of};
use super::table::{Fact, FactSet, TABLE};
use crate::fields::{Outline, id, number};
use crate::fill::{Party, Plan};
use crate::host::Host;
use crate::processes::ProcessId;

/// Rights to another process that go beyond looking at it: to end it, to start threads in it, to work on its
/// memory, to copy its handles, to start processes for it, to change and to suspend it.
const RIGHTS: u64 = 0x1 | 0x2 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x200 | 0x800;
/// The keyword of an audit that tells of a failure.
const AUDIT_FAILURE: u64 = 0x10_0000_0000_0000;
/// The first addresses of the kernel, in Windows of 64 bits.
const KERNEL: u64 = 1 << 63;
/// Within this time, a thread with the same number is the same: 50 ms, in units of 100 ns.
const SAME_THREAD: u64 = 500_000;

/// What has to be known of a vocabulary to count facts.
#[derive(Clone, Debug)]
pub(crate) struct FactFields {
    signed: FieldId,
    granted_access: FieldId,
    target_image: FieldId,
    initiated: FieldId,
    size: FieldId,
    /// By activity, the facts that its events tell.
    by_activity: Vec<FactSet>,
    /// By set of log sources, those that it allows.
    by_sources: Vec<FactSet>,
}

impl FactFields {
    /// For a vocabulary that is complete.
    pub(crate) fn new(vocabulary: &mut Vocabulary) -> Self {
        let of_activity = |activity: Activity| {
            TABLE.iter().filter(|row| row.told_by.contains(&activity)).map(|row| row.fact).collect()
        };
        let activities = Activity::ALL.iter().map(|(activity, _)| *activity);
        let mut by_activity = Vec::new();
        for activity in activities {
            by_activity.resize(by_activity.len().max(activity as usize + 1), FactSet::default());
            if let Some(place) = by_activity.get_mut(activity as usize) {
                *place = of_activity(activity);
            }
        }
        let by_sources = vocabulary.sets().iter().map(|set| {
            let has = |category: &str| {
                let of = |source: &etwatch_event::LogSource| {
                    source.category.as_deref() == Some(category)
                };
                set.members().iter().any(of)
            };
            let allowed = TABLE.iter().filter(|row| row.category.is_none_or(has));
            allowed.map(|row| row.fact).collect()
        });
        let by_sources = by_sources.collect();
        let mut field = |name| vocabulary.fields.intern(name);
        Self {
            signed: field("Signed"),
            granted_access: field("GrantedAccess"),
            target_image: field("TargetImage"),
            initiated: field("Initiated"),
            size: field("size"),
            by_activity,
            by_sources,
        }
    }
    fn told(&self, activity: Activity, sources: LogSourceSetId) -> FactSet {
        let by_activity = self.by_activity.get(activity as usize).copied().unwrap_or_default();
        let by_sources = self.by_sources.get(sources.index()).copied().unwrap_or_default();
        by_activity.and(by_sources)
    }
}

/// An event whose facts are counted: as it left, or as it came if it was for the engine alone.
pub(crate) struct Telling<'e> {
    pub(crate) event: &'e Event<'e>,
    pub(crate) plan: &'e Plan,
    pub(crate) outline: &'e Outline,
    /// Its processes, where they are known already.
    pub(crate) actor: Option<ProcessId>,
    pub(crate) target: Option<ProcessId>,
}

impl Telling<'_> {
    /// Counts what the event tells of the processes of its host.
    pub(crate) fn count(&self, host: &mut Host) {
        let Self { event, plan, outline, .. } = self;
        let facts = outline.facts.told(plan.role.activity, event.source_set());
        let facts = facts.and(host.processes.facts.kept());
        if facts.is_empty() {
            return;
        }
        match plan.role.activity {
            Activity::ImageLoad | Activity::ImageRundown => self.count_image(facts, host),
            Activity::ThreadStart => self.count_thread(facts, host),
            Activity::ProcessAccess => self.count_access(host),
            Activity::FileOpen | Activity::FileUse => self.count_file(host),
            Activity::ProcessStart => self.count_child(host),
            Activity::Send | Activity::Receive | Activity::Connection => {
                self.count_traffic(facts, host);
            }
            _ => {}
        }
    }

    fn actor(&self, host: &Host) -> Option<ProcessId> {
        self.actor.or_else(|| self.process(host, &self.plan.actor))
    }
    fn target(&self, host: &Host) -> Option<ProcessId> {
        self.target.or_else(|| self.process(host, &self.plan.target))
    }
    fn process(&self, host: &Host, party: &Party) -> Option<ProcessId> {
        host.process(self.event, party, self.outline).map(|process| process.id())
    }
    fn word(&self, field: FieldId, expected: &str) -> bool {
        match self.event.get(field).first() {
            Some(Value::Text(text)) => text.eq_ignore_ascii_case(expected),
            Some(Value::Boolean(yes)) => (if yes { "true" } else { "false" }) == expected,
            _ => false,
        }
    }

    /// An image of the kernel is of no process.
    fn count_image(&self, facts: FactSet, host: &mut Host) {
        let (own, more) = (&self.outline.own, &self.outline.facts);
        let Some(path) = self.event.text(own.image_loaded) else { return };
        let base = number(self.event, own.image_base);
        let Some(process) = self.actor(host) else { return };
        let is_kernel = host.processes.get(process).is_none_or(|process| process.pid() == 4);
        if is_kernel || base.is_some_and(|base| base >= KERNEL) {
            return;
        }
        let table = &mut host.processes.facts;
        if facts.has(Fact::UnsignedImages) && self.word(more.signed, "false") {
            let hash = table.hasher().hash_folded(path);
            table.add_to(process, |entry| &mut entry.unsigned, hash);
        }
        if facts.has(Fact::UserWritableImages) && is_user_writable(path) {
            let hash = table.hasher().hash_folded(path);
            table.add_to(process, |entry| &mut entry.user_writable, hash);
        }
        if facts.has(Fact::ImageNames) {
            table.add_name(process, name_of(path));
        }
    }

    fn count_thread(&self, facts: FactSet, host: &mut Host) {
        let own = &self.outline.own;
        let Some(process) = self.target(host) else { return };
        let is_remote = facts.has(Fact::RemoteThreads);
        let is_unbacked = facts.has(Fact::UnbackedThreads)
            && (self.word(own.start_unbacked, "true") || self.has_no_module());
        if !is_remote && !is_unbacked {
            return;
        }
        let thread = id(self.event, own.new_thread_id).unwrap_or(0);
        let time = self.event.time();
        host.processes.facts.change_of(process, |entry| {
            let (last, then) = entry.last_thread;
            let is_same = thread != 0 && thread == last && is_near(time, then);
            entry.last_thread = (thread, time);
            if is_same {
                return;
            }
            let add = |count: &mut u32, is: bool| *count = count.saturating_add(u32::from(is));
            add(&mut entry.remote_threads, is_remote);
            add(&mut entry.unbacked_threads, is_unbacked);
        });
    }
    /// Sysmon looked for the image of a start address, and found none.
    fn has_no_module(&self) -> bool {
        let own = &self.outline.own;
        let module = self.event.get(own.start_module);
        let is_none = match module.first() {
            Some(Value::Text(text)) => matches!(text.trim(), "" | "-"),
            Some(Value::Null) | None => module.is_present(),
            Some(_) => false,
        };
        is_none && self.event.get(own.start_address).first().is_some()
    }

    /// One that asks for all it may have says nothing of its rights, and counts.
    fn count_access(&self, host: &mut Host) {
        let more = &self.outline.facts;
        let image = self.event.text(more.target_image).unwrap_or_default();
        let rights = number(self.event, more.granted_access);
        let failed = number(self.event, FieldId::KEYWORDS)
            .is_some_and(|keywords| keywords & AUDIT_FAILURE != 0);
        if !is_sensitive(image) || failed || rights.is_some_and(|rights| rights & RIGHTS == 0) {
            return;
        }
        let Some(process) = self.actor(host) else { return };
        if self.target(host) != Some(process) {
            host.processes.facts.change_of(process, |entry| {
                entry.sensitive_handles = entry.sensitive_handles.saturating_add(1);
            });
        }
    }

    fn count_file(&self, host: &mut Host) {
        let Some(process) = self.actor(host) else { return };
        let file = self.event.text(self.outline.own.target_filename);
        let table = &mut host.processes.facts;
        let hash = file.map(|file| table.hasher().hash(file.as_bytes()));
        table.change_of(process, |entry| {
            if hash != Some(entry.last_file) {
                entry.files_written = entry.files_written.saturating_add(1);
            }
            entry.last_file = hash.unwrap_or(0);
        });
    }

    fn count_child(&self, host: &mut Host) {
        let Some(child) = self.actor(host).and_then(|id| host.processes.get(id)) else { return };
        let Some(creator) = child.creator().or_else(|| child.parent()).map(|one| one.id()) else {
            return;
        };
        let child = child.id();
        let table = &mut host.processes.facts;
        let mut is_new = false;
        table.change_of(child, |entry| is_new = !std::mem::replace(&mut entry.is_counted, true));
        if is_new {
            table.change_of(creator, |entry| entry.children = entry.children.saturating_add(1));
        }
    }

    fn count_traffic(&self, facts: FactSet, host: &mut Host) {
        let Some(process) = self.actor(host) else { return };
        let has_begun = !self.word(self.outline.facts.initiated, "false");
        let is_datagram = || self.word(self.outline.own.protocol, "udp");
        let (is_sent, is_received) = match self.plan.role.activity {
            Activity::Send => (true, false),
            Activity::Receive => (false, true),
            _ => (is_datagram() && has_begun, is_datagram() && !has_begun),
        };
        let table = &mut host.processes.facts;
        if let Some(size) = number(self.event, self.outline.facts.size).filter(|size| *size > 0) {
            for (fact, is_it) in [(Fact::BytesOut, is_sent), (Fact::BytesIn, is_received)] {
                if is_it && facts.has(fact) {
                    table.change_of(process, |entry| {
                        let out = fact == Fact::BytesOut;
                        let bytes = if out { &mut entry.bytes_out } else { &mut entry.bytes_in };
                        *bytes = bytes.saturating_add(size);
                    });
                }
            }
        }
        if facts.has(Fact::Endpoints)
            && has_begun
            && let Some(address) = self.address()
        {
            let port = number(self.event, self.outline.own.destination_port);
            let hash = table.hasher().hash_end(address, port);
            table.add_to(process, |entry| &mut entry.endpoints, hash);
        }
    }
    fn address(&self) -> Option<IpAddr> {
        match self.event.get(self.outline.own.destination_ip).first()? {
            Value::Ip(address) => Some(address),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }
}

fn is_near(time: Timestamp, other: Timestamp) -> bool {
    time.filetime().abs_diff(other.filetime()) <= SAME_THREAD
}
