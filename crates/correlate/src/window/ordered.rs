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
struct Chain {
    place: u32,
    steps: Vec<Step>,
}

impl Chain {
    fn start(&self) -> u64 {
        self.steps.first().map_or(0, |step| step.time)
    }
}

/// The best chain for each place that has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderedWindow(Vec<Chain>);

impl OrderedWindow {
    pub(crate) fn expire(&mut self, from: u64) {
        self.0.retain(|chain| chain.start() >= from);
    }

    /// A match of the rule at `position`; chains that began before `from` are too old.
    pub(crate) fn add(&mut self, position: u32, step: &Step, from: u64, automaton: &Automaton) {
        for (index, rule) in automaton.rules.iter().enumerate().rev() {
            if *rule != position {
                continue;
            }
            let place = u32::try_from(index).unwrap_or(u32::MAX);
            let comes_from = automaton.before.get(index).map(Vec::as_slice).unwrap_or_default();
            let best =
                self.0
                    .iter()
                    .filter(|chain| comes_from.contains(&chain.place) && chain.start() >= from)
                    .filter(|chain| {
                        chain.steps.last().is_some_and(|last| {
                            last.is_before(step) && last.arrival != step.arrival
                        })
                    })
                    .max_by_key(|chain| chain.start());
            let is_first = automaton.is_first.get(index).is_some_and(|first| *first);
            let steps = match best {
                _ if is_first => vec![step.clone()],
                Some(chain) => chain.steps.iter().chain([step]).cloned().collect(),
                None => continue,
            };
            self.put(Chain { place, steps });
        }
    }

    fn put(&mut self, chain: Chain) {
        match self.0.iter_mut().find(|own| own.place == chain.place) {
            Some(own) if own.start() <= chain.start() => *own = chain,
            Some(_) => {}
            None => self.0.push(chain),
        }
    }

    /// The complete chain that began last.
    fn complete(&self, automaton: &Automaton) -> Option<&Chain> {
        let is_last =
            |chain: &&Chain| automaton.is_last.get(chain.place as usize).is_some_and(|last| *last);
        self.0.iter().filter(is_last).max_by_key(|chain| (chain.steps.len(), chain.start()))
    }
    pub(crate) fn is_complete(&self, automaton: &Automaton) -> bool {
        self.complete(automaton).is_some()
    }
    /// Steps of the longest chain.
    pub(crate) fn longest(&self) -> usize {
        self.0.iter().map(|chain| chain.steps.len()).max().unwrap_or(0)
    }
    /// Those of the complete chain, else of the longest one.
    pub(crate) fn steps(&self, automaton: &Automaton) -> &[Step] {
        let longest = || self.0.iter().max_by_key(|chain| (chain.steps.len(), chain.start()));
        self.complete(automaton).or_else(longest).map_or(&[], |chain| chain.steps.as_slice())
    }
    pub(crate) fn bytes(&self) -> usize {
        let of_chain =
            |chain: &Chain| size_of::<Chain>() + chain.steps.iter().map(Step::bytes).sum::<usize>();
        self.0.iter().map(of_chain).sum()
    }
}
