//! The groups to which one event contributes.
//!
//! An event contributes to a group for each combination of values of the fields that a correlation groups by, and to
//! each with all rules that it matches. They are worked out in memory that is there from the event before.

use etwatch_rules::sigma::value::Number;

use crate::key::Spelt;
use crate::plan::Planned;
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

/// Whether a group that is not there can begin with this: a chain can't with a rule that only stands behind others.
pub(super) fn can_begin(planned: &Planned, share: &Share) -> bool {
    let Method::Ordered(automaton) = &planned.method else { return true };
    share.matched.iter().any(|(position, _)| automaton.begins_with(*position))
}
