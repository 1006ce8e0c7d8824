//! What references mean, across all documents.
//!
//! Correlations are settled from the rules upwards: one is settled when all the correlations that it
//! refers to are, and refused if one of them is. What is left in the end refers to itself, directly or
//! around corners, or to something that does. The work grows with the number of references alone.

use std::collections::VecDeque;
use std::ops::Range;

use crate::diagnostic::Problem;
use crate::sigma::correlation::complete::complete;
use crate::sigma::correlation::parse::{Mention, Unresolved};
use crate::sigma::correlation::{Correlation, Target};
use crate::sigma::rule::Rule;

/// Correlations that lie above one another, at most.
pub(crate) const DEPTH_LIMIT: usize = 16;

/// What a reference was found to mean.
#[derive(Clone, Debug)]
pub(crate) enum Found<'a> {
    /// The rule at this index.
    Rule(usize),
    /// The correlation at this index of those to be resolved.
    Correlation(usize),
    /// Something that can't be referred to; why not.
    Unusable(&'static str),
    /// Nothing; the name that is nearest.
    Unknown(Option<&'a str>),
}

/// Resolves correlations, in their order; `find` says what a reference means. Targets that are
/// correlations are numbered by those that are left.
pub(crate) fn resolve<'a>(
    unresolved: &[Unresolved],
    find: &dyn Fn(&str) -> Found<'a>,
    rules: &[Rule],
) -> Vec<Result<Correlation, Problem>> {
    let mut settling = Settling::new(unresolved, find, rules);
    while let Some(index) = settling.ready.pop_front() {
        settling.settle(index);
    }
    settling.refuse_circles();
    let results = settling.results.into_iter().zip(unresolved);
    let mut results: Vec<Result<Correlation, Problem>> = results
        .map(|(result, unresolved)| match result {
            Some((result, _)) => result,
            None => Err(circle(&unresolved.at, "…")),
        })
        .collect();
    number_anew(&mut results);
    results
}

/// Targets were numbered among all correlations; now only some are left.
fn number_anew(results: &mut [Result<Correlation, Problem>]) {
    let mut left = 0;
    let mut numbers = Vec::with_capacity(results.len());
    for result in results.iter() {
        numbers.push(left);
        left += usize::from(result.is_ok());
    }
    for reference in results.iter_mut().flatten().flat_map(|one| &mut one.rules) {
        if let Target::Correlation(index) = &mut reference.target {
            *index = numbers.get(*index).copied().unwrap_or(0);
        }
    }
}

struct Settling<'u, 'f, 'a> {
    unresolved: &'u [Unresolved],
    find: &'f dyn Fn(&str) -> Found<'a>,
    rules: &'u [Rule],
    /// What each refers to, by the order of its mentions.
    targets: Vec<Result<Vec<Target>, Problem>>,
    /// For each the correlations that refer to it.
    above: Vec<Vec<usize>>,
    /// For each how many of those below it are not settled, a double counting twice.
    waiting: Vec<usize>,
    ready: VecDeque<usize>,
    /// What became of each, and how many correlations lie above one another in it.
    results: Vec<Option<(Result<Correlation, Problem>, usize)>>,
}

impl<'u, 'f, 'a> Settling<'u, 'f, 'a> {
    fn new(
        unresolved: &'u [Unresolved],
        find: &'f dyn Fn(&str) -> Found<'a>,
        rules: &'u [Rule],
    ) -> Self {
        let targets: Vec<_> = unresolved.iter().map(|one| targets(one.mentions(), find)).collect();
        let mut above = vec![Vec::new(); unresolved.len()];
        let mut waiting = vec![0; unresolved.len()];
        for ((index, targets), waits) in targets.iter().enumerate().zip(&mut waiting) {
            for below in correlations(targets) {
                if let Some(above) = above.get_mut(below) {
                    above.push(index);
                    *waits += 1;
                }
            }
        }
        let ready = waiting.iter().enumerate().filter(|(_, waits)| **waits == 0);
        let ready = ready.map(|(index, _)| index).collect();
        let results = unresolved.iter().map(|_| None).collect();
        Self { unresolved, find, rules, targets, above, waiting, ready, results }
    }

    /// All below it are settled: so is it.
    fn settle(&mut self, index: usize) {
        let Some(unresolved) = self.unresolved.get(index) else { return };
        let result = self.check(index, unresolved);
        let depth = result.as_ref().map_or(0, |(_, depth)| *depth);
        if let Some(place) = self.results.get_mut(index) {
            *place = Some((result.map(|(correlation, _)| correlation), depth));
        }
        for above in self.above.get(index).into_iter().flatten() {
            if let Some(waits) = self.waiting.get_mut(*above) {
                *waits -= 1;
                if *waits == 0 {
                    self.ready.push_back(*above);
                }
            }
        }
    }

