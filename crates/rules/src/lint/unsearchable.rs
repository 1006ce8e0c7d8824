//! Rules that have no witness: no text that must be there is found in them, so that nothing less than
//! evaluating them on each event of their log source tells whether they hold.

use std::ops::Range;
use std::sync::Arc;

use etwatch_event::FieldTable;

use crate::compile::atom::{Atom, Atoms};
use crate::compile::expression::Expression;
use crate::compile::literal::required;
use crate::diagnostic::{Diagnostic, Problem, Severity, SourceFile};
use crate::rule_set::{RuleIndex, RuleSet};
use crate::sigma::detection::Target;
use crate::sigma::modifier::Comparison;
use crate::sigma::value::Test;

/// Items that a message names.
const SHOWN: usize = 3;

/// Where the condition of a rule stands.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub file: Arc<SourceFile>,
    /// Its bytes there.
    pub span: Range<usize>,
}

/// A note for each rule without a witness; `places` are those of the rules in their order.
#[must_use]
pub fn notes(rules: &RuleSet, places: &[Place], fields: &FieldTable) -> Vec<Diagnostic> {
    let mut without = rules.without_witness().peekable();
    let mut notes = Vec::new();
    for (index, (rule, place)) in rules.rules().iter().zip(places).enumerate() {
        if without.next_if(|next| std::ptr::eq(*next, rule)).is_none() {
            continue;
        }
        let Some(whole) = RuleIndex::from_index(index).and_then(|index| rules.expression(index))
        else {
            continue;
        };
        let mut tests = 0_u32;
        whole.atoms(&mut |_| tests += 1);
        let many = if tests == 1 { "one test".to_owned() } else { format!("up to {tests} tests") };
        let source = &rule.log_source;
        let message = format!(
            "nothing to search for: the rule is evaluated on every event of {source}, {many} each"
        );
        let problem = Problem::warning("SIG030", place.span.clone(), message);
        let problem = problem.hint(cure(whole, rules.atoms(), fields));
        notes.push(Problem { severity: Severity::Note, ..problem }.of(&place.file));
    }
    notes
}

/// What to write so that there is something to search for.
fn cure(whole: &Expression, atoms: &Atoms, fields: &FieldTable) -> String {
    let what = "a text that must be there, such as `Image|endswith: '\\name.exe'`";
    let weak = weak(whole, atoms);
    if weak.is_empty() {
        return format!("it only excludes: join it with `and` to {what}");
    }
    let mut keys: Vec<_> = weak.iter().map(|atom| key(atom, fields)).collect();
    keys.sort_unstable();
    keys.dedup();
    let more = if keys.len() > SHOWN { " and others" } else { "" };
    keys.truncate(SHOWN);
    format!("{}{more} can't be searched for: join with `and` to {what}", keys.join(", "))
}

/// An atom as the key of a detection item.
fn key(atom: &Atom, fields: &FieldTable) -> String {
    let field = match atom.target {
        Target::Field(id) => fields.name(id),
        Target::Keywords => "",
    };
    let rest = match &atom.test {
        Test::Regex(_) => "|re",
        Test::Cidr(_) => "|cidr",
        Test::Compare(Comparison::Less, _) => "|lt",
        Test::Compare(Comparison::LessOrEqual, _) => "|lte",
        Test::Compare(Comparison::Greater, _) => "|gt",
        Test::Compare(Comparison::GreaterOrEqual, _) => "|gte",
        Test::FieldReference { .. } => "|fieldref",
        Test::Exists(_) => "|exists",
        Test::Null => ": null",
        Test::Present => ": '*'",
        Test::Text(_) | Test::Number { .. } | Test::Boolean(_) | Test::Time(..) => "",
    };
    format!("`{field}{rest}`")
}

/// The atoms that should be searched for and can't be.
fn weak<'a>(expression: &Expression, atoms: &'a Atoms) -> Vec<&'a Atom> {
    match expression {
        Expression::Decided(_) | Expression::Not(_) => Vec::new(),
        Expression::Atom(id) => {
            let atom = atoms.get(*id).filter(|atom| required(&atom.test).is_none());
            atom.into_iter().collect()
        }
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().flat_map(|part| weak(part, atoms)).collect()
        }
    }
}
