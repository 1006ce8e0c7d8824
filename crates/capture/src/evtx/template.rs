//! Template definitions, told from each other by what they say.
//!
//! A definition stands in each chunk that uses it, and names are offsets in that chunk, so the same
//! definition has different bytes in each. Here it is written once more with the names themselves in the
//! place of offsets: definitions with the same writing are the same template, in whatever chunk or file. No
//! digest stands for a writing, so no definition can be made to pass for another.

use std::collections::HashMap;

use crate::evtx::tokens::{Token, Tokens};

/// Templates that are remembered, bytes of their writings, and tokens of one.
const TEMPLATES: usize = 1_024;
const BYTES: usize = 8 << 20;
const TOKENS: usize = 4_096;
/// Levels of elements within each other.
const DEPTH: usize = 64;
/// The offset of the next definition, a GUID and the length of the definition.
pub(crate) const HEADER: usize = 4 + 16 + 4;

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Open { name: String, dependency: Option<u16> },
    Attribute { name: String },
    Content,
    Text(String),
    Gap(u16),
    Close,
}

/// Parts in the order of the definition; one element, which is closed at the end.
pub(crate) type Template = Vec<Part>;

/// The number of a template among those that are remembered.
pub(crate) type TemplateId = u32;

/// The templates met so far.
#[derive(Debug, Default)]
pub(crate) struct Templates {
    by_writing: HashMap<Box<[u8]>, TemplateId>,
    /// `None` for those that have no form.
    templates: Vec<Option<Template>>,
    bytes: usize,
    /// Those of the chunk that is being read, by the offset of their definition.
    of_chunk: Vec<(u32, Option<TemplateId>)>,
    writing: Vec<u8>,
}

impl Templates {
    /// Begins with another chunk. Whether all templates were forgotten, since there were too many.
    pub(crate) fn begin_chunk(&mut self) -> bool {
        self.of_chunk.clear();
        let full = self.templates.len() >= TEMPLATES || self.bytes >= BYTES;
        if full {
            *self = Self::default();
        }
        full
    }

    /// The template that is defined at `offset` of the chunk.
    pub(crate) fn at(&mut self, chunk: &[u8], offset: u32) -> Option<TemplateId> {
        if let Some((_, id)) = self.of_chunk.iter().find(|(known, _)| *known == offset) {
            return *id;
        }
        let id = self.identify(chunk, offset);
        self.of_chunk.push((offset, id));
        id
    }

    /// The parts of a template, if it has a form.
    pub(crate) fn get(&self, id: TemplateId) -> Option<&Template> {
        self.templates.get(usize::try_from(id).ok()?)?.as_ref()
    }

    fn identify(&mut self, chunk: &[u8], offset: u32) -> Option<TemplateId> {
        let (start, end) = definition(chunk, offset)?;
        self.writing.clear();
        write(&mut self.writing, Tokens::new(chunk, start, end))?;
        if let Some(id) = self.by_writing.get(self.writing.as_slice()) {
            return self.get(*id).map(|_| *id);
        }
        // Within a chunk nothing is forgotten: numbers stay what they are. What is beyond has no form.
        if self.templates.len() >= TEMPLATES || self.bytes >= BYTES {
            return None;
        }
        let id = TemplateId::try_from(self.templates.len()).ok()?;
        let template = parse(Tokens::new(chunk, start, end));
        self.bytes += self.writing.len();
        self.by_writing.insert(self.writing.as_slice().into(), id);
        self.templates.push(template);
        self.get(id).map(|_| id)
    }
}

/// Where the tokens of the definition at `offset` begin and end.
pub(crate) fn definition(chunk: &[u8], offset: u32) -> Option<(usize, usize)> {
    let at = usize::try_from(offset).ok()?;
    let header = chunk.get(at..)?.first_chunk::<HEADER>()?;
    let length = usize::try_from(u32::from_le_bytes(*header.last_chunk::<4>()?)).ok()?;
    let start = at + HEADER;
    let end = start.checked_add(length).filter(|end| *end <= chunk.len())?;
    Some((start, end))
}

/// Writes the tokens one after the other: the kind, a number or a length, then the name or text.
fn write(writing: &mut Vec<u8>, mut tokens: Tokens<'_>) -> Option<()> {
    let mut put = |kind: u8, number: u32, bytes: &[u8]| {
        writing.push(kind);
        writing.extend_from_slice(&number.to_le_bytes());
        writing.extend_from_slice(bytes);
    };
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok();
    for _ in 0..TOKENS {
        match tokens.next()? {
            None => return Some(()),
            Some(Token::Open { name, dependency }) => {
                put(1, dependency.map_or(u32::MAX, u32::from), &[]);
                put(2, length(name)?, name);
            }
            Some(Token::Attribute { name }) => put(3, length(name)?, name),
            Some(Token::Content) => put(4, 0, &[]),
            Some(Token::CloseEmpty) => put(5, 0, &[]),
            Some(Token::Close) => put(6, 0, &[]),
            Some(Token::Text(text)) => put(7, length(text)?, text),
            Some(Token::Gap(number)) => put(8, number.into(), &[]),
        }
    }
    None
}

/// The parts of a definition; `None` if its elements do not close as they open.
fn parse(mut tokens: Tokens<'_>) -> Option<Template> {
    let mut parts = Vec::new();
    let (mut depth, mut in_start) = (0_usize, false);
    while let Some(token) = tokens.next()? {
        // There is one element, and nothing beside it.
        let fits = match token {
            Token::Open { .. } if depth == 0 => parts.is_empty(),
            Token::Open { .. } => !in_start,
            _ => depth > 0,
        };
        if !fits {
            return None;
        }
        match token {
            Token::Open { name, dependency } => {
                (depth, in_start) = (depth + 1, true);
                if depth > DEPTH {
                    return None;
                }
                parts.push(Part::Open { name: name_of(name)?, dependency });
            }
            Token::Attribute { name } if in_start => {
                parts.push(Part::Attribute { name: name_of(name)? });
            }
            Token::Content if in_start => {
                in_start = false;
                parts.push(Part::Content);
            }
            Token::CloseEmpty if in_start => {
                (depth, in_start) = (depth - 1, false);
                parts.push(Part::Close);
            }
            Token::Close if !in_start => {
                depth -= 1;
                parts.push(Part::Close);
            }
            Token::Text(text) => parts.push(Part::Text(decode(text)?)),
            Token::Gap(number) => parts.push(Part::Gap(number)),
            Token::Attribute { .. } | Token::Content | Token::CloseEmpty | Token::Close => {
                return None;
            }
        }
    }
    (depth == 0 && !parts.is_empty()).then_some(parts)
}

fn name_of(name: &[u8]) -> Option<String> {
    decode(name).filter(|name| !name.is_empty())
}

/// UTF-16 up to its first NUL.
fn decode(units: &[u8]) -> Option<String> {
    let units = units.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units.take_while(|unit| *unit != 0)).collect::<Result<_, _>>().ok()
}
