//! The shapes of a detection.
//!
//! | YAML | meaning |
//! |---|---|
//! | mapping of `field\|modifiers: value` | *and* over its items |
//! | value is a list | *or* over the values; *and* with `all` |
//! | list of mappings, of scalars, mixed or nested | *or*, each by its own shape |
//! | bare scalar, list of scalars, key without a field | keywords |

use etwatch_event::FieldId;

use crate::diagnostic::Problem;
use crate::sigma::attributes::Surroundings;
use crate::sigma::modifier::{self, Anchor, Chain, Operator};
use crate::sigma::room::Room;
use crate::sigma::value::{self, RuleValue};
use crate::yaml::{Kind, Node};

/// Values in one rule.
pub const VALUE_LIMIT: usize = 100_000;

/// Regular expressions in one rule.
pub const REGEX_LIMIT: usize = 1_000;

/// A detection or a part of one.
#[derive(Clone, Debug)]
pub enum Detection {
    /// All must hold.
    All(Vec<Self>),
    /// One must hold.
    Any(Vec<Self>),
    /// One field with its values.
    Item(Item),
}

impl Detection {
    /// How many tests it has.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::size).sum(),
            Self::Item(item) => item.values.iter().map(|value| value.tests.len()).sum(),
        }
    }
}

/// Where an item looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A field.
    Field(FieldId),
    /// Every value of the event.
    Keywords,
}

/// A detection item: one field (or every value) with modifiers and values.
#[derive(Clone, Debug)]
pub struct Item {
    /// The key as written, such as `Image|endswith`.
    pub key: String,
    /// Where it looks.
    pub target: Target,
    /// The values.
    pub values: Vec<RuleValue>,
    /// Every value must hold.
    pub all: bool,
    /// The item is negated.
    pub negated: bool,
}

/// Reads detections of one rule.
pub struct DetectionParser<'a, 'b> {
    /// Fields, placeholders, warnings.
    pub around: &'a mut Surroundings<'b>,
    /// Values read so far.
    pub values: usize,
    /// Regular expressions read so far.
    pub regexes: usize,
    /// What the values may still come to.
    pub room: Room,
}

impl DetectionParser<'_, '_> {
    /// Reads one detection.
    ///
    /// # Errors
    /// The first [`Problem`] of it.
    pub fn parse(&mut self, node: &Node) -> Result<Detection, Problem> {
        let empty = |what: &str| {
            Problem::error("SIG020", node.span.clone(), format!("{what} says nothing"))
                .hint("remove it, or give it a value")
        };
        match &node.kind {
            Kind::Map(entries) if entries.is_empty() => Err(empty("an empty mapping")),
            Kind::List(items) if items.is_empty() => Err(empty("an empty list")),
            Kind::Scalar(..) if node.is_null() => Err(empty("a detection without content")),
            Kind::Map(entries) => {
                let items = entries.iter().map(|(key, value)| self.item(key, value));
                Ok(Detection::All(items.collect::<Result<_, _>>()?))
            }
            Kind::List(items) if items.iter().all(|item| item.text().is_some()) => {
                self.keywords("", node, std::slice::from_ref(node)).map(Detection::Item)
            }
            Kind::List(items) => {
                let parts = items.iter().map(|item| self.parse(item));
                Ok(Detection::Any(parts.collect::<Result<_, _>>()?))
            }
            Kind::Scalar(..) => {
                self.keywords("", node, std::slice::from_ref(node)).map(Detection::Item)
            }
        }
    }

    fn keywords(&mut self, key: &str, at: &Node, values: &[Node]) -> Result<Item, Problem> {
        let chain = modifier::parse(key, &at.span, self.around.warnings)?.1;
        self.build(key.to_owned(), Target::Keywords, &chain, at, values)
    }

    fn item(&mut self, key: &Node, value: &Node) -> Result<Detection, Problem> {
        let Some(text) = key.text() else {
            let problem = Problem::error("SIG014", key.span.clone(), "a field's name must be text");
            return Err(problem.hint("one name a key; several fields are several items"));
        };
        let (field, chain) = modifier::parse(text, &key.span, self.around.warnings)?;
        let values = std::slice::from_ref(value);
        let item = if field.is_empty() {
            self.keywords(text, key, values)?
        } else {
            let target = Target::Field(self.around.fields.intern(&field));
            self.build(text.to_owned(), target, &chain, key, values)?
        };
        Ok(Detection::Item(item))
    }

    /// `values` is one node: a scalar, or the list of the values.
    fn build(
        &mut self,
        key: String,
        target: Target,
        chain: &Chain,
        at: &Node,
        values: &[Node],
    ) -> Result<Item, Problem> {
        let nodes = match values {
            [Node { kind: Kind::List(items), .. }] => items.as_slice(),
            other => other,
        };
        self.check_list(&key, chain, at, nodes, values)?;
        let keyword = target == Target::Keywords;
        let mut read = Vec::with_capacity(nodes.len());
        for node in nodes {
            read.push(value::parse(node, chain, keyword, self.around, &mut self.room)?);
        }
        Ok(Item { key, target, values: read, all: chain.all, negated: chain.negated })
    }

    fn check_list(
        &mut self,
        key: &str,
        chain: &Chain,
        at: &Node,
        nodes: &[Node],
        values: &[Node],
    ) -> Result<(), Problem> {
        self.values += nodes.len();
        let is_list = matches!(values, [Node { kind: Kind::List(_), .. }]);
        if nodes.is_empty() {
            return Err(Problem::error(
                "SIG020",
                at.span.clone(),
                format!("`{key}` has no values"),
            )
            .hint("write `null` for a field that must be absent"));
        }
        if matches!(chain.operator, Operator::Regex(_)) {
            self.regexes += nodes.len();
        }
        if self.regexes > REGEX_LIMIT {
            let message = format!("more than {REGEX_LIMIT} regular expressions in one rule");
            let hint = "join patterns with `|`, or divide the rule";
            return Err(Problem::error("SIG003", at.span.clone(), message).hint(hint));
        }
        if self.values > VALUE_LIMIT {
            let message = format!("more than {VALUE_LIMIT} values in one rule");
            let problem = Problem::error("SIG003", at.span.clone(), message);
            return Err(problem.hint("divide the rule"));
        }
        if let Some(null) = nodes.iter().find(|node| node.is_null())
            && is_list
        {
            return Err(Problem::error(
                "SIG014",
                null.span.clone(),
                "null inside a list of values",
            )
            .hint("use a detection of its own, joined with `or` in the condition"));
        }
        if chain.operator == Operator::Exists && nodes.len() > 1 {
            let problem = Problem::error("SIG014", at.span.clone(), "`exists` takes one value");
            return Err(problem.hint("write `true` or `false`"));
        }
        if chain.all && nodes.len() == 1 {
            let message = "`all` on a single value changes nothing";
            let problem = Problem::warning("SIG013", at.span.clone(), message);
            self.around.warnings.push(problem.hint("leave `all` out, or give it a list"));
        }
        if chain.windash && chain.operator == Operator::Text(Anchor::Whole) && key.starts_with('|')
        {
            let message = "`windash` on keywords looks at every value of the event";
            let problem = Problem::warning("SIG013", at.span.clone(), message);
            self.around.warnings.push(problem.hint("name the field, such as `CommandLine`"));
        }
        Ok(())
    }
}
