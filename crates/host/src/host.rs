//! What can be asked of a host.
//!
//! One trait, so that everything behind it can be told in advance: [`crate::FakeHost`] in tests,
//! [`crate::LocalHost`] on the machine itself. Each call asks the operating system and may take long (an
//! account of a domain: seconds; a file on a share: for ever), so none is made on a thread that events wait
//! for; [`crate::FactsPool`] does that for files.

use etwatch_event::Sid;

use crate::error::HostError;
use crate::facts::{FileFacts, FileIdentity};
use crate::pe::Exports;
use crate::process::{Account, Boot, ProcessSnapshot};
use crate::questions::FileQuestions;
use crate::volumes::Volumes;

/// A host that can be asked. Paths are those a person knows (`C:\…`), not the kernel's.
///
/// # Errors
/// Every call gives [`HostError::NotHere`] where the system has no such thing, and otherwise the reason
/// why the host did not tell.
pub trait Host: Send + Sync {
    /// The machine's name, as events have it: the DNS name if it has one.
    fn computer_name(&self) -> Result<String, HostError>;
    /// This start of the machine.
    fn boot(&self) -> Result<Boot, HostError>;
    /// Which device is mounted where.
    fn volumes(&self) -> Result<Volumes, HostError>;
    /// The account of a SID; `None` if Windows knows none.
    fn account_of(&self, sid: Sid<'_>) -> Result<Option<Account>, HostError>;
    /// Which content a path leads to now. The file's content is not read.
    fn file_identity(&self, path: &str) -> Result<FileIdentity, HostError>;
    /// What is asked about a file, and of which content it is true. Only what is `wanted` is worked out.
    fn file_facts(&self, path: &str, wanted: FileQuestions) -> Result<FileFacts, HostError>;
    /// What an image exports, to name the function that an address of it is.
    fn exports(&self, path: &str) -> Result<Exports, HostError>;
    /// A process that runs, or that has ended and is still open to somebody.
    fn process(&self, pid: u32) -> Result<ProcessSnapshot, HostError>;
    /// All processes that run, by pid.
    fn processes(&self) -> Result<Vec<ProcessSnapshot>, HostError>;
}
