//! The alert, and how it is made from a match.
//!
//! Everything in it is taken from the event and the rule; nothing is looked up and nothing invented:
//! what the event does not say is left out.

use std::collections::BTreeMap;

use etwatch_event::{
    Event, FieldId, FieldValues, Guid, ProcessIdentity, ProcessKey, Value, Vocabulary,
};
use etwatch_rules::{Evaluator, Reasoning, Rule, RuleIndex, RuleSet};
use serde::Serialize;

use crate::id::alert_id;

/// Something a rule found. Its JSON form is described in `docs/alert.schema.json`.
#[derive(Clone, Debug, Serialize)]
pub struct Alert {
    /// 32 hex digits; the same for the same rule and event in every run.
    pub id: String,
    /// When the event happened, ISO 8601 in UTC; absent if the recording does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The rule.
    pub rule: RuleReference,
    /// The host, as the event names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The process that acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<Process>,
    /// Which of the rule's conditions held, as written; empty if the rule has but one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// Which detection items held, and on what.
    pub matched: Vec<Matched>,
    /// The event.
    pub event: EventReference,
}

/// What an alert says of its rule.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReference {
    /// The rule's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its title.
    pub title: String,
    /// Its level, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its author, whom the licence of many rules asks to name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Titles of the global filters that were joined to its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// The file it was loaded from.
    pub file: String,
}

/// A process and its parent.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Process {
    /// Names the process for ever, see [`ProcessKey`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its pid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Path of its image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_line: Option<String>,
    /// The account it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its parent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<Self>>,
}

/// A detection item that held.
#[derive(Clone, Debug, Serialize)]
pub struct Matched {
    /// Name of the detection in the rule.
    pub detection: String,
    /// The item's key as written, such as `Image|endswith`; absent for keywords.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// The field; absent for keywords.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// The rule's value as written.
    pub pattern: String,
    /// The event's value; absent if its absence is what matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl From<Reasoning> for Matched {
    fn from(reason: Reasoning) -> Self {
        let Reasoning { detection, item, field, pattern, value } = reason;
        Self { detection, item, field, pattern, value }
    }
}

/// What an alert says of its event.
#[derive(Clone, Debug, Serialize)]
pub struct EventReference {
    /// The provider that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The channel it was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Its id within the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// The log sources it carries.
    pub log_sources: Vec<String>,
    /// Where it was recorded.
    pub source: RecordReference,
    /// All its fields by Sigma's names; several values are a list.
    pub fields: BTreeMap<String, serde_json::Value>,
}

/// Where a record lies.
#[derive(Clone, Debug, Serialize)]
pub struct RecordReference {
    /// The file; `-` for standard input.
    pub file: String,
    /// `EventRecordID`, else the number of the line or record in the file.
    pub record: u64,
}

/// Fields of the acting process, best first, by the kind of event.
#[derive(Debug)]
struct Names {
    guid: [Option<FieldId>; 3],
    pid: [Option<FieldId>; 2],
    image: [Option<FieldId>; 3],
    command_line: [Option<FieldId>; 2],
    user: [Option<FieldId>; 2],
    parent_guid: Option<FieldId>,
    parent_pid: Option<FieldId>,
    parent_image: [Option<FieldId>; 2],
    parent_command_line: Option<FieldId>,
}

/// Makes alerts for events of one vocabulary.
#[derive(Debug)]
pub struct Builder {
    names: Names,
    evaluator: Evaluator,
}

impl Builder {
    /// A builder for events of `vocabulary`.
    #[must_use]
    pub fn new(vocabulary: &Vocabulary) -> Self {
        let id = |name: &str| vocabulary.fields.id(name);
        let names = Names {
            guid: [id("ProcessGuid"), id("SourceProcessGuid"), id("SourceProcessGUID")],
            pid: [id("ProcessId"), id("SourceProcessId")],
            image: [id("Image"), id("SourceImage"), id("ProcessName")],
            command_line: [id("CommandLine"), id("SourceCommandLine")],
            user: [id("User"), id("SourceUser")],
            parent_guid: id("ParentProcessGuid"),
            parent_pid: id("ParentProcessId"),
            parent_image: [id("ParentImage"), id("SourceParentImage")],
            parent_command_line: id("ParentCommandLine"),
        };
        Self { names, evaluator: Evaluator::default() }
    }

