//! What a run led to: ledger, counts, damage. Its JSON form is what `--summary` writes.

use std::collections::BTreeMap;

use etwatch_alert::SinkError;
use etwatch_capture::Damage;
use etwatch_correlate::Counts;
use etwatch_event::{Ledger, LogSourceSetId, ProviderCounts, Shape, Vocabulary};
use etwatch_rules::sigma::Attributes;
use etwatch_rules::{Level, Rule, RuleIndex, RuleSet};
use serde::Serialize;

use crate::engine::EngineError;
use crate::memory::Memory;
use crate::run::files::FileCounts;
use crate::saved::SavedError;

/// Everything a run can say about itself when it has ended.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Where every record went.
    pub ledger: Ledger,
    /// Rules loaded, and documents refused.
    pub rules: RuleCounts,
    /// What became of matches that correlations are about.
    pub correlation: Counts,
    /// How much was remembered when there were no more events.
    pub memory: Memory,
    /// Events by log source; an event that carries several counts in each.
    pub events: BTreeMap<String, u64>,
    /// Alerts by level.
    pub alerts: BTreeMap<String, u64>,
    /// Alerts by rule (by all that tells rules apart), with level and title.
    pub rule_alerts: BTreeMap<String, RuleAlerts>,
    /// How often each rule matched, and correlation held, that gives no alert of its own.
    silent: BTreeMap<String, u64>,
    /// Events by their set of log sources, while the run goes on.
    pub(crate) sets: Vec<u64>,
    /// Events by the form of their recording.
    pub shapes: BTreeMap<Shape, u64>,
    /// Events to which some rule applies.
    pub tested: u64,
    /// Inputs that were read, and their number in all.
    pub inputs: (usize, usize),
    /// Inputs that could not be read to their end, and why.
    pub unreadable: Vec<String>,
    /// The first damaged places of each input.
    pub damage: Vec<(String, Damage)>,
    /// What became of the state of earlier runs, if a file of it was named.
    pub state: Option<StateNote>,
    /// Where questions about files went, if the host was asked any.
    pub files: Option<FileCounts>,
    /// By sink, how many alerts it did not take, and what it said last.
    pub undelivered: BTreeMap<String, (u64, String)>,
}

/// What became of the state of earlier runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateNote {
    /// Groups of correlations that were taken up.
    pub groups: usize,
    /// Hosts of which something was remembered.
    pub hosts: usize,
    /// Correlations of which there were some, but that are gone or say something else now.
    pub left_out: Vec<String>,
    /// What is wrong with the file.
    pub problem: Option<String>,
}

/// Rules of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RuleCounts {
    /// Rules that were evaluated.
    pub loaded: usize,
    /// Documents that yielded no rule.
    pub refused: usize,
    /// Correlations that were evaluated.
    pub correlations: usize,
}

/// Alerts of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleAlerts {
    /// The rule's title.
    pub title: String,
    /// Its level, or `none`.
    pub level: String,
    /// How many.
    pub count: u64,
}

#[derive(Serialize)]
struct Summary<'a> {
    ledger: LedgerForm<'a>,
    rules: RuleCounts,
    correlation: CorrelationForm,
    memory: &'a Memory,
    events: &'a BTreeMap<String, u64>,
    alerts: &'a BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<FileCounts>,
}

#[derive(Serialize)]
struct CorrelationForm {
    contributions: u64,
    missing: u64,
    not_numeric: u64,
    overflowed: u64,
    late: u64,
    not_kept: u64,
    evicted: u64,
}

impl From<Counts> for CorrelationForm {
    fn from(counts: Counts) -> Self {
        let Counts { contributions, missing, not_numeric, overflowed, late, not_kept, evicted } =
            counts;
        Self { contributions, missing, not_numeric, overflowed, late, not_kept, evicted }
    }
}

#[derive(Serialize)]
struct LedgerForm<'a> {
    read: u64,
    skipped: &'a BTreeMap<&'static str, u64>,
    undecodable: &'a BTreeMap<&'static str, u64>,
    filtered: &'a BTreeMap<&'static str, u64>,
    dropped: &'a BTreeMap<&'static str, u64>,
    bookkeeping: u64,
    joined: u64,
    evaluated: u64,
    split: u64,
    derived: u64,
    late: u64,
    unexplained: &'a BTreeMap<&'static str, u64>,
    by_provider: BTreeMap<&'a str, ProviderForm>,
    known_good: u64,
    forgotten: &'a BTreeMap<&'static str, u64>,
    incomplete: &'a BTreeMap<&'static str, u64>,
    unseen: &'a BTreeMap<&'static str, u64>,
    events_lost: u64,
    buffers_lost: u64,
}

#[derive(Serialize)]
struct ProviderForm {
    bookkeeping: u64,
    joined: u64,
    split: u64,
    derived: u64,
}

/// Rules without an id may share a title, and copies of a rule its id.
fn key(attributes: &Attributes, file: &str) -> String {
    let Attributes { id, title, .. } = attributes;
    format!("{}\n{title}\n{file}", id.as_deref().unwrap_or_default())
}

