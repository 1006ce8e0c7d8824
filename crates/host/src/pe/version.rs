//! The version resource: who says to have made the program, and what it was called.
//!
//! It is a tree of blocks. Each has a length, the length of its value, a name in UTF-16, the value and
//! further blocks, all on borders of four bytes:
//!
//! ```text
//! VS_VERSION_INFO (numbers) ▶ StringFileInfo ▶ 040904B0 (a language) ▶ CompanyName = "…"
//!                           ▶ VarFileInfo                            ▶ OriginalFilename = "…"
//! ```
//!
//! The tree has four levels and we go down exactly those, so no nesting can exhaust the stack; blocks of a
//! level lie one behind the other, so each byte is looked at once a level. The first language with any of the
//! texts counts. The text of the file itself is read, not that of a language file beside it (`.mui`), as
//! Sysmon does.
//!
//! # Source
//! `VS_VERSIONINFO`, `StringFileInfo`, `StringTable` and `String` of the Windows SDK. Compilers disagree
//! whether the length of a text counts bytes or letters, so a text ends with its NUL or its block.

use std::io::{Read, Seek};

use super::{Image, PeError};
use crate::facts::VersionInformation;

/// Number of the type of version resources.
const RT_VERSION: u32 = 16;
/// Longest resource in bytes: its length is told in 16 bits.
const LONGEST: u32 = 0xffff;
/// Longest text in letters of UTF-16; what is longer is cut.
const LONGEST_TEXT: usize = 1_024;

/// What a version resource says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Its texts.
    pub texts: Box<VersionInformation>,
    /// [`PeError::TooMuch`] if some of them were cut.
    pub damage: Option<PeError>,
}

impl<R: Read + Seek> Image<R> {
    /// The texts of the version resource; `None` if the image has none.
    ///
    /// # Errors
    /// A [`PeError`] if the way to the resource or the resource itself is damaged.
    pub fn version(&mut self) -> Result<Option<Version>, PeError> {
        let Some(place) = self.resource(RT_VERSION)? else { return Ok(None) };
        let offset = self.offset(place.address)?;
        let length = place.length.min(LONGEST);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.pages.fill(offset, &mut bytes)?;
        texts(&bytes).map(Some)
    }
}

/// A block of the tree.
struct Block<'a> {
    name: &'a [u8],
    /// The value, and all behind it.
    value: &'a [u8],
    /// Bytes of the value, as the block says.
    value_length: usize,
}

impl<'a> Block<'a> {
    fn is(&self, name: &str) -> bool {
        let (letters, _) = self.name.as_chunks::<2>();
        let letters = letters.iter().map(|letter| u16::from_le_bytes(*letter));
        letters.eq(name.encode_utf16())
    }
    /// The blocks behind the value of this one.
    fn children(&self) -> Blocks<'a> {
        Blocks(self.value.get(self.value_length.next_multiple_of(4)..).unwrap_or_default())
    }
}

/// Blocks that lie one behind the other.
struct Blocks<'a>(&'a [u8]);

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;
    /// The next block; `None` at the end, or where none can be.
    fn next(&mut self) -> Option<Block<'a>> {
        let [length, value_length] = [self.number(0)?, self.number(2)?];
        // A length of 0 can't be stepped over. Some compilers count padding that is not there.
        let length = usize::from(length).min(self.0.len());
        let block = self.0.get(..length).filter(|block| block.len() > 6)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        let named = block.get(6..)?;
        let end = 2 * named.as_chunks::<2>().0.iter().position(|letter| *letter == [0, 0])?;
        let name = named.get(..end)?;
        let value = block.get((6 + end + 2).next_multiple_of(4)..).unwrap_or_default();
        Some(Block { name, value, value_length: value_length.into() })
    }
}

impl Blocks<'_> {
    fn number(&self, at: usize) -> Option<u16> {
        self.0.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }
}

/// The texts of a version resource.
fn texts(bytes: &[u8]) -> Result<Version, PeError> {
    let Version { texts: mut version, mut damage } = Version::default();
    let root = Blocks(bytes).next().filter(|root| root.is("VS_VERSION_INFO"));
    let root = root.ok_or(PeError::Unsound)?;
    let tables = root.children().filter(|block| block.is("StringFileInfo"));
    for table in tables.flat_map(|block| block.children()) {
        for text in table.children() {
            let place = match () {
                () if text.is("OriginalFilename") => &mut version.original_file_name,
                () if text.is("FileVersion") => &mut version.file_version,
                () if text.is("FileDescription") => &mut version.description,
                () if text.is("ProductName") => &mut version.product,
                () if text.is("CompanyName") => &mut version.company,
                () => continue,
            };
            if place.is_none() {
                *place = value_of(&text, &mut damage);
            }
        }
        if *version != VersionInformation::default() {
            break;
        }
    }
    Ok(Version { texts: version, damage })
}

/// The text of a block up to its NUL; `None` if it is empty. A letter that is none becomes U+FFFD.
fn value_of(block: &Block<'_>, damage: &mut Option<PeError>) -> Option<String> {
    let (letters, _) = block.value.as_chunks::<2>();
    let length = letters.iter().position(|letter| *letter == [0, 0]).unwrap_or(letters.len());
    if length > LONGEST_TEXT {
        *damage = Some(PeError::TooMuch);
    }
    let letters = letters.iter().take(length.min(LONGEST_TEXT));
    let letters = char::decode_utf16(letters.map(|letter| u16::from_le_bytes(*letter)));
    let text: String = letters.map(|letter| letter.unwrap_or('\u{fffd}')).collect();
    // Compilers fill texts up with spaces.
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}
