//! What is kept of processes from one run to the next: all rows, ended ones too, with their places.
//!
//! Numbers of processes lie in flows and in correlations, so a row keeps its place and generation, and free places the
//! order in which they are used again. How rows are found follows from the rows: those of one pid are written behind
//! one another, the newest first, and each says at which place of the list of living or of ended ones it stands.
//! Texts are written once. What had to be forgotten is counted by each run for itself.
//!
//! What is read may have been written by anyone. A row that has no place, or more company than a pid may have, is left
//! out; a number that leads nowhere is no number; then the limits of the table are brought to bear.

use std::num::{NonZeroU32, NonZeroU64};

use etwatch_event::{Guid, Timestamp};
use serde::{Deserialize, Serialize};

use super::index::{Pid, Sequence};
use super::modules::Modules;
use super::row::{Fact, ProcessId, Row, Source, Told};
use super::slab::{NONE, SavedPlaces, Slab};
use super::texts::{TextId, Texts, cut};
use super::{Counts, Limits, MOST_OF_PID, ProcessTable};
use crate::facts::{FactTable, SavedFacts};
use crate::saved::TextNumbers;

/// The processes of a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedProcesses {
    texts: Vec<Box<str>>,
    places: SavedPlaces,
    rows: Vec<SavedRow>,
    kernel: Vec<SavedImage>,
    #[serde(with = "crate::saved::time")]
    booted: Timestamp,
    facts: SavedFacts,
}

/// Address, size, number of the path.
type SavedImage = (u64, u32, u32);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedRow {
    place: u32,
    /// Its place in the list of living or of ended ones.
    order: u32,
    pid: u32,
    is_live: bool,
    start_is_exact: bool,
    guid_is_recorded: bool,
    command_line_is_cut: bool,
    modules_are_incomplete: bool,
    /// Whether it is the one that its GUID and its sequence number lead to.
    has_guid: bool,
    has_sequence: bool,
    started_by: u8,
    ended_by: u8,
    #[serde(with = "crate::saved::time")]
    start: Timestamp,
    #[serde(with = "crate::saved::time")]
    first_seen: Timestamp,
    #[serde(with = "crate::saved::time")]
    last_seen: Timestamp,
    #[serde(with = "crate::saved::time")]
    end: Timestamp,
    exit_code: Option<u32>,
    sequence: Option<NonZeroU64>,
    guid: [u8; 16],
    parent: Option<ProcessId>,
    creator: Option<ProcessId>,
    parent_pid: Told<NonZeroU32>,
    creator_pid: Option<NonZeroU32>,
    logon_id: Told<NonZeroU64>,
    logon_guid: Told<[u8; 16]>,
    session: Told<u32>,
    facts: Vec<(Fact, Source, u32)>,
    images: Vec<SavedImage>,
}