    /// The alert of a rule that is true of `event`, which was read from `file`; `None` if the rule
    /// is not of `rules`.
    pub fn build(
        &mut self,
        rules: &RuleSet,
        index: RuleIndex,
        event: &Event<'_>,
        file: &str,
    ) -> Option<Alert> {
        let rule = rules.get(index)?;
        let reasons = rules.reasons(index, event, &mut self.evaluator);
        let conditions = self.conditions(rule, event);
        let host = text(event, FieldId::COMPUTER);
        Some(Alert {
            id: alert_id(&rule.identity(), event),
            time: event.time().is_known().then(|| event.time().to_string()),
            rule: RuleReference {
                id: rule.id.clone(),
                title: rule.title.clone(),
                level: rule.level.map(|level| level.name().to_owned()),
                tags: rule.tags.clone(),
                author: rule.author.clone(),
                filters: rule.filters.clone(),
                file: rule.file.clone(),
            },
            process: self.process(event, host.as_deref().unwrap_or_default()),
            host,
            conditions,
            matched: reasons.into_iter().map(Matched::from).collect(),
            event: EventReference {
                provider: text(event, FieldId::PROVIDER_NAME),
                channel: text(event, FieldId::CHANNEL),
                id: text(event, FieldId::EVENT_ID).and_then(|id| id.parse().ok()),
                log_sources: event.log_sources().iter().map(ToString::to_string).collect(),
                source: RecordReference { file: file.to_owned(), record: event.origin().record },
                fields: fields(event),
            },
        })
    }

    /// Those of several conditions that hold, of an event for which the evaluator is prepared.
    fn conditions(&mut self, rule: &Rule, event: &Event<'_>) -> Vec<String> {
        if rule.conditions.len() < 2 {
            return Vec::new();
        }
        let held = self.evaluator.conditions(rule, event).into_iter();
        held.filter_map(|number| rule.written_conditions.get(number).cloned()).collect()
    }

    fn process(&self, event: &Event<'_>, host: &str) -> Option<Process> {
        let names = &self.names;
        let pid = number(event, &names.pid);
        let process = Process {
            key: key(host, guid(event, &names.guid), pid),
            pid,
            image: first(event, &names.image),
            command_line: first(event, &names.command_line),
            user: first(event, &names.user),
            parent: self.parent(event, host).map(Box::new),
        };
        (process.key.is_some() || process.image.is_some()).then_some(process)
    }

    fn parent(&self, event: &Event<'_>, host: &str) -> Option<Process> {
        let names = &self.names;
        let pid = number(event, &[names.parent_pid]);
        let parent = Process {
            key: key(host, guid(event, &[names.parent_guid]), pid),
            pid,
            image: first(event, &names.parent_image),
            command_line: first(event, &[names.parent_command_line]),
            ..Process::default()
        };
        (parent.key.is_some() || parent.image.is_some()).then_some(parent)
    }
}

/// The key of a process: by its GUID, or by its pid alone.
fn key(host: &str, guid: Option<Guid>, pid: Option<u32>) -> Option<String> {
    let identity = guid.map(ProcessIdentity::Guid).or_else(|| pid.map(ProcessIdentity::Pid))?;
    let key = ProcessKey { host: host.to_lowercase().into(), boot: None, identity };
    Some(key.to_string())
}

fn text(event: &Event<'_>, field: FieldId) -> Option<String> {
    let mut scratch = String::new();
    let value = event.get(field).first()?;
    value.text(&mut scratch).map(str::to_owned)
}

/// The first of the fields that says something; `-` is how Windows says nothing.
fn first(event: &Event<'_>, fields: &[Option<FieldId>]) -> Option<String> {
    let texts = fields.iter().flatten().filter_map(|field| text(event, *field));
    texts.into_iter().find(|text| !matches!(text.as_str(), "" | "-"))
}

fn number(event: &Event<'_>, fields: &[Option<FieldId>]) -> Option<u32> {
    first(event, fields).and_then(|text| text.parse().ok())
}

fn guid(event: &Event<'_>, fields: &[Option<FieldId>]) -> Option<Guid> {
    let guid = first(event, fields).and_then(|text| Guid::parse(&text))?;
    (guid.0 != [0; 16]).then_some(guid)
}

fn fields(event: &Event<'_>) -> BTreeMap<String, serde_json::Value> {
    let json = |(name, values): (&str, FieldValues<'_>)| {
        let mut list: Vec<_> = values.iter().filter_map(|value| to_json(&value)).collect();
        let value = match list.len() {
            1 => list.pop().unwrap_or_default(),
            _ => serde_json::Value::Array(list),
        };
        (name.to_owned(), value)
    };
    let is_structure = |values: &FieldValues<'_>| {
        values.first().is_some() && values.iter().all(|value| value == Value::Structure)
    };
    event.fields().filter(|(_, values)| !is_structure(values)).map(json).collect()
}

/// A value as JSON has it; structures are left out, their parts are fields of their own.
fn to_json(value: &Value<'_>) -> Option<serde_json::Value> {
    Some(match value {
        Value::Null => serde_json::Value::Null,
        Value::Unsigned(number) => (*number).into(),
        Value::Signed(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Boolean(yes) => (*yes).into(),
        Value::Structure => return None,
        other => other.text(&mut String::new())?.into(),
    })
}
