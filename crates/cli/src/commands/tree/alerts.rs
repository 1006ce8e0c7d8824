//! The alerts of processes.
//!
//! Alerts come as JSON, like to every sink, after the batch of events that they are about; who is told how the
//! run goes then finds their processes, by GUID or else by host, pid and time. Alerts of one rule and process
//! are one, with their number. Up to [`MOST`] are told apart.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use etwatch_alert::{Sink, SinkError};
use etwatch_event::{Guid, Timestamp};
use etwatch_rules::Level;
use serde::Deserialize;

use crate::processes::fields::Named;
use crate::processes::{ProcessIndex, Processes};

/// Alerts of a rule and a process that are told apart.
const MOST: usize = 100_000;

/// What is looked at of an alert; `docs/alert.schema.json` has all of it.
#[derive(Debug, Deserialize)]
struct Found {
    time: Option<String>,
    rule: Rule,
    host: Option<String>,
    process: Option<Process>,
    event: Event,
}

#[derive(Debug, Deserialize)]
struct Rule {
    id: Option<String>,
    title: String,
    level: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Process {
    key: Option<String>,
    pid: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Event {
    source: Source,
}

#[derive(Debug, Deserialize)]
struct Source {
    file: String,
}

/// Alerts that wait to be placed.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Arc<Mutex<Vec<Found>>>);

/// The sink that takes them.
pub(super) struct Taker {
    waiting: Waiting,
    accepted: u64,
}

impl Waiting {
    /// The sink that fills it.
    pub(super) fn taker(&self) -> Taker {
        Taker { waiting: self.clone(), accepted: 0 }
    }
    fn take(&self) -> Vec<Found> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sink for Taker {
    fn name(&self) -> &'static str {
        "tree"
    }
    fn accept(&mut self, alert: &str) -> Result<(), SinkError> {
        let found = serde_json::from_str(alert).map_err(|error| SinkError::Setup {
            sink: self.name().to_owned(),
            what: format!("an alert is not as described: {error}"),
        })?;
        self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner).push(found);
        self.accepted += 1;
        Ok(())
    }
    fn acknowledged(&self) -> u64 {
        self.accepted
    }
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The alerts of one rule about one process.
#[derive(Clone, Debug)]
pub(super) struct RuleAlerts {
    pub(super) id: Option<String>,
    pub(super) title: String,
    pub(super) level: Option<String>,
    pub(super) count: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// All alerts.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    of_processes: BTreeMap<ProcessIndex, Vec<RuleAlerts>>,
    /// Of no process, by host; `None` if the host is not known either.
    of_hosts: BTreeMap<Option<u32>, Vec<RuleAlerts>>,
    distinct: usize,
    /// Alerts that are not told apart.
    pub(super) beyond: u64,
}

impl Alerts {
    /// Places those that wait; `files` are the numbers of inputs by name.
    pub(super) fn place(
        &mut self,
        waiting: &Waiting,
        processes: &Processes,
        files: &BTreeMap<String, u32>,
    ) {
        for found in waiting.take() {
            let input = files.get(&found.event.source.file).copied();
            let host = processes.hosts.find(found.host.as_deref(), input);
            let time = found.time.as_deref().and_then(Timestamp::parse).unwrap_or_default();
            let named = found.process.as_ref().map(named).unwrap_or_default();
            let index = host.and_then(|host| processes.named(host, named, time));
            let list = match index {
                Some(index) => self.of_processes.entry(index).or_default(),
                None => self.of_hosts.entry(host).or_default(),
            };
            let Rule { id, title, level } = found.rule;
            if let Some(same) = list.iter_mut().find(|one| one.title == title && one.id == id) {
                same.count += 1;
                same.last = same.last.max(time);
            } else if self.distinct < MOST {
                self.distinct += 1;
                list.push(RuleAlerts { id, title, level, count: 1, first: time, last: time });
            } else {
                self.beyond += 1;
            }
        }
    }

    /// The run is over: the gravest come first.
    pub(super) fn finish(&mut self) {
        for list in self.of_processes.values_mut().chain(self.of_hosts.values_mut()) {
            let level = |alerts: &RuleAlerts| alerts.level.as_deref().and_then(Level::parse);
            list.sort_by_key(|alerts| (Reverse(level(alerts)), alerts.first));
        }
    }

    /// Those of a process.
    pub(super) fn of(&self, index: ProcessIndex) -> &[RuleAlerts] {
        self.of_processes.get(&index).map_or(&[], Vec::as_slice)
    }
    /// Those of a host and none of its processes.
    pub(super) fn of_host(&self, host: Option<u32>) -> &[RuleAlerts] {
        self.of_hosts.get(&host).map_or(&[], Vec::as_slice)
    }
    /// The processes that have alerts.
    pub(super) fn processes(&self) -> impl Iterator<Item = ProcessIndex> {
        self.of_processes.keys().copied()
    }
}

/// How an alert names its process: `host:{guid}`, `host:pid`.
fn named(process: &Process) -> Named {
    let identity = process.key.as_deref().and_then(|key| key.rsplit(':').next());
    Named { guid: identity.and_then(Guid::parse), pid: process.pid }
}
