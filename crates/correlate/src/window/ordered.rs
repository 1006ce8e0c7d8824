//! `temporal_ordered`: chains of contributions in the order that the rule asks for.
//!
//! The order is an automaton (Glushkov's) over *places*: a list of rules is a line of places, `and` in a text
//! condition puts places behind one another, `or` beside one another. For each place the best chain that ends
//! there is kept, the one that began last: it stays within the timespan for longest, so no other needs to be
//! known. A contribution takes a chain from a place before to each place of its rule; all that took part in it
//! came strictly before, so one event never serves two places.

use etwatch_rules::sigma::Condition;
use serde::{Deserialize, Serialize};

use super::step::Step;
use crate::bytes::of_block;

/// The order in which rules have to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Automaton {
    /// The rule of each place, by its position in the correlation.
    rules: Vec<u32>,
    /// The places that a chain may come from.
    before: Vec<Vec<u32>>,
    /// Whether a chain may begin there.
    is_first: Vec<bool>,
    /// Whether a chain is complete there.
    is_last: Vec<bool>,
}

/// Where the chains of a part of a condition begin and end.
#[derive(Default)]
struct Ends {
    first: Vec<u32>,
    last: Vec<u32>,
}

impl Automaton {
    /// `count` rules one after the other, complete when `needed` of them have matched.
    pub(crate) fn line(count: u32, needed: u32) -> Self {
        let mut line = Self::default();
        for rule in 0..count {
            line.place(rule);
            if let Some(before) = line.before.last_mut() {
                before.extend(rule.checked_sub(1));
            }
        }
        line.mark(&Ends { first: vec![0], last: (needed.max(1) - 1..count).collect() });
        line
    }

    /// The order of appearance in a condition without `not`.
    pub(crate) fn of(condition: &Condition) -> Self {
        let mut automaton = Self::default();
        let ends = automaton.part(condition);
        automaton.mark(&ends);
        automaton
    }

    /// Whether a match of the rule at `position` can begin a chain.
    pub(crate) fn begins_with(&self, position: u32) -> bool {
        let mut places = self.rules.iter().zip(&self.is_first);
        places.any(|(rule, is_first)| *is_first && *rule == position)
    }

    fn place(&mut self, rule: u32) -> u32 {
        let place = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.rules.push(rule);
        self.before.push(Vec::new());
        self.is_first.push(false);
        self.is_last.push(false);
        place
    }

    fn mark(&mut self, ends: &Ends) {
        for (places, marks) in [(&ends.first, &mut self.is_first), (&ends.last, &mut self.is_last)]
        {
            for place in places {
                if let Some(mark) = marks.get_mut(*place as usize) {
                    *mark = true;
                }
            }
        }
    }

    fn part(&mut self, condition: &Condition) -> Ends {
        match condition {
            Condition::Detection(rule) => {
                let place = self.place(u32::try_from(*rule).unwrap_or(u32::MAX));
                Ends { first: vec![place], last: vec![place] }
            }
            Condition::Or(parts) => {
                let mut ends = Ends::default();
                for part in parts {
                    let Ends { first, last } = self.part(part);
                    ends.first.extend(first);
                    ends.last.extend(last);
                }
                ends
            }
            Condition::And(parts) => {
                let mut whole: Option<Ends> = None;
                for part in parts {
                    let next = self.part(part);
                    whole = Some(match whole {
                        None => next,
                        Some(Ends { first, last }) => {
                            for place in &next.first {
                                if let Some(before) = self.before.get_mut(*place as usize) {
                                    before.extend(&last);
                                }
                            }
                            Ends { first, last: next.last }
                        }
                    });
                }
                whole.unwrap_or_default()
            }
            // The parser refuses it here.
            Condition::Not(_) => Ends::default(),
        }
    }
}

/// A chain that ends at a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    place: u32,
    steps: Vec<Step>,
}

/// The best chain for each place that has one. Most never get beyond their first step, which is kept in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Chain>", into = "Vec<Chain>")]
pub(crate) enum OrderedWindow {
    #[default]
    Empty,
    Begun {
        place: u32,
        step: Step,
    },
    Chains(Vec<Chain>),
}

impl From<Vec<Chain>> for OrderedWindow {
    fn from(mut chains: Vec<Chain>) -> Self {
        match chains.pop() {
            None => Self::Empty,
            Some(Chain { place, mut steps }) if chains.is_empty() && steps.len() == 1 => {
                steps.pop().map_or(Self::Empty, |step| Self::Begun { place, step })
            }
            Some(chain) => {
                chains.push(chain);
                Self::Chains(chains)
            }
        }
    }
}

impl From<OrderedWindow> for Vec<Chain> {
    fn from(window: OrderedWindow) -> Self {
        match window {
            OrderedWindow::Empty => Self::new(),
            OrderedWindow::Begun { place, step } => vec![Chain { place, steps: vec![step] }],
            OrderedWindow::Chains(chains) => chains,
        }
    }
}

/// A chain as it is looked at.
#[derive(Clone, Copy)]
struct Look<'w> {
    place: u32,
    steps: &'w [Step],
}

impl Look<'_> {
    fn start(&self) -> u64 {
        self.steps.first().map_or(0, |step| step.time)
    }
}

