//! One correlation with what its words mean: rules, fields, positions in its expression.

use etwatch_event::FieldId;

use crate::diagnostic::Problem;
use crate::sigma::attributes::Attributes;
use crate::sigma::correlation::condition::Stated;
use crate::sigma::correlation::parse::{Alias, Mention, NamedField, Unresolved};
use crate::sigma::correlation::resolve::{Found, target};
use crate::sigma::correlation::{
    Correlation, CorrelationCondition, CorrelationField, Measured, Reference, Relation, Target,
};
use crate::sigma::modifier::Comparison;
use crate::sigma::rule::Level;
use crate::sigma::value::Number;

/// The correlation with what its words mean.
pub(super) fn complete<'a>(
    unresolved: &Unresolved,
    targets: &[Target],
    level: Option<Level>,
    find: &dyn Fn(&str) -> Found<'a>,
) -> Result<Correlation, Problem> {
    let mentions = unresolved.mentions();
    let mut sorted: Vec<_> = targets.iter().zip(mentions).collect();
    sorted.sort_by_key(|(target, mention)| (**target, mention.span.start));
    if let Some([_, (_, second)]) = sorted.windows(2).find(|pair| match pair {
        [(one, _), (other, _)] => one == other,
        _ => false,
    }) {
        let message = format!("`{}` comes twice", second.text);
        return Err(Problem::error("SIG050", second.span.clone(), message).hint("name it once"));
    }
    let fields = |named: &[NamedField]| {
        let one = |field: &NamedField| resolved_field(field, &unresolved.aliases, targets, find);
        named.iter().map(one).collect::<Result<Vec<_>, _>>()
    };
    for alias in &unresolved.aliases {
        alias_fields(alias, targets, find)?;
    }
    let condition = match &unresolved.condition {
        Stated::Each => CorrelationCondition::Measured(Measured {
            relations: vec![(
                Relation::Ordered(Comparison::GreaterOrEqual),
                Number::Integer(targets.len() as i128),
            )],
            fields: Vec::new(),
            percentile: None,
        }),
        Stated::Measured { relations, fields: named, percentile } => {
            CorrelationCondition::Measured(Measured {
                relations: relations.clone(),
                fields: fields(named)?,
                percentile: *percentile,
            })
        }
        Stated::Expression(expression, names) => {
            let positions = positions(names, targets, mentions, find)?;
            let at = |name: usize| positions.get(name).copied().unwrap_or(name);
            CorrelationCondition::Expression(expression.renumbered(&at))
        }
    };
    let group_by = fields(&unresolved.group_by)?;
    let rules = targets.iter().zip(mentions);
    let rules = rules
        .map(|(target, mention)| Reference { text: mention.text.clone(), target: *target })
        .collect();
    Ok(named(unresolved, rules, group_by, condition, level))
}

fn named(
    unresolved: &Unresolved,
    rules: Vec<Reference>,
    group_by: Vec<CorrelationField>,
    condition: CorrelationCondition,
    level: Option<Level>,
) -> Correlation {
    let attributes = unresolved.attributes.clone();
    Correlation {
        attributes: Attributes { level: attributes.level.or(level), ..attributes },
        kind: unresolved.kind,
        rules,
        group_by,
        timespan: unresolved.timespan,
        condition,
        generate: unresolved.generate,
        file: unresolved.file.clone(),
        line: unresolved.line,
        digest: unresolved.digest,
    }
}

/// Where each name of an expression stands among the rules, which must be the same ones.
fn positions<'a>(
    names: &[Mention],
    targets: &[Target],
    mentions: &[Mention],
    find: &dyn Fn(&str) -> Found<'a>,
) -> Result<Vec<usize>, Problem> {
    let mut named = vec![false; targets.len()];
    let mut positions = Vec::new();
    for name in names {
        let target = target(name, find)?;
        let Some(position) = targets.iter().position(|other| *other == target) else {
            let message = format!("the condition names `{}`, `rules` does not", name.text);
            return Err(Problem::error("SIG052", name.span.clone(), message)
                .hint("name the same rules in both, or leave `rules` out"));
        };
        if let Some(place) = named.get_mut(position) {
            *place = true;
        }
        positions.push(position);
    }
    for (mention, named) in mentions.iter().zip(named) {
        if !named {
            let message = format!("`rules` names `{}`, the condition does not", mention.text);
            return Err(Problem::error("SIG052", mention.span.clone(), message)
                .hint("name the same rules in both, or leave `rules` out"));
        }
    }
    Ok(positions)
}

/// The field that a name stands for in each rule: that of the alias of this name, else itself.
fn resolved_field<'a>(
    field: &NamedField,
    aliases: &[Alias],
    targets: &[Target],
    find: &dyn Fn(&str) -> Found<'a>,
) -> Result<CorrelationField, Problem> {
    let of_alias = match aliases.iter().find(|alias| alias.name == field.name) {
        Some(alias) => alias_fields(alias, targets, find)?,
        None => vec![None; targets.len()],
    };
    let of_rule = of_alias.into_iter().map(|id| id.unwrap_or(field.id)).collect();
    Ok(CorrelationField { name: field.name.clone(), of_rule })
}

/// The field that an alias gives each rule, if it names the rule.
fn alias_fields<'a>(
    alias: &Alias,
    targets: &[Target],
    find: &dyn Fn(&str) -> Found<'a>,
) -> Result<Vec<Option<FieldId>>, Problem> {
    let mut fields = vec![None; targets.len()];
    for (mention, id) in &alias.fields {
        let position = target(mention, find)
            .ok()
            .and_then(|target| targets.iter().position(|other| *other == target));
        let place = position.and_then(|position| fields.get_mut(position));
        let wrong = |message: String| Problem::error("SIG053", mention.span.clone(), message);
        match place {
            Some(place @ None) => *place = Some(*id),
            Some(Some(_)) => {
                let message = format!("the alias `{}` names `{}` twice", alias.name, mention.text);
                return Err(wrong(message).hint("name it once"));
            }
            None => {
                let message = format!(
                    "the alias `{}` is for `{}`, which is not in `rules`",
                    alias.name, mention.text
                );
                return Err(wrong(message).hint("name the rule as `rules` does"));
            }
        }
    }
    Ok(fields)
}
