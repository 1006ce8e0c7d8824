//! The registry: a value that is read, and a key of our own that goes away with its owner.
//!
//! Values that are read lie below `HKEY_LOCAL_MACHINE`, where policies are. What is written lies below
//! `HKEY_CURRENT_USER\Software\etwatch`, under a name that the caller gives; the key and all below it is deleted
//! when its [`RegistryKey`] is dropped, so that a caller that fails leaves nothing behind.

#[cfg(not(windows))]
use crate::error::HostError;
#[cfg(windows)]
pub use crate::windows::registry::{RegistryKey, machine_number};

/// A value to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryValue<'a> {
    /// `REG_SZ`.
    Text(&'a str),
    /// `REG_DWORD`.
    Number(u32),
    /// `REG_MULTI_SZ`.
    Texts(&'a [&'a str]),
}

impl RegistryValue<'_> {
    /// The bytes that Windows keeps: texts in UTF-16 with a NUL each, a list with one more, numbers in little
    /// endian.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let wide = |text: &str| -> Vec<u8> {
            text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
        };
        match self {
            Self::Text(text) => wide(text),
            Self::Number(number) => number.to_le_bytes().to_vec(),
            Self::Texts(texts) => texts.iter().flat_map(|text| wide(text)).chain([0, 0]).collect(),
        }
    }
}

/// There is no registry here, so there is no value of this type.
#[cfg(not(windows))]
#[derive(Debug)]
pub enum RegistryKey {}

#[cfg(not(windows))]
impl RegistryKey {
    /// Creates a key of this name below `HKEY_CURRENT_USER\Software\etwatch`.
    ///
    /// # Errors
    /// [`HostError::NotHere`].
    pub fn create(_name: &str) -> Result<Self, HostError> {
        Err(HostError::NotHere)
    }
    /// Creates a key below it.
    ///
    /// # Errors
    /// None: there is no such key.
    pub fn create_below(&self, _name: &str) -> Result<(), HostError> {
        match *self {}
    }
    /// Gives a key below it another name.
    ///
    /// # Errors
    /// None: there is no such key.
    pub fn rename_below(&self, _old: &str, _new: &str) -> Result<(), HostError> {
        match *self {}
    }
    /// Writes a value.
    ///
    /// # Errors
    /// None: there is no such key.
    pub fn set(&self, _name: &str, _value: RegistryValue<'_>) -> Result<(), HostError> {
        match *self {}
    }
    /// Deletes a value.
    ///
    /// # Errors
    /// None: there is no such key.
    pub fn delete(&self, _name: &str) -> Result<(), HostError> {
        match *self {}
    }
}

/// A number (`REG_DWORD`) below `HKEY_LOCAL_MACHINE`; `None` if there is no such value.
///
/// # Errors
/// [`HostError::NotHere`].
#[cfg(not(windows))]
pub fn machine_number(_key: &str, _value: &str) -> Result<Option<u32>, HostError> {
    Err(HostError::NotHere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_form_that_windows_keeps() {
        assert_eq!(RegistryValue::Number(1).bytes(), [1, 0, 0, 0]);
        assert_eq!(RegistryValue::Text("a").bytes(), [97, 0, 0, 0]);
        assert_eq!(RegistryValue::Texts(&["a", "b"]).bytes(), [97, 0, 0, 0, 98, 0, 0, 0, 0, 0]);
        assert_eq!(RegistryValue::Texts(&[]).bytes(), [0, 0]);
    }
}
