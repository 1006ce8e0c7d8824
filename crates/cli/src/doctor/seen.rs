//! A record or an event as a doctor keeps it: who wrote it, what it is, and its fields as text.
//!
//! Of the thousands that come in the seconds of an examination few are about what the doctor did. Those are kept:
//! they name the token of this run, or a process of ours. Of all others a few are kept of each kind, as samples, and
//! all are counted. So memory is bounded, whatever the machine does meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use etwatch_event::Timestamp;

use crate::event_view::EventView;

/// Records of a kind that are kept though they are not about us.
const SAMPLES: u64 = 8;
/// Most that are kept in all.
const MOST_KEPT: usize = 20_000;
/// Kinds that are told apart; a machine has less than this.
const MOST_KINDS: usize = 10_000;
/// Fields that hold the id of a process.
const PROCESS_FIELDS: [&str; 8] = [
    "ProcessId",
    "ProcessID",
    "PID",
    "ParentProcessId",
    "TargetProcessId",
    "SourceProcessId",
    "Execution_ProcessID",
    "ClientProcessId",
];

/// How far it had come when it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// A record, by the names of its provider.
    Decoded,
    /// An event as rules see it, by Sigma's names.
    Normalised,
}

/// A record or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) stage: Stage,
    pub(crate) time: Timestamp,
    pub(crate) provider: String,
    pub(crate) id: Option<u32>,
    /// Categories and services of its log sources; none of a record.
    pub(crate) log_sources: Vec<String>,
    /// Names and values; of a field with several values the first.
    pub(crate) fields: Vec<(String, String)>,
}

impl Seen {
    /// Copies what is kept.
    pub(crate) fn of(view: &EventView<'_>) -> Self {
        let mut scratch = String::new();
        let mut fields = Vec::new();
        for field in view.fields() {
            let value = field.values.first().and_then(|value| value.text(&mut scratch));
            fields.extend(value.map(|value| (field.name.to_owned(), value.to_owned())));
        }
        let sources = view.log_sources().unwrap_or_default();
        let log_sources =
            sources.iter().filter_map(|one| one.category.as_ref().or(one.service.as_ref()));
        Self {
            stage: if view.log_sources().is_some() { Stage::Normalised } else { Stage::Decoded },
            time: view.time(),
            provider: view.provider().into_owned(),
            id: view.id(),
            log_sources: log_sources.map(ToString::to_string).collect(),
            fields,
        }
    }
    /// The text of a field.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }
    /// The number in a field, be it written with or without `0x`.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let text = self.text(name)?;
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        }
    }
    fn is_about(&self, token: &str, pids: &BTreeSet<u32>) -> bool {
        let names_process = |name: &&str| {
            self.number(name)
                .is_some_and(|pid| u32::try_from(pid).is_ok_and(|pid| pids.contains(&pid)))
        };
        self.fields.iter().any(|(_, text)| text.contains(token))
            || PROCESS_FIELDS.iter().any(names_process)
    }
}

/// What was seen in an examination.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    kept: Vec<Seen>,
    /// By stage, provider and id.
    counts: BTreeMap<(Stage, String, Option<u32>), u64>,
    /// What there was no room for.
    pub(crate) not_kept: u64,
}

impl Sightings {
    /// Counts one, and keeps it if it is about us or one of the first of its kind.
    pub(crate) fn take(&mut self, seen: Seen, token: &str, pids: &BTreeSet<u32>) {
        let kind = (seen.stage, seen.provider.clone(), seen.id);
        let is_about_us = seen.is_about(token, pids);
        if self.counts.len() >= MOST_KINDS && !self.counts.contains_key(&kind) {
            self.not_kept += 1;
            return;
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if !is_about_us && *count > SAMPLES {
            return;
        }
        if self.kept.len() < MOST_KEPT {
            self.kept.push(seen);
        } else {
            self.not_kept += 1;
        }
    }
    /// The events of a log source that are kept.
    pub(crate) fn events<'a>(&'a self, log_source: &'a str) -> impl Iterator<Item = &'a Seen> {
        let of_source = move |seen: &&Seen| seen.log_sources.iter().any(|one| one == log_source);
        self.kept.iter().filter(|seen| seen.stage == Stage::Normalised).filter(of_source)
    }
    /// The records of a kind that are kept.
    pub(crate) fn records<'a>(
        &'a self,
        provider: &'a str,
        ids: &'a [u32],
    ) -> impl Iterator<Item = &'a Seen> {
        let is_one = move |seen: &&Seen| {
            seen.stage == Stage::Decoded
                && seen.provider == provider
                && seen.id.is_some_and(|id| ids.contains(&id))
        };
        self.kept.iter().filter(is_one)
    }
    /// How many records of a provider there were.
    pub(crate) fn count_of(&self, provider: &str) -> u64 {
        self.counts().filter(|(name, _, _)| *name == provider).map(|(_, _, count)| count).sum()
    }
    /// How many records there were of a provider and id.
    pub(crate) fn count(&self, provider: &str, id: u32) -> u64 {
        let key = (Stage::Decoded, provider.to_owned(), Some(id));
        self.counts.get(&key).copied().unwrap_or(0)
    }
    /// Records by provider and id.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&str, Option<u32>, u64)> {
        let of_records = self.counts.iter().filter(|((stage, _, _), _)| *stage == Stage::Decoded);
        of_records.map(|((_, provider, id), count)| (provider.as_str(), *id, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(id: u32, fields: &[(&str, &str)]) -> Seen {
        let fields = fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Seen {
            stage: Stage::Decoded,
            time: Timestamp::UNKNOWN,
            provider: "p".to_owned(),
            id: Some(id),
            log_sources: Vec::new(),
            fields: fields.collect(),
        }
    }

    #[test]
    fn what_is_about_us_is_kept_of_the_rest_a_few_and_all_is_counted() {
        let mut sightings = Sightings::default();
        let pids = BTreeSet::from([0x1a4]);
        for _ in 0..100 {
            sightings.take(seen(1, &[("CommandLine", "other")]), "token", &pids);
            sightings.take(seen(2, &[("CommandLine", "x token y")]), "token", &pids);
            sightings.take(seen(3, &[("ProcessId", "0x1a4")]), "token", &pids);
        }
        assert_eq!(sightings.records("p", &[1]).count(), 8);
        assert_eq!(sightings.records("p", &[2, 3]).count(), 200);
        assert_eq!(sightings.records("q", &[2]).count(), 0);
        assert_eq!(
            (sightings.count_of("p"), sightings.count("p", 1), sightings.not_kept),
            (300, 100, 0)
        );
    }

    #[test]
    fn memory_is_bounded_and_what_has_no_room_is_counted() {
        let (mut sightings, pids) = (Sightings::default(), BTreeSet::new());
        for _ in 0..MOST_KEPT + 5 {
            sightings.take(seen(1, &[("a", "token")]), "token", &pids);
        }
        assert_eq!((sightings.kept.len(), sightings.not_kept), (MOST_KEPT, 5));
        for id in 0..20_000 {
            sightings.take(seen(id, &[]), "token", &pids);
        }
        assert_eq!(sightings.counts.len(), MOST_KINDS);
    }
}
