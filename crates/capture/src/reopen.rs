//! A file that can be let go of and taken up again where it was left.
//!
//! Hundreds of recordings of the same days are open at once in a merge; a handle for each would meet
//! the operating system's limit.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

/// A file by its path, or one that has none (temporary).
#[derive(Debug)]
pub(crate) struct Reopening {
    path: Option<PathBuf>,
    file: Option<File>,
    position: u64,
}

impl Reopening {
    /// A file that is opened when it is needed.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path: Some(path), file: None, position: 0 }
    }
    /// A file that can't be opened again.
    pub(crate) fn kept(file: File) -> Self {
        Self { path: None, file: Some(file), position: 0 }
    }
    fn file(&mut self) -> io::Result<&mut File> {
        if self.file.is_none()
            && let Some(path) = &self.path
        {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(self.position))?;
            self.file = Some(file);
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("the temporary file is gone"))
    }
    /// Lets go of the handle, if the file can be opened again.
    pub(crate) fn rest(&mut self) {
        if self.path.is_some() {
            self.file = None;
        }
    }
    /// Whether [`Reopening::rest`] lets go of the handle.
    pub(crate) fn can_be_opened_again(&self) -> bool {
        self.path.is_some()
    }
    /// Up to `length` bytes from `offset` on; the place where reading goes on stays what it was.
    pub(crate) fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(offset, length, &mut bytes)?;
        Ok(bytes)
    }
    /// Adds up to `length` bytes from `offset` on to `bytes`; the place where reading goes on stays what it
    /// was.
    pub(crate) fn read_into(
        &mut self,
        offset: u64,
        length: usize,
        bytes: &mut Vec<u8>,
    ) -> io::Result<()> {
        let position = self.position;
        let file = self.file()?;
        file.seek(SeekFrom::Start(offset))?;
        let before = bytes.len();
        bytes.resize(before + length, 0);
        let read = fill(file, bytes.get_mut(before..).unwrap_or_default())?;
        bytes.truncate(before + read);
        file.seek(SeekFrom::Start(position))?;
        Ok(())
    }
    /// How long the file is.
    pub(crate) fn length(&mut self) -> io::Result<u64> {
        self.file()?.metadata().map(|data| data.len())
    }
}

/// Reads until there is no room left or nothing more; returns how many bytes. (`read_to_end` would feel
/// its way with several smaller reads.)
fn fill(file: &mut File, mut room: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while !room.is_empty() {
        match file.read(room) {
            Ok(0) => break,
            Ok(more) => {
                read += more;
                room = room.get_mut(more..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

impl Read for Reopening {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file()?.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}
