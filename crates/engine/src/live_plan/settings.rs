//! Picks as settings of sessions and channels, and as a list for people.

use std::collections::{BTreeMap, BTreeSet};

use etwatch_capture::live::{ChannelSettings, ProviderSettings, SessionKind, SessionSettings};
use etwatch_decode::table::Tables;
use etwatch_event::Guid;

use super::changes::ExtraProvider;
use super::choose::Chosen;
use super::picks::{Pick, Picks};
use super::sources::Here;
use super::table::{Cost, ProviderRow, SessionRole};
use super::{LivePlan, Place, PlannedSource};

const CONFIGURED: &str = "the configuration asks for it";

/// The plan that the picks come to.
pub(super) fn plan(here: &Here<'_>, picks: &Picks, chosen: Chosen) -> LivePlan {
    let notes = notes(here, picks, &chosen);
    let mut plan = LivePlan { rules: chosen.rules, notes, ..LivePlan::default() };
    for role in SessionRole::ALL {
        plan.sources.extend(sources_of(here, picks, role));
        plan.sessions.extend(session(here, picks, role));
    }
    for (row, pick) in here.table.channels.iter().zip(&picks.channels) {
        if pick.is_wanted() {
            let ids = if pick.all_ids { Vec::new() } else { pick.ids.iter().copied().collect() };
            plan.channels.push(ChannelSettings::new(&row.path, ids.iter().copied()));
            plan.sources.push(PlannedSource {
                name: row.path.clone(),
                place: Place::Channel,
                ids,
                cost: Some(row.cost),
                purposes: pick.purposes.clone(),
                rules: pick.rules.iter().copied().collect(),
                note: row.note.clone(),
            });
        }
    }
    add_extra_channels(here, &mut plan);
    plan
}

/// A session with what is wanted of it; `None` if that is nothing.
fn session(here: &Here<'_>, picks: &Picks, role: SessionRole) -> Option<SessionSettings> {
    let row = here.table.sessions.get(&role)?;
    let mut flags = 0;
    let mut providers = Vec::new();
    let wanted = here.table.providers.iter().zip(&picks.providers);
    for (row, pick) in wanted.filter(|(row, pick)| row.session == role && pick.is_wanted()) {
        flags |= row.flags;
        if !row.is_class() {
            providers.push(provider(row, pick));
        }
    }
    for extra in here.changes.providers.iter().filter(|extra| extra.session == role) {
        widen(&mut providers, extra);
    }
    if flags == 0 && providers.is_empty() {
        return None;
    }
    let changes = here.changes.buffers.get(&role).copied().unwrap_or_default();
    let mut buffers = role.buffers();
    changes.apply(&mut buffers);
    let of_noisy = |all: &[_]| if role == SessionRole::Noisy { all.to_vec() } else { Vec::new() };
    Some(SessionSettings {
        name: row.name.clone(),
        kind: match role {
            SessionRole::System => SessionKind::System { flags },
            SessionRole::Lifecycle | SessionRole::Noisy => SessionKind::User,
        },
        buffers,
        independent: changes.independent.unwrap_or(true),
        may_drop: row.may_drop,
        providers,
        // Whoever joins an event to its process needs all processes.
        only_processes: of_noisy(&here.changes.only_processes),
        not_processes: of_noisy(&here.changes.not_processes),
    })
}

fn provider(row: &ProviderRow, pick: &Pick) -> ProviderSettings {
    let rows = || row.rows_of(|id| pick.ids.contains(&id));
    let any = rows().map(|events| events.keyword).reduce(joined).unwrap_or_default();
    ProviderSettings {
        provider: row.guid.0,
        name: row.name.clone(),
        any,
        all: 0,
        level: row.level,
        ids: pick.ids.iter().copied().collect(),
        capture_state: rows().any(|events| events.rundown),
        properties: row.properties,
        filter: row.filter.as_ref().map(|filter| (filter.kind, filter.data.clone())),
    }
}

/// The mask of events that one of two masks brings; 0 brings all.
fn joined(one: u64, other: u64) -> u64 {
    if one == 0 || other == 0 { 0 } else { one | other }
}

/// Asks for what the configuration wants of a provider besides.
fn widen(providers: &mut Vec<ProviderSettings>, extra: &ExtraProvider) {
    let guid = guid_of(extra).unwrap_or_default();
    let Some(known) = providers.iter_mut().find(|known| known.provider == guid) else {
        let mut ids = extra.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        providers.push(ProviderSettings {
            provider: guid,
            name: extra.name.clone(),
            any: extra.any,
            all: extra.all,
            level: extra.level,
            ids,
            capture_state: false,
            properties: extra.properties,
            filter: None,
        });
        return;
    };
    known.any = joined(known.any, extra.any);
    known.all &= extra.all;
    known.level = match (known.level, extra.level) {
        (0, _) | (_, 0) => 0,
        (one, other) => one.max(other),
    };
    known.properties |= extra.properties;
    if extra.ids.is_empty() {
        known.ids.clear();
    } else if !known.ids.is_empty() {
        known.ids.extend(&extra.ids);
        known.ids.sort_unstable();
        known.ids.dedup();
    }
}

