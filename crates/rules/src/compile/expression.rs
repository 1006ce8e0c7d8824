//! Rules as Boolean expressions over atoms.
//!
//! Negation is moved down to the atoms, *and* in *and* and *or* in *or* are made flat, what stands twice
//! is taken once, and what is decided disappears. Two rules that mean the same by these steps have the
//! same expression.

use crate::compile::atom::{AtomId, Atoms};
use crate::sigma::condition::Condition;
use crate::sigma::detection::{Detection, Item};
use crate::sigma::rule::Rule;

/// A Boolean expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Expression {
    /// True of every event, or of none.
    Decided(bool),
    /// An atom holds.
    Atom(AtomId),
    /// An atom does not hold.
    Not(AtomId),
    /// All hold; at least two.
    And(Vec<Self>),
    /// One holds; at least two.
    Or(Vec<Self>),
}

impl Expression {
    /// The expression of a rule: any of its conditions.
    #[must_use]
    pub fn of_rule(rule: &Rule, atoms: &mut Atoms) -> Self {
        let conditions = rule.conditions.iter();
        let mut conditions =
            conditions.map(|condition| of_condition(condition, false, rule, atoms));
        Self::any(&mut conditions)
    }

    /// The expression of one condition of a rule.
    #[must_use]
    pub fn of_condition(condition: &Condition, rule: &Rule, atoms: &mut Atoms) -> Self {
        of_condition(condition, false, rule, atoms)
    }

    /// The expression of a detection.
    #[must_use]
    pub fn of_detection(part: &Detection, atoms: &mut Atoms) -> Self {
        of_detection(part, false, atoms)
    }

    /// What holds where this does not.
    #[must_use]
    pub fn negated(&self) -> Self {
        match self {
            Self::Decided(decided) => Self::Decided(!decided),
            Self::Atom(id) => Self::Not(*id),
            Self::Not(id) => Self::Atom(*id),
            Self::And(parts) => Self::any(&mut parts.iter().map(Self::negated)),
            Self::Or(parts) => Self::all(&mut parts.iter().map(Self::negated)),
        }
    }

    /// All of the parts.
    pub fn all(parts: &mut dyn Iterator<Item = Self>) -> Self {
        Self::join(parts, true)
    }

    /// Any of the parts.
    pub fn any(parts: &mut dyn Iterator<Item = Self>) -> Self {
        Self::join(parts, false)
    }

    fn join(parts: &mut dyn Iterator<Item = Self>, and: bool) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match (part, and) {
                (Self::Decided(decided), _) if decided == and => {}
                (Self::Decided(decided), _) => return Self::Decided(decided),
                (Self::And(inner), true) | (Self::Or(inner), false) => flat.extend(inner),
                (other, _) => flat.push(other),
            }
        }
        flat.sort_unstable();
        flat.dedup();
        match flat.len() {
            0 => Self::Decided(and),
            1 => flat.pop().unwrap_or(Self::Decided(and)),
            _ if and => Self::And(flat),
            _ => Self::Or(flat),
        }
    }

    /// What is left if `decide` knows some of the atoms.
    #[must_use]
    pub fn given(&self, decide: &dyn Fn(AtomId) -> Option<bool>) -> Self {
        match self {
            Self::Decided(decided) => Self::Decided(*decided),
            Self::Atom(id) => decide(*id).map_or_else(|| self.clone(), Self::Decided),
            Self::Not(id) => {
                decide(*id).map_or_else(|| self.clone(), |known| Self::Decided(!known))
            }
            Self::And(parts) => Self::all(&mut parts.iter().map(|part| part.given(decide))),
            Self::Or(parts) => Self::any(&mut parts.iter().map(|part| part.given(decide))),
        }
    }

    /// Calls `visit` for each atom, as often as it stands here.
    pub fn atoms(&self, visit: &mut dyn FnMut(AtomId)) {
        match self {
            Self::Decided(_) => {}
            Self::Atom(id) | Self::Not(id) => visit(*id),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.atoms(visit)),
        }
    }
}

fn of_condition(
    condition: &Condition,
    negated: bool,
    rule: &Rule,
    atoms: &mut Atoms,
) -> Expression {
    match condition {
        Condition::Detection(index) => match rule.detections.get(*index) {
            Some(named) => of_detection(&named.detection, negated, atoms),
            None => Expression::Decided(negated),
        },
        Condition::Not(inner) => of_condition(inner, !negated, rule, atoms),
        Condition::And(parts) | Condition::Or(parts) => {
            let and = matches!(condition, Condition::And(_)) != negated;
            let mut parts = parts.iter().map(|part| of_condition(part, negated, rule, atoms));
            Expression::join(&mut parts, and)
        }
    }
}

fn of_detection(detection: &Detection, negated: bool, atoms: &mut Atoms) -> Expression {
    match detection {
        Detection::Item(item) => of_item(item, negated, atoms),
        Detection::All(parts) | Detection::Any(parts) => {
            let and = matches!(detection, Detection::All(_)) != negated;
            let mut parts = parts.iter().map(|part| of_detection(part, negated, atoms));
            Expression::join(&mut parts, and)
        }
    }
}

fn of_item(item: &Item, negated: bool, atoms: &mut Atoms) -> Expression {
    let negated = negated != item.negated;
    let mut values = item.values.iter().map(|value| {
        let mut tests = value.tests.iter().map(|test| {
            let id = atoms.intern(item.target, test);
            if negated { Expression::Not(id) } else { Expression::Atom(id) }
        });
        Expression::join(&mut tests, negated)
    });
    Expression::join(&mut values, item.all != negated)
}
