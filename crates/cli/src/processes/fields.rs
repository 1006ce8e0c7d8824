//! The fields that tell of processes, and how values are read.
//!
//! Names are numbers from the beginning on; a field that no table knows is in no event.

use std::borrow::Cow;

use etwatch_event::{Event, FieldId, FieldTable, Guid, Timestamp, Value};

use crate::processes::Kind;

/// A field, if some table knows it.
pub(crate) type Field = Option<FieldId>;

/// Fields of processes.
#[derive(Debug)]
pub(crate) struct ProcessFields {
    guid: [Field; 3],
    pid: [Field; 2],
    pub(crate) image: [Field; 2],
    pub(crate) user: [Field; 2],
    client_pid: [Field; 3],
    target_guid: [Field; 2],
    target_pid: Field,
    pub(crate) target_image: Field,
    pub(crate) target_user: Field,
    pub(crate) command_line: Field,
    pub(crate) integrity: Field,
    pub(crate) create_time: Field,
    pub(crate) parent_guid: Field,
    pub(crate) parent_pid: Field,
    pub(crate) parent_image: Field,
    pub(crate) parent_command_line: Field,
    pub(crate) parent_user: Field,
}

/// The two names of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Its GUID.
    pub(crate) guid: Option<Guid>,
    /// Its pid.
    pub(crate) pid: Option<u32>,
}

impl ProcessFields {
    /// Those that `table` has.
    pub(crate) fn of(table: &FieldTable) -> Self {
        let id = |name: &str| table.id(name);
        Self {
            guid: [id("ProcessGuid"), id("SourceProcessGuid"), id("SourceProcessGUID")],
            pid: [id("ProcessId"), id("SourceProcessId")],
            image: [id("Image"), id("SourceImage")],
            user: [id("User"), id("SourceUser")],
            client_pid: [id("ClientProcessId"), id("Processid"), id("processid")],
            target_guid: [id("TargetProcessGuid"), id("TargetProcessGUID")],
            target_pid: id("TargetProcessId"),
            target_image: id("TargetImage"),
            target_user: id("TargetUser"),
            command_line: id("CommandLine"),
            integrity: id("IntegrityLevel"),
            create_time: id("CreateTime"),
            parent_guid: id("ParentProcessGuid"),
            parent_pid: id("ParentProcessId"),
            parent_image: id("ParentImage"),
            parent_command_line: id("ParentCommandLine"),
            parent_user: id("ParentUser"),
        }
    }

    /// The GUID of the process that acted; of a start or an end, of the one whose it is.
    pub(crate) fn guid(&self, event: &Event<'_>) -> Option<Guid> {
        self.guid.iter().find_map(|field| guid(event, *field))
    }

    /// The pid of the same. PowerShell's events are written by the process itself; those of WMI by its service,
    /// and name the client.
    pub(crate) fn pid(&self, event: &Event<'_>, kind: Kind) -> Option<u32> {
        let told = match kind {
            Kind::Start | Kind::Rundown | Kind::End => None,
            _ => pid(event, event.layout().role().actor),
        };
        let told = told.or_else(|| self.pid.iter().find_map(|field| pid(event, *field)));
        told.or_else(|| match kind {
            Kind::Script | Kind::Command => pid(event, Some(FieldId::EXECUTION_PROCESS_ID)),
            Kind::WmiOperation => self.client_pid.iter().find_map(|field| pid(event, *field)),
            _ => None,
        })
    }

    /// The process that it was done to.
    pub(crate) fn target(&self, event: &Event<'_>) -> Named {
        Named {
            guid: self.target_guid.iter().find_map(|field| guid(event, *field)),
            pid: pid(event, self.target_pid),
        }
    }

    /// The parent.
    pub(crate) fn parent(&self, event: &Event<'_>) -> Named {
        Named { guid: guid(event, self.parent_guid), pid: pid(event, self.parent_pid) }
    }
}

/// The first value of a field.
fn value<'a>(event: &Event<'a>, field: Field) -> Option<Value<'a>> {
    let values = event.get(field?);
    if !values.is_present() {
        return None;
    }
    // Nearly always there is one, which is at hand.
    values.only().or_else(|| values.first())
}

/// What a field says; `-` is how Windows says nothing.
pub(crate) fn text<'a>(event: &Event<'a>, field: Field) -> Option<Cow<'a, str>> {
    let text = match value(event, field)? {
        Value::Text(text) => Cow::Borrowed(text),
        other => {
            let mut made = String::new();
            other.text(&mut made)?;
            Cow::Owned(made)
        }
    };
    (!matches!(&*text, "" | "-")).then_some(text)
}

/// The first of the fields that says something.
pub(crate) fn first<'a>(event: &Event<'a>, fields: &[Field]) -> Option<Cow<'a, str>> {
    fields.iter().find_map(|field| text(event, *field))
}

/// The number that a field holds, be it text, also in hex.
pub(crate) fn number(event: &Event<'_>, field: Field) -> Option<u64> {
    match value(event, field)? {
        Value::Unsigned(number) | Value::Hex(number) => Some(number),
        Value::Signed(number) => u64::try_from(number).ok(),
        Value::Text(text) => match text.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    }
}

/// A pid; some headers say 0xFFFFFFFF for none.
fn pid(event: &Event<'_>, field: Field) -> Option<u32> {
    let pid = u32::try_from(number(event, field)?).ok()?;
    (pid != u32::MAX).then_some(pid)
}

/// A GUID that names something.
fn guid(event: &Event<'_>, field: Field) -> Option<Guid> {
    let guid = match value(event, field)? {
        Value::Guid(guid) => guid,
        Value::Text(text) => Guid::parse(text)?,
        _ => return None,
    };
    (guid.0 != [0; 16]).then_some(guid)
}

/// A point in time.
pub(crate) fn time(event: &Event<'_>, field: Field) -> Option<Timestamp> {
    match value(event, field)? {
        Value::Time(time) => Some(time),
        Value::Text(text) => Timestamp::parse(text),
        _ => None,
    }
    .filter(|time| time.is_known())
}
