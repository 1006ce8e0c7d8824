//! Which matches contribute to which correlations, and what alerts by itself.
//!
//! A rule that a correlation refers to is silent by itself, unless some correlation that refers to it says
//! `generate` (`C-GENERATE`); the same goes for correlations. What is below the level that is asked for is
//! silent too, but stays as long as something that is not refers to it.

use std::collections::HashMap;

use etwatch_event::{FieldId, FieldTable};
use etwatch_rules::sigma::correlation::{
    Correlation, CorrelationCondition, CorrelationField, CorrelationType, Measured, Relation,
    Target,
};
use etwatch_rules::sigma::modifier::Comparison;
use etwatch_rules::sigma::value::Number;
use etwatch_rules::{Level, Rule, RuleIndex};

use crate::window::{Automaton, Measuring, Method};

/// As often as correlations may lie above one another.
const DEPTH_LIMIT: usize = 16;

/// 100 ns units of a second.
const TICKS: u64 = 10_000_000;

/// Where a match contributes: a correlation, and the position there of the rule that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) correlation: usize,
    pub(crate) position: u32,
}

/// A correlation and how it is decided.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The correlation; its targets are those of the rules beside the plan.
    pub correlation: Correlation,
    /// Whether it gives alerts of its own.
    pub is_visible: bool,
    /// The correlations that it contributes to.
    pub(crate) above: Vec<Use>,
    pub(crate) method: Method,
    /// 100 ns units.
    pub(crate) timespan: u64,
    /// What its alerts have to say to the correlations above.
    pub(crate) carried: Vec<FieldId>,
    /// Which of these its own group values are, by their positions.
    pub(crate) group_names: Vec<Option<usize>>,
    /// Changes when its document or one of those below says something else.
    pub(crate) digest: u64,
}

impl Planned {
    /// What names it in ids of alerts: its id, else its title.
    #[must_use]
    pub fn identity(&self) -> &str {
        let attributes = &self.correlation.attributes;
        attributes.id.as_deref().unwrap_or(&attributes.title)
    }
    pub(crate) fn measuring(&self) -> Measuring<'_> {
        let Correlation { kind, condition, .. } = &self.correlation;
        Measuring { kind: *kind, condition, method: &self.method, timespan: self.timespan }
    }
    /// The fields whose values are measured.
    pub(crate) fn measured(&self) -> &[CorrelationField] {
        match &self.correlation.condition {
            CorrelationCondition::Measured(measured) => &measured.fields,
            CorrelationCondition::Expression(_) => &[],
        }
    }
    /// The field that `field` is in an alert of it, if the alert says so itself rather than the last
    /// contributing event: the position of a group value.
    fn group_value(&self, field: FieldId, name: &str) -> Option<usize> {
        let is_it = |group: &CorrelationField| group.name == name || group.of_rule.contains(&field);
        self.correlation.group_by.iter().position(is_it)
    }
}

/// All correlations of a rule set.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    correlations: Vec<Planned>,
    of_rules: Vec<Vec<Use>>,
    visible: Vec<bool>,
}

impl Plan {
    /// Plans `correlations` over `rules`, to which their targets are indices. What is below `min_level` (a
    /// rule without a level counting as informational) is left out, unless something else needs it. The
    /// result has the rules that are left, in their order; the plan is for them. `fields` numbers their
    /// fields.
    #[must_use]
    pub fn new(
        rules: Vec<Rule>,
        correlations: Vec<Correlation>,
        min_level: Option<Level>,
        fields: &FieldTable,
    ) -> (Vec<Rule>, Self) {
        let needs = Needs::of(&rules, &correlations, min_level);
        let digests = digests(&rules, &correlations);
        let (rule_numbers, correlation_numbers) =
            (numbers(&needs.rules), numbers(&needs.correlations));
        let visible = needs.rules.iter().zip(&needs.visible_rules).filter(|(kept, _)| **kept);
        let visible: Vec<bool> = visible.map(|(_, visible)| *visible).collect();
        let mut kept = needs.rules.iter();
        let rules: Vec<Rule> =
            rules.into_iter().filter(|_| kept.next().is_some_and(|kept| *kept)).collect();
        let mut planned = Vec::new();
        for (index, mut correlation) in correlations.into_iter().enumerate() {
            if needs.correlations.get(index) != Some(&true) {
                continue;
            }
            for reference in &mut correlation.rules {
                let (number, numbers) = match &mut reference.target {
                    Target::Rule(number) => (number, &rule_numbers),
                    Target::Correlation(number) => (number, &correlation_numbers),
                };
                *number = numbers.get(*number).copied().unwrap_or(usize::MAX);
            }
            let is_visible = needs.visible_correlations.get(index) == Some(&true);
            let digest = digests.get(index).copied().unwrap_or(0);
            planned.push(planned_of(correlation, is_visible, digest));
        }
        let mut plan =
            Self { of_rules: vec![Vec::new(); rules.len()], correlations: planned, visible };
        plan.connect();
        plan.digest_carried(fields);
        (rules, plan)
    }

