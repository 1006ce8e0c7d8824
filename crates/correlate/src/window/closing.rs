//! Windows whose condition can only be decided when they close.
//!
//! A condition such as `lt: 5` is true of every window before it is full. So a window opens with the first
//! contribution of its group, takes all that come within the timespan, is decided once the host's time has
//! passed it, and the next contribution opens another.

use std::collections::BTreeSet;

use etwatch_rules::sigma::correlation::{CorrelationCondition, CorrelationType, Measured};
use etwatch_rules::sigma::value::Number;
use serde::{Deserialize, Serialize};

use super::ordered::{Automaton, OrderedWindow};
use super::step::{Recent, Step};
use super::sum::{Summand, as_float, sum};
use super::temporal::TemporalWindow;
use crate::bytes::of_block;

/// Numbers, or different values, that a window keeps; what is beyond is counted.
pub(crate) const MOST_KEPT: usize = 1 << 16;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Content {
    Count,
    Values(BTreeSet<Box<str>>),
    Temporal(TemporalWindow),
    Ordered(OrderedWindow),
    Numbers(Vec<Summand>),
}

/// A window from its first contribution on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClosingWindow {
    /// When it began.
    pub(crate) opened: u64,
    content: Content,
    pub(crate) recent: Recent,
    bytes: usize,
}

impl ClosingWindow {
    pub(crate) fn new(kind: CorrelationType, opened: u64) -> Self {
        let content = match kind {
            CorrelationType::EventCount => Content::Count,
            CorrelationType::ValueCount => Content::Values(BTreeSet::new()),
            CorrelationType::Temporal => Content::Temporal(TemporalWindow::default()),
            CorrelationType::TemporalOrdered => Content::Ordered(OrderedWindow::default()),
            _ => Content::Numbers(Vec::new()),
        };
        Self { opened, content, recent: Recent::default(), bytes: 0 }
    }

    /// Returns whether something could not be kept for want of room.
    pub(crate) fn add(
        &mut self,
        position: u32,
        value: Option<&str>,
        number: Option<Number>,
        step: &Step,
        automaton: &Automaton,
    ) -> bool {
        self.recent.add(step.clone());
        match &mut self.content {
            Content::Count => {}
            Content::Values(values) => {
                let Some(value) = value else { return false };
                if values.contains(value) {
                    return false;
                }
                if values.len() >= MOST_KEPT {
                    return true;
                }
                // Nodes of the tree are two thirds full.
                self.bytes += of_block(value.len()) + size_of::<Box<str>>() * 3 / 2;
                values.insert(value.into());
            }
            Content::Temporal(window) => {
                window.add(position, step.clone());
            }
            Content::Ordered(window) => {
                window.add(position, step.clone(), self.opened, automaton);
            }
            Content::Numbers(numbers) => {
                let Some(number) = number else { return false };
                if numbers.len() >= MOST_KEPT {
                    return true;
                }
                numbers.push(number.into());
                self.bytes = of_block(numbers.capacity() * size_of::<Summand>());
            }
        }
        false
    }

