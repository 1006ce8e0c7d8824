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
    /// Up to `length` bytes from `offset` on; the place where reading goes on stays what it was.
    pub(crate) fn read_at(&mut self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let position = self.position;
        let file = self.file()?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        file.take(length as u64).read_to_end(&mut bytes)?;
        file.seek(SeekFrom::Start(position))?;
        Ok(bytes)
    }
    /// How long the file is.
    pub(crate) fn length(&mut self) -> io::Result<u64> {
        self.file()?.metadata().map(|data| data.len())
    }
}

impl Read for Reopening {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file()?.read(buffer)?;
        self.position += read as u64;
        Ok(read)
    }
}
