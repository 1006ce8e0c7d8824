//! Processes that run.
//!
//! A handle with few rights tells the image, times, parent and token. The command line comes from the kernel
//! where it tells (class 60, Windows 8.1), else, as the current directory always, from the process's own
//! memory: its environment block (PEB) points to its parameters. That memory is the process's to change, so
//! it is read as hostile: lengths are 16 bits, and what can't be read is unknown.
//!
//! # Source
//! `PEB` and `RTL_USER_PROCESS_PARAMETERS` of winternl.h and public symbols of 64-bit Windows; a process of
//! 32 bits has the 64-bit ones too.

use etwatch_event::Timestamp;
use windows_sys::Wdk::System::Threading::{
    NtQueryInformationProcess, PROCESSINFOCLASS, ProcessBasicInformation,
    ProcessCommandLineInformation,
};
use windows_sys::Win32::Foundation::{ERROR_NO_MORE_FILES, FILETIME};
use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcessId, GetProcessTimes, OpenProcess, PROCESS_ACCESS_RIGHTS,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_VM_READ, QueryFullProcessImageNameW,
};

use crate::error::HostError;
use crate::process::ProcessSnapshot;
use crate::windows::buffer::Buffer;
use crate::windows::handle::{Handle, check, succeeded};
use crate::windows::text::{narrow, until_nul};
use crate::windows::token::Token;

/// Letters in the longest path.
const LONGEST_PATH: usize = 32_768;
/// Most processes that are listed.
const MOST_PROCESSES: usize = 1 << 18;
/// `ProcessTelemetryIdInformation`, Windows 10 and later.
const TELEMETRY_ID: PROCESSINFOCLASS = 64;

/// A process that runs.
pub(super) fn snapshot(pid: u32) -> Result<ProcessSnapshot, HostError> {
    let process = open(pid, PROCESS_QUERY_LIMITED_INFORMATION)?;
    let basic = information(&process, ProcessBasicInformation, 48);
    let mut snapshot = ProcessSnapshot { pid, ..ProcessSnapshot::default() };
    snapshot.image = image(&process);
    [snapshot.start, snapshot.end] = life(&process).unwrap_or_default();
    // The parent's id is the last of six numbers of the size of a pointer.
    let parent = basic.as_ref().and_then(|basic| basic.pointer(5 * size_of::<usize>()));
    snapshot.parent = parent.and_then(|parent| u32::try_from(parent).ok());
    snapshot.sequence = telemetry(&process).and_then(|known| {
        // Only if it is what we take it for: the same process, created at the same time.
        let is_it = known.u32(4) == Some(pid) && known.u64(16) == Some(snapshot.start.filetime());
        is_it.then(|| known.u64(40)).flatten()
    });
    let command_line = information(&process, ProcessCommandLineInformation, 66_000);
    snapshot.command_line = command_line.and_then(|text| text.unicode_string(0));
    if let Ok(token) = Token::of(&process) {
        snapshot.user = token.user();
        snapshot.integrity = token.integrity();
        snapshot.session = token.session();
        snapshot.logon_id = token.logon_id();
    }
    let block = basic.and_then(|basic| basic.pointer(size_of::<usize>()));
    if let Some(parameters) = block.and_then(|block| Parameters::of(pid, block)) {
        snapshot.current_directory = parameters.text(0x38);
        if snapshot.command_line.is_none() {
            snapshot.command_line = parameters.text(0x70);
        }
    }
    Ok(snapshot)
}

/// All processes, by pid; of those that can't be opened, what the list itself has.
pub(super) fn snapshots() -> Result<Vec<ProcessSnapshot>, HostError> {
    // SAFETY: it takes numbers alone.
    let list = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    let list = Handle::new(list)?;
    let length = u32::try_from(size_of::<PROCESSENTRY32W>()).unwrap_or(0);
    let mut entry = PROCESSENTRY32W { dwSize: length, ..PROCESSENTRY32W::default() };
    let mut snapshots = Vec::new();
    // SAFETY: the list is open, and `entry` says its own length and outlives the call.
    let mut result = unsafe { Process32FirstW(list.raw(), &raw mut entry) };
    for _ in 0..MOST_PROCESSES {
        match succeeded(result) {
            Ok(()) => (),
            Err(error) if error.code() == ERROR_NO_MORE_FILES => break,
            Err(error) => return Err(error),
        }
        let pid = entry.th32ProcessID;
        let mut one = snapshot(pid).unwrap_or(ProcessSnapshot { pid, ..Default::default() });
        one.parent = Some(entry.th32ParentProcessID);
        one.image = one.image.or_else(|| Some(until_nul(&entry.szExeFile)));
        snapshots.push(one);
        // SAFETY: as above.
        result = unsafe { Process32NextW(list.raw(), &raw mut entry) };
    }
    snapshots.sort_by_key(|one| one.pid);
    Ok(snapshots)
}

