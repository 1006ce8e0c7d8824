//! Which correlations can't fire, because rules can't that they need, and what correlations look at in matches.

use std::collections::BTreeSet;

use etwatch_correlate::Plan;
use etwatch_correlate::plan::Planned;
use etwatch_event::FieldTable;
use etwatch_rules::sigma::condition::Condition;
use etwatch_rules::sigma::correlation::{
    Correlation, CorrelationCondition, CorrelationType, Target,
};
use etwatch_rules::sigma::value::Number;

use super::joins::Tested;
use super::picks::Picks;
use super::{Fate, PlannedRule};

/// As often as correlations may lie above one another.
const DEPTH_LIMIT: usize = 16;

/// Adds the correlations behind the rules, and to whoever its rules need.
pub(super) fn add(plan: &Plan, rules: &mut Vec<PlannedRule>, picks: &mut Picks) {
    let count = rules.len();
    let all = plan.correlations();
    let mut fates: Vec<Option<Fate>> = vec![None; all.len()];
    // One lies above others, which are decided before it.
    for _ in 0..DEPTH_LIMIT {
        for (index, planned) in all.iter().enumerate() {
            let fate = fate_of(&planned.correlation, rules, &fates, all);
            if let Some(place) = fates.get_mut(index) {
                *place = fate;
            }
        }
    }
    for (index, (planned, fate)) in all.iter().zip(fates).enumerate() {
        let below = below(index, all);
        for pick in picks.providers.iter_mut().chain(&mut picks.channels) {
            if pick.rules.iter().any(|rule| below.contains(rule)) {
                pick.rules.insert(count + index);
            }
        }
        let Correlation { attributes, kind, file, line, .. } = &planned.correlation;
        rules.push(PlannedRule {
            identity: planned.identity().to_owned(),
            title: attributes.title.clone(),
            log_source: format!("correlation {}", kind.name()),
            file: file.clone(),
            line: *line,
            fate: fate.unwrap_or(Fate::Whole),
        });
    }
}

/// Adds the fields that correlations look at to those that the rules below them look at.
pub(super) fn add_tested(plan: &Plan, fields: &FieldTable, tested: &mut [Tested]) {
    for Planned { correlation, .. } in plan.correlations() {
        let measured = match &correlation.condition {
            CorrelationCondition::Measured(measured) => measured.fields.as_slice(),
            CorrelationCondition::Expression(_) => &[],
        };
        for field in correlation.group_by.iter().chain(measured) {
            for (reference, id) in correlation.rules.iter().zip(&field.of_rule) {
                if let Target::Rule(rule) = reference.target
                    && let Some(tested) = tested.get_mut(rule)
                {
                    tested.insert(fields.name(*id).to_owned());
                }
            }
        }
    }
}

/// The rules below a correlation, however far.
fn below(index: usize, all: &[Planned]) -> BTreeSet<usize> {
    let (mut rules, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut todo = vec![index];
    while let Some(index) = todo.pop() {
        if !seen.insert(index) {
            continue;
        }
        for reference in all.get(index).into_iter().flat_map(|one| &one.correlation.rules) {
            match reference.target {
                Target::Rule(rule) => {
                    rules.insert(rule);
                }
                Target::Correlation(below) => todo.push(below),
            }
        }
    }
    rules
}

/// What becomes of a correlation, as far as what is below it is decided.
fn fate_of(
    correlation: &Correlation,
    rules: &[PlannedRule],
    fates: &[Option<Fate>],
    all: &[Planned],
) -> Option<Fate> {
    let (mut can, mut cannot, mut reason) = (Vec::new(), Vec::new(), None);
    for reference in &correlation.rules {
        let (title, fate) = match reference.target {
            Target::Rule(index) => {
                let rule = rules.get(index)?;
                (&rule.title, &rule.fate)
            }
            Target::Correlation(index) => {
                (&all.get(index)?.correlation.attributes.title, fates.get(index)?.as_ref()?)
            }
        };
        can.push(!matches!(fate, Fate::Never { .. }));
        if let Fate::Never { missing, why } = fate {
            cannot.push(title.clone());
            reason.get_or_insert((title, missing, why));
        }
    }
    let Some((title, missing, why)) = reason else { return Some(Fate::Whole) };
    if can_fire(correlation, &can) {
        return Some(Fate::Partly(cannot));
    }
    let why = format!("it needs the rule `{title}`, which can't fire: {why}");
    Some(Fate::Never { missing: missing.clone(), why })
}

/// Whether a correlation can fire if of its rules only those can that are marked.
fn can_fire(correlation: &Correlation, can: &[bool]) -> bool {
    let count = can.iter().filter(|can| **can).count();
    let is_temporal =
        matches!(correlation.kind, CorrelationType::Temporal | CorrelationType::TemporalOrdered);
    match &correlation.condition {
        CorrelationCondition::Expression(expression) => can_hold(expression, can),
        CorrelationCondition::Measured(measured) if is_temporal => {
            (1..=count).any(|count| measured.holds(Number::Integer(count as i128)))
        }
        CorrelationCondition::Measured(_) => count > 0,
    }
}

/// Whether an expression can hold; what must not match is never in the way.
fn can_hold(expression: &Condition, can: &[bool]) -> bool {
    match expression {
        Condition::Detection(index) => can.get(*index).copied().unwrap_or(true),
        Condition::And(parts) => parts.iter().all(|part| can_hold(part, can)),
        Condition::Or(parts) => parts.iter().any(|part| can_hold(part, can)),
        Condition::Not(_) => true,
    }
}
