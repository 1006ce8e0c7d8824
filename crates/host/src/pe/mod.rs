//! What an image of a program says of itself: the hash of its imports, its version, its exports.
//!
//! An image (PE, "portable executable") is a header, a table of sections, and the sections. Everything else
//! is found through sixteen *directories*, each an address and a length. Addresses are those that the image
//! will have in memory, relative to its start; the section that holds an address says where in the file it
//! is. We follow four of the directories, and read only the bytes they lead to.
//!
//! ```text
//! MZ … e_lfanew ──▶ PE\0\0, file header, optional header ──▶ directories ──address──▶ sections ──▶ file
//! ```
//!
//! A hostile image can lead us anywhere: in circles, to the same megabyte a million times, past its end. So
//! reads go through `Pages`, which keeps few pages and counts what it reads; all lists, names and depths
//! have limits, and the first that is passed ends the walk with a [`PeError`]. What was found until then is
//! given up, except texts of the version resource, which are cut.
//!
//! # Source
//! Microsoft's "PE Format" specification.

mod exports;
mod imports;
mod ordinals;
mod pages;
mod resources;
mod version;

use std::io::{Read, Seek};

pub use exports::Exports;
use pages::Pages;
pub use version::Version;

/// Why an image could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PeError {
    /// The file is no image.
    #[error("no image")]
    NotAnImage,
    /// It is an image of a kind that Windows does not load.
    #[error("an image of an unknown kind")]
    UnknownKind,
    /// It points to where it has no bytes.
    #[error("points outside of the file")]
    Outside,
    /// It has more of something than any sound image.
    #[error("more than a sound image has")]
    TooMuch,
    /// A structure in it contradicts itself.
    #[error("contradicts itself")]
    Unsound,
    /// Reading the file failed.
    #[error("could not be read")]
    Unreadable,
}

impl PeError {
    pub(crate) const ALL: [Self; 6] = [
        Self::NotAnImage,
        Self::UnknownKind,
        Self::Outside,
        Self::TooMuch,
        Self::Unsound,
        Self::Unreadable,
    ];
    /// A word for it, as counters and records have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotAnImage => "not an image",
            Self::UnknownKind => "unknown kind",
            Self::Outside => "outside",
            Self::TooMuch => "too much",
            Self::Unsound => "unsound",
            Self::Unreadable => "unreadable",
        }
    }
    /// The error of a word.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|error| error.name() == name)
    }
}

/// Most sections of an image; the loader of Windows takes 96.
const MOST_SECTIONS: u16 = 512;
/// Most directories of an image.
const MOST_DIRECTORIES: u32 = 16;

/// Places among the directories.
const EXPORTS: usize = 0;
const IMPORTS: usize = 1;
const RESOURCES: usize = 2;

/// An address relative to the start of the image, and a length in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Directory {
    address: u32,
    length: u32,
}

/// Where a range of addresses lies in the file.
#[derive(Clone, Copy, Debug)]
struct Section {
    address: u32,
    /// Bytes in memory; what the file does not have is zero there.
    length: u32,
    offset: u32,
    /// Bytes in the file.
    filled: u32,
}

/// An image that is read piece by piece.
#[derive(Debug)]
pub struct Image<R> {
    pages: Pages<R>,
    sections: Vec<Section>,
    directories: [Directory; MOST_DIRECTORIES as usize],
    is_64_bit: bool,
}

impl<R: Read + Seek> Image<R> {
    /// Reads the headers of an image.
    ///
    /// # Errors
    /// [`PeError::NotAnImage`] for a file of another kind; the others for an image with damaged headers.
    pub fn open(file: R) -> Result<Self, PeError> {
        let mut pages = Pages::new(file);
        if pages.array(0).ok() != Some(*b"MZ") {
            return Err(PeError::NotAnImage);
        }
        let header = u64::from(pages.u32(0x3c).map_err(|_| PeError::NotAnImage)?);
        if pages.array(header).ok() != Some(*b"PE\0\0") {
            return Err(PeError::NotAnImage);
        }
        let count = pages.u16(header + 6)?;
        let optional_length = pages.u16(header + 20)?;
        let optional = header + 24;
        let is_64_bit = match pages.u16(optional)? {
            0x10b => false,
            0x20b => true,
            _ => return Err(PeError::UnknownKind),
        };
        let mut image =
            Self { pages, sections: Vec::new(), directories: Default::default(), is_64_bit };
        image.read_directories(optional, optional_length)?;
        image.read_sections(optional + u64::from(optional_length), count)?;
        // The headers are part of the image: they lie at its start, in memory as in the file.
        let headers = image.pages.u32(optional + 60)?;
        let section = Section { address: 0, length: headers, offset: 0, filled: headers };
        image.sections.push(section);
        Ok(image)
    }

    fn read_directories(&mut self, optional: u64, optional_length: u16) -> Result<(), PeError> {
        let start = if self.is_64_bit { 112 } else { 96 };
        let room = u32::from(optional_length).saturating_sub(start) / 8;
        let count = self.pages.u32(optional + u64::from(start) - 4)?.min(room);
        let places = self.directories.iter_mut().take(count.try_into().unwrap_or(usize::MAX));
        let mut at = optional + u64::from(start);
        for directory in places {
            *directory =
                Directory { address: self.pages.u32(at)?, length: self.pages.u32(at + 4)? };
            at += 8;
        }
        Ok(())
    }

    fn read_sections(&mut self, mut at: u64, count: u16) -> Result<(), PeError> {
        if count > MOST_SECTIONS {
            return Err(PeError::TooMuch);
        }
        for _ in 0..count {
            let (length, address) = (self.pages.u32(at + 8)?, self.pages.u32(at + 12)?);
            let (filled, offset) = (self.pages.u32(at + 16)?, self.pages.u32(at + 20)?);
            // The loader begins at a sector; a section without a length in memory has that of the file.
            let length = if length == 0 { filled } else { length };
            self.sections.push(Section { address, length, offset: offset & !0x1ff, filled });
            at += 40;
        }
        Ok(())
    }

    /// The directory at an index; `None` if the image has none.
    fn directory(&self, index: usize) -> Option<Directory> {
        self.directories.get(index).copied().filter(|directory| directory.address != 0)
    }

    /// Where in the file an address is.
    fn offset(&self, address: u32) -> Result<u64, PeError> {
        let within = |section: &Section| {
            let from_start = address.checked_sub(section.address)?;
            let held = from_start < section.length && from_start < section.filled;
            held.then(|| u64::from(section.offset) + u64::from(from_start))
        };
        self.sections.iter().find_map(within).ok_or(PeError::Outside)
    }
    fn u16_at(&mut self, address: u32) -> Result<u16, PeError> {
        let offset = self.offset(address)?;
        self.pages.u16(offset)
    }
    fn u32_at(&mut self, address: u32) -> Result<u32, PeError> {
        let offset = self.offset(address)?;
        self.pages.u32(offset)
    }
    fn u64_at(&mut self, address: u32) -> Result<u64, PeError> {
        let offset = self.offset(address)?;
        self.pages.array(offset).map(u64::from_le_bytes)
    }
    /// Writes the bytes from an address to the next NUL into `name`.
    fn name_at(&mut self, address: u32, most: usize, name: &mut Vec<u8>) -> Result<(), PeError> {
        let offset = self.offset(address)?;
        self.pages.name(offset, most, name)
    }
}

/// An address further on; one that does not fit 32 bits is outside.
fn add(address: u32, more: u32) -> Result<u32, PeError> {
    address.checked_add(more).ok_or(PeError::Outside)
}
