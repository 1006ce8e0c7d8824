//! What is kept of flows and beacons from one run to the next: the hour and the day that are open, connections, and
//! the beats of all endpoints.
//!
//! Processes are written once and referred to by number. Which file a record was in is a matter of each run: a flow to
//! which a later run added nothing says its record and no file.

use std::sync::Arc;

use etwatch_event::{Guid, Origin, Timestamp};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::{Derived, Limits};
use crate::beacons::{Beacons, SavedBeacons};
use crate::flows::connections::{Connection, Connections, Ends};
use crate::flows::period::{Flow, FlowKey, Passed, Place};
use crate::flows::who::{Meter, Who, WhoKey};
use crate::flows::{Flows, HOUR};
use crate::saved::{shape_number, shape_of};

/// The number of no input.
const NO_INPUT: u32 = u32::MAX;

/// What is remembered of a host to make events of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedDerived {
    computer: Option<Box<str>>,
    processes: Vec<SavedWho>,
    people: Vec<(WhoKey, u32)>,
    connections: Vec<SavedConnection>,
    hour: Vec<SavedFlow>,
    day: Vec<SavedFlow>,
    /// Which hour it is, and how often its flows got other places.
    number: u64,
    epoch: u64,
    beacons: SavedBeacons,
    swept: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedWho {
    pid: Option<u32>,
    guid: Option<[u8; 16]>,
    image: Option<Box<str>>,
    user: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedConnection {
    key: WhoKey,
    ends: Ends,
    who: u32,
    lineage: [u32; 4],
    initiated: Option<bool>,
    name: Option<Arc<str>>,
    is_good: bool,
    #[serde(with = "crate::saved::time")]
    sent: Timestamp,
    #[serde(with = "crate::saved::time")]
    seen: Timestamp,
    contacts: u64,
    flow: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedFlow {
    key: FlowKey,
    who: Option<u32>,
    lineage: [u32; 4],
    name: Option<Arc<str>>,
    passed: Passed,
    #[serde(with = "crate::saved::time")]
    first: Timestamp,
    #[serde(with = "crate::saved::time")]
    last: Timestamp,
    record: u64,
    shape: u8,
}

/// What tells two processes apart.
type ToldWho<'w> = (Option<u32>, Option<Guid>, Option<&'w str>, Option<&'w str>);

/// Numbers processes in the order in which they are referred to.
#[derive(Default)]
struct Numbers<'w> {
    numbers: HashMap<ToldWho<'w>, u32>,
    all: Vec<SavedWho>,
}

impl<'w> Numbers<'w> {
    fn of(&mut self, who: &'w Who) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(who.told()).or_insert_with(|| {
            self.all.push(SavedWho {
                pid: who.pid,
                guid: who.guid.map(|guid| guid.0),
                image: who.image.clone(),
                user: who.user.clone(),
            });
            next
        })
    }
    fn flows(&mut self, flows: &'w [Flow]) -> Vec<SavedFlow> {
        let flow = |flow: &'w Flow| SavedFlow {
            key: flow.key,
            who: flow.who.as_deref().map(|who| self.of(who)),
            lineage: flow.lineage,
            name: flow.name.clone(),
            passed: flow.passed,
            first: flow.first,
            last: flow.last,
            record: flow.origin.record,
            shape: shape_number(flow.origin.shape),
        };
        flows.iter().map(flow).collect()
    }
}

impl Derived {
    /// What is to be kept.
    pub(crate) fn saved(&self) -> SavedDerived {
        let mut numbers = Numbers::default();
        let people = self.people.in_order();
        let people = people.into_iter().map(|(key, who)| (key, numbers.of(who))).collect();
        let connections = self.connections.in_order();
        let connections = connections
            .map(|((key, ends), connection)| SavedConnection {
                key: *key,
                ends: *ends,
                who: numbers.of(&connection.who),
                lineage: connection.lineage,
                initiated: connection.initiated,
                name: connection.name.clone(),
                is_good: connection.is_good,
                sent: connection.sent,
                seen: connection.seen,
                contacts: connection.contacts,
                flow: connection.flow,
            })
            .collect();
        let (hour, day, number) = self.flows.open();
        SavedDerived {
            computer: self.computer.clone(),
            people,
            connections,
            hour: numbers.flows(&hour.flows),
            day: numbers.flows(&day.flows),
            number,
            epoch: hour.epoch(),
            beacons: self.beacons.saved(),
            swept: self.swept,
            processes: numbers.all,
        }
    }

    /// What goes on with what was kept.
    pub(crate) fn restored(limits: Limits, saved: SavedDerived) -> Self {
        let SavedDerived { computer, processes, people, connections, .. } = saved;
        let mut derived = Self::new(limits);
        let meter = derived.people.meter().clone();
        let processes = processes.into_iter().map(|saved| saved.who(&meter));
        let processes: Vec<Arc<Who>> = processes.collect();
        let who = |number: u32| processes.get(number as usize).map(Arc::clone);
        (derived.computer, derived.swept) = (computer, saved.swept);
        derived.beacons = Beacons::restored(limits.beacons, saved.beacons);
        let people = people.into_iter().filter_map(|(key, number)| Some((key, who(number)?)));
        derived.people.restore(people);
        let connection = |saved: SavedConnection| {
            let connection = Connection {
                who: who(saved.who)?,
                initiated: saved.initiated,
                name: saved.name,
                is_good: saved.is_good,
                sent: saved.sent,
                seen: saved.seen,
                contacts: saved.contacts,
                lineage: saved.lineage,
                flow: saved.flow,
            };
            Some((saved.key, saved.ends, connection))
        };
        derived.connections = Connections::restored(
            limits.connections,
            connections.into_iter().filter_map(connection),
        );
        let flow = |saved: SavedFlow| saved.flow(&who);
        // An hour beyond the last of time would have no end.
        let number = saved.number.min(u64::MAX / HOUR);
        let (hour, day) = (saved.hour.into_iter().map(flow), saved.day.into_iter().map(flow));
        derived.flows = Flows::restored((limits.hour, limits.day), hour, day, number, saved.epoch);
        drop(processes);
        derived.make_room();
        derived
    }
}

impl SavedWho {
    fn who(self, meter: &Meter) -> Arc<Who> {
        let Self { pid, guid, image, user } = self;
        Arc::new(Who::new(meter, pid, guid.map(Guid), image, user))
    }
}

impl SavedFlow {
    fn flow(self, who: &impl Fn(u32) -> Option<Arc<Who>>) -> Flow {
        let shape = shape_of(self.shape);
        Flow {
            key: self.key,
            who: self.who.and_then(who),
            lineage: self.lineage,
            name: self.name,
            passed: self.passed,
            first: self.first,
            last: self.last,
            origin: Origin { input: NO_INPUT, record: self.record, shape },
        }
    }
}
