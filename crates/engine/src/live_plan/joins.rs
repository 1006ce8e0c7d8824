//! What comes with the kinds of events that a rule can match: what fills their fields, what feeds the facts that
//! rules name, and of what derived events are made.

use etwatch_event::Activity;
use etwatch_rules::lint::reach::Presence;
use etwatch_state::FilledFrom;
use etwatch_state::facts::{FactRow, Holder, TABLE};

use super::picks::{Picks, Wisher};
use super::sources::{Candidate, Here, Teller};

/// The fields that a rule, or a correlation over it, looks at.
pub(super) type Tested = std::collections::BTreeSet<String>;

/// The events that are wanted by what they mean.
struct Meaning<'a> {
    activity: Activity,
    category: Option<&'a str>,
    /// One of these fields must be there; none if none is needed.
    fields: &'a [&'a str],
}

impl Here<'_> {
    /// Picks what fills the fields of a kind of events that a rule looks at.
    pub(super) fn pick_joined(&self, kind: usize, tested: &Tested, rule: usize, picks: &mut Picks) {
        let Some(kind) = self.kinds.get(kind) else { return };
        let is_tested = |field: &str| tested.contains(field);
        for filled in kind.filled.iter().filter(|filled| is_tested(filled.field)) {
            let wish = |purpose| [Wisher::Rule(rule), Wisher::Purpose(purpose)];
            match filled.from {
                FilledFrom::Handle => {
                    self.pick_names(kind, &wish("names behind handles"), picks);
                }
                FilledFrom::Dns => {
                    let wishers = wish("names of addresses");
                    self.pick_activity(Activity::DnsQuery, &wishers, picks);
                }
                FilledFrom::Modules => {
                    let wishers = wish("modules of processes");
                    self.pick_activity(Activity::ImageLoad, &wishers, picks);
                }
                // Which processes run is told in any case.
                FilledFrom::Process { .. } | FilledFrom::Creator | FilledFrom::File { .. } => {}
            }
        }
    }

    /// The events that tell the names behind the handles of a kind.
    fn pick_names(
        &self,
        kind: &crate::field_sources::LiveKind,
        wishers: &[Wisher<'_>],
        picks: &mut Picks,
    ) {
        for (row, pick) in self.table.providers.iter().zip(&mut picks.providers) {
            let names = |events: &&super::table::EventsRow| {
                events.names.iter().any(|id| kind.ids.contains(id))
            };
            if !kind.is_by(&row.name) {
                continue;
            }
            let ids = row.events.iter().filter(names).flat_map(|events| events.ids.iter().copied());
            let Ok(ids) = self.ids_here(row, ids.collect()) else { continue };
            for wisher in wishers {
                pick.add(ids.iter().copied(), *wisher);
            }
        }
    }

    /// Picks the facts that a rule looks at.
    pub(super) fn pick_facts(&self, tested: &Tested, rule: usize, picks: &mut Picks) {
        let is_named = |row: &&FactRow| {
            let of = |holder| [row.field(holder), row.since_field(holder)];
            Holder::ALL.into_iter().flat_map(of).any(|field| tested.contains(&field))
        };
        for row in TABLE.iter().filter(is_named) {
            let purpose = format!("fact {}", row.name);
            let wishers = [Wisher::Rule(rule), Wisher::Purpose(&purpose)];
            for activity in row.told_by {
                let (activity, category) = (*activity, row.category);
                let meaning = Meaning { activity, category, fields: row.fields };
                self.pick_meaning(&meaning, &wishers, picks);
            }
        }
    }

    /// Picks that of which the events of a category are made here; whether there is any such category.
    pub(super) fn pick_derived(
        &self,
        categories: &[String],
        rule: usize,
        picks: &mut Picks,
    ) -> bool {
        let mut any = false;
        for row in self.table.derived.iter().filter(|row| categories.contains(&row.category)) {
            let wishers = [Wisher::Rule(rule), Wisher::Purpose(&row.category)];
            for activity in &row.of {
                any |= self.pick_activity(activity.0, &wishers, picks);
            }
        }
        any
    }

    fn pick_activity(&self, activity: Activity, wishers: &[Wisher<'_>], picks: &mut Picks) -> bool {
        self.pick_meaning(&Meaning { activity, category: None, fields: &[] }, wishers, picks)
    }

    /// Picks the best sources of what means something; whether there is one.
    fn pick_meaning(
        &self,
        meaning: &Meaning<'_>,
        wishers: &[Wisher<'_>],
        picks: &mut Picks,
    ) -> bool {
        let Meaning { activity, category, fields } = *meaning;
        let numbered = self.kinds.iter().zip(&self.events).enumerate();
        let telling = numbered.filter(|(_, (kind, events))| {
            let has = |field: &&str| matches!(events.fields.get(*field), Some(Presence::Present));
            kind.activity == activity
                && events.withheld.is_none()
                && category.is_none_or(|name| kind.categories.iter().any(|own| own == name))
                && (fields.is_empty() || fields.iter().any(has))
        });
        let found = telling.filter_map(|(index, _)| self.candidates(index, None).ok()).flatten();
        let mut best = best(found.collect());
        self.spare(&mut best, category);
        for candidate in &best {
            for wisher in wishers {
                candidate.pick(*wisher, picks);
            }
        }
        !best.is_empty()
    }

    /// Leaves ids out that add little at a great price, if others are left; returns them, with the place of their
    /// provider.
    pub(super) fn spare(
        &self,
        candidates: &mut Vec<Candidate>,
        category: Option<&str>,
    ) -> Vec<(usize, u16)> {
        let is_spared = |row: usize, id: u16| {
            let row = self.table.providers.get(row);
            let events = row.and_then(|row| row.events.iter().find(|row| row.ids.contains(&id)));
            events.is_some_and(|row| row.spare.iter().any(|name| Some(name.as_str()) == category))
        };
        let stays = |candidate: &Candidate| match &candidate.teller {
            Teller::Provider(row, ids) => ids.iter().any(|id| !is_spared(*row, *id)),
            Teller::Channel(..) => true,
        };
        if !candidates.iter().any(stays) {
            return Vec::new();
        }
        let mut spared = Vec::new();
        for candidate in &mut *candidates {
            if let Teller::Provider(row, ids) = &mut candidate.teller {
                spared.extend(ids.iter().filter(|id| is_spared(*row, **id)).map(|id| (*row, *id)));
                ids.retain(|id| !is_spared(*row, *id));
            }
        }
        candidates.retain(stays);
        spared
    }
}

impl Candidate {
    /// Somebody wants it.
    pub(super) fn pick(&self, wisher: Wisher<'_>, picks: &mut Picks) {
        let (pick, ids) = match &self.teller {
            Teller::Provider(row, ids) => (picks.providers.get_mut(*row), Some(ids)),
            Teller::Channel(row, ids) => (picks.channels.get_mut(*row), ids.as_ref()),
        };
        let Some(pick) = pick else { return };
        match ids {
            Some(ids) => pick.add(ids.iter().copied(), wisher),
            None => pick.add_all(wisher),
        }
    }
}

/// Those of the best rank.
pub(super) fn best(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let best = candidates.iter().map(|candidate| candidate.rank).min();
    candidates.retain(|candidate| Some(candidate.rank) == best);
    candidates
}
