//! Values of rules as tests of one field.
//!
//! A [`Test`] is one value with its operator applied, ready to be asked about a value of an event.
//! What it means on no value at all, on several, and under `all` or `neq` is the detection item's
//! matter ([`crate::evaluate`]).

use std::ops::Range;

use etwatch_event::FieldId;
use hashbrown::HashMap;
use regex::Regex;

use crate::diagnostic::Problem;
use crate::sigma::attributes::Surroundings;
use crate::sigma::encoding;
use crate::sigma::modifier::{Anchor, Chain, Comparison, Operator, TimePart};
use crate::sigma::network::Network;
use crate::sigma::pattern;
use crate::sigma::room::Room;
use crate::sigma::text::{Part, Pattern, TextTest};
use crate::yaml::{Kind, Node, Scalar};

/// Values of placeholders by name.
pub type Placeholders = HashMap<String, Vec<String>>;

/// A number of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Exact.
    Integer(i128),
    /// With a fraction; finite.
    Float(f64),
}

impl Number {
    /// Compares exactly where both are integers.
    #[must_use]
    pub fn order(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (*self, *other) {
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(&right)),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right),
            (Self::Integer(left), Self::Float(right)) => order_mixed(left, right),
            (Self::Float(left), Self::Integer(right)) => {
                order_mixed(right, left).map(std::cmp::Ordering::reverse)
            }
        }
    }
}

/// An integer against a float, without rounding the integer.
fn order_mixed(integer: i128, float: f64) -> Option<std::cmp::Ordering> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    if float.is_nan() {
        return None;
    }
    if float >= 1.7e38 {
        return Some(Less);
    }
    if float <= -1.7e38 {
        return Some(Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
    let whole = float.trunc() as i128;
    Some(match integer.cmp(&whole) {
        Equal if float.fract() > 0.0 => Less,
        Equal if float.fract() < 0.0 => Greater,
        order => order,
    })
}

/// A text that the event's value is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextValue {
    /// The comparison, folded unless `cased`.
    pub test: TextTest,
    /// Compared as written.
    pub cased: bool,
}

/// One value of a detection item with its operator.
#[derive(Clone, Debug)]
pub enum Test {
    /// Text.
    Text(TextValue),
    /// A number: equal by value, or to one of its two texts (`D-NUM`, `D-LEXEME`).
    Number {
        /// The value.
        number: Number,
        /// Its decimal text, and its text as written, folded.
        texts: [String; 2],
    },
    /// True or false (`D-BOOL`).
    Boolean(bool),
    /// Absent, or null.
    Null,
    /// Any value that has a text (`D-STAR`).
    Present,
    /// A regular expression, searched.
    Regex(Regex),
    /// An address in a network.
    Cidr(Network),
    /// A numeric comparison.
    Compare(Comparison, Number),
    /// A part of a time.
    Time(TimePart, Option<Comparison>, i64),
    /// Another field's text.
    FieldReference {
        /// The other field.
        field: FieldId,
        /// How the texts relate.
        anchor: Anchor,
        /// With case.
        cased: bool,
    },
    /// Whether the field is there.
    Exists(bool),
}

/// A test and the value as the rule wrote it, for explanations.
#[derive(Clone, Debug)]
pub struct RuleValue {
    /// The tests; any of them makes the value true (several come of placeholders and offsets).
    pub tests: Vec<Test>,
    /// As written.
    pub written: String,
}

fn misfit(node: &Node, message: impl Into<String>) -> Problem {
    Problem::error("SIG014", node.span.clone(), message)
}

