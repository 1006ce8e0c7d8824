//! Conditions: which detections must hold.
//!
//! A condition is a tree over detections, which are named by their position in the rule; in that of a
//! correlation they are rules. `parse` reads it from text, where patterns have become the detections that
//! they cover. Filters are joined to trees, never to text.

mod parse;

pub(crate) use parse::names;
pub use parse::{DEPTH_LIMIT, NAMED_LIMIT, TEXT_LIMIT, parse};

/// A condition over detections, which are named by their position in the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A detection holds.
    Detection(usize),
    /// All hold.
    And(Vec<Self>),
    /// One holds.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
}

impl Condition {
    /// Calls `visit` for each detection, with whether it counts negated.
    pub fn detections(&self, negated: bool, visit: &mut impl FnMut(usize, bool)) {
        match self {
            Self::Detection(index) => visit(*index, negated),
            Self::And(parts) | Self::Or(parts) => {
                parts.iter().for_each(|part| part.detections(negated, visit));
            }
            Self::Not(part) => part.detections(!negated, visit),
        }
    }
    /// The same over detections that stand `offset` places further on.
    #[must_use]
    pub fn moved(&self, offset: usize) -> Self {
        self.renumbered(&|index| index + offset)
    }
    /// The same over detections that have other numbers.
    #[must_use]
    pub fn renumbered(&self, number: &dyn Fn(usize) -> usize) -> Self {
        let all = |parts: &[Self]| parts.iter().map(|part| part.renumbered(number)).collect();
        match self {
            Self::Detection(index) => Self::Detection(number(*index)),
            Self::And(parts) => Self::And(all(parts)),
            Self::Or(parts) => Self::Or(all(parts)),
            Self::Not(part) => Self::Not(Box::new(part.renumbered(number))),
        }
    }
    /// Makes it hold only if `other` holds too.
    pub fn join(&mut self, other: Self) {
        match self {
            Self::And(parts) => parts.push(other),
            _ => {
                let this = std::mem::replace(self, Self::Or(Vec::new()));
                *self = Self::And(vec![this, other]);
            }
        }
    }
    /// Whether it has a `not` anywhere.
    #[must_use]
    pub fn has_not(&self) -> bool {
        match self {
            Self::Detection(_) => false,
            Self::Not(_) => true,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::has_not),
        }
    }
    /// Whether it holds, given which detections do.
    pub fn holds(&self, detection: &mut impl FnMut(usize) -> bool) -> bool {
        match self {
            Self::Detection(index) => detection(*index),
            Self::And(parts) => parts.iter().all(|part| part.holds(detection)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(detection)),
            Self::Not(part) => !part.holds(detection),
        }
    }
}
