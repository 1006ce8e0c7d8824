//! What one event says of a process.
//!
//! The table works with parts alone and knows no providers. Which source an event is from shows in what it
//! says: Sysmon gives a `ProcessGuid`, Kernel-Process a `CreateTime` or a sequence number, a classic event of
//! ETW neither, and a recorded event without all of these is Security's 4688 or like it.
//!
//! Recordings spell the same value in many ways (`0x1a4c`, `"6732"`, a number); here they become one. A text
//! that says that there is none (`-`, empty) is none.

use etwatch_event::{Activity, Event, FieldId, Guid, Shape, Timestamp, Value};

use crate::fields::{field_numbers, guid, number};

use super::row::Source;
use super::texts::said;

/// What an event says of one process; what it does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessPart<'a> {
    /// Who says it.
    pub source: Source,
    /// The process id.
    pub pid: u32,
    /// The id of the parent that the creator named.
    pub parent_pid: Option<u32>,
    /// The id of the process that really created it (the header's, ETW alone).
    pub creator_pid: Option<u32>,
    /// When it started, by the kernel's own account.
    pub created: Option<Timestamp>,
    /// Windows' number of the process, never used again until the next boot.
    pub sequence: Option<u64>,
    /// The same of the parent.
    pub parent_sequence: Option<u64>,
    /// Sysmon's name of the process.
    pub guid: Option<Guid>,
    /// The same of the parent.
    pub parent_guid: Option<Guid>,
    /// Path of the image.
    pub image: Option<&'a str>,
    /// The first letters of the name of the image's file, where there is no path.
    pub name: Option<&'a str>,
    /// The command line.
    pub command_line: Option<&'a str>,
    /// The account, by name or as a SID.
    pub user: Option<&'a str>,
    /// Number of the logon session.
    pub logon_id: Option<u64>,
    /// Sysmon's name of the logon session.
    pub logon_guid: Option<Guid>,
    /// Number of the terminal session.
    pub session: Option<u32>,
    /// Integrity level.
    pub integrity: Option<&'a str>,
    /// The folder it was started in.
    pub current_directory: Option<&'a str>,
    /// The file name in the image's version resource.
    pub original_file_name: Option<&'a str>,
    /// Path of the parent's image.
    pub parent_image: Option<&'a str>,
    /// Command line of the parent.
    pub parent_command_line: Option<&'a str>,
    /// Account of the parent.
    pub parent_user: Option<&'a str>,
}

/// What an event says of the end of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessEnd {
    /// Who says it.
    pub source: Source,
    /// The process id.
    pub pid: u32,
    /// When the process started.
    pub created: Option<Timestamp>,
    /// Windows' number of the process.
    pub sequence: Option<u64>,
    /// Sysmon's name of the process.
    pub guid: Option<Guid>,
    /// What it returned.
    pub exit_code: Option<u32>,
}

/// Which of the processes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Whose {
    /// The one that did it: `ProcessId`, `Image` …
    Actor,
    /// The one that did it to another: `SourceProcessId`, `SourceImage` …
    Source,
    /// The one that it was done to: `TargetProcessId`, `TargetImage` …
    Target,
}

field_numbers! {
    /// Numbers of the fields that tell of processes.
    pub struct ProcessFields;
    pub(super) fields:
    pid = "ProcessId",
    parent_pid = "ParentProcessId",
    created = "CreateTime",
    sequence = "ProcessSequenceNumber",
    parent_sequence = "ParentProcessSequenceNumber",
    guid = "ProcessGuid",
    parent_guid = "ParentProcessGuid",
    image = "Image",
    name = "ImageFileName",
    command_line = "CommandLine",
    user = "User",
    logon_id = "LogonId",
    logon_guid = "LogonGuid",
    session = "TerminalSessionId",
    integrity = "IntegrityLevel",
    current_directory = "CurrentDirectory",
    original_file_name = "OriginalFileName",
    parent_image = "ParentImage",
    parent_command_line = "ParentCommandLine",
    parent_user = "ParentUser",
    exit_code = "ExitCode",
    source_pid = "SourceProcessId",
    source_guid = "SourceProcessGuid",
    source_guid_of_access = "SourceProcessGUID",
    source_image = "SourceImage",
    source_user = "SourceUser",
    target_pid = "TargetProcessId",
    target_guid = "TargetProcessGuid",
    target_guid_of_access = "TargetProcessGUID",
    target_image = "TargetImage",
    target_user = "TargetUser",
}

