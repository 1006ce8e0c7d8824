//! A file put in place of another, at once and whole.
//!
//! What is to be kept is written to a file beside the old one, brought to the disk, and renamed over it: whenever
//! the power goes, one or the other is there whole. On Windows a rename is refused while somebody has the old
//! file open without letting others delete it: a virus scanner, a backup, an editor, for a moment. So it is tried
//! again, with growing pauses, for half a second in all; who holds it longer is told as the error.
//!
//! # Source
//! Windows' error codes: 5 access denied, 32 sharing violation, 33 lock violation, 1224 a mapped section is open.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// Pauses between attempts.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(5),
    Duration::from_millis(15),
    Duration::from_millis(40),
    Duration::from_millis(80),
    Duration::from_millis(140),
    Duration::from_millis(220),
];
/// What Windows says while somebody else has the file open.
const HELD: [i32; 4] = [5, 32, 33, 1224];

/// Puts `bytes` in place of what is at `path`, or where nothing was.
///
/// Blocks for as long as the disk takes, and for half a second more where somebody holds the file.
///
/// # Errors
/// What the system refused; then what was at `path` is still there, and nothing else is left.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let mut written = Some(file);
    let put = || {
        let Some(file) = written.take() else { return Ok(()) };
        match file.persist(path) {
            Ok(_) => Ok(()),
            Err(refused) => {
                written = Some(refused.file);
                Err(refused.error)
            }
        }
    };
    patiently(put, is_held, std::thread::sleep)
}

/// Tries until it works, until an error is not one of waiting, or until all pauses are over.
fn patiently(
    mut attempt: impl FnMut() -> io::Result<()>,
    is_held: impl Fn(&io::Error) -> bool,
    mut pause: impl FnMut(Duration),
) -> io::Result<()> {
    for time in PAUSES {
        match attempt() {
            Err(error) if is_held(&error) => pause(time),
            result => return result,
        }
    }
    attempt()
}

/// Whether somebody else has the file open. Elsewhere than on Windows that is no hindrance, and the codes mean
/// something else.
fn is_held(error: &io::Error) -> bool {
    cfg!(windows) && error.raw_os_error().is_some_and(|code| HELD.contains(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attempt that is refused so often with a code, and its number of calls.
    fn refused(times: usize, code: i32) -> (io::Result<()>, usize, Duration) {
        let (mut calls, mut waited) = (0, Duration::ZERO);
        let attempt = || {
            calls += 1;
            if calls <= times { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
        };
        let held =
            |error: &io::Error| error.raw_os_error().is_some_and(|code| HELD.contains(&code));
        let result = patiently(attempt, held, |time| waited += time);
        (result, calls, waited)
    }

    #[test]
    fn a_file_that_is_held_for_a_moment_is_tried_again_and_one_held_for_long_is_told() {
        let (result, calls, waited) = refused(0, 32);
        assert!(result.is_ok() && calls == 1 && waited.is_zero());
        let (result, calls, waited) = refused(3, 32);
        assert!(result.is_ok() && calls == 4 && waited == Duration::from_millis(60));
        let (result, calls, waited) = refused(99, 5);
        assert_eq!(result.unwrap_err().raw_os_error(), Some(5));
        assert!(calls == PAUSES.len() + 1 && waited == Duration::from_millis(500));
        // No room on the disk: waiting would not help.
        let (result, calls, _) = refused(99, 112);
        assert_eq!((result.unwrap_err().raw_os_error(), calls), (Some(112), 1));
    }

    #[test]
    fn what_was_there_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state ☃");
        for bytes in [&b"first, and longer"[..], b"second", b""] {
            replace(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert!(replace(&folder.path().join("no such folder").join("x"), b"").is_err());
        assert!(replace(folder.path(), b"a folder is no file").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    /// Another program has the file open for a tenth of a second, as scanners do.
    #[cfg(windows)]
    #[test]
    fn a_file_that_another_holds_is_replaced_when_it_lets_go() {
        use std::os::windows::fs::OpenOptionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        std::fs::write(&path, b"old").unwrap();
        let holder = std::fs::OpenOptions::new().read(true).share_mode(0).open(&path).unwrap();
        let waiting = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(holder);
        });
        replace(&path, b"new").unwrap();
        waiting.join().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        // One that never lets go is told, and what was there stays.
        let holder = std::fs::OpenOptions::new().read(true).share_mode(0).open(&path).unwrap();
        let error = replace(&path, b"newer").unwrap_err();
        assert!(is_held(&error), "{error}");
        drop(holder);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
