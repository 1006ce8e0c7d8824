//! All hosts, and which one an event is of.

use std::collections::BTreeMap;

use etwatch_event::value::same_text;
use etwatch_event::{Event, FieldId, Reason};
use lru::LruCache;

use crate::host::Host;

/// Hosts that are remembered; the one unseen for longest goes first.
const MOST: usize = 4_096;
/// Bytes of a host's name that are compared; a name in the DNS has no more than 255.
const NAME_BYTES: usize = 256;

/// All hosts. The one whose events come now lies apart, since most often the next one is of it too.
#[derive(Debug)]
pub(crate) struct Hosts {
    name: Box<str>,
    current: Host,
    others: LruCache<Box<str>, Host>,
    /// The hosts of inputs whose events do not name one, by number.
    inputs: Vec<Box<str>>,
    /// What was forgotten with the hosts that were.
    forgotten: BTreeMap<Reason, u64>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            name: Box::default(),
            current: Host::new(""),
            others: LruCache::unbounded(),
            inputs: Vec::new(),
            forgotten: BTreeMap::new(),
        }
    }
}

impl Hosts {
    /// Says which host the events of an input are of that do not name one.
    pub(crate) fn name_input(&mut self, input: u32, host: &str) {
        let index = input as usize;
        if self.inputs.len() <= index {
            self.inputs.resize(index + 1, Box::default());
        }
        if let Some(place) = self.inputs.get_mut(index) {
            *place = host.into();
        }
    }

    /// The memory of the host that an event belongs to.
    pub(crate) fn of(&mut self, event: &Event<'_>) -> &mut Host {
        let of_input = || self.inputs.get(event.origin().input as usize).map_or("", |name| &**name);
        let name = event.text(FieldId::COMPUTER).unwrap_or_else(of_input);
        // A recording may claim names of any length, and each is kept.
        let name = name.get(..name.floor_char_boundary(NAME_BYTES)).unwrap_or(name);
        if !same_text(name, &self.name) {
            let (name, host) = match self.others.pop_entry(name) {
                Some(known) => known,
                None => (name.into(), Host::new(name)),
            };
            let name = std::mem::replace(&mut self.name, name);
            let host = std::mem::replace(&mut self.current, host);
            self.others.put(name, host);
            if self.others.len() > MOST
                && let Some((_, host)) = self.others.pop_lru()
            {
                host.add_forgotten(&mut self.forgotten);
                *self.forgotten.entry("hosts").or_default() += 1;
            }
        }
        &mut self.current
    }

    /// What had to be forgotten of all hosts.
    pub(crate) fn forgotten(&self) -> BTreeMap<Reason, u64> {
        let mut all = self.forgotten.clone();
        for host in self.others.iter().map(|(_, host)| host).chain([&self.current]) {
            host.add_forgotten(&mut all);
        }
        all
    }
}