    fn check(
        &self,
        index: usize,
        unresolved: &Unresolved,
    ) -> Result<(Correlation, usize), Problem> {
        let targets = match self.targets.get(index) {
            Some(Ok(targets)) => targets,
            Some(Err(problem)) => return Err(problem.clone()),
            None => &Vec::new(),
        };
        let (mut depth, mut level) = (0, None);
        for (target, mention) in targets.iter().zip(unresolved.mentions()) {
            let below = match *target {
                Target::Rule(index) => self.rules.get(index).and_then(|rule| rule.attributes.level),
                Target::Correlation(index) => match self.results.get(index) {
                    Some(Some((Ok(below), levels))) => {
                        depth = depth.max(*levels);
                        below.attributes.level
                    }
                    _ => return Err(unusable(mention, "is refused")),
                },
            };
            level = level.max(below);
        }
        if depth + 1 > DEPTH_LIMIT {
            let message = format!("more than {DEPTH_LIMIT} correlations above one another");
            return Err(Problem::error("SIG003", unresolved.at.clone(), message)
                .hint("refer to the rules below them directly"));
        }
        Ok((complete(unresolved, targets, level, self.find)?, depth + 1))
    }

    /// The correlation below this one that is not settled either; where this one names it.
    fn unsettled_below(&self, index: usize) -> Option<(usize, &'u Mention)> {
        let targets = self.targets.get(index)?.as_ref().ok()?;
        let mentions = self.unresolved.get(index)?.mentions();
        targets.iter().zip(mentions).find_map(|(target, mention)| match *target {
            Target::Correlation(below) if self.results.get(below)?.is_none() => {
                Some((below, mention))
            }
            _ => None,
        })
    }

    /// Refuses what was never ready. Each of them has one of its kind below it, so going down one meets
    /// a circle: those on it print it, the others refer to something that is refused.
    fn refuse_circles(&mut self) {
        let left: Vec<usize> = (0..self.results.len())
            .filter(|index| matches!(self.results.get(*index), Some(None)))
            .collect();
        let mut walks = vec![0; self.results.len()];
        let mut problems = Vec::new();
        for (walk, start) in (1..).zip(&left) {
            let mut index = *start;
            // Down to a place where this walk, or one before it, has been.
            while let Some(seen @ 0) = walks.get_mut(index) {
                *seen = walk;
                let Some((below, _)) = self.unsettled_below(index) else { break };
                index = below;
            }
            if walks.get(index) == Some(&walk) {
                self.walk_around(index, &mut problems);
            }
        }
        for index in &left {
            let Some((_, mention)) = self.unsettled_below(*index) else { continue };
            problems.push((*index, unusable(mention, "is refused")));
        }
        for (index, problem) in problems {
            if let Some(place @ None) = self.results.get_mut(index) {
                *place = Some((Err(problem), 0));
            }
        }
    }

    /// Collects the problem of each correlation on the circle that `start` is on.
    fn walk_around(&self, start: usize, problems: &mut Vec<(usize, Problem)>) {
        let mut around = Vec::new();
        let mut index = start;
        while let Some((below, mention)) = self.unsettled_below(index) {
            around.push((index, mention));
            index = below;
            if index == start {
                break;
            }
        }
        let shown = |(index, _): &(usize, &Mention)| {
            self.unresolved.get(*index).map_or("", Unresolved::shown)
        };
        for (place, (index, mention)) in around.iter().enumerate() {
            let path = around.iter().cycle().skip(place).take(around.len() + 1).map(shown);
            let mut path: Vec<_> =
                path.take(DEPTH_LIMIT + 1).map(|name| format!("`{name}`")).collect();
            if around.len() > DEPTH_LIMIT {
                path.push("…".to_owned());
            }
            problems.push((*index, circle(&mention.span, &path.join(" → "))));
        }
    }
}

fn circle(span: &Range<usize>, path: &str) -> Problem {
    let message = format!("the correlation refers to itself: {path}");
    Problem::error("SIG050", span.clone(), message).hint("take one of these references out")
}

fn unusable(mention: &Mention, why: &str) -> Problem {
    let message = format!("`{}` {why}", mention.text);
    let hint = "a correlation needs each of its rules; `etwatch check` tells what became of it";
    Problem::error("SIG050", mention.span.clone(), message).hint(hint)
}

fn correlations(targets: &Result<Vec<Target>, Problem>) -> impl Iterator<Item = usize> {
    let targets = targets.iter().flatten();
    targets.filter_map(|target| match *target {
        Target::Correlation(index) => Some(index),
        Target::Rule(_) => None,
    })
}

fn targets<'a>(
    mentions: &[Mention],
    find: &dyn Fn(&str) -> Found<'a>,
) -> Result<Vec<Target>, Problem> {
    mentions.iter().map(|mention| target(mention, find)).collect()
}

pub(super) fn target<'a>(
    mention: &Mention,
    find: &dyn Fn(&str) -> Found<'a>,
) -> Result<Target, Problem> {
    match find(&mention.text) {
        Found::Rule(index) => Ok(Target::Rule(index)),
        Found::Correlation(index) => Ok(Target::Correlation(index)),
        Found::Unusable(why) => Err(unusable(mention, why)),
        Found::Unknown(near) => {
            let message = format!("no rule is called `{}`", mention.text);
            let problem = Problem::error("SIG050", mention.span.clone(), message);
            Err(match near {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint("the `id` or `name` of a rule that is loaded too"),
            })
        }
    }
}
