//! The import hash: programs built from the same sources import the same functions in the same order.
//!
//! The import directory is a list of libraries, each with a list of functions, by name or by ordinal. The
//! hash is the MD5 of all of them in the order of the image,
//!
//! ```text
//! KERNEL32.dll: CreateFileW, ReadFile     WS2_32.dll: #115      a.drv: #2
//! kernel32.createfilew,kernel32.readfile,ws2_32.wsastartup,a.drv.ord2
//! ```
//!
//! in lower case, libraries without `.dll`, `.ocx` or `.sys`. Ordinals of `ws2_32`, `wsock32` and `oleaut32`
//! are named by a fixed table, all others are `ord` and the number. Delayed and bound imports don't count.
//!
//! # Source
//! The definition of Mandiant ("Tracking Malware with Import Hashing", 2014), which Sysmon and others follow;
//! compared with `pefile` on programs of Windows and others.

use std::io::{Read, Seek};

use md5::{Digest, Md5};

use super::ordinals::name_of;
use super::{IMPORTS, Image, PeError, add};

/// Most libraries of an image.
const MOST_LIBRARIES: usize = 2_048;
/// Most functions of an image.
const MOST_FUNCTIONS: usize = 1 << 16;
/// Longest name of a library or function in bytes. Names that C++ makes can be long.
const LONGEST_NAME: usize = 8_192;

/// The hash as it is built up.
struct ImportHash {
    digest: Md5,
    functions: usize,
    /// The library at hand, in lower case and without its ending, then a dot.
    library: Vec<u8>,
    name: Vec<u8>,
}

impl<R: Read + Seek> Image<R> {
    /// The hash of what the image imports; `None` if it imports nothing.
    ///
    /// # Errors
    /// A [`PeError`] if the imports can't be read to their end: no hash is better than that of a part.
    pub fn import_hash(&mut self) -> Result<Option<[u8; 16]>, PeError> {
        let Some(directory) = self.directory(IMPORTS) else { return Ok(None) };
        let mut hash =
            ImportHash { digest: Md5::new(), functions: 0, library: Vec::new(), name: Vec::new() };
        let mut at = directory.address;
        for _ in 0..MOST_LIBRARIES {
            let (names, library) = (self.u32_at(at)?, self.u32_at(add(at, 12)?)?);
            let addresses = self.u32_at(add(at, 16)?)?;
            // The list ends with a descriptor of zeros; the loader stops at one without name or addresses.
            if library == 0 || addresses == 0 {
                let digest = (hash.functions > 0).then(|| hash.digest.finalize().into());
                return Ok(digest);
            }
            // The loader overwrites the addresses; old linkers wrote no separate list of names.
            let list = if names == 0 { addresses } else { names };
            self.add_library(library, list, &mut hash)?;
            at = add(at, 20)?;
        }
        Err(PeError::TooMuch)
    }

    fn add_library(
        &mut self,
        name: u32,
        mut list: u32,
        hash: &mut ImportHash,
    ) -> Result<(), PeError> {
        self.name_at(name, LONGEST_NAME, &mut hash.library)?;
        hash.library.make_ascii_lowercase();
        let ordinals = super::ordinals::table_of(&hash.library);
        for ending in [&b".dll"[..], b".ocx", b".sys"] {
            if let Some(stem) = hash.library.strip_suffix(ending) {
                hash.library.truncate(stem.len());
                break;
            }
        }
        hash.library.push(b'.');
        loop {
            let (import, width, by_ordinal) = if self.is_64_bit {
                (self.u64_at(list)?, 8, 1_u64 << 63)
            } else {
                (self.u32_at(list)?.into(), 4, 1_u64 << 31)
            };
            if import == 0 {
                return Ok(());
            }
            if import & by_ordinal == 0 {
                // An address of a hint of two bytes and the name.
                let address = u32::try_from(import & 0x7fff_ffff).map_err(|_| PeError::Outside)?;
                self.name_at(add(address, 2)?, LONGEST_NAME, &mut hash.name)?;
                hash.name.make_ascii_lowercase();
            } else {
                let [low, high, ..] = import.to_le_bytes();
                name_of(ordinals, u16::from_le_bytes([low, high]), &mut hash.name);
            }
            hash.add_function()?;
            list = add(list, width)?;
        }
    }
}

impl ImportHash {
    /// Adds the function `name` of `library`.
    fn add_function(&mut self) -> Result<(), PeError> {
        if self.functions == MOST_FUNCTIONS {
            return Err(PeError::TooMuch);
        }
        if self.functions > 0 {
            self.digest.update(b",");
        }
        self.functions += 1;
        self.digest.update(&self.library);
        self.digest.update(&self.name);
        Ok(())
    }
}
