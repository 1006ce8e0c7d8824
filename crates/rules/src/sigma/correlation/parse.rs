//! A document to a correlation whose references are still words.

use std::ops::Range;
use std::time::Duration;

use etwatch_event::FieldId;

use crate::diagnostic::{Problem, nearest};
use crate::sigma::attributes::{Attributes, Surroundings};
use crate::sigma::correlation::CorrelationType;
use crate::sigma::correlation::condition::{self, Stated};
use crate::sigma::mapping::{Mapping, first_line};
use crate::sigma::rule::Status;
use crate::yaml::{Kind, Node, Scalar};

const KEYS: &[&str] =
    &["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];

/// Units of a timespan and their seconds; the last three are not part of Sigma, but of pySigma.
const UNITS: &[(char, u64)] = &[
    ('s', 1),
    ('m', 60),
    ('h', 3_600),
    ('d', 86_400),
    ('w', 604_800),
    ('M', 2_629_746),
    ('y', 31_556_952),
];
const STANDARD_UNITS: &str = "smhd";

/// Rules that a correlation, or one of its aliases, may name.
pub(crate) const RULE_LIMIT: usize = 1_000;
/// Fields and aliases that it may name in one place.
pub(crate) const FIELD_LIMIT: usize = 100;

/// A word that refers to a rule, and its place.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// A field, or an alias, by its name; its number is that of a field with that very name.
#[derive(Clone, Debug)]
pub(crate) struct NamedField {
    pub(crate) name: String,
    pub(crate) id: FieldId,
}

/// One name for fields that different rules call differently.
#[derive(Clone, Debug)]
pub(crate) struct Alias {
    pub(crate) name: String,
    /// Rules, and the field that each has.
    pub(crate) fields: Vec<(Mention, FieldId)>,
}

/// A correlation that does not know yet what it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Unresolved {
    pub(super) attributes: Attributes,
    pub(super) kind: CorrelationType,
    /// `None` if the condition alone names them.
    pub(super) rules: Option<Vec<Mention>>,
    pub(super) group_by: Vec<NamedField>,
    pub(super) timespan: Duration,
    pub(super) condition: Stated,
    pub(super) aliases: Vec<Alias>,
    pub(super) generate: bool,
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) digest: u64,
    /// Where it stands.
    pub(super) at: Range<usize>,
}

impl Unresolved {
    /// How settled it is.
    pub(crate) fn status(&self) -> Option<Status> {
        self.attributes.status
    }
    /// Says where it was read, and what its document comes to.
    pub(crate) fn set_place(&mut self, file: &str, line: usize, digest: u64) {
        file.clone_into(&mut self.file);
        (self.line, self.digest) = (line, digest);
    }
    /// What it is called in messages.
    pub(super) fn shown(&self) -> &str {
        let Attributes { title, id, name, .. } = &self.attributes;
        name.as_deref().or(id.as_deref()).unwrap_or(title)
    }
    /// The words that it refers to rules by.
    pub(super) fn mentions(&self) -> &[Mention] {
        mentions_of(self.rules.as_deref(), &self.condition)
    }
}

/// Reads a correlation from its document.
///
/// # Errors
/// The first [`Problem`] that makes it unusable, but for what its references mean.
pub(crate) fn parse(node: &Node, around: &mut Surroundings<'_>) -> Result<Unresolved, Problem> {
    let document = Mapping::of_document(node)?;
    let attributes = Attributes::parse(&document, around.warnings)?;
    let Some(body) = node.get("correlation") else {
        return Err(missing(node, "correlation", "a type, rules and a timespan"));
    };
    let Kind::Map(entries) = &body.kind else {
        let problem = document.wrong("correlation", "must be a mapping");
        return Err(problem.hint("with `type`, `rules`, `group-by`, `timespan` and `condition`"));
    };
    warn_of_strangers(node, entries, around.warnings);
    let inner = Mapping { node: body };
    let kind = inner.one_of("type", &CorrelationType::ALL, CorrelationType::name)?;
    let kind = kind.ok_or_else(|| missing(body, "type", "such as `event_count`"))?;
    let condition = condition::stated(kind, body, around)?;
    let rules = mentions(body)?;
    if rules.is_none() && !matches!(condition, Stated::Expression(..)) {
        return Err(missing(body, "rules", "ids or names of rules"));
    }
    let group_by = group_by(body, around)?;
    let timespan = timespan(body, around.warnings)?;
    let aliases = aliases(body, around)?;
    let used: Vec<_> = group_by.iter().chain(condition.fields()).collect();
    warn_of_unused(body, &aliases, &used, around.warnings);
    let generate = generate(node, body)?;
    let (file, line, at) = (String::new(), 0, first_line(&body.span));
    let named = mentions_of(rules.as_deref(), &condition).len();
    check_limit(body, named, RULE_LIMIT, "rules")?;
    Ok(Unresolved {
        attributes,
        kind,
        rules,
        group_by,
        timespan,
        condition,
        aliases,
        generate,
        file,
        line,
        digest: 0,
        at,
    })
}

