//! Where forms differ, and why: the table of reasons, and which of its lines speaks of a difference.
//!
//! A rule that fires on one form and not on another is traced to fields. The event on which it does not fire
//! gets, field by field, what the other one has, until the rule fires; then each field that is not needed is
//! taken back:
//!
//! ```text
//! fires on        Image cmd.exe   OriginalFileName Cmd.Exe   ParentImage explorer.exe
//! does not fire   Image cmd.exe   –                          –
//! all put in      it fires: take ParentImage back, it still fires; OriginalFileName, no longer
//! because of      OriginalFileName
//! ```
//!
//! So the table has reasons for fields, not for rules: a new rule needs no line. A line that speaks of no
//! difference is a mistake, as is a difference of which no line speaks.

use std::collections::BTreeSet;

use etwatch_engine::Engine;
use etwatch_event::{EventBatch, FieldId};
use etwatch_rules::sigma::detection::{Detection, Target};
use etwatch_rules::{Evaluator, Rule, RuleIndex};
use serde::Deserialize;

use crate::act::folder;
use crate::replayed::Replayed;

/// A line of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reason {
    /// The log sources it holds in; none are all.
    #[serde(default)]
    of: Vec<String>,
    /// The form that lacks it or has it otherwise: `etw`, or a log of the host.
    pub(crate) form: String,
    /// Fields, or `log source` for rules of another one.
    fields: Vec<String>,
    pub(crate) reason: String,
}

/// What stands for the log source in [`Reason::fields`].
pub(crate) const LOG_SOURCE: &str = "log source";

/// The table, and which of it was needed: line and field.
pub(crate) struct Reasons {
    lines: Vec<Reason>,
    used: BTreeSet<(usize, String)>,
}

impl Reasons {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(folder().join("differences.yaml")).unwrap();
        Self { lines: serde_yaml::from_str(&text).unwrap(), used: BTreeSet::new() }
    }
    /// The number of the line that says why `field` is not the same in two forms, counted from 1.
    pub(crate) fn find(&mut self, of: &str, forms: [&str; 2], field: &str) -> Option<usize> {
        let place = self.lines.iter().position(|line| {
            forms.contains(&&*line.form)
                && (line.of.is_empty() || line.of.iter().any(|own| own == of))
                && line.fields.iter().any(|own| own == field)
        })?;
        self.used.insert((place, field.to_owned()));
        Some(place + 1)
    }
    pub(crate) fn lines(&self) -> &[Reason] {
        &self.lines
    }
    /// Fields of lines that were not needed.
    pub(crate) fn unused(&self) -> Vec<String> {
        let of_line = |(place, line): (usize, &Reason)| -> Vec<String> {
            let fields = line.fields.iter();
            let unused = fields.filter(|field| !self.used.contains(&(place, (*field).clone())));
            unused.map(|field| format!("{} of {}: {}", field, line.form, line.reason)).collect()
        };
        self.lines.iter().enumerate().flat_map(of_line).collect()
    }
}

/// Why a rule that fires on `on` does not fire on `off`: the fields, or [`LOG_SOURCE`]. Empty if no field
/// explains it.
pub(crate) fn because_of(
    engine: &Engine,
    index: RuleIndex,
    on: &Replayed,
    off: &Replayed,
) -> Vec<String> {
    if !engine.rules.applying(off.event().source_set()).contains(&index) {
        return vec![LOG_SOURCE.to_owned()];
    }
    let rule = engine.rules.get(index).unwrap();
    let name = |field: &FieldId| engine.vocabulary.fields.name(*field).to_owned();
    let mut fields: Vec<_> = fields_of(rule).into_iter().collect();
    fields.retain(|field| !on.agrees(off, &name(field)));
    fields.sort_by_key(name);
    if !fires(engine, rule, on, off, &fields) {
        return Vec::new();
    }
    for field in fields.clone() {
        let without: Vec<_> = fields.iter().copied().filter(|other| *other != field).collect();
        if fires(engine, rule, on, off, &without) {
            fields = without;
        }
    }
    fields.iter().map(name).collect()
}

/// Whether the rule fires on `off` with these fields as `on` has them.
fn fires(engine: &Engine, rule: &Rule, on: &Replayed, off: &Replayed, fields: &[FieldId]) -> bool {
    let mut batch = EventBatch::new(engine.vocabulary.clone());
    let mut event = batch.begin_copy(&off.event());
    for field in fields {
        event.remove(*field);
        for value in on.event().get(*field).iter() {
            event.push(*field, value);
        }
    }
    event.finish();
    let mut evaluator = Evaluator::default();
    evaluator.begin();
    evaluator.is_true(rule, &batch.get(0).unwrap())
}

/// The fields that a rule looks at.
fn fields_of(rule: &Rule) -> BTreeSet<FieldId> {
    fn add(part: &Detection, fields: &mut BTreeSet<FieldId>) {
        match part {
            Detection::All(parts) | Detection::Any(parts) => {
                parts.iter().for_each(|part| add(part, fields));
            }
            Detection::Item(item) => {
                if let Target::Field(field) = item.target {
                    fields.insert(field);
                }
            }
        }
    }
    let mut fields = BTreeSet::new();
    rule.detections.iter().for_each(|named| add(&named.detection, &mut fields));
    fields
}
