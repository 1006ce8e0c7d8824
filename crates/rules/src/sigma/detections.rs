//! The detections of a rule or filter, and the conditions over them.
//!
//! Beside each other stand names with what they look for, and `condition`, which is one or a list. All
//! detections are read before the first condition, which knows them by their positions. A small rule may
//! name a large detection again and again: so what the conditions come to is counted. A detection that
//! no condition uses is warned of: it looks like protection and is none.

use std::ops::Range;

use crate::diagnostic::Problem;
use crate::sigma::attributes::Surroundings;
use crate::sigma::condition::{self, Condition};
use crate::sigma::detection::DetectionParser;
use crate::sigma::mapping::{Mapping, first_line};
use crate::sigma::room::Room;
use crate::sigma::rule::NamedDetection;
use crate::yaml::{Kind, Node, Scalar};

/// Tests that the conditions of one rule may come to.
const SIZE_LIMIT: usize = 400_000;

impl Mapping<'_> {
    /// The detections and conditions in the mapping at `name`; `reserved` are names in it that are
    /// neither.
    pub(super) fn detections(
        &self,
        name: &str,
        reserved: &[&str],
        around: &mut Surroundings<'_>,
    ) -> Result<(Vec<NamedDetection>, Vec<Condition>), Problem> {
        let what = "a detection and a condition";
        let node = self.node.get(name).ok_or_else(|| self.missing(name, what))?;
        let Kind::Map(entries) = &node.kind else {
            return Err(self
                .wrong(name, "must be a mapping")
                .hint("names of detections with what they look for, and `condition`"));
        };
        let mut parser = DetectionParser { around, values: 0, regexes: 0, room: Room::default() };
        let (mut detections, mut spans) = (Vec::new(), Vec::new());
        for (key, value) in entries {
            let Some(name) = key.text() else {
                let message = "a detection's name must be text";
                let problem = Problem::error("SIG011", key.span.clone(), message);
                return Err(problem.hint("such as `selection`"));
            };
            match name {
                "condition" => {}
                "timeframe" => {
                    let message = "`timeframe` has no meaning in a rule";
                    let problem = Problem::warning("SIG011", key.span.clone(), message);
                    parser
                        .around
                        .warnings
                        .push(problem.hint("write a correlation rule with `timespan`"));
                }
                name if reserved.contains(&name) => {}
                name => {
                    let detection = parser.parse(value)?;
                    detections.push(NamedDetection { name: name.to_owned(), detection });
                    spans.push(key.span.clone());
                }
            }
        }
        let conditions = conditions(node, &detections)?;
        check_size(&node.span, &detections, &conditions)?;
        warn_of_unused(&detections, &spans, &conditions, around.warnings);
        Ok((detections, conditions))
    }
}

fn conditions(node: &Node, detections: &[NamedDetection]) -> Result<Vec<Condition>, Problem> {
    let at = first_line(&node.span);
    let Some(value) = node.get("condition") else {
        return Err(Problem::error("SIG010", at, "the detection has no `condition`")
            .hint("add `condition:` with the name of a detection"));
    };
    if detections.is_empty() {
        return Err(Problem::error("SIG020", at, "the rule has no detection")
            .hint("add one beside `condition`, such as `selection: {Image|endswith: '\\a.exe'}`"));
    }
    let names: Vec<String> = detections.iter().map(|detection| detection.name.clone()).collect();
    let mut room = condition::NAMED_LIMIT;
    let mut one = |node: &Node| match &node.kind {
        Kind::Scalar(text, Scalar::Text | Scalar::Integer(_)) => {
            condition::parse(text, &names, &node.span, &mut room)
        }
        _ => Err(Problem::error("SIG021", node.span.clone(), "a condition must be text")
            .hint("names of detections with `and`, `or`, `not`")),
    };
    match &value.kind {
        Kind::List(items) if items.is_empty() => {
            Err(Problem::error("SIG021", value.span.clone(), "an empty list of conditions")
                .hint("name a detection"))
        }
        Kind::List(items) => items.iter().map(one).collect(),
        _ => one(value).map(|condition| vec![condition]),
    }
}

/// The tests that conditions come to when each name is replaced by its detection.
fn check_size(
    at: &Range<usize>,
    detections: &[NamedDetection],
    conditions: &[Condition],
) -> Result<(), Problem> {
    let sizes: Vec<usize> = detections.iter().map(|named| named.detection.size()).collect();
    let mut sum = 0_usize;
    let mut add = |index: usize, _| {
        sum = sum.saturating_add(sizes.get(index).copied().unwrap_or(0));
    };
    conditions.iter().for_each(|condition| condition.detections(false, &mut add));
    if sum <= SIZE_LIMIT {
        return Ok(());
    }
    let message = format!("the conditions come to {sum} tests, the limit is {SIZE_LIMIT}");
    Err(Problem::error("SIG003", first_line(at), message).hint("name each detection once"))
}

fn warn_of_unused(
    detections: &[NamedDetection],
    spans: &[Range<usize>],
    conditions: &[Condition],
    warnings: &mut Vec<Problem>,
) {
    let mut used = vec![false; detections.len()];
    let mut mark = |index: usize, _| {
        if let Some(place) = used.get_mut(index) {
            *place = true;
        }
    };
    conditions.iter().for_each(|condition| condition.detections(false, &mut mark));
    for ((detection, span), used) in detections.iter().zip(spans).zip(&used) {
        if !used {
            let message = format!("no condition uses `{}`", detection.name);
            let problem = Problem::warning("SIG031", span.clone(), message);
            let name = &detection.name;
            warnings.push(problem.hint(if name.starts_with("filter") {
                format!("add `and not {name}` to the condition, or take it out")
            } else {
                "use it in the condition, or take it out".to_owned()
            }));
        }
    }
}
