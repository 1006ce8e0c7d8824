//! What the process that asks may do.
//!
//! Windows decides by the token of a process: whether it is elevated, and which privileges it holds. A privilege
//! that is held but not enabled counts as missing until it is enabled, so both are told. `LocalHost::rights`
//! asks Windows.

use crate::error::HostError;

/// What the token of our process lets us do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Whether it is an administrator's, and not cut down by User Account Control.
    pub elevated: bool,
    /// The privileges that it holds, in the order that Windows gives.
    pub privileges: Vec<Privilege>,
}

/// A privilege that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    /// Its name, the same in every language of Windows: `SeDebugPrivilege`.
    pub name: String,
    /// Whether it is in force; one that is not can be put in force by the process itself.
    pub enabled: bool,
}

impl Rights {
    /// The privilege of this name, if it is held.
    #[must_use]
    pub fn privilege(&self, name: &str) -> Option<&Privilege> {
        self.privileges.iter().find(|held| held.name == name)
    }
}

/// What can be asked of the machine about ourselves; each call gives [`HostError::NotHere`] where there is no
/// Windows.
pub type Answered<T> = Result<T, HostError>;
