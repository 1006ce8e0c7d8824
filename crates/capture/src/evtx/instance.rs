//! The values of a record, and what records with the same form have in common.
//!
//! The content of a record is an instance of a template: a count, a type and a length for each value, then
//! their bytes. A value may be binary XML, an instance of a further template, or a list of texts; the values in
//! it are appended to those of the record. The *key* says all that decides the form: the templates, and for
//! each value its type, whether it is empty, and what it is if it is a boolean. Whatever is not exactly so has no key, and its
//! record is read in full.

use crate::evtx::template::{HEADER, TemplateId, Templates, definition};
use crate::evtx::value::{self, State, kind};

/// Values of a record, and levels of templates within each other.
const VALUES: usize = 1_024;
const DEPTH: usize = 4;
const EMPTY: u8 = 0x40;
const TRUE: u8 = 0x80;

/// A value of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) kind: u8,
    pub(crate) is_empty: bool,
    /// Whether it is a boolean that is true.
    pub(crate) is_true: bool,
    /// The number of the instance that it is, if it is binary XML; of the first text, if it is a list.
    pub(crate) inner: usize,
    /// How many texts a list has.
    pub(crate) texts: usize,
    start: usize,
    end: usize,
}

impl Slot {
    fn new(kind: u8, state: State, start: usize, end: usize) -> Self {
        let (is_empty, is_true) = (state == State::Empty, state == State::True);
        Self { kind, is_empty, is_true, inner: 0, texts: 0, start, end }
    }

    /// The bytes of the value, which lie in the chunk.
    pub(crate) fn bytes<'d>(&self, chunk: &'d [u8]) -> &'d [u8] {
        chunk.get(self.start..self.end).unwrap_or_default()
    }
}

/// A template and the values for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance {
    pub(crate) template: TemplateId,
    /// The number of its first value, and how many there are.
    pub(crate) first: usize,
    pub(crate) count: usize,
}

/// The instances of one record; the first is the record.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    pub(crate) slots: Vec<Slot>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) key: Vec<u8>,
}

impl Instances {
    /// Reads the content of a record, which stands in `chunk` from `start` to `end`; `None` if it has no
    /// key.
    pub(crate) fn read(
        &mut self,
        chunk: &[u8],
        start: usize,
        end: usize,
        templates: &mut Templates,
    ) -> Option<()> {
        self.slots.clear();
        self.instances.clear();
        self.key.clear();
        self.instance(&mut Bytes { chunk, at: start, end }, templates, 0)
    }

    fn instance(
        &mut self,
        bytes: &mut Bytes<'_>,
        templates: &mut Templates,
        depth: usize,
    ) -> Option<()> {
        const FRAGMENT: [u8; 5] = [0x0f, 1, 1, 0, 0x0c];
        if depth > DEPTH || bytes.take::<5>()? != &FRAGMENT {
            return None;
        }
        bytes.take::<5>()?;
        let offset = u32::from_le_bytes(*bytes.take()?);
        let template = templates.at(bytes.chunk, offset)?;
        if usize::try_from(offset).ok()? == bytes.at {
            // The definition stands where it is used first.
            let (start, end) = definition(bytes.chunk, offset)?;
            bytes.skip(HEADER)?;
            bytes.skip(end - start)?;
        }
        let count = usize::try_from(u32::from_le_bytes(*bytes.take()?)).ok()?;
        let first = self.slots.len();
        if count > VALUES - first.min(VALUES) {
            return None;
        }
        self.key.extend_from_slice(&template.to_le_bytes());
        self.key.extend_from_slice(&u16::try_from(count).ok()?.to_le_bytes());
        self.instances.push(Instance { template, first, count });
        self.values(bytes, count)?;
        for number in first..first + count {
            let Some(slot) = self.slots.get(number).copied().filter(|slot| !slot.is_empty) else {
                continue;
            };
            let (inner, texts) = match slot.kind {
                kind::BINARY_XML => {
                    let inner = self.instances.len();
                    let mut bytes = Bytes { chunk: bytes.chunk, at: slot.start, end: slot.end };
                    self.instance(&mut bytes, templates, depth + 1)?;
                    (inner, 0)
                }
                kind::STRINGS => (self.slots.len(), self.texts(bytes.chunk, slot)?),
                _ => continue,
            };
            if let Some(slot) = self.slots.get_mut(number) {
                (slot.inner, slot.texts) = (inner, texts);
            }
        }
        // Behind the values there is nothing, or the token of the end.
        matches!(bytes.rest()?.first(), None | Some(0)).then_some(())
    }

    /// Reads types and lengths, then takes the bytes of each value.
    fn values(&mut self, bytes: &mut Bytes<'_>, count: usize) -> Option<()> {
        let descriptors = bytes.rest()?.as_chunks::<4>().0.get(..count)?;
        bytes.skip(4 * count)?;
        for [low, high, kind, _] in descriptors {
            let start = bytes.at;
            bytes.skip(u16::from_le_bytes([*low, *high]).into())?;
            let (kind, end) = (*kind, bytes.at);
            let state = value::state(kind, bytes.chunk.get(start..end)?)?;
            self.push(Slot::new(kind, state, start, end), state);
        }
        Some(())
    }

    /// Appends the texts of a list, each of which ends in NUL; returns how many there are.
    fn texts(&mut self, chunk: &[u8], list: Slot) -> Option<usize> {
        let place = self.key.len();
        self.key.extend_from_slice(&[0, 0]);
        let (mut start, mut count) = (list.start, 0_u16);
        for (index, unit) in list.bytes(chunk).as_chunks::<2>().0.iter().enumerate() {
            if *unit != [0, 0] {
                continue;
            }
            let end = list.start + 2 * index;
            if self.slots.len() >= VALUES {
                return None;
            }
            let state = value::state(kind::STRING, chunk.get(start..end)?)?;
            self.push(Slot::new(kind::STRING, state, start, end), state);
            (start, count) = (end + 2, count + 1);
        }
        self.key.get_mut(place..place + 2)?.copy_from_slice(&count.to_le_bytes());
        (start == list.end).then_some(count.into())
    }

    fn push(&mut self, slot: Slot, state: State) {
        self.key.push(match state {
            State::Empty => slot.kind | EMPTY,
            State::Filled => slot.kind,
            State::True => slot.kind | TRUE,
        });
        self.slots.push(slot);
    }
}

/// A place in a chunk, and where what is read there ends.
struct Bytes<'d> {
    chunk: &'d [u8],
    at: usize,
    end: usize,
}

impl<'d> Bytes<'d> {
    fn rest(&self) -> Option<&'d [u8]> {
        self.chunk.get(self.at..self.end)
    }
    fn take<const N: usize>(&mut self) -> Option<&'d [u8; N]> {
        let taken = self.rest()?.first_chunk::<N>()?;
        self.at += N;
        Some(taken)
    }
    fn skip(&mut self, length: usize) -> Option<()> {
        self.rest()?.get(..length)?;
        self.at += length;
        Some(())
    }
}
