//! Who tells a kind of events on this machine, or why nobody does.

use etwatch_rules::lint::reach::InputEvents;

use super::picks::{Picks, Wisher};
use super::table::{ChannelRow, LiveTable, ProviderRow};
use super::{LiveChanges, LiveConditions};
use crate::field_sources::{FieldSources, LiveKind, SYSMON, live_kinds};

/// How good a source is for rules of a category, the best first: several of the best are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Sysmon's log.
    Sysmon,
    /// A session, and a log that is read beside it.
    Session,
    /// Another log.
    Log,
}

/// A source of the table, by the place of its row, and which ids of it are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Teller {
    Provider(usize, Vec<u16>),
    /// Without ids: all of them.
    Channel(usize, Option<Vec<u16>>),
}

/// A source that tells a kind of events.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) rank: Rank,
    pub(super) teller: Teller,
}

/// The table, the kinds of events, and what is known of the machine.
#[derive(Debug)]
pub(super) struct Here<'a> {
    pub(super) table: &'a LiveTable,
    pub(super) conditions: &'a LiveConditions,
    pub(super) changes: &'a LiveChanges,
    pub(super) kinds: Vec<LiveKind>,
    /// Which fields each has here.
    pub(super) events: Vec<InputEvents>,
}

impl<'a> Here<'a> {
    pub(super) fn new(
        table: &'a LiveTable,
        sources: &FieldSources,
        conditions: &'a LiveConditions,
        changes: &'a LiveChanges,
    ) -> Self {
        let later = |provider: &str, field: &str| {
            let row = table.providers.iter().find(|row| row.name == provider)?;
            row.later.get(field).copied().filter(|build| *build > conditions.os_build)
        };
        let sysmon = conditions.sysmon && !changes.ignore_sysmon;
        let (kinds, events) = live_kinds(sources, sysmon, &later);
        Self { table, conditions, changes, kinds, events }
    }

    /// Whether Sysmon's log is read for what it tells.
    pub(super) fn takes_sysmon(&self) -> bool {
        self.conditions.sysmon && !self.changes.ignore_sysmon
    }

    /// Picks what is wanted whatever the rules are. Where Sysmon tells of the same, its twins are left out: they
    /// would be matched a second time.
    pub(super) fn pick_always(&self, picks: &mut Picks) {
        for (row, pick) in self.table.providers.iter().zip(&mut picks.providers) {
            let Some(purpose) = &row.always else { continue };
            let ids = row.events.iter().flat_map(|events| events.ids.iter().copied());
            let Ok(mut ids) = self.ids_here(row, ids.collect()) else { continue };
            let is_twin = |id: &u16| self.is_twin_of_sysmon(row, *id);
            if row.is_class() && ids.iter().any(is_twin) {
                continue;
            }
            ids.retain(|id| !is_twin(id));
            pick.add(ids, Wisher::Purpose(purpose));
        }
    }

    /// Whether Sysmon tells of the same as an id of a provider.
    fn is_twin_of_sysmon(&self, row: &ProviderRow, id: u16) -> bool {
        let of_sysmon = || self.kinds.iter().filter(|kind| kind.is_by(SYSMON));
        let is_told =
            |category: &String| of_sysmon().any(|kind| kind.categories.contains(category));
        let is_it = |kind: &&LiveKind| kind.is_by(&row.name) && kind.ids.contains(&id);
        self.takes_sysmon()
            && self.kinds.iter().filter(is_it).any(|kind| kind.categories.iter().any(is_told))
    }

