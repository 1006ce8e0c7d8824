//! The flows of an hour or a day, within bounds.
//!
//! Nothing that was counted is ever thrown away. When a process has more ends than its quota, further ends are
//! counted together in one flow without an end. When the table is full, an eighth of its flows is put together so,
//! those of the largest lineages first ([`etwatch_event::fair`]); when flows without an end are too many, an eighth
//! of them is counted in one flow without a process, chosen in the same way:
//!
//! ```text
//! process, end, protocol ──quota, lineage──▶ process, protocol ──lineage──▶ protocol
//! ```
//!
//! So the sum over all flows is the sum of all that passed, and neither a process that calls everybody nor its ten
//! thousand children take room from others.

use std::net::IpAddr;
use std::sync::Arc;

use etwatch_event::fair::{Candidate, choose};
use etwatch_event::{Origin, Timestamp};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

/// Of how many flows one is put together with others when the table is full.
const SHARE: usize = 8;

use super::contact::{Act, Contact, Protocol};
use super::who::{Who, WhoKey};
use crate::bytes::{of_entry, of_shared_text, of_table};

/// How much a table of flows may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Flows with an end of their own.
    pub flows: usize,
    /// Those of one process.
    pub of_process: usize,
}

impl Limits {
    /// Of an hour.
    pub(crate) const HOUR: Self = Self { flows: 16_384, of_process: 1_024 };
    /// Of a day.
    pub(crate) const DAY: Self = Self { flows: 32_768, of_process: 2_048 };

    /// Bytes of memory that flows within these limits take at most, those without an end, of which there may be as many,
    /// among them; but for the processes. A list that grows may have room for twice as many.
    pub(crate) const fn bytes(&self) -> usize {
        let flow = 2 * size_of::<Flow>() + of_entry(size_of::<(FlowKey, u32)>());
        let of_process = of_entry(size_of::<(Option<WhoKey>, usize)>());
        self.flows * (2 * flow + of_process + NAME_BYTES)
    }
}

/// Bytes of the longest name of an end, which is shared.
const NAME_BYTES: usize = 256 + 2 * size_of::<usize>();

impl Default for Limits {
    /// Those of an hour.
    fn default() -> Self {
        Self::HOUR
    }
}

/// What flows are told apart by; without an end it is what there was no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FlowKey {
    pub(crate) who: Option<WhoKey>,
    pub(crate) end: Option<(IpAddr, u16)>,
    pub(crate) protocol: Protocol,
    pub(crate) initiated: Option<bool>,
}

/// What passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// How many contacts were counted, about.
    fn contacts(&self) -> u64 {
        let packets = self.packets_sent.saturating_add(self.packets_received);
        self.connections.saturating_add(packets)
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
    /// That of the process.
    pub(crate) lineage: [u32; 4],
    /// The name of the end, the one that was told last.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) passed: Passed,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Where what was counted last comes from.
    pub(crate) origin: Origin,
}

/// Where a flow lies, until flows are put together or forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    epoch: u64,
    index: u32,
}

/// Which room a flow takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// That of flows with an end.
    End,
    /// That of flows of a process without one, of which there may be as many.
    Process,
    /// None: that of all processes.
    Rest,
}

impl Room {
    fn of(key: &FlowKey) -> Self {
        match (key.end, key.who) {
            (Some(_), _) => Self::End,
            (None, Some(_)) => Self::Process,
            (None, None) => Self::Rest,
        }
    }
}

/// The flows of an hour or a day, in the order in which they began.
#[derive(Debug)]
pub(crate) struct Period {
    limits: Limits,
    pub(crate) flows: Vec<Flow>,
    places: HashMap<FlowKey, u32>,
    /// Of the names of all ends.
    name_bytes: usize,
    /// Flows with an end, by process.
    of_process: HashMap<Option<WhoKey>, usize>,
    /// Flows with an end, and those without.
    with_end: usize,
    without_end: usize,
    /// How often flows have got other places.
    epoch: u64,
    /// How often something was counted in a flow without an end of its own.
    pub(crate) together: u64,
}

