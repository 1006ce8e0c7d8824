//! Rules that are made to take time or memory: each is refused with a clear error, or costs no more than
//! its size. What would run away does not end here, or ends for want of memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

use std::fmt::Write as _;

use etwatch_event::{FieldTable, LogSource, LogSourceSet, Vocabulary};
use etwatch_rules::lint::known_fields::KnownFields;
use etwatch_rules::load::{LoadOptions, Loaded, MESSAGE_LIMIT, load_text};
use etwatch_rules::sigma::detection::Detection;
use etwatch_rules::sigma::value::Test;
use etwatch_rules::{Diagnostic, RuleSet, Severity};

/// As `etwatch check` does, with the closer look.
fn options() -> LoadOptions {
    LoadOptions { examine: Some(KnownFields::default()), ..LoadOptions::default() }
}

fn load_with(text: &str, options: &LoadOptions) -> Loaded {
    let loaded = load_text("r.yml", text, options, &mut FieldTable::default());
    assert!(loaded.is_balanced());
    loaded
}

fn rule(detection: &str) -> String {
    format!(
        "title: t\nlogsource: {{product: windows}}\ndetection:\n  s: {detection}\n  condition: s\n"
    )
}

/// The first error, if the rule is refused, with its hint.
fn refusal(loaded: &Loaded) -> Option<&Diagnostic> {
    let error = loaded.diagnostics.iter().find(|one| one.severity == Severity::Error);
    assert_eq!(error.is_none(), loaded.refused == 0);
    error
}

fn code(text: &str) -> Option<&'static str> {
    refusal(&load_with(text, &options())).map(|error| error.code)
}

/// The tests of the rule's one item.
fn tests(text: &str) -> Vec<Test> {
    let loaded = load_with(text, &options());
    let Detection::All(items) = &loaded.rules[0].detections[0].detection else { panic!() };
    let [Detection::Item(item)] = items.as_slice() else { panic!() };
    item.values.iter().flat_map(|value| value.tests.clone()).collect()
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut nodes = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let alias = format!("*a{}", level - 1);
        let aliases = [alias.as_str(); 10].join(", ");
        writeln!(nodes, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert_eq!(code(&nodes), Some("SIG003"));
    // Few nodes, but each a long text: nine gigabytes.
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(900_000), "*a, ".repeat(10_000));
    assert_eq!(code(&long), Some("SIG003"));
    // The same by merge keys.
    let merged =
        format!("a: &a {{x: {}}}\nb: [{}]\n", "x".repeat(900_000), "{<<: *a}, ".repeat(9_000));
    assert_eq!(code(&merged), Some("SIG003"));
}

#[test]
fn templates_that_multiply_are_refused() {
    let long = "x".repeat(900_000);
    let template = format!("action: global\nx-long: {long}\n{}", rule("{F: x}"));
    let rules = "---\nlevel: low\n".repeat(20_000);
    let loaded = load_with(&(template + &rules), &options());
    assert!(loaded.rules.len() < 200, "{}", loaded.rules.len());
    assert_eq!(refusal(&loaded).map(|error| error.code), Some("SIG003"));
    let again = format!(
        "{}description: {}\n{}",
        rule("{F: x}"),
        "x".repeat(60_000),
        "---\naction: repeat\n".repeat(60_000)
    );
    let loaded = load_with(&again, &options());
    assert!(loaded.rules.len() < 3_000, "{}", loaded.rules.len());
    assert_eq!(refusal(&loaded).map(|error| error.code), Some("SIG003"));
}

#[test]
fn a_rule_of_ten_megabytes_is_refused_and_takes_no_other_with_it() {
    let ten = 10 << 20;
    let values = "x, ".repeat(ten / 3);
    for big in [
        format!("title: {}\n", "x".repeat(ten)),
        rule(&format!("{{F: [{values}]}}")),
        rule(&format!("{{F: '{}'}}", "'' ".repeat(ten / 3))),
        format!("{}{}", rule("{F: x}"), "# comment\n".repeat(ten / 10) + "level: low\n"),
        format!("x: {}{}\n", "[".repeat(ten / 2), "]".repeat(ten / 2)),
        format!("? {}\n: x\n", "x".repeat(ten)),
    ] {
        let text = format!("{}---\n{big}---\n{}", rule("{F: x}"), rule("{F: y}"));
        let loaded = load_with(&text, &options());
        let error = refusal(&loaded).unwrap();
        // A syntax error, as an overlong key is, loses what follows it; a limit does not.
        let kept = if error.code == "SIG001" { 1 } else { 2 };
        assert!(matches!(error.code, "SIG001" | "SIG003"), "{error}");
        assert_eq!((loaded.rules.len(), loaded.refused), (kept, 1), "{big:.40}");
    }
}

#[test]
fn lists_hold_a_hundred_thousand_values_and_no_more() {
    let list = |count: usize| {
        let values = (0..count).fold(String::new(), |mut all, number| {
            write!(all, "{number:x}, ").unwrap();
            all
        });
        rule(&format!("{{F: [{values}]}}"))
    };
    assert_eq!(tests(&list(100_000)).len(), 100_000);
    assert_eq!(code(&list(100_001)), Some("SIG003"));
    // They are also compiled, for texts within values too.
    for key in ["F:", "F|contains:", "F|contains|all:"] {
        let mut vocabulary = Vocabulary::default();
        let source = LogSource::new(None, Some("windows"), None);
        vocabulary.add_set(LogSourceSet::new(vec![source]));
        let text = list(100_000).replace("F:", key);
        let loaded = load_text("r.yml", &text, &LoadOptions::default(), &mut vocabulary.fields);
        let rules = RuleSet::new(loaded.rules, &vocabulary);
        assert!(rules.build_all() > 0 && rules.rules().len() == 1, "{key}");
    }
    // Named again and again by conditions.
    let detection = "{F: [a, b, c, d, e, f, g, h, i, j]}";
    let often =
        rule(detection).replace("condition: s", &format!("condition: [{}]", "s, ".repeat(50_000)));
    assert_eq!(code(&often), Some("SIG003"));
}

