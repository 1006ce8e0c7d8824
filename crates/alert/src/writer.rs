//! Matches to alerts, written in the forms that are asked for.
//!
//! A writer belongs to a worker and to a rule set. What it needs of an event it works out once for all
//! rules that are true of it, what it needs of a rule once for all events; an alert by itself costs its
//! id, its reasons and a copy of the rest.

use std::sync::Arc;

use etwatch_correlate::{CorrelationMatch, Evidence};
use etwatch_event::{Event, Vocabulary};
use etwatch_rules::{Evaluator, Match, Reasons, Rule, RuleSet};

use crate::alert::{Alert, ProcessFields, Subject};
use crate::correlation;
use crate::evidence::EvidenceWriter;
use crate::id::Content;
use crate::line::{EventText, push_line, rule_text};
use crate::pretty;
use crate::sink::{Form, Forms};

/// Texts one behind the other.
#[derive(Debug, Default)]
struct Texts {
    text: String,
    ends: Vec<usize>,
}

impl Texts {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
    /// What was added to `text` since the last call is the next one.
    fn finish(&mut self) {
        self.ends.push(self.text.len());
    }
    fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        self.text.get(before.copied().unwrap_or(0)..end)
    }
}

/// Alerts in order, each written in the forms that were asked for.
#[derive(Debug, Default)]
pub struct AlertTexts {
    json: Texts,
    pretty: Texts,
    alerts: usize,
}

impl AlertTexts {
    /// Forgets the alerts, keeps the memory.
    pub fn clear(&mut self) {
        self.json.clear();
        self.pretty.clear();
        self.alerts = 0;
    }
    /// How many alerts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.alerts
    }
    /// Whether there are no alerts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.alerts == 0
    }
    /// The alert at `index`; empty in a form that was not asked for.
    #[must_use]
    pub fn get(&self, index: usize, form: Form) -> &str {
        let texts = match form {
            Form::Json => &self.json,
            Form::Pretty => &self.pretty,
        };
        texts.get(index).unwrap_or_default()
    }
    /// Bytes of all texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.json.text.len() + self.pretty.text.len()
    }
    /// Bytes of memory that they hold.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.json.text.capacity() + self.pretty.text.capacity()
    }
}

impl AlertTexts {
    /// Adds the alert of a correlation.
    pub fn push_correlation(&mut self, found: &CorrelationMatch, forms: Forms) {
        if forms.json {
            correlation::push_line(&mut self.json.text, found);
        }
        if forms.pretty {
            correlation::push_lines(&mut self.pretty.text, found);
        }
        self.json.finish();
        self.pretty.finish();
        self.alerts += 1;
    }
}

/// Writes the alerts of one rule set.
#[derive(Debug)]
pub struct AlertWriter {
    rules: Arc<RuleSet>,
    names: ProcessFields,
    evaluator: Evaluator,
    /// What lines say of each rule, once one was written.
    rule_texts: Vec<Option<Box<str>>>,
    event_text: EventText,
    content: Content,
    evidence: EvidenceWriter,
}

impl AlertWriter {
    /// A writer for matches of `rules` with events of `vocabulary`.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, vocabulary: &Vocabulary) -> Self {
        let rule_texts = vec![None; rules.rules().len()];
        Self {
            rules,
            names: ProcessFields::of(vocabulary),
            evaluator: Evaluator::default(),
            rule_texts,
            event_text: EventText::default(),
            content: Content::default(),
            evidence: EvidenceWriter::default(),
        }
    }

    /// Adds the alerts of `matches`, all of them with `event`, which was read from `file`, until `out`
    /// holds `limit` bytes.
    pub fn write(
        &mut self,
        event: Event<'_>,
        file: &str,
        matches: &[Match],
        forms: Forms,
        limit: usize,
        out: &mut AlertTexts,
    ) {
        if forms == Forms::default() {
            // They are only counted.
            out.alerts += matches.len();
            return;
        }
        let rules = Arc::clone(&self.rules);
        let subject = Subject::new(event, file, &self.names);
        self.evaluator.begin();
        self.content.set(&subject);
        if forms.json {
            self.event_text.set(&subject);
        }
        for found in matches {
            if let Some(rule) = rules.get(found.rule) {
                self.write_one(rule, found.rule.index(), &subject, forms, out);
            }
            out.json.finish();
            out.pretty.finish();
            out.alerts += 1;
            if out.bytes() >= limit {
                break;
            }
        }
    }

    /// What alerts of correlations tell of `event`, which was read from `file` and of which the rule is true.
    #[must_use]
    pub fn evidence(&mut self, event: Event<'_>, file: &str, found: Match) -> Evidence {
        let rules = Arc::clone(&self.rules);
        let Some(rule) = rules.get(found.rule) else { return Evidence::from("{}") };
        let subject = Subject::new(event, file, &self.names);
        self.evaluator.begin();
        let Reasons { items, .. } = self.evaluator.reasons(rule, &subject.event);
        self.evidence.write(rule, &subject, &items)
    }

    fn write_one(
        &mut self,
        rule: &Rule,
        index: usize,
        subject: &Subject<'_>,
        forms: Forms,
        out: &mut AlertTexts,
    ) {
        let Reasons { conditions, items } = self.evaluator.reasons(rule, &subject.event);
        let id = self.content.alert_id(&rule.identity());
        let alert = Alert { id: &id, rule, conditions: &conditions, matched: &items, subject };
        if forms.json
            && let Some(place) = self.rule_texts.get_mut(index)
        {
            let rule = place.get_or_insert_with(|| rule_text(rule).into());
            push_line(&mut out.json.text, &alert, rule, &self.event_text);
        }
        if forms.pretty {
            pretty::push_lines(&mut out.pretty.text, &alert);
        }
    }
}
