//! What is left of each rule, as a flat list of short-circuit steps.
//!
//! A step asks one test and says where to go on if it is true or false. Programs are written from their
//! end: the places to go to are known then. What costs little and often decides stands first, which
//! changes nothing of the result.

use crate::compile::atom::AtomId;
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
    /// Whether it is false unless the search says something of it.
    pub marked: bool,
    /// The next step if it is true.
    pub yes: u32,
    /// The next step if it is false.
    pub no: u32,
}

/// What the writer asks about atoms.
pub trait Tests {
    /// The test of an atom.
    fn of_atom(&mut self, atom: AtomId) -> Asking;
    /// Tests that stand for several atoms each, of which one suffices, and the parts they leave.
    fn of_any(&mut self, parts: &[Expression]) -> (Vec<Asking>, Vec<Expression>);
}

/// A test, and what is thought of it.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Its number in its plan.
    pub test: u32,
    /// Whether it is false unless the search says something of it.
    pub marked: bool,
    /// What it costs, on a scale of its own.
    pub cost: f32,
    /// How often it holds, from 0 to 1, of the events for which its rules are run.
    pub share: f32,
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
    match expression {
        Expression::Decided(true) => yes,
        Expression::Decided(false) => no,
        Expression::Atom(atom) => step(tests.of_atom(*atom), yes, no, steps),
        Expression::Not(atom) => step(tests.of_atom(*atom), no, yes, steps),
        Expression::And(parts) => {
            let sorted = in_order(parts.iter().collect(), true, tests);
            sorted.into_iter().rev().fold(yes, |next, one| part(one, next, no, tests, steps))
        }
        Expression::Or(parts) => {
            let (together, rest) = tests.of_any(parts);
            let sorted = in_order(rest.iter().collect(), false, tests);
            let next =
                sorted.into_iter().rev().fold(no, |next, one| part(one, yes, next, tests, steps));
            together.into_iter().rev().fold(next, |next, test| step(test, yes, next, steps))
        }
    }
}

fn step(asking: Asking, yes: u32, no: u32, steps: &mut Vec<Step>) -> u32 {
    let Asking { test, marked, .. } = asking;
    steps.push(Step { test, marked, yes, no });
    u32::try_from(steps.len() - 1).unwrap_or(FAILS)
}

/// The parts in the order that decides soonest for the least: what costs little and often decides comes
/// first.
fn in_order<'e>(
    mut parts: Vec<&'e Expression>,
    and: bool,
    tests: &mut dyn Tests,
) -> Vec<&'e Expression> {
    let mut dearness = |part: &Expression| {
        let (cost, share) = worth(part, tests);
        let decides = if and { 1.0 - share } else { share };
        cost / decides.max(0.001)
    };
    let mut priced: Vec<_> = parts.drain(..).map(|part| (dearness(part), part)).collect();
    priced.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    priced.into_iter().map(|(_, part)| part).collect()
}

/// What an expression costs, about, and how often it holds.
fn worth(expression: &Expression, tests: &mut dyn Tests) -> (f32, f32) {
    let mut join = |parts: &[Expression], and: bool| {
        let mut sum = (0.0, 1.0);
        for part in parts {
            let (cost, share) = worth(part, tests);
            // Of later parts only what earlier ones leave open is asked.
            sum.0 += cost * sum.1;
            sum.1 *= if and { share } else { 1.0 - share };
        }
        (sum.0, if and { sum.1 } else { 1.0 - sum.1 })
    };
    match expression {
        Expression::Decided(decided) => (0.0, f32::from(u8::from(*decided))),
        Expression::Atom(atom) => {
            let Asking { cost, share, .. } = tests.of_atom(*atom);
            (cost, share)
        }
        Expression::Not(atom) => {
            let Asking { cost, share, .. } = tests.of_atom(*atom);
            (cost, 1.0 - share)
        }
        Expression::And(parts) => join(parts, true),
        Expression::Or(parts) => join(parts, false),
    }
}