    /// Who tells of a kind; if nobody, why not. `named` are the ids that alone are asked for.
    ///
    /// # Errors
    /// Why nobody does, a clause.
    pub(super) fn candidates(
        &self,
        kind: usize,
        named: Option<&[u16]>,
    ) -> Result<Vec<Candidate>, String> {
        let nobody = || "no session and no log that etwatch knows tells of it".to_owned();
        let Some(kind) = self.kinds.get(kind) else { return Err(nobody()) };
        let mut found = Vec::new();
        let mut obstacle = None;
        for (index, row) in self.table.providers.iter().enumerate() {
            if !kind.is_by(&row.name) {
                continue;
            }
            let asked = narrowed(&kind.ids, named);
            match self.ids_here(row, asked) {
                Ok(ids) if ids.is_empty() => {}
                Ok(ids) => {
                    let teller = Teller::Provider(index, ids);
                    found.push(Candidate { rank: Rank::Session, teller });
                }
                Err(why) => obstacle = Some(why),
            }
        }
        for (index, row) in self.table.channels.iter().enumerate() {
            if !kind.channels.iter().any(|path| path.eq_ignore_ascii_case(&row.path)) {
                continue;
            }
            match self.why_closed(row) {
                Some(why) => {
                    obstacle.get_or_insert(why);
                }
                None => found.push(self.channel(kind, index, row, named)),
            }
        }
        let closed = || {
            let is_of = |path: &String| kind.channels.contains(path);
            let row = self.table.closed.iter().find(|row| row.channels.iter().any(is_of));
            row.map(|row| row.why.clone())
        };
        if found.is_empty() {
            return Err(obstacle.or_else(closed).unwrap_or_else(nobody));
        }
        Ok(found)
    }

    fn channel(
        &self,
        kind: &LiveKind,
        index: usize,
        row: &ChannelRow,
        named: Option<&[u16]>,
    ) -> Candidate {
        let is_beside = kind.categories.iter().any(|category| row.beside.contains(category));
        let rank = match () {
            () if kind.is_by(SYSMON) => Rank::Sysmon,
            () if is_beside => Rank::Session,
            () => Rank::Log,
        };
        let ids = match (kind.ids.as_slice(), named) {
            ([], named) => named.map(<[u16]>::to_vec),
            (own, named) => Some(narrowed(own, named)),
        };
        Candidate { rank, teller: Teller::Channel(index, ids) }
    }

    /// Of these ids those that a provider writes on this machine and that are known here; none if it isn't one of
    /// its own at all.
    ///
    /// # Errors
    /// Why it tells none of them, a clause.
    pub(super) fn ids_here(
        &self,
        row: &ProviderRow,
        mut ids: Vec<u16>,
    ) -> Result<Vec<u16>, String> {
        let own = |id: u16| row.events.iter().find(|events| events.ids.contains(&id));
        ids.retain(|id| own(*id).is_some());
        if ids.is_empty() {
            return Ok(ids);
        }
        if self.changes.leaves_out(&row.name, row.guid.0) {
            return Err(format!("the configuration leaves {} out", row.name));
        }
        if !self.conditions.elevated {
            return Err("sessions of ETW need an elevated process".to_owned());
        }
        let first = ids.iter().filter_map(|id| own(*id)).map(|events| events.build).min();
        ids.retain(|id| own(*id).is_some_and(|events| events.build <= self.conditions.os_build));
        if ids.is_empty() {
            let (name, here) = (&row.name, self.conditions.os_build);
            let first = first.unwrap_or_default();
            return Err(format!("{name} tells of it from build {first} on, this is {here}"));
        }
        Ok(ids)
    }

    /// Why a channel can't be read.
    fn why_closed(&self, row: &ChannelRow) -> Option<String> {
        let path = &row.path;
        if path == "Security" && !self.conditions.elevated {
            return Some("the Security log needs an elevated process".to_owned());
        }
        let channels = self.conditions.channels.as_ref()?;
        let is_there = channels.iter().any(|channel| channel.eq_ignore_ascii_case(path));
        (!is_there).then(|| format!("the channel `{path}` is not on this machine"))
    }
}

/// Of the ids of a kind those that are asked for; all if none of them is, since then an alias is meant.
fn narrowed(own: &[u16], named: Option<&[u16]>) -> Vec<u16> {
    let asked = named.into_iter().flatten().copied().filter(|id| own.contains(id));
    let asked: Vec<u16> = asked.collect();
    if asked.is_empty() { own.to_vec() } else { asked }
}