    /// Says below each correlation who is above it.
    fn connect(&mut self) {
        let mut uses = Vec::new();
        for (correlation, planned) in self.correlations.iter().enumerate() {
            for (position, reference) in (0..).zip(&planned.correlation.rules) {
                uses.push((reference.target, Use { correlation, position }));
            }
        }
        for (target, used) in uses {
            let place = match target {
                Target::Rule(rule) => self.of_rules.get_mut(rule),
                Target::Correlation(below) => {
                    self.correlations.get_mut(below).map(|one| &mut one.above)
                }
            };
            if let Some(place) = place {
                place.push(used);
            }
        }
        self.carry();
    }

    /// What is asked of an alert may have to come from the alert below it in turn: all fields that any
    /// correlation above asks for, however far.
    fn carry(&mut self) {
        let mut carried: Vec<Vec<FieldId>> = vec![Vec::new(); self.correlations.len()];
        for _ in 0..DEPTH_LIMIT {
            let next: Vec<_> =
                self.correlations.iter().map(|planned| self.wanted_of(planned, &carried)).collect();
            if next == carried {
                break;
            }
            carried = next;
        }
        for (planned, carried) in self.correlations.iter_mut().zip(carried) {
            planned.carried = carried;
        }
    }

    fn wanted_of(&self, planned: &Planned, carried: &[Vec<FieldId>]) -> Vec<FieldId> {
        let mut wanted: Vec<FieldId> = Vec::new();
        for Use { correlation, position } in &planned.above {
            let Some(above) = self.correlations.get(*correlation) else { continue };
            let fields = above.correlation.group_by.iter().chain(above.measured());
            let fields = fields.filter_map(|field| field.of_rule.get(*position as usize));
            for field in fields.chain(carried.get(*correlation).into_iter().flatten()) {
                if !wanted.contains(field) {
                    wanted.push(*field);
                }
            }
        }
        wanted
    }

    /// A group that carries other fields than before is of no use.
    fn digest_carried(&mut self, fields: &FieldTable) {
        for planned in &mut self.correlations {
            let names = planned.carried.iter().map(|field| fields.name(*field));
            // FNV-1a
            let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            let hash = names.flat_map(|name| name.bytes().chain([0])).fold(planned.digest, step);
            planned.digest = hash;
            planned.group_names = planned
                .carried
                .iter()
                .map(|field| planned.group_value(*field, fields.name(*field)))
                .collect();
        }
    }

    /// The correlations.
    #[must_use]
    pub fn correlations(&self) -> &[Planned] {
        &self.correlations
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.correlations.is_empty()
    }
    /// Whether matches of a rule are alerts.
    #[must_use]
    pub fn is_visible(&self, rule: RuleIndex) -> bool {
        self.visible.get(rule.index()).is_none_or(|visible| *visible)
    }
    /// Whether matches of a rule contribute to a correlation.
    #[must_use]
    pub fn contributes(&self, rule: RuleIndex) -> bool {
        !self.uses(rule).is_empty()
    }
    /// Whether a correlation looks at this field of the events that a rule is true of.
    #[must_use]
    pub fn looks_at(&self, rule: RuleIndex, field: FieldId) -> bool {
        self.uses(rule).iter().any(|Use { correlation, position }| {
            let Some(planned) = self.correlations.get(*correlation) else { return false };
            let fields = planned.correlation.group_by.iter().chain(planned.measured());
            let mut fields = fields.filter_map(|field| field.of_rule.get(*position as usize));
            fields.any(|of_rule| *of_rule == field) || planned.carried.contains(&field)
        })
    }
    pub(crate) fn uses(&self, rule: RuleIndex) -> &[Use] {
        self.of_rules.get(rule.index()).map_or(&[], Vec::as_slice)
    }
}

/// What is kept, and what of it alerts.
struct Needs {
    rules: Vec<bool>,
    correlations: Vec<bool>,
    visible_rules: Vec<bool>,
    visible_correlations: Vec<bool>,
}

