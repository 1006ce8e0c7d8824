//! What an event tells of a process: the section, the action, its object, and a detail.
//!
//! Most kinds of events are rows of [`FORMS`]: the first field that says something is the object, and the same
//! for the detail. What needs more than that (another process, a remote end, PowerShell) has a function.

use std::borrow::Cow;
use std::net::IpAddr;

use etwatch_event::{Activity, Event, FieldId, FieldTable};

use super::powershell::{called, defined, first_line};
use super::story::{Passed, Remote, Section, Story, Told};
use crate::processes::fields::{Field, first, number, text};
use crate::processes::show::named;
use crate::processes::{Kind, Processes, Touched};

/// A kind of event, its section and action, the fields of its object and of its detail.
type Form = (Kind, Section, &'static str, &'static [&'static str], &'static [&'static str]);

const FILE: &[&str] = &["TargetFilename"];
const KEY: &[&str] = &["TargetObject"];

const FORMS: &[Form] = &[
    (Kind::Dns, Section::Dns, "lookup", &["QueryName"], &["QueryResults", "QueryStatus"]),
    (Kind::Module, Section::Modules, "load", &["ImageLoaded"], &["Signature", "SignatureStatus"]),
    (Kind::FileCreated, Section::Files, "create", FILE, &[]),
    (Kind::FileDeleted, Section::Files, "delete", FILE, &[]),
    (Kind::FileRenamed, Section::Files, "rename", FILE, &["SourceFilename"]),
    (Kind::FileTime, Section::Files, "set time", FILE, &["CreationUtcTime"]),
    (Kind::Stream, Section::Files, "create stream", FILE, &["Contents"]),
    (Kind::Executable, Section::Files, "create executable", FILE, &["Hashes"]),
    (Kind::RawDisk, Section::Files, "read disk", &["Device"], &[]),
    (Kind::KeyCreated, Section::Registry, "create", KEY, &[]),
    (Kind::RegistryDeleted, Section::Registry, "delete", KEY, &["EventType"]),
    (Kind::ValueSet, Section::Registry, "set", KEY, &["Details"]),
    (Kind::RegistryRenamed, Section::Registry, "rename", KEY, &["NewName"]),
    (Kind::Registry, Section::Registry, "change", KEY, &["EventType"]),
    (Kind::Pipe, Section::Pipes, "use", &["PipeName"], &["EventType"]),
    (
        Kind::WmiSubscription,
        Section::Wmi,
        "subscription",
        &["Destination", "Query", "Consumer", "Name"],
        &["EventType"],
    ),
    (
        Kind::WmiOperation,
        Section::Wmi,
        "operation",
        &["Commandline", "Query", "MethodName", "Operation", "CONSUMER"],
        &["ClassName", "NamespaceName", "Namespace"],
    ),
    (Kind::Tampering, Section::Tampering, "image", &["Type"], &[]),
];

/// What stands for an object of which the event does not tell.
const NOT_TOLD: &str = "not told";
/// Ids (of classic events: opcodes) of Kernel-Network's events of data that was sent.
const SENT: &[u64] = &[10, 26, 42, 58];
/// The same for data that was received.
const RECEIVED: &[u64] = &[11, 27, 43, 59];

/// A form by the numbers of its fields.
#[derive(Debug)]
struct NumberedForm {
    kind: Kind,
    section: Section,
    action: &'static str,
    object: Vec<Field>,
    detail: Vec<Field>,
}

/// The forms and further fields, by number.
#[derive(Debug)]
pub(super) struct ActFields {
    forms: Vec<NumberedForm>,
    access: Field,
    start: [Field; 3],
    script: Field,
    path: Field,
    payload: Field,
    protocol: Field,
    initiated: Field,
    size: Field,
    /// Address, port and name of either end.
    source: [Field; 3],
    destination: [Field; 3],
}

/// Whether bytes pass.
fn is_passing(activity: Activity) -> bool {
    matches!(activity, Activity::Send | Activity::Receive)
}

impl ActFields {
    /// Those that `table` has.
    pub(super) fn of(table: &FieldTable) -> Self {
        let id = |name: &str| table.id(name);
        let ids = |names: &[&str]| names.iter().map(|name| table.id(name)).collect();
        let forms = FORMS.iter().map(|(kind, section, action, object, detail)| NumberedForm {
            kind: *kind,
            section: *section,
            action,
            object: ids(object),
            detail: ids(detail),
        });
        Self {
            forms: forms.collect(),
            access: id("GrantedAccess"),
            start: ["StartModule", "StartFunction", "StartAddress"].map(id),
            script: id("ScriptBlockText"),
            path: id("Path"),
            payload: id("Payload"),
            protocol: id("Protocol"),
            initiated: id("Initiated"),
            size: id("size"),
            source: ["SourceIp", "SourcePort", "SourceHostname"].map(id),
            destination: ["DestinationIp", "DestinationPort", "DestinationHostname"].map(id),
        }
    }
}

/// An event, and what is known of the processes that it is about.
pub(super) struct Telling<'t, 'e> {
    pub(super) event: &'t Event<'e>,
    pub(super) touched: Touched,
    pub(super) fields: &'t ActFields,
    pub(super) processes: &'t Processes,
}

impl Telling<'_, '_> {
    fn told<'s>(
        &self,
        section: Section,
        action: &'static str,
        object: &'s str,
        detail: Option<&'s str>,
    ) -> Told<'s> {
        Told { section, action, object, detail, time: self.event.time() }
    }

    /// The story of the process that acted.
    pub(super) fn actor(&self, story: &mut Story, room: &mut usize) {
        let Self { event, fields, .. } = self;
        let activity = event.layout().role().activity;
        match self.touched.kind {
            // They are told by the head of the story.
            Kind::Start | Kind::Rundown | Kind::End => {}
            Kind::Connection => self.connection(story, room),
            _ if is_passing(activity) || activity == Activity::Disconnection => {
                self.connection(story, room);
            }
            Kind::RemoteThread => {
                let start = self.thread_start();
                let target = self.process(self.touched.target);
                let told = self.told(Section::Threads, "into", &target, start.as_deref());
                story.add(told, room);
            }
            Kind::Access => {
                let target = self.process(self.touched.target);
                let access = text(event, fields.access);
                let told = self.told(Section::Accesses, "open", &target, access.as_deref());
                story.add(told, room);
            }
            Kind::Script => self.script(story, room),
            Kind::Command => self.command(story, room),
            Kind::Other => {
                let provider = text(event, Some(FieldId::PROVIDER_NAME)).unwrap_or_default();
                let id = text(event, Some(FieldId::EVENT_ID)).unwrap_or_default();
                let object = format!("{provider} {id}");
                story.add(self.told(Section::Other, "event", object.trim(), None), room);
            }
            kind => self.form(kind, story, room),
        }
    }

    /// The story of the process that it was done to.
    pub(super) fn target(&self, story: &mut Story, room: &mut usize) {
        let Self { event, fields, .. } = self;
        let actor = self.process(self.touched.actor);
        match self.touched.kind {
            Kind::RemoteThread => {
                let start = self.thread_start();
                story.add(self.told(Section::Threads, "from", &actor, start.as_deref()), room);
            }
            Kind::Access => {
                let access = text(event, fields.access);
                let told = self.told(Section::Accesses, "opened by", &actor, access.as_deref());
                story.add(told, room);
            }
            _ => story.add(self.told(Section::Other, "done to it", &actor, None), room),
        }
    }

    /// The story of the process that started another.
    pub(super) fn parent(&self, story: &mut Story, room: &mut usize) {
        let child = self.process(self.touched.actor);
        let process = self.touched.actor.and_then(|child| self.processes.get(child));
        let command_line = process.and_then(|process| process.command_line.as_deref());
        story.add(self.told(Section::Children, "start", &child, command_line), room);
    }

    fn process(&self, index: Option<crate::processes::ProcessIndex>) -> String {
        match index.and_then(|index| self.processes.get(index)) {
            Some(process) => named(process.image.as_deref(), process.pid),
            None => NOT_TOLD.to_owned(),
        }
    }

    fn form(&self, kind: Kind, story: &mut Story, room: &mut usize) {
        let Some(form) = self.fields.forms.iter().find(|form| form.kind == kind) else { return };
        let object = first(self.event, &form.object);
        let detail = first(self.event, &form.detail);
        let object = object.as_deref().unwrap_or(NOT_TOLD);
        story.add(self.told(form.section, form.action, object, detail.as_deref()), room);
    }

    /// Where a thread begins: module and function, else the address.
    fn thread_start(&self) -> Option<Cow<'_, str>> {
        let [module, function, address] = self.fields.start.map(|field| text(self.event, field));
        match (module, function) {
            (Some(module), Some(function)) => Some(format!("{module}!{function}").into()),
            (Some(module), None) => Some(module),
            _ => address,
        }
    }

    fn script(&self, story: &mut Story, room: &mut usize) {
        let Self { event, fields, .. } = self;
        let script = text(event, fields.script).unwrap_or_default();
        let path = text(event, fields.path);
        let object = path.as_deref().unwrap_or_else(|| first_line(&script));
        story.add(self.told(Section::PowerShell, "script", object, None), room);
        for name in defined(&script) {
            story.add(self.told(Section::PowerShell, "define", name, path.as_deref()), room);
        }
    }

    fn command(&self, story: &mut Story, room: &mut usize) {
        let payload = text(self.event, self.fields.payload).unwrap_or_default();
        let mut names = called(&payload).peekable();
        if names.peek().is_none() {
            story.add(self.told(Section::PowerShell, "call", first_line(&payload), None), room);
        }
        for name in names {
            story.add(self.told(Section::PowerShell, "call", name, None), room);
        }
    }

    /// The source is the end that began. Where it is not told who did, it is this side, but for a datagram
    /// that was received, whose source sent it.
    fn connection(&self, story: &mut Story, room: &mut usize) {
        let Self { event, fields, .. } = self;
        let transfer = is_passing(event.layout().role().activity);
        let bytes = number(event, fields.size).filter(|_| transfer).unwrap_or(0);
        let is = |ids: &[u64]| {
            let says = |field| number(event, Some(field)).is_some_and(|id| ids.contains(&id));
            transfer && (says(FieldId::EVENT_ID) || says(FieldId::OPCODE))
        };
        let (sent, received) = (is(SENT), is(RECEIVED));
        let protocol = text(event, fields.protocol);
        let protocol = protocol.as_deref().unwrap_or("unknown protocol").to_lowercase();
        let initiated = text(event, fields.initiated).map(|text| text.eq_ignore_ascii_case("true"));
        let outward = initiated.unwrap_or(!(received && protocol == "udp"));
        let ends = (fields.source, fields.destination);
        let (local, remote) = if outward { ends } else { (ends.1, ends.0) };
        let [address, port, name] = remote;
        let parsed = text(event, address).and_then(|text| text.parse::<IpAddr>().ok());
        let Some(address) = parsed else {
            let told = self.told(Section::Connections, "connection", NOT_TOLD, None);
            return story.add(told, room);
        };
        let address = address.to_canonical();
        let port_of = |field| number(event, field).and_then(|port| u16::try_from(port).ok());
        let (port, [_, local_port, _]) = (port_of(port).unwrap_or(0), local);
        let name = text(event, name);
        let is_connection = self.touched.kind == Kind::Connection;
        let passed = Passed {
            name: name.as_deref(),
            made: is_connection && outward,
            accepted: port_of(local_port).filter(|_| is_connection && !outward),
            sent: if sent { bytes } else { 0 },
            received: if received { bytes } else { 0 },
        };
        let remote = Remote { protocol: protocol.into(), address, port };
        story.add_flow(&remote, passed, event.time(), room);
    }
}
