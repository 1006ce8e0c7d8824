//! Names of functions by their address: what a thread starts in.
//!
//! The export directory has three lists: the addresses of functions, names in alphabetical order, and for
//! each name the place of its address. An address within the directory itself is no function but the name of
//! one of another library ("forwarded") and is left out, as are functions without a name.

use std::io::{Read, Seek};

use super::{Directory, EXPORTS, Image, PeError, add};

/// Most names of an image.
const MOST_NAMES: u32 = 1 << 16;
/// Longest name in bytes.
const LONGEST_NAME: usize = 8_192;
/// Most bytes of all names.
const MOST_BYTES: usize = 4 << 20;

/// The functions that an image exports by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// Address, then where its name begins and ends in `names`; by address, then in the order of names.
    functions: Vec<(u32, u32, u32)>,
    names: String,
}

impl Exports {
    /// The function at exactly this address, relative to the start of the image. Of several names, the first
    /// in alphabetical order.
    #[must_use]
    pub fn name_at(&self, address: u32) -> Option<&str> {
        let first = self.functions.partition_point(|(known, ..)| *known < address);
        let (_, start, end) = self.functions.get(first).filter(|(known, ..)| *known == address)?;
        self.names.get(usize::try_from(*start).ok()?..usize::try_from(*end).ok()?)
    }
    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.functions.len()
    }
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }
    /// Adds a function; bytes that are no UTF-8 become U+FFFD.
    fn push(&mut self, address: u32, name: &[u8]) -> Result<(), PeError> {
        let start = u32::try_from(self.names.len()).map_err(|_| PeError::TooMuch)?;
        self.names.push_str(&String::from_utf8_lossy(name));
        if self.names.len() > MOST_BYTES {
            return Err(PeError::TooMuch);
        }
        let end = u32::try_from(self.names.len()).map_err(|_| PeError::TooMuch)?;
        self.functions.push((address, start, end));
        Ok(())
    }
}

impl<R: Read + Seek> Image<R> {
    /// The functions that the image exports by name; empty if it exports none.
    ///
    /// # Errors
    /// A [`PeError`] if the lists can't be read to their end.
    pub fn exports(&mut self) -> Result<Exports, PeError> {
        let mut exports = Exports::default();
        let Some(directory) = self.directory(EXPORTS) else { return Ok(exports) };
        let Directory { address: start, length } = directory;
        let functions = self.u32_at(add(start, 20)?)?;
        let names = self.u32_at(add(start, 24)?)?;
        if names > MOST_NAMES {
            return Err(PeError::TooMuch);
        }
        let addresses = self.u32_at(add(start, 28)?)?;
        let (texts, places) = (self.u32_at(add(start, 32)?)?, self.u32_at(add(start, 36)?)?);
        let mut name = Vec::new();
        for index in 0..names {
            let place = u32::from(self.u16_at(add(places, 2 * index)?)?);
            if place >= functions {
                return Err(PeError::Unsound);
            }
            let address = self.u32_at(add(addresses, 4 * place)?)?;
            let is_forwarded = address.checked_sub(start).is_some_and(|within| within < length);
            if address == 0 || is_forwarded {
                continue;
            }
            let text = self.u32_at(add(texts, 4 * index)?)?;
            self.name_at(text, LONGEST_NAME, &mut name)?;
            exports.push(address, &name)?;
        }
        // Stable: names of an address stay in their order.
        exports.functions.sort_by_key(|(address, ..)| *address);
        Ok(exports)
    }
}
