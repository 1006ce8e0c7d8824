//! `value_sum` with a lower bound: the values in the window and their sum.
//!
//! Whole numbers are summed exactly; those with a fraction anew, with compensation, each time the sum is
//! asked for, since taking one away again would not give the sum of the others.

use std::collections::VecDeque;

use etwatch_rules::sigma::value::Number;
use serde::{Deserialize, Serialize};

use super::step::{Recent, Step};
use crate::bytes::of_block;

/// Values that are kept; beyond, the two oldest become one.
pub(crate) const MOST_VALUES: usize = 1 << 16;

/// A number as it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Summand {
    Whole(i128),
    Fraction(f64),
}

impl From<Number> for Summand {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(number) => Self::Whole(number),
            Number::Float(number) => Self::Fraction(number),
        }
    }
}

impl From<Summand> for Number {
    fn from(summand: Summand) -> Self {
        match summand {
            Summand::Whole(number) => Self::Integer(number),
            Summand::Fraction(number) => Self::Float(number),
        }
    }
}

/// The sum of some numbers: whole if they are.
pub(crate) fn sum(numbers: impl Iterator<Item = Summand>) -> Number {
    let (mut whole, mut fraction, mut lost, mut has_fraction) = (0_i128, 0.0_f64, 0.0_f64, false);
    for number in numbers {
        match number {
            Summand::Whole(number) => whole = whole.saturating_add(number),
            Summand::Fraction(number) => {
                has_fraction = true;
                // Neumaier's variant of compensated summation.
                let together = fraction + number;
                lost += if fraction.abs() >= number.abs() {
                    (fraction - together) + number
                } else {
                    (number - together) + fraction
                };
                fraction = together;
            }
        }
    }
    if has_fraction {
        Number::Float(as_float(whole) + (fraction + lost))
    } else {
        Number::Integer(whole)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a float is what is asked for")]
pub(crate) fn as_float(number: i128) -> f64 {
    number as f64
}

/// Values in the order of their times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SumWindow {
    values: VecDeque<(u64, Summand)>,
    /// The sum of the whole ones.
    whole: i128,
    fractions: usize,
    pub(crate) recent: Recent,
}

impl SumWindow {
    pub(crate) fn expire(&mut self, from: u64) {
        while self.values.front().is_some_and(|(time, _)| *time < from) {
            self.pop();
        }
        self.recent.expire(from);
    }
    /// Returns whether two values had to become one for want of room.
    pub(crate) fn add(&mut self, value: Number, step: Step) -> bool {
        let is_full = self.values.len() >= MOST_VALUES;
        if is_full && let (Some((time, one)), Some((_, other))) = (self.pop(), self.pop()) {
            let both = sum([one, other].into_iter()).into();
            self.count(both);
            self.values.push_front((time, both));
        }
        let value = value.into();
        self.count(value);
        let place = self.values.partition_point(|(time, _)| *time <= step.time);
        self.values.insert(place, (step.time, value));
        self.recent.add(step);
        is_full
    }
    fn count(&mut self, value: Summand) {
        match value {
            Summand::Whole(number) => self.whole = self.whole.saturating_add(number),
            Summand::Fraction(_) => self.fractions += 1,
        }
    }
    fn pop(&mut self) -> Option<(u64, Summand)> {
        let popped = self.values.pop_front()?;
        match popped.1 {
            Summand::Whole(number) => self.whole = self.whole.saturating_sub(number),
            Summand::Fraction(_) => self.fractions = self.fractions.saturating_sub(1),
        }
        Some(popped)
    }
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
    pub(crate) fn sum(&self) -> Number {
        if self.fractions == 0 {
            return Number::Integer(self.whole);
        }
        sum(self.values.iter().map(|(_, value)| *value))
    }
    pub(crate) fn first(&self) -> Option<u64> {
        self.values.front().map(|(time, _)| *time)
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        of_block(self.values.capacity() * size_of::<(u64, Summand)>()) + self.recent.heap_bytes()
    }
}