    /// What the window came to, if that fulfils the condition; `count` is how many contributions there were.
    pub(crate) fn decide(
        &self,
        kind: CorrelationType,
        condition: &CorrelationCondition,
        count: u64,
    ) -> Option<Number> {
        let whole = |count: usize| Number::Integer(i128::try_from(count).unwrap_or(i128::MAX));
        let measured = match condition {
            CorrelationCondition::Measured(measured) => measured,
            CorrelationCondition::Expression(expression) => {
                let Content::Temporal(window) = &self.content else { return None };
                let holds = expression.holds(&mut |rule| window.has(rule));
                return holds.then(|| whole(window.len()));
            }
        };
        let measure = match &self.content {
            Content::Count => Number::Integer(count.into()),
            Content::Values(values) => whole(values.len()),
            Content::Temporal(window) => whole(window.len()),
            Content::Ordered(window) => whole(window.longest()),
            Content::Numbers(numbers) => measure(kind, numbers, measured)?,
        };
        measured.holds(measure).then_some(measure)
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        match &self.content {
            Content::Temporal(window) => window.steps().cloned().collect(),
            _ => self.recent.steps().cloned().collect(),
        }
    }
    pub(crate) fn each_step(&mut self, visit: &mut dyn FnMut(&mut Step)) {
        self.recent.steps_mut().for_each(&mut *visit);
        match &mut self.content {
            Content::Temporal(window) => window.steps_mut().for_each(visit),
            Content::Ordered(window) => window.steps_mut().for_each(visit),
            Content::Count | Content::Values(_) | Content::Numbers(_) => {}
        }
    }
    /// How far it has come, for the order in which windows go.
    pub(crate) fn progress(&self) -> usize {
        match &self.content {
            Content::Temporal(window) => window.len(),
            Content::Ordered(window) => window.longest(),
            _ => 1,
        }
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let of_content = match &self.content {
            Content::Temporal(window) => window.heap_bytes(),
            Content::Ordered(window) => window.heap_bytes(),
            _ => self.bytes,
        };
        of_content + self.recent.heap_bytes()
    }
}

/// The measure of numbers; none of none.
fn measure(kind: CorrelationType, numbers: &[Summand], measured: &Measured) -> Option<Number> {
    let count = i128::try_from(numbers.len()).ok().filter(|count| *count > 0)?;
    let all = || sum(numbers.iter().copied());
    Some(match kind {
        CorrelationType::ValueSum => all(),
        CorrelationType::ValueAverage => match all() {
            Number::Integer(whole) if whole % count == 0 => Number::Integer(whole / count),
            Number::Integer(whole) => Number::Float(as_float(whole) / as_float(count)),
            Number::Float(whole) => Number::Float(whole / as_float(count)),
        },
        CorrelationType::ValueMedian => percentile(numbers, 50.0)?,
        _ => percentile(numbers, measured.percentile?)?,
    })
}

/// The value at a rank from 0 to 100, between the two closest ones where none has it.
fn percentile(numbers: &[Summand], rank: f64) -> Option<Number> {
    let mut sorted: Vec<Number> = numbers.iter().map(|number| (*number).into()).collect();
    sorted.sort_by(|one, other| one.order(other).unwrap_or(std::cmp::Ordering::Equal));
    let last = i128::try_from(sorted.len()).ok()? - 1;
    let place = rank / 100.0 * as_float(last);
    let below = place.floor();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the list")]
    let index = below as usize;
    let low = *sorted.get(index)?;
    let share = place - below;
    let Some(high) = sorted.get(index + 1).filter(|_| share > 0.0) else { return Some(low) };
    let float = |number: &Number| match number {
        Number::Integer(number) => as_float(*number),
        Number::Float(number) => *number,
    };
    Some(Number::Float(float(&low) + (float(high) - float(&low)) * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(numbers: &[i128], rank: f64) -> Option<Number> {
        let numbers: Vec<_> = numbers.iter().map(|number| Summand::Whole(*number)).collect();
        percentile(&numbers, rank)
    }

    #[test]
    fn ranks_between_two_values_lie_between_them() {
        assert_eq!(at(&[100, 1, 2], 50.0), Some(Number::Integer(2)));
        assert_eq!(at(&[4, 1, 2, 3], 50.0), Some(Number::Float(2.5)));
        assert_eq!(at(&[1, 2, 3, 4, 5], 90.0), Some(Number::Float(4.6)));
        assert_eq!(at(&[7], 99.0), Some(Number::Integer(7)));
        assert_eq!(at(&[1, 9], 100.0), Some(Number::Integer(9)));
        assert_eq!(at(&[], 50.0), None);
    }

    #[test]
    fn a_sum_of_fractions_loses_nothing_to_their_order() {
        let numbers = [1e16, 1.0, -1e16, 1.0].map(Summand::Fraction);
        assert_eq!(sum(numbers.into_iter()), Number::Float(2.0));
    }
}
