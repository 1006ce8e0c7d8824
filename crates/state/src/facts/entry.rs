//! What is counted of one process.

use etwatch_event::Timestamp;

use super::table::Fact;
use crate::processes::ProcessId;
use crate::processes::texts::{TextId, Texts};

/// Different things of one kind that are told apart, of a process; beyond, a count means "at least".
pub const MOST: usize = 1_024;

/// Hashes of different things, sorted.
#[derive(Debug, Default)]
pub(super) struct Distinct(Vec<u64>);

/// What became of a thing that was to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    New,
    Known,
    /// There are as many as may be.
    Refused,
}

impl Distinct {
    pub(super) fn add(&mut self, hash: u64) -> Added {
        let Err(place) = self.0.binary_search(&hash) else { return Added::Known };
        if self.0.len() >= MOST {
            return Added::Refused;
        }
        self.0.insert(place, hash);
        Added::New
    }
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
    pub(super) fn hashes(&self) -> &[u64] {
        &self.0
    }
    /// The first hashes that there is room for.
    pub(super) fn of(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        hashes.truncate(MOST);
        Self(hashes)
    }
    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

/// The counts of one process.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) owner: ProcessId,
    /// Before this, something may have been forgotten.
    pub(super) floor: Timestamp,
    pub(super) remote_threads: u32,
    pub(super) unbacked_threads: u32,
    pub(super) sensitive_handles: u32,
    pub(super) files_written: u32,
    pub(super) children: u32,
    /// Whether it was counted as a child: two logs may tell the same start.
    pub(super) is_counted: bool,
    /// The thread that started in it last, and when: two providers may tell the same.
    pub(super) last_thread: (u32, Timestamp),
    /// The file that it wrote last.
    pub(super) last_file: u64,
    pub(super) bytes_out: u64,
    pub(super) bytes_in: u64,
    pub(super) unsigned: Distinct,
    pub(super) user_writable: Distinct,
    pub(super) endpoints: Distinct,
    pub(super) names: Vec<TextId>,
}

/// A sentinel: there is one for each process.
const _: () = assert!(size_of::<Entry>() <= 192);

impl Entry {
    pub(super) fn new(owner: ProcessId, floor: Timestamp) -> Self {
        Self {
            owner,
            floor,
            remote_threads: 0,
            unbacked_threads: 0,
            sensitive_handles: 0,
            files_written: 0,
            children: 0,
            is_counted: false,
            last_thread: (0, Timestamp::UNKNOWN),
            last_file: 0,
            bytes_out: 0,
            bytes_in: 0,
            unsigned: Distinct::default(),
            user_writable: Distinct::default(),
            endpoints: Distinct::default(),
            names: Vec::new(),
        }
    }
    /// Bytes of its lists.
    pub(super) fn heap_bytes(&self) -> usize {
        let hashes = [&self.unsigned, &self.user_writable, &self.endpoints];
        let hashes: usize = hashes.into_iter().map(Distinct::heap_bytes).sum();
        hashes + self.names.capacity() * size_of::<TextId>()
    }
    /// The count that a fact is; none for those that are no counts.
    pub(super) fn count(&self, fact: Fact) -> u64 {
        let distinct = |set: &Distinct| u64::try_from(set.len()).unwrap_or(u64::MAX);
        match fact {
            Fact::UnsignedImages => distinct(&self.unsigned),
            Fact::UserWritableImages => distinct(&self.user_writable),
            Fact::Endpoints => distinct(&self.endpoints),
            Fact::RemoteThreads => self.remote_threads.into(),
            Fact::UnbackedThreads => self.unbacked_threads.into(),
            Fact::SensitiveHandles => self.sensitive_handles.into(),
            Fact::FilesWritten => self.files_written.into(),
            Fact::Children => self.children.into(),
            Fact::BytesOut => self.bytes_out,
            Fact::BytesIn => self.bytes_in,
            Fact::Age | Fact::ImageNames | Fact::CreatorDiffers => 0,
        }
    }
    /// Forgets what was counted for a fact.
    pub(super) fn clear(&mut self, fact: Fact, texts: &mut Texts) {
        match fact {
            Fact::UnsignedImages => self.unsigned = Distinct::default(),
            Fact::UserWritableImages => self.user_writable = Distinct::default(),
            Fact::Endpoints => self.endpoints = Distinct::default(),
            Fact::RemoteThreads => self.remote_threads = 0,
            Fact::UnbackedThreads => self.unbacked_threads = 0,
            Fact::SensitiveHandles => self.sensitive_handles = 0,
            Fact::FilesWritten => self.files_written = 0,
            Fact::Children => self.children = 0,
            Fact::BytesOut => self.bytes_out = 0,
            Fact::BytesIn => self.bytes_in = 0,
            Fact::ImageNames => {
                let names = std::mem::take(&mut self.names);
                names.into_iter().for_each(|name| texts.release(name));
            }
            Fact::Age | Fact::CreatorDiffers => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_counts_once_and_a_full_set_stays_as_it_is() {
        let mut set = Distinct::default();
        assert_eq!([set.add(7), set.add(3), set.add(7)], [Added::New, Added::New, Added::Known]);
        for hash in 100..2_000 {
            set.add(hash);
        }
        assert_eq!((set.len(), set.add(5_000), set.add(100)), (MOST, Added::Refused, Added::Known));
    }
}
