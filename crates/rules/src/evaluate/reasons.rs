//! Why a rule is true of an event: which conditions hold, which items in them, and on what values.
//!
//! It is asked for each alert, so the rule is walked once: what an item finds is noted on the way, and
//! what was noted in a part that turns out not to hold is taken back. All but the values is borrowed
//! from the rule.
//!
//! - Told are the items that hold in the detections that hold and that a condition which holds does not
//!   negate; of an `or` all parts that hold.
//! - Of an item the first value that is satisfied is told; with `all` each of them; of a negated item
//!   all its values.

use std::borrow::Cow;

use etwatch_event::{Event, FieldId};

use super::Evaluator;
use crate::sigma::Rule;
use crate::sigma::detection::{Detection, Item, Target};
use crate::sigma::value::{RuleValue, Test, TextValue};

/// A detection item that held, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasoning<'a> {
    /// Name of the detection.
    pub detection: &'a str,
    /// The item's key as written, such as `Image|endswith`; empty for keywords.
    pub item: &'a str,
    /// The field; empty for keywords.
    pub field: &'a str,
    /// The rule's value as written.
    pub pattern: Cow<'a, str>,
    /// The event's value that satisfied it; `None` if its absence did.
    pub value: Option<String>,
}

/// Why a rule is true of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasons<'a> {
    /// Which of the rule's conditions hold, as written; empty if the rule has but one.
    pub conditions: Vec<&'a str>,
    /// The items in them that hold.
    pub items: Vec<Reasoning<'a>>,
}

impl Evaluator {
    /// Why a rule that holds does so. [`Evaluator::begin`] must have been called for the event; rules
    /// that are true of the same event share what was prepared for it.
    pub fn reasons<'a>(&mut self, rule: &'a Rule, event: &Event<'a>) -> Reasons<'a> {
        let mut wanted = vec![false; rule.detections.len()];
        let mut mark = |index: usize, negated: bool| {
            if let Some(place) = wanted.get_mut(index) {
                *place |= !negated;
            }
        };
        let mut conditions = Vec::new();
        let alone = rule.conditions.len() == 1;
        for (number, condition) in rule.conditions.iter().enumerate() {
            if alone || self.condition(condition, rule, event) {
                condition.detections(false, &mut mark);
                let written = rule.written_conditions.get(number).filter(|_| !alone);
                conditions.extend(written.map(String::as_str));
            }
        }
        let mut items = Vec::new();
        for (named, wanted) in rule.detections.iter().zip(wanted) {
            if wanted {
                let mut noted = Noted { detection: &named.name, event, items: &mut items };
                self.explain(&named.detection, &mut noted);
            }
        }
        Reasons { conditions, items }
    }

    /// Whether the part holds; then what makes it hold has been noted, and else nothing.
    fn explain<'a>(&mut self, part: &'a Detection, noted: &mut Noted<'a, '_>) -> bool {
        let before = noted.items.len();
        let holds = match part {
            Detection::All(parts) => parts.iter().all(|part| self.explain(part, noted)),
            Detection::Any(parts) => {
                // All of them are asked, since all that hold are told.
                parts.iter().filter(|part| self.explain(part, noted)).count() > 0
            }
            Detection::Item(item) => self.explain_item(item, noted),
        };
        if !holds {
            noted.items.truncate(before);
        }
        holds
    }

    fn explain_item<'a>(&mut self, item: &'a Item, noted: &mut Noted<'a, '_>) -> bool {
        if item.negated {
            if !self.item(item, noted.event) {
                return false;
            }
            let written: Vec<_> = item.values.iter().map(|value| value.written.as_str()).collect();
            let value = match item.target {
                Target::Field(id) => text_of(noted.event, id),
                Target::Keywords => None,
            };
            noted.add(item, written.join(", ").into(), value);
            return true;
        }
        let mut satisfied = |value: &'a RuleValue| {
            let mut tests = value.tests.iter();
            let found = tests.find_map(|test| self.satisfied_by(item.target, test, noted.event));
            let holds = found.is_some();
            if let Some(found) = found {
                noted.add(item, value.written.as_str().into(), found);
            }
            holds
        };
        if item.all {
            item.values.iter().all(&mut satisfied)
        } else {
            item.values.iter().any(&mut satisfied)
        }
    }

    /// The value of the event that satisfies a test; `Some(None)` if its absence does.
    fn satisfied_by(
        &mut self,
        target: Target,
        test: &Test,
        event: &Event<'_>,
    ) -> Option<Option<String>> {
        match test {
            Test::Text(TextValue { test, cased }) => {
                let mut places = self.prepare(target, event);
                let place = places.find(|place| test.is_true_of(self.texts.get(*place, *cased)))?;
                Some(Some(self.texts.get(place, true).to_owned()))
            }
            Test::Regex(regex) => {
                let mut places = self.prepare(target, event);
                let place = places.find(|place| regex.is_match(self.texts.get(*place, true)))?;
                Some(Some(self.texts.get(place, true).to_owned()))
            }
            _ => self.test(target, test, event).then(|| match target {
                Target::Field(id) => text_of(event, id),
                Target::Keywords => None,
            }),
        }
    }
}

/// What was noted so far.
struct Noted<'a, 'n> {
    detection: &'a str,
    event: &'n Event<'a>,
    items: &'n mut Vec<Reasoning<'a>>,
}

impl<'a> Noted<'a, '_> {
    fn add(&mut self, item: &'a Item, pattern: Cow<'a, str>, value: Option<String>) {
        let field = match item.target {
            Target::Field(id) => self.event.vocabulary().fields.name(id),
            Target::Keywords => "",
        };
        let (detection, item) = (self.detection, item.key.as_str());
        self.items.push(Reasoning { detection, item, field, pattern, value });
    }
}

fn text_of(event: &Event<'_>, id: FieldId) -> Option<String> {
    let mut scratch = String::new();
    let value = event.get(id).first()?;
    value.text(&mut scratch).map(str::to_owned)
}
