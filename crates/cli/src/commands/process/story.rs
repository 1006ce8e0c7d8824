//! What a process did, gathered: in each section its acts, told apart by action and object, with how often,
//! when first and when last.
//!
//! Acts are told apart up to [`ACTS`] in a section and as long as the budget lasts; further ones are counted
//! together. Of details that change from time to time (the data of a registry value, the answers of a name)
//! the first [`DETAILS`] different ones are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use etwatch_event::Timestamp;

use crate::processes::ProcessIndex;

/// Acts of a section that are told apart.
pub(crate) const ACTS: usize = 10_000;
/// Different details of an act, and names of an address, that are kept.
const DETAILS: usize = 8;
/// Bytes of an object or a detail; what is cut ends with `…`.
const TEXT_BYTES: usize = 4_096;
/// Bytes of all acts of all stories.
pub(crate) const BUDGET: usize = 256 << 20;
/// What an act takes besides its texts.
const ACT_BYTES: usize = 256;

/// What acts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Children,
    Dns,
    Connections,
    Threads,
    Accesses,
    Modules,
    Files,
    Registry,
    Pipes,
    Wmi,
    PowerShell,
    Tampering,
    Other,
}

impl Section {
    /// All of them in the order in which they are told, with their names for programs and for people.
    pub(crate) const ALL: &[(Self, &'static str, &'static str)] = &[
        (Self::Children, "children", "Processes started"),
        (Self::Dns, "dns", "DNS names"),
        (Self::Connections, "connections", "Connections"),
        (Self::Threads, "threads", "Threads in other processes"),
        (Self::Accesses, "accesses", "Processes opened"),
        (Self::Modules, "modules", "Modules"),
        (Self::Files, "files", "Files"),
        (Self::Registry, "registry", "Registry"),
        (Self::Pipes, "pipes", "Named pipes"),
        (Self::Wmi, "wmi", "WMI"),
        (Self::PowerShell, "powershell", "PowerShell"),
        (Self::Tampering, "tampering", "Tampering with its image"),
        (Self::Other, "other", "Other events"),
    ];
}

/// How often, when first, when last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Tally {
    fn add(&mut self, time: Timestamp) {
        if self.count == 0 {
            (self.first, self.last) = (time, time);
        }
        self.count += 1;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }
}

/// The remote end of connections.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    /// `tcp`, `udp`.
    pub(crate) protocol: Box<str>,
    /// Its address.
    pub(crate) address: IpAddr,
    /// Its port.
    pub(crate) port: u16,
}

impl std::fmt::Display for Remote {
    /// `tcp 192.0.2.7:443`, `udp [2001:db8::1]:53`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{} {address}:{}", self.protocol, self.port),
            IpAddr::V6(address) => write!(f, "{} [{address}]:{}", self.protocol, self.port),
        }
    }
}

/// What passed between a process and a remote end.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) remote: Remote,
    /// Names that events give the address.
    pub(crate) names: BTreeSet<Box<str>>,
    /// Connections made, and accepted.
    pub(crate) made: u64,
    pub(crate) accepted: u64,
    /// The ports of this side on which they were accepted.
    pub(crate) local_ports: BTreeSet<u16>,
    /// Bytes, if any event told of bytes.
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// What an event adds to a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passed<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) made: bool,
    /// The port of this side, if the connection was accepted.
    pub(crate) accepted: Option<u16>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// One act.
#[derive(Clone, Debug, Default)]
pub(crate) struct Act {
    pub(crate) tally: Tally,
    /// Different details in the order in which they came.
    pub(crate) details: Vec<Box<str>>,
    /// Events whose detail there was no room for.
    pub(crate) details_left_out: u64,
    /// Of a connection.
    pub(crate) flow: Option<Box<Flow>>,
}

/// Acts of one section, by action, then object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Acts {
    pub(crate) actions: BTreeMap<&'static str, BTreeMap<Box<str>, Act>>,
    distinct: usize,
    /// All of them.
    pub(crate) all: Tally,
    /// Events of those that are not told apart.
    pub(crate) beyond: u64,
}

/// An act in its section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'s> {
    pub(crate) action: &'static str,
    pub(crate) object: &'s str,
    pub(crate) act: &'s Act,
}

impl Acts {
    /// The acts in the order in which they began.
    pub(crate) fn rows(&self) -> Vec<Row<'_>> {
        let mut rows = Vec::with_capacity(self.distinct);
        for (action, objects) in &self.actions {
            rows.extend(objects.iter().map(|(object, act)| Row { action, object, act }));
        }
        rows.sort_by_key(|row| (row.act.tally.first, row.action, row.object));
        rows
    }

    /// Whether an act is told apart from others, or can be from now on.
    fn has_room_for(&mut self, action: &'static str, object: &str, room: &mut usize) -> bool {
        let objects = self.actions.entry(action).or_default();
        if objects.contains_key(object) {
            return true;
        }
        let bytes = ACT_BYTES + object.len();
        if self.distinct >= ACTS || *room < bytes {
            return false;
        }
        *room -= bytes;
        self.distinct += 1;
        objects.insert(object.into(), Act::default());
        true
    }
    fn act(&mut self, action: &str, object: &str) -> Option<&mut Act> {
        self.actions.get_mut(action)?.get_mut(object)
    }
}

/// What a process did, and with it its descendants if that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    /// Whose story it is.
    pub(crate) process: ProcessIndex,
    /// Descendants whose acts are among its own.
    pub(crate) descendants: u64,
    /// Events that are told of.
    pub(crate) events: u64,
    /// Events that came before it was known that this process is meant.
    pub(crate) before_known: u64,
    pub(crate) sections: BTreeMap<Section, Acts>,
}

