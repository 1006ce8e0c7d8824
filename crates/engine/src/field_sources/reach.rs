//! The kinds of events of an input with their fields, for the examination of rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use etwatch_event::field::HEADER_FIELDS;
use etwatch_normalise::InputKind;
use etwatch_rules::lint::reach::{InputEvents, Presence};

use super::FieldSources;
use super::facts::Fed;
use super::row::RowSources;
use super::{Origin, Way};

/// Where a field is absent from some events of a category, though others have it.
const ELSEWHERE: &str = "only other events of this log source tell it";
/// Where a row has no events and no provider withholds them.
const NOT_HERE: &str = "no such events come on this input";

/// The events of all rows of the taxonomy as they are on one kind of input.
#[must_use]
pub fn input_events(sources: &FieldSources, kind: InputKind) -> Vec<InputEvents> {
    let fed = Fed::on(&sources.rows, kind);
    sources.rows.iter().map(|row| events(sources, row, kind, &fed)).collect()
}

pub(super) fn events(
    sources: &FieldSources,
    row: &RowSources,
    kind: InputKind,
    fed: &Fed,
) -> InputEvents {
    let on = row.on(kind);
    let categories = row.categories();
    let names = row.fields.iter().map(String::as_str);
    let added = on.origins.keys().map(String::as_str);
    let mut fields: Vec<&str> = names.chain(added).collect();
    fields.retain(|field| !HEADER_FIELDS.contains(field));
    fields.sort_unstable();
    fields.dedup();
    let presence = |field: &str| {
        if on.origins.contains_key(field) {
            return Presence::Present;
        }
        let why = sources.inputs.why_absent(&categories, Some(field), kind);
        Presence::Absent(why.unwrap_or(ELSEWHERE).into())
    };
    let withheld: Option<Arc<str>> = (!on.is_there).then(|| {
        let why = sources.inputs.why_absent(&categories, None, kind);
        why.or(on.withheld.as_deref()).unwrap_or(NOT_HERE).into()
    });
    // A recording of ETW has events that a layout explains; what else an event log has nobody knows.
    let known: &[u32] = if kind == InputKind::Etl { &row.known_ids } else { &[] };
    let ids = row.ids.iter().chain(&row.sysmon).chain(known);
    let own = fields.into_iter().map(|field| (field.into(), presence(field)));
    InputEvents {
        sources: vec![row.sources.clone(), row.alternative.clone()],
        providers: row.providers.clone(),
        ids: ids.copied().map(u64::from).collect(),
        withheld,
        is_complete: row.is_listed,
        fields: own.chain(fed.presences(row, kind)).collect(),
        constants: constants(row, kind),
    }
}

/// The fields that have the same value in all events of a row.
fn constants(row: &RowSources, kind: InputKind) -> BTreeMap<String, String> {
    let constant = |origins: &[Origin]| {
        let (Origin { way, .. }, rest) = origins.split_first()?;
        let Way::Constant { value } = way else { return None };
        rest.iter().all(|other| other.way == *way).then(|| value.clone())
    };
    let all = row.on(kind).origins.iter();
    all.filter_map(|(field, origins)| Some((field.clone(), constant(origins)?))).collect()
}
