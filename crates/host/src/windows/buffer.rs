//! What Windows writes into a buffer of ours, read as bytes.
//!
//! Many calls fill a buffer with a structure, and behind it what the structure points to. We never follow
//! such a pointer: it is turned into an offset from the start of the buffer, and everything is read by
//! offset, so that a structure that is not as expected gives `None`.

use std::mem::size_of;

use crate::windows::text::narrow;

/// Bytes that Windows wrote at an address.
pub(super) struct Buffer {
    /// The address at which they stood when Windows wrote its pointers.
    address: usize,
    bytes: Vec<u8>,
}

/// Bytes of a pointer.
const POINTER: usize = size_of::<usize>();

impl Buffer {
    /// Lets `write` fill a buffer of `length` bytes, aligned as any structure of Windows is. It is given the
    /// address and returns how many bytes it wrote.
    pub(super) fn filled<E>(
        length: usize,
        write: impl FnOnce(*mut core::ffi::c_void) -> Result<u32, E>,
    ) -> Result<Self, E> {
        let mut words = vec![0_u64; length.div_ceil(8)];
        let written = write(words.as_mut_ptr().cast())?;
        let address = words.as_ptr().addr();
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.truncate(usize::try_from(written).unwrap_or(usize::MAX).min(length));
        Ok(Self { address, bytes })
    }
    pub(super) fn bytes(&self, at: usize, length: usize) -> Option<&[u8]> {
        self.bytes.get(at..at.checked_add(length)?)
    }
    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }
    pub(super) fn u16(&self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_ne_bytes)
    }
    pub(super) fn u32(&self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_ne_bytes)
    }
    pub(super) fn u64(&self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_ne_bytes)
    }
    pub(super) fn pointer(&self, at: usize) -> Option<usize> {
        self.array(at).map(usize::from_ne_bytes)
    }
    /// Where in the buffer the pointer at an offset leads.
    fn follow(&self, at: usize) -> Option<usize> {
        self.pointer(at)?.checked_sub(self.address).filter(|offset| *offset < self.bytes.len())
    }
    /// The SID that the pointer at an offset leads to.
    pub(super) fn sid(&self, at: usize) -> Option<&[u8]> {
        let start = self.follow(at)?;
        let count = *self.bytes.get(start.checked_add(1)?)?;
        self.bytes(start, 8 + 4 * usize::from(count))
    }
    /// The text of the `UNICODE_STRING` at an offset: bytes as u16, room as u16, pointer.
    pub(super) fn unicode_string(&self, at: usize) -> Option<String> {
        let length = usize::from(self.u16(at)?);
        if length == 0 {
            return Some(String::new());
        }
        let start = self.follow(at.checked_add(POINTER)?)?;
        Some(narrow(self.bytes(start, length)?.as_chunks::<2>().0))
    }
}
