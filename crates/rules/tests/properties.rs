//! Whatever text a rule holds: parsing ends, nothing panics; comparisons agree with plain definitions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

use etwatch_event::{FieldTable, LogSource, LogSourceSet};
use etwatch_rules::fold::fold;
use etwatch_rules::lint::known_fields::KnownFields;
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::sigma::text::{Part, Pattern, TextTest};
use etwatch_rules::{Diagnostic, Severity};
use proptest::prelude::*;

fn check(text: &str) -> Vec<Diagnostic> {
    let options = LoadOptions { examine: Some(known_fields()), ..LoadOptions::default() };
    let loaded = load_text("r.yml", text, &options, &mut FieldTable::default());
    assert!(loaded.is_balanced());
    assert_eq!(loaded.places.len(), loaded.rules.len());
    for diagnostic in &loaded.diagnostics {
        assert!(diagnostic.hint.is_some(), "{diagnostic}: no hint");
        let (begin, end) = (diagnostic.place(), diagnostic.end_place());
        assert!(begin <= end, "{diagnostic}: ends at {end:?}");
        assert!(!diagnostic.render(false).is_empty());
        assert!(diagnostic.span.end <= text.len().max(diagnostic.span.start + 1));
    }
    loaded.diagnostics
}

/// Windows' events, of one kind alone.
fn known_fields() -> KnownFields {
    let mut known = KnownFields::default();
    let source = LogSource::new(None, Some("windows"), None);
    known.add(LogSourceSet::new(vec![source]), vec!["Image".to_owned()], true);
    known
}

/// Text that is nearly a rule.
fn nearly_a_rule() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => Just("title: t\nlogsource: {product: windows}\ndetection:\n".to_owned()),
        2 => Just("  s: {Image|endswith: '\\a.exe'}\n  condition: s\n".to_owned()),
        1 => Just("  s:\n    - A|re: '(a'\n    - B|cidr: 1.2.3.4/8\n".to_owned()),
        1 => Just("---\n".to_owned()),
        2 => "  [a-z]{1,3}: [&*!|>%@'\"\\[{a-z0-9]{0,6}\n",
        1 => "  condition: [a-z()*0-9 ]{0,20}\n",
        1 => "\\PC{0,8}\n",
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// The definition of wildcards, by trying everything.
fn like(parts: &[Part], text: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    match first {
        Part::Literal(literal) => {
            text.strip_prefix(literal.as_str()).is_some_and(|text| like(rest, text))
        }
        Part::One | Part::Dash => {
            text.chars().next().is_some_and(|c| like(rest, &text[c.len_utf8()..]))
        }
        Part::Any => text.char_indices().any(|(at, _)| like(rest, &text[at..])) || like(rest, ""),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_loads_or_is_refused(text in nearly_a_rule()) {
        check(&text);
    }

    #[test]
    fn any_condition_is_read_or_refused(condition in "[a-z0-9()*_ |-]{0,40}") {
        check(&format!("title: t\nlogsource: {{product: windows}}\ndetection:\n  a: {{F: x}}\n  b: {{G: y}}\n  condition: '{condition}'\n"));
    }

    #[test]
    fn wildcards_are_what_trying_everything_says(pattern in "[ab*?\\\\]{0,8}", text in "[ab\\\\*?\n]{0,10}") {
        let pattern = Pattern::parse(&pattern);
        prop_assert_eq!(TextTest::new(&pattern).is_true_of(&text), like(pattern.parts(), &text));
    }

    #[test]
    fn a_text_is_equal_to_itself_in_either_case(text in "\\PC{0,20}") {
        // Letters whose upper case is several letters, or that change when lowered again, aside.
        let simple: String = text.chars().filter(|c| {
            let (mut upper, mut lower) = (c.to_uppercase(), c.to_lowercase());
            upper.next().is_some() && upper.next().is_none() && lower.next().is_some() && lower.next().is_none()
        }).collect();
        let lower: String = simple.chars().flat_map(char::to_lowercase).collect();
        prop_assert_eq!(fold(&lower).chars().count(), simple.chars().count());
        if simple.is_ascii() {
            prop_assert_eq!(fold(&lower), fold(&simple.to_uppercase()));
        }
    }
}

#[test]
fn a_bad_rule_takes_no_other_with_it() {
    let good = "title: t\nlogsource: {product: windows}\ndetection: {s: {F: x}, condition: s}\n";
    let text =
        format!("{good}---\ntitle: broken\n---\n{good}---\n- no mapping\n---\n{good}---\nx: [\n");
    let loaded = load_text("r.yml", &text, &LoadOptions::default(), &mut FieldTable::default());
    assert_eq!((loaded.rules.len(), loaded.refused, loaded.documents), (3, 3, 6));
    assert!(loaded.diagnostics.iter().all(|one| one.severity == Severity::Error));
}
