//! Which thread is of which process, and which processes have had one.
//!
//! Windows starts the first thread of a process from the process that created it, so that thread is in no
//! way remote. Some events name a thread and not its process.

use lru::LruCache;
use serde::{Deserialize, Serialize};

use crate::processes::ProcessId;

/// Threads that are remembered; the one unseen for longest goes first.
const MOST: usize = 16_384;

/// What is kept of threads from one run to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedThreads {
    owners: Vec<(u32, u32)>,
    begun: Vec<ProcessId>,
}

/// The threads of a host.
#[derive(Debug)]
pub(crate) struct Threads {
    owners: LruCache<u32, u32>,
    begun: LruCache<ProcessId, ()>,
    /// Threads that were forgotten for want of room.
    pub(crate) evicted: u64,
}

impl Default for Threads {
    fn default() -> Self {
        // Both grow as they are filled: most hosts of a recording have no threads at all.
        let (owners, begun) = (LruCache::unbounded(), LruCache::unbounded());
        Self { owners, begun, evicted: 0 }
    }
}

impl Threads {
    /// The thread is of this process; true if it is the first that is seen of it.
    pub(crate) fn begin(&mut self, thread: u32, pid: u32, process: Option<ProcessId>) -> bool {
        self.owners.put(thread, pid);
        if self.owners.len() > MOST {
            self.evicted += u64::from(self.owners.pop_lru().is_some());
        }
        process.is_some_and(|process| self.has_begun(process))
    }
    /// The process has a thread; true if it is the first.
    fn has_begun(&mut self, process: ProcessId) -> bool {
        let is_first = self.begun.put(process, ()).is_none();
        if self.begun.len() > MOST {
            self.begun.pop_lru();
        }
        is_first
    }
    /// What is to be kept for another run: threads with their processes, processes that have had one; the one unseen for
    /// longest first.
    pub(crate) fn saved(&self) -> SavedThreads {
        let owners = self.owners.iter().rev().map(|(thread, pid)| (*thread, *pid)).collect();
        let begun = self.begun.iter().rev().map(|(process, ())| *process).collect();
        SavedThreads { owners, begun }
    }
    /// Threads that go on with what was kept.
    pub(crate) fn restored(saved: &SavedThreads) -> Self {
        let mut threads = Self::default();
        for (thread, pid) in &saved.owners {
            threads.begin(*thread, *pid, None);
        }
        for process in &saved.begun {
            threads.has_begun(*process);
        }
        threads.evicted = 0;
        threads
    }
    /// None of them is there any more.
    pub(crate) fn forget_all(&mut self) {
        self.owners.clear();
        self.begun.clear();
    }
    /// The process of a thread.
    pub(crate) fn owner(&self, thread: u32) -> Option<u32> {
        self.owners.peek(&thread).copied()
    }
}
