//! Values of rules as tests of one field.
//!
//! A [`Test`] is one value with its operator applied, ready to be asked about a value of an event.
//! What it means on no value at all, on several, and under `all` or `neq` is the detection item's
//! matter ([`crate::evaluate`]). Most operators make one test of a value; those of text, which is what
//! a value has without modifiers, may make thousands: `text` and `placeholder` tell how.

mod placeholder;
mod text;

use etwatch_event::{FieldId, Value};
use regex::Regex;

use crate::diagnostic::Problem;
use crate::sigma::attributes::Surroundings;
use crate::sigma::modifier::{Anchor, Chain, Comparison, Operator, TimePart};
use crate::sigma::network::Network;
use crate::sigma::pattern::{self, Flags};
use crate::sigma::room::Room;
use crate::sigma::text::TextTest;
use crate::yaml::{Kind, Node, Scalar};

pub use placeholder::{FORM_LIMIT, Placeholders};

/// A number of a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Exact.
    Integer(i128),
    /// With a fraction; finite.
    Float(f64),
}

impl Number {
    /// The number that a value is; a text is one if it says nothing else, in decimal or hex with `0x`.
    #[must_use]
    pub fn of(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Unsigned(number) | Value::Hex(number) => Some(Self::Integer((*number).into())),
            Value::Signed(number) => Some(Self::Integer((*number).into())),
            Value::Float(number) => Some(Self::Float(*number)),
            Value::Text(text) => Self::in_text(text),
            _ => None,
        }
    }
    fn in_text(text: &str) -> Option<Self> {
        if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            let plain = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            return i128::from_str_radix(hex, 16).ok().filter(|_| plain).map(Self::Integer);
        }
        if let Ok(number) = text.parse() {
            return Some(Self::Integer(number));
        }
        let decimal =
            text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
        text.parse().ok().filter(|_| decimal).map(Self::Float)
    }
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
    let Kind::Scalar(text, scalar) = &node.kind else {
        let hint = "a value is text, a number, a boolean or null";
        return Err(misfit(node, "a mapping or list can't be a value here").hint(hint));
    };
    if *scalar == Scalar::NotFinite {
        return Err(misfit(node, format!("`{text}` is no number that can be compared"))
            .hint("put it in quotes if it is meant as text"));
    }
    let operand = Operand { node, text, scalar, chain, keyword };
    let tests = match chain.operator {
        Operator::Text(anchor) => operand.text_tests(anchor, around, room)?,
        Operator::Regex(flags) => vec![operand.regex_test(flags, around.warnings, room)?],
        _ if keyword => {
            return Err(misfit(node, "this modifier needs a field").hint("keywords are text alone"));
        }
        Operator::Cidr => vec![operand.cidr_test()?],
        Operator::Exists => vec![operand.exists_test()?],
        Operator::FieldReference(anchor) => vec![operand.field_reference(anchor, around)?],
        Operator::Compare(how) => vec![Test::Compare(how, operand.number()?)],
        Operator::Time(part, how) => vec![operand.time_test(part, how)?],
    };
    Ok(RuleValue { tests, written: text.clone() })
}

fn misfit(node: &Node, message: impl Into<String>) -> Problem {
    Problem::error("SIG014", node.span.clone(), message)
}

/// A value, and all that decides what it means.
#[derive(Clone, Copy)]
struct Operand<'a> {
    /// Where it stands.
    node: &'a Node,
    /// As written.
    text: &'a str,
    /// What it is without a modifier.
    scalar: &'a Scalar,
    /// The modifiers.
    chain: &'a Chain,
    /// It is looked for in all fields.
    keyword: bool,
}

impl Operand<'_> {
    fn misfit(&self, message: impl Into<String>) -> Problem {
        misfit(self.node, message)
    }

    fn require_text(&self, modifier: &str) -> Result<(), Problem> {
        match self.scalar {
            Scalar::Text => Ok(()),
            _ => Err(self.misfit(format!("`{modifier}` needs text")).hint("put it in quotes")),
        }
    }

    fn cidr_test(&self) -> Result<Test, Problem> {
        self.require_text("cidr")?;
        let network = Network::parse(self.text).map_err(|what| {
            Problem::error("SIG016", self.node.span.clone(), what)
                .hint("write the first address of the network, such as 10.0.0.0/8")
        })?;
        Ok(Test::Cidr(network))
    }

    fn exists_test(&self) -> Result<Test, Problem> {
        match self.scalar {
            Scalar::Boolean(yes) => Ok(Test::Exists(*yes)),
            _ => Err(self
                .misfit(format!("`exists` needs true or false, not `{}`", self.text))
                .hint("write it without quotes")),
        }
    }

    fn field_reference(
        &self,
        anchor: Anchor,
        around: &mut Surroundings<'_>,
    ) -> Result<Test, Problem> {
        self.require_text("fieldref")?;
        if self.text.contains(['*', '?']) {
            return Err(self
                .misfit("`fieldref` names a field; wildcards are not possible")
                .hint("`fieldref|startswith` and its like compare a part of the value"));
        }
        let field = around.fields.intern(self.text);
        Ok(Test::FieldReference { field, anchor, cased: self.chain.cased })
    }

    fn number(&self) -> Result<Number, Problem> {
        match self.scalar {
            Scalar::Integer(number) => Ok(Number::Integer(*number)),
            Scalar::Float(number) => Ok(Number::Float(*number)),
            _ => Err(self
                .misfit(format!("a comparison needs a number, not `{}`", self.text))
                .hint("write it without quotes")),
        }
    }

    fn time_test(&self, part: TimePart, how: Option<Comparison>) -> Result<Test, Problem> {
        let range = match part {
            TimePart::Minute => 0..=59,
            TimePart::Hour => 0..=23,
            TimePart::Day => 1..=31,
            TimePart::Week => 1..=53,
            TimePart::Month => 1..=12,
            TimePart::Year => 1..=9_999,
        };
        match self.scalar {
            Scalar::Integer(number) if range.contains(number) => {
                Ok(Test::Time(part, how, i64::try_from(*number).unwrap_or(0)))
            }
            _ => Err(self
                .misfit(format!("`{}` is no whole number of {range:?}", self.text))
                .hint("write it without quotes")),
        }
    }

    fn regex_test(
        &self,
        flags: Flags,
        warnings: &mut Vec<Problem>,
        room: &mut Room,
    ) -> Result<Test, Problem> {
        let at = &self.node.span;
        if *self.scalar == Scalar::Null {
            return Err(self
                .misfit("`re` needs text")
                .hint("`null` without `re` asks for absence"));
        }
        if self.text.is_empty() {
            warnings.push(
                Problem::warning("SIG015", at.clone(), "an empty pattern matches any value")
                    .hint("`'*'` without `re` says so plainly"),
            );
        }
        let compiled = pattern::compile(self.text, flags, room.next_regex()).map_err(|what| {
            Problem::error("SIG015", at.clone(), format!("regular expression: {what}")).hint(
                "the engine is linear in the text: look-around and back-references are not possible",
            )
        })?;
        Ok(Test::Regex(compiled))
    }
}
