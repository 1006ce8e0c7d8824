//! Processes: the class Process, and Kernel-Process 1, 2 and 15.

use etwatch_event::{Record, Sid, Timestamp};

use super::provider::Provider;
use super::{Context, value};

/// What happened to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessOperation {
    /// It starts.
    #[default]
    Start,
    /// It has ended.
    End,
    /// It is there when recording begins.
    RundownStart,
    /// It is there when recording ends.
    RundownEnd,
    /// Its end begins.
    Terminate,
    /// It has ended, but its object is still held.
    Defunct,
}

/// A process starts, ends, or is there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessEvent<'a> {
    /// Its header; on a start the process there is the real creator.
    pub context: Context,
    /// What happened.
    pub operation: ProcessOperation,
    /// The process.
    pub process_id: u32,
    /// The parent that the creator named; not always the creator.
    pub parent_id: Option<u32>,
    /// The session of Terminal Services.
    pub session_id: Option<u32>,
    /// The status it ended with (`NTSTATUS` or the program's own number).
    pub exit_status: Option<u32>,
    /// When it was created.
    pub create_time: Option<Timestamp>,
    /// When it ended.
    pub exit_time: Option<Timestamp>,
    /// Its user.
    pub user: Option<Sid<'a>>,
    /// Its integrity level, `S-1-16-…`.
    pub mandatory_label: Option<Sid<'a>>,
    /// Classic events and ends: the name without its folder, cut to about 15 letters. Kernel-Process: the
    /// whole NT path.
    pub image_name: Option<&'a str>,
    /// The command line.
    pub command_line: Option<&'a str>,
    /// The package it belongs to.
    pub package_full_name: Option<&'a str>,
    /// The application within its package.
    pub application_id: Option<&'a str>,
    /// An address that is unique among the processes that live.
    pub unique_process_key: Option<u64>,
    /// Windows' number of it, not used twice while the system runs.
    pub sequence_number: Option<u64>,
    /// Windows' number of its parent.
    pub parent_sequence_number: Option<u64>,
    /// Physical address of its page table.
    pub directory_table_base: Option<u64>,
    /// Flags: 1 application id, 2 WOW64, 4 protected, 8 packaged.
    pub flags: Option<u32>,
    /// `TOKEN_ELEVATION_TYPE`: 1 default, 2 full, 3 limited.
    pub elevation_type: Option<u32>,
}

impl<'a> ProcessEvent<'a> {
    /// What `record` says, if it is about a process.
    pub(super) fn of(
        provider: Provider,
        number: u16,
        context: Context,
        record: &Record<'a>,
    ) -> Option<Self> {
        let operation = operation(provider, number)?;
        let mut event = Self { context, operation, ..Self::default() };
        let mut process_id = None;
        for (name, value) in record.fields() {
            match name {
                "ProcessId" | "ProcessID" => process_id = value::number32(value),
                "ParentId" | "ParentProcessID" | "ParentProcessId" => {
                    event.parent_id = value::number32(value);
                }
                "SessionId" | "SessionID" => event.session_id = value::number32(value),
                "ExitStatus" | "ExitCode" => event.exit_status = value::status(value),
                "CreateTime" => event.create_time = value::time(value),
                "ExitTime" => event.exit_time = value::time(value),
                "UserSID" => event.user = value::sid(value),
                "MandatoryLabel" => event.mandatory_label = value::sid(value),
                "ImageFileName" | "ImageName" => event.image_name = value::text(value),
                "CommandLine" => event.command_line = value::text(value),
                "PackageFullName" => event.package_full_name = value::text(value),
                "ApplicationId" | "PackageRelativeAppId" => {
                    event.application_id = value::text(value);
                }
                "UniqueProcessKey" => event.unique_process_key = value::number(value),
                "ProcessSequenceNumber" => event.sequence_number = value::number(value),
                "ParentProcessSequenceNumber" => {
                    event.parent_sequence_number = value::number(value);
                }
                "DirectoryTableBase" | "PageDirectoryBase" => {
                    event.directory_table_base = value::number(value);
                }
                "Flags" => event.flags = value::number32(value),
                "ProcessTokenElevationType" | "TokenElevationType" => {
                    event.elevation_type = value::number32(value);
                }
                _ => {}
            }
        }
        event.process_id = process_id?;
        Some(event)
    }
}

fn operation(provider: Provider, number: u16) -> Option<ProcessOperation> {
    match (provider, number) {
        (Provider::Process | Provider::KernelProcess, 1) => Some(ProcessOperation::Start),
        (Provider::Process | Provider::KernelProcess, 2) => Some(ProcessOperation::End),
        (Provider::Process, 3) | (Provider::KernelProcess, 15) => {
            Some(ProcessOperation::RundownStart)
        }
        (Provider::Process, 4) => Some(ProcessOperation::RundownEnd),
        (Provider::Process, 11) => Some(ProcessOperation::Terminate),
        (Provider::Process, 39) => Some(ProcessOperation::Defunct),
        _ => None,
    }
}