/// Turns a value of a rule into its tests.
///
/// # Errors
/// `SIG014` if the value does not fit the operator, `SIG015` for a regular expression and `SIG016`
/// for a network that does not parse, `SIG017` for a placeholder without a value, `SIG003` beyond
/// what `room` leaves.
pub fn parse(
    node: &Node,
    chain: &Chain,
    keyword: bool,
    around: &mut Surroundings<'_>,
    room: &mut Room,
) -> Result<RuleValue, Problem> {
    let Surroundings { fields, placeholders, warnings } = around;
    let Kind::Scalar(text, scalar) = &node.kind else {
        let hint = "a value is text, a number, a boolean or null";
        return Err(misfit(node, "a mapping or list can't be a value here").hint(hint));
    };
    if *scalar == Scalar::NotFinite {
        return Err(misfit(node, format!("`{text}` is no number that can be compared"))
            .hint("put it in quotes if it is meant as text"));
    }
    let tests = match chain.operator {
        Operator::Text(anchor) => {
            text_tests(node, text, scalar, anchor, chain, keyword, placeholders, warnings, room)?
        }
        _ if keyword && !matches!(chain.operator, Operator::Regex(_)) => {
            return Err(misfit(node, "this modifier needs a field").hint("keywords are text alone"));
        }
        Operator::Regex(flags) => vec![regex_test(node, text, scalar, flags, warnings, room)?],
        Operator::Cidr => {
            require_text(node, scalar, "cidr")?;
            let network = Network::parse(text).map_err(|what| {
                Problem::error("SIG016", node.span.clone(), what)
                    .hint("write the first address of the network, such as 10.0.0.0/8")
            })?;
            vec![Test::Cidr(network)]
        }
        Operator::Exists => match scalar {
            Scalar::Boolean(yes) => vec![Test::Exists(*yes)],
            _ => {
                let problem = misfit(node, format!("`exists` needs true or false, not `{text}`"));
                return Err(problem.hint("write it without quotes"));
            }
        },
        Operator::FieldReference(anchor) => {
            require_text(node, scalar, "fieldref")?;
            if text.contains(['*', '?']) {
                let hint = "`fieldref|startswith` and its like compare a part of the value";
                return Err(
                    misfit(node, "`fieldref` names a field; wildcards are not possible").hint(hint)
                );
            }
            vec![Test::FieldReference { field: fields.intern(text), anchor, cased: chain.cased }]
        }
        Operator::Compare(how) => vec![Test::Compare(how, number_of(node, text, scalar)?)],
        Operator::Time(part, how) => vec![time_test(node, text, scalar, part, how)?],
    };
    Ok(RuleValue { tests, written: text.clone() })
}

fn require_text(node: &Node, scalar: &Scalar, modifier: &str) -> Result<(), Problem> {
    match scalar {
        Scalar::Text => Ok(()),
        _ => Err(misfit(node, format!("`{modifier}` needs text")).hint("put it in quotes")),
    }
}

fn number_of(node: &Node, text: &str, scalar: &Scalar) -> Result<Number, Problem> {
    match scalar {
        Scalar::Integer(number) => Ok(Number::Integer(*number)),
        Scalar::Float(number) => Ok(Number::Float(*number)),
        _ => Err(misfit(node, format!("a comparison needs a number, not `{text}`"))
            .hint("write it without quotes")),
    }
}

fn time_test(
    node: &Node,
    text: &str,
    scalar: &Scalar,
    part: TimePart,
    how: Option<Comparison>,
) -> Result<Test, Problem> {
    let range = match part {
        TimePart::Minute => 0..=59,
        TimePart::Hour => 0..=23,
        TimePart::Day => 1..=31,
        TimePart::Week => 1..=53,
        TimePart::Month => 1..=12,
        TimePart::Year => 1..=9_999,
    };
    match scalar {
        Scalar::Integer(number) if range.contains(number) => {
            Ok(Test::Time(part, how, i64::try_from(*number).unwrap_or(0)))
        }
        _ => Err(misfit(node, format!("`{text}` is no whole number of {range:?}"))
            .hint("write it without quotes")),
    }
}

fn regex_test(
    node: &Node,
    text: &str,
    scalar: &Scalar,
    flags: pattern::Flags,
    warnings: &mut Vec<Problem>,
    room: &mut Room,
) -> Result<Test, Problem> {
    if *scalar == Scalar::Null {
        return Err(misfit(node, "`re` needs text").hint("`null` without `re` asks for absence"));
    }
    if text.is_empty() {
        warnings.push(
            Problem::warning("SIG015", node.span.clone(), "an empty pattern matches any value")
                .hint("`'*'` without `re` says so plainly"),
        );
    }
    let compiled = pattern::compile(text, flags, room.next_regex()).map_err(|what| {
        Problem::error("SIG015", node.span.clone(), format!("regular expression: {what}")).hint(
            "the engine is linear in the text: look-around and back-references are not possible",
        )
    })?;
    Ok(Test::Regex(compiled))
}