impl ProcessTable {
    /// What is to be kept.
    pub(crate) fn saved(&self) -> SavedProcesses {
        let mut texts = TextNumbers::default();
        let order = self.orders();
        let mut rows = Vec::with_capacity(self.live.len + self.dead.len);
        for index in (0..).take(order.len()) {
            // Each pid is begun at its newest row.
            if self.rows.get(index).is_some_and(|row| row.newer == NONE) {
                let mut next = index;
                while let Some(row) = self.rows.get(next) {
                    let order = order.get(next as usize).copied().unwrap_or(0);
                    rows.push(self.saved_row(next, order, row, &mut texts));
                    next = row.older;
                }
            }
        }
        let kernel = self.saved_images(&self.kernel, &mut texts);
        SavedProcesses {
            texts: texts.into_texts(),
            places: self.rows.saved(),
            rows,
            kernel,
            booted: self.booted,
            facts: self.facts.saved(),
        }
    }
    /// By place, that of each row in its list.
    fn orders(&self) -> Vec<u32> {
        let mut orders = Vec::new();
        for list in [&self.live, &self.dead] {
            let (mut next, mut order) = (list.first, 0);
            while let Some(row) = self.rows.get(next) {
                let index = next as usize;
                if orders.len() <= index {
                    orders.resize(index + 1, 0);
                }
                if let Some(place) = orders.get_mut(index) {
                    *place = order;
                }
                order += 1;
                next = row.after;
            }
        }
        orders
    }
    fn saved_images<'t>(
        &'t self,
        images: &Modules,
        texts: &mut TextNumbers<'t>,
    ) -> Vec<SavedImage> {
        let number = |(base, size, path)| (base, size, texts.number(self.texts.get(path)));
        images.iter().map(number).collect()
    }
    fn saved_row<'t>(
        &'t self,
        place: u32,
        order: u32,
        row: &Row,
        texts: &mut TextNumbers<'t>,
    ) -> SavedRow {
        let fact = |fact: Fact| {
            let text = self.texts.get(row.facts.get(fact)?);
            Some((fact, row.facts.told_by(fact)?, text))
        };
        let facts = Fact::ALL.into_iter().filter_map(fact);
        let facts = facts.map(|(fact, by, text)| (fact, by, texts.number(text))).collect();
        let number = row.sequence.map(|number| Sequence(number.get()));
        SavedRow {
            place,
            order,
            pid: row.pid,
            is_live: row.is_live,
            start_is_exact: row.start_is_exact,
            guid_is_recorded: row.guid_is_recorded,
            command_line_is_cut: row.command_line_is_cut,
            modules_are_incomplete: row.modules_are_incomplete,
            has_guid: self.by_guid.find(row.guid, &self.rows) == Some(place),
            has_sequence: number.and_then(|number| self.by_sequence.find(number, &self.rows))
                == Some(place),
            started_by: row.started_by,
            ended_by: row.ended_by,
            start: row.start,
            first_seen: row.first_seen,
            last_seen: row.last_seen,
            end: row.end,
            exit_code: row.exit_code,
            sequence: row.sequence,
            guid: row.guid.0,
            parent: row.parent,
            creator: row.creator,
            parent_pid: row.parent_pid,
            creator_pid: row.creator_pid,
            logon_id: row.logon_id,
            logon_guid: Told {
                value: row.logon_guid.value.map(|guid| guid.0),
                by: row.logon_guid.by,
            },
            session: row.session,
            facts,
            images: self.saved_images(&row.modules, texts),
        }
    }

    /// The table of a host, whose name is `host`, that goes on with what was kept.
    pub(crate) fn restored(host: &str, limits: Limits, saved: SavedProcesses) -> Self {
        let table = Self::taken_up(host, limits, saved);
        let counts = table.counts;
        if counts.evicted_live + counts.evicted_dead + counts.evicted_modules == 0 {
            return table;
        }
        // What had to go leaves its places behind: those that stay are taken up once more.
        let mut again = Self::taken_up(host, limits, table.saved());
        again.counts.evicted_live += counts.evicted_live;
        again.counts.evicted_dead += counts.evicted_dead;
        again.counts.evicted_modules += counts.evicted_modules;
        again.facts.add_counts(table.facts.counts());
        again
    }
    fn taken_up(host: &str, limits: Limits, saved: SavedProcesses) -> Self {
        let mut table = Self::new(host, limits);
        let SavedProcesses { texts: names, places, rows, kernel, booted, facts } = saved;
        table.booted = booted;
        let restoring = Restoring { names: &names, limits };
        // One row more than there may be is there before one goes.
        let most = limits.live.saturating_add(limits.dead).saturating_add(1);
        let mut is_taken = vec![false; most];
        let kept: Vec<&SavedRow> = chains(&rows)
            .filter(|row| {
                is_taken
                    .get_mut(row.place as usize)
                    .is_some_and(|is_taken| !std::mem::replace(is_taken, true))
            })
            .collect();
        let without_place = rows.len() - kept.len();
        let items: Vec<(u32, Row)> = kept
            .iter()
            .map(|saved| (saved.place, restoring.row(saved, &mut table.texts)))
            .collect();
        table.rows = Slab::restored(&places, most, items.into_iter());
        table.kernel = restoring.images(&kernel, &mut table.texts);
        table.chain_all(&kept);
        table.list_all(kept);
        let exists = |id: ProcessId| {
            table.rows.get(id.index).is_some() && table.rows.generation(id.index) == id.generation
        };
        table.facts = FactTable::restored(facts, limits.facts, exists);
        table.counts.modules = table.rows.iter().map(|row| row.modules.len()).sum();
        table.module_bytes = table.rows.iter().map(|row| row.modules.heap_bytes()).sum();
        table.make_room(NONE);
        // Counts are those of this run, but for what it has no room for.
        let Counts { evicted_live, evicted_dead, evicted_modules, modules, .. } = table.counts;
        let left_out = u64::try_from(without_place).unwrap_or(u64::MAX);
        let evicted_dead = evicted_dead + left_out;
        table.counts =
            Counts { evicted_live, evicted_dead, evicted_modules, modules, ..Counts::default() };
        table
    }
    /// Ties the rows of each pid, which lie behind one another, and has them found.
    fn chain_all(&mut self, kept: &[&SavedRow]) {
        let mut before: Option<(u32, u32)> = None;
        for SavedRow { place, pid, has_guid, has_sequence, .. } in kept.iter().copied() {
            let newer = before.filter(|(other, _)| other == pid).map(|(_, newer)| newer);
            let Some(row) = self.rows.get_mut(*place) else { continue };
            row.newer = newer.unwrap_or(NONE);
            let (guid, sequence) = (row.guid, row.sequence);
            match newer.and_then(|newer| self.rows.get_mut(newer)) {
                Some(row) => row.older = *place,
                None => self.by_pid.set(Pid(*pid), *place, &self.rows),
            }
            if *has_guid {
                self.by_guid.set(guid, *place, &self.rows);
            }
            if let Some(number) = sequence.filter(|_| *has_sequence) {
                self.by_sequence.set(Sequence(number.get()), *place, &self.rows);
            }
            before = Some((*pid, *place));
        }
    }
    fn list_all(&mut self, mut kept: Vec<&SavedRow>) {
        kept.sort_by_key(|row| row.order);
        for SavedRow { place, is_live, .. } in kept {
            if self.rows.get(*place).is_some() {
                let list = if *is_live { &mut self.live } else { &mut self.dead };
                list.push(*place, &mut self.rows);
            }
        }
    }
}