fn mentions_of<'a>(rules: Option<&'a [Mention]>, condition: &'a Stated) -> &'a [Mention] {
    match (rules, condition) {
        (Some(rules), _) => rules,
        (None, Stated::Expression(_, names)) => names,
        (None, _) => &[],
    }
}

fn check_limit(node: &Node, count: usize, limit: usize, what: &str) -> Result<(), Problem> {
    if count <= limit {
        return Ok(());
    }
    let message = format!("a correlation that names {count} {what}, the limit is {limit}");
    Err(Problem::error("SIG003", first_line(&node.span), message).hint("divide the correlation"))
}

/// What a mapping of the correlation lacks.
pub(super) fn missing(body: &Node, name: &str, what: &str) -> Problem {
    let message = format!("the correlation has no `{name}`");
    Problem::error("SIG010", first_line(&body.span), message)
        .hint(format!("add `{name}:` with {what}"))
}

fn wrong(node: &Node, message: impl Into<String>) -> Problem {
    let span = match node.kind {
        Kind::Scalar(..) => node.span.clone(),
        _ => first_line(&node.span),
    };
    Problem::error("SIG011", span, message)
}

/// Keys that say nothing here: they may be slips.
fn warn_of_strangers(node: &Node, entries: &[(Node, Node)], warnings: &mut Vec<Problem>) {
    for (key, _) in entries {
        let Some(name) = key.text().filter(|name| !KEYS.contains(name)) else { continue };
        let message = format!("`{name}` means nothing in a correlation");
        let problem = Problem::warning("SIG011", key.span.clone(), message);
        warnings.push(match nearest(name, KEYS.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("one of: {}", KEYS.join(", "))),
        });
    }
    for name in ["logsource", "detection"] {
        if let Some(value) = node.get(name) {
            let message = format!("the `{name}` of a correlation is not looked at");
            let problem = Problem::warning("SIG011", first_line(&value.span), message);
            warnings.push(problem.hint("put `---` between the rule and the correlation"));
        }
    }
}

/// A word that refers to something.
fn word(node: &Node, what: &str) -> Result<String, Problem> {
    let text = node.text().filter(|text| !text.is_empty() && !node.is_null());
    text.map(str::to_owned).ok_or_else(|| wrong(node, what).hint("write it as plain text"))
}

fn mention(node: &Node) -> Result<Mention, Problem> {
    let text = word(node, "a rule is named by its id or name")?;
    Ok(Mention { text, span: node.span.clone() })
}

fn mentions(body: &Node) -> Result<Option<Vec<Mention>>, Problem> {
    let Some(rules) = body.get("rules").filter(|rules| !rules.is_null()) else { return Ok(None) };
    match &rules.kind {
        Kind::List(items) if items.is_empty() => {
            Err(missing(body, "rules", "ids or names of rules"))
        }
        Kind::List(items) => items.iter().map(mention).collect::<Result<_, _>>().map(Some),
        _ => Ok(Some(vec![mention(rules)?])),
    }
}

/// A field, or a list of fields, under the key `name`.
pub(super) fn named_fields(
    name: &str,
    node: &Node,
    around: &mut Surroundings<'_>,
) -> Result<Vec<NamedField>, Problem> {
    let mut one = |node: &Node| {
        let name = word(node, &format!("`{name}` must name a field, or a list of fields"))?;
        let id = around.fields.intern(&name);
        Ok(NamedField { name, id })
    };
    match &node.kind {
        Kind::List(items) => {
            check_limit(node, items.len(), FIELD_LIMIT, "fields")?;
            items.iter().map(one).collect()
        }
        _ => Ok(vec![one(node)?]),
    }
}

