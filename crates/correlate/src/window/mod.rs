//! What one group of a correlation remembers.
//!
//! A condition that can only become true by what arrives is decided at each arrival, on a window that slides;
//! any other one when its window closes (`closing`). Each window keeps no more than its condition needs, and
//! the last contributions for the alert.
//!
//! | file | for |
//! |---|---|
//! | `count` | `event_count` with a lower bound |
//! | `values` | `value_count` with a lower bound |
//! | `sum` | `value_sum` with a lower bound |
//! | `temporal` | `temporal` with a lower bound, or a text condition without `not` |
//! | `ordered` | `temporal_ordered`, the same |
//! | `closing` | all others |

mod closing;
mod count;
mod ordered;
mod step;
mod sum;
mod temporal;
mod values;

use etwatch_rules::sigma::correlation::{CorrelationCondition, CorrelationType};
use etwatch_rules::sigma::value::Number;
use serde::{Deserialize, Serialize};

pub(crate) use closing::ClosingWindow;
pub(crate) use ordered::Automaton;
pub use step::MOST_SHOWN;
pub(crate) use step::Step;

use crate::bytes::of_block;
use crate::evidence::Templates;
use count::CountWindow;
use ordered::OrderedWindow;
use sum::SumWindow;
use temporal::TemporalWindow;
use values::ValueWindow;

/// How a correlation is decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Method {
    /// At each arrival: so many events.
    Count(usize),
    /// At each arrival: so many values.
    Values(usize),
    /// At each arrival: the sum.
    Sum,
    /// At each arrival: rules.
    Temporal,
    /// At each arrival: rules in order.
    Ordered(Automaton),
    /// When the window closes.
    Closing(Automaton),
}

/// What a window measures by, and when it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measuring<'p> {
    pub(crate) kind: CorrelationType,
    pub(crate) condition: &'p CorrelationCondition,
    pub(crate) method: &'p Method,
    /// 100 ns units.
    pub(crate) timespan: u64,
}

/// What a match adds to its group.
#[derive(Clone, Debug)]
pub(crate) struct Contribution<'c> {
    /// The position of the rule that matched.
    pub(crate) position: u32,
    /// The folded value, where values are counted.
    pub(crate) value: Option<&'c str>,
    /// The number, where numbers are measured.
    pub(crate) number: Option<Number>,
    pub(crate) step: Step,
}

/// The memory of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Window {
    Count(CountWindow),
    Values(Box<ValueWindow>),
    Sum(Box<SumWindow>),
    Temporal(TemporalWindow),
    Ordered(OrderedWindow),
    Closing(Box<ClosingWindow>),
}

impl Window {
    /// An empty one, which begins at a time.
    pub(crate) fn new(measuring: Measuring<'_>, opened: u64) -> Self {
        match measuring.method {
            Method::Count(_) => Self::Count(CountWindow::default()),
            Method::Values(_) => Self::Values(Box::default()),
            Method::Sum => Self::Sum(Box::default()),
            Method::Temporal => Self::Temporal(TemporalWindow::default()),
            Method::Ordered(_) => Self::Ordered(OrderedWindow::default()),
            Method::Closing(_) => {
                Self::Closing(Box::new(ClosingWindow::new(measuring.kind, opened)))
            }
        }
    }

    /// Forgets what happened before `from`, as far as the window slides.
    pub(crate) fn expire(&mut self, from: u64) {
        match self {
            Self::Count(window) => window.expire(from),
            Self::Values(window) => window.expire(from),
            Self::Sum(window) => window.expire(from),
            Self::Temporal(window) => window.expire(from),
            Self::Ordered(window) => window.expire(from),
            Self::Closing(_) => {}
        }
    }

    /// Takes a contribution; returns whether something could not be kept for want of room.
    pub(crate) fn add(&mut self, added: Contribution<'_>, measuring: Measuring<'_>) -> bool {
        let Contribution { position, value, number, step } = added;
        match (self, measuring.method) {
            (Self::Count(window), Method::Count(needed)) => window.add(step, *needed),
            (Self::Values(window), Method::Values(needed)) => {
                window.add(value.unwrap_or_default(), step, *needed);
            }
            (Self::Sum(window), _) => {
                return number.is_some_and(|number| window.add(number, step));
            }
            (Self::Temporal(window), _) => {
                window.add(position, step);
            }
            (Self::Ordered(window), Method::Ordered(automaton)) => {
                let from = step.time.saturating_sub(measuring.timespan);
                window.add(position, step, from, automaton);
            }
            (Self::Closing(window), Method::Closing(automaton)) => {
                return window.add(position, value, number, &step, automaton);
            }
            _ => {}
        }
        false
    }