/// An act that an event tells of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) section: Section,
    pub(crate) action: &'static str,
    pub(crate) object: &'a str,
    pub(crate) detail: Option<&'a str>,
    pub(crate) time: Timestamp,
}

impl Story {
    /// Nothing yet.
    pub(crate) fn new(process: ProcessIndex) -> Self {
        let sections = BTreeMap::new();
        Self { process, descendants: 0, events: 0, before_known: 0, sections }
    }

    /// Adds an act.
    pub(crate) fn add(&mut self, told: Told<'_>, room: &mut usize) {
        self.add_act(told, room);
    }

    fn add_act(&mut self, told: Told<'_>, room: &mut usize) -> Option<&mut Act> {
        let acts = self.sections.entry(told.section).or_default();
        acts.all.add(told.time);
        let object = cut(told.object);
        if !acts.has_room_for(told.action, &object, room) {
            acts.beyond += 1;
            return None;
        }
        let act = acts.act(told.action, &object)?;
        act.tally.add(told.time);
        if let Some(detail) = told.detail {
            let detail = cut(detail);
            if !act.details.iter().any(|known| **known == *detail) {
                if act.details.len() < DETAILS && *room >= detail.len() {
                    *room -= detail.len();
                    act.details.push(detail.into());
                } else {
                    act.details_left_out += 1;
                }
            }
        }
        Some(act)
    }

    /// Adds what passed between the process and a remote end.
    pub(crate) fn add_flow(
        &mut self,
        remote: &Remote,
        passed: Passed<'_>,
        time: Timestamp,
        room: &mut usize,
    ) {
        let object = remote.to_string();
        let told = Told {
            section: Section::Connections,
            action: "connection",
            object: &object,
            detail: None,
            time,
        };
        let Some(act) = self.add_act(told, room) else { return };
        let flow = act.flow.get_or_insert_with(|| Box::new(Flow::new(remote.clone())));
        flow.made += u64::from(passed.made);
        flow.accepted += u64::from(passed.accepted.is_some());
        flow.local_ports.extend(passed.accepted.filter(|_| flow.local_ports.len() < DETAILS));
        flow.sent = flow.sent.saturating_add(passed.sent);
        flow.received = flow.received.saturating_add(passed.received);
        if let Some(name) = passed.name
            && flow.names.len() < DETAILS
            && !flow.names.contains(name)
        {
            flow.names.insert(cut(name).into());
        }
    }
}

impl Flow {
    fn new(remote: Remote) -> Self {
        let (names, local_ports) = (BTreeSet::new(), BTreeSet::new());
        Self { remote, names, made: 0, accepted: 0, local_ports, sent: 0, received: 0 }
    }
}

/// As much of a text as is kept.
fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    if text.len() <= TEXT_BYTES {
        return text.into();
    }
    let kept = text.get(..text.floor_char_boundary(TEXT_BYTES)).unwrap_or_default();
    format!("{kept}…").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story() -> Story {
        Story::new(ProcessIndex::default())
    }

    fn told(object: &str, detail: Option<&'static str>, time: u64) -> Told<'static> {
        let object = Box::leak(object.to_owned().into_boxed_str());
        let time = Timestamp::from_filetime(time);
        Told { section: Section::Registry, action: "set", object, detail, time }
    }

    #[test]
    fn acts_are_told_apart_and_in_the_order_of_their_beginning() {
        let (mut story, mut room) = (story(), BUDGET);
        story.add(told("b", Some("1"), 7), &mut room);
        story.add(told("a", None, 8), &mut room);
        story.add(told("b", Some("2"), 9), &mut room);
        story.add(told("b", Some("1"), 5), &mut room);
        let acts = &story.sections[&Section::Registry];
        let rows: Vec<_> =
            acts.rows().iter().map(|row| (row.object, row.act.tally.count)).collect();
        assert_eq!(rows, [("b", 3), ("a", 1)]);
        assert_eq!(*acts.rows()[0].act.details, ["1".into(), "2".into()]);
        assert_eq!(
            (acts.all.count, acts.all.first.filetime(), acts.all.last.filetime()),
            (4, 5, 9)
        );
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let (mut story, mut room) = (story(), BUDGET);
        for number in 0..ACTS + 3 {
            story.add(told(&number.to_string(), None, 1), &mut room);
        }
        story.add(told("0", None, 1), &mut room);
        let acts = &story.sections[&Section::Registry];
        assert_eq!((acts.rows().len(), acts.beyond, acts.all.count), (ACTS, 3, ACTS as u64 + 4));
        let mut room = 2 * ACT_BYTES + "ab".len() + "detail".len();
        let mut story = self::story();
        for object in ["a", "b", "c", "a"] {
            story.add(told(object, Some("detail"), 1), &mut room);
        }
        let acts = &story.sections[&Section::Registry];
        assert_eq!((acts.rows().len(), acts.beyond, room), (2, 1, 0));
        let left_out: Vec<_> = acts.rows().iter().map(|row| row.act.details_left_out).collect();
        assert_eq!(left_out, [0, 1]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let (mut story, mut room) = (story(), BUDGET);
        story.add(told(&"ä".repeat(TEXT_BYTES), None, 1), &mut room);
        let acts = &story.sections[&Section::Registry];
        assert!(
            acts.rows()[0].object.len() <= TEXT_BYTES + 3 && acts.rows()[0].object.ends_with("ä…")
        );
    }
}
