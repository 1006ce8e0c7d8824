//! Events that are made here: flows and beacons of a host, as events with log sources of their own.
//!
//! They are made only if somebody asks for them ([`Derivation`]); then each contact with another host is looked
//! at once, and known-good ones are left out before anything is counted:
//!
//! ```text
//! event ─▶ contact ─▶ connection, process, name ─▶ known good? ─┬─▶ flows ──end of hour, day─▶ network_flow
//!                                                               └─▶ beacons ──rhythm────────▶ beacon
//! ```
//!
//! A derived event goes where its time puts it among the events of its host: flows before the event that shows
//! that their hour is over, a beacon behind the event that shows it. It depends on the events before it alone,
//! so it is the same in each replay. A late event changes nothing, here as elsewhere.
//!
//! | file | holds |
//! |---|---|
//! | `fields` | the fields that are read and written |
//! | `learn` | what is known of a contact when its event's turn comes |
//! | `write` | flows and beacons as events |
//! | `saved` | what is kept from one run to the next |

mod fields;
pub(crate) mod learn;
mod saved;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use etwatch_event::{
    Event, EventBatch, FieldId, LayoutId, Ledger, LogSourceSetId, Origin, Reason, Timestamp,
};

use crate::beacons::{BURST, Beacon, Beacons, Call};
use crate::flows::connections::{Connection, Connections, Ends};
use crate::flows::contact::{Act, Contact};
use crate::flows::period::{Flow, FlowKey, Passed};
use crate::flows::who::{People, Who, WhoKey, cut};
use crate::flows::{self, Flows, KnownGood, hour_of};
use crate::limits::Room;
use crate::processes::Process;

pub(crate) use fields::DerivedFields;
pub(crate) use saved::SavedDerived;

/// Bytes of a host's name that are kept; a name in the DNS has no more than 255.
const NAME_BYTES: usize = 256;

/// What the events of a kind look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DerivedKind {
    /// Where their fields lie.
    pub layout: LayoutId,
    /// Their log sources.
    pub sources: LogSourceSetId,
}

/// Which events are to be made, and of what.
#[derive(Clone, Debug, Default)]
pub struct Derivation {
    /// `network_flow`.
    pub flows: Option<DerivedKind>,
    /// `beacon`.
    pub beacons: Option<DerivedKind>,
    /// What is left out.
    pub known_good: Arc<KnownGood>,
}

impl Derivation {
    /// Whether nothing is to be made.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.flows.is_none() && self.beacons.is_none()
    }
}

/// What an event is told of its contact by its host's memory.
pub(crate) struct Context<'h> {
    pub(crate) who: WhoKey,
    pub(crate) process: Option<Process<'h>>,
    pub(crate) has_guids: bool,
    /// The name that was found for the other end.
    pub(crate) name: Option<&'h str>,
    /// Whether a datagram is the first between its ends.
    pub(crate) is_first: bool,
}

/// A beacon that waits for the event that showed it to leave.
#[derive(Debug)]
struct Found {
    beacon: Beacon,
    who: Arc<Who>,
    contact: Contact,
    origin: Origin,
}

/// How much may be remembered of a host to make events of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Processes that had contacts.
    pub(crate) people: Room,
    pub(crate) connections: Room,
    pub(crate) hour: flows::Limits,
    pub(crate) day: flows::Limits,
    pub(crate) beacons: Room,
}

/// What is remembered of a host to make events of it.
#[derive(Debug)]
pub(crate) struct Derived {
    limits: Limits,
    /// The host, as its events name it.
    computer: Option<Box<str>>,
    people: People,
    connections: Connections,
    flows: Flows,
    beacons: Beacons,
    /// The hour in which what is old was swept out.
    swept: u64,
    found: Option<Box<Found>>,
    /// Known-good contacts that the ledger was not told yet.
    known_good: u64,
    scratch: String,
}

