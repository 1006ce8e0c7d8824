//! An input that is read in blocks: what of it is in memory.
//!
//! A reader of text fills the buffer until whole records are in it and takes them off as a block. A failure to read
//! ends the input; it is told once what was read before it has been handed out.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::reopen::Reopening;
use crate::source::SourceError;

/// Bytes of a block: some hundred events, enough to be worth handing to a worker.
pub(crate) const BLOCK: usize = 256 << 10;

/// Where the bytes come from.
pub(crate) enum Input {
    /// A plain file, which can be read again.
    File(Reopening),
    /// A pipe or something that is unpacked on the way, with a count of the packed bytes.
    Stream(Box<dyn Read + Send>, Arc<AtomicU64>),
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Stream(stream, _) => stream.read(buffer),
        }
    }
}

/// An input and what was read of it, but not taken yet.
pub(crate) struct InputBuffer {
    input: Input,
    path: String,
    /// What was read and not taken.
    pub(crate) bytes: Vec<u8>,
    /// Offset of the first of them in the input.
    pub(crate) offset: u64,
    /// Nothing follows them.
    pub(crate) at_end: bool,
    failure: Option<std::io::Error>,
}

impl InputBuffer {
    /// Reads the first block; `path` is for messages.
    pub(crate) fn new(input: Input, path: String) -> Self {
        let bytes = Vec::new();
        let mut buffer = Self { input, path, bytes, offset: 0, at_end: false, failure: None };
        buffer.fill(BLOCK);
        buffer
    }
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
    /// Whether it is a file, which can be read again.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.input, Input::File(_))
    }
    /// Whether reading failed and that was not told yet.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.is_some()
    }

    /// Reads until there are `size` bytes or the input ends.
    fn fill(&mut self, size: usize) {
        while self.bytes.len() < size && !self.at_end {
            let missing = size - self.bytes.len();
            let read = self.input.by_ref().take(missing as u64).read_to_end(&mut self.bytes);
            match read {
                Ok(0) => self.at_end = true,
                Ok(_) => {}
                Err(error) => {
                    self.failure = Some(error);
                    self.at_end = true;
                }
            }
        }
    }
    /// Reads another block to what is there.
    pub(crate) fn fill_more(&mut self) {
        self.fill(self.bytes.len() + BLOCK);
    }
    /// Takes the first `length` bytes off.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.bytes.split_off(length.min(self.bytes.len()));
        let taken = std::mem::replace(&mut self.bytes, rest);
        self.offset += taken.len() as u64;
        taken
    }

    /// The end of the input.
    ///
    /// # Errors
    /// [`SourceError::Io`] if it ended because it could not be read; that is told once.
    pub(crate) fn end(&mut self) -> Result<(), SourceError> {
        match self.failure.take() {
            Some(source) => Err(SourceError::Io { path: self.path.clone(), source }),
            None => Ok(()),
        }
    }
    /// Some bytes once more; none if the input is no file.
    ///
    /// # Errors
    /// [`SourceError::Io`] if it can't be read.
    pub(crate) fn read_again(
        &mut self,
        offset: u64,
        length: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let Input::File(file) = &mut self.input else { return Ok(None) };
        let failed = |source| SourceError::Io { path: self.path.clone(), source };
        file.read_at(offset, length).map(Some).map_err(failed)
    }
    /// Lets go of the file until it is needed again.
    pub(crate) fn rest(&mut self) {
        if let Input::File(file) = &mut self.input {
            file.rest();
        }
    }
    /// Bytes of the file, as it lies on disk, that were taken.
    pub(crate) fn position(&self) -> u64 {
        match &self.input {
            Input::File(_) => self.offset,
            Input::Stream(_, packed) => packed.load(Ordering::Relaxed),
        }
    }
}
