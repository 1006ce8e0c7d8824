//! Any value of a rule against any value of an event.
//!
//! Wildcards hold where the table of [`super::like`] says so. Whatever literals are required of a text or
//! by a regular expression: if it holds, one of them stands in the folded value at its place; if one of
//! them is enough, it holds where one stands.

use etwatch_event::FieldTable;
use etwatch_rules::compile::literal::{Literal, Place, required};
use etwatch_rules::fold::{fold, fold_char};
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::sigma::detection::Detection;
use etwatch_rules::sigma::text::DASHES;
use etwatch_rules::sigma::value::{Test, TextValue};

use super::choices::{quoted, text};
use super::like::{Token, like};

/// A line of modifiers, a line of the rule's value, then the event's value.
pub fn check(bytes: &[u8]) {
    let mut lines = text(bytes).splitn(3, '\n');
    let [chain, written, value] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let Some(tests) = tests(chain, written) else { return };
    for test in &tests {
        check_required(test, value);
    }
    if let Some(expected) = expected(chain, written, value) {
        let holds = tests.iter().any(|test| holds(test, value) == Some(true));
        assert_eq!(holds, expected, "{tests:?} on {value:?}");
    }
}

/// The tests that a rule makes of the value; `None` if it refuses it.
fn tests(chain: &str, written: &str) -> Option<Vec<Test>> {
    let key = if chain.is_empty() { "F".to_owned() } else { format!("F|{chain}") };
    let item = format!("{}: {}", quoted(&key), quoted(written));
    let rule = format!(
        "title: t\nlogsource: {{product: windows}}\ndetection:\n  s:\n    {item}\n  condition: s\n"
    );
    let loaded = load_text("r.yml", &rule, &LoadOptions::default(), &mut FieldTable::default());
    let Some(rule) = loaded.rules.into_iter().next() else {
        assert!(!loaded.diagnostics.is_empty());
        return None;
    };
    let Detection::All(items) = &rule.detections[0].detection else { return None };
    let [Detection::Item(item)] = items.as_slice() else { return None };
    Some(item.values[0].tests.clone())
}

/// Whether a test of text holds; `None` if it is of another kind.
fn holds(test: &Test, value: &str) -> Option<bool> {
    match test {
        Test::Text(TextValue { test, cased: true }) => Some(test.is_true_of(value)),
        Test::Text(TextValue { test, cased: false }) => Some(test.is_true_of(&fold(value))),
        Test::Regex(regex) => Some(regex.is_match(value)),
        Test::Present => Some(true),
        _ => None,
    }
}

fn check_required(test: &Test, value: &str) {
    let (Some(holds), Some(required)) = (holds(test, value), required(test)) else { return };
    let folded = fold(value);
    let stands = |literal: &Literal| match literal.place {
        Place::Whole => folded == literal.text,
        Place::Start => folded.starts_with(&literal.text),
        Place::End => folded.ends_with(&literal.text),
        Place::Within => folded.contains(&literal.text),
    };
    let found = required.literals.iter().any(stands);
    assert!(found || !holds, "{test:?} holds for {value:?} without any of {required:?}");
    assert!(holds || !found || !required.enough, "{test:?} fails for {value:?}: {required:?}");
}

/// What wildcards mean; `None` if the modifiers ask for something else.
fn expected(chain: &str, written: &str, value: &str) -> Option<bool> {
    let modifiers: Vec<&str> = chain.split('|').filter(|_| !chain.is_empty()).collect();
    let known = ["contains", "startswith", "endswith", "cased", "windash", "all", "neq"];
    if modifiers.iter().any(|modifier| !known.contains(modifier)) {
        return None;
    }
    let has = |modifier| modifiers.contains(&modifier);
    let mut pattern = tokens(written);
    if has("windash") {
        pattern = with_dashes(&pattern);
    }
    if has("contains") || has("endswith") {
        pattern.insert(0, Token::Run);
    }
    if has("contains") || has("startswith") {
        pattern.push(Token::Run);
    }
    let cased = has("cased");
    Some(like(&pattern, value, |a, b| a == b || !cased && fold_char(a) == fold_char(b)))
}

fn tokens(written: &str) -> Vec<Token> {
    let letters: Vec<char> = written.chars().collect();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while let Some(letter) = letters.get(at).copied() {
        at += 1;
        tokens.push(match (letter, letters.get(at)) {
            ('\\', Some('*' | '?' | '\\')) => {
                at += 1;
                Token::One(letters[at - 1])
            }
            ('*', _) => Token::Run,
            ('?', _) => Token::Each,
            _ => Token::One(letter),
        });
    }
    tokens
}

fn with_dashes(tokens: &[Token]) -> Vec<Token> {
    let is_word = |token: Option<&Token>| matches!(token, Some(Token::One(letter)) if letter.is_alphanumeric() || *letter == '_');
    let is_option = |at: usize| {
        matches!(tokens[at], Token::One(letter) if DASHES.contains(&letter))
            && is_word(tokens.get(at + 1))
            && !is_word(at.checked_sub(1).and_then(|before| tokens.get(before)))
    };
    let places = 0..tokens.len();
    places.map(|at| if is_option(at) { Token::OneOf(&DASHES) } else { tokens[at] }).collect()
}