impl Needs {
    fn of(rules: &[Rule], correlations: &[Correlation], min_level: Option<Level>) -> Self {
        let speaks = |level: Option<Level>| {
            min_level.is_none_or(|least| level.unwrap_or(Level::Informational) >= least)
        };
        // Who is referred to, and by one that lets it speak.
        let mut referred: HashMap<Target, bool> = HashMap::new();
        for correlation in correlations {
            for reference in &correlation.rules {
                *referred.entry(reference.target).or_default() |= correlation.generate;
            }
        }
        let is_silent = |target: Target| referred.get(&target) == Some(&false);
        let visible_rules: Vec<bool> = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| speaks(rule.attributes.level) && !is_silent(Target::Rule(index)))
            .collect();
        let visible_correlations: Vec<bool> = correlations
            .iter()
            .enumerate()
            .map(|(index, one)| {
                speaks(one.attributes.level) && !is_silent(Target::Correlation(index))
            })
            .collect();
        let mut needs = Self {
            rules: visible_rules.clone(),
            correlations: vec![false; correlations.len()],
            visible_rules,
            visible_correlations,
        };
        let visible =
            needs.visible_correlations.iter().enumerate().filter(|(_, visible)| **visible);
        let mut todo: Vec<usize> = visible.map(|(index, _)| index).collect();
        while let Some(index) = todo.pop() {
            let Some(kept @ false) = needs.correlations.get_mut(index) else { continue };
            *kept = true;
            for reference in correlations.get(index).into_iter().flat_map(|one| &one.rules) {
                match reference.target {
                    Target::Rule(rule) => {
                        if let Some(kept) = needs.rules.get_mut(rule) {
                            *kept = true;
                        }
                    }
                    Target::Correlation(below) => todo.push(below),
                }
            }
        }
        needs
    }
}

/// The new number of each that is kept.
fn numbers(kept: &[bool]) -> Vec<usize> {
    let mut next = 0;
    let number = |kept: &bool| {
        let number = next;
        next += usize::from(*kept);
        number
    };
    kept.iter().map(number).collect()
}

/// For each correlation a number that changes with its document and those below it, however far.
fn digests(rules: &[Rule], correlations: &[Correlation]) -> Vec<u64> {
    let mut digests: Vec<u64> = correlations.iter().map(|one| one.digest).collect();
    for _ in 0..DEPTH_LIMIT {
        let below = |target: Target| match target {
            Target::Rule(rule) => rules.get(rule).map_or(0, |rule| rule.digest),
            Target::Correlation(index) => digests.get(index).copied().unwrap_or(0),
        };
        let whole = |one: &Correlation| {
            let each = one.rules.iter().map(|reference| below(reference.target));
            each.fold(one.digest, |all, digest| all.rotate_left(7).wrapping_mul(31) ^ digest)
        };
        let next: Vec<u64> = correlations.iter().map(whole).collect();
        if next == digests {
            break;
        }
        digests = next;
    }
    digests
}

fn planned_of(correlation: Correlation, is_visible: bool, digest: u64) -> Planned {
    let timespan = correlation.timespan;
    let timespan = timespan.as_secs().saturating_mul(TICKS);
    Planned {
        method: method(&correlation),
        is_visible,
        above: Vec::new(),
        timespan,
        carried: Vec::new(),
        group_names: Vec::new(),
        digest,
        correlation,
    }
}

/// Whether a condition can only become true by what arrives, and then how.
fn method(correlation: &Correlation) -> Method {
    let count = u32::try_from(correlation.rules.len()).unwrap_or(u32::MAX);
    let line = |needed: usize| Automaton::line(count, u32::try_from(needed).unwrap_or(u32::MAX));
    let is_ordered = correlation.kind == CorrelationType::TemporalOrdered;
    let closing = || Method::Closing(if is_ordered { line(1) } else { Automaton::default() });
    let measured = match &correlation.condition {
        CorrelationCondition::Expression(expression) if is_ordered => {
            return Method::Ordered(Automaton::of(expression));
        }
        CorrelationCondition::Expression(expression) if expression.has_not() => return closing(),
        CorrelationCondition::Expression(_) => return Method::Temporal,
        CorrelationCondition::Measured(measured) => measured,
    };
    let Some(needed) = needed(measured) else { return closing() };
    match correlation.kind {
        CorrelationType::EventCount => Method::Count(needed),
        CorrelationType::ValueCount => Method::Values(needed),
        CorrelationType::ValueSum => Method::Sum,
        CorrelationType::Temporal => Method::Temporal,
        CorrelationType::TemporalOrdered => Method::Ordered(line(needed)),
        _ => closing(),
    }
}

/// The least count that fulfils relations which are all lower bounds; `None` if one is not.
fn needed(measured: &Measured) -> Option<usize> {
    let mut needed = 1;
    for (relation, number) in &measured.relations {
        let least = match (relation, number) {
            (Relation::Ordered(Comparison::Greater), Number::Integer(number)) => number + 1,
            (Relation::Ordered(Comparison::GreaterOrEqual), Number::Integer(number)) => *number,
            // For sums alone, where it is not asked how many.
            (Relation::Ordered(Comparison::Greater | Comparison::GreaterOrEqual), _) => 1,
            _ => return None,
        };
        needed = needed.max(usize::try_from(least.max(1)).unwrap_or(usize::MAX));
    }
    Some(needed)
}
