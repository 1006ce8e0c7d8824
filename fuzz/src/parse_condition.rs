//! Any text as a condition: it is true of exactly the events that an evaluator finds which splits the
//! text at its loosest operator, again and again; and what was read, written out with all parentheses,
//! is read as the same.

use etwatch_rules::sigma::condition::{Condition, NAMED_LIMIT, parse};

use super::choices::text;
use super::like::{Token, like};

/// The first line has the names of the detections, the rest is the condition.
pub fn check(bytes: &[u8]) {
    let (names, condition) = text(bytes).split_once('\n').unwrap_or_default();
    let names: Vec<String> = names.split(' ').map(str::to_owned).collect();
    let read = parse(condition, &names, &(0..1), &mut NAMED_LIMIT.clone());
    let words = words(condition);
    // The first detections hold, or every second, or all but some: a handful of events.
    for holding in [0_u64, 1, 0b10, 0b101, 0xaaaa_aaaa_aaaa_aaaa, 0xcccc_cccc_cccc_ccce, u64::MAX] {
        let holds = |index: usize| holding >> (index % 64) & 1 == 1;
        let expected = words.as_deref().and_then(|words| truth(words, &names, &holds));
        match &read {
            Ok(condition) => assert_eq!(Some(condition.holds(&mut { holds }),), expected),
            // Beyond a limit, or older Sigma: refused, whatever it says.
            Err(problem) if matches!(problem.code, "SIG003" | "SIG023") => {}
            Err(problem) => assert_eq!(None, expected, "{problem:?}"),
        }
    }
    if let Ok(condition) = read {
        check_written_out(&condition, names.len());
    }
}

fn check_written_out(condition: &Condition, count: usize) {
    let names: Vec<String> = (0..count).map(|index| format!("d{index}")).collect();
    let written = write(condition);
    match parse(&written, &names, &(0..1), &mut NAMED_LIMIT.clone()) {
        Ok(again) => assert_eq!(*condition, again, "{written}"),
        // All parentheses may be more than the limits allow.
        Err(problem) => assert_eq!(problem.code, "SIG003", "{written}"),
    }
}

fn write(condition: &Condition) -> String {
    let join = |parts: &[Condition], by: &str| {
        format!("({})", parts.iter().map(write).collect::<Vec<_>>().join(by))
    };
    match condition {
        Condition::Detection(index) => format!("d{index}"),
        Condition::And(parts) => join(parts, " and "),
        Condition::Or(parts) => join(parts, " or "),
        Condition::Not(part) => format!("not {}", write(part)),
    }
}

/// A piece of a condition.
#[derive(Debug, PartialEq)]
enum Word<'a> {
    Bracket(char),
    Plain(&'a str),
    /// A quantity and a pattern.
    Of(&'a str, &'a str),
}

/// The words of a condition; `None` if a character has no meaning in it.
fn words(text: &str) -> Option<Vec<Word<'_>>> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || "_-*".contains(c);
    if text.contains(|c: char| !(in_word(c) || c.is_whitespace() || "()".contains(c))) {
        return None;
    }
    let mut plain = Vec::new();
    for piece in text.split_whitespace() {
        for part in piece.split_inclusive(['(', ')']).flat_map(|part| {
            let (word, bracket) = part.split_at(part.trim_end_matches(['(', ')']).len());
            [word, bracket]
        }) {
            plain.extend((!part.is_empty()).then_some(part));
        }
    }
    let mut words = Vec::new();
    let mut rest = plain.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        words.push(match (*first, behind) {
            ("(", _) => Word::Bracket('('),
            (")", _) => Word::Bracket(')'),
            (quantity, ["of", pattern, behind @ ..]) if !"()".contains(pattern) => {
                rest = behind;
                Word::Of(quantity, pattern)
            }
            (word, _) => Word::Plain(word),
        });
    }
    Some(words)
}

/// Whether the words are true; `None` if they are no condition.
fn truth(words: &[Word<'_>], names: &[String], holds: &dyn Fn(usize) -> bool) -> Option<bool> {
    let all = |parts: Vec<&[Word<'_>]>| {
        parts.iter().map(|part| truth(part, names, holds)).collect::<Option<Vec<bool>>>()
    };
    let parts = split(words, "or");
    if parts.len() > 1 {
        return Some(all(parts)?.contains(&true));
    }
    let parts = split(words, "and");
    if parts.len() > 1 {
        return Some(!all(parts)?.contains(&false));
    }
    match words {
        [Word::Plain("not"), rest @ ..] => truth(rest, names, holds).map(|truth| !truth),
        [Word::Bracket('('), inner @ .., Word::Bracket(')')] => truth(inner, names, holds),
        [Word::Of(quantity, pattern)] => some_of(quantity, pattern, names, holds),
        [Word::Plain("of" | "them" | "AND" | "OR" | "NOT")] => None,
        [Word::Plain(word)] => names.iter().position(|name| name == word).map(holds),
        _ => None,
    }
}

/// The words between those that are `operator` and stand outside all brackets.
fn split<'w, 'a>(words: &'w [Word<'a>], operator: &str) -> Vec<&'w [Word<'a>]> {
    let mut depth = 0_i32;
    let outside = |word: &Word<'_>| {
        match word {
            Word::Bracket('(') => depth += 1,
            Word::Bracket(_) => depth -= 1,
            _ => {}
        }
        depth == 0 && *word == Word::Plain(operator)
    };
    words.split(outside).collect()
}

fn some_of(
    quantity: &str,
    pattern: &str,
    names: &[String],
    holds: &dyn Fn(usize) -> bool,
) -> Option<bool> {
    let pattern = if pattern == "them" { "*" } else { pattern };
    let token = |c| if c == '*' { Token::Run } else { Token::One(c) };
    let tokens: Vec<Token> = pattern.chars().map(token).collect();
    let is_meant = |name: &String| {
        name.starts_with('_') == pattern.starts_with('_') && like(&tokens, name, |a, b| a == b)
    };
    let meant: Vec<bool> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| is_meant(name))
        .map(|(index, _)| holds(index))
        .collect();
    match quantity {
        _ if meant.is_empty() => None,
        "1" | "any" => Some(meant.contains(&true)),
        "all" => Some(!meant.contains(&false)),
        _ => None,
    }
}