impl Report {
    /// Counts an alert of the rule or correlation with these attributes, which is in a file.
    pub(crate) fn count(&mut self, attributes: &Attributes, file: &str) {
        let level = attributes.level.map_or("none", Level::name);
        match self.alerts.get_mut(level) {
            Some(count) => *count += 1,
            None => *self.alerts.entry(level.to_owned()).or_default() += 1,
        }
        let new = || {
            let (title, level) = (attributes.title.clone(), level.to_owned());
            RuleAlerts { title, level, count: 0 }
        };
        self.rule_alerts.entry(key(attributes, file)).or_insert_with(new).count += 1;
    }

    /// How many alerts `rule` gave.
    #[must_use]
    pub fn alerts_of(&self, rule: &Rule) -> u64 {
        self.alerts_of_document(&rule.attributes, &rule.file)
    }
    /// The same for the rule or correlation with these attributes, which is in a file.
    #[must_use]
    pub fn alerts_of_document(&self, attributes: &Attributes, file: &str) -> u64 {
        self.rule_alerts.get(&key(attributes, file)).map_or(0, |of_rule| of_rule.count)
    }
    /// How often the rule matched, or the correlation held, whether it gives alerts of its own or is silent.
    #[must_use]
    pub fn matches_of(&self, attributes: &Attributes, file: &str) -> u64 {
        let silent = self.silent.get(&key(attributes, file)).copied().unwrap_or(0);
        self.alerts_of_document(attributes, file) + silent
    }
    /// Counts a match of a rule or correlation that gives no alert of its own.
    pub(crate) fn count_silent(&mut self, attributes: &Attributes, file: &str) {
        *self.silent.entry(key(attributes, file)).or_default() += 1;
    }

    /// Takes note of what a sink answered: a receiver that refuses a batch may take the next, but one
    /// that can't be written to ends the run.
    pub(crate) fn take_note(&mut self, answer: Result<(), SinkError>) -> Result<(), EngineError> {
        match answer {
            Ok(()) => Ok(()),
            Err(SinkError::Undelivered { sink, alerts, what }) => {
                let (count, last) = self.undelivered.entry(sink).or_default();
                *count += alerts;
                *last = what;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes note of how writing the state went; the run goes on either way.
    pub(crate) fn note_saving(&mut self, result: Result<(), SavedError>) {
        if let (Some(note), Err(error)) = (&mut self.state, result) {
            note.problem = Some(error.to_string());
        }
    }

    fn by_provider(&self) -> BTreeMap<&str, ProviderForm> {
        let form = |counts: &ProviderCounts| {
            let ProviderCounts { bookkeeping, joined, split, derived } = *counts;
            ProviderForm { bookkeeping, joined, split, derived }
        };
        self.ledger.by_provider.iter().map(|(name, counts)| (&**name, form(counts))).collect()
    }

    /// Turns the counts by set into counts by log source.
    pub(crate) fn name_log_sources(&mut self, vocabulary: &Vocabulary) {
        for (set, count) in vocabulary.sets().iter().zip(&self.sets) {
            if *count == 0 {
                continue;
            }
            if set.members().is_empty() {
                *self.events.entry("none".to_owned()).or_default() += count;
            }
            for member in set.members() {
                *self.events.entry(member.to_string()).or_default() += count;
            }
        }
    }

    /// The JSON form, pretty-printed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Ledger { read, bookkeeping, joined, evaluated, split, derived, late, .. } = self.ledger;
        let Ledger { known_good, events_lost, buffers_lost, .. } = self.ledger;
        let ledger = LedgerForm {
            read,
            skipped: &self.ledger.skipped,
            undecodable: &self.ledger.undecodable,
            filtered: &self.ledger.filtered,
            dropped: &self.ledger.dropped,
            bookkeeping,
            joined,
            evaluated,
            split,
            derived,
            late,
            unexplained: &self.ledger.unexplained,
            by_provider: self.by_provider(),
            known_good,
            forgotten: &self.ledger.forgotten,
            incomplete: &self.ledger.incomplete,
            unseen: &self.ledger.unseen,
            events_lost,
            buffers_lost,
        };
        let summary = Summary {
            ledger,
            rules: self.rules,
            correlation: self.correlation.into(),
            memory: &self.memory,
            events: &self.events,
            alerts: &self.alerts,
            files: self.files,
        };
        // Maps with text keys always have a JSON form.
        serde_json::to_string_pretty(&summary).unwrap_or_default() + "\n"
    }

    /// Why nothing was tested, if so: silence must not look like success.
    #[must_use]
    pub fn nothing_tested(&self) -> Option<&'static str> {
        if self.rules.loaded == 0 {
            Some("no rule was loaded")
        } else if self.ledger.events() == 0 {
            Some("no event was read")
        } else if self.tested == 0 {
            Some("no rule applies to any of the events")
        } else {
            None
        }
    }

    /// How many events have a log source that the rule is for.
    #[must_use]
    pub fn events_for(&self, rule: RuleIndex, rules: &RuleSet) -> u64 {
        let sets = (0..).map_while(LogSourceSetId::from_index).zip(&self.sets);
        sets.filter(|(set, _)| rules.applying(*set).contains(&rule)).map(|(_, count)| count).sum()
    }

    /// Whether some of the input could not be read.
    #[must_use]
    pub fn input_was_lost(&self) -> bool {
        !self.unreadable.is_empty() || self.ledger.lost() > 0
    }
}
