//! The processes of recordings, as their events tell of them: who started whom, when, and who did what.
//!
//! Events are taken in the order of time. Each names the process that acted, by its GUID where there is one,
//! else by host and pid:
//!
//! ```text
//! event ─▶ host ─▶ GUID ──known──────────────────────────▶ process
//!                   │  └─new─▶ who had the pid, if it has no GUID and may be the same ┐
//!                   └─none───▶ who had the pid last and has not ended ────────────────┴─▶ process, or a new one
//! ```
//!
//! A start without a GUID is a new process, unless one with its pid and image started within [`table::JOINED`]:
//! two logs may tell of one start. What is known of a process grows, and what was said first stays. A process
//! that is only spoken of (a parent, a target, one that acts) has an unknown start.
//!
//! A process takes some 200 bytes and its command line. There are [`table::MOST`] of them at most and
//! [`texts::BUDGET`] bytes of text; what is beyond is counted.
//!
//! | module | holds |
//! |---|---|
//! | [`kinds`] | what an event is about, by its log sources |
//! | [`fields`] | the fields that tell of processes, and how values are read |
//! | [`hosts`] | hosts by number |
//! | [`texts`] | texts that many processes share, within a budget |
//! | [`table`] | all processes |
//! | [`show`] | how processes and times are written for people and programs |

pub(crate) mod fields;
pub(crate) mod hosts;
pub(crate) mod kinds;
pub(crate) mod show;
pub(crate) mod table;
pub(crate) mod texts;

use std::sync::Arc;

use etwatch_event::{Guid, Timestamp};

pub(crate) use kinds::Kind;
pub(crate) use table::Processes;

/// Form of the output of commands that tell of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The flags for it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct FormatFlags {
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl FormatFlags {
    /// What is asked for.
    pub(crate) fn format(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Number of a process in [`Processes`], in the order in which they were first spoken of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProcessIndex(u32);

impl ProcessIndex {
    /// The number as an index.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    /// Number of its host.
    pub(crate) host: u32,
    /// Its pid.
    pub(crate) pid: Option<u32>,
    /// Its GUID.
    pub(crate) guid: Option<Guid>,
    /// Path of its image.
    pub(crate) image: Option<Arc<str>>,
    /// Its command line.
    pub(crate) command_line: Option<Arc<str>>,
    /// The account it runs as.
    pub(crate) user: Option<Arc<str>>,
    /// Its integrity level.
    pub(crate) integrity: Option<Arc<str>>,
    /// When it started, if that was recorded.
    pub(crate) start: Option<Timestamp>,
    /// When it ended, if that was recorded.
    pub(crate) end: Option<Timestamp>,
    /// When it was first and last spoken of.
    pub(crate) first: Timestamp,
    /// The same.
    pub(crate) last: Timestamp,
    /// Who started it.
    pub(crate) parent: Option<ProcessIndex>,
    /// Who had its pid before.
    pub(crate) previous: Option<ProcessIndex>,
}

impl Process {
    /// When it started, or else was first spoken of.
    pub(crate) fn since(&self) -> Timestamp {
        self.start.unwrap_or(self.first)
    }
    /// The name of its image's file; empty if the image is not known.
    pub(crate) fn file_name(&self) -> &str {
        file_name(self.image.as_deref().unwrap_or_default())
    }
}

/// The last part of a path of Windows.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit('\\').next().unwrap_or(path)
}

/// What an event told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Touched {
    /// What it is about.
    pub(crate) kind: Kind,
    /// The process that acted; of a start or an end, whose it is.
    pub(crate) actor: Option<ProcessIndex>,
    /// The process that it was done to.
    pub(crate) target: Option<ProcessIndex>,
    /// Of a start, who started it.
    pub(crate) parent: Option<ProcessIndex>,
}
