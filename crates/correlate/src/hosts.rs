//! The clock of each host: the time of its last event, what waits for it to pass, and what was lost.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use etwatch_event::{Event, FieldId};
use serde::{Deserialize, Serialize};

use crate::loss::{Loss, Losses};

/// A window that is decided when its host's time has passed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Deadline {
    /// The last time that belongs to it.
    pub(crate) at: u64,
    pub(crate) correlation: usize,
    /// Number and key of the group.
    pub(crate) sequence: u64,
    pub(crate) folded: Box<str>,
}

/// One host.
#[derive(Clone, Debug, Default)]
struct Clock {
    /// As its first event named it; empty if it did not.
    name: Box<str>,
    now: u64,
    deadlines: BinaryHeap<Reverse<Deadline>>,
    losses: Losses,
}

/// A clock as it is saved; its deadlines are those of the groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedClock {
    name: Box<str>,
    /// The numbers by which events call it; they are saved with the memory that gives them.
    numbers: Vec<u32>,
    now: u64,
    losses: Losses,
}

/// All hosts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    clocks: Vec<Clock>,
    /// Which clock the host has that events call by a number.
    of_number: HashMap<u32, u32>,
    of_name: HashMap<Box<str>, u32>,
    waiting: usize,
    /// Losses of which it is not known whose they are, for hosts that are not known yet.
    of_any: Losses,
}

impl Hosts {
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.clocks.len()).unwrap_or(u32::MAX)
    }
    /// The host that events call by this number, if one has contributed.
    pub(crate) fn known(&self, number: u32) -> Option<u32> {
        self.of_number.get(&number).copied()
    }
    /// The host of an event, if one is known by its number, or by its name from before this run.
    pub(crate) fn recognise(&mut self, event: &Event<'_>) -> Option<u32> {
        let number = event.attribution().host;
        if let Some(host) = self.known(number) {
            return Some(host);
        }
        let is_any_left = self.clocks.len() > self.of_number.len();
        let name = event.text(FieldId::COMPUTER).filter(|_| is_any_left)?;
        let host = self.of_name.get(name).copied()?;
        self.of_number.insert(number, host);
        Some(host)
    }
    /// The host of an event.
    pub(crate) fn of(&mut self, event: &Event<'_>) -> u32 {
        let number = event.attribution().host;
        let known = self.known(number);
        if let Some(host) = known
            && !self.name(host).is_empty()
        {
            return host;
        }
        let name = event.text(FieldId::COMPUTER).unwrap_or_default();
        match (known, self.of_name.get(name).copied()) {
            (Some(host), _) if name.is_empty() => host,
            (None, None) => self.add_numbered(number, name),
            (None, Some(_)) if name.is_empty() => self.add_numbered(number, name),
            // One from before this run, or one that something was lost of before it said its name.
            (_, Some(host)) => {
                self.of_number.insert(number, host);
                host
            }
            (Some(host), None) => {
                self.of_name.insert(name.into(), host);
                if let Some(clock) = self.clocks.get_mut(host as usize) {
                    clock.name = name.into();
                }
                host
            }
        }
    }
    fn add_numbered(&mut self, number: u32, name: &str) -> u32 {
        let losses = self.of_any.clone();
        let host = self.add(Clock { name: name.into(), losses, ..Clock::default() });
        self.of_number.insert(number, host);
        host
    }
    fn add(&mut self, clock: Clock) -> u32 {
        let host = self.len();
        if !clock.name.is_empty() {
            self.of_name.insert(clock.name.clone(), host);
        }
        self.clocks.push(clock);
        host
    }

    fn clock(&self, host: u32) -> Option<&Clock> {
        self.clocks.get(host as usize)
    }
    pub(crate) fn name(&self, host: u32) -> &str {
        self.clock(host).map_or("", |clock| &clock.name)
    }
    pub(crate) fn now(&self, host: u32) -> u64 {
        self.clock(host).map_or(0, |clock| clock.now)
    }
    /// The host's time is this, if it was not later already.
    pub(crate) fn pass(&mut self, host: u32, time: u64) {
        if let Some(clock) = self.clocks.get_mut(host as usize)
            && time != u64::MAX
        {
            clock.now = clock.now.max(time);
        }
    }

    pub(crate) fn has_deadlines(&self) -> bool {
        self.waiting > 0
    }
    pub(crate) fn wait(&mut self, host: u32, deadline: Deadline) {
        if let Some(clock) = self.clocks.get_mut(host as usize) {
            clock.deadlines.push(Reverse(deadline));
            self.waiting += 1;
        }
    }
    /// The first window of a host that is over at a time.
    pub(crate) fn next(&mut self, host: u32, time: u64) -> Option<Deadline> {
        let clock = self.clocks.get_mut(host as usize)?;
        let Reverse(first) = clock.deadlines.peek()?;
        if first.at >= time && time != u64::MAX {
            return None;
        }
        self.waiting = self.waiting.saturating_sub(1);
        clock.deadlines.pop().map(|Reverse(first)| first)
    }
    /// Correlations have other numbers, or none any more.
    pub(crate) fn renumber(&mut self, moved: &[Option<usize>]) {
        self.waiting = 0;
        for clock in &mut self.clocks {
            let all = std::mem::take(&mut clock.deadlines).into_iter();
            clock.deadlines = all
                .filter_map(|Reverse(deadline)| {
                    let correlation = moved.get(deadline.correlation).copied().flatten()?;
                    Some(Reverse(Deadline { correlation, ..deadline }))
                })
                .collect();
            self.waiting += clock.deadlines.len();
        }
    }

    /// Something was lost some time between two times.
    pub(crate) fn lose(&mut self, number: Option<u32>, (first, last): (u64, u64), loss: Loss) {
        let Some(number) = number else {
            self.of_any.add(first, last, loss);
            for clock in &mut self.clocks {
                clock.losses.add(first, last, loss);
            }
            return;
        };
        let host = self.known(number).unwrap_or_else(|| self.add_numbered(number, ""));
        if let Some(clock) = self.clocks.get_mut(host as usize) {
            clock.losses.add(first, last, loss);
        }
    }
    pub(crate) fn lost(&self, host: u32, from: u64, to: u64) -> Loss {
        self.clock(host).map(|clock| clock.losses.between(from, to)).unwrap_or_default()
    }

    pub(crate) fn saved(&self) -> Vec<SavedClock> {
        let mut all: Vec<SavedClock> = self
            .clocks
            .iter()
            .map(|clock| SavedClock {
                name: clock.name.clone(),
                numbers: Vec::new(),
                now: clock.now,
                losses: clock.losses.clone(),
            })
            .collect();
        let mut numbers: Vec<(u32, u32)> =
            self.of_number.iter().map(|(number, host)| (*number, *host)).collect();
        numbers.sort_unstable();
        for (number, host) in numbers {
            if let Some(clock) = all.get_mut(host as usize) {
                clock.numbers.push(number);
            }
        }
        all
    }
    pub(crate) fn restored(saved: Vec<SavedClock>) -> Self {
        let mut hosts = Self::default();
        for SavedClock { name, numbers, now, losses } in saved {
            let host = hosts.add(Clock { name, now, losses, ..Clock::default() });
            hosts.of_number.extend(numbers.into_iter().map(|number| (number, host)));
        }
        hosts
    }
}
