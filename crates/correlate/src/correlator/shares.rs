//! The groups that an event contributes to, and what it gives each: a match that lacks a field that is grouped by, or
//! measured, contributes to none and is counted.

use std::sync::Arc;

use etwatch_rules::sigma::correlation::CorrelationType;
use etwatch_rules::sigma::value::Number;

use super::{Correlator, Given};
use crate::key::{Combinations, Fields, numeric};
use crate::plan::Planned;

/// A group to which an event contributes.
pub(super) struct Share {
    pub(super) folded: String,
    pub(super) shown: Box<[Box<str>]>,
    pub(super) matched: Vec<(u32, Arc<str>)>,
    pub(super) value: Option<String>,
    pub(super) number: Option<Number>,
}

impl Correlator {
    /// The groups that an event contributes to.
    pub(super) fn shares(&mut self, planned: &Planned, given: &Given<'_>) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        let kind = planned.correlation.kind;
        for (position, evidence) in given.matched {
            let (value, number) = match self.measured(planned, *position, given.fields) {
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
                let folded = self.keys.folded(number_of_key);
                match shares.iter_mut().find(|share| share.folded == folded) {
                    Some(share) if kind.is_temporal() => {
                        share.matched.push((*position, Arc::clone(evidence)));
                    }
                    // An event counts once, whichever of the rules it matches.
                    Some(_) => {}
                    None => {
                        let folded = folded.to_owned();
                        shares.push(Share {
                            folded,
                            shown: self.keys.shown(number_of_key),
                            matched: vec![(*position, Arc::clone(evidence))],
                            value: value.clone(),
                            number,
                        });
                    }
                }
            }
        }
        shares
    }

    /// The value that is counted, or the number that is measured; else what its lack is counted as.
    fn measured(
        &mut self,
        planned: &Planned,
        position: u32,
        fields: &dyn Fields,
    ) -> Result<(Option<String>, Option<Number>), &mut u64> {
        let measured = planned.measured();
        match planned.correlation.kind {
            CorrelationType::ValueCount => match self.keys.read(measured, position, fields) {
                Combinations::Missing => Err(&mut self.counts.missing),
                Combinations::Some(..) => Ok((Some(self.keys.folded(0).to_owned()), None)),
            },
            CorrelationType::ValueSum
            | CorrelationType::ValueAverage
            | CorrelationType::ValuePercentile
            | CorrelationType::ValueMedian => {
                let Some(field) = measured.first() else { return Err(&mut self.counts.missing) };
                match numeric(field, position, fields) {
                    (_, Some(number)) => Ok((None, Some(number))),
                    (true, None) => Err(&mut self.counts.not_numeric),
                    (false, None) => Err(&mut self.counts.missing),
                }
            }
            _ => Ok((None, None)),
        }
    }
}
