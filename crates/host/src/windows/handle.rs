//! Handles that are closed when they are no longer needed, and what a call that failed says.

use windows_sys::Win32::Foundation::{
    CloseHandle, ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_INVALID_PARAMETER,
    ERROR_PATH_NOT_FOUND, GetLastError, HANDLE, INVALID_HANDLE_VALUE, NTSTATUS,
};

use crate::error::HostError;

/// An open handle of the kernel.
#[derive(Debug)]
pub(super) struct Handle(HANDLE);

impl Handle {
    /// Takes a handle that a call has just returned and that nobody else closes; null and "invalid" are the
    /// call's failure.
    pub(super) fn new(handle: HANDLE) -> Result<Self, HostError> {
        if handle.is_null() || handle == INVALID_HANDLE_VALUE {
            return Err(last_error());
        }
        Ok(Self(handle))
    }
    /// The handle, open as long as this lives.
    pub(super) fn raw(&self) -> HANDLE {
        self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: `new` took the handle from its only owner, and it is not used after this.
        unsafe { CloseHandle(self.0) };
    }
}

/// Why the last call of this thread failed.
pub(super) fn last_error() -> HostError {
    // SAFETY: it reads a number of this thread.
    error_of(unsafe { GetLastError() })
}

/// What an error code of Win32 says.
pub(super) fn error_of(code: u32) -> HostError {
    match code {
        // The last is what `OpenProcess` says of a pid that nobody has.
        ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND | ERROR_INVALID_PARAMETER => {
            HostError::Gone { code }
        }
        ERROR_ACCESS_DENIED => HostError::AccessDenied { code },
        _ => HostError::Other { code },
    }
}

/// What a status of the kernel says; negative ones are failures.
pub(super) fn check(status: NTSTATUS) -> Result<(), HostError> {
    if status >= 0 { Ok(()) } else { Err(HostError::Other { code: status.cast_unsigned() }) }
}

/// Whether a call that returns a `BOOL` succeeded.
pub(super) fn succeeded(result: i32) -> Result<(), HostError> {
    if result == 0 { Err(last_error()) } else { Ok(()) }
}
