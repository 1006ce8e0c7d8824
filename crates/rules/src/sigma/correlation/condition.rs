//! What a window must come to, as the document says it.
//!
//! A mapping compares the measure with one number or two. Temporal types may have text instead, with the
//! grammar of a rule's condition over names of rules, without patterns.

use crate::diagnostic::{Problem, nearest};
use crate::sigma::attributes::{Surroundings, is_uuid};
use crate::sigma::condition::{self, Condition};
use crate::sigma::correlation::parse::{Mention, NamedField, missing, named_fields};
use crate::sigma::correlation::{CorrelationType, Relation};
use crate::sigma::mapping::first_line;
use crate::sigma::modifier::Comparison;
use crate::sigma::value::Number;
use crate::yaml::{Kind, Node, Scalar};

const RELATIONS: &[(&str, Relation)] = &[
    ("gt", Relation::Ordered(Comparison::Greater)),
    ("gte", Relation::Ordered(Comparison::GreaterOrEqual)),
    ("lt", Relation::Ordered(Comparison::Less)),
    ("lte", Relation::Ordered(Comparison::LessOrEqual)),
    ("eq", Relation::Equal),
    ("neq", Relation::NotEqual),
];

/// A condition before references have a meaning.
#[derive(Clone, Debug)]
pub(crate) enum Stated {
    /// None: each of the rules.
    Each,
    /// Comparisons of a measure.
    Measured {
        relations: Vec<(Relation, Number)>,
        fields: Vec<NamedField>,
        percentile: Option<f64>,
    },
    /// An expression over these names, by their positions.
    Expression(Condition, Vec<Mention>),
}

impl Stated {
    /// The fields that it looks at.
    pub(crate) fn fields(&self) -> &[NamedField] {
        match self {
            Self::Measured { fields, .. } => fields,
            Self::Each | Self::Expression(..) => &[],
        }
    }
}

/// Advice where two comparisons exclude each other.
const ROOM: &str = "the lower bound must leave room below the upper one";

fn error(node: &Node, message: impl Into<String>) -> Problem {
    let span = match node.kind {
        Kind::Scalar(..) => node.span.clone(),
        _ => first_line(&node.span),
    };
    Problem::error("SIG052", span, message)
}

/// Reads the condition in `body`, the mapping of a correlation of this type.
pub(crate) fn stated(
    kind: CorrelationType,
    body: &Node,
    around: &mut Surroundings<'_>,
) -> Result<Stated, Problem> {
    let Some(node) = body.get("condition").filter(|node| !node.is_null()) else {
        if kind.is_temporal() {
            return Ok(Stated::Each);
        }
        return Err(missing(body, "condition", "a comparison, such as `gte: 10`"));
    };
    match &node.kind {
        Kind::Map(entries) => measured(kind, node, entries, around),
        Kind::Scalar(text, Scalar::Text) if kind.is_temporal() => expression(kind, node, text),
        Kind::Scalar(_, Scalar::Text) => {
            let message = format!("the condition of `{}` must be a mapping", kind.name());
            Err(error(node, message).hint(
                "such as `gte: 10`; names of rules are for `temporal` and `temporal_ordered`",
            ))
        }
        _ => Err(error(node, "the condition must be a mapping").hint("such as `gte: 10`")),
    }
}

fn measured(
    kind: CorrelationType,
    node: &Node,
    entries: &[(Node, Node)],
    around: &mut Surroundings<'_>,
) -> Result<Stated, Problem> {
    let mut relations = Vec::new();
    for (key, value) in entries {
        let name = key.text().unwrap_or_default();
        if let Some((_, relation)) = RELATIONS.iter().find(|(known, _)| *known == name) {
            relations.push((*relation, number(kind, name, value)?));
        } else if !matches!(name, "field" | "percentile") {
            return Err(unknown_key(key, name));
        }
    }
    check_relations(kind, node, &relations)?;
    let fields = fields(kind, node, around)?;
    let percentile = percentile(kind, node, around)?;
    Ok(Stated::Measured { relations, fields, percentile })
}

fn unknown_key(key: &Node, name: &str) -> Problem {
    let known = RELATIONS.iter().map(|(name, _)| *name).chain(["field", "percentile"]);
    let all = known.clone().collect::<Vec<_>>().join(", ");
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {all}"),
    };
    error(key, format!("`{name}` means nothing in the condition of a correlation")).hint(hint)
}

fn number(kind: CorrelationType, name: &str, value: &Node) -> Result<Number, Problem> {
    match &value.kind {
        Kind::Scalar(_, Scalar::Integer(number)) => Ok(Number::Integer(*number)),
        Kind::Scalar(_, Scalar::Float(number)) if !kind.is_count() => Ok(Number::Float(*number)),
        Kind::Scalar(_, Scalar::Float(_)) => {
            let message = format!("`{name}` must be a whole number: things are counted");
            Err(error(value, message).hint("leave the fraction out"))
        }
        Kind::Scalar(text, Scalar::Text) if text.parse::<f64>().is_ok() => {
            Err(error(value, format!("`{name}` must be a number")).hint("take the quotes away"))
        }
        _ => Err(error(value, format!("`{name}` must be a number")).hint("such as `gte: 10`")),
    }
}

