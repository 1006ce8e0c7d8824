//! A group takes what is given to it, and what its alert says.
//!
//! The alert has what was told of each event when it came; a correlation above gets the same, as far as there is
//! room, with the group's values and what the last event says.

use std::sync::Arc;

use etwatch_event::FieldId;
use etwatch_rules::sigma::value::Number;

use super::Given;
use super::shares::Share;
use crate::evidence::Evidence;
use crate::groups::Group;
use crate::key::{Carried, Fields};
use crate::plan::Planned;
use crate::window::{Contribution, Method, Step};

/// What an alert of a group says.
pub(super) struct Told {
    pub(super) shown: Box<[Box<str>]>,
    pub(super) lineage: [u32; 4],
    pub(super) carried: Carried,
    pub(super) measure: Number,
    pub(super) count: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) steps: Vec<Step>,
}

impl Told {
    /// `folded` is the key of the group.
    pub(super) fn of(group: &Group, folded: &str, planned: &Planned, measure: Number) -> Self {
        let first = group.window.first(&planned.method).unwrap_or(group.touched);
        Self {
            shown: group.spelling.values(folded, planned.correlation.group_by.len()),
            lineage: group.lineage,
            carried: group.carried(),
            measure,
            count: group.count,
            first,
            last: group.touched,
            steps: group.window.steps(&planned.method),
        }
    }
}

/// A group takes its share of an event; returns the alert that this makes, and whether something could not
/// be kept.
pub(super) fn add(
    group: &mut Group,
    planned: &Planned,
    given: &Given<'_>,
    share: &Share,
    arrival: u64,
) -> (Option<Told>, bool) {
    // The last first, so that a chain never takes two steps with one event.
    let contributions = share.matched.iter().rev().filter_map(|(position, index)| {
        let evidence = (given.evidence)(*index)?.clone();
        let step = Step { time: given.time, arrival, evidence };
        let value = share.has_value.then_some(&*share.value);
        Some(Contribution { position: *position, value, number: share.number, step })
    });
    let (measure, is_full) = group.add(contributions, planned.measuring(), given.time);
    let is_closing = matches!(planned.method, Method::Closing(_));
    if !planned.above.is_empty() && (measure.is_some() || is_closing) {
        let shown = group.spelling.values(&share.folded, planned.correlation.group_by.len());
        group.carry(carried(planned, given.fields, &shown));
    }
    let told = measure.map(|measure| {
        let told = Told::of(group, &share.folded, planned, measure);
        group.has_alerted(given.time);
        told
    });
    (told, is_full)
}

/// What an alert says to the correlations above: its group values, and else what its last event says.
fn carried(planned: &Planned, fields: &dyn Fields, shown: &[Box<str>]) -> Carried {
    let wanted: &[FieldId] = &planned.carried;
    let mut carried = Carried::of(wanted, fields);
    for (index, group) in planned.group_names.iter().enumerate() {
        if let Some(text) = group.and_then(|group| shown.get(group)) {
            carried.set(index, text);
        }
    }
    carried
}

/// Bytes of what is told of an alert's events to a correlation above.
const MOST_TOLD: usize = 16 << 10;

/// What is told of several steps, as far as there is room: the last ones.
pub(super) fn together(steps: &[Step]) -> Evidence {
    let mut room = MOST_TOLD;
    let fits = |told: &&Arc<str>| {
        let fits = told.len() <= room;
        room = room.saturating_sub(told.len());
        fits
    };
    let all = told_once(steps);
    let first = all.len() - all.iter().rev().take_while(fits).count();
    Evidence::from(&*all.get(first..).unwrap_or_default().join(","))
}

/// What is told of steps in order. An event that is a step itself and began the alert of the next one as well is
/// told once.
pub(super) fn told_once(steps: &[Step]) -> Vec<Arc<str>> {
    let mut told: Vec<Arc<str>> = Vec::new();
    for step in steps {
        let text = step.text();
        let before = told.last().map_or("", |before| &**before);
        let rest = text.strip_prefix(before).filter(|_| !before.is_empty());
        match rest.map(|rest| rest.strip_prefix(',').unwrap_or(rest)) {
            None => told.push(text.into()),
            Some("") => {}
            Some(rest) => told.push(rest.into()),
        }
    }
    told
}
