//! Who is and was running on a host.
//!
//! A process is told by several sources, each of which knows a part: the kernel's classic event has the
//! command line and a SID, Kernel-Process the image's path and exact times, Security's 4688 names, a rundown
//! what ran before. [`ProcessTable::start`] puts the parts together. Two parts are of one process if they
//! have the same sequence number or recorded GUID, else if they have the same pid and start within 50 ms:
//!
//! ```text
//! 9:00.000 classic   pid 672  "cmd.exe /c whoami", S-1-5-18      ─┐
//! 9:00.001 manifest  pid 672  C:\Windows\System32\cmd.exe        ─┴─▶ one row
//! 9:04.200 classic   pid 672  "ping ::1"                         ─── another: the pid was used again
//! ```
//!
//! A value gives way only to one from a better source ([`Source`]). A start of a pid whose process still
//! lives ends that one. A process that ended goes to the *graveyard*, where late events and children still
//! find it; [`ProcessTable::at`] finds the process that had a pid at a time: the one that lived then, else
//! the one whose life is nearest, from 50 ms before its start until [`Limits::grace`] after its end. A pid
//! that acts though no start was seen gets a row with the start unknown, so that what is learned of it later
//! (its image by an image load, its parent's names by a child's event) has a place.
//!
//! Ids begin anew when Windows is started: from then on, none finds a process of before. Names are names for ever.
//!
//! Parent and creator are kept apart: the parent is what the creator claimed. Links hold the generation of a
//! row, so that one whose row was given away leads nowhere.
//!
//! Everything is bounded, whatever a recording claims, and every operation takes constant time on average.
//! For want of room the oldest dead go first, then modules, then the live row that was seen longest ago.
//! This is not by lineage: a host has thousands of live processes, so the bound on live rows is met only by
//! a log without ends, and there the rows seen longest ago are those that ended unseen. One pid keeps at most
//! [`MOST_OF_PID`] dead rows. What went is counted.
//!
//! | file | holds |
//! |---|---|
//! | `part` | what one event says |
//! | `life` | starts, joins, ends |
//! | `lineage` | parents and creators |
//! | `images` | images mapped into a process |
//! | `process` | what can be asked |
//! | `room` | what goes when there is no more room |
//! | `saved` | what is kept from one run to the next |

mod images;
mod index;
mod life;
mod lineage;
mod modules;
mod part;
mod process;
mod room;
mod row;
mod saved;
pub(crate) mod slab;
pub(crate) mod texts;
mod time;

use std::time::Duration;

use etwatch_event::{Guid, Timestamp};

use crate::bytes::of_entry;
use crate::facts::{FactLimits, FactTable};
use index::{Index, List, Pid, Sequence};
use modules::Modules;
use row::Row;
use slab::Slab;
use texts::Texts;

pub use life::Started;
pub use modules::Module;
pub use part::{ProcessEnd, ProcessFields, ProcessPart, Whose};
pub use process::{MOST_ANCESTORS, Process};
pub use row::{ProcessId, Source};
pub(crate) use saved::SavedProcesses;

/// Dead rows of one pid that are kept.
pub const MOST_OF_PID: usize = 8;

/// Bytes of a host's name that are kept; a name in the DNS has no more than 255.
const HOST_BYTES: usize = 256;

/// How much a table may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Rows of living processes.
    pub live: usize,
    /// Rows in the graveyard.
    pub dead: usize,
    /// Images mapped into all processes together.
    pub modules: usize,
    /// Images mapped into one process, and images of the kernel.
    pub modules_of_process: usize,
    /// Bytes of memory for all of them.
    pub module_bytes: usize,
    /// Different texts.
    pub text_count: usize,
    /// Bytes of all texts together, each being counted once.
    pub texts: usize,
    /// Bytes of one text; what is longer is cut. Windows' longest command line has 32,767 letters.
    pub text: usize,
    /// How long after its end a process is still found for an event with its pid.
    pub grace: Duration,
    /// What may be counted of processes, see [`crate::facts`].
    pub facts: FactLimits,
}

impl Limits {
    pub(crate) const BUILT_IN: Self = Self {
        live: 131_072,
        dead: 32_768,
        modules: 1 << 20,
        modules_of_process: 4_096,
        module_bytes: 32 << 20,
        text_count: 1 << 20,
        texts: 128 << 20,
        text: 32 << 10,
        grace: Duration::from_secs(60),
        facts: FactLimits::BUILT_IN,
    };
}

impl Default for Limits {
    /// Those that are built in.
    fn default() -> Self {
        Self::BUILT_IN
    }
}

/// Bytes of memory for each process that may be known, beside its texts and images.
pub(crate) const ROW_BYTES: usize = Slab::<Row>::PLACE + 3 * of_entry(size_of::<u32>());

/// What a table holds, and what happened to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of living processes.
    pub live: usize,
    /// Rows in the graveyard.
    pub dead: usize,
    /// Images mapped into all processes together.
    pub modules: usize,
    /// Starts and rundowns of a process that had a row already.
    pub joined: u64,
    /// Processes that were ended by the start of another with their pid.
    pub reused_pids: u64,
    /// Rows that were made without a known start.
    pub starts_unknown: u64,
    /// Rows of living processes that went for want of room.
    pub evicted_live: u64,
    /// Rows of the graveyard that went for want of room.
    pub evicted_dead: u64,
    /// Images that were forgotten for want of room.
    pub evicted_modules: u64,
    /// Texts that were too long and were cut.
    pub cut_texts: u64,
}

