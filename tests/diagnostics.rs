//! `docs/diagnostics.md` against the program: each code has a section, each section an example, and each
//! example causes that code and no other, with the severity that the section states.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod support;

use std::collections::BTreeSet;

use etwatch_engine::field_sources::input_events;
use etwatch_engine::{FieldSources, known_fields};
use etwatch_event::Vocabulary;
use etwatch_normalise::InputKind;
use etwatch_rules::explain::{Section, sections};
use etwatch_rules::lint::reach::{self, Reaches};
use etwatch_rules::lint::unsearchable;
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::{Diagnostic, RuleSet};

/// All that `check` says of a text.
fn diagnostics(text: &str) -> Vec<Diagnostic> {
    let options = LoadOptions { examine: Some(known_fields().unwrap()), ..LoadOptions::default() };
    let mut vocabulary = Vocabulary::default();
    let loaded = load_text("rule.yml", text, &options, &mut vocabulary.fields);
    assert!(loaded.is_balanced(), "{text}");
    let rules = RuleSet::new(loaded.rules, &vocabulary);
    let mut all = loaded.diagnostics;
    all.extend(unsearchable::notes(&rules, &loaded.places, &vocabulary.fields));
    let sources = FieldSources::built_in().unwrap();
    for kind in InputKind::ALL {
        let events = input_events(&sources, kind);
        let reaches = Reaches::new(&rules, &vocabulary.fields, &events);
        all.extend(reach::notes(&reaches, &loaded.places, kind.description()));
    }
    all
}

/// The example with what it leaves out; a document without keys is complete, and so is a template.
fn completed(example: &str) -> String {
    let documents = example.split("---\n").map(|document| {
        let keys: BTreeSet<_> = document.lines().filter_map(key).collect();
        if keys.is_empty() || keys.contains("action") {
            return document.to_owned();
        }
        let mut whole = String::new();
        let mut add = |name: &str, line: &str| {
            if !keys.contains(name) {
                whole.push_str(line);
            }
        };
        add("title", "title: An example\n");
        if !keys.contains("correlation") {
            add("logsource", "logsource: {product: windows}\n");
        }
        if !keys.contains("correlation") && !keys.contains("filter") {
            add("detection", "detection: {s: {Image|endswith: '\\example.exe'}, condition: s}\n");
        }
        whole + document
    });
    documents.collect::<Vec<_>>().join("---\n")
}

/// The key that a line of the outermost mapping begins with.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(':')?;
    key.chars().all(|letter| letter.is_ascii_lowercase()).then_some(key)
}

#[test]
fn each_example_causes_its_code_and_no_other() {
    // No text alone causes SIG043: it is told when rules are loaded again (crates/rules/tests/reload.rs).
    for section in sections().filter(|section| section.code != "SIG043") {
        let examples = section.examples();
        let shown: BTreeSet<_> = examples.iter().map(|(severity, _)| *severity).collect();
        let stated: BTreeSet<_> = section.severities().into_iter().collect();
        assert!(!stated.is_empty(), "{}: no paragraph begins with a severity", section.code);
        assert_eq!(shown, stated, "{}: a severity without an example", section.code);
        for (severity, example) in examples {
            let text = completed(example);
            let found: Vec<_> = diagnostics(&text)
                .iter()
                // Small examples often have nothing to search for, few log sources are on all inputs; that
                // is their own sections' matter.
                .filter(|one| {
                    let elsewhere = ["SIG030", "SIG036"];
                    one.code == section.code || !elsewhere.contains(&one.code)
                })
                .map(|one| (one.code, one.severity))
                .collect();
            assert!(!found.is_empty(), "{}: causes nothing:\n{text}", section.code);
            for one in found {
                assert_eq!(one, (section.code, severity), "{}:\n{text}", section.code);
            }
        }
    }
}

#[test]
fn each_code_of_the_program_has_a_section_and_a_link() {
    let mut codes = BTreeSet::new();
    for file in support::files_under(&support::root().join("crates"), ".rs") {
        let text = std::fs::read_to_string(&file).unwrap();
        let literals = text.split("\"SIG").skip(1).filter_map(|rest| rest.get(..4));
        let numbers = literals.filter_map(|rest| rest.strip_suffix('"'));
        codes.extend(numbers.map(|number| format!("SIG{number}")));
    }
    let documented: BTreeSet<_> = sections().map(|section| section.code.to_owned()).collect();
    assert_eq!(codes, documented);
    let page = std::fs::read_to_string(support::root().join("docs/diagnostics.md")).unwrap();
    for section in sections() {
        let number = section.code.trim_start_matches("SIG");
        let link = format!("[{number}](#{})", anchor(&section));
        assert!(page.contains(&link), "the table of codes has no {link}");
    }
}

/// The anchor that a heading gets.
fn anchor(section: &Section) -> String {
    let heading = format!("{} {}", section.code, section.title).to_lowercase();
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
