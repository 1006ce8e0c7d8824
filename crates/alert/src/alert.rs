//! The alert: what a rule found in an event.
//!
//! Everything in it is taken from the event and the rule; nothing is looked up and nothing invented:
//! what the event does not say is left out. It borrows both, since it lives for as long as it takes to
//! write it down. What it says of the event is a [`Subject`], which all rules that are true of the
//! event share.

use std::borrow::Cow;

use etwatch_event::field::ANCESTORS;
use etwatch_event::{
    Event, FieldId, FieldValues, Guid, ProcessIdentity, ProcessKey, Timestamp, Value, Vocabulary,
};
use etwatch_rules::{Reasoning, Rule};

/// Something a rule found. Its JSON form is described in `docs/alert.schema.json`.
#[derive(Clone, Copy, Debug)]
pub struct Alert<'a> {
    /// 32 hex digits; the same for the same rule and event in every run.
    pub id: &'a str,
    /// The rule.
    pub rule: &'a Rule,
    /// Which of the rule's conditions held, as written; empty if the rule has but one.
    pub conditions: &'a [&'a str],
    /// Which detection items held, and on what.
    pub matched: &'a [Reasoning<'a>],
    /// What it says of its event.
    pub subject: &'a Subject<'a>,
}

/// An event as alerts tell of it.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The event.
    pub event: Event<'a>,
    /// The file it was read from; `-` for standard input.
    pub file: &'a str,
    /// When it happened, if the recording says so.
    pub time: Option<Timestamp>,
    /// The host, as the event names it.
    pub host: Option<Cow<'a, str>>,
    /// The process that acted.
    pub process: Option<Process<'a>>,
    /// All its fields but the list of its ancestors, in the order of their names, which does not depend on its layout.
    pub fields: Vec<(&'a str, FieldValues<'a>)>,
}

/// A process and its parent.
#[derive(Clone, Debug, Default)]
pub struct Process<'a> {
    /// Names the process for ever, see [`ProcessKey`].
    pub key: Option<String>,
    /// Its pid.
    pub pid: Option<u32>,
    /// Path of its image.
    pub image: Option<Cow<'a, str>>,
    /// Its command line.
    pub command_line: Option<Cow<'a, str>>,
    /// The account it runs as.
    pub user: Option<Cow<'a, str>>,
    /// Its parent.
    pub parent: Option<Box<Self>>,
}

/// Fields of the acting process, best first, by the kind of event.
#[derive(Clone, Debug)]
pub struct ProcessFields {
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

impl ProcessFields {
    /// Those that `vocabulary` has.
    #[must_use]
    pub fn of(vocabulary: &Vocabulary) -> Self {
        let id = |name: &str| vocabulary.fields.id(name);
        Self {
            guid: [id("ProcessGuid"), id("SourceProcessGuid"), id("SourceProcessGUID")],
            pid: [id("ProcessId"), id("SourceProcessId")],
            image: [id("Image"), id("SourceImage"), id("ProcessName")],
            command_line: [id("CommandLine"), id("SourceCommandLine")],
            user: [id("User"), id("SourceUser")],
            parent_guid: id("ParentProcessGuid"),
            parent_pid: id("ParentProcessId"),
            parent_image: [id("ParentImage"), id("SourceParentImage")],
            parent_command_line: id("ParentCommandLine"),
        }
    }

    fn process<'a>(&self, event: &Event<'a>, host: &str) -> Option<Process<'a>> {
        let pid = number(event, &self.pid);
        let process = Process {
            key: key(host, guid(event, &self.guid), pid),
            pid,
            image: first(event, &self.image),
            command_line: first(event, &self.command_line),
            user: first(event, &self.user),
            parent: self.parent(event, host).map(Box::new),
        };
        (process.key.is_some() || process.image.is_some()).then_some(process)
    }

    fn parent<'a>(&self, event: &Event<'a>, host: &str) -> Option<Process<'a>> {
        let pid = number(event, &[self.parent_pid]);
        let parent = Process {
            key: key(host, guid(event, &[self.parent_guid]), pid),
            pid,
            image: first(event, &self.parent_image),
            command_line: first(event, &[self.parent_command_line]),
            ..Process::default()
        };
        (parent.key.is_some() || parent.image.is_some()).then_some(parent)
    }
}

impl<'a> Subject<'a> {
    /// What alerts say of `event`, which was read from `file`.
    #[must_use]
    pub fn new(event: Event<'a>, file: &'a str, names: &ProcessFields) -> Self {
        let host = text(&event, FieldId::COMPUTER);
        let process = names.process(&event, &host.as_deref().unwrap_or_default().to_lowercase());
        // Up to sixteen GUIDs, made for grouping: an alert names the parent.
        let is_told = |(name, _): &(&str, _)| *name != ANCESTORS;
        let mut fields: Vec<_> = event.fields().filter(is_told).collect();
        fields.sort_by_key(|(name, _)| *name);
        let time = event.time().is_known().then(|| event.time());
        Self { event, file, time, host, process, fields }
    }
    /// The text of a field's first value.
    #[must_use]
    pub fn text(&self, field: FieldId) -> Option<Cow<'a, str>> {
        text(&self.event, field)
    }
}

/// The key of a process: by its GUID, or by its pid alone.
fn key(host: &str, guid: Option<Guid>, pid: Option<u32>) -> Option<String> {
    let identity = guid.map(ProcessIdentity::Guid).or_else(|| pid.map(ProcessIdentity::Pid))?;
    Some(ProcessKey { host: host.into(), boot: None, identity }.to_string())
}

fn text<'a>(event: &Event<'a>, field: FieldId) -> Option<Cow<'a, str>> {
    match event.get(field).first()? {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        value => {
            let mut made = String::new();
            value.text(&mut made)?;
            Some(Cow::Owned(made))
        }
    }
}

/// The first of the fields that says something; `-` is how Windows says nothing.
fn first<'a>(event: &Event<'a>, fields: &[Option<FieldId>]) -> Option<Cow<'a, str>> {
    let mut texts = fields.iter().flatten().filter_map(|field| text(event, *field));
    texts.find(|text| !matches!(text.as_ref(), "" | "-"))
}

fn number(event: &Event<'_>, fields: &[Option<FieldId>]) -> Option<u32> {
    first(event, fields).and_then(|text| text.parse().ok())
}

fn guid(event: &Event<'_>, fields: &[Option<FieldId>]) -> Option<Guid> {
    let guid = first(event, fields).and_then(|text| Guid::parse(&text))?;
    (guid.0 != [0; 16]).then_some(guid)
}
