//! Whether a Boolean expression over atoms can hold of any event.
//!
//! Atoms are not independent: some pairs exclude each other ([`super::exclusion`]). An expression can hold
//! only if literals (an atom, or that it does not hold) can be chosen such that they make it true and no two
//! of them exclude each other.
//!
//! ```text
//! (a or b) and not a and not c,   a excludes not a
//!   1. `not c` excludes nothing in here, so it may as well hold:   (a or b) and not a
//!   2. the same for b:                                             not a
//!   3. the same for `not a`:                                       true, so it can hold
//! ```
//!
//! Step by step what excludes nothing is taken as true, which leaves little or nothing of nearly all rules;
//! what is left is searched. Both are bounded; beyond the bounds the expression counts as one that can hold.

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::expression::Expression;
use crate::lint::exclusion::{self, Assumption};
use crate::sigma::detection::Target;

/// Pairs of literals that are compared at most.
const PAIRS: usize = 200_000;
/// Steps of the search: goals that are looked at or carried along.
const STEPS: usize = 200_000;

/// An atom that holds, or that does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Literal {
    /// The atom.
    pub(super) atom: AtomId,
    /// Whether it holds.
    pub(super) holds: bool,
}

/// Two literals that exclude each other.
pub(super) type Conflict = (Literal, Literal);

/// Why an expression can never hold, as far as two literals tell; `None` if it can, or if that can't be
/// found out within the bounds.
pub(super) fn why_never(
    expression: &Expression,
    atoms: &Atoms,
    assumption: Assumption,
) -> Option<Option<Conflict>> {
    let conflicts = conflicts(expression, atoms, assumption)?;
    let rest = without_free(expression, &conflicts);
    let mut search = Search { conflicts: &conflicts, steps: STEPS, clash: None };
    let possible = search.solve(vec![&rest], HashSet::new());
    (!possible).then_some(search.clash)
}

/// For each literal those that it excludes.
type Conflicts = HashMap<Literal, Vec<Literal>>;

/// The literals of an expression, each once.
fn literals(expression: &Expression) -> Vec<Literal> {
    fn add(expression: &Expression, found: &mut Vec<Literal>) {
        match expression {
            Expression::Decided(_) => {}
            Expression::Atom(atom) => found.push(Literal { atom: *atom, holds: true }),
            Expression::Not(atom) => found.push(Literal { atom: *atom, holds: false }),
            Expression::And(parts) | Expression::Or(parts) => {
                parts.iter().for_each(|part| add(part, found));
            }
        }
    }
    let mut found = Vec::new();
    add(expression, &mut found);
    found.sort_unstable();
    found.dedup();
    found
}

/// The pairs that exclude each other; `None` if there are too many to look at.
fn conflicts(expression: &Expression, atoms: &Atoms, assumption: Assumption) -> Option<Conflicts> {
    let mut by_target: BTreeMap<Target, Vec<Literal>> = BTreeMap::new();
    for literal in literals(expression) {
        by_target.entry(atoms.get(literal.atom)?.target).or_default().push(literal);
    }
    let mut room = PAIRS;
    let mut found = Conflicts::new();
    for (target, group) in by_target {
        let single = exclusion::is_single(target, assumption);
        for (index, one) in group.iter().enumerate() {
            for other in group.get(index + 1..).unwrap_or_default() {
                let (first, second) = (atoms.get(one.atom)?, atoms.get(other.atom)?);
                let alike = one.holds == other.holds
                    && !exclusion::is_of_presence(&first.test)
                    && !exclusion::is_of_presence(&second.test);
                // Two tests that hold of one value each never exclude each other if there may be two.
                if alike && !(single && one.holds) {
                    continue;
                }
                room = room.checked_sub(1)?;
                let same = one.atom == other.atom;
                if same || exclusion::exclude((first, one.holds), (second, other.holds), single) {
                    found.entry(*one).or_default().push(*other);
                    found.entry(*other).or_default().push(*one);
                }
            }
        }
    }
    Some(found)
}

/// The expression with all literals that exclude nothing in it taken as true.
fn without_free(expression: &Expression, conflicts: &Conflicts) -> Expression {
    let mut rest = expression.clone();
    loop {
        let present = literals(&rest);
        let is_free = |literal: &Literal| {
            let excluded = conflicts.get(literal).map_or(&[][..], Vec::as_slice);
            !excluded.iter().any(|other| present.binary_search(other).is_ok())
        };
        // An atom that stands here both ways excludes itself, so a free one stands here one way alone.
        let free: HashMap<AtomId, bool> = present
            .iter()
            .filter(|literal| is_free(literal))
            .map(|literal| (literal.atom, literal.holds))
            .collect();
        if free.is_empty() {
            return rest;
        }
        rest = rest.given(&|atom| free.get(&atom).copied());
    }
}

struct Search<'a> {
    conflicts: &'a Conflicts,
    steps: usize,
    /// The first two literals that were seen to exclude each other.
    clash: Option<Conflict>,
}

impl Search<'_> {
    /// Whether all of `goals` can hold together with what is `chosen`; true when out of steps.
    fn solve(&mut self, mut goals: Vec<&Expression>, mut chosen: HashSet<Literal>) -> bool {
        if !self.spend(goals.len() + chosen.len()) {
            return true;
        }
        let mut choices = Vec::new();
        while let Some(goal) = goals.pop() {
            match goal {
                Expression::Decided(true) => {}
                Expression::Decided(false) => return false,
                Expression::And(parts) => {
                    if !self.spend(parts.len()) {
                        return true;
                    }
                    goals.extend(parts);
                }
                Expression::Or(parts) => choices.push((goal, parts)),
                Expression::Atom(atom) | Expression::Not(atom) => {
                    let holds = matches!(goal, Expression::Atom(_));
                    if !self.choose(Literal { atom: *atom, holds }, &mut chosen) {
                        return false;
                    }
                }
            }
        }
        let Some((_, parts)) = choices.pop() else { return true };
        parts.iter().any(|part| {
            let rest = choices.iter().map(|(goal, _)| *goal).chain([part]).collect();
            self.solve(rest, chosen.clone())
        })
    }

    /// Takes steps; false if there are no more.
    fn spend(&mut self, steps: usize) -> bool {
        let left = self.steps.checked_sub(steps + 1);
        self.steps = left.unwrap_or(0);
        left.is_some()
    }

    /// Adds a literal to those chosen; false if one of them excludes it.
    fn choose(&mut self, literal: Literal, chosen: &mut HashSet<Literal>) -> bool {
        if chosen.contains(&literal) {
            return true;
        }
        let excluded = self.conflicts.get(&literal).map_or(&[][..], Vec::as_slice);
        if let Some(other) = excluded.iter().find(|other| chosen.contains(*other)) {
            self.clash.get_or_insert((*other, literal));
            return false;
        }
        chosen.insert(literal);
        true
    }
}
