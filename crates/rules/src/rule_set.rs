//! All rules, routed by kind of event.
//!
//! Which rules apply to an event depends on its set of log sources, and there are few sets; which of them
//! can hold depends further on its event id. Each kind has its plan, which is built when the first such
//! event comes; ids that no rule of a set names are one kind.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use etwatch_event::{Event, FieldId, LogSource, LogSourceSetId, Value, Vocabulary};
use hashbrown::HashMap;

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::expression::Expression;
use crate::compile::plan::{Plan, Residue, given_event_id};
use crate::compile::witness::Witnesses;
use crate::evaluate::Evaluator;
use crate::matcher::Matcher;
use crate::sigma::Rule;
use crate::sigma::detection::Target;
use crate::sigma::value::{Number, Test};

/// Number of a rule in its [`RuleSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RuleIndex(u32);

impl RuleIndex {
    /// The rule at an index of [`RuleSet::rules`].
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index).ok().map(Self)
    }
    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A rule is true of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// Position of the event in its batch.
    pub row: u32,
    /// The rule.
    pub rule: RuleIndex,
}

/// The rules of one set of log sources and their plans.
#[derive(Debug, Default)]
struct Kinds {
    rules: Vec<RuleIndex>,
    /// Event ids that the rules name, each with its plan.
    named: HashMap<u64, OnceLock<Arc<Plan>>>,
    /// For other event ids.
    other: OnceLock<Arc<Plan>>,
    /// For events whose id is no plain number.
    general: OnceLock<Arc<Plan>>,
}

/// What is left of a rule if that is less than all of it.
type PlanKey = Vec<(RuleIndex, Option<Expression>)>;

/// Rules ready for events of one vocabulary.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    expressions: Vec<Expression>,
    atoms: Atoms,
    witnesses: Witnesses,
    kinds: Vec<Kinds>,
    layout_count: usize,
    /// Plans by what is in them: many kinds of events come to the same.
    plans: Mutex<HashMap<PlanKey, Arc<Plan>>>,
}

