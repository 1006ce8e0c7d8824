//! This machine, by Win32.
//!
//! All `unsafe` of the crate lies below this folder, and little of it follows a pointer of Windows: what
//! Windows writes goes to buffers of ours, and structures in them are read as bytes with every offset
//! checked ([`buffer`]). What is left are calls whose arguments are argued beside them.
//!
//! | module | asks Windows about |
//! |---|---|
//! | [`system`] | its name, version and start, room on disks, accounts |
//! | [`volume`] | devices and where they are mounted |
//! | [`file`] | the identity of an open file |
//! | [`signature`] | Authenticode, in the file or by a catalogue |
//! | [`process`], [`token`] | processes and on whose behalf they run |
//! | [`rights`] | what our own token lets us do |
//! | [`registry`] | a key of our own, policies |
//! | [`service`] | its services, and to be one |
//! | [`handle`], [`buffer`], [`text`] | – what these are made of |
#![expect(unsafe_code, reason = "the one home of calls to Win32")]

mod buffer;
mod file;
mod handle;
mod process;
pub(crate) mod registry;
mod rights;
mod service;
mod signature;
mod system;
mod text;
mod token;
mod volume;

use etwatch_event::Sid;

use crate::error::HostError;
use crate::facts::{FileFacts, FileIdentity};
use crate::file::{LONGEST_HASHED, exports_of, facts_of};
use crate::host::Host;
use crate::pe::Exports;
use crate::process::{Account, Boot, ProcessSnapshot};
use crate::questions::FileQuestions;
use crate::rights::{Answered, Rights};
use crate::volumes::Volumes;
pub(crate) use service::{install, run, start, status, stop, uninstall};

/// The machine this runs on.
///
/// Files of other machines are "not here": to open `\\server\share\x` would show our credentials to whoever
/// runs that server, and a path in an event is of an attacker's choosing.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalHost;

impl LocalHost {
    /// What our process may do.
    ///
    /// # Errors
    /// The reason why Windows did not tell.
    pub fn rights(&self) -> Answered<Rights> {
        rights::rights()
    }
    /// The build of Windows: 26100 is Windows 11 24H2.
    ///
    /// # Errors
    /// The reason why Windows did not tell.
    pub fn windows_build(&self) -> Answered<u32> {
        system::windows_build()
    }
    /// The folder of Windows' own programs: `C:\\Windows\\System32`.
    ///
    /// # Errors
    /// The reason why Windows did not tell.
    pub fn system_folder(&self) -> Answered<String> {
        system::system_folder()
    }
    /// Bytes that we may still write to the disk that a folder lies on.
    ///
    /// # Errors
    /// [`HostError::Gone`] if there is no such folder, else the reason why Windows did not tell.
    pub fn free_bytes(&self, folder: &str) -> Answered<u64> {
        system::free_bytes(folder)
    }
}

impl Host for LocalHost {
    fn computer_name(&self) -> Result<String, HostError> {
        system::computer_name()
    }
    fn boot(&self) -> Result<Boot, HostError> {
        let time = system::boot_time()?;
        Ok(Boot { number: process::boot_number(), time })
    }
    fn volumes(&self) -> Result<Volumes, HostError> {
        volume::volumes()
    }
    fn account_of(&self, sid: Sid<'_>) -> Result<Option<Account>, HostError> {
        system::account_of(sid)
    }
    fn file_identity(&self, path: &str) -> Result<FileIdentity, HostError> {
        file::identity(&file::open(path)?)
    }
    fn file_facts(&self, path: &str, wanted: FileQuestions) -> Result<FileFacts, HostError> {
        let opened = file::open(path)?;
        let signature = |file: &_| signature::of(file, path);
        facts_of(&opened, wanted, LONGEST_HASHED, file::identity, signature)
    }
    fn exports(&self, path: &str) -> Result<Exports, HostError> {
        exports_of(&file::open(path)?)
    }
    fn process(&self, pid: u32) -> Result<ProcessSnapshot, HostError> {
        process::snapshot(pid)
    }
    fn processes(&self) -> Result<Vec<ProcessSnapshot>, HostError> {
        process::snapshots()
    }
}

#[cfg(test)]
mod tests;
