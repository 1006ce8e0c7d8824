//! All hosts, and which one an event is of.

use std::collections::BTreeMap;

use etwatch_event::value::same_text;
use etwatch_event::{Event, FieldId, Reason};
use lru::LruCache;

use crate::host::Host;
use crate::limits::Limits;

/// Hosts that are remembered; the one unseen for longest goes first.
pub(crate) const MOST: usize = 4_096;
/// Events after which it is looked at again whether all hosts together are within their limit.
const LOOKS: u32 = 64;
/// Bytes of a host's name that are compared; a name in the DNS has no more than 255.
const NAME_BYTES: usize = 256;

/// All hosts. The one whose events come now lies apart, since most often the next one is of it too.
#[derive(Debug)]
pub(crate) struct Hosts {
    name: Box<str>,
    current: Host,
    /// Whether the current one is that with which an empty memory begins, of which no event was.
    is_blank: bool,
    others: LruCache<Box<str>, Host>,
    limits: Limits,
    /// Bytes of memory of `others`.
    bytes: usize,
    /// Events since it was looked at whether there is room.
    events: u32,
    /// The hosts of inputs whose events do not name one, by number.
    inputs: Vec<Box<str>>,
    /// How many there were so far.
    count: u32,
    /// Hosts that were forgotten, until somebody has looked after what they leave behind.
    gone: Vec<Host>,
    /// What was forgotten with the hosts that were.
    forgotten: BTreeMap<Reason, u64>,
    /// Scripts of those hosts of which a part was missing.
    missing: u64,
}

impl Hosts {
    /// None is known yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            name: Box::default(),
            current: Host::new("", 0, &limits.of_host),
            is_blank: true,
            others: LruCache::unbounded(),
            limits,
            bytes: 0,
            events: 0,
            inputs: Vec::new(),
            count: 0,
            gone: Vec::new(),
            forgotten: BTreeMap::new(),
            missing: 0,
        }
    }
    /// How much each of them may remember.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
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
                Some((name, host)) => {
                    self.bytes -= host.bytes();
                    (name, host)
                }
                None => {
                    self.count = self.count.wrapping_add(1);
                    (name.into(), Host::new(name, self.count, &self.limits.of_host))
                }
            };
            let name = std::mem::replace(&mut self.name, name);
            let host = std::mem::replace(&mut self.current, host);
            if !self.is_blank {
                self.put(name, host);
            }
        }
        self.is_blank = false;
        &mut self.current
    }
    fn put(&mut self, name: Box<str>, host: Host) {
        self.bytes += host.bytes();
        if let Some((_, before)) = self.others.push(name, host) {
            self.bytes -= before.bytes();
        }
    }
    /// An event is to come: now and then it is looked at whether there is room.
    #[inline]
    pub(crate) fn look(&mut self) {
        self.events += 1;
        if self.events >= LOOKS || self.others.len() > MOST {
            self.make_room();
        }
    }
    /// Forgets those unseen for longest while there are too many, or all together take too much.
    pub(crate) fn make_room(&mut self) {
        self.events = 0;
        if self.others.is_empty() {
            return;
        }
        let most = self.limits.hosts;
        let own = self.current.bytes();
        while (self.others.len() > MOST || self.bytes + own > most)
            && let Some((_, host)) = self.others.pop_lru()
        {
            self.bytes -= host.bytes();
            host.add_forgotten(&mut self.forgotten);
            self.missing += host.scripts.missing();
            *self.forgotten.entry("hosts").or_default() += 1;
            if host.derived.is_some() {
                self.gone.push(host);
            }
        }
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Host> {
        self.others.iter().map(|(_, host)| host).chain([&self.current])
    }
    /// A host that was forgotten, of which something is to be made yet.
    pub(crate) fn take_gone(&mut self) -> Option<Host> {
        self.gone.pop()
    }

    /// All hosts with their names, the one unseen for longest first. The one that an empty memory begins with is none.
    pub(crate) fn by_use(&self) -> impl Iterator<Item = (&str, &Host)> {
        let others = self.others.iter().rev().map(|(name, host)| (&**name, host));
        let all = others.chain([(&*self.name, &self.current)]);
        all.filter(|(_, host)| host.number != 0 || host.released.is_known())
    }
    /// How many there were so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
    /// Goes on with the hosts of an earlier run, the one unseen for longest first.
    pub(crate) fn restored(
        limits: Limits,
        all: impl Iterator<Item = (Box<str>, Host)>,
        count: u32,
    ) -> Self {
        let mut hosts = Self { count, ..Self::new(limits) };
        for (name, host) in all {
            hosts.count = hosts.count.max(host.number);
            let name = std::mem::replace(&mut hosts.name, name);
            let host = std::mem::replace(&mut hosts.current, host);
            // The first one takes the place of the one that an empty memory begins with.
            if !hosts.is_blank {
                hosts.put(name, host);
            }
            hosts.is_blank = false;
            hosts.make_room();
        }
        let current = hosts.name.clone();
        if let Some(twice) = hosts.others.pop(&current) {
            hosts.bytes -= twice.bytes();
        }
        hosts
    }

    /// Calls `visit` for each host.
    pub(crate) fn each(&mut self, mut visit: impl FnMut(&mut Host)) {
        visit(&mut self.current);
        self.others.iter_mut().for_each(|(_, host)| visit(host));
        self.count_bytes();
    }
    fn count_bytes(&mut self) {
        self.bytes = self.others.iter().map(|(_, host)| host.bytes()).sum();
    }

    /// The same in the order of the hosts' last events, then of their names.
    pub(crate) fn each_in_order(&mut self, mut visit: impl FnMut(&mut Host)) {
        let current = (&*self.name, &mut self.current);
        let others = self.others.iter_mut().map(|(name, host)| (&**name, host));
        let mut all: Vec<_> = others.chain([current]).collect();
        all.sort_by(|(one, a), (other, b)| (a.released, one).cmp(&(b.released, other)));
        all.into_iter().for_each(|(_, host)| visit(host));
        self.count_bytes();
    }

    /// Bytes by table, of all hosts.
    pub(crate) fn memory(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for (table, bytes) in self.iter().flat_map(Host::memory) {
            *all.entry(table.name()).or_default() += bytes as u64;
        }
        all
    }
    /// What had to be forgotten of all hosts.
    pub(crate) fn forgotten(&self) -> BTreeMap<Reason, u64> {
        let mut all = self.forgotten.clone();
        self.iter().for_each(|host| host.add_forgotten(&mut all));
        all
    }
    /// Scripts of which a part is missing.
    pub(crate) fn missing_scripts(&self) -> u64 {
        self.missing + self.iter().map(|host| host.scripts.missing()).sum::<u64>()
    }
}
