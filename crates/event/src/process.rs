//! Who a process is, across its life and beyond.
//!
//! A pid is reused within seconds on a busy host, so a process is named by host, boot and
//! something that Windows gives only once: its sequence number, or its pid together with its
//! start. Sysmon's `ProcessGuid`, where a recording has one, is such a name already.

use std::fmt;

use crate::time::Timestamp;
use crate::value::Guid;

/// Names one process of one host for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessKey {
    /// The host, folded to lower case.
    pub host: Box<str>,
    /// Number of the boot, where it is known (Windows' `BootId`).
    pub boot: Option<u32>,
    /// What is unique on that host in that boot.
    pub identity: ProcessIdentity,
}

/// What makes a process unique on its host, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProcessIdentity {
    /// `ProcessSequenceNumber` of Kernel-Process events (Windows 10 1903 and later).
    Sequence(u64),
    /// Sysmon's `ProcessGuid`.
    Guid(Guid),
    /// Pid with start time (100 ns units).
    Started {
        /// The process id.
        pid: u32,
        /// When it started.
        start: Timestamp,
    },
    /// The pid alone: all that is known, and not unique in time.
    Pid(u32),
}

impl fmt::Display for ProcessKey {
    /// `host:boot:identity`, the boot being left out where it is unknown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.host)?;
        if let Some(boot) = self.boot {
            write!(f, "{boot}:")?;
        }
        match self.identity {
            ProcessIdentity::Sequence(number) => write!(f, "sequence-{number}"),
            ProcessIdentity::Guid(guid) => write!(f, "{guid}"),
            ProcessIdentity::Started { pid, start } => write!(f, "{pid}@{start}"),
            ProcessIdentity::Pid(pid) => write!(f, "{pid}"),
        }
    }
}
