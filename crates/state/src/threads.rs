//! Which thread is of which process, and which processes have had one.
//!
//! Windows starts the first thread of a process from the process that created it, so that thread is in no
//! way remote. Some events name a thread and not its process.

use lru::LruCache;
use serde::{Deserialize, Serialize};

use crate::bytes::{of_listed, of_listed_entry};
use crate::processes::ProcessId;

/// Threads that are remembered, unless less is asked for; the one unseen for longest goes first. Of processes that have
/// had one there may be as many.
pub(crate) const MOST: usize = 16_384;
/// Bytes of memory for each thread that may be remembered.
pub(crate) const THREAD_BYTES: usize = of_listed_entry(OWNER) + of_listed_entry(BEGUN);

const OWNER: usize = 2 * size_of::<u32>();
const BEGUN: usize = size_of::<ProcessId>();

/// What is kept of threads from one run to the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SavedThreads {
    owners: Vec<(u32, u32)>,
    begun: Vec<ProcessId>,
}

/// The threads of a host.
#[derive(Debug)]
pub(crate) struct Threads {
    most: usize,
    owners: LruCache<u32, u32>,
    begun: LruCache<ProcessId, ()>,
    /// Threads that were forgotten for want of room.
    pub(crate) evicted: u64,
}

impl Threads {
    /// None is known yet, of at most so many.
    pub(crate) fn new(most: usize) -> Self {
        // Both grow as they are filled: most hosts of a recording have no threads at all.
        let (owners, begun) = (LruCache::unbounded(), LruCache::unbounded());
        Self { most, owners, begun, evicted: 0 }
    }
    /// Bytes of memory.
    pub(crate) fn heap_bytes(&self) -> usize {
        of_listed(self.owners.len(), OWNER) + of_listed(self.begun.len(), BEGUN)
    }
    /// The thread is of this process; true if it is the first that is seen of it.
    pub(crate) fn begin(&mut self, thread: u32, pid: u32, process: Option<ProcessId>) -> bool {
        self.owners.put(thread, pid);
        if self.owners.len() > self.most {
            self.evicted += u64::from(self.owners.pop_lru().is_some());
        }
        process.is_some_and(|process| self.has_begun(process))
    }
    /// The process has a thread; true if it is the first.
    fn has_begun(&mut self, process: ProcessId) -> bool {
        let is_first = self.begun.put(process, ()).is_none();
        if self.begun.len() > self.most {
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
    pub(crate) fn restored(most: usize, saved: &SavedThreads) -> Self {
        let mut threads = Self::new(most);
        for (thread, pid) in &saved.owners {
            threads.begin(*thread, *pid, None);
        }
        for process in &saved.begun {
            threads.has_begun(*process);
        }
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
