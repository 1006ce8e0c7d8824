//! The way to a resource: three tables, one below the other.
//!
//! Resources are ordered by type, then name, then language. Each level is a table of entries, an id and an
//! offset from the start of all resources; the highest bit of the offset says that a further table follows,
//! and the third level leads to an address and a length. We look for one type, and take the first name and
//! the first language of it: a version resource has one of each.

use std::io::{Read, Seek};

use super::{Directory, Image, PeError, RESOURCES, add};

/// Most entries of a table.
const MOST_ENTRIES: u32 = 4_096;
/// An entry that leads to a further table.
const TABLE: u32 = 1 << 31;

impl<R: Read + Seek> Image<R> {
    /// Where the first resource of a type lies; `None` if there is none.
    pub(super) fn resource(&mut self, kind: u32) -> Result<Option<Directory>, PeError> {
        let Some(resources) = self.directory(RESOURCES) else { return Ok(None) };
        let start = resources.address;
        let Some(names) = self.entry(start, Some(kind))? else { return Ok(None) };
        let mut at = names;
        // The levels of names and of languages.
        for _ in 0..2 {
            let table = add(start, at.checked_sub(TABLE).ok_or(PeError::Unsound)?)?;
            let Some(first) = self.entry(table, None)? else { return Ok(None) };
            at = first;
        }
        if at & TABLE != 0 {
            return Err(PeError::Unsound);
        }
        let data = add(start, at)?;
        let (address, length) = (self.u32_at(data)?, self.u32_at(add(data, 4)?)?);
        Ok(Some(Directory { address, length }))
    }

    /// The offset of an entry of a table: of the one with an id, or of the first.
    fn entry(&mut self, table: u32, id: Option<u32>) -> Result<Option<u32>, PeError> {
        let named = self.u16_at(add(table, 12)?)?;
        let numbered = self.u16_at(add(table, 14)?)?;
        let count = u32::from(named) + u32::from(numbered);
        if count > MOST_ENTRIES {
            return Err(PeError::TooMuch);
        }
        for index in 0..count {
            let at = add(table, 16 + 8 * index)?;
            // An entry with a name has the highest bit set, so no id is equal to it.
            let is_it = match id {
                Some(id) => self.u32_at(at)? == id,
                None => true,
            };
            if is_it {
                return self.u32_at(add(at, 4)?).map(Some);
            }
        }
        Ok(None)
    }
}
