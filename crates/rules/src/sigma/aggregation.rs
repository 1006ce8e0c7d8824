//! Aggregations of older Sigma, which stood behind a pipe in conditions, and what replaces each.
//!
//! ```text
//! selection | count(User) by Computer, Image > 5
//! type: value_count, group-by: [Computer, Image], condition: {field: User, gt: 5}
//! ```

use std::ops::Range;

use crate::diagnostic::Problem;

/// The problem of a condition with an aggregation; its hint has the correlation.
pub(crate) fn refused(text: &str, at: &Range<usize>) -> Problem {
    let what = text.split_once('|').map_or("", |(_, behind)| behind.trim());
    let message = "aggregations in a condition were replaced by correlations";
    let problem = Problem::error("SIG023", at.clone(), message);
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (function, rest) = what.split_at(what.find(|c| !is_letter(c)).unwrap_or(what.len()));
    let field = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let field = field.map_or("", |(field, _)| field.trim());
    let kind = match function {
        "count" if field.is_empty() => "event_count",
        "count" => "value_count",
        "near" => "temporal",
        "sum" => "value_sum",
        "avg" => "value_avg",
        _ => return problem.hint(format!("no correlation has a `{function}`")),
    };
    let mut parts = format!("write a correlation rule of type `{kind}`");
    let comparison = what.find(['<', '>', '=']).map(|place| what.split_at(place));
    let before = comparison.map_or(what, |(before, _)| before);
    if let Some((_, group)) = before.split_once(" by ") {
        let fields: Vec<_> = group.split(',').map(str::trim).collect();
        parts.push_str(&format!(" with `group-by: [{}]`", fields.join(", ")));
    }
    if let Some((_, comparison)) = comparison {
        let number = comparison.trim_start_matches(['<', '>', '=']);
        let relation = match comparison.split_at(comparison.len() - number.len()).0 {
            "<" => "lt",
            "<=" => "lte",
            ">" => "gt",
            ">=" => "gte",
            _ => "eq",
        };
        let field = if kind == "event_count" { "" } else { &format!("field: {field}, ") };
        let number = number.trim();
        parts.push_str(&format!(" and `condition: {{{field}{relation}: {number}}}`"));
    }
    problem.hint(parts)
}
