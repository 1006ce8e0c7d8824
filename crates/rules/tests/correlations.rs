//! Correlations, case by case: what they are read as, or why they are refused.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

use etwatch_event::FieldTable;
use etwatch_rules::load::{LoadOptions, Loaded, load_text};
use etwatch_rules::sigma::Condition;
use etwatch_rules::sigma::correlation::{
    Correlation, CorrelationCondition, CorrelationField, Relation, Target,
};
use etwatch_rules::sigma::modifier::Comparison;
use etwatch_rules::sigma::value::Number;
use etwatch_rules::yaml::{self, Kind, Node};
use etwatch_rules::{Diagnostic, Level};

const RULES: &str = "\
title: A
name: a
id: 0e95725d-7320-415d-80f7-00000000000a
level: low
logsource: {product: windows}
detection: {s: {F: 1}, condition: s}
---
title: B
name: b
id: 0e95725d-7320-415d-80f7-00000000000b
level: high
logsource: {product: windows}
detection: {s: {F: 2}, condition: s}
---
title: C
name: c
id: 0e95725d-7320-415d-80f7-00000000000c
logsource: {product: windows}
detection: {s: {F: 3}, condition: s}
---
";

fn load(text: &str) -> (Loaded, FieldTable) {
    let mut fields = FieldTable::default();
    let loaded = load_text("case.yml", text, &LoadOptions::default(), &mut fields);
    assert!(loaded.is_balanced(), "{text}");
    (loaded, fields)
}

/// A correlation in a line.
fn shown(correlation: &Correlation, fields: &FieldTable) -> String {
    let target = |target: &Target| match target {
        Target::Rule(index) => format!("rule {index}"),
        Target::Correlation(index) => format!("correlation {index}"),
    };
    let targets: Vec<_> = correlation.rules.iter().map(|rule| target(&rule.target)).collect();
    let field = |field: &CorrelationField| {
        assert_eq!(field.of_rule.len(), correlation.rules.len());
        let names: Vec<_> = field.of_rule.iter().map(|id| fields.name(*id)).collect();
        let plain = names.iter().all(|name| *name == field.name);
        if plain { field.name.clone() } else { format!("{}={}", field.name, names.join("|")) }
    };
    let list = |fields: &[CorrelationField]| fields.iter().map(field).collect::<Vec<_>>().join(" ");
    let group = match list(&correlation.group_by) {
        group if group.is_empty() => "nothing".to_owned(),
        group => group,
    };
    let condition = match &correlation.condition {
        CorrelationCondition::Expression(expression) => shown_expression(expression),
        CorrelationCondition::Measured(measured) => {
            let mut text: Vec<_> = measured.relations.iter().map(shown_relation).collect();
            if !measured.fields.is_empty() {
                text.push(format!("of {}", list(&measured.fields)));
            }
            text.extend(measured.percentile.map(|rank| format!("at {rank}%")));
            text.join(" ")
        }
    };
    format!(
        "{} [{}] by {group} in {}s {condition}, {}{}",
        correlation.kind.name(),
        targets.join(", "),
        correlation.timespan.as_secs(),
        correlation.attributes.level.map_or("no level", Level::name),
        if correlation.generate { ", generates" } else { "" },
    )
}

fn shown_relation((relation, number): &(Relation, Number)) -> String {
    let word = match relation {
        Relation::Equal => "eq",
        Relation::NotEqual => "neq",
        Relation::Ordered(Comparison::Less) => "lt",
        Relation::Ordered(Comparison::LessOrEqual) => "lte",
        Relation::Ordered(Comparison::Greater) => "gt",
        Relation::Ordered(Comparison::GreaterOrEqual) => "gte",
    };
    match number {
        Number::Integer(number) => format!("{word} {number}"),
        Number::Float(number) => format!("{word} {number}"),
    }
}

fn shown_expression(condition: &Condition) -> String {
    let list =
        |parts: &[Condition]| parts.iter().map(shown_expression).collect::<Vec<_>>().join(" ");
    match condition {
        Condition::Detection(index) => index.to_string(),
        Condition::And(parts) => format!("(and {})", list(parts)),
        Condition::Or(parts) => format!("(or {})", list(parts)),
        Condition::Not(part) => format!("(not {})", shown_expression(part)),
    }
}

fn says(diagnostic: &Diagnostic, part: &str) -> bool {
    let hint = diagnostic.hint.as_deref().unwrap_or_default();
    diagnostic.message.contains(part) || hint.contains(part)
}

/// Whether a diagnostic has the code and says the part that a case expects; else what there is.
fn expect(loaded: &Loaded, code: &str, part: &str) -> Result<(), String> {
    let fits = |one: &&Diagnostic| one.code == code && says(one, part);
    if loaded.diagnostics.iter().any(|one| fits(&one)) {
        return Ok(());
    }
    let all: Vec<_> =
        loaded.diagnostics.iter().map(|one| format!("{one} ({:?})", one.hint)).collect();
    Err(format!("no {code} with `{part}` in {all:#?}"))
}

