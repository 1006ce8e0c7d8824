//! Chains of modifiers: `field|m1|m2…`.
//!
//! ```text
//! field | encode* | operator | all | neq | cased | windash | expand | flags
//!   encode    (wide|utf16le|utf16be|utf16)? (base64|base64offset)?   before the operator
//!   operator  none | contains | startswith | endswith | re | cidr | exists
//!             | fieldref (startswith|endswith|contains)? | lt lte gt gte
//!             | minute hour day week month year (lt|lte|gt|gte)?
//!   flags     i m s, after re
//! ```
//!
//! `all`, `neq`, `cased`, `windash`, `expand` mean the same anywhere (`D-MOD-ORDER`); two operators,
//! or two encodings of one kind, are errors (`D-ONE-OP`, `D-ONE-ENC`).

use std::ops::Range;

use crate::diagnostic::{Problem, nearest};
use crate::sigma::encoding::Wide;
use crate::sigma::pattern::Flags;

/// How a text operator is anchored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// The whole value.
    #[default]
    Whole,
    /// `contains`.
    Anywhere,
    /// `startswith`.
    Start,
    /// `endswith`.
    End,
}

/// A numeric comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `lt`
    Less,
    /// `lte`
    LessOrEqual,
    /// `gt`
    Greater,
    /// `gte`
    GreaterOrEqual,
}

impl Comparison {
    /// Whether it holds for a value that compares with the rule's number like this.
    #[must_use]
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A part of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimePart {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    Day,
    /// ISO 8601, 1 to 53.
    Week,
    /// 1 to 12.
    Month,
    /// 1 to 9999.
    Year,
}

/// What a detection item does with its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Text, or a number, boolean or null without an operator.
    Text(Anchor),
    /// `re` with its flags.
    Regex(Flags),
    /// `cidr`
    Cidr,
    /// `exists`
    Exists,
    /// `fieldref`, alone or with a text operator.
    FieldReference(Anchor),
    /// `lt`, `lte`, `gt`, `gte`
    Compare(Comparison),
    /// A part of a time, equal or compared.
    Time(TimePart, Option<Comparison>),
}

/// A chain, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// What is done with the values.
    pub operator: Operator,
    /// UTF-16 before base64 or comparison.
    pub wide: Option<Wide>,
    /// `base64` (false) or `base64offset` (true).
    pub base64: Option<bool>,
    /// Every value must hold.
    pub all: bool,
    /// The item is negated.
    pub negated: bool,
    /// With case.
    pub cased: bool,
    /// Option dashes are free.
    pub windash: bool,
    /// Placeholders are replaced.
    pub expand: bool,
}

const NAMES: &[&str] = &[
    "contains",
    "startswith",
    "endswith",
    "all",
    "re",
    "cidr",
    "exists",
    "fieldref",
    "lt",
    "lte",
    "gt",
    "gte",
    "neq",
    "cased",
    "windash",
    "base64",
    "base64offset",
    "wide",
    "utf16le",
    "utf16be",
    "utf16",
    "expand",
    "i",
    "m",
    "s",
    "ignorecase",
    "multiline",
    "dotall",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
];

/// What has been read of a chain.
struct Reader {
    chain: Chain,
    operator: Option<Operator>,
    seen: Vec<String>,
    at: Range<usize>,
}

/// Splits a key into the field's name and its modifiers, and checks them.
///
/// # Errors
/// `SIG012` for an unknown modifier, `SIG013` for modifiers that do not go together.
pub fn parse(
    key: &str,
    at: &Range<usize>,
    warnings: &mut Vec<Problem>,
) -> Result<(String, Chain), Problem> {
    let mut names = key.split('|');
    let field = names.next().unwrap_or_default().to_owned();
    let chain = Chain {
        operator: Operator::Text(Anchor::Whole),
        wide: None,
        base64: None,
        all: false,
        negated: false,
        cased: false,
        windash: false,
        expand: false,
    };
    let mut reader = Reader { chain, operator: None, seen: Vec::new(), at: at.clone() };
    for name in names {
        if reader.seen.iter().any(|seen| seen == name) {
            warnings.push(
                Problem::warning("SIG013", at.clone(), format!("modifier `{name}` comes twice"))
                    .hint("once is enough"),
            );
            continue;
        }
        reader.take(name, &field, warnings)?;
        reader.seen.push(name.to_owned());
    }
    reader.finish().map(|chain| (field, chain))
}

impl Reader {
    fn conflict(&self, name: &str, why: &str) -> Problem {
        Problem::error("SIG013", self.at.clone(), format!("modifier `{name}` {why}"))
            .hint("docs/sigma.md lists the chains that mean something")
    }

