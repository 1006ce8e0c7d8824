//! All rules, routed by log source.
//!
//! Which rules apply to an event depends on its set of log sources alone, and there are few sets:
//! each has its list of rules, made when the vocabulary is complete.

use etwatch_event::{Event, LogSourceSetId, Vocabulary};

use crate::evaluate::{Evaluator, Reasoning};
use crate::sigma::Rule;

/// Number of a rule in its [`RuleSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct RuleIndex(u32);

impl RuleIndex {
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

/// Rules ready for events of one vocabulary.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    /// For each set of log sources the rules that apply to it.
    plans: Vec<Vec<RuleIndex>>,
}

impl RuleSet {
    /// Routes `rules` to the log-source sets of `vocabulary`, which must be complete.
    #[must_use]
    pub fn new(rules: Vec<Rule>, vocabulary: &Vocabulary) -> Self {
        let plan = |set: &etwatch_event::LogSourceSet| {
            let applies = |(_, rule): &(u32, &Rule)| set.fits(&rule.log_source);
            (0..).zip(&rules).filter(applies).map(|(index, _)| RuleIndex(index)).collect()
        };
        let plans = vocabulary.sets().iter().map(plan).collect();
        Self { rules, plans }
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
    /// The rules that apply to events with this set of log sources.
    #[must_use]
    pub fn plan(&self, set: LogSourceSetId) -> &[RuleIndex] {
        self.plans.get(set.index()).map_or(&[], Vec::as_slice)
    }
    /// Adds the matches of an event, which is at `row` of its batch, in the order of the rules.
    /// Returns whether any rule applies to it at all.
    pub fn matches(
        &self,
        event: &Event<'_>,
        row: u32,
        evaluator: &mut Evaluator,
        matches: &mut Vec<Match>,
    ) -> bool {
        let plan = self.plan(event.source_set());
        evaluator.begin();
        for index in plan {
            if let Some(rule) = self.get(*index)
                && evaluator.is_true(rule, event)
            {
                matches.push(Match { row, rule: *index });
            }
        }
        !plan.is_empty()
    }
    /// Why a rule is true of an event.
    #[must_use]
    pub fn reasons(
        &self,
        index: RuleIndex,
        event: &Event<'_>,
        evaluator: &mut Evaluator,
    ) -> Vec<Reasoning> {
        evaluator.begin();
        self.get(index).map(|rule| evaluator.reasons(rule, event)).unwrap_or_default()
    }
}
