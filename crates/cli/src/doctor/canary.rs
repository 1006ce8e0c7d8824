//! Which act shows in which log source, by what it is recognised there, and what rules need to be told of it.
//!
//! A row says: when this act was done, an event of this log source must come in which this field holds this mark,
//! and in it these fields must have a value. They are those that most rules of the log source look at
//! (docs/fields.md tells of each where it comes from).

use crate::doctor::act::{Act, Done, SENT, host_name};
use crate::doctor::seen::Seen;

/// By what an event is known to be about an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The field holds the token of this run.
    Token,
    /// The field is the name that was looked up.
    HostName,
    /// The field is the id of a process that the act started.
    Process,
    /// The field is the port of the connection.
    Port,
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canary {
    pub(crate) act: Act,
    /// The category, as rules name it.
    pub(crate) log_source: &'static str,
    /// The field with the mark.
    pub(crate) field: &'static str,
    pub(crate) mark: Mark,
    /// Fields that must have a value.
    pub(crate) required: &'static [&'static str],
}

const fn row(
    act: Act,
    log_source: &'static str,
    (field, mark): (&'static str, Mark),
    required: &'static [&'static str],
) -> Canary {
    Canary { act, log_source, field, mark, required }
}

/// The rows, by act.
pub(crate) const CANARIES: [Canary; 12] = [
    row(
        Act::Child,
        "process_creation",
        ("CommandLine", Mark::Token),
        &["Image", "CommandLine", "ParentImage", "ProcessId", "ParentProcessId", "User"],
    ),
    row(Act::Child, "process_termination", ("ProcessId", Mark::Process), &["Image"]),
    row(Act::Child, "image_load", ("ProcessId", Mark::Process), &["ImageLoaded", "Image"]),
    row(Act::File, "file_event", ("TargetFilename", Mark::Token), &["Image"]),
    row(Act::File, "file_rename", ("TargetFilename", Mark::Token), &["SourceFilename"]),
    row(Act::File, "file_delete", ("TargetFilename", Mark::Token), &["Image"]),
    row(Act::Registry, "registry_add", ("TargetObject", Mark::Token), &["EventType", "Image"]),
    row(
        Act::Registry,
        "registry_set",
        ("TargetObject", Mark::Token),
        &["EventType", "Details", "Image"],
    ),
    row(Act::Registry, "registry_delete", ("TargetObject", Mark::Token), &["EventType", "Image"]),
    row(
        Act::Connection,
        "network_connection",
        ("DestinationPort", Mark::Port),
        &["DestinationIp", "SourceIp", "SourcePort", "Protocol", "Initiated", "Image"],
    ),
    row(Act::DnsQuery, "dns_query", ("QueryName", Mark::HostName), &["QueryStatus", "Image"]),
    row(Act::PowerShell, "ps_script", ("ScriptBlockText", Mark::Token), &["ScriptBlockId"]),
];

impl Canary {
    /// Whether an event is about this act.
    pub(crate) fn is_in(&self, seen: &Seen, token: &str, done: &Done) -> bool {
        let Some(text) = seen.text(self.field) else { return false };
        match self.mark {
            Mark::Token => text.contains(token),
            Mark::HostName => text.eq_ignore_ascii_case(&host_name(token)),
            Mark::Process => seen
                .number(self.field)
                .is_some_and(|id| done.pids.iter().any(|pid| u64::from(*pid) == id)),
            Mark::Port => seen.number(self.field) == done.port.map(u64::from),
        }
    }
}

/// Bytes that a connection sends, for questions about their counts.
pub(crate) const BYTES_SENT: u64 = SENT as u64;