#[test]
fn values_that_become_many_tests_are_refused() {
    // Five dashes have 3,125 forms, each at three offsets: of these values 450 million tests.
    let dashes = "' -a -a -a -a -a', ".repeat(50_000);
    assert_eq!(
        code(&rule(&format!("{{F|windash|base64offset|contains: [{dashes}]}}"))),
        Some("SIG003")
    );
    // One value, 9,000 times its length.
    let long = format!("' -a -a -a -a -a {}'", "x".repeat(900_000));
    assert_eq!(
        code(&rule(&format!("{{F|windash|base64offset|contains: {long}}}"))),
        Some("SIG003")
    );
    assert_eq!(
        tests(&rule("{F|windash|base64offset|contains: ' -a -a -a -a -a'}")).len(),
        3 * 3_125
    );
    // Placeholders multiply in the same way.
    let names: Vec<String> = (0..1_000).map(|number| format!("name{number}")).collect();
    let options = LoadOptions { placeholders: [("n".to_owned(), names)].into(), ..options() };
    for values in
        ["'%n%', ".repeat(100_000), format!("'%n%{}'", "x".repeat(900_000)), "'%n%%n%'".to_owned()]
    {
        let loaded = load_with(&rule(&format!("{{F|expand: [{values}]}}")), &options);
        assert_eq!(refusal(&loaded).map(|error| error.code), Some("SIG003"), "{values:.40}");
    }
    assert_eq!(load_with(&rule("{F|expand: ['%n%', 'a%n%']}"), &options).rules.len(), 1);
}

#[test]
fn messages_about_one_document_have_an_end() {
    let list = rule(&format!("{{F: [{}'x']}}", "01,".repeat(90_000)));
    let loaded = load_with(&list, &options());
    assert_eq!((loaded.rules.len(), loaded.diagnostics.len()), (1, MESSAGE_LIMIT + 1));
    let last = loaded.diagnostics.last().unwrap();
    assert_eq!((last.code, last.severity), ("SIG003", Severity::Note));
    assert!(last.message.starts_with("89900 more"), "{last}");
}

#[test]
fn patterns_that_compile_to_too_much_are_refused() {
    let classes = r"\pL".repeat(300_000);
    for pattern in [
        "x{1000}{1000}",
        "((a{100}){100}){100}",
        r"\pL{1000}",
        r"(?i)[\pL--[a-z]]{500}",
        &"(".repeat(70),
        &format!("{}a{}", "(".repeat(70), ")".repeat(70)),
        &classes,
        &"a|".repeat(300_000),
    ] {
        let text = rule(&format!("{{F|re: '{pattern}'}}"));
        assert_eq!(code(&text), Some("SIG015"), "{pattern:.30}");
    }
    // Each of them is small enough, all together are not.
    let many = format!("'{}', ", r"\pL{20}").repeat(1_000);
    assert_eq!(code(&rule(&format!("{{F|re: [{many}]}}"))), Some("SIG015"));
    assert_eq!(code(&rule(&format!("{{F|re: [{}]}}", "'a+b', ".repeat(1_000)))), None);
    assert_eq!(code(&rule(&format!("{{F|re: [{}]}}", "'a+b', ".repeat(1_001)))), Some("SIG003"));
}

#[test]
fn catastrophic_patterns_are_linear_in_the_text() {
    let text = "a".repeat(30_000);
    for pattern in
        ["^(a+)+$", "^(a*)*$", "^(a|a)*$", "^(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*a){11}$"]
    {
        let found = tests(&rule(&format!("{{F|re: '{pattern}'}}")));
        let [Test::Regex(regex)] = found.as_slice() else { panic!() };
        assert!(!regex.is_match(&format!("{text}!")), "{pattern}");
    }
}

#[test]
fn wildcards_go_back_to_the_last_star_alone() {
    let stars = "a*".repeat(500);
    let questions = format!("*{}", "?a".repeat(450));
    let text = "a".repeat(20_000);
    for pattern in [
        format!("{stars}b"),
        format!("*{stars}b*"),
        format!("{questions}b"),
        format!("{questions}?b*"),
    ] {
        let found = tests(&rule(&format!("{{F: '{pattern}'}}")));
        let [Test::Text(value)] = found.as_slice() else { panic!() };
        assert!(!value.test.is_true_of(&text), "{pattern:.20}");
        assert!(value.test.is_true_of(&format!("{text}b")), "{pattern:.20}");
    }
    assert_eq!(code(&rule(&format!("{{F: '{}b'}}", "a*".repeat(1_001)))), Some("SIG003"));
}

#[test]
fn long_literals_between_wildcards_are_not_compared_at_each_place() {
    let long = "a".repeat(300_000);
    let text = "a".repeat(1 << 20);
    for pattern in [
        format!("*{long}?b*"),
        format!("*?{long}?b*"),
        format!("*{long}?{long}?b*"),
        format!("*a?{long}?{long}b"),
        format!("*{long}?*{long}?b?*"),
    ] {
        let found = tests(&rule(&format!("{{F: '{pattern}'}}")));
        let [Test::Text(value)] = found.as_slice() else { panic!() };
        let shown: String = pattern.chars().filter(|letter| *letter != 'a').collect();
        assert!(!value.test.is_true_of(&text), "{shown}");
        let end = if pattern.ends_with("?*") { "bc" } else { "b" };
        assert!(value.test.is_true_of(&format!("{text}{end}")), "{shown}");
    }
}
