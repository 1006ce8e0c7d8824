//! Whether a rule is true of an event, and why (`reasons`): the plain evaluator.
//!
//! It walks each rule as it is written and is the yardstick for anything faster. Text is folded once
//! per event and field, on demand, into buffers that are kept between events.
//!
//! - An item on a missing field is false, its negation true (`D-TWO-VALUED`); only `null`,
//!   `exists: false` and `neq` are true on a missing field.
//! - An item holds if *any* value of the field satisfies it; with `all` each rule value must be
//!   satisfied by some value; negation is outside (`D-MULTI`).
//! - A keyword is looked for in the text of each value of the event (`D-KEYWORD`).

mod reasons;

pub use reasons::{Reasoning, Reasons};

use etwatch_event::time::TimeParts;
use etwatch_event::{Event, FieldId, Value};

use crate::fold::fold_into;
use crate::sigma::condition::Condition;
use crate::sigma::detection::{Detection, Item, Target};
use crate::sigma::modifier::{Anchor, TimePart};
use crate::sigma::rule::Rule;
use crate::sigma::text::TextTest;
use crate::sigma::value::{Number, Test, TextValue};

/// Texts of an event in one buffer, folded and as they are.
#[derive(Debug, Default)]
struct Texts {
    buffer: String,
    /// Where the folded and the original text of each value lie.
    places: Vec<[(usize, usize); 2]>,
}

impl Texts {
    fn clear(&mut self) {
        self.buffer.clear();
        self.places.clear();
    }
    fn push(&mut self, text: &str) {
        let start = self.buffer.len();
        fold_into(text, &mut self.buffer);
        let middle = self.buffer.len();
        self.buffer.push_str(text);
        self.places.push([(start, middle), (middle, self.buffer.len())]);
    }
    fn get(&self, place: usize, cased: bool) -> &str {
        let Some([folded, original]) = self.places.get(place) else { return "" };
        let (start, end) = if cased { *original } else { *folded };
        self.buffer.get(start..end).unwrap_or_default()
    }
}

/// Evaluates rules; keeps its buffers between events. One for each worker.
#[derive(Debug, Default)]
pub struct Evaluator {
    texts: Texts,
    /// For each field: the event it was prepared for, and its texts' places.
    prepared: Vec<(u64, usize, usize)>,
    all: (u64, usize, usize),
    event_number: u64,
    scratch: String,
}

impl Evaluator {
    /// Prepares for another event; must be called before [`Evaluator::is_true`] for it.
    pub fn begin(&mut self) {
        self.event_number += 1;
        self.texts.clear();
    }

    /// Whether the rule holds for the event.
    pub fn is_true(&mut self, rule: &Rule, event: &Event<'_>) -> bool {
        rule.conditions.iter().any(|condition| self.condition(condition, rule, event))
    }

    /// Whether a condition of the rule holds.
    fn condition(&mut self, condition: &Condition, rule: &Rule, event: &Event<'_>) -> bool {
        condition.holds(&mut |index| {
            let detection = rule.detections.get(index);
            detection.is_some_and(|named| self.detection(&named.detection, event))
        })
    }

    pub(crate) fn detection(&mut self, detection: &Detection, event: &Event<'_>) -> bool {
        match detection {
            Detection::All(parts) => parts.iter().all(|part| self.detection(part, event)),
            Detection::Any(parts) => parts.iter().any(|part| self.detection(part, event)),
            Detection::Item(item) => self.item(item, event),
        }
    }

    fn item(&mut self, item: &Item, event: &Event<'_>) -> bool {
        let mut one = |value: &crate::sigma::value::RuleValue| {
            value.tests.iter().any(|test| self.test(item.target, test, event))
        };
        let holds = if item.all {
            item.values.iter().all(&mut one)
        } else {
            item.values.iter().any(&mut one)
        };
        holds != item.negated
    }

