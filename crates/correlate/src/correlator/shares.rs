//! The groups to which one event contributes.
//!
//! An event contributes to a group for each combination of values of the fields that a correlation groups by, and to
//! each with all rules that it matches. A match that lacks a field that is grouped by, or measured, contributes to none
//! and is counted. They are worked out in memory that is there from the event before.

use etwatch_rules::sigma::correlation::CorrelationType;
use etwatch_rules::sigma::value::Number;

use super::{Correlator, Given};
use crate::key::{Combinations, Fields, Spelt, numeric};
use crate::plan::{Planned, Use};
use crate::window::Method;

/// A group to which an event contributes; kept to be used again.
#[derive(Debug, Default)]
pub(super) struct Share {
    pub(super) folded: String,
    pub(super) spelt: Spelt,
    /// The positions of the rules that matched, and the index of what is told of each.
    pub(super) matched: Vec<(u32, usize)>,
    pub(super) has_value: bool,
    pub(super) value: String,
    pub(super) number: Option<Number>,
}

/// The groups to which an event contributes.
#[derive(Debug, Default)]
pub(super) struct Shares {
    all: Vec<Share>,
    /// How many of them are in use.
    count: usize,
}

impl Shares {
    /// None is in use.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }
    pub(super) fn used(&mut self) -> impl Iterator<Item = &mut Share> {
        self.all.iter_mut().take(self.count)
    }
    /// The one of the group with this key.
    pub(super) fn find(&mut self, folded: &str) -> Option<&mut Share> {
        self.used().find(|share| share.folded == folded)
    }
    /// One more, that nothing has matched yet; the rest is what was in it before.
    pub(super) fn next(&mut self) -> Option<&mut Share> {
        if self.count == self.all.len() {
            self.all.push(Share::default());
        }
        self.count += 1;
        let share = self.all.get_mut(self.count - 1)?;
        share.matched.clear();
        Some(share)
    }
}

impl Correlator {
    /// Finds the groups that an event contributes to.
    pub(super) fn share(&mut self, planned: &Planned, given: &Given<'_>) {
        self.shares.clear();
        let kind = planned.correlation.kind;
        for (Use { position, .. }, index) in given.matched {
            let (has_value, number) = match self.measured(planned, *position, given.fields) {
                Ok(measured) => measured,
                Err(count) => {
                    *count += 1;
                    continue;
                }
            };
            let group_by = &planned.correlation.group_by;
            let (count, is_cut) = match self.keys.read(group_by, *position, given.fields) {
                Combinations::Missing => {
                    self.counts.missing += 1;
                    continue;
                }
                Combinations::Some(count, is_cut) => (count, is_cut),
            };
            self.counts.overflowed += u64::from(is_cut);
            for number_of_key in 0..count {
                self.keys.fold(number_of_key, &mut self.folded);
                match self.shares.find(&self.folded) {
                    Some(share) if kind.is_temporal() => share.matched.push((*position, *index)),
                    // An event counts once, whichever of the rules it matches.
                    Some(_) => {}
                    None => {
                        let Some(share) = self.shares.next() else { continue };
                        share.folded.clone_from(&self.folded);
                        self.keys.spell(number_of_key, &mut share.spelt);
                        share.matched.push((*position, *index));
                        share.has_value = has_value;
                        share.value.clone_from(&self.value);
                        share.number = number;
                    }
                }
            }
        }
    }

    /// Whether there is a value that is counted, which `self.value` is then, and the number that is measured; else
    /// what its lack is counted as.
    fn measured(
        &mut self,
        planned: &Planned,
        position: u32,
        fields: &dyn Fields,
    ) -> Result<(bool, Option<Number>), &mut u64> {
        let measured = planned.measured();
        match planned.correlation.kind {
            CorrelationType::ValueCount => match self.keys.read(measured, position, fields) {
                Combinations::Missing => Err(&mut self.counts.missing),
                Combinations::Some(..) => {
                    self.keys.fold(0, &mut self.value);
                    Ok((true, None))
                }
            },
            CorrelationType::ValueSum
            | CorrelationType::ValueAverage
            | CorrelationType::ValuePercentile
            | CorrelationType::ValueMedian => {
                let Some(field) = measured.first() else { return Err(&mut self.counts.missing) };
                match numeric(field, position, fields) {
                    (_, Some(number)) => Ok((false, Some(number))),
                    (true, None) => Err(&mut self.counts.not_numeric),
                    (false, None) => Err(&mut self.counts.missing),
                }
            }
            _ => Ok((false, None)),
        }
    }
}

/// Whether a group that is not there can begin with this: a chain can't with a rule that only stands behind others.
pub(super) fn can_begin(planned: &Planned, share: &Share) -> bool {
    let Method::Ordered(automaton) = &planned.method else { return true };
    share.matched.iter().any(|(position, _)| automaton.begins_with(*position))
}
