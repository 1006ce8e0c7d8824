//! What is kept of one process.
//!
//! Several sources speak of the same process. Each value remembers who told it; a better source takes the
//! place of a worse one, and among equals the first stays.

use std::num::{NonZeroU32, NonZeroU64};

use etwatch_event::{Guid, Timestamp};
use serde::{Deserialize, Serialize};

use super::modules::Modules;
use super::slab::NONE;
use super::texts::TextId;

/// Where a value comes from, the least trusted first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Source {
    /// Taken over from the parent when the process started.
    #[default]
    Inherited,
    /// Said in passing by an event that is no start: the image of who acted, the parent of a child.
    Sighting,
    /// An image that was mapped.
    Module,
    /// The kernel's classic event of a start: the command line, but of the image a short name alone.
    Classic,
    /// Security's 4688, and what looks like it.
    Security,
    /// A process that already ran when recording began.
    Rundown,
    /// Kernel-Process: image, exact start, numbers that are never used again, but no command line.
    Manifest,
    /// Sysmon's event 1, which says most.
    Sysmon,
}

impl Source {
    /// A bit of its own in a set of sources.
    pub(super) fn bit(self) -> u8 {
        1 << (self as u8)
    }
    /// Whether it tells of the start of a process, rather than in passing.
    pub(super) fn tells_starts(self) -> bool {
        self > Self::Module && self != Self::Rundown
    }
}

/// The values of a process that are texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Fact {
    Image,
    /// What the kernel calls the process: the first letters of its file's name.
    Name,
    CommandLine,
    User,
    Integrity,
    CurrentDirectory,
    OriginalFileName,
    ParentImage,
    ParentCommandLine,
    ParentUser,
}

impl Fact {
    /// All.
    pub(super) const ALL: [Self; FACTS] = [
        Self::Image,
        Self::Name,
        Self::CommandLine,
        Self::User,
        Self::Integrity,
        Self::CurrentDirectory,
        Self::OriginalFileName,
        Self::ParentImage,
        Self::ParentCommandLine,
        Self::ParentUser,
    ];
}

const FACTS: usize = Fact::ParentUser as usize + 1;

/// The texts of a process, and who told them.
#[derive(Debug, Default)]
pub(super) struct Facts {
    texts: [Option<TextId>; FACTS],
    told_by: [Source; FACTS],
}

impl Facts {
    pub(super) fn get(&self, fact: Fact) -> Option<TextId> {
        self.texts.get(fact as usize).copied().flatten()
    }
    /// Who told it, if anyone did.
    pub(super) fn told_by(&self, fact: Fact) -> Option<Source> {
        self.get(fact)?;
        self.told_by.get(fact as usize).copied()
    }
    /// Whether `source` has something better to say.
    pub(super) fn gives_way(&self, fact: Fact, source: Source) -> bool {
        self.told_by(fact).is_none_or(|by| by < source)
    }
    /// Sets a text; the one before it is returned.
    pub(super) fn set(&mut self, fact: Fact, source: Source, text: TextId) -> Option<TextId> {
        if let Some(by) = self.told_by.get_mut(fact as usize) {
            *by = source;
        }
        self.texts.get_mut(fact as usize)?.replace(text)
    }
    pub(super) fn texts(&self) -> impl Iterator<Item = TextId> {
        self.texts.iter().copied().flatten()
    }
}

/// A value that is no text, and who told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told<T> {
    pub(super) value: Option<T>,
    pub(super) by: Source,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { value: None, by: Source::default() }
    }
}

impl<T> Told<T> {
    /// Takes the value if there is none yet, or none from such a good source; whether it did.
    pub(super) fn tell(&mut self, value: Option<T>, by: Source) -> bool {
        let better = value.is_some() && (self.value.is_none() || self.by < by);
        if better {
            *self = Self { value, by };
        }
        better
    }
}

/// Names a process in its table for as long as the table remembers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ProcessId {
    /// A number that is not 0 and hardly ever that of another process.
    pub(super) fn number(self) -> u32 {
        // Generations of a row rise by one, rows are numbered from 0: an odd factor spreads the former.
        self.index.wrapping_add(self.generation.wrapping_mul(0x9e37_79b1)).max(1)
    }
}

/// One process.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) pid: u32,
    pub(super) is_live: bool,
    /// Whether the start is the kernel's own time and not that of a record.
    pub(super) start_is_exact: bool,
    pub(super) guid_is_recorded: bool,
    pub(super) command_line_is_cut: bool,
    pub(super) modules_are_incomplete: bool,
    /// The sources that told its start, and its end.
    pub(super) started_by: u8,
    pub(super) ended_by: u8,
    /// `UNKNOWN` if no source told it.
    pub(super) start: Timestamp,
    /// The earliest and the latest time at which it is known to have been there.
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
    pub(super) end: Timestamp,
    pub(super) exit_code: Option<u32>,
    pub(super) sequence: Option<NonZeroU64>,
    pub(super) guid: Guid,
    pub(super) parent: Option<ProcessId>,
    pub(super) creator: Option<ProcessId>,
    pub(super) parent_pid: Told<NonZeroU32>,
    pub(super) creator_pid: Option<NonZeroU32>,
    pub(super) logon_id: Told<NonZeroU64>,
    pub(super) logon_guid: Told<Guid>,
    pub(super) session: Told<u32>,
    pub(super) facts: Facts,
    pub(super) modules: Modules,
    /// Rows of the same pid.
    pub(super) newer: u32,
    pub(super) older: u32,
    /// Neighbours in the list of live or of dead rows.
    pub(super) before: u32,
    pub(super) after: u32,
}

/// A sentinel: there is one for each process.
const _: () = assert!(size_of::<Row>() <= 272);

impl Row {
    pub(super) fn new(pid: u32, guid: Guid, start: Timestamp, first_seen: Timestamp) -> Self {
        Self {
            pid,
            is_live: true,
            start_is_exact: false,
            guid_is_recorded: false,
            command_line_is_cut: false,
            modules_are_incomplete: false,
            started_by: 0,
            ended_by: 0,
            start,
            first_seen,
            last_seen: first_seen,
            end: Timestamp::UNKNOWN,
            exit_code: None,
            sequence: None,
            guid,
            parent: None,
            creator: None,
            parent_pid: Told::default(),
            creator_pid: None,
            logon_id: Told::default(),
            logon_guid: Told::default(),
            session: Told::default(),
            facts: Facts::default(),
            modules: Modules::default(),
            newer: NONE,
            older: NONE,
            before: NONE,
            after: NONE,
        }
    }
    /// Takes note that it was there at `time`.
    pub(super) fn was_there(&mut self, time: Timestamp) {
        if time.is_known() {
            self.first_seen = self.first_seen.min(time);
        }
    }
    /// Since when it is known to have been there.
    pub(super) fn since(&self) -> Timestamp {
        if self.start.is_known() { self.start } else { self.first_seen }
    }
}