impl Derived {
    /// Nothing is remembered yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            computer: None,
            people: People::new(limits.people.entries),
            connections: Connections::new(limits.connections),
            flows: Flows::new(limits.hour, limits.day),
            beacons: Beacons::new(limits.beacons),
            swept: 0,
            found: None,
            known_good: 0,
            scratch: String::new(),
        }
    }

    /// Bytes of memory: of flows with all processes, of connections, of beacons.
    pub(crate) fn heap_bytes(&self) -> [usize; 3] {
        let flows = self.flows.heap_bytes() + self.people.heap_bytes();
        [flows, self.connections.heap_bytes(), self.beacons.heap_bytes()]
    }

    /// When what is known of processes takes too much, all are looked up anew that no flow or connection knows; if that
    /// is not enough, flows are put together and connections forgotten.
    fn make_room(&mut self) {
        let Self { limits, people, connections, flows, .. } = self;
        let is_too_much = |people: &People| people.meter().bytes() > limits.people.bytes;
        if is_too_much(people) {
            people.clear();
            while is_too_much(people) && (flows.put_together() | connections.make_room()) {}
        }
    }

    /// Whether something is over at `time`.
    pub(crate) fn is_due(&self, time: Timestamp) -> bool {
        time >= self.flows.end()
    }

    /// Makes the events of what is over at `now`, or of all that is open.
    pub(crate) fn close(
        &mut self,
        now: Timestamp,
        all: bool,
        derivation: &Derivation,
        fields: &DerivedFields,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) {
        let Self { flows, computer, limits, .. } = self;
        let Some(kind) = derivation.flows else {
            // Nobody asks any more.
            *flows = Flows::new(limits.hour, limits.day);
            return;
        };
        flows.close(now, all, &mut |flow, interval, time| {
            write::flow(flow, interval, time, computer.as_deref(), kind, fields, out);
            write::count(ledger);
        });
    }

    /// An event has left: makes that of a beacon which it showed, if it did.
    pub(crate) fn left(
        &mut self,
        derivation: &Derivation,
        fields: &DerivedFields,
        out: &mut EventBatch,
        ledger: &mut Ledger,
    ) {
        ledger.known_good += std::mem::take(&mut self.known_good);
        let (Some(found), Some(kind)) = (self.found.take(), derivation.beacons) else { return };
        let Found { beacon, who, contact, origin } = *found;
        let told = write::Told { beacon: &beacon, who: &who, contact: &contact, origin };
        write::beacon(&told, self.computer.as_deref(), kind, fields, out);
        write::count(ledger);
    }

    /// Looks at the contact that `event` tells.
    pub(crate) fn take(
        &mut self,
        event: &Event<'_>,
        contact: &Contact,
        context: &Context<'_>,
        derivation: &Derivation,
    ) {
        self.name_host(event);
        self.sweep(contact.time);
        let ends = Ends::of(contact);
        if contact.act == Act::Ended {
            self.connections.close(context.who, ends);
            return;
        }
        self.fold_name(context);
        let Self { people, connections, flows, beacons, known_good, found, scratch, .. } = self;
        let name = Some(scratch.as_str()).filter(|name| !name.is_empty());
        let begins = contact.act == Act::Connected || context.is_first;
        let origin = event.origin();
        let mut tally = Tally { flows, beacons, known_good, found, derivation, name, origin };
        if !begins && let Some(connection) = connections.get_mut(context.who, ends) {
            tally.count(contact, context.who, connection, begins);
            return;
        }
        let who = people.get(context.who, context.process, context.has_guids);
        let mut connection = Connection {
            is_good: derivation.known_good.has(&who.folded, contact.remote.address, name),
            who,
            initiated: contact.initiated.filter(|_| begins),
            name: name.filter(|_| contact.is_followed).map(Into::into),
            sent: Timestamp::UNKNOWN,
            seen: contact.time,
            contacts: 0,
            lineage: context.process.map_or([0; 4], |process| process.lineage()),
            flow: None,
        };
        tally.count(contact, context.who, &mut connection, begins);
        if contact.is_followed {
            connections.open(context.who, ends, connection);
        }
        self.make_room();
    }

    fn name_host(&mut self, event: &Event<'_>) {
        if let Some(name) = event.text(FieldId::COMPUTER)
            && self.computer.as_deref() != Some(cut(name, NAME_BYTES))
        {
            self.computer = Some(cut(name, NAME_BYTES).into());
        }
    }

    /// Once an hour, what is old goes.
    fn sweep(&mut self, now: Timestamp) {
        let hour = hour_of(now);
        if hour > self.swept {
            self.swept = hour;
            self.people.clear();
            self.connections.sweep(now);
            self.beacons.sweep(now);
        }
    }

    /// Puts the name of the other end into `scratch`, in small letters; nothing if there is none.
    fn fold_name(&mut self, context: &Context<'_>) {
        self.scratch.clear();
        let name = context.name.map(|name| cut(name, NAME_BYTES)).unwrap_or_default();
        let name = name.strip_suffix('.').unwrap_or(name);
        if !matches!(name, "" | "-") {
            self.scratch.push_str(name);
            self.scratch.make_ascii_lowercase();
        }
    }

    /// Adds what had to be forgotten.
    pub(crate) fn add_forgotten(&self, all: &mut BTreeMap<Reason, u64>) {
        for (what, count) in [
            ("ends of flows", self.flows.together()),
            ("connections", self.connections.evicted()),
            ("endpoints", self.beacons.evicted()),
        ] {
            if count > 0 {
                *all.entry(what).or_default() += count;
            }
        }
    }
}

