//! What is remembered about each host.

use std::num::NonZeroUsize;

use etwatch_event::{Event, FieldId, Timestamp};
use lru::LruCache;

/// Hosts that are remembered; the one unseen for longest goes first.
const MOST: NonZeroUsize = NonZeroUsize::new(65_536).unwrap();

/// Bytes of a host's name that are compared; a name in the DNS has no more than 255.
const NAME_BYTES: usize = 256;

/// A host's memory.
#[derive(Debug, Default)]
pub(crate) struct Host {
    /// The time of the latest event that left in order; what is older is late.
    pub(crate) released: Timestamp,
}

/// All hosts. The one whose events come now lies apart, since most often the next one is of it too.
#[derive(Debug)]
pub(crate) struct Hosts {
    name: Box<str>,
    current: Host,
    others: LruCache<Box<str>, Host>,
    /// The hosts of inputs whose events do not name one, by number.
    inputs: Vec<Box<str>>,
    /// Hosts that were forgotten for want of room.
    pub(crate) evicted: u64,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            name: Box::default(),
            current: Host::default(),
            others: LruCache::new(MOST),
            inputs: Vec::new(),
            evicted: 0,
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
        if *name != *self.name {
            let (name, host) = match self.others.pop_entry(name) {
                Some(known) => known,
                None => (name.into(), Host::default()),
            };
            let name = std::mem::replace(&mut self.name, name);
            let host = std::mem::replace(&mut self.current, host);
            self.evicted += u64::from(self.others.push(name, host).is_some());
        }
        &mut self.current
    }
}
