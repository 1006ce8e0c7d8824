//! The flows of an hour or a day, within bounds.
//!
//! Nothing that was counted is ever thrown away. When a process has more ends than its quota, or the table is
//! full, further ends of a process are counted together in one flow without an end, and processes beyond that
//! in one flow without a process. So the sum over all flows is the sum of all that passed, and one process
//! that calls everybody takes no room from another.

use std::net::IpAddr;
use std::sync::Arc;

use etwatch_event::{Origin, Timestamp};
use hashbrown::HashMap;

use super::contact::{Act, Contact, Protocol};
use super::who::{Who, WhoKey};

/// How much a table of flows may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows with an end of their own.
    pub flows: usize,
    /// Those of one process.
    pub of_process: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { flows: 16_384, of_process: 1_024 }
    }
}

/// What flows are told apart by; without an end it is what there was no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowKey {
    pub(crate) who: Option<WhoKey>,
    pub(crate) end: Option<(IpAddr, u16)>,
    pub(crate) protocol: Protocol,
    pub(crate) initiated: Option<bool>,
}

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) connections: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) packets_sent: u64,
    pub(crate) packets_received: u64,
    /// Whether somebody counted bytes at all.
    pub(crate) is_counted: bool,
}

impl Passed {
    /// What a contact adds; `connects`: it is the beginning of a connection.
    pub(crate) fn of(contact: &Contact, connects: bool) -> Self {
        let (mut sent, mut received) = ((0, 0), (0, 0));
        match contact.act {
            Act::Sent => sent = (contact.bytes.unwrap_or(0), 1),
            Act::Received => received = (contact.bytes.unwrap_or(0), 1),
            Act::Connected | Act::Ended => {}
        }
        Self {
            connections: u64::from(connects),
            sent: sent.0,
            packets_sent: sent.1,
            received: received.0,
            packets_received: received.1,
            is_counted: contact.is_followed,
        }
    }
    /// A recording may claim any size, so sums end at the highest number.
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.connections, other.connections),
            (&mut self.sent, other.sent),
            (&mut self.received, other.received),
            (&mut self.packets_sent, other.packets_sent),
            (&mut self.packets_received, other.packets_received),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        self.is_counted |= other.is_counted;
    }
}

/// A flow.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) key: FlowKey,
    pub(crate) who: Option<Arc<Who>>,
    /// The name of the end, the one that was told last.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) passed: Passed,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Where what was counted last comes from.
    pub(crate) origin: Origin,
}

/// The flows of an hour or a day, in the order in which they began.
#[derive(Debug)]
pub(crate) struct Period {
    limits: Limits,
    pub(crate) flows: Vec<Flow>,
    places: HashMap<FlowKey, u32>,
    of_process: HashMap<Option<WhoKey>, usize>,
    /// How often something was counted in a flow without an end of its own.
    pub(crate) together: u64,
}

impl Period {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            flows: Vec::new(),
            places: HashMap::new(),
            of_process: HashMap::new(),
            together: 0,
        }
    }

    /// Forgets the flows; memory is kept for as many as an ordinary hour has.
    pub(crate) fn clear(&mut self) {
        let kept = self.limits.of_process;
        self.flows.clear();
        self.flows.shrink_to(kept);
        self.places.clear();
        self.places.shrink_to(kept);
        self.of_process.clear();
        self.of_process.shrink_to(kept);
    }

    /// Adds to the flow of its key what `flow` counted; returns its place.
    pub(crate) fn add(&mut self, flow: Flow) -> Option<u32> {
        let place = match self.places.get(&flow.key) {
            Some(place) => *place,
            None => return self.add_new(flow),
        };
        let Flow { passed, first, last, origin, .. } = flow;
        let kept = self.flows.get_mut(place as usize)?;
        if let Some(who) = flow.who
            && kept.who.as_ref().is_some_and(|known| known.image.is_none())
        {
            kept.who = Some(who);
        }
        if flow.name.is_some() && flow.key.end.is_some() {
            kept.name = flow.name;
        }
        kept.first = kept.first.min(first);
        self.add_at(place, &passed, last, origin);
        Some(place)
    }

    /// The same where the place is known. False if there is no such flow.
    pub(crate) fn add_at(
        &mut self,
        place: u32,
        passed: &Passed,
        time: Timestamp,
        origin: Origin,
    ) -> bool {
        let Some(flow) = self.flows.get_mut(place as usize) else { return false };
        self.together += u64::from(flow.key.end.is_none());
        flow.passed.add(passed);
        flow.last = flow.last.max(time);
        flow.origin = origin;
        true
    }

    /// The place of the flow with this key.
    pub(crate) fn place(&self, key: &FlowKey) -> Option<u32> {
        self.places.get(key).copied()
    }

    /// The flow at a place.
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Flow> {
        self.flows.get_mut(place as usize)
    }

    fn add_new(&mut self, mut flow: Flow) -> Option<u32> {
        let most = self.limits.flows;
        let of_process = self.of_process.get(&flow.key.who).copied().unwrap_or(0);
        let has_room = self.places.len() < most && of_process < self.limits.of_process;
        if !has_room && flow.key.end.is_some() {
            flow.key = FlowKey { end: None, ..flow.key };
            flow.name = None;
            return self.add(flow);
        }
        // Flows without an end have as much room again, then one is left for all processes.
        if self.places.len() >= 2 * most && flow.key.who.is_some() {
            flow.key = FlowKey { who: None, ..flow.key };
            flow.who = None;
            return self.add(flow);
        }
        let place = u32::try_from(self.flows.len()).ok()?;
        self.together += u64::from(flow.key.end.is_none());
        *self.of_process.entry(flow.key.who).or_default() += 1;
        self.places.insert(flow.key, place);
        self.flows.push(flow);
        Some(place)
    }
}
