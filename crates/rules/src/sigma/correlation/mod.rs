//! Correlations: rules over the matches of other rules in time.
//!
//! A correlation is read in two steps. `parse` checks all that its document says. `resolve` comes when
//! the documents of all files are known: it finds what the correlation refers to, in any file and any
//! order, and refuses what refers to nothing, to something refused, or to itself.
//!
//! What is left is ready to be evaluated: rules are indices, fields are numbers, and an alias has become
//! what it stands for, a field of each rule. Evaluation itself is not part of this version.
//!
//! | module | holds |
//! |---|---|
//! | `parse` | a document to a correlation whose references are still words |
//! | `condition` | what a window must come to: comparisons, or an expression over rules |
//! | `resolve` | what references mean, across all documents |
//! | `complete` | one correlation with what its words mean |

pub(crate) mod complete;
pub(crate) mod condition;
pub(crate) mod parse;
pub(crate) mod resolve;

use std::time::Duration;

use etwatch_event::FieldId;

use crate::sigma::attributes::Attributes;
use crate::sigma::condition::Condition;
use crate::sigma::modifier::Comparison;
use crate::sigma::value::Number;

pub(crate) use parse::{Unresolved, parse};
pub(crate) use resolve::{Found, resolve};

/// What a correlation measures in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CorrelationType {
    /// Events that match any of the rules.
    EventCount,
    /// Different values of a field, or of several together.
    ValueCount,
    /// Rules that match, in any order.
    Temporal,
    /// Rules that match, in the order in which they are listed.
    TemporalOrdered,
    /// The sum of a field's values.
    ValueSum,
    /// Their mean.
    ValueAverage,
    /// Their value at a rank.
    ValuePercentile,
    /// Their median.
    ValueMedian,
}

impl CorrelationType {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::EventCount,
        Self::ValueCount,
        Self::Temporal,
        Self::TemporalOrdered,
        Self::ValueSum,
        Self::ValueAverage,
        Self::ValuePercentile,
        Self::ValueMedian,
    ];

    /// Sigma's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EventCount => "event_count",
            Self::ValueCount => "value_count",
            Self::Temporal => "temporal",
            Self::TemporalOrdered => "temporal_ordered",
            Self::ValueSum => "value_sum",
            Self::ValueAverage => "value_avg",
            Self::ValuePercentile => "value_percentile",
            Self::ValueMedian => "value_median",
        }
    }
    /// Whether it is about which rules match.
    #[must_use]
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Temporal | Self::TemporalOrdered)
    }
    /// Whether it measures whole numbers from 1 on: no window begins where nothing happens.
    #[must_use]
    pub fn is_count(self) -> bool {
        self.is_temporal() || matches!(self, Self::EventCount | Self::ValueCount)
    }
}

/// What a reference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The rule at this index of [`Loaded::rules`](crate::Loaded::rules).
    Rule(usize),
    /// The correlation at this index of [`Loaded::correlations`](crate::Loaded::correlations).
    Correlation(usize),
}

/// A rule or correlation that a correlation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its id or name, as written.
    pub text: String,
    /// What that means.
    pub target: Target,
}

/// A field that a correlation looks at, or an alias for several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrelationField {
    /// The field's name, or the alias.
    pub name: String,
    /// The field that it is in matches of each of [`Correlation::rules`], in their order.
    pub of_rule: Vec<FieldId>,
}

/// How a measure is compared with a number of the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `eq`
    Equal,
    /// `neq`
    NotEqual,
    /// `lt`, `lte`, `gt`, `gte`
    Ordered(Comparison),
}

impl Relation {
    /// Whether it holds for a measure that compares with the rule's number like this.
    #[must_use]
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Ordered(comparison) => comparison.holds(order),
        }
    }
}

/// What the measure is taken of, and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// One relation or two, all of which must hold; numbers are whole for counts.
    pub relations: Vec<(Relation, Number)>,
    /// The fields whose values are measured: several only for [`CorrelationType::ValueCount`], none
    /// where events or rules are counted.
    pub fields: Vec<CorrelationField>,
    /// The rank, 0 to 100, for [`CorrelationType::ValuePercentile`] alone.
    pub percentile: Option<f64>,
}

impl Measured {
    /// Whether a measure fulfils all relations.
    #[must_use]
    pub fn holds(&self, measure: Number) -> bool {
        let fulfils = |(relation, number): &(Relation, Number)| {
            measure.order(number).is_some_and(|order| relation.holds(order))
        };
        self.relations.iter().all(fulfils)
    }
}

/// What the window must come to.
#[derive(Clone, Debug, PartialEq)]
pub enum CorrelationCondition {
    /// A number is compared.
    Measured(Measured),
    /// Which rules match, for the temporal types: the "detections" of the condition are the positions
    /// of [`Correlation::rules`].
    Expression(Condition),
}

/// A correlation, checked and ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// What it says of itself; without a level of its own, that is the highest of the rules it refers
    /// to (`C-LEVEL`).
    pub attributes: Attributes,
    /// What it measures.
    pub kind: CorrelationType,
    /// The rules and correlations it is about, each once.
    pub rules: Vec<Reference>,
    /// What matches of one window share; nothing if all are one group.
    pub group_by: Vec<CorrelationField>,
    /// How far apart the first and the last match of a window may be, both included.
    pub timespan: Duration,
    /// What the window must come to.
    pub condition: CorrelationCondition,
    /// Whether the rules that it is about give alerts of their own.
    pub generate: bool,
    /// The file it is in.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: usize,
    /// A number that changes when its document says something else.
    pub digest: u64,
}
