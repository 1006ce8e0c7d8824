//! The tokens of a template definition.
//!
//! A definition is binary XML as MS-EVEN6 §2.2.12 has it: elements and attributes by name, text, and gaps
//! for values. A name stands in the chunk's table of names; what stands in the definition is its offset in
//! the chunk, with the name itself behind it where it is used first. Token by token, each is read within the
//! bytes of the chunk; what templates of events do not have (entities, CDATA, processing instructions,
//! values other than text) ends the walk, and such templates have no form.

/// A token; names and texts are UTF-16, little endian, as they stand in the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'d> {
    /// An element begins. It is left out if the value with the number `dependency` is null.
    Open { name: &'d [u8], dependency: Option<u16> },
    /// An attribute of the element that begins; its value follows.
    Attribute { name: &'d [u8] },
    /// The attributes end, the content of the element begins.
    Content,
    /// The element ends without content.
    CloseEmpty,
    /// The element ends.
    Close,
    /// Text, up to its first NUL.
    Text(&'d [u8]),
    /// The gap for the value with this number.
    Gap(u16),
}

/// A walk over the tokens of a definition.
#[derive(Debug)]
pub(crate) struct Tokens<'d> {
    chunk: &'d [u8],
    at: usize,
    end: usize,
}

const NO_DEPENDENCY: u16 = u16::MAX;

impl<'d> Tokens<'d> {
    /// The tokens that stand in `chunk` from `start` to `end`.
    pub(crate) fn new(chunk: &'d [u8], start: usize, end: usize) -> Self {
        Self { chunk, at: start, end }
    }

    /// The next token; the inner `None` is the end. `None` if a token is none of those known here, is cut
    /// off, or the definition ends without its end token.
    pub(crate) fn next(&mut self) -> Option<Option<Token<'d>>> {
        loop {
            // The bit 0x40 says that more of the kind follow, and of an element that it has attributes.
            return Some(Some(match self.byte()? {
                0x00 => return Some(None),
                0x01 => self.open(false)?,
                0x41 => self.open(true)?,
                0x02 => Token::Content,
                0x03 => Token::CloseEmpty,
                0x04 => Token::Close,
                0x05 | 0x45 => self.text()?,
                0x06 | 0x46 => Token::Attribute { name: self.name()? },
                0x0d | 0x0e => {
                    let number = self.word()?;
                    self.byte()?;
                    Token::Gap(number)
                }
                0x0f => {
                    self.take(3)?;
                    continue;
                }
                _ => return None,
            }));
        }
    }

    fn open(&mut self, has_attributes: bool) -> Option<Token<'d>> {
        let dependency = self.word()?;
        // The length of the element, which its end token tells as well.
        self.take(4)?;
        let name = self.name()?;
        if has_attributes {
            self.take(4)?;
        }
        Some(Token::Open { name, dependency: (dependency != NO_DEPENDENCY).then_some(dependency) })
    }

    fn text(&mut self) -> Option<Token<'d>> {
        const STRING: u8 = 1;
        if self.byte()? != STRING {
            return None;
        }
        let units = usize::from(self.word()?);
        self.take(units * 2).map(Token::Text)
    }

    fn name(&mut self) -> Option<&'d [u8]> {
        let offset = usize::try_from(u32::from_le_bytes(*self.take(4)?.first_chunk()?)).ok()?;
        let (name, length) = name_at(self.chunk, offset)?;
        if offset == self.at {
            self.take(length)?;
        }
        Some(name)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn word(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(*self.take(2)?.first_chunk()?))
    }

    fn take(&mut self, length: usize) -> Option<&'d [u8]> {
        let next = self.at.checked_add(length).filter(|next| *next <= self.end)?;
        let taken = self.chunk.get(self.at..next)?;
        self.at = next;
        Some(taken)
    }
}

/// The name at `offset` of the table of names, and how many bytes its entry takes: the offset of the next
/// name, a hash, the number of units, the units, NUL.
fn name_at(chunk: &[u8], offset: usize) -> Option<(&[u8], usize)> {
    const LINK: usize = 6;
    let entry = chunk.get(offset..)?.get(LINK..)?;
    let (units, entry) = entry.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*units)) * 2;
    entry.get(..length + 2)?;
    Some((entry.get(..length)?, LINK + 2 + length + 2))
}