    fn take(
        &mut self,
        name: &str,
        field: &str,
        warnings: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        match name {
            "all" => self.chain.all = true,
            "neq" => self.chain.negated = true,
            "cased" => self.chain.cased = true,
            "windash" => self.chain.windash = true,
            "expand" => self.chain.expand = true,
            "wide" | "utf16le" => self.widen(name, Wide::LittleEndian)?,
            "utf16be" => self.widen(name, Wide::BigEndian)?,
            "utf16" => self.widen(name, Wide::WithMark)?,
            "base64" | "base64offset" => {
                if self.operator.is_some() {
                    return Err(self.conflict(name, "must stand before the operator"));
                }
                if self.chain.base64.replace(name == "base64offset").is_some() {
                    return Err(self.conflict(name, "is a second encoding"));
                }
            }
            "i" | "m" | "s" | "ignorecase" | "multiline" | "dotall" => {
                let Some(Operator::Regex(flags)) = &mut self.operator else {
                    return Err(self.conflict(name, "only goes behind `re`"));
                };
                match name {
                    "i" | "ignorecase" => flags.ignore_case = true,
                    "m" | "multiline" => flags.multi_line = true,
                    _ => flags.dot_all = true,
                }
                if name.len() > 1 {
                    let short = name.get(..1).unwrap_or_default();
                    let message = format!("`{name}` is no name of the specification");
                    let problem = Problem::warning("SIG012", self.at.clone(), message);
                    warnings.push(problem.hint(format!("write `{short}`")));
                }
            }
            _ => return self.take_operator(name, field),
        }
        Ok(())
    }

    fn widen(&mut self, name: &str, wide: Wide) -> Result<(), Problem> {
        if self.operator.is_some() || self.chain.base64.is_some() {
            return Err(self.conflict(name, "must stand before base64 and the operator"));
        }
        match self.chain.wide.replace(wide) {
            None => Ok(()),
            Some(_) => Err(self.conflict(name, "is a second encoding")),
        }
    }

    fn take_operator(&mut self, name: &str, field: &str) -> Result<(), Problem> {
        let new = match name {
            "contains" => Operator::Text(Anchor::Anywhere),
            "startswith" => Operator::Text(Anchor::Start),
            "endswith" => Operator::Text(Anchor::End),
            "re" => Operator::Regex(Flags::default()),
            "cidr" => Operator::Cidr,
            "exists" => Operator::Exists,
            "fieldref" => Operator::FieldReference(Anchor::Whole),
            "lt" => Operator::Compare(Comparison::Less),
            "lte" => Operator::Compare(Comparison::LessOrEqual),
            "gt" => Operator::Compare(Comparison::Greater),
            "gte" => Operator::Compare(Comparison::GreaterOrEqual),
            "minute" => Operator::Time(TimePart::Minute, None),
            "hour" => Operator::Time(TimePart::Hour, None),
            "day" => Operator::Time(TimePart::Day, None),
            "week" => Operator::Time(TimePart::Week, None),
            "month" => Operator::Time(TimePart::Month, None),
            "year" => Operator::Time(TimePart::Year, None),
            _ => return Err(self.unknown(name, field)),
        };
        self.operator = Some(match (self.operator, new) {
            (None, new) => new,
            (Some(Operator::FieldReference(Anchor::Whole)), Operator::Text(anchor)) => {
                Operator::FieldReference(anchor)
            }
            (Some(Operator::Time(part, None)), Operator::Compare(how)) => {
                Operator::Time(part, Some(how))
            }
            (Some(_), _) => return Err(self.conflict(name, "is a second operator")),
        });
        Ok(())
    }

    fn unknown(&self, name: &str, field: &str) -> Problem {
        let message = if name.is_empty() {
            format!("empty modifier on field `{field}`")
        } else {
            format!("unknown modifier `{name}` on field `{field}`")
        };
        let problem = Problem::error("SIG012", self.at.clone(), message).label("not a modifier");
        match nearest(name, NAMES.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint("docs/sigma.md lists the modifiers"),
        }
    }

    fn finish(mut self) -> Result<Chain, Problem> {
        self.chain.operator = self.operator.unwrap_or(Operator::Text(Anchor::Whole));
        let chain = &self.chain;
        let is_text = matches!(chain.operator, Operator::Text(_));
        let encoded = chain.wide.is_some() || chain.base64.is_some();
        if encoded && !is_text {
            return Err(self.conflict("base64", "needs a text operator"));
        }
        if chain.windash && !is_text {
            return Err(self.conflict("windash", "needs a text operator"));
        }
        if chain.cased && !(is_text || matches!(chain.operator, Operator::FieldReference(_))) {
            return Err(self.conflict("cased", "goes with text operators alone"));
        }
        if chain.expand && !is_text {
            return Err(self.conflict("expand", "needs a text operator"));
        }
        if chain.operator == Operator::Exists && chain.negated {
            return Err(self.conflict("neq", "does not go with `exists`"));
        }
        Ok(self.chain)
    }
}
