//! The machine itself: its name, its version, when it was started, room on its disks, whom a SID names.

use etwatch_event::{Sid, Timestamp};
use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SystemTimeOfDayInformation,
};
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::Foundation::{
    ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_SID, ERROR_NONE_MAPPED,
};
use windows_sys::Win32::Security::LookupAccountSidW;
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;
use windows_sys::Win32::System::SystemInformation::{
    ComputerNameDnsFullyQualified, GetComputerNameExW, GetSystemDirectoryW, OSVERSIONINFOW,
};

use crate::error::HostError;
use crate::process::Account;
use crate::windows::buffer::Buffer;
use crate::windows::handle::{check, last_error, succeeded};
use crate::windows::text::{until_nul, wide};

/// Longest name of a machine, account or domain in letters; Windows allows 256.
const LONGEST_NAME: u32 = 1_024;

pub(super) fn computer_name() -> Result<String, HostError> {
    let mut name = [0_u16; LONGEST_NAME as usize];
    let mut length = LONGEST_NAME;
    // SAFETY: `name` has room for `length` letters, and both outlive the call.
    let result = unsafe {
        GetComputerNameExW(ComputerNameDnsFullyQualified, name.as_mut_ptr(), &raw mut length)
    };
    succeeded(result)?;
    Ok(until_nul(&name))
}

/// When the machine was started: the first number of `SYSTEM_TIMEOFDAY_INFORMATION`.
pub(super) fn boot_time() -> Result<Timestamp, HostError> {
    const LENGTH: u32 = 48;
    let information = Buffer::filled(LENGTH as usize, |buffer| {
        let mut written = 0;
        // SAFETY: `buffer` has room for `LENGTH` bytes, and both outlive the call.
        let status = unsafe {
            NtQuerySystemInformation(SystemTimeOfDayInformation, buffer, LENGTH, &raw mut written)
        };
        check(status).map(|()| written)
    })?;
    information.u64(0).map(Timestamp::from_filetime).ok_or(HostError::NotHere)
}

/// The account of a SID. May ask a domain controller, which takes its time.
pub(super) fn account_of(sid: Sid<'_>) -> Result<Option<Account>, HostError> {
    let Sid(bytes) = sid;
    let count = bytes.get(1).copied().unwrap_or(0);
    if bytes.first() != Some(&1) || count > 15 || bytes.len() != 8 + 4 * usize::from(count) {
        return Err(HostError::Other { code: ERROR_INVALID_SID });
    }
    // Aligned as the structure wants it.
    let (words, _) = bytes.as_chunks::<4>();
    let mut words: Vec<u32> = words.iter().map(|word| u32::from_ne_bytes(*word)).collect();
    let [mut name, mut domain] = [[0_u16; LONGEST_NAME as usize]; 2];
    let [mut name_length, mut domain_length] = [LONGEST_NAME; 2];
    let mut kind = 0;
    // SAFETY: `words` holds a SID of exactly the length that its count tells, both texts have room for as
    // many letters as is said, and all outlive the call. A null system is this one.
    let result = unsafe {
        LookupAccountSidW(
            std::ptr::null(),
            words.as_mut_ptr().cast(),
            name.as_mut_ptr(),
            &raw mut name_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    };
    match succeeded(result) {
        Ok(()) => Ok(Some(Account { domain: until_nul(&domain), name: until_nul(&name) })),
        Err(error) => match error.code() {
            ERROR_NONE_MAPPED => Ok(None),
            // A name that no Windows gives.
            code @ ERROR_INSUFFICIENT_BUFFER => Err(HostError::Other { code }),
            _ => Err(error),
        },
    }
}

/// The build of Windows, as the kernel tells it whatever a program says it was made for.
pub(super) fn windows_build() -> Result<u32, HostError> {
    let length = u32::try_from(size_of::<OSVERSIONINFOW>()).unwrap_or(0);
    let mut version = OSVERSIONINFOW { dwOSVersionInfoSize: length, ..OSVERSIONINFOW::default() };
    // SAFETY: `version` says its own length and outlives the call.
    check(unsafe { RtlGetVersion(&raw mut version) })?;
    Ok(version.dwBuildNumber)
}

/// Bytes that we may still write to the disk that a folder lies on.
pub(super) fn free_bytes(folder: &str) -> Result<u64, HostError> {
    let folder = wide(folder).ok_or(HostError::Other { code: 0 })?;
    let mut free = 0;
    // SAFETY: `folder` ends with a NUL, `free` outlives the call, and null stands for what is not asked.
    let result = unsafe {
        GetDiskFreeSpaceExW(
            folder.as_ptr(),
            &raw mut free,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    };
    succeeded(result)?;
    Ok(free)
}

/// The folder of Windows' own programs.
pub(super) fn system_folder() -> Result<String, HostError> {
    let mut letters = [0_u16; LONGEST_NAME as usize];
    // SAFETY: `letters` has room for as many letters as is said, and outlives the call.
    let length = unsafe { GetSystemDirectoryW(letters.as_mut_ptr(), LONGEST_NAME) };
    match length {
        0 => Err(last_error()),
        // It would be that long, and is not there.
        length if length >= LONGEST_NAME => {
            Err(HostError::Other { code: ERROR_INSUFFICIENT_BUFFER })
        }
        _ => Ok(until_nul(&letters)),
    }
}
