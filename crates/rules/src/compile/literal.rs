//! The literals that a test requires of a value: at least one of them stands in the folded text of any
//! value that satisfies the test.
//!
//! Text tests say it themselves. Of a pattern with wildcards the longest piece is taken; an option's dash
//! is written out in its five forms. Of a regular expression those literals are taken that every match
//! has in it; a class of letters that differ in case alone counts as its folded letter.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::fold::{fold, fold_char};
use crate::sigma::text::{DASHES, Part, Pattern, TextTest};
use crate::sigma::value::{Number, Test, TextValue};

/// Where in a value a literal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// It is the whole value.
    Whole,
    /// The value begins with it.
    Start,
    /// The value ends with it.
    End,
    /// Anywhere.
    Within,
}

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Literal {
    /// Folded text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// What a test requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// At least one of them is there.
    pub literals: Vec<Literal>,
    /// Whether one of them is also enough.
    pub enough: bool,
}

/// Shorter literals of regular expressions are in too many texts to look for, unless they have a rare byte.
const SHORTEST_OF_REGEX: usize = 3;
/// So many alternatives are looked for at most.
const ALTERNATIVES: usize = 16;

/// What a test requires; `None` if nothing that could be looked for.
#[must_use]
pub fn required(test: &Test) -> Option<Required> {
    match test {
        Test::Text(text) => of_text(text),
        Test::Number { number, texts } => of_number(number, texts),
        Test::Boolean(yes) => Some(Required {
            literals: vec![Literal { text: yes.to_string(), place: Place::Whole }],
            enough: false,
        }),
        Test::Regex(regex) => of_regex(regex.as_str()),
        _ => None,
    }
}

fn of_text(value: &TextValue) -> Option<Required> {
    let one = |text: &str, place| {
        let text = if value.cased { fold(text) } else { text.to_owned() };
        let sayable = place == Place::Whole || !text.is_empty();
        let literals = vec![Literal { text, place }];
        sayable.then_some(Required { literals, enough: !value.cased })
    };
    match &value.test {
        TextTest::Exact(text) => one(text, Place::Whole),
        TextTest::Prefix(text) => one(text, Place::Start),
        TextTest::Suffix(text) => one(text, Place::End),
        TextTest::Substring(text) => one(text, Place::Within),
        TextTest::Wild(pattern) => of_pattern(pattern, value.cased),
    }
}

/// The number's texts; a float of an event that is equal may be written otherwise where it is large or
/// has a fraction.
fn of_number(number: &Number, texts: &[String; 2]) -> Option<Required> {
    let Number::Integer(integer) = number else { return None };
    if integer.unsigned_abs() > 1 << 53 {
        return None;
    }
    let mut texts: Vec<String> = texts.to_vec();
    if *integer == 0 {
        texts.push("-0".to_owned());
    }
    texts.sort_unstable();
    texts.dedup();
    let literals = texts.into_iter().map(|text| Literal { text, place: Place::Whole }).collect();
    Some(Required { literals, enough: false })
}

/// Of the pieces between wildcards the longest, with a dash written out if it is short without.
fn of_pattern(pattern: &Pattern, cased: bool) -> Option<Required> {
    let parts = pattern.parts();
    let mut best: Option<(usize, Vec<String>, bool)> = None;
    let mut consider = |length: usize, texts: Vec<String>, whole: bool| {
        if length > 0 && best.as_ref().is_none_or(|(other, ..)| length > *other) {
            best = Some((length, texts, whole));
        }
    };
    for (index, part) in parts.iter().enumerate() {
        let literal = |index: Option<usize>| match index.and_then(|index| parts.get(index)) {
            Some(Part::Literal(text)) => text.as_str(),
            _ => "",
        };
        match part {
            Part::Literal(text) => consider(text.len(), vec![text.clone()], false),
            Part::Dash => {
                let (before, after) = (literal(index.checked_sub(1)), literal(Some(index + 1)));
                let forms = DASHES.iter().map(|dash| format!("{before}{dash}{after}")).collect();
                let neighbours =
                    1 + usize::from(!before.is_empty()) + usize::from(!after.is_empty());
                let anywhere =
                    parts.first() == Some(&Part::Any) && parts.last() == Some(&Part::Any);
                let whole = anywhere && neighbours + 2 == parts.len();
                consider(before.len() + 1 + after.len(), forms, whole);
            }
            Part::One | Part::Any => {}
        }
    }
    let (_, texts, whole) = best?;
    let literal = |text: String| Literal {
        text: if cased { fold(&text) } else { text },
        place: Place::Within,
    };
    Some(Required { literals: texts.into_iter().map(literal).collect(), enough: whole && !cased })
}