fn check_relations(
    kind: CorrelationType,
    node: &Node,
    relations: &[(Relation, Number)],
) -> Result<(), Problem> {
    let ordered = |(relation, _): &(Relation, Number)| matches!(relation, Relation::Ordered(_));
    match relations {
        [] => {
            return Err(
                error(node, "the condition compares with nothing").hint("such as `gte: 10`")
            );
        }
        [_] => {}
        [_, _] if relations.iter().all(ordered) => {}
        _ => {
            let message = "a condition has one comparison, or two that make a range";
            return Err(
                error(node, message).hint("one or two of gt, gte, lt, lte; or one of eq, neq")
            );
        }
    }
    if kind.is_count() && !counts(relations).any(|count| fulfils(relations, count)) {
        if fulfils(relations, 0) {
            let message = "a count of zero can't be seen: where nothing happens, no window begins";
            return Err(error(node, message).hint("ask for at least 1"));
        }
        return Err(error(node, "no count fulfils the condition").hint(ROOM));
    }
    if !kind.is_count() && is_empty_range(relations) {
        return Err(error(node, "no value fulfils the condition").hint(ROOM));
    }
    Ok(())
}

fn fulfils(relations: &[(Relation, Number)], count: i128) -> bool {
    let measure = Number::Integer(count);
    relations
        .iter()
        .all(|(relation, number)| measure.order(number).is_some_and(|order| relation.holds(order)))
}

/// Counts from 1 on of which one fulfils the relations if any does: next to their numbers.
fn counts(relations: &[(Relation, Number)]) -> impl Iterator<Item = i128> {
    let near = relations.iter().filter_map(|(_, number)| match number {
        Number::Integer(number) => Some(*number),
        Number::Float(_) => None,
    });
    let near = near.flat_map(|number| {
        [number.saturating_sub(1), number, number.saturating_add(1)].into_iter()
    });
    near.chain([1]).filter(|count| *count >= 1)
}

/// Whether two comparisons leave no room between them.
fn is_empty_range(relations: &[(Relation, Number)]) -> bool {
    let [(first, one), (second, other)] = relations else { return false };
    let is_lower = |relation: &Relation| {
        matches!(relation, Relation::Ordered(Comparison::Greater | Comparison::GreaterOrEqual))
    };
    let ((lower, from), (upper, to)) = match (is_lower(first), is_lower(second)) {
        (true, false) => ((first, one), (second, other)),
        (false, true) => ((second, other), (first, one)),
        _ => return false,
    };
    let both_included = *lower == Relation::Ordered(Comparison::GreaterOrEqual)
        && *upper == Relation::Ordered(Comparison::LessOrEqual);
    match from.order(to) {
        Some(order) if both_included => order.is_gt(),
        Some(order) => order.is_ge(),
        None => true,
    }
}

fn fields(
    kind: CorrelationType,
    node: &Node,
    around: &mut Surroundings<'_>,
) -> Result<Vec<NamedField>, Problem> {
    let field = node.get("field").filter(|field| !field.is_null());
    if kind.is_temporal() || kind == CorrelationType::EventCount {
        if let Some(field) = field {
            let message = format!("`field` means nothing to `{}`", kind.name());
            let problem = Problem::warning("SIG052", field.span.clone(), message);
            around
                .warnings
                .push(problem.hint("leave it out, or use a type that starts with `value_`"));
        }
        return Ok(Vec::new());
    }
    let Some(field) = field else {
        return Err(missing(node, "field", "the field whose values are measured"));
    };
    if matches!(field.kind, Kind::List(_)) && kind != CorrelationType::ValueCount {
        let message = format!("`{}` measures one field", kind.name());
        return Err(error(field, message).hint("only `value_count` takes a list"));
    }
    let fields = named_fields("field", field, around)?;
    if fields.is_empty() {
        return Err(missing(node, "field", "the field whose values are measured"));
    }
    Ok(fields)
}

fn percentile(
    kind: CorrelationType,
    node: &Node,
    around: &mut Surroundings<'_>,
) -> Result<Option<f64>, Problem> {
    let value = node.get("percentile").filter(|value| !value.is_null());
    if kind != CorrelationType::ValuePercentile {
        if let Some(value) = value {
            let message = format!("`percentile` means nothing to `{}`", kind.name());
            let problem = Problem::warning("SIG052", value.span.clone(), message);
            around.warnings.push(problem.hint("leave it out, or use `value_percentile`"));
        }
        return Ok(None);
    }
    let Some(value) = value else {
        return Err(missing(node, "percentile", "the rank, 0 to 100, whose value is compared"));
    };
    let rank = match &value.kind {
        Kind::Scalar(text, Scalar::Integer(_) | Scalar::Float(_)) => text.parse::<f64>().ok(),
        _ => None,
    };
    let rank = rank.filter(|rank| (0.0..=100.0).contains(rank));
    let wrong = || {
        error(value, "`percentile` must be a number from 0 to 100").hint("such as `percentile: 95`")
    };
    rank.map(Some).ok_or_else(wrong)
}

/// An expression over names of rules.
fn expression(kind: CorrelationType, node: &Node, text: &str) -> Result<Stated, Problem> {
    let names = condition::names(text, &node.span)?;
    if let Some(id) = names.iter().find(|name| is_uuid(name)) {
        return Err(error(node, format!("`{id}` is an id")).hint("use the `name` of the rule here"));
    }
    let mut room = condition::NAMED_LIMIT;
    let condition = condition::parse(text, &names, &node.span, &mut room)?;
    if kind == CorrelationType::TemporalOrdered && condition.has_not() {
        let message = "`not` has no place in an order";
        return Err(error(node, message).hint("`not` is for `temporal`"));
    }
    let mention = |text: String| Mention { text, span: node.span.clone() };
    Ok(Stated::Expression(condition, names.into_iter().map(mention).collect()))
}
