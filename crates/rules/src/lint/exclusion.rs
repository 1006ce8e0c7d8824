//! Which two tests can't hold of one event.
//!
//! A field has no, one or several values (`docs/sigma.md` §13), so two tests of it exclude each other far
//! less often than it seems: `Image: a` and `Image: b` both hold of an `Image` with two values. What is
//! certain:
//!
//! | | |
//! |---|---|
//! | one asks for the field, the other for its absence | `F: x` and `F\|exists: false` |
//! | one holds of each value of which the other does | `F\|endswith: \a.exe` and not `F\|contains: .exe` |
//! | they hold of different values, and there is but one | `EventID: 1` and `EventID: 2` |
//!
//! What names an event and its host has one value: normalisation sees to it. Of other fields one value is
//! an [`Assumption`], under which a rule is at least odd.

use etwatch_event::{FieldId, Value};

use crate::compile::atom::Atom;
use crate::evaluate::holds_for;
use crate::fold::fold;
use crate::sigma::detection::Target;
use crate::sigma::text::{Part, TextTest};
use crate::sigma::value::{Number, Test, TextValue};

/// What is taken for granted of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Assumption {
    /// What `docs/sigma.md` says and no more.
    SeveralValues,
    /// No field has more than one value.
    OneValue,
}

/// Whether a target has one value at most.
pub(super) fn is_single(target: Target, assumption: Assumption) -> bool {
    match target {
        Target::Field(FieldId::EVENT_ID | FieldId::PROVIDER_NAME | FieldId::COMPUTER) => true,
        Target::Field(_) => assumption == Assumption::OneValue,
        Target::Keywords => false,
    }
}

/// Whether a test looks at more than values: whether the field is there, or null.
pub(super) fn is_of_presence(test: &Test) -> bool {
    matches!(test, Test::Exists(_) | Test::Null | Test::Present)
}

/// Whether two atoms of one target, each with whether it holds, exclude each other; `single` if the target
/// has one value at most.
pub(super) fn exclude(one: (&Atom, bool), other: (&Atom, bool), single: bool) -> bool {
    if let (Some(one), Some(other)) = (wants_field(one), wants_field(other))
        && one != other
    {
        return true;
    }
    match (one, other) {
        ((one, true), (other, false)) | ((other, false), (one, true)) => {
            implies(&one.test, &other.test)
        }
        ((one, true), (other, true)) => single && differ(&one.test, &other.test),
        ((_, false), (_, false)) => false,
    }
}

/// Whether the field must be there (true) or must not (false).
fn wants_field((atom, holds): (&Atom, bool)) -> Option<bool> {
    match (&atom.test, holds) {
        _ if atom.target == Target::Keywords => None,
        (Test::Exists(yes), holds) => Some(*yes == holds),
        (Test::Null, true) => None,
        (Test::Null, false) | (_, true) => Some(true),
        (_, false) => None,
    }
}

/// Whether each value that satisfies `one` satisfies `other`.
fn implies(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Exists(_) | Test::Null, _) | (_, Test::Exists(_) | Test::Null) => false,
        (_, Test::Present) => true,
        (Test::Text(one), Test::Text(other)) if other.cased => {
            one.cased && text_implies(&one.test, &other.test)
        }
        (Test::Text(one), Test::Text(other)) => text_implies(&folded(one), &other.test),
        (Test::Number { number, texts }, other) if looks_at_no_case(other) => {
            values_of(number, texts)
                .is_some_and(|mut values| values.all(|one| holds_for(other, &one)))
        }
        _ => false,
    }
}

