//! The stages of the compiler as text, for `etwatch rules compile` and golden files.

use std::fmt::Write;

use etwatch_event::FieldTable;

use crate::compile::atom::{AtomId, Atoms};
use crate::compile::expression::Expression;
use crate::compile::literal::{Literal, Place};
use crate::compile::plan::{Answer, Plan, given_event_id};
use crate::compile::program::{FAILS, HOLDS};
use crate::rule_set::{RuleIndex, RuleSet};
use crate::sigma::condition::Condition;
use crate::sigma::detection::{Detection, Target};
use crate::sigma::rule::Rule;
use crate::sigma::text::{Part, Pattern, TextTest};
use crate::sigma::value::{Number, Test};

/// A rule as it was read: detections and conditions.
#[must_use]
pub fn tree(rule: &Rule, fields: &FieldTable) -> String {
    let mut out = format!("rule `{}`, {}\n", rule.attributes.title, rule.log_source);
    for named in &rule.detections {
        let _ = writeln!(out, "detection `{}`", named.name);
        detection(&named.detection, fields, 1, &mut out);
    }
    for condition in &rule.conditions {
        let _ = writeln!(out, "condition {}", condition_text(condition, rule));
    }
    out
}

fn indent(depth: usize) -> String {
    "    ".repeat(depth)
}

fn detection(part: &Detection, fields: &FieldTable, depth: usize, out: &mut String) {
    match part {
        Detection::All(parts) | Detection::Any(parts) => {
            let word = if matches!(part, Detection::All(_)) { "all of" } else { "any of" };
            let _ = writeln!(out, "{}{word}", indent(depth));
            for part in parts {
                detection(part, fields, depth + 1, out);
            }
        }
        Detection::Item(item) => {
            let not = if item.negated { "not " } else { "" };
            let quantity = if item.all { "all" } else { "any" };
            let _ = writeln!(
                out,
                "{}{not}{} has {quantity} of",
                indent(depth),
                target(item.target, fields)
            );
            for value in &item.values {
                let tests: Vec<_> =
                    value.tests.iter().map(|test| test_text(test, fields)).collect();
                let _ = writeln!(out, "{}{}", indent(depth + 1), tests.join(" or "));
            }
        }
    }
}

/// A condition by the names of its detections.
pub(crate) fn condition_text(condition: &Condition, rule: &Rule) -> String {
    let join = |parts: &[Condition], word: &str| {
        let parts: Vec<_> = parts.iter().map(|part| condition_text(part, rule)).collect();
        format!("({})", parts.join(word))
    };
    match condition {
        Condition::Detection(index) => {
            rule.detections.get(*index).map_or_else(String::new, |named| named.name.clone())
        }
        Condition::And(parts) => join(parts, " and "),
        Condition::Or(parts) => join(parts, " or "),
        Condition::Not(part) => format!("not {}", condition_text(part, rule)),
    }
}

fn target(target: Target, fields: &FieldTable) -> String {
    match target {
        Target::Field(id) => fields.name(id).to_owned(),
        Target::Keywords => "every value".to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// A test in a line.
#[must_use]
pub fn test_text(test: &Test, fields: &FieldTable) -> String {
    match test {
        Test::Text(text) => {
            let case = if text.cased { " with case" } else { "" };
            match &text.test {
                TextTest::Exact(text) => format!("= {}{case}", quoted(text)),
                TextTest::Prefix(text) => format!("begins {}{case}", quoted(text)),
                TextTest::Suffix(text) => format!("ends {}{case}", quoted(text)),
                TextTest::Substring(text) => format!("contains {}{case}", quoted(text)),
                TextTest::Wild(pattern) => format!("like {}{case}", pattern_text(pattern)),
            }
        }
        Test::Number { number, .. } => format!("= {}", number_text(number)),
        Test::Boolean(yes) => format!("= {yes}"),
        Test::Null => "is null".to_owned(),
        Test::Present => "is present".to_owned(),
        Test::Regex(regex) => format!("matches /{}/", regex.as_str()),
        Test::Cidr(network) => format!("in network {network:?}"),
        Test::Compare(how, number) => format!("{how:?} {}", number_text(number)),
        Test::Time(part, None, number) => format!("{part:?} = {number}"),
        Test::Time(part, Some(how), number) => format!("{part:?} {how:?} {number}"),
        Test::FieldReference { field, anchor, cased } => {
            let case = if *cased { " with case" } else { "" };
            format!("{anchor:?} field {}{case}", fields.name(*field))
        }
        Test::Exists(yes) => if *yes { "exists" } else { "is absent" }.to_owned(),
    }
}

fn number_text(number: &Number) -> String {
    match number {
        Number::Integer(number) => number.to_string(),
        Number::Float(number) => number.to_string(),
    }
}

fn pattern_text(pattern: &Pattern) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => quoted(text),
        Part::One => "?".to_owned(),
        Part::Any => "*".to_owned(),
        Part::Dash => "<dash>".to_owned(),
    };
    pattern.parts().iter().map(part).collect::<Vec<_>>().join(" ")
}

