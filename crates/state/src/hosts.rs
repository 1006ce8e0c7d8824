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
    /// How many there were so far.
    count: u32,
    /// A host that was forgotten, until somebody has looked after what it leaves behind.
    gone: Option<Box<Host>>,
    /// What was forgotten with the hosts that were.
    forgotten: BTreeMap<Reason, u64>,
    /// Scripts of those hosts of which a part was missing.
    missing: u64,
}

impl Default for Hosts {
    fn default() -> Self {
        Self {
            name: Box::default(),
            current: Host::new("", 0),
            others: LruCache::unbounded(),
            inputs: Vec::new(),
            count: 0,
            gone: None,
            forgotten: BTreeMap::new(),
            missing: 0,
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
                None => {
                    self.count = self.count.wrapping_add(1);
                    (name.into(), Host::new(name, self.count))
                }
            };
            let name = std::mem::replace(&mut self.name, name);
            let host = std::mem::replace(&mut self.current, host);
            self.others.put(name, host);
            if self.others.len() > MOST
                && let Some((_, host)) = self.others.pop_lru()
            {
                host.add_forgotten(&mut self.forgotten);
                self.missing += host.scripts.missing();
                *self.forgotten.entry("hosts").or_default() += 1;
                self.gone = host.derived.is_some().then(|| Box::new(host));
            }
        }
        &mut self.current
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Host> {
        self.others.iter().map(|(_, host)| host).chain([&self.current])
    }
    /// The host that was forgotten since this was last asked, if something is to be made of it yet.
    pub(crate) fn take_gone(&mut self) -> Option<Box<Host>> {
        self.gone.take()
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
    pub(crate) fn restored(all: impl Iterator<Item = (Box<str>, Host)>, count: u32) -> Self {
        let mut hosts = Self { count, ..Self::default() };
        for (name, host) in all {
            hosts.count = hosts.count.max(host.number);
            let name = std::mem::replace(&mut hosts.name, name);
            let host = std::mem::replace(&mut hosts.current, host);
            // The first one takes the place of the one that an empty memory begins with.
            if host.number != 0 || host.released.is_known() {
                hosts.others.put(name, host);
            }
            if hosts.others.len() > MOST {
                hosts.others.pop_lru();
            }
        }
        let current = hosts.name.clone();
        hosts.others.pop(&current);
        hosts
    }

    /// Calls `visit` for each host.
    pub(crate) fn each(&mut self, mut visit: impl FnMut(&mut Host)) {
        visit(&mut self.current);
        self.others.iter_mut().for_each(|(_, host)| visit(host));
    }

    /// The same in the order of the hosts' last events, then of their names.
    pub(crate) fn each_in_order(&mut self, mut visit: impl FnMut(&mut Host)) {
        let current = (&*self.name, &mut self.current);
        let others = self.others.iter_mut().map(|(name, host)| (&**name, host));
        let mut all: Vec<_> = others.chain([current]).collect();
        all.sort_by(|(one, a), (other, b)| (a.released, one).cmp(&(b.released, other)));
        all.into_iter().for_each(|(_, host)| visit(host));
    }

    /// Bytes by table, of all hosts.
    pub(crate) fn memory(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        self.iter().for_each(|host| host.add_memory(&mut all));
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
