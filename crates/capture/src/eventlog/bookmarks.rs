//! Where each channel was left, in a folder, a file for each.
//!
//! A file holds the bookmark as Windows wrote it and nothing else. It is written to a temporary file beside it, which
//! then takes its place, so a crash leaves the old one or the new one. Paths of channels have slashes and blanks; what
//! is neither a letter, a digit nor one of `-_.` is written as `%` and two hex digits for each of its bytes. What a
//! file holds is not believed: one that is too long or no text is told and not used, one that Windows does not
//! understand is forgotten by who asked.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Windows writes some hundred bytes.
const LONGEST: u64 = 64 << 10;
const ENDING: &str = "bookmark.xml";

/// A bookmark could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: the bookmark of a channel could not be {what}: {source}")]
pub struct BookmarkError {
    /// The file.
    pub path: String,
    /// `read` or `kept`.
    pub what: &'static str,
    /// Why.
    pub source: io::Error,
}

/// The bookmarks in a folder.
#[derive(Clone, Debug)]
pub struct Bookmarks {
    folder: PathBuf,
}

impl Bookmarks {
    /// Those in `folder`, which is made when the first one is kept.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self, channel: &str) -> PathBuf {
        let mut name = String::new();
        for byte in channel.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                name.push(char::from(byte));
            } else {
                name.push_str(&format!("%{byte:02x}"));
            }
        }
        self.folder.join(format!("{name}.{ENDING}"))
    }

    /// The bookmark of a channel; `None` if there is none.
    ///
    /// # Errors
    /// [`BookmarkError`] if there is a file that can't be read or holds no text of at most 64 KiB.
    pub fn load(&self, channel: &str) -> Result<Option<String>, BookmarkError> {
        let path = self.path(channel);
        let read = || -> io::Result<Option<String>> {
            let file = match File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            let mut text = String::new();
            file.take(LONGEST + 1).read_to_string(&mut text)?;
            if text.len() as u64 > LONGEST {
                return Err(io::Error::other("it is too long for a bookmark"));
            }
            Ok((!text.trim().is_empty()).then_some(text))
        };
        let failed =
            |source| BookmarkError { path: path.display().to_string(), what: "read", source };
        read().map_err(failed)
    }

    /// Keeps the bookmark of a channel in place of the one before.
    ///
    /// # Errors
    /// [`BookmarkError`] if it can't be written; the one before is still there.
    pub fn save(&self, channel: &str, bookmark: &str) -> Result<(), BookmarkError> {
        let path = self.path(channel);
        let write = || -> io::Result<()> {
            std::fs::create_dir_all(&self.folder)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(bookmark.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        let failed =
            |source| BookmarkError { path: path.display().to_string(), what: "kept", source };
        write().map_err(failed)
    }

    /// Forgets the bookmark of a channel.
    ///
    /// # Errors
    /// [`BookmarkError`] if its file can't be taken away.
    pub fn forget(&self, channel: &str) -> Result<(), BookmarkError> {
        let path = self.path(channel);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(BookmarkError { path: path.display().to_string(), what: "kept", source })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_has_its_own_file_whatever_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let bookmarks = Bookmarks::in_folder(&folder.path().join("channels"));
        let channels = ["A/B", "A%2fB", "A B", "..", "Ä", "A"];
        for channel in channels {
            assert_eq!(bookmarks.load(channel).unwrap(), None, "{channel}");
            bookmarks.save(channel, channel).unwrap();
            bookmarks.save(channel, &format!("<{channel}>")).unwrap();
        }
        for channel in channels {
            assert_eq!(bookmarks.load(channel).unwrap(), Some(format!("<{channel}>")));
        }
        let files = std::fs::read_dir(folder.path().join("channels")).unwrap().count();
        assert_eq!(files, channels.len());
        bookmarks.forget("A/B").unwrap();
        bookmarks.forget("A/B").unwrap();
        assert_eq!(bookmarks.load("A/B").unwrap(), None);
        assert_eq!(bookmarks.load("A").unwrap(), Some("<A>".to_owned()));
    }

    #[test]
    fn a_file_that_holds_no_bookmark_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let bookmarks = Bookmarks::in_folder(folder.path());
        let file = folder.path().join("A.bookmark.xml");
        std::fs::write(&file, b"\xff\xff").unwrap();
        assert_eq!(bookmarks.load("A").unwrap_err().what, "read");
        std::fs::write(&file, "x".repeat(70_000)).unwrap();
        assert_eq!(bookmarks.load("A").unwrap_err().what, "read");
        std::fs::write(&file, "").unwrap();
        assert_eq!(bookmarks.load("A").unwrap(), None);
        std::fs::remove_file(&file).unwrap();
        // A folder stands where the bookmark should.
        std::fs::create_dir(&file).unwrap();
        assert_eq!(bookmarks.save("A", "x").unwrap_err().what, "kept");
    }
}