    /// What a window that slides comes to, if that fulfils the condition.
    pub(crate) fn holds(&self, measuring: Measuring<'_>) -> Option<Number> {
        let whole = |count: usize| Number::Integer(i128::try_from(count).unwrap_or(i128::MAX));
        let (measure, is_decided) = match (self, measuring.method) {
            (Self::Count(window), Method::Count(needed)) => {
                // Some more may be known, to be shown.
                (whole(window.len().min(*needed)), Some(window.len() >= *needed))
            }
            (Self::Values(window), Method::Values(needed)) => {
                (whole(window.len()), Some(window.len() >= *needed))
            }
            (Self::Sum(window), _) if window.len() > 0 => (window.sum(), None),
            (Self::Temporal(window), _) => (whole(window.len()), None),
            (Self::Ordered(window), Method::Ordered(automaton)) => {
                (whole(window.longest()), Some(window.is_complete(automaton)))
            }
            _ => return None,
        };
        let holds = is_decided.unwrap_or_else(|| match (measuring.condition, self) {
            (CorrelationCondition::Measured(measured), _) => measured.holds(measure),
            (CorrelationCondition::Expression(expression), Self::Temporal(window)) => {
                expression.holds(&mut |rule| window.has(rule))
            }
            _ => false,
        });
        holds.then_some(measure)
    }

    /// The contributions to be shown, in order.
    pub(crate) fn steps(&self, method: &Method) -> Vec<Step> {
        let mut steps: Vec<Step> = match (self, method) {
            (Self::Count(window), _) => window.recent.steps().cloned().collect(),
            (Self::Values(window), _) => window.steps().cloned().collect(),
            (Self::Sum(window), _) => window.recent.steps().cloned().collect(),
            (Self::Temporal(window), _) => window.steps().cloned().collect(),
            (Self::Ordered(window), Method::Ordered(automaton)) => {
                return window.steps(automaton).to_vec();
            }
            (Self::Closing(window), _) => window.steps(),
            _ => Vec::new(),
        };
        steps.sort_by_key(|step| (step.time, step.arrival));
        let beyond = steps.len().saturating_sub(MOST_SHOWN);
        steps.drain(..beyond);
        steps
    }

    /// When the first contribution was that it still knows.
    pub(crate) fn first(&self, method: &Method) -> Option<u64> {
        match (self, method) {
            (Self::Count(window), Method::Count(needed)) => window.first(*needed),
            (Self::Values(window), _) => window.steps().next().map(|step| step.time),
            (Self::Sum(window), _) => window.first(),
            (Self::Temporal(window), _) => window.steps().map(|step| step.time).min(),
            (Self::Ordered(window), Method::Ordered(automaton)) => {
                window.steps(automaton).first().map(|step| step.time)
            }
            (Self::Closing(window), _) => Some(window.opened),
            _ => None,
        }
    }

    /// How far it has come: those that have come least far go first under pressure.
    pub(crate) fn progress(&self) -> usize {
        match self {
            Self::Count(window) => window.len(),
            Self::Values(window) => window.len(),
            Self::Sum(window) => window.len(),
            Self::Temporal(window) => window.len(),
            Self::Ordered(window) => window.longest(),
            Self::Closing(window) => window.progress(),
        }
    }

    /// Whether nothing is in it, so that it can be made anew by what comes next. A window that closes is one even if
    /// nothing of it is left.
    pub(crate) fn is_empty(&self) -> bool {
        !matches!(self, Self::Closing(_)) && self.progress() == 0
    }

    /// Bytes of memory beside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Count(window) => window.heap_bytes(),
            Self::Values(window) => of_block(size_of_val(&**window)) + window.heap_bytes(),
            Self::Sum(window) => of_block(size_of_val(&**window)) + window.heap_bytes(),
            Self::Temporal(window) => window.heap_bytes(),
            Self::Ordered(window) => window.heap_bytes(),
            Self::Closing(window) => of_block(size_of_val(&**window)) + window.heap_bytes(),
        }
    }

    /// Shares templates with other windows; those that were saved have one for each step.
    pub(crate) fn share(&mut self, templates: &mut Templates) {
        let mut share = |step: &mut Step| step.share(templates);
        match self {
            Self::Count(window) => window.recent.steps_mut().for_each(share),
            Self::Values(window) => window.steps_mut().for_each(share),
            Self::Sum(window) => window.recent.steps_mut().for_each(share),
            Self::Temporal(window) => window.steps_mut().for_each(share),
            Self::Ordered(window) => window.steps_mut().for_each(share),
            Self::Closing(window) => window.each_step(&mut share),
        }
    }
}
