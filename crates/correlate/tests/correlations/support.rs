//! Plays matches to a correlator without matching anything: who matches is said.

use std::sync::Arc;

use etwatch_correlate::{CorrelationMatch, Correlator, Evidence, Limits, Plan};
use etwatch_event::{
    Attribution, EventBatch, FieldId, LayoutId, LogSourceSetId, Timestamp, Value as FieldValue,
    Vocabulary,
};
use etwatch_rules::RuleIndex;
use etwatch_rules::load::{LoadOptions, load_text};
use etwatch_rules::sigma::value::Number;
use serde_yaml::Value;

/// 100 ns units of a second.
pub(crate) const SECOND: f64 = 1e7;
/// The time that sequences begin at.
pub(crate) const START: u64 = 133_000_000_000_000_000;
/// Fields that events may have.
const FIELDS: &[&str] = &["u", "F", "G", "Host", "User", "src", "dst"];

/// A correlator, and what it has said.
pub(crate) struct Play {
    pub(crate) correlator: Correlator,
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) alerts: Vec<String>,
    pub(crate) matches: Vec<CorrelationMatch>,
}

/// The text of a scalar.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap().trim().to_owned(),
    }
}

/// The rules a, b and c, and documents with these correlations; the one called `inner` comes first.
pub(crate) fn documents(correlation: &Value, inner: &Value) -> String {
    let mut documents = String::new();
    for name in ["a", "b", "c"] {
        documents += &format!(
            "title: {name}\nname: {name}\nlogsource: {{category: test}}\ndetection: {{s: {{kind: {name}}}, condition: s}}\n---\n"
        );
    }
    for (name, body) in [("inner", inner), ("outer", correlation)] {
        if !body.is_null() {
            let body = serde_yaml::to_string(body).unwrap().replace('\n', "\n  ");
            documents +=
                &format!("title: {name}\nname: {name}\nlevel: low\ncorrelation:\n  {body}\n---\n");
        }
    }
    documents
}

/// The plan of these documents and its vocabulary.
pub(crate) fn plan(documents: &str) -> (Arc<Plan>, Arc<Vocabulary>) {
    let mut vocabulary = Vocabulary::default();
    FIELDS.iter().for_each(|name| {
        vocabulary.fields.intern(name);
    });
    let loaded = load_text("case", documents, &LoadOptions::default(), &mut vocabulary.fields);
    assert_eq!(loaded.refused, 0, "{:#?}", loaded.diagnostics);
    let (_, plan) = Plan::new(loaded.rules, loaded.correlations, None, &vocabulary.fields);
    (Arc::new(plan), Arc::new(vocabulary))
}

impl Play {
    pub(crate) fn of(correlation: &Value, inner: &Value) -> Self {
        let (plan, vocabulary) = plan(&documents(correlation, inner));
        Self::with(plan, vocabulary, Limits::default())
    }

    pub(crate) fn with(plan: Arc<Plan>, vocabulary: Arc<Vocabulary>, limits: Limits) -> Self {
        let correlator = Correlator::new(plan, limits);
        Self { correlator, vocabulary, alerts: Vec::new(), matches: Vec::new() }
    }

    /// An event as a case writes it.
    pub(crate) fn event(&mut self, event: &Value) {
        let mut fields = Vec::new();
        for name in FIELDS {
            match &event[*name] {
                Value::Null if event.get(*name).is_some() => fields.push((*name, None)),
                Value::Null if *name == "u" => fields.push((*name, Some("u".to_owned()))),
                Value::Null => {}
                Value::Sequence(values) => {
                    fields.extend(values.iter().map(|value| (*name, Some(text(value)))));
                }
                value => fields.push((*name, Some(text(value)))),
            }
        }
        let fields: Vec<_> = fields.iter().map(|(name, text)| (*name, text.as_deref())).collect();
        let host = event["host"].as_u64().unwrap_or(1);
        let attribution = Attribution {
            host: u32::try_from(host).unwrap(),
            is_late: event["late"].as_bool().unwrap_or(false),
            lineage: [0; 4],
        };
        let at = event["at"].as_f64().unwrap();
        self.take(at, &text(&event["of"]), &fields, attribution);
    }

    pub(crate) fn take(
        &mut self,
        at: f64,
        rules: &str,
        fields: &[(&str, Option<&str>)],
        attribution: Attribution,
    ) {
        let computer = format!("host {}", attribution.host);
        self.take_of(at, rules, fields, (attribution, Some(&computer)));
    }

    /// The same of an event that does not name its host.
    pub(crate) fn take_unnamed(
        &mut self,
        at: f64,
        rules: &str,
        fields: &[(&str, Option<&str>)],
        attribution: Attribution,
    ) {
        self.take_of(at, rules, fields, (attribution, None));
    }

    fn take_of(
        &mut self,
        at: f64,
        rules: &str,
        fields: &[(&str, Option<&str>)],
        (attribution, computer): (Attribution, Option<&str>),
    ) {
        let mut batch = EventBatch::new(Arc::clone(&self.vocabulary));
        let mut event = batch.begin(LayoutId::HEADER, LogSourceSetId::NONE);
        event.set_time(Timestamp::from_filetime(START + (at * SECOND) as u64));
        if let Some(computer) = computer {
            event.push(FieldId::COMPUTER, FieldValue::Text(computer));
        }
        for (name, value) in fields {
            let value = value.map_or(FieldValue::Null, FieldValue::Text);
            event.push(self.vocabulary.fields.id(name).unwrap(), value);
        }
        event.finish();
        batch.attribute(0, attribution);
        let event = batch.get(0).unwrap();
        let index = |name: &str| ["a", "b", "c"].iter().position(|own| *own == name).unwrap();
        let found: Vec<_> = rules
            .split_whitespace()
            .map(|name| (RuleIndex::from_index(index(name)).unwrap(), evidence(at, name)))
            .filter(|(rule, _)| self.correlator.plan().contributes(*rule))
            .collect();
        let mut matches = Vec::new();
        self.correlator.advance(&event, &mut matches);
        self.correlator.take(&event, &found, &mut matches);
        self.tell(matches);
    }

    pub(crate) fn finish(&mut self) {
        let mut matches = Vec::new();
        self.correlator.finish(&mut matches);
        self.tell(matches);
    }

    fn tell(&mut self, matches: Vec<CorrelationMatch>) {
        let is_told = |found: &CorrelationMatch| found.planned().is_some_and(|one| one.is_visible);
        for found in matches.into_iter().filter(is_told) {
            let group: Vec<_> = found.group.iter().map(|(_, value)| &**value).collect();
            let seconds = (found.last.filetime() - START) as f64 / SECOND;
            let measure = match found.measure {
                Number::Integer(number) => number.to_string(),
                Number::Float(number) => number.to_string(),
            };
            self.alerts.push(format!("{}@{seconds}={measure}", group.join(",")));
            self.matches.push(found);
        }
    }
}

/// What is told of an event: here its rule and time alone.
fn evidence(at: f64, name: &str) -> Evidence {
    Evidence::from(&*format!("{name}{at}"))
}