/// The rows, of each pid the first that lie behind one another, and no more than it may have.
fn chains(rows: &[SavedRow]) -> impl Iterator<Item = &SavedRow> {
    let mut pids = hashbrown::HashSet::new();
    let of_pid = rows.chunk_by(|one, other| one.pid == other.pid);
    let of_pid = of_pid.filter(move |rows| rows.first().is_some_and(|row| pids.insert(row.pid)));
    of_pid.flat_map(|rows| rows.iter().take(MOST_OF_PID + 1))
}

/// What rows are made with.
struct Restoring<'s> {
    names: &'s [Box<str>],
    limits: Limits,
}

impl Restoring<'_> {
    fn text(&self, number: u32, texts: &mut Texts) -> Option<TextId> {
        let text = self.names.get(number as usize)?;
        Some(texts.keep(cut(text, self.limits.text).0))
    }
    fn images(&self, images: &[SavedImage], texts: &mut Texts) -> Modules {
        let mut modules = Modules::default();
        for (base, size, path) in images.iter().take(self.limits.modules_of_process) {
            if let Some(path) = self.text(*path, texts) {
                modules.map(*base, *size, path, texts);
            }
        }
        modules
    }
    fn row(&self, saved: &SavedRow, texts: &mut Texts) -> Row {
        let mut row = Row::new(saved.pid, Guid(saved.guid), saved.start, saved.first_seen);
        for (fact, by, text) in &saved.facts {
            if let Some(text) = self.text(*text, texts)
                && let Some(before) = row.facts.set(*fact, *by, text)
            {
                texts.release(before);
            }
        }
        // Who has ended has no images.
        let images = if saved.is_live { &saved.images[..] } else { &[] };
        Row {
            is_live: saved.is_live,
            start_is_exact: saved.start_is_exact,
            guid_is_recorded: saved.guid_is_recorded,
            command_line_is_cut: saved.command_line_is_cut,
            modules_are_incomplete: saved.modules_are_incomplete,
            started_by: saved.started_by,
            ended_by: saved.ended_by,
            last_seen: saved.last_seen,
            end: saved.end,
            exit_code: saved.exit_code,
            sequence: saved.sequence,
            parent: saved.parent,
            creator: saved.creator,
            parent_pid: saved.parent_pid,
            creator_pid: saved.creator_pid,
            logon_id: saved.logon_id,
            logon_guid: Told { value: saved.logon_guid.value.map(Guid), by: saved.logon_guid.by },
            session: saved.session,
            modules: self.images(images, texts),
            ..row
        }
    }
}
