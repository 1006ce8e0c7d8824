//! A host that says what it was told to.
//!
//! Tests tell it in advance what to answer, and ask it afterwards what it was asked. It is as slow as they
//! wish: a question about a file waits until [`FakeClock`] has moved on by the file's delay. Nothing sleeps,
//! so what happens at a deadline is decided by the test alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use etwatch_event::{Clock, Sid};

use crate::error::HostError;
use crate::facts::{FileFacts, FileIdentity};
use crate::host::Host;
use crate::pe::Exports;
use crate::process::{Account, Boot, ProcessSnapshot};
use crate::questions::FileQuestions;
use crate::volumes::Volumes;

/// A clock that stands still until it is moved on.
#[derive(Debug, Default)]
pub struct FakeClock {
    now: Mutex<Duration>,
    moved: Condvar,
}

impl FakeClock {
    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        *locked(&self.now) += by;
        self.moved.notify_all();
    }
    /// Waits until it shows `time`.
    fn wait_for(&self, time: Duration) {
        let now = locked(&self.now);
        drop(self.moved.wait_while(now, |now| *now < time).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Clock for FakeClock {
    fn elapsed(&self) -> Duration {
        *locked(&self.now)
    }
}

/// A file as [`FakeHost`] tells it.
#[derive(Clone, Debug, Default)]
pub struct FakeFile {
    /// All that can be known of it; of this, only what is asked for is told.
    pub facts: FileFacts,
    /// What it exports.
    pub exports: Exports,
    /// How long it takes to find out its facts.
    pub delay: Duration,
}

/// How often what was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FakeCounts {
    /// Accounts of SIDs.
    pub accounts: usize,
    /// Identities of files.
    pub identities: usize,
    /// Facts of files.
    pub facts: usize,
    /// Processes, one or all.
    pub processes: usize,
}

#[derive(Debug, Default)]
struct Told {
    computer_name: Option<String>,
    boot: Option<Boot>,
    volumes: Option<Volumes>,
    accounts: BTreeMap<Vec<u8>, Result<Account, HostError>>,
    files: BTreeMap<String, Result<FakeFile, HostError>>,
    processes: BTreeMap<u32, ProcessSnapshot>,
    counts: FakeCounts,
}

/// A host that says what it was told to; it knows nothing else, and counts what it is asked.
#[derive(Debug, Default)]
pub struct FakeHost {
    told: Mutex<Told>,
    asked: Condvar,
    clock: Arc<FakeClock>,
}

impl FakeHost {
    /// A host that knows nothing, and whose delays `clock` measures.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self { clock, ..Self::default() }
    }
    /// Tells it its name.
    pub fn set_computer_name(&self, name: &str) {
        locked(&self.told).computer_name = Some(name.to_owned());
    }
    /// Tells it when it was started.
    pub fn set_boot(&self, boot: Boot) {
        locked(&self.told).boot = Some(boot);
    }
    /// Tells it its volumes.
    pub fn set_volumes(&self, volumes: Volumes) {
        locked(&self.told).volumes = Some(volumes);
    }
    /// Tells it the account of a SID in binary form, or how asking for it fails.
    pub fn set_account(&self, sid: &[u8], account: Result<Account, HostError>) {
        locked(&self.told).accounts.insert(sid.to_vec(), account);
    }
    /// Tells it a file, or how asking for it fails.
    pub fn set_file(&self, path: &str, file: Result<FakeFile, HostError>) {
        locked(&self.told).files.insert(path.to_owned(), file);
    }
    /// Tells it a process that runs.
    pub fn set_process(&self, process: ProcessSnapshot) {
        locked(&self.told).processes.insert(process.pid, process);
    }
    /// What it was asked so far.
    #[must_use]
    pub fn counts(&self) -> FakeCounts {
        locked(&self.told).counts
    }
    /// Waits until it has been asked for the facts of so many files.
    pub fn wait_for_facts(&self, count: usize) {
        let told = locked(&self.told);
        let asked = self.asked.wait_while(told, |told| told.counts.facts < count);
        drop(asked.unwrap_or_else(PoisonError::into_inner));
    }
    fn file(&self, path: &str, count: impl FnOnce(&mut FakeCounts)) -> Result<FakeFile, HostError> {
        let mut told = locked(&self.told);
        count(&mut told.counts);
        self.asked.notify_all();
        told.files.get(path).cloned().unwrap_or(Err(HostError::Gone { code: 2 }))
    }
}