impl OrderedWindow {
    fn chains(&self) -> impl Iterator<Item = Look<'_>> {
        let (begun, chains) = match self {
            Self::Empty => (None, None),
            Self::Begun { place, step } => {
                (Some(Look { place: *place, steps: std::slice::from_ref(step) }), None)
            }
            Self::Chains(chains) => (None, Some(chains.iter())),
        };
        let chains = chains.into_iter().flatten();
        begun.into_iter().chain(
            chains.map(|Chain { place, steps }| Look { place: *place, steps: steps.as_slice() }),
        )
    }

    pub(crate) fn expire(&mut self, from: u64) {
        match self {
            Self::Begun { step, .. } if step.time < from => *self = Self::Empty,
            Self::Chains(chains) => {
                chains
                    .retain(|Chain { place, steps }| Look { place: *place, steps }.start() >= from);
                if chains.is_empty() {
                    *self = Self::Empty;
                }
            }
            _ => {}
        }
    }

    /// A match of the rule at `position`; chains that began before `from` are too old.
    pub(crate) fn add(&mut self, position: u32, step: Step, from: u64, automaton: &Automaton) {
        let places = automaton.rules.iter().enumerate().rev();
        let mut places = places.filter(|(_, rule)| **rule == position).peekable();
        let mut step = Some(step);
        while let Some((index, _)) = places.next() {
            let own = if places.peek().is_some() { step.clone() } else { step.take() };
            if let Some(own) = own {
                self.add_at(index, own, from, automaton);
            }
        }
    }

    /// A step for the place at `index`.
    fn add_at(&mut self, index: usize, step: Step, from: u64, automaton: &Automaton) {
        let place = u32::try_from(index).unwrap_or(u32::MAX);
        if automaton.is_first.get(index).is_some_and(|first| *first) {
            return self.put_first(place, step);
        }
        let comes_from = automaton.before.get(index).map(Vec::as_slice).unwrap_or_default();
        let best = self
            .chains()
            .filter(|chain| comes_from.contains(&chain.place) && chain.start() >= from)
            .filter(|chain| {
                let last = chain.steps.last();
                last.is_some_and(|last| last.is_before(&step) && last.arrival != step.arrival)
            })
            .max_by_key(Look::start);
        if let Some(chain) = best {
            let steps = chain.steps.iter().cloned().chain([step]).collect();
            self.put(Chain { place, steps });
        }
    }

    /// A chain begins.
    fn put_first(&mut self, place: u32, step: Step) {
        match self {
            Self::Empty => *self = Self::Begun { place, step },
            Self::Begun { place: own, step: before } if *own == place => {
                if before.time <= step.time {
                    *before = step;
                }
            }
            _ => self.put(Chain { place, steps: vec![step] }),
        }
    }

    fn put(&mut self, chain: Chain) {
        if let Self::Begun { .. } | Self::Empty = self {
            let begun = match std::mem::take(self) {
                Self::Begun { place, step } => vec![Chain { place, steps: vec![step] }],
                _ => Vec::new(),
            };
            *self = Self::Chains(begun);
        }
        let Self::Chains(chains) = self else { return };
        let start = |steps: &[Step]| steps.first().map_or(0, |step| step.time);
        match chains.iter_mut().find(|own| own.place == chain.place) {
            Some(own) if start(&own.steps) <= start(&chain.steps) => *own = chain,
            Some(_) => {}
            None => {
                chains.reserve_exact(1);
                chains.push(chain);
            }
        }
    }

    /// The complete chain that began last.
    fn complete(&self, automaton: &Automaton) -> Option<Look<'_>> {
        let is_last = |chain: &Look<'_>| {
            automaton.is_last.get(chain.place as usize).is_some_and(|last| *last)
        };
        self.chains().filter(is_last).max_by_key(|chain| (chain.steps.len(), chain.start()))
    }
    pub(crate) fn is_complete(&self, automaton: &Automaton) -> bool {
        self.complete(automaton).is_some()
    }
    /// Steps of the longest chain.
    pub(crate) fn longest(&self) -> usize {
        self.chains().map(|chain| chain.steps.len()).max().unwrap_or(0)
    }
    /// Those of the complete chain, else of the longest one.
    pub(crate) fn steps(&self, automaton: &Automaton) -> &[Step] {
        let longest = || self.chains().max_by_key(|chain| (chain.steps.len(), chain.start()));
        self.complete(automaton).or_else(longest).map_or(&[], |chain| chain.steps)
    }
    pub(crate) fn steps_mut(&mut self) -> impl Iterator<Item = &mut Step> {
        let (begun, chains) = match self {
            Self::Empty => (None, None),
            Self::Begun { step, .. } => (Some(step), None),
            Self::Chains(chains) => (None, Some(chains.iter_mut())),
        };
        let chains = chains.into_iter().flatten();
        begun.into_iter().chain(chains.flat_map(|chain| chain.steps.iter_mut()))
    }
    pub(crate) fn heap_bytes(&self) -> usize {
        let told = self.chains().flat_map(|chain| chain.steps);
        let told = told.map(|step| step.evidence.heap_bytes()).sum::<usize>();
        let Self::Chains(chains) = self else { return told };
        let steps = |chain: &Chain| of_block(chain.steps.capacity() * size_of::<Step>());
        of_block(chains.capacity() * size_of::<Chain>())
            + chains.iter().map(steps).sum::<usize>()
            + told
    }
}
