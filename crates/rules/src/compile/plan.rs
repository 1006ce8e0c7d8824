//! What is run for one kind of event: a set of log sources and, where rules name it, an event id.
//!
//! What the event id decides of each rule is decided and rules that can't hold are left out; the rest is
//! built in `build`.

use std::sync::OnceLock;

use aho_corasick::packed;
use etwatch_event::{Event, FieldId, Value};

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::build::Builder;
use crate::compile::expression::Expression;
use crate::compile::index::FieldIndex;
use crate::compile::program::Step;
use crate::compile::witness::Witnesses;
use crate::evaluate::holds_for;
use crate::rule_set::RuleIndex;
use crate::sigma::detection::Target;
use crate::sigma::value::Test;

/// A position in [`Plan::fields`], or one of [`Plan::ALL_VALUES`] and [`Plan::NO_FIELD`].
pub type Position = u32;

/// How a test of a plan is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// By the search for witnesses: it holds if its mark is set.
    Marked,
    /// By asking the atom, once an event.
    Asked(AtomId, Position),
    /// By asking the atom if the search has found what it requires.
    Gated(AtomId, Position),
    /// By one search for the texts of several atoms of a field, see [`Plan::any_of`].
    AnyOf(u32),
}

/// Several texts of which one must stand in a value of a field.
#[derive(Debug)]
pub struct AnyOf {
    /// The field.
    pub target: Target,
    /// Where it is in the plan.
    pub position: Position,
    /// Finds any of them.
    pub searcher: packed::Searcher,
    /// The atoms it stands for.
    pub atoms: Vec<AtomId>,
}

/// A field that a plan looks at.
#[derive(Debug)]
pub struct PlanField {
    /// The field.
    pub field: FieldId,
    /// The literals looked for in it.
    pub index: FieldIndex,
    /// Whether the text of its values is needed.
    pub text: bool,
}

/// What a found literal says of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u32);

impl Mark {
    /// The test holds, or else it may hold and has to be asked.
    #[must_use]
    pub fn new(test: u32, holds: bool) -> Self {
        Self(test << 1 | u32::from(holds))
    }
    /// Number of the test in its plan.
    #[must_use]
    pub fn test(self) -> usize {
        (self.0 >> 1) as usize
    }
    /// Whether the test holds for sure.
    #[must_use]
    pub fn holds(self) -> bool {
        self.0 & 1 == 1
    }
}

/// What a found literal leads to: ranges of [`Plan::marks`] and [`Plan::nominated`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Hit {
    pub(super) marks: (u32, u32),
    pub(super) nominated: (u32, u32),
}

/// A program of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// The rule it decides.
    pub rule: RuleIndex,
    /// Its first step.
    pub start: u32,
}

/// A slot of a layout, and the position in [`Plan::fields`] of the field that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The slot.
    pub slot: u16,
    /// The position.
    pub field: Position,
}

/// Everything that is run for one kind of event.
#[derive(Debug, Default)]
pub struct Plan {
    /// The fields it looks at.
    pub fields: Vec<PlanField>,
    /// For each field id the position in `fields`, or [`Plan::NO_FIELD`].
    pub(super) slots: Vec<Position>,
    /// For each layout the slots whose text is wanted, found out when the first such event comes.
    wanted: Vec<OnceLock<Box<[Wanted]>>>,
    /// The literals looked for in every value.
    pub keywords: FieldIndex,
    /// Whether a value that is no text, such as a number, may have a keyword in it.
    pub keywords_in_others: bool,
    pub(super) hits: Vec<Hit>,
    pub(super) marks: Vec<Mark>,
    pub(super) nominated: Vec<u32>,
    /// How each test is answered.
    pub tests: Vec<Answer>,
    /// Searches for several texts at once.
    pub(super) any_of: Vec<AnyOf>,
    /// What marks stand for, for showing.
    pub(super) proven: Vec<(u32, AtomId)>,
    /// The steps of all programs.
    pub steps: Vec<Step>,
    /// The programs in the order of their rules.
    pub programs: Vec<Program>,
    /// Programs that are run for every event: their rules have no witness.
    pub always: Vec<u32>,
}

/// A rule that may hold for a kind of event, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Residue {
    /// The rule.
    pub rule: RuleIndex,
    /// What the event id leaves open.
    pub expression: Expression,
}

/// What is left of a rule's expression for events with this id.
#[must_use]
pub fn given_event_id(expression: &Expression, id: u64, atoms: &Atoms) -> Expression {
    expression.given(&|atom| {
        let atom = atoms.get(atom)?;
        let of_id = atom.target == Target::Field(FieldId::EVENT_ID)
            && !matches!(atom.test, Test::FieldReference { .. });
        of_id.then(|| holds_for(&atom.test, &Value::Unsigned(id)))
    })
}

impl Plan {
    /// A field that the plan does not look at.
    pub const NO_FIELD: Position = Position::MAX;
    /// All values of the event.
    pub const ALL_VALUES: Position = Position::MAX - 1;

    /// Builds the plan of these rules, which are in order.
    #[must_use]
    pub fn new(
        rules: &[Residue],
        atoms: &Atoms,
        witnesses: &Witnesses,
        layout_count: usize,
    ) -> Self {
        let mut plan = Builder::new(rules, atoms, witnesses).build();
        plan.wanted.resize_with(layout_count, OnceLock::new);
        plan
    }

    /// The slots of an event's layout whose text is wanted.
    #[inline]
    #[must_use]
    pub fn wanted(&self, event: &Event<'_>) -> &[Wanted] {
        let Some(wanted) = self.wanted.get(event.layout_id().index()) else { return &[] };
        wanted.get_or_init(|| {
            let slots = (0_u16..).zip(event.layout().fields());
            let wanted = slots.filter_map(|(slot, id)| {
                let field = self.slot(*id)?;
                let text = self.fields.get(field).is_some_and(|field| field.text);
                let field = Position::try_from(field).ok().filter(|_| text)?;
                Some(Wanted { slot, field })
            });
            wanted.collect()
        })
    }

    /// The position of a field in [`Plan::fields`].
    #[must_use]
    pub fn slot(&self, field: FieldId) -> Option<usize> {
        let slot = self.slots.get(field.index()).copied().unwrap_or(Self::NO_FIELD);
        (slot != Self::NO_FIELD).then_some(slot as usize)
    }
    /// What a found literal says of tests.
    #[must_use]
    pub fn marks(&self, hit: u32) -> &[Mark] {
        let Some(Hit { marks: (from, to), .. }) = self.hits.get(hit as usize) else { return &[] };
        self.marks.get(*from as usize..*to as usize).unwrap_or_default()
    }
    /// The search behind [`Answer::AnyOf`].
    #[must_use]
    pub fn any_of(&self, number: u32) -> Option<&AnyOf> {
        self.any_of.get(number as usize)
    }
    /// The atoms of which one holds if a mark is set.
    pub fn proven(&self, test: u32) -> impl Iterator<Item = AtomId> {
        self.proven.iter().filter(move |(mark, _)| *mark == test).map(|(_, atom)| *atom)
    }
    /// The programs that are run because a literal was found.
    #[must_use]
    pub fn nominated(&self, hit: u32) -> &[u32] {
        let Some(Hit { nominated: (from, to), .. }) = self.hits.get(hit as usize) else {
            return &[];
        };
        self.nominated.get(*from as usize..*to as usize).unwrap_or_default()
    }
}