impl<'a> ProcessPart<'a> {
    /// What a start or rundown says of the process; `None` for other events, and without a process id.
    /// `scratch` takes the text of a user that the event has as a SID.
    pub fn of(event: &Event<'a>, fields: &ProcessFields, scratch: &'a mut String) -> Option<Self> {
        let is_rundown = match event.layout().role().activity {
            Activity::ProcessStart => false,
            Activity::ProcessRundown => true,
            _ => return None,
        };
        let mut part = Self {
            source: if is_rundown { Source::Rundown } else { source(event, fields) },
            pid: pid(event, fields.pid)?,
            parent_pid: pid(event, fields.parent_pid),
            created: time(event, fields.created),
            sequence: sequence(event, fields.sequence),
            parent_sequence: sequence(event, fields.parent_sequence),
            guid: guid(event, fields.guid),
            parent_guid: guid(event, fields.parent_guid),
            image: text(event, fields.image),
            name: text(event, fields.name),
            command_line: text(event, fields.command_line),
            logon_id: number(event, fields.logon_id).filter(|id| *id != 0),
            logon_guid: guid(event, fields.logon_guid),
            session: number(event, fields.session).and_then(|id| u32::try_from(id).ok()),
            integrity: text(event, fields.integrity),
            current_directory: text(event, fields.current_directory),
            original_file_name: text(event, fields.original_file_name),
            parent_image: text(event, fields.parent_image),
            parent_command_line: text(event, fields.parent_command_line),
            parent_user: text(event, fields.parent_user),
            user: event.get(fields.user).first().and_then(|user| user.text(scratch)).and_then(said),
            ..Self::default()
        };
        if matches!(part.source, Source::Classic | Source::Manifest) {
            part.creator_pid = pid(event, FieldId::EXECUTION_PROCESS_ID);
        }
        Some(part)
    }

    /// What an event that is no start says in passing of one of its processes: id, Sysmon's name, image and
    /// user. `None` without a process id.
    #[must_use]
    pub fn sighting(event: &Event<'a>, fields: &ProcessFields, whose: Whose) -> Option<Self> {
        let f = fields;
        let (id, guids, image, user) = match whose {
            Whose::Actor => (f.pid, [f.guid, f.guid], f.image, f.user),
            Whose::Source => {
                let guids = [f.source_guid, f.source_guid_of_access];
                (f.source_pid, guids, f.source_image, f.source_user)
            }
            Whose::Target => {
                let guids = [f.target_guid, f.target_guid_of_access];
                (f.target_pid, guids, f.target_image, f.target_user)
            }
        };
        Some(Self {
            source: Source::Sighting,
            pid: pid(event, id)?,
            guid: guids.iter().find_map(|field| guid(event, *field)),
            image: text(event, image),
            user: text(event, user),
            ..Self::default()
        })
    }

    /// Path of the image and the short name: what a classic event says without a folder is no image, under
    /// whatever field it comes.
    pub(super) fn image_and_name(&self) -> (Option<&'a str>, Option<&'a str>) {
        let is_short = |image: &str| !image.contains(['\\', '/']);
        match self.image {
            Some(image) if self.source == Source::Classic && is_short(image) => {
                (None, self.name.or(self.image))
            }
            image => (image, self.name),
        }
    }

    /// When the process started, as far as the event tells, whose own time is `time`: a rundown's own time
    /// says nothing of it.
    pub(super) fn started(&self, time: Timestamp) -> Timestamp {
        match self.created {
            Some(created) => created,
            None if self.source.tells_starts() => time,
            None => Timestamp::UNKNOWN,
        }
    }
}

impl ProcessEnd {
    /// What the end of a process says; `None` for other events, and without a process id.
    #[must_use]
    pub fn of(event: &Event<'_>, fields: &ProcessFields) -> Option<Self> {
        if event.layout().role().activity != Activity::ProcessEnd {
            return None;
        }
        Some(Self {
            source: source(event, fields),
            pid: pid(event, fields.pid)?,
            created: time(event, fields.created),
            sequence: sequence(event, fields.sequence),
            guid: guid(event, fields.guid),
            exit_code: number(event, fields.exit_code).and_then(|code| u32::try_from(code).ok()),
        })
    }
}

fn source(event: &Event<'_>, fields: &ProcessFields) -> Source {
    let has = |field| event.get(field).is_present();
    if guid(event, fields.guid).is_some() {
        Source::Sysmon
    } else if has(fields.created) || has(fields.sequence) {
        Source::Manifest
    } else if event.origin().shape == Shape::Etw {
        Source::Classic
    } else {
        Source::Security
    }
}

fn text<'a>(event: &Event<'a>, field: FieldId) -> Option<&'a str> {
    event.text(field).and_then(said)
}

/// A process id; the idle process and "unknown" (all bits set) are none.
fn pid(event: &Event<'_>, field: FieldId) -> Option<u32> {
    number(event, field).and_then(|id| u32::try_from(id).ok()).filter(|id| is_process(*id))
}

/// Whether a process can be told by this id.
pub(super) fn is_process(pid: u32) -> bool {
    pid != 0 && pid != u32::MAX
}

fn sequence(event: &Event<'_>, field: FieldId) -> Option<u64> {
    number(event, field).filter(|number| *number != 0)
}

fn time(event: &Event<'_>, field: FieldId) -> Option<Timestamp> {
    let time = match event.get(field).first()? {
        Value::Time(time) => Some(time),
        Value::Text(text) => Timestamp::parse(text),
        _ => None,
    };
    time.filter(|time| time.is_known())
}
