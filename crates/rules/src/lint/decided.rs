//! Conditions, and parts of them, that hold of no event, or of every one of their log source.
//!
//! Whether the whole can hold is asked first; only if it can, its parts are looked at: the detections, the
//! entries of a list of mappings, the sides of an `or`. So one mistake is told once.

use std::ops::Range;

use etwatch_event::FieldTable;

use crate::compile::atom::Atoms;
use crate::compile::expression::Expression;
use crate::compile::show;
use crate::diagnostic::Problem;
use crate::lint::condition_spans;
use crate::lint::exclusion::Assumption;
use crate::lint::satisfiable::{Conflict, Literal, why_never};
use crate::sigma::Rule;
use crate::sigma::condition::Condition;
use crate::sigma::detection::Detection;
use crate::yaml::{Kind, Node};

/// Rules with more tests are not looked at.
const TESTS: usize = 20_000;
/// Levels of a condition whose sides are looked at.
const LEVELS: usize = 8;
/// Characters of a test that a message shows.
const SHOWN: usize = 60;

/// Warns of what `rule`, whose detections were read from `detection`, decides without any event.
pub(super) fn check(
    detection: &Node,
    rule: &Rule,
    fields: &FieldTable,
    problems: &mut Vec<Problem>,
) {
    if size(rule) > TESTS {
        return;
    }
    let mut look = Look { rule, fields, atoms: Atoms::default(), problems };
    let spans = condition_spans(detection);
    let mut whole = Vec::new();
    let mut dead = false;
    for (condition, span) in rule.conditions.iter().zip(&spans) {
        let expression = Expression::of_condition(condition, rule, &mut look.atoms);
        dead |= look.never(&expression, span, "the condition");
        whole.push(expression);
    }
    let whole = Expression::any(&mut whole.into_iter());
    if why_never(&whole.negated(), &look.atoms, Assumption::SeveralValues).is_some() {
        look.always(&spans);
    } else if !dead {
        look.detections(detection);
        for (condition, span) in rule.conditions.iter().zip(&spans) {
            look.sides(condition, span, LEVELS);
        }
    }
}

/// How many tests the conditions come to.
fn size(rule: &Rule) -> usize {
    let mut sum = 0;
    let mut add = |index: usize, _| {
        sum += rule.detections.get(index).map_or(0, |named| named.detection.size());
    };
    rule.conditions.iter().for_each(|condition| condition.detections(false, &mut add));
    sum
}

struct Look<'a> {
    rule: &'a Rule,
    fields: &'a FieldTable,
    atoms: Atoms,
    problems: &'a mut Vec<Problem>,
}

impl Look<'_> {
    /// Warns if `what`, at `span`, can never hold, or only of a field with several values.
    fn never(&mut self, expression: &Expression, span: &Range<usize>, what: &str) -> bool {
        let under = |assumption| why_never(expression, &self.atoms, assumption);
        let (how, clash) = if let Some(clash) = under(Assumption::SeveralValues) {
            ("never hold", clash)
        } else if let Some(clash) = under(Assumption::OneValue) {
            ("only hold of a field with several values", clash)
        } else {
            return false;
        };
        let hint = clash.map(|clash| self.clash(clash));
        let hint = hint.unwrap_or_else(|| "its parts exclude each other".to_owned());
        let problem = Problem::warning("SIG034", span.clone(), format!("{what} can {how}"));
        self.problems.push(problem.hint(hint));
        true
    }

    fn clash(&self, (one, other): Conflict) -> String {
        format!("{} and {} exclude each other", self.literal(one), self.literal(other))
    }

    fn literal(&self, Literal { atom, holds }: Literal) -> String {
        let text = show::atom(atom, &self.atoms, self.fields);
        let short: String = text.chars().take(SHOWN).collect();
        let end = if short.len() < text.len() { "…" } else { "" };
        format!("`{}{short}{end}`", if holds { "" } else { "not " })
    }

    fn always(&mut self, spans: &[Range<usize>]) {
        let Some(span) = spans.first() else { return };
        let source = &self.rule.log_source;
        let message = format!("the condition holds of every event of {source}");
        let hint = "one of its sides holds wherever another does not: say what must be there";
        self.problems.push(Problem::warning("SIG035", span.clone(), message).hint(hint));
    }

    /// The detections, and the entries of those that are lists.
    fn detections(&mut self, detection: &Node) {
        let Kind::Map(entries) = &detection.kind else { return };
        for named in &self.rule.detections {
            let entry = entries.iter().find(|(key, _)| key.text() == Some(named.name.as_str()));
            let Some((key, value)) = entry else { continue };
            let expression = Expression::of_detection(&named.detection, &mut self.atoms);
            if self.never(&expression, &key.span, &format!("detection `{}`", named.name)) {
                continue;
            }
            let (Detection::Any(parts), Kind::List(items)) = (&named.detection, &value.kind) else {
                continue;
            };
            for (number, (part, item)) in (1..).zip(parts.iter().zip(items)) {
                let expression = Expression::of_detection(part, &mut self.atoms);
                let what = format!("entry {number} of `{}`", named.name);
                self.never(&expression, &item.span, &what);
            }
        }
    }

    /// The sides of each `or` that are more than a name.
    fn sides(&mut self, condition: &Condition, span: &Range<usize>, levels: usize) {
        let Some(levels) = levels.checked_sub(1) else { return };
        match condition {
            Condition::Detection(_) | Condition::Not(_) => {}
            Condition::And(parts) => parts.iter().for_each(|part| self.sides(part, span, levels)),
            Condition::Or(parts) => {
                for part in parts {
                    let expression = Expression::of_condition(part, self.rule, &mut self.atoms);
                    let what = format!("`{}`", show::condition_text(part, self.rule));
                    let is_name = matches!(part, Condition::Detection(_));
                    if is_name || !self.never(&expression, span, &what) {
                        self.sides(part, span, levels);
                    }
                }
            }
        }
    }
}
