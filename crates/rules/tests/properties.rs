//! Whatever text a rule holds: parsing ends, nothing panics; comparisons agree with plain definitions.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    unreachable_pub,
    reason = "a failure in a test is a finding"
)]

#[path = "../../../fuzz/src/choices.rs"]
mod choices;
#[path = "../../../fuzz/src/like.rs"]
mod like;
#[path = "../../../fuzz/src/load_rule.rs"]
mod load_rule;

use etwatch_event::FieldTable;
use etwatch_rules::Severity;
use etwatch_rules::fold::fold;
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::sigma::text::{DASHES, Part, Pattern, TextTest};
use like::{Token, like};
use proptest::prelude::*;

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

/// A pattern's tokens, for the table of all beginnings.
fn tokens(pattern: &Pattern) -> Vec<Token> {
    let of_part = |part: &Part| match part {
        Part::Literal(text) => text.chars().map(Token::One).collect(),
        Part::One => vec![Token::Each],
        Part::Any => vec![Token::Run],
        Part::Dash => vec![Token::OneOf(&DASHES)],
    };
    pattern.parts().iter().flat_map(of_part).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_loads_or_is_refused(text in nearly_a_rule()) {
        load_rule::load(&text);
    }

    #[test]
    fn any_condition_is_read_or_refused(condition in "[a-z0-9()*_ |-]{0,40}") {
        load_rule::load(&format!("title: t\nlogsource: {{product: windows}}\ndetection:\n  a: {{F: x}}\n  b: {{G: y}}\n  condition: '{condition}'\n"));
    }

    #[test]
    fn wildcards_are_what_trying_everything_says(pattern in "[ab*?\\\\]{0,8}", text in "[ab\\\\*?\n]{0,10}") {
        let pattern = Pattern::parse(&pattern);
        let expected = like(&tokens(&pattern), &text, |a, b| a == b);
        prop_assert_eq!(TextTest::new(&pattern).is_true_of(&text), expected);
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
