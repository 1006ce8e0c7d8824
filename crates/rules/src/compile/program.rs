//! What is left of each rule, as a flat list of short-circuit steps.
//!
//! A step asks one test and says where to go on if it is true or false. Programs are written from their
//! end: the places to go to are known then. Cheap tests stand before dear ones, which changes nothing of
//! the result.

use crate::compile::expression::Expression;

/// The program ends: the rule holds.
pub const HOLDS: u32 = u32::MAX;
/// The program ends: the rule does not hold.
pub const FAILS: u32 = u32::MAX - 1;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Number of the test in its plan.
    pub test: u32,
    /// The next step if it is true.
    pub yes: u32,
    /// The next step if it is false.
    pub no: u32,
}

/// What the writer asks about atoms.
pub trait Tests {
    /// The number of the test of an atom, and what it costs to ask.
    fn of_atom(&mut self, atom: crate::compile::atom::AtomId) -> (u32, u32);
    /// Tests that stand for several atoms each, of which one suffices, and the parts they leave.
    fn of_any(&mut self, parts: &[Expression]) -> (Vec<u32>, Vec<Expression>);
}

/// Appends the steps of an expression to `steps`; returns the first of them (or [`HOLDS`], [`FAILS`]).
pub fn write(expression: &Expression, tests: &mut dyn Tests, steps: &mut Vec<Step>) -> u32 {
    part(expression, HOLDS, FAILS, tests, steps)
}

fn part(
    expression: &Expression,
    yes: u32,
    no: u32,
    tests: &mut dyn Tests,
    steps: &mut Vec<Step>,
) -> u32 {
    let mut step = |test, yes, no| {
        steps.push(Step { test, yes, no });
        u32::try_from(steps.len() - 1).unwrap_or(FAILS)
    };
    match expression {
        Expression::Decided(true) => yes,
        Expression::Decided(false) => no,
        Expression::Atom(atom) => step(tests.of_atom(*atom).0, yes, no),
        Expression::Not(atom) => step(tests.of_atom(*atom).0, no, yes),
        Expression::And(parts) => {
            let sorted = by_cost(parts.iter().collect(), tests);
            sorted.into_iter().rev().fold(yes, |next, one| part(one, next, no, tests, steps))
        }
        Expression::Or(parts) => {
            let (together, rest) = tests.of_any(parts);
            let sorted = by_cost(rest.iter().collect(), tests);
            let next =
                sorted.into_iter().rev().fold(no, |next, one| part(one, yes, next, tests, steps));
            together.into_iter().rev().fold(next, |next, test| {
                steps.push(Step { test, yes, no: next });
                u32::try_from(steps.len() - 1).unwrap_or(FAILS)
            })
        }
    }
}

fn by_cost<'e>(mut parts: Vec<&'e Expression>, tests: &mut dyn Tests) -> Vec<&'e Expression> {
    parts.sort_by_cached_key(|part| cost(part, tests));
    parts
}

/// What an expression costs, about: the sum of its tests.
fn cost(expression: &Expression, tests: &mut dyn Tests) -> u32 {
    let mut sum = 0_u32;
    expression.atoms(&mut |atom| sum = sum.saturating_add(tests.of_atom(atom).1));
    sum
}