/// An atom in a line.
pub(crate) fn atom(id: AtomId, atoms: &Atoms, fields: &FieldTable) -> String {
    atoms.get(id).map_or_else(String::new, |atom| {
        format!("{} {}", target(atom.target, fields), test_text(&atom.test, fields))
    })
}

/// The expression of a rule, its negations at the atoms.
#[must_use]
pub fn expression(whole: &Expression, atoms: &Atoms, fields: &FieldTable) -> String {
    let mut out = String::new();
    expression_at(whole, atoms, fields, 0, &mut out);
    out
}

fn expression_at(
    part: &Expression,
    atoms: &Atoms,
    fields: &FieldTable,
    depth: usize,
    out: &mut String,
) {
    let margin = indent(depth);
    let _ = match part {
        Expression::Decided(decided) => writeln!(out, "{margin}{decided}"),
        Expression::Atom(id) => writeln!(out, "{margin}{}", atom(*id, atoms, fields)),
        Expression::Not(id) => writeln!(out, "{margin}not {}", atom(*id, atoms, fields)),
        Expression::And(_) => writeln!(out, "{margin}and"),
        Expression::Or(_) => writeln!(out, "{margin}or"),
    };
    if let Expression::And(parts) | Expression::Or(parts) = part {
        for part in parts {
            expression_at(part, atoms, fields, depth + 1, out);
        }
    }
}

/// How one rule is found and decided within a plan, which is that of events with this id.
#[must_use]
pub fn plan(
    plan: &Plan,
    rules: &RuleSet,
    index: RuleIndex,
    event_id: u64,
    fields: &FieldTable,
) -> String {
    let mut out = String::new();
    let Some(number) = plan.programs.iter().position(|program| program.rule == index) else {
        return "the rule can't hold for this kind of event\n".to_owned();
    };
    let _ = writeln!(
        out,
        "plan of {} rules, {} fields, {} literals looked for",
        plan.programs.len(),
        plan.fields.len(),
        plan.fields.iter().map(|field| field.index.len()).sum::<usize>() + plan.keywords.len(),
    );
    let rest = rules.expression(index).map(|whole| given_event_id(whole, event_id, rules.atoms()));
    let witnesses = rest.and_then(|rest| rules.witnesses().of(&rest));
    match witnesses {
        None => out.push_str("no witness: evaluated on each event\n"),
        Some((_, witnesses)) => {
            out.push_str("looked for by any of\n");
            for witness in witnesses {
                let _ = writeln!(out, "    {}", atom(witness, rules.atoms(), fields));
                let required = rules.witnesses().required(witness);
                for literal in required.iter().flat_map(|required| &required.literals) {
                    let _ = writeln!(out, "        {}", literal_text(literal));
                }
            }
        }
    }
    out.push_str("program\n");
    let start = plan.programs.get(number).map_or(FAILS, |program| program.start);
    steps(plan, start, rules, fields, &mut out);
    out
}

fn literal_text(literal: &Literal) -> String {
    let place = match literal.place {
        Place::Whole => "the whole value is",
        Place::Start => "the value begins with",
        Place::End => "the value ends with",
        Place::Within => "the value has",
    };
    format!("{place} {}", quoted(&literal.text))
}

/// The steps that can be reached from `start`, numbered in the order in which they are first named.
fn steps(plan: &Plan, start: u32, rules: &RuleSet, fields: &FieldTable, out: &mut String) {
    let mut order = vec![start];
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        let Some(step) = plan.steps.get(at as usize) else { continue };
        for target in [step.yes, step.no] {
            if target != HOLDS && target != FAILS && !order.contains(&target) {
                order.push(target);
            }
        }
    }
    let name = |step: u32| match step {
        HOLDS => "holds".to_owned(),
        FAILS => "fails".to_owned(),
        step => order.iter().position(|other| *other == step).unwrap_or(0).to_string(),
    };
    for (number, at) in order.iter().enumerate() {
        let Some(step) = plan.steps.get(*at as usize) else {
            let _ = writeln!(out, "    {}", name(*at));
            continue;
        };
        let test = match plan.tests.get(step.test as usize) {
            Some(Answer::Asked(id, _)) => atom(*id, rules.atoms(), fields),
            Some(Answer::Gated(id, _)) => {
                format!("if what it requires was found: {}", atom(*id, rules.atoms(), fields))
            }
            Some(Answer::AnyOf(number)) => {
                let ids = plan.any_of(*number).map_or(&[][..], |any| any.atoms.as_slice());
                let atoms = ids.iter().map(|id| atom(*id, rules.atoms(), fields));
                format!("search: {}", atoms.collect::<Vec<_>>().join(" or "))
            }
            _ => {
                let atoms = plan.proven(step.test).map(|id| atom(id, rules.atoms(), fields));
                format!("found: {}", atoms.collect::<Vec<_>>().join(" or "))
            }
        };
        let _ = writeln!(
            out,
            "    {number}: {test}\n        yes {}, no {}",
            name(step.yes),
            name(step.no)
        );
    }
}
