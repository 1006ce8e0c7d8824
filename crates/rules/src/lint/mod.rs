//! A closer look at rules that are sound as far as the language goes, but hardly what their author meant.
//!
//! It costs more than loading and changes nothing of what is loaded, so it is done where someone asks what
//! is wrong ([`crate::LoadOptions::examine`]), not where events wait.
//!
//! | module | finds |
//! |---|---|
//! | [`known_fields`] | fields that no event of the rule's log source has (`SIG024`) |
//! | `decided` | conditions that never hold (`SIG034`), or always (`SIG035`) |
//! | `satisfiable` | whether a Boolean expression can hold at all |
//! | `exclusion` | which two tests can't hold of one event |
//! | [`reach`] | rules that can't fire on a kind of input, for want of a field (`SIG036`) |
//! | [`unsearchable`] | rules that are evaluated on each event of their log source (`SIG030`) |
//!
//! A finding is only told if it is certain: where too little is known, or a rule is too large to find out
//! in reasonable time, nothing is said.

mod decided;
mod exclusion;
pub mod known_fields;
pub mod reach;
mod satisfiable;
pub mod unsearchable;

use std::ops::Range;

use etwatch_event::{FieldTable, LogSource};

use crate::diagnostic::Problem;
use crate::sigma::Rule;
use crate::yaml::{Kind, Node};
use known_fields::KnownFields;

/// Looks at a rule and the document it was read from.
pub(crate) fn rule(
    node: &Node,
    rule: &Rule,
    known: &KnownFields,
    fields: &FieldTable,
    problems: &mut Vec<Problem>,
) {
    let Some(detection) = node.get("detection") else { return };
    known_fields::check(detection, &rule.log_source, known, problems);
    decided::check(detection, rule, fields, problems);
}

/// Looks at a filter's detections; its condition is half of one.
pub(crate) fn filter(
    node: &Node,
    log_source: &LogSource,
    known: &KnownFields,
    problems: &mut Vec<Problem>,
) {
    if let Some(body) = node.get("filter") {
        known_fields::check(body, log_source, known, problems);
    }
}

/// Where each condition of a detection stands.
pub(crate) fn condition_spans(detection: &Node) -> Vec<Range<usize>> {
    match detection.get("condition") {
        Some(Node { kind: Kind::List(items), .. }) => {
            items.iter().map(|item| item.span.clone()).collect()
        }
        other => other.iter().map(|node| node.span.clone()).collect(),
    }
}
