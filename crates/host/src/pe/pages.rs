//! Reads at any place of a file, through few pages that are kept.
//!
//! The tables of an image point to and fro, a few bytes at a time. Pages of [`PAGE`] bytes are read whole
//! and [`KEPT`] of them kept, the one that was loaded first being replaced, so that a sound image costs few
//! reads. All pages that are read are counted: past [`MOST_READ`] the image leads us in circles.

use std::io::{ErrorKind, Read, Seek, SeekFrom};

use super::PeError;

/// Bytes in a page.
const PAGE: usize = 8 << 10;
/// Pages that are kept.
const KEPT: usize = 16;
/// Most pages that are read: 32 MiB. The tables of the largest sound images have about 2 MiB.
const MOST_READ: usize = 4_096;

/// A file, and the pages of it that are kept.
#[derive(Debug)]
pub(super) struct Pages<R> {
    file: R,
    kept: Vec<Page>,
    /// The page that is replaced next, once all are in use.
    next: usize,
    /// The page that was used last.
    last: usize,
    read: usize,
}

#[derive(Debug)]
struct Page {
    number: u64,
    /// Shorter than a page where the file ends.
    bytes: Vec<u8>,
}

impl<R: Read + Seek> Pages<R> {
    pub(super) fn new(file: R) -> Self {
        Self { file, kept: Vec::new(), next: 0, last: 0, read: 0 }
    }
    pub(super) fn u16(&mut self, offset: u64) -> Result<u16, PeError> {
        self.array(offset).map(u16::from_le_bytes)
    }
    pub(super) fn u32(&mut self, offset: u64) -> Result<u32, PeError> {
        self.array(offset).map(u32::from_le_bytes)
    }
    /// The bytes at an offset.
    pub(super) fn array<const N: usize>(&mut self, offset: u64) -> Result<[u8; N], PeError> {
        let mut bytes = [0; N];
        self.fill(offset, &mut bytes)?;
        Ok(bytes)
    }
    /// Fills `into` with the bytes at an offset.
    pub(super) fn fill(&mut self, mut offset: u64, into: &mut [u8]) -> Result<(), PeError> {
        let mut rest = into;
        while !rest.is_empty() {
            let bytes = self.from(offset)?;
            let length = bytes.len().min(rest.len());
            let (now, later) = rest.split_at_mut_checked(length).ok_or(PeError::Outside)?;
            now.copy_from_slice(bytes.get(..length).unwrap_or_default());
            offset = offset.checked_add(length as u64).ok_or(PeError::Outside)?;
            rest = later;
        }
        Ok(())
    }
    /// Writes the bytes from an offset to the next NUL into `name`; of more than `most`, none.
    pub(super) fn name(
        &mut self,
        mut offset: u64,
        most: usize,
        name: &mut Vec<u8>,
    ) -> Result<(), PeError> {
        name.clear();
        loop {
            let bytes = self.from(offset)?;
            let end = bytes.iter().position(|byte| *byte == 0);
            let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            if name.len() + part.len() > most {
                return Err(PeError::TooMuch);
            }
            name.extend_from_slice(part);
            if end.is_some() {
                return Ok(());
            }
            offset = offset.checked_add(part.len() as u64).ok_or(PeError::Outside)?;
        }
    }

    /// The bytes from an offset to the end of its page; at least one.
    fn from(&mut self, offset: u64) -> Result<&[u8], PeError> {
        let number = offset / PAGE as u64;
        let at = usize::try_from(offset % PAGE as u64).unwrap_or(usize::MAX);
        if self.kept.get(self.last).is_none_or(|page| page.number != number) {
            let known = self.kept.iter().position(|page| page.number == number);
            self.last = match known {
                Some(place) => place,
                None => self.load(number)?,
            };
        }
        let bytes = self.kept.get(self.last).and_then(|page| page.bytes.get(at..));
        bytes.filter(|bytes| !bytes.is_empty()).ok_or(PeError::Outside)
    }

    /// Reads a page and returns where it is kept.
    fn load(&mut self, number: u64) -> Result<usize, PeError> {
        self.read += 1;
        if self.read > MOST_READ {
            return Err(PeError::TooMuch);
        }
        let place = if self.kept.len() < KEPT {
            self.kept.push(Page { number, bytes: Vec::new() });
            self.kept.len() - 1
        } else {
            let place = self.next;
            self.next = (self.next + 1) % KEPT;
            place
        };
        let page = self.kept.get_mut(place).ok_or(PeError::Unreadable)?;
        // Until it is whole it is no page of the file.
        page.number = u64::MAX;
        page.bytes.clear();
        let start = number.checked_mul(PAGE as u64).ok_or(PeError::Outside)?;
        let unreadable = |error: std::io::Error| match error.kind() {
            // Past what the file system can address.
            ErrorKind::InvalidInput => PeError::Outside,
            _ => PeError::Unreadable,
        };
        self.file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
        let mut piece = self.file.by_ref().take(PAGE as u64);
        piece.read_to_end(&mut page.bytes).map_err(unreadable)?;
        page.number = number;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn bytes_may_lie_on_two_pages_and_end_with_the_file() {
        let mut data = vec![0; PAGE];
        data[PAGE - 1] = 1;
        data.extend([2, 3, 4, b'a', 0]);
        let mut pages = Pages::new(Cursor::new(data));
        let end = PAGE as u64;
        assert_eq!(pages.array(end - 1), Ok([1, 2, 3]));
        assert_eq!(pages.array::<6>(end), Err(PeError::Outside));
        assert_eq!(pages.array::<1>(u64::MAX), Err(PeError::Outside));
        let mut name = Vec::new();
        assert_eq!(pages.name(end - 1, 5, &mut name), Ok(()));
        assert_eq!(name, [1, 2, 3, 4, b'a']);
        assert_eq!(pages.name(end - 1, 4, &mut name), Err(PeError::TooMuch));
    }

    #[test]
    fn going_in_circles_ends() {
        let data = vec![7; (KEPT + 1) * PAGE];
        let mut pages = Pages::new(Cursor::new(data));
        let mut reads = (0_u64..).map(|n| pages.u16(n % (KEPT as u64 + 1) * PAGE as u64));
        let sound = reads.by_ref().take_while(|read| *read == Ok(0x0707)).count();
        assert_eq!(sound, MOST_READ);
    }
}
