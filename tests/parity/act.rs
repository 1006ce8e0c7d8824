//! What is written down: acts, each in the forms it exists in, and the host they happen on.
//!
//! ```yaml
//! - act: a shell asks who it is
//!   of: {category: process_creation}          # the log source that the forms are compared in
//!   logs:                                     # events of Windows' logs, by the names of host.yaml
//!     sysmon: {id: 1, fields: {Image: 'C:\Windows\System32\whoami.exe'}}
//!     security: {id: 4688, fields: {NewProcessName: 'C:\Windows\System32\whoami.exe'}}
//!   etw:                                      # records, in order; the process of the header; the payload
//!     - {event: Process 1 v4, pid: 4100, fields: {ProcessId: 4242, CommandLine: whoami}}
//! ```
//!
//! A form with a log source of its own says so (`of`). Fields that a payload has and a record does not give
//! are zero, a time is that of the record.

use std::collections::BTreeMap;
use std::path::Path;

use etwatch_event::LogSource;
use serde::Deserialize;
use serde_yaml::Value;

/// The host that all acts happen on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Host {
    pub(crate) computer: String,
    /// When the first record is written; acts happen ten seconds later.
    pub(crate) time: String,
    pub(crate) build: u32,
    /// The NT path of the volume `C:`.
    pub(crate) volume: String,
    pub(crate) logs: BTreeMap<String, Log>,
    /// GUIDs of providers, and of classes of the kernel logger.
    pub(crate) providers: BTreeMap<String, String>,
    pub(crate) classes: BTreeMap<String, String>,
    /// What runs when recording begins.
    pub(crate) processes: Vec<Process>,
    /// What they have loaded.
    pub(crate) modules: Vec<Module>,
}

/// A log of Windows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) provider: String,
    pub(crate) channel: String,
    /// What people call it.
    pub(crate) title: String,
}

/// A process that runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    pub(crate) id: u32,
    pub(crate) parent: u32,
    pub(crate) image: String,
    pub(crate) command: String,
    pub(crate) user: String,
    pub(crate) label: String,
}

/// An image in a process.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Module {
    pub(crate) process: u32,
    pub(crate) base: String,
    pub(crate) size: u32,
    pub(crate) image: String,
}

/// Something that happens once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    pub(crate) act: String,
    pub(crate) of: Of,
    /// By the names of [`Host::logs`].
    #[serde(default)]
    pub(crate) logs: BTreeMap<String, Logged>,
    #[serde(default)]
    pub(crate) etw: Vec<Traced>,
}

/// A log source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Of {
    pub(crate) category: Option<String>,
    pub(crate) service: Option<String>,
}

impl Of {
    pub(crate) fn log_source(&self) -> LogSource {
        LogSource::new(self.category.as_deref(), Some("windows"), self.service.as_deref())
    }
    /// What it is called in tables.
    pub(crate) fn name(&self) -> &str {
        self.category.as_deref().or(self.service.as_deref()).unwrap_or("any")
    }
}

/// An event of a log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logged {
    pub(crate) of: Option<Of>,
    pub(crate) id: u16,
    /// The process of the header, where it says more than that a service wrote the event.
    pub(crate) pid: Option<u32>,
    pub(crate) fields: BTreeMap<String, Value>,
}

/// A record of ETW.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Traced {
    /// Provider or class, id or opcode, version of the layout: `Kernel-Process 1 v3`.
    pub(crate) event: String,
    /// The process and the thread of the header; absent where Windows writes none.
    pub(crate) pid: Option<u32>,
    #[serde(default)]
    pub(crate) tid: u32,
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, Value>,
}

/// The folder of the data.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/parity"))
}

pub(crate) fn host() -> Host {
    let text = std::fs::read_to_string(folder().join("host.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// The acts of each file, in the order of the files' names.
pub(crate) fn acts() -> Vec<Act> {
    let mut acts = Vec::new();
    for path in crate::support::files_under(&folder().join("acts"), ".yaml") {
        let text = std::fs::read_to_string(&path).unwrap();
        let of_file: Vec<Act> = serde_yaml::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        acts.extend(of_file);
    }
    acts
}