/// The number of this start of Windows, as it tells it of our own process.
pub(super) fn boot_number() -> Option<u32> {
    // SAFETY: it takes nothing and returns a number.
    let pid = unsafe { GetCurrentProcessId() };
    let process = open(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok()?;
    telemetry(&process).filter(|known| known.u32(4) == Some(pid))?.u32(60)
}

fn open(pid: u32, rights: PROCESS_ACCESS_RIGHTS) -> Result<Handle, HostError> {
    // SAFETY: it takes numbers alone.
    Handle::new(unsafe { OpenProcess(rights, 0, pid) })
}

fn image(process: &Handle) -> Option<String> {
    let mut path = vec![0_u16; LONGEST_PATH];
    let mut length = u32::try_from(path.len()).ok()?;
    // SAFETY: the process is open, `path` has room for `length` letters, and all outlive the call.
    let result =
        unsafe { QueryFullProcessImageNameW(process.raw(), 0, path.as_mut_ptr(), &raw mut length) };
    succeeded(result).ok()?;
    Some(until_nul(&path))
}

/// When a process was created and when it ended; the latter is 0 while it runs.
fn life(process: &Handle) -> Option<[Timestamp; 2]> {
    let mut times = [FILETIME::default(); 4];
    let [created, exited, kernel, user] = &mut times;
    // SAFETY: the process is open, and the four times outlive the call.
    let result = unsafe { GetProcessTimes(process.raw(), created, exited, kernel, user) };
    succeeded(result).ok()?;
    let time = |time: &FILETIME| {
        let ticks = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
        Timestamp::from_filetime(ticks)
    };
    Some([time(created), time(exited)])
}

/// What the kernel says of a process in at most `length` bytes.
fn information(process: &Handle, class: PROCESSINFOCLASS, length: u32) -> Option<Buffer> {
    let ask = |buffer| {
        let mut written = 0;
        // SAFETY: the process is open, `buffer` has room for `length` bytes, and all outlive the call.
        let status = unsafe {
            NtQueryInformationProcess(process.raw(), class, buffer, length, &raw mut written)
        };
        check(status).map(|()| written)
    };
    Buffer::filled(usize::try_from(length).ok()?, ask).ok()
}

/// `PROCESS_TELEMETRY_ID_INFORMATION`: its length and the pid in 4 bytes each, start key and times in 8 each
/// (creation at 16), the sequence number at 40, the number of the boot at 60.
fn telemetry(process: &Handle) -> Option<Buffer> {
    information(process, TELEMETRY_ID, 16_384)
}

/// The parameters of a process, in its own memory.
struct Parameters {
    process: Handle,
    address: usize,
}

impl Parameters {
    /// Finds them from the environment block at an address.
    fn of(pid: u32, block: usize) -> Option<Self> {
        if size_of::<usize>() != 8 {
            return None;
        }
        let process = open(pid, PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_VM_READ).ok()?;
        let address = read(&process, block.checked_add(0x20)?, 8)?.pointer(0)?;
        Some(Self { process, address })
    }
    /// The text of the `UNICODE_STRING` at an offset.
    fn text(&self, at: usize) -> Option<String> {
        let string = read(&self.process, self.address.checked_add(at)?, 16)?;
        let length = usize::from(string.u16(0)?);
        if length == 0 {
            return None;
        }
        let letters = read(&self.process, string.pointer(8)?, length)?;
        Some(narrow(letters.bytes(0, length)?.as_chunks::<2>().0))
    }
}

/// Reads exactly `length` bytes of another process.
fn read(process: &Handle, address: usize, length: usize) -> Option<Buffer> {
    let copy = |buffer| {
        let mut written = 0;
        let from = std::ptr::without_provenance(address);
        // SAFETY: `from` is an address of the other process, which the kernel checks; `buffer` has room for
        // `length` bytes, and all outlive the call.
        let result =
            unsafe { ReadProcessMemory(process.raw(), from, buffer, length, &raw mut written) };
        succeeded(result).map(|()| u32::try_from(written).unwrap_or(0))
    };
    Buffer::filled(length, copy).ok()
}
