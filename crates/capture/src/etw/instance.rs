//! One etwatch at a time.
//!
//! Two runs would take each other's sessions for ones that a crash has left, and replace them in turn. So a run
//! locks a file in the state folder before it looks at any session. The lock belongs to the open file: Windows and
//! Linux release it when the process ends, however it ends, so a crash leaves nothing to clean up. The file itself
//! stays, and means nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::code;
use super::error::{Call, EtwError};

/// The file's name in the state folder.
const NAME: &str = "instance.lock";

/// Says that no other etwatch with the same state folder runs; until it is dropped.
#[derive(Debug)]
pub struct InstanceLock {
    _file: File,
}

impl InstanceLock {
    /// Takes the lock of a state folder, which is made if there is none.
    ///
    /// # Errors
    /// Another run has it, or the folder can't be written to.
    pub fn take(state: &Path) -> Result<Self, EtwError> {
        let failed = |error: &io::Error| {
            let code = error.raw_os_error().map_or(0, i32::cast_unsigned);
            EtwError::new(Call::Lock, code, state.display().to_string())
        };
        std::fs::create_dir_all(state).map_err(|error| failed(&error))?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(state.join(NAME)).map_err(|error| failed(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(EtwError::new(Call::Lock, code::LOCK_VIOLATION, state.display().to_string()))
            }
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etw::error::Kind;

    #[test]
    fn the_second_is_refused_until_the_first_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = InstanceLock::take(&state).unwrap();
        let refused = InstanceLock::take(&state).unwrap_err();
        assert_eq!(refused.kind(), Kind::AlreadyRunning);
        assert!(refused.to_string().contains("state"), "{refused}");
        drop(first);
        InstanceLock::take(&state).unwrap();
    }

    #[test]
    fn a_folder_that_is_a_file_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = InstanceLock::take(file.path()).unwrap_err();
        assert_ne!(refused.kind(), Kind::AlreadyRunning);
    }
}