/// The GUID of a provider that the configuration asks for, if it or our layouts know it.
pub(super) fn guid_of(extra: &ExtraProvider) -> Option<Guid> {
    let known = || {
        let mut entries = Tables::embedded().entries();
        let found =
            entries.find(|entry| entry.schema.provider.eq_ignore_ascii_case(&extra.name))?;
        Some(found.schema.guid)
    };
    extra.guid.or_else(|| Guid::parse(&extra.name)).or_else(known)
}

/// What is wanted of a session, by source.
fn sources_of(here: &Here<'_>, picks: &Picks, role: SessionRole) -> Vec<PlannedSource> {
    let wanted = here.table.providers.iter().zip(&picks.providers);
    let wanted = wanted.filter(|(row, pick)| row.session == role && pick.is_wanted());
    let mut sources: Vec<_> = wanted.map(|(row, pick)| source(row, pick)).collect();
    for extra in here.changes.providers.iter().filter(|extra| extra.session == role) {
        let same = |source: &&mut PlannedSource| source.name.eq_ignore_ascii_case(&extra.name);
        match sources.iter_mut().find(same) {
            Some(source) => {
                source.purposes.push(CONFIGURED.to_owned());
                source.ids = if extra.ids.is_empty() {
                    Vec::new()
                } else {
                    let mut ids = [source.ids.as_slice(), &extra.ids].concat();
                    ids.sort_unstable();
                    ids.dedup();
                    ids
                };
            }
            None => sources.push(PlannedSource {
                name: extra.name.clone(),
                place: Place::Session(role),
                ids: extra.ids.clone(),
                cost: None,
                purposes: vec![CONFIGURED.to_owned()],
                rules: Vec::new(),
                note: None,
            }),
        }
    }
    sources
}

fn source(row: &ProviderRow, pick: &Pick) -> PlannedSource {
    // A flag brings all events of a class.
    let is_wanted = |id: u16| row.is_class() || pick.ids.contains(&id);
    let costs = row.rows_of(is_wanted).map(|events| events.cost);
    let ids = row.events.iter().flat_map(|events| events.ids.iter().copied());
    let mut ids: Vec<u16> = ids.filter(|id| is_wanted(*id)).collect();
    ids.sort_unstable();
    PlannedSource {
        name: row.name.clone(),
        place: Place::Session(row.session),
        ids,
        cost: Some(costs.max().unwrap_or(Cost::Quiet)),
        purposes: pick.purposes.clone(),
        rules: pick.rules.iter().copied().collect(),
        note: None,
    }
}

fn add_extra_channels(here: &Here<'_>, plan: &mut LivePlan) {
    for extra in &here.changes.channels {
        let same = |path: &str| path.eq_ignore_ascii_case(&extra.path);
        let planned = plan.channels.iter().position(|channel| same(&channel.path));
        let ids = match planned.and_then(|index| plan.channels.get(index)) {
            Some(known) if known.ids.is_empty() => Vec::new(),
            Some(known) if !extra.ids.is_empty() => [known.ids.as_slice(), &extra.ids].concat(),
            _ => extra.ids.clone(),
        };
        let settings = ChannelSettings::new(&extra.path, ids);
        let place = plan.sources.iter_mut().find(|it| it.place == Place::Channel && same(&it.name));
        match place {
            Some(source) => {
                source.ids.clone_from(&settings.ids);
                source.purposes.push(CONFIGURED.to_owned());
            }
            None => plan.sources.push(PlannedSource {
                name: extra.path.clone(),
                place: Place::Channel,
                ids: settings.ids.clone(),
                cost: None,
                purposes: vec![CONFIGURED.to_owned()],
                rules: Vec::new(),
                note: None,
            }),
        }
        match planned.and_then(|index| plan.channels.get_mut(index)) {
            Some(known) => *known = settings,
            None => plan.channels.push(settings),
        }
    }
}

fn notes(here: &Here<'_>, picks: &Picks, chosen: &Chosen) -> Vec<String> {
    let mut notes = Vec::new();
    if here.takes_sysmon() {
        notes.push(
            "Sysmon's log is there and is preferred: what it tells of, no session tells a second \
             time. What its configuration leaves out nobody tells; `sysmon = \"ignore\"` under \
             [sessions] leaves it out instead"
                .to_owned(),
        );
    }
    let mut spared: BTreeMap<usize, (Vec<String>, BTreeSet<usize>)> = BTreeMap::new();
    for ((row, id), rules) in &chosen.spared {
        if picks.providers.get(*row).is_none_or(|pick| !pick.ids.contains(id)) {
            let (ids, all) = spared.entry(*row).or_default();
            ids.push(id.to_string());
            all.extend(rules);
        }
    }
    for (row, (ids, rules)) in spared {
        let Some(provider) = here.table.providers.get(row) else { continue };
        let (name, ids, count) = (&provider.name, ids.join(", "), rules.len());
        notes.push(format!(
            "{name} {ids} is noisy and left out, though {count} rules could match a little more of \
             it; [[providers]] asks for it"
        ));
    }
    notes
}