/// Tests of a value with a text operator, or with none.
#[expect(clippy::too_many_arguments, reason = "the parts of one call of `parse`")]
fn text_tests(
    node: &Node,
    text: &str,
    scalar: &Scalar,
    anchor: Anchor,
    chain: &Chain,
    keyword: bool,
    placeholders: &Placeholders,
    warnings: &mut Vec<Problem>,
    room: &mut Room,
) -> Result<Vec<Test>, Problem> {
    let plain = anchor == Anchor::Whole && chain.wide.is_none() && chain.base64.is_none();
    if keyword && (text.is_empty() || *scalar == Scalar::Null) {
        return Err(misfit(node, "an empty keyword would match every event")
            .hint("give it a text, or leave it out"));
    }
    match scalar {
        Scalar::Null if plain && !chain.windash && !chain.expand && !chain.cased => {
            return Ok(vec![Test::Null]);
        }
        Scalar::Null => {
            return Err(misfit(node, "null does not go with a text operator")
                .hint("leave the modifiers out: `Field: null`"));
        }
        Scalar::Integer(number) if plain && !keyword => {
            check_text_only(node, chain)?;
            note_lexeme(node, text, &number.to_string(), warnings);
            return Ok(vec![number_test(Number::Integer(*number), number.to_string(), text)]);
        }
        Scalar::Float(number) if plain && !keyword => {
            check_text_only(node, chain)?;
            return Ok(vec![number_test(Number::Float(*number), number.to_string(), text)]);
        }
        Scalar::Boolean(yes) if plain && !keyword => {
            check_text_only(node, chain)?;
            return Ok(vec![Test::Boolean(*yes)]);
        }
        _ => {}
    }
    if *scalar == Scalar::Text && text.is_empty() && anchor != Anchor::Whole {
        let message = "an empty text is contained in any value";
        let problem = Problem::warning("SIG014", node.span.clone(), message);
        warnings.push(problem.hint("`'*'` without the modifier says so plainly"));
    }
    if !keyword && chain.wide.is_none() && chain.base64.is_none() {
        warn_of_backslashes(node, text, anchor, warnings);
    }
    let patterns = if chain.expand {
        expand(text, &node.span, placeholders, room)?
    } else {
        vec![Pattern::parse(text)]
    };
    let encodes = chain.wide.is_some() || chain.base64.is_some();
    let mut tests = Vec::new();
    for pattern in patterns {
        let pattern = if chain.windash { pattern.with_dashes() } else { pattern };
        room.take(&pattern, encodes, &node.span)?;
        let forms = if encodes { pattern.dash_forms() } else { Some(vec![pattern]) };
        let Some(forms) = forms else {
            return Err(misfit(node, "too many dashes to encode all combinations")
                .hint("at most five with `windash`; write out the ones that occur"));
        };
        for form in forms {
            for pattern in encoded(node, form, chain, anchor, warnings)? {
                tests.push(text_test(&pattern, anchor, chain, keyword));
            }
        }
    }
    // Most values are one test, and there are tens of thousands.
    tests.shrink_to_fit();
    Ok(tests)
}

fn check_text_only(node: &Node, chain: &Chain) -> Result<(), Problem> {
    let of_text = [("cased", chain.cased), ("windash", chain.windash), ("expand", chain.expand)];
    match of_text.into_iter().find(|(_, used)| *used) {
        Some((name, _)) => {
            Err(misfit(node, format!("`{name}` goes with text alone"))
                .hint("put the value in quotes"))
        }
        None => Ok(()),
    }
}

fn number_test(number: Number, decimal: String, written: &str) -> Test {
    Test::Number { number, texts: [decimal, crate::fold::fold(written)] }
}

fn note_lexeme(node: &Node, text: &str, decimal: &str, warnings: &mut Vec<Problem>) {
    if text != decimal {
        let message =
            format!("`{text}` is the number {decimal}; it also matches the text `{text}`");
        let problem = Problem::warning("SIG018", node.span.clone(), message);
        warnings.push(
            Problem { severity: crate::Severity::Note, ..problem }.hint("quote it for text alone"),
        );
    }
}

