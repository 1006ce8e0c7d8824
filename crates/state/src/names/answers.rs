//! Host names by address, from the answers of DNS.
//!
//! Each address of an answer is remembered under the name that was asked for, not under an alias that the answer
//! went through, once for the process that asked and once for all. A connection is given the name its own
//! process was last answered with, else the one that any process was: a guess, since one address serves many
//! names. An event does not say how long its answer is true. A process looks a name up again before it connects
//! again, and that look-up is an event even if Windows answers it from its cache; so an answer is believed for
//! ten minutes unless the limits say otherwise, and then rather no name than an old one.
//!
//! ```text
//! 10:00 process 7 asks example.org   type:  5 cdn.example.net;::ffff:192.0.2.7;
//! 10:01 process 7 → 192.0.2.7        example.org
//! 10:01 process 8 → 192.0.2.7        example.org, as process 8 has asked nothing
//! 10:11 process 7 → 192.0.2.7        nothing
//! ```
//!
//! A connection that came from outside is not named: its destination is this host.

use std::net::IpAddr;
use std::time::Duration;

use etwatch_event::{Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::fields::{Said, address_of};
use super::found::Found;
use super::remembered::{Name, Remembered, TableLimits};
use super::{KindCounts, Tally};

/// Addresses that are taken from one answer; a packet of DNS holds fewer, a recording may claim any number.
const ADDRESSES: usize = 64;

/// An address, as a process was answered or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Answer {
    pid: Option<u32>,
    address: IpAddr,
}

/// The names.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) names: Remembered<Answer>,
    life: Duration,
    tally: Tally,
}

impl Answers {
    /// Answers that are believed for `life`.
    pub(super) fn new(limits: TableLimits, life: Duration) -> Self {
        let names = Remembered::new(limits, Duration::ZERO);
        Self { names, life, tally: Tally::default() }
    }
    pub(super) fn counts(&self) -> KindCounts {
        self.tally.counts(&[&self.names])
    }
    pub(super) fn heap_bytes(&self) -> usize {
        self.names.heap_bytes()
    }

    /// A name was looked up.
    pub(super) fn answered(&mut self, said: &Said<'_>, pid: Option<u32>) {
        let Some(host) = said.text(said.fields.query_name) else { return };
        if !said.is_success(said.fields.query_status) {
            return;
        }
        let mut room = ADDRESSES;
        for value in said.event.get(said.fields.query_results).iter() {
            let Value::Text(results) = value else { continue };
            for address in results.split(';').filter_map(|part| address_of(part.trim())) {
                if room == 0 {
                    self.names.refused += 1;
                    continue;
                }
                room -= 1;
                let any = Answer { pid: None, address };
                self.names.learn(any, host, said.time());
                if pid.is_some() {
                    self.names.learn(Answer { pid, address }, host, said.time());
                }
            }
        }
    }
    /// A connection was made or accepted.
    pub(super) fn connected(&mut self, said: &Said<'_>, pid: Option<u32>, found: &mut Found) {
        let fields = said.fields;
        if said.text(fields.destination_hostname).is_some() || is_from_outside(said) {
            return;
        }
        let Some(address) = said.address(fields.destination_ip) else { return };
        let own = pid.and_then(|_| self.name(&Answer { pid, address }, said.time()));
        let name = own.or_else(|| self.name(&Answer { pid: None, address }, said.time()));
        if let Some(name) = name {
            found.set_destination_hostname(self.names.text(name));
        }
        self.tally.count(name.is_some());
    }

    fn name(&mut self, answer: &Answer, now: Timestamp) -> Option<Name> {
        let name = self.names.get(answer, now)?;
        if now.since(name.told) > self.life {
            self.names.forget(answer);
            return None;
        }
        Some(name)
    }
}

fn is_from_outside(said: &Said<'_>) -> bool {
    match said.event.get(said.fields.initiated).only() {
        Some(Value::Text(text)) => text.eq_ignore_ascii_case("false"),
        Some(Value::Boolean(initiated)) => !initiated,
        _ => false,
    }
}