impl Period {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            flows: Vec::new(),
            places: HashMap::new(),
            name_bytes: 0,
            of_process: HashMap::new(),
            with_end: 0,
            without_end: 0,
            epoch: 0,
            together: 0,
        }
    }

    /// With the flows of an earlier run, whose places are found again in the same `epoch`.
    pub(crate) fn restored(limits: Limits, flows: impl Iterator<Item = Flow>, epoch: u64) -> Self {
        let mut period = Self::new(limits);
        let mut were_together = 0;
        flows.for_each(|flow| {
            were_together += u64::from(flow.key.end.is_none());
            period.add(flow);
        });
        period.epoch = period.epoch.max(epoch.min(u64::from(u32::MAX)));
        period.together = period.together.saturating_sub(were_together);
        period
    }
    /// How often flows have got other places.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Forgets the flows; memory is kept for as many as an ordinary hour has.
    pub(crate) fn clear(&mut self) {
        let kept = self.limits.of_process;
        self.flows.clear();
        self.flows.shrink_to(kept);
        self.forget_places();
        self.places.shrink_to(kept);
        self.of_process.shrink_to(kept);
    }
    fn forget_places(&mut self) {
        self.places.clear();
        self.of_process.clear();
        (self.with_end, self.without_end, self.name_bytes) = (0, 0, 0);
        self.epoch += 1;
    }

    /// Adds to the flow of its key what `flow` counted; returns its place.
    pub(crate) fn add(&mut self, flow: Flow) -> Option<Place> {
        let Some(place) = self.place(&flow.key) else { return self.add_new(flow) };
        let Flow { passed, first, last, origin, .. } = flow;
        let kept = self.get_mut(place)?;
        if let Some(who) = flow.who
            && kept.who.as_ref().is_some_and(|known| known.image.is_none())
        {
            kept.who = Some(who);
        }
        kept.first = kept.first.min(first);
        if flow.name.is_some() && flow.key.end.is_some() {
            let before = name_bytes(kept);
            kept.name = flow.name;
            let after = name_bytes(kept);
            self.name_bytes = self.name_bytes + after - before;
        }
        self.add_at(place, &passed, last, origin);
        Some(place)
    }

    /// The same where the place is known. False if there is no such flow.
    pub(crate) fn add_at(
        &mut self,
        place: Place,
        passed: &Passed,
        time: Timestamp,
        origin: Origin,
    ) -> bool {
        let Some(flow) = self.get_mut(place) else { return false };
        flow.passed.add(passed);
        flow.last = flow.last.max(time);
        flow.origin = origin;
        let is_together = flow.key.end.is_none();
        self.together += u64::from(is_together);
        true
    }

    /// The place of the flow with this key.
    pub(crate) fn place(&self, key: &FlowKey) -> Option<Place> {
        self.places.get(key).map(|index| Place { epoch: self.epoch, index: *index })
    }

    /// The flow at a place.
    pub(crate) fn get_mut(&mut self, place: Place) -> Option<&mut Flow> {
        self.flows.get_mut(place.index as usize).filter(|_| place.epoch == self.epoch)
    }

    fn add_new(&mut self, flow: Flow) -> Option<Place> {
        let most = self.limits.flows;
        match Room::of(&flow.key) {
            Room::End => {
                let of_process = self.of_process.get(&flow.key.who).copied().unwrap_or(0);
                if of_process >= self.limits.of_process || most == 0 {
                    return self.add(together(flow));
                }
                if self.with_end >= most {
                    self.make_room(Room::End);
                }
            }
            Room::Process if most == 0 => return self.add(together(flow)),
            Room::Process if self.without_end >= most => self.make_room(Room::Process),
            Room::Process | Room::Rest => {}
        }
        self.together += u64::from(flow.key.end.is_none());
        let index = self.push(flow)?;
        Some(Place { epoch: self.epoch, index })
    }

    fn push(&mut self, flow: Flow) -> Option<u32> {
        let index = u32::try_from(self.flows.len()).ok()?;
        match Room::of(&flow.key) {
            Room::End => {
                *self.of_process.entry(flow.key.who).or_default() += 1;
                self.with_end += 1;
            }
            Room::Process => self.without_end += 1,
            Room::Rest => {}
        }
        self.places.insert(flow.key, index);
        self.name_bytes += name_bytes(&flow);
        self.flows.push(flow);
        Some(index)
    }

    /// Bytes of memory, but for the processes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let (flows, keys) = (self.flows.len(), size_of::<(FlowKey, u32)>());
        self.flows.capacity() * size_of::<Flow>()
            + of_table(flows, keys)
            + of_table(self.of_process.len(), size_of::<(Option<WhoKey>, usize)>())
            + self.name_bytes
    }
    /// Puts an eighth of the flows together, those with an end first; false if all are.
    pub(crate) fn put_together(&mut self) -> bool {
        let room = match (self.with_end, self.without_end) {
            (0, 0) => return false,
            (0, _) => Room::Process,
            _ => Room::End,
        };
        self.make_room(room);
        true
    }

    /// Puts an eighth of the flows of a room together with others of their process, or of all.
    fn make_room(&mut self, room: Room) {
        let all = (0..).zip(&self.flows).filter(|(_, flow)| Room::of(&flow.key) == room);
        let mut candidates: Vec<Candidate> = all
            .map(|(index, flow)| Candidate {
                lineage: flow.lineage,
                progress: usize::try_from(flow.passed.contacts()).unwrap_or(usize::MAX),
                touched: flow.last.filetime(),
                sequence: index,
            })
            .collect();
        let excess = candidates.len().div_ceil(SHARE);
        let gone = choose(&mut candidates, excess);
        let before = std::mem::take(&mut self.flows);
        self.forget_places();
        let mut put_together = Vec::with_capacity(gone.len());
        for (index, flow) in (0..).zip(before) {
            if gone.binary_search(&index).is_ok() {
                put_together.push(together(flow));
            } else {
                self.push(flow);
            }
        }
        for flow in put_together {
            self.add(flow);
        }
    }
}

/// Bytes of the name of a flow's end.
fn name_bytes(flow: &Flow) -> usize {
    flow.name.as_deref().map_or(0, of_shared_text)
}

/// What is left of a flow when it is counted with others of its process, or of all processes.
fn together(flow: Flow) -> Flow {
    match Room::of(&flow.key) {
        Room::End => Flow { key: FlowKey { end: None, ..flow.key }, name: None, ..flow },
        Room::Process | Room::Rest => {
            Flow { key: FlowKey { who: None, ..flow.key }, who: None, lineage: [0; 4], ..flow }
        }
    }
}
