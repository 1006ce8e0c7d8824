//! Under which names a process looked up addresses.
//!
//! The answers of a lookup are texts such as `type:  5 www.example.net;::ffff:203.0.113.80;`: each part
//! between semicolons that is an address is an answer to the name. An address may have got several names,
//! and what a connection was made for is a guess, so that it is told apart from names that events give.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::story::{Acts, Section, Story};

/// Names by address.
#[derive(Debug, Default)]
pub(super) struct LookedUp<'s> {
    names: BTreeMap<IpAddr, BTreeSet<&'s str>>,
}

impl<'s> LookedUp<'s> {
    /// Those that a story tells of.
    pub(super) fn of(story: &'s Story) -> Self {
        let mut found = Self::default();
        let rows = story.sections.get(&Section::Dns).map(Acts::rows).unwrap_or_default();
        for row in rows {
            for answer in row.act.details.iter().flat_map(|detail| detail.split(';')) {
                if let Ok(address) = answer.trim().parse::<IpAddr>() {
                    found.names.entry(address.to_canonical()).or_default().insert(row.object);
                }
            }
        }
        found
    }
    /// The names of an address, sorted.
    pub(super) fn names(&self, address: IpAddr) -> Vec<&'s str> {
        self.names.get(&address).into_iter().flatten().copied().collect()
    }
}
