//! This machine, where it is not Windows: files can be read, everything else is not here.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;

use etwatch_event::{Sid, Timestamp};

use crate::error::HostError;
use crate::facts::{FileFacts, FileIdentity};
use crate::file::{LONGEST_HASHED, exports_of, facts_of};
use crate::host::Host;
use crate::pe::Exports;
use crate::process::{Account, Boot, ProcessSnapshot};
use crate::questions::FileQuestions;
use crate::rights::{Answered, Rights};
use crate::volumes::Volumes;

/// The machine this runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalHost;

fn identity(file: &File) -> Result<FileIdentity, HostError> {
    let metadata = file.metadata()?;
    Ok(FileIdentity {
        volume: metadata.dev(),
        file: metadata.ino().into(),
        size: metadata.len(),
        changed: changed(metadata.ctime(), metadata.ctime_nsec()).unwrap_or_default(),
    })
}

/// Seconds since 1970 and nanoseconds as a point in time.
fn changed(seconds: i64, nanoseconds: i64) -> Option<Timestamp> {
    let ticks = seconds.checked_mul(10_000_000)?.checked_add(nanoseconds / 100)?;
    let epoch = Timestamp::UNIX_EPOCH.filetime();
    epoch.checked_add_signed(ticks).map(Timestamp::from_filetime)
}

/// Opens a file that has content; a pipe would hold us up for ever.
fn open(path: &str) -> Result<File, HostError> {
    if std::fs::metadata(path)?.is_file() { Ok(File::open(path)?) } else { Err(HostError::NotHere) }
}

impl LocalHost {
    /// What our process may do.
    ///
    /// # Errors
    /// [`HostError::NotHere`].
    pub fn rights(&self) -> Answered<Rights> {
        Err(HostError::NotHere)
    }
    /// The build of Windows.
    ///
    /// # Errors
    /// [`HostError::NotHere`].
    pub fn windows_build(&self) -> Answered<u32> {
        Err(HostError::NotHere)
    }
    /// The folder of Windows' own programs.
    ///
    /// # Errors
    /// [`HostError::NotHere`].
    pub fn system_folder(&self) -> Answered<String> {
        Err(HostError::NotHere)
    }
    /// Bytes that we may still write to the disk that a folder lies on.
    ///
    /// # Errors
    /// [`HostError::NotHere`].
    pub fn free_bytes(&self, _folder: &str) -> Answered<u64> {
        Err(HostError::NotHere)
    }
}

impl Host for LocalHost {
    fn computer_name(&self) -> Result<String, HostError> {
        Err(HostError::NotHere)
    }
    fn boot(&self) -> Result<Boot, HostError> {
        Err(HostError::NotHere)
    }
    fn volumes(&self) -> Result<Volumes, HostError> {
        Err(HostError::NotHere)
    }
    fn account_of(&self, _sid: Sid<'_>) -> Result<Option<Account>, HostError> {
        Err(HostError::NotHere)
    }
    fn file_identity(&self, path: &str) -> Result<FileIdentity, HostError> {
        identity(&open(path)?)
    }
    fn file_facts(&self, path: &str, wanted: FileQuestions) -> Result<FileFacts, HostError> {
        facts_of(&open(path)?, wanted, LONGEST_HASHED, identity, |_| None)
    }
    fn exports(&self, path: &str) -> Result<Exports, HostError> {
        exports_of(&open(path)?)
    }
    fn process(&self, _pid: u32) -> Result<ProcessSnapshot, HostError> {
        Err(HostError::NotHere)
    }
    fn processes(&self) -> Result<Vec<ProcessSnapshot>, HostError> {
        Err(HostError::NotHere)
    }
}

/// Services, of which there are none.
mod service {
    use std::time::Duration;

    use crate::service::{Body, OnStop, ServiceError, ServiceSettings, ServiceStatus, not_here};

    pub(crate) fn install(settings: &ServiceSettings) -> Result<Vec<&'static str>, ServiceError> {
        Err(not_here(&settings.name))
    }
    pub(crate) fn uninstall(name: &str) -> Result<(), ServiceError> {
        Err(not_here(name))
    }
    pub(crate) fn start(name: &str, _: Duration) -> Result<ServiceStatus, ServiceError> {
        Err(not_here(name))
    }
    pub(crate) fn stop(name: &str, _: Duration) -> Result<ServiceStatus, ServiceError> {
        Err(not_here(name))
    }
    pub(crate) fn status(name: &str) -> Result<ServiceStatus, ServiceError> {
        Err(not_here(name))
    }
    pub(crate) fn run(name: &str, _: OnStop, _: Body) -> Result<(), ServiceError> {
        Err(not_here(name))
    }
}

pub(crate) use service::{install, run, start, status, stop, uninstall};