    /// Texts of a field's values, or of all values of the event, prepared once per event.
    fn prepare(&mut self, target: Target, event: &Event<'_>) -> std::ops::Range<usize> {
        let number = self.event_number;
        let known = match target {
            Target::Keywords => self.all,
            Target::Field(id) => {
                if self.prepared.len() <= id.index() {
                    self.prepared.resize(id.index() + 1, (0, 0, 0));
                }
                self.prepared.get(id.index()).copied().unwrap_or_default()
            }
        };
        if known.0 == number {
            return known.1..known.2;
        }
        let start = self.texts.places.len();
        let texts = &mut self.texts;
        let scratch = &mut self.scratch;
        let mut push = |value: Value<'_>| {
            if let Some(text) = value.text(scratch) {
                texts.push(text);
            }
        };
        match target {
            Target::Field(id) => event.get(id).iter().for_each(&mut push),
            Target::Keywords => {
                event.fields().for_each(|(_, values)| values.iter().for_each(&mut push));
            }
        }
        let entry = (number, start, self.texts.places.len());
        match target {
            Target::Keywords => self.all = entry,
            Target::Field(id) => {
                if let Some(place) = self.prepared.get_mut(id.index()) {
                    *place = entry;
                }
            }
        }
        entry.1..entry.2
    }

    pub(crate) fn test(&mut self, target: Target, test: &Test, event: &Event<'_>) -> bool {
        match test {
            Test::Text(TextValue { test, cased }) => {
                let places = self.prepare(target, event);
                places.into_iter().any(|place| test.is_true_of(self.texts.get(place, *cased)))
            }
            Test::Regex(regex) => {
                let places = self.prepare(target, event);
                places.into_iter().any(|place| regex.is_match(self.texts.get(place, true)))
            }
            Test::FieldReference { field, anchor, cased } => {
                let mine = self.prepare(target, event);
                let theirs = self.prepare(Target::Field(*field), event);
                mine.into_iter().any(|mine| {
                    let mine = self.texts.get(mine, *cased);
                    theirs
                        .clone()
                        .any(|other| related(*anchor, mine, self.texts.get(other, *cased)))
                })
            }
            _ => match target {
                Target::Field(id) => typed(test, id, event),
                Target::Keywords => false,
            },
        }
    }
}

/// Tests that look at the typed value and not at folded text.
pub(crate) fn typed(test: &Test, id: FieldId, event: &Event<'_>) -> bool {
    let values = event.get(id);
    match test {
        Test::Exists(yes) => values.is_present() == *yes,
        Test::Null => !values.is_present() || values.iter().any(|value| value.is_null()),
        Test::Present => {
            values.iter().any(|value| !matches!(value, Value::Null | Value::Structure))
        }
        _ => values.iter().any(|value| typed_value(test, &value)),
    }
}

/// Whether a field with this one value satisfies a test (but a field reference, which needs another).
pub(crate) fn holds_for(test: &Test, value: &Value<'_>) -> bool {
    let mut scratch = String::new();
    match test {
        Test::Exists(yes) => *yes,
        Test::Null => value.is_null(),
        Test::Present => !matches!(value, Value::Null | Value::Structure),
        Test::Text(TextValue { test, cased }) => value.text(&mut scratch).is_some_and(|text| {
            if *cased { test.is_true_of(text) } else { test.is_true_of(&crate::fold::fold(text)) }
        }),
        Test::Regex(regex) => value.text(&mut scratch).is_some_and(|text| regex.is_match(text)),
        _ => typed_value(test, value),
    }
}

fn typed_value(test: &Test, value: &Value<'_>) -> bool {
    let mut scratch = String::new();
    match test {
        Test::Number { number, texts } => match value {
            Value::Text(text) => texts
                .iter()
                .any(|wanted| text.len() == wanted.len() && text.eq_ignore_ascii_case(wanted)),
            value => Number::of(value)
                .is_some_and(|other| number.order(&other).is_some_and(std::cmp::Ordering::is_eq)),
        },
        Test::Boolean(yes) => match value {
            Value::Boolean(value) => value == yes,
            Value::Text(text) => text.eq_ignore_ascii_case(if *yes { "true" } else { "false" }),
            _ => false,
        },
        Test::Cidr(network) => match value {
            Value::Ip(address) => network.has(*address),
            value => value.text(&mut scratch).is_some_and(|text| network.has_text(text)),
        },
        Test::Compare(how, number) => Number::of(value)
            .and_then(|value| value.order(number))
            .is_some_and(|order| how.holds(order)),
        Test::Time(part, how, number) => {
            let parts = match value {
                Value::Time(time) => Some(TimeParts::of(*time)),
                Value::Text(text) => TimeParts::parse(text),
                _ => None,
            };
            parts.and_then(|parts| time_part(*part, &parts)).is_some_and(|value| {
                let order = value.cmp(number);
                how.map_or(order.is_eq(), |how| how.holds(order))
            })
        }
        _ => false,
    }
}

fn time_part(part: TimePart, parts: &TimeParts) -> Option<i64> {
    Some(i64::from(match part {
        TimePart::Minute => u16::from(parts.minute),
        TimePart::Hour => u16::from(parts.hour),
        TimePart::Day => u16::from(parts.day),
        TimePart::Week => u16::from(parts.week()?),
        TimePart::Month => u16::from(parts.month),
        TimePart::Year => parts.year,
    }))
}

pub(crate) fn related(anchor: Anchor, mine: &str, other: &str) -> bool {
    match anchor {
        Anchor::Whole => mine == other,
        Anchor::Start => mine.starts_with(other),
        Anchor::End => mine.ends_with(other),
        Anchor::Anywhere => TextTest::Substring(other.to_owned()).is_true_of(mine),
    }
}