impl RuleSet {
    /// Compiles `rules` and routes them to the log-source sets of `vocabulary`, which must be complete.
    #[must_use]
    pub fn new(rules: Vec<Rule>, vocabulary: &Vocabulary) -> Self {
        let mut atoms = Atoms::default();
        let expressions: Vec<_> =
            rules.iter().map(|rule| Expression::of_rule(rule, &mut atoms)).collect();
        let witnesses = Witnesses::new(&atoms, &expressions, &vocabulary.fields);
        let kinds = route(&rules, &expressions, &atoms, vocabulary);
        let plans = Mutex::default();
        let layout_count = vocabulary.layout_count();
        Self { rules, expressions, atoms, witnesses, kinds, layout_count, plans }
    }
    /// The rules in order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
    /// The rule with this number.
    #[must_use]
    pub fn get(&self, index: RuleIndex) -> Option<&Rule> {
        self.rules.get(index.index())
    }
    /// The expression of a rule.
    #[must_use]
    pub fn expression(&self, index: RuleIndex) -> Option<&Expression> {
        self.expressions.get(index.index())
    }
    /// The atoms of all rules.
    #[must_use]
    pub fn atoms(&self) -> &Atoms {
        &self.atoms
    }
    /// What the rules are looked for by.
    #[must_use]
    pub fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }
    /// The rules that apply to events with this set of log sources.
    #[must_use]
    pub fn applying(&self, set: LogSourceSetId) -> &[RuleIndex] {
        self.kinds.get(set.index()).map_or(&[], |kinds| kinds.rules.as_slice())
    }
    /// The rules that have no witness and are evaluated on each event of their log source.
    pub fn without_witness(&self) -> impl Iterator<Item = &Rule> {
        let numbered = self.rules.iter().zip(&self.expressions);
        let without =
            |(_, expression): &(&Rule, &Expression)| self.witnesses.of(expression).is_none();
        numbered.filter(without).map(|(rule, _)| rule)
    }
    /// The plan for events with this set of log sources and this event id (`None`: no plain number).
    #[must_use]
    pub fn plan(&self, set: LogSourceSetId, event_id: Option<u64>) -> Option<&Plan> {
        let kinds = self.kinds.get(set.index())?;
        let plan = match event_id {
            None => kinds.general.get_or_init(|| self.build(kinds, Expression::clone)),
            Some(id) => match kinds.named.get(&id) {
                Some(plan) => plan.get_or_init(|| {
                    self.build(kinds, |whole| given_event_id(whole, id, &self.atoms))
                }),
                None => kinds.other.get_or_init(|| {
                    self.build(kinds, |whole| whole.given(&|atom| self.unnamed(atom)))
                }),
            },
        };
        Some(plan)
    }
    /// The event ids that a rule names.
    #[must_use]
    pub fn event_ids(&self, index: RuleIndex) -> Vec<u64> {
        self.expression(index).map(|whole| named_ids(whole, &self.atoms)).unwrap_or_default()
    }
    /// Builds the plans of all kinds of events; returns how many different ones there are.
    pub fn build_all(&self) -> usize {
        for (index, kinds) in self.kinds.iter().enumerate() {
            let Some(set) = LogSourceSetId::from_index(index) else { continue };
            for id in kinds.named.keys().copied().map(Some).chain([Some(u64::MAX), None]) {
                let _ = self.plan(set, id);
            }
        }
        self.plans.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether an atom is decided for an event id that no rule names.
    fn unnamed(&self, atom: AtomId) -> Option<bool> {
        let atom = self.atoms.get(atom)?;
        let of_id = atom.target == Target::Field(FieldId::EVENT_ID);
        let number = matches!(atom.test, Test::Number { number: Number::Integer(_), .. });
        (of_id && number).then_some(false)
    }

    fn build(&self, kinds: &Kinds, rest: impl Fn(&Expression) -> Expression) -> Arc<Plan> {
        let mut residues = Vec::new();
        let mut key = PlanKey::new();
        for index in &kinds.rules {
            let Some(whole) = self.expressions.get(index.index()) else { continue };
            let expression = rest(whole);
            if expression == Expression::Decided(false) {
                continue;
            }
            key.push((*index, (expression != *whole).then(|| expression.clone())));
            residues.push(Residue { rule: *index, expression });
        }
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let new =
            || Arc::new(Plan::new(&residues, &self.atoms, &self.witnesses, self.layout_count));
        Arc::clone(plans.entry(key).or_insert_with(new))
    }

    /// Adds the matches of an event, which is at `row` of its batch, in the order of the rules.
    /// Returns whether any rule applies to it at all.
    pub fn matches(
        &self,
        event: &Event<'_>,
        row: u32,
        matcher: &mut Matcher,
        matches: &mut Vec<Match>,
    ) -> bool {
        let set = event.source_set();
        if self.applying(set).is_empty() {
            return false;
        }
        if let Some(plan) = self.plan(set, event_id(event)) {
            matcher.run(plan, &self.atoms, event, row, matches);
        }
        true
    }

    /// The same by the plain evaluator: what [`RuleSet::matches`] is measured by.
    pub fn matches_plainly(
        &self,
        event: &Event<'_>,
        row: u32,
        evaluator: &mut Evaluator,
        matches: &mut Vec<Match>,
    ) -> bool {
        let applying = self.applying(event.source_set());
        evaluator.begin();
        for index in applying {
            if let Some(rule) = self.get(*index)
                && evaluator.is_true(rule, event)
            {
                matches.push(Match { row, rule: *index });
            }
        }
        !applying.is_empty()
    }
}

/// The event's id, if it is one plain number.
fn event_id(event: &Event<'_>) -> Option<u64> {
    // Fields of the header have the slot of their number in all layouts.
    match event.in_slot(FieldId::EVENT_ID.index()).only() {
        Some(Value::Unsigned(id)) => Some(id),
        _ => None,
    }
}

fn route(
    rules: &[Rule],
    expressions: &[Expression],
    atoms: &Atoms,
    vocabulary: &Vocabulary,
) -> Vec<Kinds> {
    let mut by_source: HashMap<&LogSource, Vec<RuleIndex>> = HashMap::new();
    for (index, rule) in (0..).zip(rules) {
        by_source.entry(&rule.log_source).or_default().push(RuleIndex(index));
    }
    let named: Vec<Vec<u64>> =
        expressions.iter().map(|expression| named_ids(expression, atoms)).collect();
    let kinds = |set: &etwatch_event::LogSourceSet| {
        let mut rules: Vec<RuleIndex> = by_source
            .iter()
            .filter(|(source, _)| set.fits(source))
            .flat_map(|(_, rules)| rules.iter().copied())
            .collect();
        rules.sort_unstable();
        let ids = rules.iter().filter_map(|rule| named.get(rule.index())).flatten();
        let named = ids.map(|id| (*id, OnceLock::new())).collect();
        Kinds { rules, named, ..Kinds::default() }
    };
    vocabulary.sets().iter().map(kinds).collect()
}

/// The event ids that an expression names.
fn named_ids(expression: &Expression, atoms: &Atoms) -> Vec<u64> {
    let mut ids = Vec::new();
    expression.atoms(&mut |id| {
        if let Some(atom) = atoms.get(id)
            && atom.target == Target::Field(FieldId::EVENT_ID)
            && let Test::Number { number: Number::Integer(number), .. } = &atom.test
        {
            ids.extend(u64::try_from(*number).ok());
        }
    });
    ids.sort_unstable();
    ids.dedup();
    ids
}
