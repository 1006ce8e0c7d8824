//! At most one run for a state and for a folder of recordings: two would overwrite each other's.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::{BUSY, shown};
use crate::commands::USAGE;

/// Holds what a run has to itself; the system gives it back however the process ends.
#[derive(Debug)]
pub(super) struct Instance {
    _locked: Vec<File>,
}

impl Instance {
    /// Locks what is there of both.
    ///
    /// # Errors
    /// The exit status and a message, if another run has it or it can't be locked.
    pub(super) fn only(
        state: Option<&Path>,
        recordings: Option<&Path>,
    ) -> Result<Self, (u8, String)> {
        let mut locked = Vec::new();
        if let Some(state) = state {
            let mut lock = state.as_os_str().to_owned();
            lock.push(".lock");
            locked.push(take(&PathBuf::from(lock), state)?);
        }
        if let Some(folder) = recordings {
            std::fs::create_dir_all(folder)
                .map_err(|error| (USAGE, format!("{}: {error}", shown(folder))))?;
            locked.push(take(&folder.join("etwatch.lock"), folder)?);
        }
        Ok(Self { _locked: locked })
    }
}

fn take(lock: &Path, of: &Path) -> Result<File, (u8, String)> {
    let refused = |error: std::io::Error| (USAGE, format!("{}: {error}", shown(lock)));
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(lock).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err((BUSY, format!("another run uses {}; stop it first", shown(of))))
        }
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}
