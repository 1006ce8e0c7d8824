//! Global filters: conditions of their own that are joined to those of other rules.
//!
//! Each condition of a rule becomes `(rule) and (filter)`; names and patterns of the filter see the
//! filter's detections alone. A filter that suppresses says `not` itself. It applies to the rules that
//! it lists and whose log source names all that the filter's names, whatever the order of documents
//! and files.

use std::ops::Range;

use etwatch_event::LogSource;

use crate::diagnostic::{Problem, nearest};
use crate::sigma::attributes::{Attributes, Surroundings};
use crate::sigma::condition::Condition;
use crate::sigma::mapping::Mapping;
use crate::sigma::rule::{NamedDetection, Rule};
use crate::yaml::{Kind, Node};

/// The rules a filter is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilteredRules {
    /// All that its log source fits.
    Any,
    /// Those with one of these ids or names; where each is written.
    Listed(Vec<(String, Range<usize>)>),
}

/// A global filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What it says of itself; its title is shown in the alerts of the rules it was joined to.
    pub attributes: Attributes,
    /// What a rule's log source must name.
    pub log_source: LogSource,
    /// The rules it is for.
    pub rules: FilteredRules,
    detections: Vec<NamedDetection>,
    condition: Condition,
    /// A number that changes when its document says something else.
    pub digest: u64,
}

/// Reads a filter from its document.
///
/// # Errors
/// The first [`Problem`] that makes it unusable.
pub fn parse(node: &Node, around: &mut Surroundings<'_>) -> Result<Filter, Problem> {
    let document = Mapping::of_document(node)?;
    let attributes = Attributes::parse(&document, around.warnings)?;
    let log_source = document.log_source(around.warnings)?;
    let body = node.get("filter").ok_or_else(|| document.missing("filter", "a condition"))?;
    let rules = listed(body)?;
    if matches!(body.get("condition").map(|value| &value.kind), Some(Kind::List(_))) {
        return Err(Problem::error("SIG021", body.span.clone(), "a filter has one condition")
            .hint("join them with `or`"));
    }
    let (detections, conditions) = document.detections("filter", &["rules"], around)?;
    let Some(condition) = conditions.into_iter().next() else {
        return Err(document.missing("condition", "the name of a detection"));
    };
    if !condition.has_not() {
        let span = body.get("condition").map_or(body.span.clone(), |value| value.span.clone());
        let message = "the filter's condition is joined with `and`: this one narrows rules";
        let problem = Problem::warning("SIG033", span, message);
        around.warnings.push(problem.hint("write `not …` to leave matching events out"));
    }
    Ok(Filter { attributes, log_source, rules, detections, condition, digest: 0 })
}

fn listed(body: &Node) -> Result<FilteredRules, Problem> {
    let problem = |node: &Node, message: &str| {
        Problem::error("SIG011", node.span.start..node.span.start + 1, message)
            .hint("`any`, an id or name, or a list of them")
    };
    let Some(rules) = body.get("rules") else {
        return Err(problem(body, "the filter has no `rules`"));
    };
    let one = |node: &Node| {
        let text = node.text().filter(|text| !text.is_empty() && !node.is_null());
        text.map(|text| (text.to_owned(), node.span.clone()))
            .ok_or_else(|| problem(node, "a rule is named by its id or name"))
    };
    Ok(match &rules.kind {
        Kind::List(items) if items.is_empty() => FilteredRules::Any,
        Kind::List(items) => {
            FilteredRules::Listed(items.iter().map(one).collect::<Result<_, _>>()?)
        }
        _ if rules.text() == Some("any") => FilteredRules::Any,
        _ => FilteredRules::Listed(vec![one(rules)?]),
    })
}

impl Filter {
    /// Joins the filter to the rules that it is for; tells what came to nothing.
    pub fn apply(&self, rules: &mut [Rule]) -> Vec<Problem> {
        let mut problems = Vec::new();
        match &self.rules {
            FilteredRules::Any => {
                for rule in rules.iter_mut().filter(|rule| self.log_source.covers(&rule.log_source))
                {
                    self.join(rule);
                }
            }
            FilteredRules::Listed(listed) => {
                for (name, span) in listed {
                    let Some(rule) = rules.iter_mut().find(|rule| rule.attributes.is_called(name))
                    else {
                        let message = format!("no rule that is loaded is called `{name}`");
                        let problem = Problem::warning("SIG033", span.clone(), message);
                        let called =
                            rules.iter().filter_map(|rule| rule.attributes.name.as_deref());
                        let near = nearest(name, called);
                        problems.push(problem.hint(near.map_or_else(
                            || "name a rule by its `id` or `name`, not its title".to_owned(),
                            |near| format!("did you mean `{near}`?"),
                        )));
                        continue;
                    };
                    if self.log_source.covers(&rule.log_source) {
                        self.join(rule);
                    } else {
                        let message = format!("`{name}` has another log source than the filter");
                        let problem = Problem::warning("SIG033", span.clone(), message);
                        let hint = "the rule's log source must name all that the filter's names";
                        problems.push(problem.hint(hint));
                    }
                }
            }
        }
        problems
    }

    fn join(&self, rule: &mut Rule) {
        let offset = rule.detections.len();
        let named = |detection: &NamedDetection| NamedDetection {
            name: format!("{}: {}", self.attributes.title, detection.name),
            detection: detection.detection.clone(),
        };
        rule.detections.extend(self.detections.iter().map(named));
        let moved = self.condition.moved(offset);
        for condition in &mut rule.conditions {
            condition.join(moved.clone());
        }
        rule.filters.push(self.attributes.title.clone());
        rule.digest = rule.digest.rotate_left(1) ^ self.digest;
    }
}