fn check(case: &Node) -> Result<(), String> {
    let text = |key: &str| case.get(key).and_then(Node::text);
    let (loaded, fields) = load(&(RULES.to_owned() + text("documents").ok_or("no documents")?));
    let part = text("says").unwrap_or_default();
    let own = ["SIG050", "SIG051", "SIG052", "SIG053"];
    let own = loaded.diagnostics.iter().filter(|one| own.contains(&one.code));
    if let Some(one) = own.into_iter().find(|one| one.hint.is_none()) {
        return Err(format!("no hint: {one}"));
    }
    if let Some(code) = text("refused") {
        if loaded.refused == 0 {
            return Err("nothing was refused".to_owned());
        }
        return expect(&loaded, code, part);
    }
    let Some(last) = loaded.correlations.last() else {
        return Err(format!("refused: {:#?}", loaded.diagnostics));
    };
    let (found, wanted) = (shown(last, &fields), text("means").ok_or("nothing expected")?);
    if found != wanted {
        return Err(format!("read as  {found}\nexpected {wanted}"));
    }
    match text("warned") {
        Some(code) => expect(&loaded, code, part),
        None if !loaded.diagnostics.is_empty() => Err(format!("warned: {:#?}", loaded.diagnostics)),
        None => Ok(()),
    }
}

#[test]
fn each_case_is_read_or_refused_as_it_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/correlations.yaml");
    let read = yaml::documents(&std::fs::read_to_string(path).unwrap());
    assert!(read.broken.is_none(), "{:?}", read.broken);
    let Kind::List(cases) = &read.documents[0].as_ref().unwrap().kind else { panic!("no list") };
    let mut failed = Vec::new();
    for case in cases {
        let name = case.get("name").and_then(Node::text).unwrap();
        if let Err(why) = check(case) {
            failed.push(format!("{name}: {why}"));
        }
    }
    assert!(cases.len() > 90, "{}", cases.len());
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

/// `below` counts the matches of another correlation, or of the rule `a`.
fn link(name: &str, below: &str) -> String {
    format!(
        "title: {name}\nname: {name}\ncorrelation: {{type: event_count, rules: [{below}], \
         group-by: [User], timespan: 5m, condition: {{gte: 2}}}}\n---\n"
    )
}

/// The order of documents does not matter; levels rise from the rules; numbers are of those that loaded.
#[test]
fn a_chain_is_resolved_from_the_rules_upwards() {
    let refused = link("refused", "nowhere");
    let text =
        format!("{}{}{refused}{}{RULES}", link("top", "mid"), link("mid", "low"), link("low", "b"));
    let (loaded, fields) = load(&text);
    let all: Vec<_> = loaded.correlations.iter().map(|one| shown(one, &fields)).collect();
    let rest = "by User in 300s gte 2, high";
    let expected = ["correlation 1", "correlation 2", "rule 1"]
        .map(|target| format!("event_count [{target}] {rest}"));
    assert_eq!(all, expected);
    assert_eq!(
        (loaded.correlations[0].file.as_str(), loaded.correlations[1].line),
        ("case.yml", 5)
    );
}

#[test]
fn sixteen_correlations_may_lie_above_one_another() {
    let chain = |length: usize| {
        let mut text = RULES.to_owned() + &link("c1", "a");
        for number in 2..=length {
            text += &link(&format!("c{number}"), &format!("c{}", number - 1));
        }
        load(&text).0
    };
    assert_eq!(chain(16).correlations.len(), 16);
    let loaded = chain(18);
    assert_eq!((loaded.correlations.len(), loaded.refused), (16, 2));
    expect(&loaded, "SIG003", "more than 16 correlations above one another").unwrap();
    expect(&loaded, "SIG050", "`c17` is refused").unwrap();
}

/// Time and memory do not depend on how correlations refer to each other.
#[test]
fn a_long_chain_and_a_large_circle_are_refused_at_once() {
    let count = 5_000;
    let mut text = RULES.to_owned();
    for number in 0..count {
        text += &link(&format!("c{number}"), &format!("c{}", (number + 1) % count));
    }
    let (loaded, _) = load(&text);
    assert_eq!((loaded.correlations.len(), loaded.refused), (0, count));
    assert!(loaded.diagnostics.iter().all(|one| one.message.contains("refers to itself: `c")));
    let broken = text.replace("[c0]", "[nowhere]");
    let (loaded, _) = load(&broken);
    assert_eq!(loaded.refused, count);
    assert_eq!(
        loaded.diagnostics.iter().filter(|one| one.message.contains("is refused")).count(),
        count - 1
    );
}

#[test]
fn limits_are_told() {
    let many =
        |count: usize| (0..count).map(|number| format!("x{number}")).collect::<Vec<_>>().join(", ");
    let rules = format!(
        "title: T\ncorrelation: {{type: temporal, rules: [{}], group-by: F, timespan: 1s}}",
        many(1_001)
    );
    expect(&load(&rules).0, "SIG003", "names 1001 rules, the limit is 1000").unwrap();
    let fields = format!(
        "title: T\ncorrelation: {{type: temporal, rules: a, group-by: [{}], timespan: 1s}}",
        many(101)
    );
    expect(&load(&fields).0, "SIG003", "names 101 fields, the limit is 100").unwrap();
}

/// A rule set with correlations passes.
#[test]
fn a_loaded_correlation_is_no_error() {
    let (loaded, _) = load(&(RULES.to_owned() + &link("one", "a")));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    assert_eq!((loaded.rules.len(), loaded.correlations.len(), loaded.documents), (3, 1, 4));
}