/// The processes of one host.
#[derive(Debug)]
pub struct ProcessTable {
    host: Box<str>,
    limits: Limits,
    rows: Slab<Row>,
    texts: Texts,
    by_pid: Index<Pid>,
    by_guid: Index<Guid>,
    by_sequence: Index<Sequence>,
    /// By when they were seen last.
    live: List,
    /// By when they ended.
    dead: List,
    kernel: Modules,
    /// When Windows was started last, as far as was told.
    booted: Timestamp,
    /// What is counted of them, see [`crate::facts`].
    pub(crate) facts: FactTable,
    counts: Counts,
    /// Bytes of the images of all rows.
    module_bytes: usize,
}

impl ProcessTable {
    /// An empty table for a host, whose name is kept in lower case, up to 256 bytes.
    #[must_use]
    pub fn new(host: &str, limits: Limits) -> Self {
        Self {
            host: texts::cut(host, HOST_BYTES).0.to_lowercase().into(),
            limits,
            rows: Slab::default(),
            texts: Texts::default(),
            by_pid: Index::default(),
            by_guid: Index::default(),
            by_sequence: Index::default(),
            live: List::default(),
            dead: List::default(),
            kernel: Modules::default(),
            booted: Timestamp::UNKNOWN,
            facts: FactTable::new(limits.facts),
            counts: Counts::default(),
            module_bytes: 0,
        }
    }
    /// The host's name in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The process with this id, unless its row was given away.
    #[must_use]
    pub fn get(&self, id: ProcessId) -> Option<Process<'_>> {
        if self.rows.generation(id.index) != id.generation {
            return None;
        }
        self.view(id.index)
    }
    /// The process that had this pid at this time; with an unknown time, the newest that had it.
    #[must_use]
    pub fn at(&self, pid: u32, time: Timestamp) -> Option<Process<'_>> {
        self.view(self.index_at(pid, time)?)
    }
    /// The process with this name, be it recorded or made (see [`Process::guid`]).
    #[must_use]
    pub fn by_guid(&self, guid: &Guid) -> Option<Process<'_>> {
        self.view(self.by_guid.find(*guid, &self.rows)?)
    }
    /// The process with this number of Windows, the newest if there were several (in several boots).
    #[must_use]
    pub fn by_sequence(&self, sequence: u64) -> Option<Process<'_>> {
        self.view(self.by_sequence.find(Sequence(sequence), &self.rows)?)
    }

    /// When Windows was started last, as far as [`ProcessTable::boot`] was told.
    #[must_use]
    pub fn booted(&self) -> Timestamp {
        self.booted
    }

    /// What the table holds, and what happened to it.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { live: self.live.len, dead: self.dead.len, ..self.counts }
    }
    /// Bytes of memory that the table takes with what is counted of its processes, but for what an allocator adds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let indexes =
            self.by_pid.heap_bytes() + self.by_guid.heap_bytes() + self.by_sequence.heap_bytes();
        let others = self.module_bytes() + self.facts.heap_bytes();
        self.rows.heap_bytes() + self.texts.heap_bytes() + indexes + others
    }
    /// Bytes of all images.
    fn module_bytes(&self) -> usize {
        self.module_bytes + self.kernel.heap_bytes()
    }
    /// Changes the images of a row, and counts them anew.
    fn change_modules<T>(
        &mut self,
        index: u32,
        change: impl FnOnce(&mut Row, &mut Texts) -> T,
    ) -> Option<T> {
        let row = self.rows.get_mut(index)?;
        let before = (row.modules.len(), row.modules.heap_bytes());
        let result = change(row, &mut self.texts);
        self.counts.modules = self.counts.modules + row.modules.len() - before.0;
        self.module_bytes = self.module_bytes + row.modules.heap_bytes() - before.1;
        Some(result)
    }

    fn view(&self, index: u32) -> Option<Process<'_>> {
        let row = self.rows.get(index)?;
        Some(Process { table: self, row, id: self.id(index) })
    }
    fn id(&self, index: u32) -> ProcessId {
        ProcessId { index, generation: self.rows.generation(index) }
    }
    /// The rows of a pid, newest first.
    fn rows_of(&self, pid: u32) -> impl Iterator<Item = (u32, &Row)> {
        let mut next = self.by_pid.find(Pid(pid), &self.rows);
        std::iter::from_fn(move || {
            let index = next?;
            let row = self.rows.get(index)?;
            next = Some(row.older);
            Some((index, row))
        })
    }
    fn index_at(&self, pid: u32, time: Timestamp) -> Option<u32> {
        if !time.is_known() {
            return self.by_pid.find(Pid(pid), &self.rows);
        }
        let grace = time::ticks(self.limits.grace);
        let mut nearest: Option<(u64, u32)> = None;
        for (index, row) in self.rows_of(pid) {
            if row.since() < self.booted && time >= self.booted {
                continue;
            }
            let Some(distance) = distance(row, time, grace) else { continue };
            if distance == 0 {
                return Some(index);
            }
            if nearest.is_none_or(|(least, _)| distance < least) {
                nearest = Some((distance, index));
            }
        }
        nearest.map(|(_, index)| index)
    }
}

/// How far `time` lies outside of a process's life, in 100 ns units; `None` if it is too far.
fn distance(row: &Row, time: Timestamp, grace: u64) -> Option<u64> {
    let (at, since) = (time.filetime(), row.since().filetime());
    if at >= since {
        let after = if row.is_live { 0 } else { at.saturating_sub(row.end.filetime()) };
        return (after <= grace).then_some(after);
    }
    let before = since - at;
    let is_possible = !row.start.is_known() || before <= time::TOLERANCE;
    is_possible.then_some(before)
}

#[cfg(test)]
mod tests;
