//! What is counted of processes, from one run to the next.
//!
//! Entries keep their places, since these decide who goes first when there is no more room. Facts that no rule names
//! in the next run are forgotten with its first event, as in a reload.

use etwatch_event::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Distinct, Entry, MOST};
use super::kept::{FactLimits, FactTable, NAME_BYTES};
use super::table::{FactSet, TABLE};
use crate::hash::Hasher;
use crate::processes::ProcessId;
use crate::processes::slab::{NONE, SavedPlaces, Slab};
use crate::processes::texts::{Texts, cut};
use crate::saved::TextNumbers;

/// The facts of the processes of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedFacts {
    kept: FactSet,
    since: [u64; TABLE.len()],
    #[serde(with = "crate::saved::time")]
    now: Timestamp,
    #[serde(with = "crate::saved::time")]
    floor: Timestamp,
    key: u64,
    texts: Vec<Box<str>>,
    places: SavedPlaces,
    entries: Vec<(u32, SavedEntry)>,
    hand: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedEntry {
    owner: ProcessId,
    #[serde(with = "crate::saved::time")]
    floor: Timestamp,
    remote_threads: u32,
    unbacked_threads: u32,
    sensitive_handles: u32,
    files_written: u32,
    children: u32,
    is_counted: bool,
    last_thread: u32,
    #[serde(with = "crate::saved::time")]
    last_thread_at: Timestamp,
    last_file: u64,
    bytes_out: u64,
    bytes_in: u64,
    unsigned: Vec<u64>,
    user_writable: Vec<u64>,
    endpoints: Vec<u64>,
    names: Vec<u32>,
}

impl FactTable {
    /// What is to be kept.
    pub(crate) fn saved(&self) -> SavedFacts {
        let mut texts = TextNumbers::default();
        let entry = |place| {
            Some((place, SavedEntry::of(self.entries.get(place)?, &self.names, &mut texts)))
        };
        let entries = (0..self.end).filter_map(entry).collect();
        SavedFacts {
            kept: self.kept,
            since: self.since.map(Timestamp::filetime),
            now: self.now,
            floor: self.floor,
            key: self.hasher.key,
            texts: texts.into_texts(),
            places: self.entries.saved(),
            entries,
            hand: self.hand,
        }
    }

    /// A table that goes on with what was kept of processes each of which `exists`.
    pub(crate) fn restored(
        saved: SavedFacts,
        limits: FactLimits,
        exists: impl Fn(ProcessId) -> bool,
    ) -> Self {
        let SavedFacts { kept, since, now, floor, key, texts, places, entries, hand } = saved;
        let mut table = Self::new(limits);
        let (most, mut left_out) = (limits.processes, 0);
        (table.kept, table.since) = (kept, since.map(Timestamp::from_filetime));
        (table.now, table.floor, table.hand) = (now, floor, hand);
        table.hasher = Hasher { key };
        let mut all = Vec::new();
        for (place, entry) in entries {
            let row = entry.owner.index as usize;
            let is_new = table.places.get(row).is_none_or(|known| *known == NONE);
            let is_there = is_new && exists(entry.owner);
            left_out += usize::from(is_there && place as usize >= most);
            if is_there && (place as usize) < most {
                if table.places.len() <= row {
                    table.places.resize(row + 1, NONE);
                }
                if let Some(known) = table.places.get_mut(row) {
                    *known = place;
                }
                all.push((place, entry.entry(&texts, &mut table.names)));
            }
        }
        table.entries = Slab::restored(&places, most, all.into_iter());
        table.count_entries(left_out);
        table
    }
}

impl SavedEntry {
    fn of<'t>(entry: &Entry, names: &'t Texts, texts: &mut TextNumbers<'t>) -> Self {
        let (last_thread, last_thread_at) = entry.last_thread;
        Self {
            owner: entry.owner,
            floor: entry.floor,
            remote_threads: entry.remote_threads,
            unbacked_threads: entry.unbacked_threads,
            sensitive_handles: entry.sensitive_handles,
            files_written: entry.files_written,
            children: entry.children,
            is_counted: entry.is_counted,
            last_thread,
            last_thread_at,
            last_file: entry.last_file,
            bytes_out: entry.bytes_out,
            bytes_in: entry.bytes_in,
            unsigned: entry.unsigned.hashes().into(),
            user_writable: entry.user_writable.hashes().into(),
            endpoints: entry.endpoints.hashes().into(),
            names: entry.names.iter().map(|name| texts.number(names.get(*name))).collect(),
        }
    }
    fn entry(self, texts: &[Box<str>], names: &mut Texts) -> Entry {
        let mut entry = Entry {
            remote_threads: self.remote_threads,
            unbacked_threads: self.unbacked_threads,
            sensitive_handles: self.sensitive_handles,
            files_written: self.files_written,
            children: self.children,
            is_counted: self.is_counted,
            last_thread: (self.last_thread, self.last_thread_at),
            last_file: self.last_file,
            bytes_out: self.bytes_out,
            bytes_in: self.bytes_in,
            unsigned: Distinct::of(self.unsigned),
            user_writable: Distinct::of(self.user_writable),
            endpoints: Distinct::of(self.endpoints),
            ..Entry::new(self.owner, self.floor)
        };
        for text in self.names.iter().take(MOST).filter_map(|name| texts.get(*name as usize)) {
            let name = names.keep(cut(text, NAME_BYTES).0);
            entry.names.push(name);
        }
        entry
    }
}