fn group_by(body: &Node, around: &mut Surroundings<'_>) -> Result<Vec<NamedField>, Problem> {
    let fields = match body.get("group-by").filter(|value| !value.is_null()) {
        Some(value) => named_fields("group-by", value, around)?,
        None => Vec::new(),
    };
    if fields.is_empty() {
        let message = "without `group-by`, the matches of all hosts and users are one group";
        let problem = Problem::warning("SIG053", first_line(&body.span), message);
        around.warnings.push(problem.hint("add `group-by:` with a field, such as `Computer`"));
    }
    Ok(fields)
}

fn timespan(body: &Node, warnings: &mut Vec<Problem>) -> Result<Duration, Problem> {
    let hint = "a whole number and one of s, m, h, d, such as `90m`";
    let Some(node) = body.get("timespan").filter(|value| !value.is_null()) else {
        return Err(missing(body, "timespan", hint));
    };
    let Some(text) = node.text() else {
        return Err(wrong(node, "`timespan` must be text").hint(hint));
    };
    let error = |message: String| Problem::error("SIG051", node.span.clone(), message).hint(hint);
    let no_timespan = || error(format!("`{text}` is no timespan"));
    let unit = text.chars().next_back().ok_or_else(no_timespan)?;
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(no_timespan());
    }
    let Some((_, seconds)) = UNITS.iter().find(|(known, _)| *known == unit) else {
        let lower = unit.to_ascii_lowercase();
        if STANDARD_UNITS.contains(lower) {
            return Err(no_timespan().hint(format!("did you mean `{digits}{lower}`?")));
        }
        return Err(no_timespan());
    };
    let total = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*seconds));
    let total = total.ok_or_else(|| error(format!("`{text}` is too long")))?;
    if total == 0 {
        return Err(error("a timespan of zero holds nothing".to_owned()));
    }
    if !STANDARD_UNITS.contains(unit) {
        let message = format!("`{unit}` is not part of Sigma; taken as {seconds} seconds");
        let problem = Problem::warning("SIG051", node.span.clone(), message);
        warnings.push(problem.hint("s, m, h and d are"));
    }
    Ok(Duration::from_secs(total))
}

fn aliases(body: &Node, around: &mut Surroundings<'_>) -> Result<Vec<Alias>, Problem> {
    let Some(node) = body.get("aliases").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let hint = "`alias: {rule: field}`";
    let Kind::Map(entries) = &node.kind else {
        return Err(wrong(node, "`aliases` must be a mapping").hint(hint));
    };
    check_limit(node, entries.len(), FIELD_LIMIT, "aliases")?;
    let mut field = |(rule, field): &(Node, Node)| {
        let mention = mention(rule)?;
        let name = word(field, "an alias stands for one field of each rule")?;
        Ok((mention, around.fields.intern(&name)))
    };
    let mut alias = |(name, value): &(Node, Node)| {
        let Kind::Map(entries) = &value.kind else {
            return Err(wrong(value, "an alias must be a mapping").hint(hint));
        };
        check_limit(value, entries.len(), RULE_LIMIT, "rules")?;
        let name = word(name, "an alias needs a name")?;
        let fields = entries.iter().map(&mut field).collect::<Result<_, _>>()?;
        Ok(Alias { name, fields })
    };
    entries.iter().map(&mut alias).collect()
}

fn warn_of_unused(
    body: &Node,
    aliases: &[Alias],
    used: &[&NamedField],
    warnings: &mut Vec<Problem>,
) {
    for alias in aliases {
        if !used.iter().any(|field| field.name == alias.name) {
            let span = body.get("aliases").map_or(0..0, |node| first_line(&node.span));
            let message = format!("nothing uses the alias `{}`", alias.name);
            let problem = Problem::warning("SIG053", span, message);
            warnings.push(problem.hint("`group-by` and `field` can"));
        }
    }
}

/// `generate` stands beside `correlation` in the specification, and inside it for pySigma.
fn generate(node: &Node, body: &Node) -> Result<bool, Problem> {
    let read = |node: &Node| {
        let Some(value) = node.get("generate").filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        match value.kind {
            Kind::Scalar(_, Scalar::Boolean(yes)) => Ok(Some((yes, value.span.clone()))),
            _ => {
                let problem = wrong(value, "`generate` must be `true` or `false`");
                Err(problem.hint("without quotes"))
            }
        }
    };
    match (read(node)?, read(body)?) {
        (Some((outer, span)), Some((inner, _))) if outer != inner => {
            let message = "`generate` is given twice, with different values";
            Err(Problem::error("SIG011", span, message).hint("leave one of them out"))
        }
        (outer, inner) => Ok(inner.or(outer).is_some_and(|(yes, _)| yes)),
    }
}
