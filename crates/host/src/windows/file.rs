//! Files of this machine, and which content an open one is.

use std::fs::File;
use std::os::windows::io::AsRawHandle as _;

use etwatch_event::Timestamp;
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_BASIC_INFO, FILE_ID_INFO, FILE_INFO_BY_HANDLE_CLASS,
    FILE_TYPE_DISK, FileBasicInfo, FileIdInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx, GetFileType,
};

use crate::error::HostError;
use crate::facts::FileIdentity;
use crate::windows::handle::succeeded;

/// Opens a file of this machine to be read; whoever writes, renames or deletes it is not held up.
///
/// Paths of servers and devices are refused before they are opened, which alone would have effects: a server
/// would see our credentials, a pipe a client.
pub(super) fn open(path: &str) -> Result<File, HostError> {
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    let is_of_a_drive =
        matches!(path.as_bytes(), [letter, b':', b'\\', ..] if letter.is_ascii_alphabetic());
    if !is_of_a_drive {
        return Err(HostError::NotHere);
    }
    let file = File::open(path)?;
    // SAFETY: the handle is open as long as `file` is.
    if unsafe { GetFileType(file.as_raw_handle()) } != FILE_TYPE_DISK {
        return Err(HostError::NotHere);
    }
    Ok(file)
}

/// Which content an open file is.
pub(super) fn identity(file: &File) -> Result<FileIdentity, HostError> {
    let size = file.metadata()?.len();
    let basic: FILE_BASIC_INFO = information(file, FileBasicInfo)?;
    // File systems without such a time have that of the last write.
    let changed = if basic.ChangeTime == 0 { basic.LastWriteTime } else { basic.ChangeTime };
    let changed = Timestamp::from_filetime(u64::try_from(changed).unwrap_or(0));
    let by_id: Result<FILE_ID_INFO, _> = information(file, FileIdInfo);
    let (volume, file) = match by_id {
        Ok(id) => (id.VolumeSerialNumber, u128::from_le_bytes(id.FileId.Identifier)),
        // FAT has only the old form.
        Err(_) => short_identity(file)?,
    };
    Ok(FileIdentity { volume, file, size, changed })
}

/// What Windows says of an open file.
fn information<T: Default>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS) -> Result<T, HostError> {
    let mut information = T::default();
    let length = u32::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: the handle is open as long as `file` is, and `information` has room for `length` bytes; both
    // callers name the class that writes a `T`, a structure of numbers alone.
    let result = unsafe {
        GetFileInformationByHandleEx(
            file.as_raw_handle(),
            class,
            (&raw mut information).cast(),
            length,
        )
    };
    succeeded(result).map(|()| information)
}

/// The volume and the file by their old, shorter numbers.
fn short_identity(file: &File) -> Result<(u64, u128), HostError> {
    let mut information = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open as long as `file` is, and `information` outlives the call.
    let result = unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut information) };
    succeeded(result)?;
    let high = u128::from(information.nFileIndexHigh) << 32;
    let file = high | u128::from(information.nFileIndexLow);
    Ok((information.dwVolumeSerialNumber.into(), file))
}