impl Host for FakeHost {
    fn computer_name(&self) -> Result<String, HostError> {
        locked(&self.told).computer_name.clone().ok_or(HostError::NotHere)
    }
    fn boot(&self) -> Result<Boot, HostError> {
        locked(&self.told).boot.ok_or(HostError::NotHere)
    }
    fn volumes(&self) -> Result<Volumes, HostError> {
        locked(&self.told).volumes.clone().ok_or(HostError::NotHere)
    }
    fn account_of(&self, sid: Sid<'_>) -> Result<Option<Account>, HostError> {
        let mut told = locked(&self.told);
        told.counts.accounts += 1;
        told.accounts.get(sid.0).cloned().transpose()
    }
    fn file_identity(&self, path: &str) -> Result<FileIdentity, HostError> {
        let file = self.file(path, |counts| counts.identities += 1)?;
        Ok(file.facts.identity)
    }
    fn file_facts(&self, path: &str, wanted: FileQuestions) -> Result<FileFacts, HostError> {
        let start = self.clock.elapsed();
        let file = self.file(path, |counts| counts.facts += 1)?;
        self.clock.wait_for(start + file.delay);
        Ok(file.facts.only(wanted))
    }
    fn exports(&self, path: &str) -> Result<Exports, HostError> {
        Ok(self.file(path, |_| ())?.exports)
    }
    fn process(&self, pid: u32) -> Result<ProcessSnapshot, HostError> {
        let mut told = locked(&self.told);
        told.counts.processes += 1;
        told.processes.get(&pid).cloned().ok_or(HostError::Gone { code: 87 })
    }
    fn processes(&self) -> Result<Vec<ProcessSnapshot>, HostError> {
        let mut told = locked(&self.told);
        told.counts.processes += 1;
        Ok(told.processes.values().cloned().collect())
    }
}

/// What a mutex guards; a panic of another thread while it held the lock leaves plain values behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_it_was_told_and_counts_what_it_was_asked() {
        let host = FakeHost::default();
        assert_eq!(host.volumes(), Err(HostError::NotHere));
        assert_eq!(host.account_of(Sid(&[1])), Ok(None));
        host.set_account(&[1], Err(HostError::Other { code: 1789 }));
        assert_eq!(host.account_of(Sid(&[1])), Err(HostError::Other { code: 1789 }));
        host.set_process(ProcessSnapshot { pid: 8, ..ProcessSnapshot::default() });
        assert_eq!(host.process(8).unwrap().pid, 8);
        assert_eq!(host.process(9), Err(HostError::Gone { code: 87 }));
        let expected = FakeCounts { accounts: 2, processes: 2, ..FakeCounts::default() };
        assert_eq!(host.counts(), expected);
    }

    #[test]
    fn it_tells_of_a_file_only_what_is_asked() {
        let host = FakeHost::default();
        let facts = FileFacts {
            answered: FileQuestions::WHOLE_FILE,
            md5: Some([1; 16]),
            sha1: Some([2; 20]),
            sha256: Some([3; 32]),
            ..FileFacts::default()
        };
        host.set_file("C:\\x.exe", Ok(FakeFile { facts, ..FakeFile::default() }));
        let told = host.file_facts("C:\\x.exe", FileQuestions::MD5).unwrap();
        assert_eq!((told.md5, told.sha1, told.answered), (Some([1; 16]), None, FileQuestions::MD5));
        let unknown = host.file_facts("C:\\y.exe", FileQuestions::MD5);
        assert_eq!(unknown, Err(HostError::Gone { code: 2 }));
    }
}
