//! Why a rule is true of an event: which conditions hold, which items in them, and on what values.

use etwatch_event::{Event, FieldId};

use super::Evaluator;
use crate::sigma::condition::Condition;
use crate::sigma::detection::{Detection, Item, Target};
use crate::sigma::rule::Rule;
use crate::sigma::value::{Test, TextValue};

/// A detection item that held, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// Name of the detection.
    pub detection: String,
    /// The item's key as written, such as `Image|endswith`; empty for keywords.
    pub item: String,
    /// The field; empty for keywords.
    pub field: String,
    /// The rule's value as written.
    pub pattern: String,
    /// The event's value that satisfied it; `None` if its absence did.
    pub value: Option<String>,
}

impl Evaluator {
    /// Which of a rule's conditions hold, by their numbers.
    pub fn conditions(&mut self, rule: &Rule, event: &Event<'_>) -> Vec<usize> {
        let holds = |(number, condition): (usize, &Condition)| {
            let mut detection = |index: usize| {
                let named = rule.detections.get(index);
                named.is_some_and(|named| self.detection(&named.detection, event))
            };
            condition.holds(&mut detection).then_some(number)
        };
        rule.conditions.iter().enumerate().filter_map(holds).collect()
    }

    /// Which items of a rule that holds made it hold: those that hold in the detections that hold
    /// and that a condition which holds does not negate.
    pub fn reasons(&mut self, rule: &Rule, event: &Event<'_>) -> Vec<Reasoning> {
        let mut wanted = vec![false; rule.detections.len()];
        let mut mark = |index: usize, negated: bool| {
            if let Some(place) = wanted.get_mut(index) {
                *place |= !negated;
            }
        };
        for number in self.conditions(rule, event) {
            if let Some(condition) = rule.conditions.get(number) {
                condition.detections(false, &mut mark);
            }
        }
        let mut reasons = Vec::new();
        for (named, wanted) in rule.detections.iter().zip(wanted) {
            if wanted && self.detection(&named.detection, event) {
                self.explain(&named.name, &named.detection, event, &mut reasons);
            }
        }
        reasons
    }

    fn explain(
        &mut self,
        name: &str,
        part: &Detection,
        event: &Event<'_>,
        out: &mut Vec<Reasoning>,
    ) {
        match part {
            Detection::All(parts) | Detection::Any(parts) => {
                for part in parts {
                    if self.detection(part, event) {
                        self.explain(name, part, event, out);
                    }
                }
            }
            Detection::Item(item) => self.explain_item(name, item, event, out),
        }
    }

    fn explain_item(
        &mut self,
        name: &str,
        item: &Item,
        event: &Event<'_>,
        out: &mut Vec<Reasoning>,
    ) {
        let field = match item.target {
            Target::Field(id) => event.vocabulary().fields.name(id).to_owned(),
            Target::Keywords => String::new(),
        };
        let one = |pattern: &str, value: Option<String>| Reasoning {
            detection: name.to_owned(),
            item: item.key.clone(),
            field: field.clone(),
            pattern: pattern.to_owned(),
            value,
        };
        if item.negated {
            let written: Vec<_> = item.values.iter().map(|value| value.written.as_str()).collect();
            let value = match item.target {
                Target::Field(id) => text_of(event, id),
                Target::Keywords => None,
            };
            return out.push(one(&written.join(", "), value));
        }
        for rule_value in &item.values {
            for test in &rule_value.tests {
                if let Some(value) = self.satisfied_by(item.target, test, event) {
                    out.push(one(&rule_value.written, value));
                    break;
                }
            }
            if !item.all && out.last().is_some_and(|last| last.pattern == rule_value.written) {
                break;
            }
        }
    }

    /// The value of the event that satisfies a test; `Some(None)` if its absence does.
    fn satisfied_by(
        &mut self,
        target: Target,
        test: &Test,
        event: &Event<'_>,
    ) -> Option<Option<String>> {
        if !self.test(target, test, event) {
            return None;
        }
        Some(match test {
            Test::Text(TextValue { test, cased }) => {
                let mut places = self.prepare(target, event);
                let found = places.find(|place| test.is_true_of(self.texts.get(*place, *cased)));
                found.map(|place| self.texts.get(place, true).to_owned())
            }
            Test::Regex(regex) => {
                let mut places = self.prepare(target, event);
                let found = places.find(|place| regex.is_match(self.texts.get(*place, true)));
                found.map(|place| self.texts.get(place, true).to_owned())
            }
            _ => match target {
                Target::Field(id) => text_of(event, id),
                Target::Keywords => None,
            },
        })
    }
}

fn text_of(event: &Event<'_>, id: FieldId) -> Option<String> {
    let mut scratch = String::new();
    let value = event.get(id).first()?;
    value.text(&mut scratch).map(str::to_owned)
}