fn warn_of_backslashes(node: &Node, text: &str, anchor: Anchor, warnings: &mut Vec<Problem>) {
    if anchor == Anchor::Whole
        && text.starts_with(r"\\")
        && !text.starts_with(r"\\\")
        && !text.starts_with(r"\\*")
        && !text.starts_with(r"\\?")
    {
        let message = r"two backslashes mean one; a UNC path begins with four";
        let problem = Problem::warning("SIG019", node.span.clone(), message);
        warnings.push(problem.hint(r"write `\\\\` for a UNC path, `\` for one backslash"));
    }
    let before_star = text.strip_suffix('*').unwrap_or_default();
    let backslashes = before_star.len() - before_star.trim_end_matches('\\').len();
    if backslashes % 2 == 1 {
        let message = r"`\*` at the end is a plain star";
        let problem = Problem::warning("SIG019", node.span.clone(), message);
        warnings.push(problem.hint(r"write `\\*` for a backslash and a wildcard"));
    }
}

fn text_test(pattern: &Pattern, anchor: Anchor, chain: &Chain, keyword: bool) -> Test {
    let anchor = if keyword && anchor == Anchor::Whole { Anchor::Anywhere } else { anchor };
    let pattern = pattern.clone();
    if pattern.parts() == [Part::Any] && !keyword {
        return Test::Present;
    }
    let pattern = match anchor {
        Anchor::Whole => pattern,
        Anchor::Anywhere => pattern.within(true, true),
        Anchor::Start => pattern.within(false, true),
        Anchor::End => pattern.within(true, false),
    };
    let pattern = if chain.cased { pattern } else { pattern.folded() };
    Test::Text(TextValue { test: TextTest::new(&pattern), cased: chain.cased })
}

/// The value after its encodings; one pattern, or three for the offsets of base64.
fn encoded(
    node: &Node,
    pattern: Pattern,
    chain: &Chain,
    anchor: Anchor,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Pattern>, Problem> {
    if chain.wide.is_none() && chain.base64.is_none() {
        return Ok(vec![pattern]);
    }
    let Some(text) = pattern.plain() else {
        return Err(misfit(node, "a value with wildcards can't be encoded")
            .hint(r"escape them with `\` if they are meant as they are"));
    };
    let bytes = encoding::bytes(&text, chain.wide);
    Ok(match chain.base64 {
        None => {
            let message = "UTF-16 without base64 matches text with NUL characters alone";
            let problem = Problem::warning("SIG014", node.span.clone(), message);
            warnings.push(problem.hint("add `base64offset|contains`, or leave the encoding out"));
            vec![Pattern::literal(&bytes.into_iter().map(char::from).collect::<String>())]
        }
        Some(false) => vec![Pattern::literal(&encoding::base64(&bytes))],
        Some(true) => {
            if anchor != Anchor::Anywhere {
                let message = "`base64offset` without `contains` looks at whole values";
                let problem = Problem::warning("SIG014", node.span.clone(), message);
                warnings.push(problem.hint("write `base64offset|contains`"));
            }
            encoding::base64_offsets(&bytes).iter().map(|form| Pattern::literal(form)).collect()
        }
    })
}

/// Combinations of the values of one rule value's placeholders.
pub const FORM_LIMIT: usize = 10_000;

/// Replaces placeholders: all combinations of their values.
fn expand(
    text: &str,
    at: &Range<usize>,
    placeholders: &Placeholders,
    room: &Room,
) -> Result<Vec<Pattern>, Problem> {
    let mut forms = vec![String::new()];
    let mut rest = text;
    let mut length = text.len();
    while let Some(position) = rest.find('%') {
        let (before, after) = rest.split_at(position);
        let after = after.strip_prefix('%').unwrap_or_default();
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        let escaped = backslashes % 2 == 1;
        let name = after.split_once('%').filter(|(name, _)| {
            !name.is_empty()
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        });
        let literal = if escaped { before.strip_suffix('\\').unwrap_or(before) } else { before };
        forms.iter_mut().for_each(|form| form.push_str(literal));
        match name {
            Some((name, behind)) if !escaped => {
                let values = placeholders.get(name).filter(|values| !values.is_empty());
                let Some(values) = values else {
                    return Err(Problem::error(
                        "SIG017",
                        at.clone(),
                        format!("placeholder `%{name}%` has no value"),
                    )
                    .hint("give it values in etwatch.toml, section [placeholders]"));
                };
                let count = forms.len().saturating_mul(values.len());
                if count > FORM_LIMIT {
                    let message = format!("more than {FORM_LIMIT} combinations of placeholders");
                    let problem = Problem::error("SIG003", at.clone(), message);
                    return Err(problem.hint("one placeholder a value, or fewer values of each"));
                }
                length += values.iter().map(String::len).max().unwrap_or(0);
                room.after(count, length, at)?;
                let mut joined = Vec::with_capacity(count);
                for form in &forms {
                    joined.extend(values.iter().map(|value| format!("{form}{value}")));
                }
                forms = joined;
                rest = behind;
            }
            _ => {
                forms.iter_mut().for_each(|form| form.push('%'));
                rest = after;
            }
        }
    }
    Ok(forms.iter().map(|form| Pattern::parse(&format!("{form}{rest}"))).collect())
}
