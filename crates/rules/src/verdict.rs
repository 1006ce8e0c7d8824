//! Which detections of a rule hold for an event, and what fails in the others.
//!
//! [`Evaluator::reasons`] says why a rule is true. This is the other half, for who expected a rule to be
//! true and sees that it is not: each detection by its name, and of one that does not hold each item that
//! fails, with the values it found instead. It walks the rule as it is written and costs nothing unless
//! asked.

use etwatch_event::Event;

use crate::evaluate::Evaluator;
use crate::sigma::Rule;
use crate::sigma::detection::{Detection, Item, Target};

/// What became of a detection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub detection: String,
    /// Whether it holds for the event.
    pub holds: bool,
    /// Whether a condition names it outside of any `not`.
    pub wanted: bool,
    /// If it does not hold, what in it fails.
    pub failed: Vec<Shortfall>,
}

/// A detection item that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The item's key as written, such as `Image|endswith`; empty for keywords.
    pub item: String,
    /// The rule's values that are not satisfied, as written.
    pub patterns: Vec<String>,
    /// What the field holds instead; nothing for keywords and for a field that is absent.
    pub values: Vec<String>,
}

impl Evaluator {
    /// What becomes of each detection of `rule` with this event, in the order of the rule.
    pub fn verdicts(&mut self, rule: &Rule, event: &Event<'_>) -> Vec<Verdict> {
        self.begin();
        let mut wanted = vec![false; rule.detections.len()];
        let mut mark = |index: usize, negated: bool| {
            if let Some(place) = wanted.get_mut(index) {
                *place |= !negated;
            }
        };
        for condition in &rule.conditions {
            condition.detections(false, &mut mark);
        }
        let mut verdicts = Vec::new();
        for (named, wanted) in rule.detections.iter().zip(wanted) {
            let holds = self.detection(&named.detection, event);
            let mut failed = Vec::new();
            if !holds {
                self.shortfalls(&named.detection, event, &mut failed);
            }
            verdicts.push(Verdict { detection: named.name.clone(), holds, wanted, failed });
        }
        verdicts
    }

    fn shortfalls(&mut self, part: &Detection, event: &Event<'_>, out: &mut Vec<Shortfall>) {
        match part {
            Detection::All(parts) | Detection::Any(parts) => {
                for part in parts {
                    if !self.detection(part, event) {
                        self.shortfalls(part, event, out);
                    }
                }
            }
            Detection::Item(item) => out.push(self.shortfall(item, event)),
        }
    }

    fn shortfall(&mut self, item: &Item, event: &Event<'_>) -> Shortfall {
        let mut patterns = Vec::new();
        for value in &item.values {
            let holds = value.tests.iter().any(|test| self.test(item.target, test, event));
            // Of a negated item it is the values that hold which make it fail.
            if holds == item.negated {
                patterns.push(value.written.clone());
            }
        }
        let values = match item.target {
            Target::Keywords => Vec::new(),
            Target::Field(id) => {
                let mut scratch = String::new();
                let values = event.get(id).iter();
                values.filter_map(|value| value.text(&mut scratch).map(str::to_owned)).collect()
            }
        };
        Shortfall { item: item.key.clone(), patterns, values }
    }
}