fn of_regex(pattern: &str) -> Option<Required> {
    let parsed = regex_syntax::parse(pattern).ok()?;
    let texts = texts_within(&parsed, 1)?;
    let tells = |text: &String| text.len() >= SHORTEST_OF_REGEX || text.bytes().any(is_rare);
    if !texts.iter().all(tells) {
        return None;
    }
    let literals = texts.into_iter().map(|text| Literal { text, place: Place::Within }).collect();
    Some(Required { literals, enough: false })
}

/// Whether a byte stands in few texts: neither letters nor digits, nor what paths and command lines are
/// full of.
pub(super) fn is_rare(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_alphanumeric() && !b"\\/.-_:\"',".contains(&byte)
}

/// Texts, folded, of which each match of a regular expression has one in it, if there are any of at least
/// so many bytes.
pub(super) fn texts_within(parsed: &Hir, shortest: usize) -> Option<Vec<String>> {
    let mut texts = within(parsed).filter(|texts| shortest_of(texts) >= shortest)?;
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

fn shortest_of(texts: &[String]) -> usize {
    texts.iter().map(String::len).min().unwrap_or(0)
}

/// The better of two sets of alternatives: the one whose shortest is longer.
fn better(one: Option<Vec<String>>, other: Option<Vec<String>>) -> Option<Vec<String>> {
    let worth = |texts: &Option<Vec<String>>| texts.as_deref().map_or(0, shortest_of);
    let best = if worth(&other) > worth(&one) { other } else { one };
    if worth(&best) > 0 { best } else { None }
}

/// Texts of which each match has one in it.
fn within(hir: &Hir) -> Option<Vec<String>> {
    let own = match hir.kind() {
        HirKind::Capture(capture) => within(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => within(&repetition.sub),
        HirKind::Concat(parts) => {
            let mut best = None;
            let mut run = vec![String::new()];
            for part in parts {
                match whole(part).and_then(|texts| product(&run, &texts)) {
                    Some(longer) => run = longer,
                    None => {
                        best = better(best, Some(std::mem::replace(&mut run, vec![String::new()])));
                        best = better(best, within(part));
                        if let Some(texts) = whole(part) {
                            run = texts;
                        }
                    }
                }
            }
            better(best, Some(run))
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(within(part)?);
            }
            (all.len() <= ALTERNATIVES).then_some(all)
        }
        _ => None,
    };
    better(own, whole(hir))
}

/// All that a part can match, if that is few texts.
fn whole(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![fold(std::str::from_utf8(&literal.0).ok()?)]),
        HirKind::Class(Class::Unicode(class)) => {
            let mut letters = class.iter().flat_map(|range| range.start()..=range.end());
            let mut folded: Vec<char> =
                letters.by_ref().take(ALTERNATIVES).map(fold_char).collect();
            folded.sort_unstable();
            folded.dedup();
            let few = letters.next().is_none() && !folded.is_empty();
            few.then(|| folded.iter().map(char::to_string).collect())
        }
        HirKind::Class(Class::Bytes(_)) | HirKind::Repetition(_) => None,
        HirKind::Capture(capture) => whole(&capture.sub),
        HirKind::Concat(parts) => {
            let mut run = vec![String::new()];
            for part in parts {
                run = product(&run, &whole(part)?)?;
            }
            Some(run)
        }
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(whole(part)?);
            }
            (all.len() <= ALTERNATIVES).then_some(all)
        }
    }
}

fn product(heads: &[String], tails: &[String]) -> Option<Vec<String>> {
    if heads.len() * tails.len() > ALTERNATIVES {
        return None;
    }
    let mut texts = Vec::new();
    for head in heads {
        texts.extend(tails.iter().map(|tail| format!("{head}{tail}")));
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_match_of_a_regular_expression_has_one_of_the_literals() {
        for (pattern, expected) in [
            (r"(?i)net(1)?\s+user", Some(vec!["user"])),
            (r"abc|abd", Some(vec!["abc", "abd"])),
            (r"[aA]bc[xX]", Some(vec!["abcx"])),
            (r"^C:\\Users\\[^\\]+\\x\.exe$", Some(vec![r"c:\users\"])),
            (r"ab|x.*y", None),
            (r"(foobar)*x", None),
            (r"(foobar)+x", Some(vec!["foobar"])),
            (r"K\x{212A}el", Some(vec!["kkel"])),
        ] {
            let texts = of_regex(pattern).map(|required| {
                required.literals.into_iter().map(|literal| literal.text).collect::<Vec<_>>()
            });
            let expected = expected.map(|texts| texts.iter().map(ToString::to_string).collect());
            assert_eq!(texts, expected, "{pattern}");
        }
    }

    #[test]
    fn a_dash_is_written_out() {
        let pattern = Pattern::parse(" -enc").with_dashes().within(true, true);
        let required = of_pattern(&pattern, false).unwrap();
        assert!(required.enough);
        assert_eq!(required.literals.len(), 5);
        assert_eq!(required.literals[1].text, " /enc");
    }
}
