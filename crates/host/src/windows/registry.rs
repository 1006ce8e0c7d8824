//! A key of our own, which goes away with its owner, and numbers of the machine's policies.

use windows_sys::Win32::Foundation::{ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND, ERROR_SUCCESS};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_CURRENT_USER, HKEY_LOCAL_MACHINE, KEY_ALL_ACCESS, REG_DWORD, REG_MULTI_SZ,
    REG_OPTION_VOLATILE, REG_SZ, RRF_RT_REG_DWORD, RegCloseKey, RegCreateKeyExW, RegDeleteTreeW,
    RegDeleteValueW, RegGetValueW, RegRenameKey, RegSetValueExW,
};

use crate::error::HostError;
use crate::registry::RegistryValue;
use crate::windows::handle::error_of;
use crate::windows::text::wide;

/// Below which key of `HKEY_CURRENT_USER` ours are.
const HOME: &str = r"Software\etwatch";

/// A key of our own. It is kept in memory alone (`REG_OPTION_VOLATILE`), and deleted with all below it when this
/// is dropped.
#[derive(Debug)]
pub struct RegistryKey {
    key: Opened,
    /// Its path below `HKEY_CURRENT_USER`.
    path: String,
}

/// A key that is open.
#[derive(Debug)]
struct Opened(HKEY);

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: the key is that of `RegCreateKeyExW`, closed once.
        unsafe { RegCloseKey(self.0) };
    }
}

impl RegistryKey {
    /// Creates a key of this name below `HKEY_CURRENT_USER\Software\etwatch`.
    ///
    /// # Errors
    /// As Windows says; a name with a NUL or a backslash, which would lead elsewhere, is refused.
    pub fn create(name: &str) -> Result<Self, HostError> {
        if name.is_empty() || name.contains('\\') {
            return Err(HostError::Other { code: 0 });
        }
        let path = format!(r"{HOME}\{name}");
        Ok(Self { key: create(HKEY_CURRENT_USER, &path)?, path })
    }
    /// Creates a key below it.
    ///
    /// # Errors
    /// As Windows says.
    pub fn create_below(&self, name: &str) -> Result<(), HostError> {
        create(self.key.0, name).map(drop)
    }
    /// Gives a key below it another name.
    ///
    /// # Errors
    /// As Windows says.
    pub fn rename_below(&self, old: &str, new: &str) -> Result<(), HostError> {
        let (old, new) = (wide(old), wide(new));
        let (Some(old), Some(new)) = (old, new) else { return Err(HostError::Other { code: 0 }) };
        // SAFETY: the key is open, and both names end with a NUL and outlive the call.
        check(unsafe { RegRenameKey(self.key.0, old.as_ptr(), new.as_ptr()) })
    }
    /// Writes a value.
    ///
    /// # Errors
    /// As Windows says.
    pub fn set(&self, name: &str, value: RegistryValue<'_>) -> Result<(), HostError> {
        let name = wide(name).ok_or(HostError::Other { code: 0 })?;
        let kind = match value {
            RegistryValue::Text(_) => REG_SZ,
            RegistryValue::Number(_) => REG_DWORD,
            RegistryValue::Texts(_) => REG_MULTI_SZ,
        };
        let bytes = value.bytes();
        let length = u32::try_from(bytes.len()).map_err(|_| HostError::Other { code: 0 })?;
        // SAFETY: the key is open, `name` ends with a NUL, `bytes` has `length` bytes, and all outlive the call.
        check(unsafe { RegSetValueExW(self.key.0, name.as_ptr(), 0, kind, bytes.as_ptr(), length) })
    }
    /// Deletes a value.
    ///
    /// # Errors
    /// As Windows says.
    pub fn delete(&self, name: &str) -> Result<(), HostError> {
        let name = wide(name).ok_or(HostError::Other { code: 0 })?;
        // SAFETY: the key is open, and `name` ends with a NUL and outlives the call.
        check(unsafe { RegDeleteValueW(self.key.0, name.as_ptr()) })
    }
}

impl Drop for RegistryKey {
    fn drop(&mut self) {
        let Some(path) = wide(&self.path) else { return };
        // SAFETY: the root is always open, and `path` ends with a NUL and outlives the call. It leads to our own
        // key: `create` made it of a name without backslashes.
        unsafe { RegDeleteTreeW(HKEY_CURRENT_USER, path.as_ptr()) };
    }
}

fn create(root: HKEY, path: &str) -> Result<Opened, HostError> {
    let path = wide(path).ok_or(HostError::Other { code: 0 })?;
    let mut key = std::ptr::null_mut();
    // SAFETY: the root is open, `path` ends with a NUL, `key` outlives the call; null stands for no class, the
    // default security, and "do not say whether it was there".
    check(unsafe {
        RegCreateKeyExW(
            root,
            path.as_ptr(),
            0,
            std::ptr::null(),
            REG_OPTION_VOLATILE,
            KEY_ALL_ACCESS,
            std::ptr::null(),
            &raw mut key,
            std::ptr::null_mut(),
        )
    })?;
    Ok(Opened(key))
}

/// A number (`REG_DWORD`) below `HKEY_LOCAL_MACHINE`; `None` if there is no such value.
///
/// # Errors
/// As Windows says.
pub fn machine_number(key: &str, value: &str) -> Result<Option<u32>, HostError> {
    let (key, value) = (wide(key), wide(value));
    let (Some(key), Some(value)) = (key, value) else { return Err(HostError::Other { code: 0 }) };
    let mut number = 0_u32;
    let mut length = 4;
    // SAFETY: the root is always open, both texts end with a NUL, `number` has `length` bytes, and all outlive
    // the call. The flag lets Windows write nothing but a number of 4 bytes.
    let result = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_DWORD,
            std::ptr::null_mut(),
            (&raw mut number).cast(),
            &raw mut length,
        )
    };
    match result {
        ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND => Ok(None),
        result => check(result).map(|()| Some(number)),
    }
}

fn check(result: u32) -> Result<(), HostError> {
    if result == ERROR_SUCCESS { Ok(()) } else { Err(error_of(result)) }
}
