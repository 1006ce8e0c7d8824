//! Devices and where they are mounted.
//!
//! Drive letters first: `C:` is a link to `\Device\HarddiskVolume3`. Then all volumes, for those that are
//! mounted in a folder: a volume's name `\\?\Volume{guid}\` is such a link too, and Windows lists its mounts.

use windows_sys::Win32::Foundation::ERROR_NO_MORE_FILES;
use windows_sys::Win32::Storage::FileSystem::{
    FindFirstVolumeW, FindNextVolumeW, FindVolumeClose, GetLogicalDriveStringsW,
    GetVolumePathNamesForVolumeNameW, QueryDosDeviceW,
};

use crate::error::HostError;
use crate::volumes::Volumes;
use crate::windows::handle::{last_error, succeeded};
use crate::windows::text::{list, until_nul, wide};

/// Letters in the longest text or list that is asked for here.
const ROOM: usize = 8_192;
/// Most volumes that are looked at.
const MOST_VOLUMES: usize = 4_096;

pub(super) fn volumes() -> Result<Volumes, HostError> {
    let mut mounts = Vec::new();
    for drive in drives()? {
        let drive = drive.trim_end_matches('\\').to_owned();
        if let Some(device) = device_of(&drive) {
            mounts.push((device, drive));
        }
    }
    // Without the folders, letters are of use still.
    let _ = add_folders(&mut mounts);
    let of_devices = mounts.iter().filter(|(device, _)| device.starts_with(r"\Device\"));
    Ok(Volumes::new(of_devices.map(|(device, mount)| (device.as_str(), mount.as_str()))))
}

/// `C:\`, `D:\` …
fn drives() -> Result<Vec<String>, HostError> {
    let mut letters = vec![0_u16; ROOM];
    // SAFETY: `letters` has room for as many letters as is said, and outlives the call.
    let length = unsafe { GetLogicalDriveStringsW(room(&letters), letters.as_mut_ptr()) };
    if length == 0 {
        return Err(last_error());
    }
    Ok(list(&letters).collect())
}

/// The device that a link of the DOS name space leads to.
fn device_of(link: &str) -> Option<String> {
    let link = wide(link)?;
    let mut letters = vec![0_u16; ROOM];
    // SAFETY: `link` ends with a NUL, `letters` has room for as many letters as is said, and both outlive
    // the call.
    let length = unsafe { QueryDosDeviceW(link.as_ptr(), letters.as_mut_ptr(), room(&letters)) };
    (length > 0).then(|| until_nul(&letters))
}

/// Adds the folders in which volumes are mounted.
fn add_folders(mounts: &mut Vec<(String, String)>) -> Result<(), HostError> {
    let mut letters = vec![0_u16; ROOM];
    // SAFETY: `letters` has room for as many letters as is said, and outlives the call.
    let search = unsafe { FindFirstVolumeW(letters.as_mut_ptr(), room(&letters)) };
    let search = Search(search);
    if search.0 == windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE {
        return Err(last_error());
    }
    for _ in 0..MOST_VOLUMES {
        let volume = until_nul(&letters);
        let link = volume.trim_start_matches(r"\\?\").trim_end_matches('\\');
        if let Some(device) = device_of(link) {
            let folders = folders_of(&volume)?;
            mounts.extend(folders.into_iter().map(|folder| (device.clone(), folder)));
        }
        // SAFETY: `search` is open, and `letters` has room for as many letters as is said.
        let result = unsafe { FindNextVolumeW(search.0, letters.as_mut_ptr(), room(&letters)) };
        match succeeded(result) {
            Ok(()) => (),
            Err(error) if error.code() == ERROR_NO_MORE_FILES => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Where a volume `\\?\Volume{guid}\` is mounted.
fn folders_of(volume: &str) -> Result<Vec<String>, HostError> {
    let Some(volume) = wide(volume) else { return Ok(Vec::new()) };
    let mut letters = vec![0_u16; ROOM];
    let mut length = 0;
    // SAFETY: `volume` ends with a NUL, `letters` has room for as many letters as is said, and all outlive
    // the call.
    let result = unsafe {
        GetVolumePathNamesForVolumeNameW(
            volume.as_ptr(),
            letters.as_mut_ptr(),
            room(&letters),
            &raw mut length,
        )
    };
    succeeded(result)?;
    Ok(list(&letters).collect())
}

fn room(letters: &[u16]) -> u32 {
    u32::try_from(letters.len()).unwrap_or(0)
}

/// A search for volumes.
struct Search(windows_sys::Win32::Foundation::HANDLE);

impl Drop for Search {
    fn drop(&mut self) {
        // SAFETY: the handle is that of `FindFirstVolumeW` (one that is invalid is refused), closed once.
        unsafe { FindVolumeClose(self.0) };
    }
}
