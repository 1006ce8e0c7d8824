//! Reading the structures that Windows describes events with: numbers and texts at offsets, all of them
//! checked.

use crate::check::{MOST_NAME, SchemaError};
use crate::text::{Room, before_nul_utf16};

/// The bytes of a structure whose offsets count from its beginning.
#[derive(Clone, Copy)]
pub(crate) struct Blob<'a>(pub(crate) &'a [u8]);

impl<'a> Blob<'a> {
    pub(crate) fn cut(self, what: &'static str, offset: usize) -> SchemaError {
        SchemaError::Cut { what, offset, bytes: self.0.len() }
    }
    pub(crate) fn array<const N: usize>(
        self,
        what: &'static str,
        offset: usize,
    ) -> Result<[u8; N], SchemaError> {
        let from = self.0.get(offset..).and_then(|rest| rest.first_chunk::<N>());
        from.copied().ok_or_else(|| self.cut(what, offset))
    }
    pub(crate) fn u16(self, what: &'static str, offset: usize) -> Result<u16, SchemaError> {
        self.array(what, offset).map(u16::from_le_bytes)
    }
    pub(crate) fn u32(self, what: &'static str, offset: usize) -> Result<u32, SchemaError> {
        self.array(what, offset).map(u32::from_le_bytes)
    }
    /// A number of 32 bits that is a place or a count.
    pub(crate) fn size(self, what: &'static str, offset: usize) -> Result<usize, SchemaError> {
        let number = self.u32(what, offset)?;
        usize::try_from(number).map_err(|_| self.cut(what, offset))
    }
    /// The UTF-16 text that the offset at `place` points to, up to its NUL and without blanks at its end,
    /// which Windows' tools append; empty if the offset is 0.
    pub(crate) fn name(self, what: &'static str, place: usize) -> Result<Box<str>, SchemaError> {
        let offset = self.size(what, place)?;
        if offset == 0 {
            return Ok(Box::default());
        }
        let text = self.0.get(offset..).and_then(before_nul_utf16);
        let text = text.ok_or_else(|| self.cut(what, offset))?;
        let text = text.strip_suffix(b" \0").unwrap_or(text);
        if text.len() > 2 * MOST_NAME {
            return Err(SchemaError::LongName(what));
        }
        Ok(Room::default().utf16(text).trim_end().into())
    }
}