/// Whether no value satisfies both.
fn differ(one: &Test, other: &Test) -> bool {
    match (one, other) {
        (Test::Exists(_) | Test::Present, _) | (_, Test::Exists(_) | Test::Present) => {
            matches!((one, other), (Test::Null, Test::Present) | (Test::Present, Test::Null))
        }
        (Test::Null, Test::Null) => false,
        (Test::Null, _) | (_, Test::Null) => true,
        (Test::Text(one), Test::Text(other)) => texts_differ(&folded(one), &folded(other)),
        (Test::Number { number, texts }, other) | (other, Test::Number { number, texts })
            if looks_at_no_case(other) =>
        {
            values_of(number, texts)
                .is_some_and(|mut values| values.all(|one| !holds_for(other, &one)))
        }
        _ => false,
    }
}

/// Whether a test says the same of a text in any case.
fn looks_at_no_case(test: &Test) -> bool {
    match test {
        Test::Text(text) => !text.cased,
        Test::Number { .. } | Test::Compare(..) => true,
        _ => false,
    }
}

/// What satisfies a number's test, but for case; `None` for numbers that have more forms.
fn values_of<'a>(
    number: &Number,
    texts: &'a [String; 2],
) -> Option<impl Iterator<Item = Value<'a>>> {
    const EXACT: u128 = 1 << 53;
    let Number::Integer(integer) = number else { return None };
    if integer.unsigned_abs() > EXACT {
        return None;
    }
    let signed = i64::try_from(*integer).ok().map(Value::Signed);
    let negative_zero = (*integer == 0).then_some(Value::Float(-0.0));
    let texts = texts.iter().map(|text| Value::Text(text));
    Some(signed.into_iter().chain(negative_zero).chain(texts))
}

/// A text's test of folded text: what satisfies the test satisfies this one when folded.
fn folded(text: &TextValue) -> TextTest {
    if !text.cased {
        return text.test.clone();
    }
    match &text.test {
        TextTest::Exact(text) => TextTest::Exact(fold(text)),
        TextTest::Prefix(text) => TextTest::Prefix(fold(text)),
        TextTest::Suffix(text) => TextTest::Suffix(fold(text)),
        TextTest::Substring(text) => TextTest::Substring(fold(text)),
        TextTest::Wild(pattern) => TextTest::Wild(pattern.folded()),
    }
}

/// What every text that satisfies a test begins with, ends with, and has in it.
fn pieces(test: &TextTest) -> (&str, &str, Vec<&str>) {
    match test {
        TextTest::Exact(text) => (text, text, vec![text]),
        TextTest::Prefix(text) => (text, "", vec![text]),
        TextTest::Suffix(text) => ("", text, vec![text]),
        TextTest::Substring(text) => ("", "", vec![text]),
        TextTest::Wild(pattern) => {
            let parts = pattern.parts();
            let first = parts.first().and_then(literal).unwrap_or_default();
            let last = parts.last().and_then(literal).unwrap_or_default();
            (first, last, parts.iter().filter_map(literal).collect())
        }
    }
}

fn literal(part: &Part) -> Option<&str> {
    match part {
        Part::Literal(text) => Some(text),
        Part::One | Part::Any | Part::Dash => None,
    }
}

fn text_implies(one: &TextTest, other: &TextTest) -> bool {
    let (begin, end, within) = pieces(one);
    match (one, other) {
        (TextTest::Exact(text), _) => other.is_true_of(text),
        (_, TextTest::Prefix(text)) => begin.starts_with(text.as_str()),
        (_, TextTest::Suffix(text)) => end.ends_with(text.as_str()),
        (_, TextTest::Substring(text)) => within.iter().any(|piece| piece.contains(text.as_str())),
        _ => one == other,
    }
}

fn texts_differ(one: &TextTest, other: &TextTest) -> bool {
    match (one, other) {
        (TextTest::Exact(text), test) | (test, TextTest::Exact(text)) => !test.is_true_of(text),
        _ => {
            let (begin, end, _) = pieces(one);
            let (other_begin, other_end, _) = pieces(other);
            !(begin.starts_with(other_begin) || other_begin.starts_with(begin))
                || !(end.ends_with(other_end) || other_end.ends_with(end))
        }
    }
}
