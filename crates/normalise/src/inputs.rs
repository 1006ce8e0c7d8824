//! How kinds of input differ: what is not told on one of them, and why.
//!
//! The same event is told by a session of ETW, by its recording and by an event log, each in its own way. Most
//! of what differs follows from the taxonomy and from layouts of payloads. What follows from nothing but how
//! Windows is made stands in `taxonomy/inputs.yaml`, which is read here: which providers are not to be had
//! (`withheld`), what a running machine can be asked (`asked`), and the reasons why a field is nowhere
//! (`absent`), which people read in `docs/fields.md` and in what `etwatch check` says.

use serde::{Deserialize, Serialize};

use crate::table::{Log, TableError};

const FILE: &str = "inputs.yaml";
const TEXT: &str = include_str!("../taxonomy/inputs.yaml");

/// A kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Sessions of ETW and subscriptions to event logs, on a machine without Sysmon.
    Live,
    /// A recording of sessions of ETW.
    Etl,
    /// Event logs, as `.evtx` or JSON.
    Evtx,
}

impl InputKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Live, Self::Etl, Self::Evtx];

    /// The word for it, in flags and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Etl => "etl",
            Self::Evtx => "evtx",
        }
    }
    /// What it is, for a sentence: a rule fires on `event logs`.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Live => "a running machine",
            Self::Etl => "`.etl` recordings",
            Self::Evtx => "event logs",
        }
    }
    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Providers whose events are not to be had on some kinds of input.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withheld {
    /// Their names.
    #[serde(default)]
    pub provider: Vec<String>,
    /// Those that write unnamed strings to an event log, and to nothing else.
    #[serde(default)]
    pub classic: bool,
    /// Where.
    pub on: Vec<InputKind>,
    /// Why, a clause without a full stop.
    pub why: String,
}

/// What a running machine is asked about a process of an event of a category. (What it is asked about files
/// follows from what the memory of its host gives.)
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The categories.
    pub category: Vec<String>,
    /// The field with the id of the process that is opened.
    pub process: String,
    /// The fields that this gives.
    pub fields: Vec<String>,
}

/// Why fields are nowhere.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// Of events of these categories; none: of all.
    #[serde(default)]
    pub category: Vec<String>,
    /// These fields; none: all of them.
    #[serde(default)]
    pub fields: Vec<String>,
    /// Where.
    pub on: Vec<InputKind>,
    /// Why, a clause without a full stop.
    pub why: String,
}

/// The table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// What is not to be had.
    pub withheld: Vec<Withheld>,
    /// What is asked.
    pub asked: Vec<Asked>,
    /// What is nowhere; the first that fits is the reason.
    pub absent: Vec<Absent>,
}

impl Inputs {
    /// Reads the table that is part of the program.
    ///
    /// # Errors
    /// [`TableError::Form`] if it is malformed, which the tests of this crate exclude.
    pub fn built_in() -> Result<Self, TableError> {
        serde_yaml::from_str(TEXT)
            .map_err(|source| TableError::Form { file: FILE.to_owned(), source })
    }

    /// Why the events of a log by this provider are not to be had on an input; `None` if they are.
    #[must_use]
    pub fn why_withheld(&self, log: &Log, provider: &str, on: InputKind) -> Option<&str> {
        let is_of = |withheld: &&Withheld| {
            withheld.on.contains(&on)
                && (withheld.provider.iter().any(|name| name.eq_ignore_ascii_case(provider))
                    || withheld.classic && is_classic(log))
        };
        self.withheld.iter().find(is_of).map(|withheld| withheld.why.as_str())
    }

    /// Why a field of these categories is nowhere on an input, as far as the table tells; of no field: why
    /// there are no such events.
    #[must_use]
    pub fn why_absent(
        &self,
        categories: &[&str],
        field: Option<&str>,
        on: InputKind,
    ) -> Option<&str> {
        let is_of = |absent: &&Absent| {
            let of_field = match field {
                Some(field) => {
                    absent.fields.is_empty() || absent.fields.iter().any(|name| name == field)
                }
                None => absent.fields.is_empty(),
            };
            let of_category = absent.category.is_empty()
                || absent.category.iter().any(|name| categories.contains(&name.as_str()));
            absent.on.contains(&on) && of_category && of_field
        };
        self.absent.iter().find(is_of).map(|absent| absent.why.as_str())
    }
}

/// Whether a log's events are strings without names that a program hands to the event log.
#[must_use]
pub fn is_classic(log: &Log) -> bool {
    log.class.is_empty()
        && (log.provider.is_empty() || log.fields.iter().any(|name| name == "Data"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_that_fits_is_given() {
        let text = "
withheld:
  - {provider: [P], on: [etl], why: a}
  - {classic: true, on: [etl], why: b}
asked: []
absent:
  - {category: [c], fields: [F], on: [live, etl], why: x}
  - {category: [c], on: [etl], why: y}
  - {fields: [F, G], on: [live], why: z}";
        let inputs: Inputs = serde_yaml::from_str(text).unwrap();
        for (categories, field, on, why) in [
            (&["c"][..], Some("F"), InputKind::Live, Some("x")),
            (&["b", "c"], Some("G"), InputKind::Etl, Some("y")),
            (&["c"], None, InputKind::Etl, Some("y")),
            (&["c"], None, InputKind::Live, None),
            (&["b"], Some("G"), InputKind::Live, Some("z")),
            (&["b"], Some("F"), InputKind::Evtx, None),
        ] {
            assert_eq!(inputs.why_absent(categories, field, on), why, "{categories:?} {field:?}");
        }
        let log = |text| serde_yaml::from_str::<Log>(text).unwrap();
        let plain = log("{provider: [P, Q], channel: [C], fields: [A]}");
        let classic = log("{provider: [Q], channel: [C], fields: [Data]}");
        for (log, provider, on, why) in [
            (&plain, "p", InputKind::Etl, Some("a")),
            (&plain, "Q", InputKind::Etl, None),
            (&plain, "P", InputKind::Live, None),
            (&classic, "Q", InputKind::Etl, Some("b")),
        ] {
            assert_eq!(inputs.why_withheld(log, provider, on), why, "{provider} {on:?}");
        }
        assert!(Inputs::built_in().is_ok_and(|inputs| !inputs.absent.is_empty()));
    }
}