/// What a contact is counted in.
struct Tally<'d> {
    flows: &'d mut Flows,
    beacons: &'d mut Beacons,
    known_good: &'d mut u64,
    found: &'d mut Option<Box<Found>>,
    derivation: &'d Derivation,
    /// The name of the other end, if the event tells it.
    name: Option<&'d str>,
    origin: Origin,
}

impl Tally<'_> {
    /// Counts a contact over `connection`, which `begins` with it or did before.
    fn count(&mut self, contact: &Contact, who: WhoKey, connection: &mut Connection, begins: bool) {
        if connection.is_good {
            *self.known_good += 1;
        } else {
            if self.derivation.flows.is_some() {
                self.count_flow(contact, who, connection, begins);
            }
            if self.derivation.beacons.is_some() && connection.initiated != Some(false) {
                self.hear(contact, connection, begins);
            }
        }
        connection.seen = contact.time;
        connection.contacts = connection.contacts.saturating_add(1);
        if contact.act == Act::Sent {
            connection.sent = contact.time;
        }
    }

    fn count_flow(
        &mut self,
        contact: &Contact,
        who: WhoKey,
        connection: &mut Connection,
        begins: bool,
    ) {
        let port = match (connection.initiated, contact.local) {
            (Some(false), Some(local)) => local.port,
            _ => contact.remote.port,
        };
        let key = FlowKey {
            who: Some(who),
            end: Some((contact.remote.address, port)),
            protocol: contact.protocol,
            initiated: connection.initiated,
        };
        let passed = Passed::of(contact, begins);
        let (name, origin) = (self.name, self.origin);
        let told = (contact.time, origin);
        if connection.flow.is_none() && self.flows.count_known(&key, name, &passed, told) {
            return;
        }
        let flow = || Flow {
            key,
            who: Some(Arc::clone(&connection.who)),
            lineage: connection.lineage,
            name: connection.name.clone().or_else(|| name.map(Into::into)),
            passed,
            first: contact.time,
            last: contact.time,
            origin,
        };
        connection.flow = self.flows.count(connection.flow, &passed, flow, told);
    }

    fn hear(&mut self, contact: &Contact, connection: &Connection, begins: bool) {
        let is_burst = contact.act == Act::Sent && contact.time.since(connection.sent) > BURST;
        if !(begins || is_burst) {
            return;
        }
        let call = Call {
            time: contact.time,
            image: &connection.who.folded,
            name: connection.name.as_deref().or(self.name),
            address: contact.remote.address,
            port: contact.remote.port,
            protocol: contact.protocol,
            lineage: connection.lineage,
        };
        if let Some(beacon) = self.beacons.hear(&call) {
            let (who, contact) = (Arc::clone(&connection.who), *contact);
            *self.found = Some(Box::new(Found { beacon, who, contact, origin: self.origin }));
        }
    }
}
