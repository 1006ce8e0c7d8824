//! Texts that many processes share, each kept once.
//!
//! Image paths, users and names of modules repeat from process to process, and a command line is that of the
//! parent in each of its children. A text is kept once with the number of its users; when the last one lets
//! go, it is forgotten. Bytes are counted, so that the table can keep below a bound.

use std::hash::BuildHasher as _;
use std::num::NonZeroU32;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::slab::{NONE, Slab};
use crate::bytes::{of_entry, of_table};

/// Bytes of a text beside what it says.
pub(crate) const TEXT_BYTES: usize = Slab::<Kept>::PLACE + of_entry(size_of::<u32>());

/// Names a kept text; four bytes, also as an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextId(NonZeroU32);

impl TextId {
    fn of(index: u32) -> Self {
        Self(NonZeroU32::new(index.wrapping_add(1)).unwrap_or(NonZeroU32::MAX))
    }
    fn index(self) -> u32 {
        self.0.get() - 1
    }
}

#[derive(Debug)]
struct Kept {
    text: Box<str>,
    users: u32,
}

/// The texts of a table.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    kept: Slab<Kept>,
    by_text: HashTable<u32>,
    hasher: DefaultHashBuilder,
    bytes: usize,
    len: usize,
}

impl Texts {
    /// Keeps a text, which has one user more now.
    pub(crate) fn keep(&mut self, text: &str) -> TextId {
        let Self { kept, by_text, hasher, bytes, len } = self;
        let hash = hasher.hash_one(text);
        let is_it = |index: &u32| kept.get(*index).is_some_and(|kept| *kept.text == *text);
        if let Some(index) = by_text.find(hash, is_it).copied() {
            let id = TextId::of(index);
            self.share(id);
            return id;
        }
        let index = kept.insert(Kept { text: text.into(), users: 1 });
        *bytes += text.len();
        *len += 1;
        by_text.insert_unique(hash, index, |index| {
            kept.get(*index).map_or(0, |kept| hasher.hash_one(&*kept.text))
        });
        TextId::of(index)
    }
    /// The text has one user more.
    pub(crate) fn share(&mut self, id: TextId) {
        if let Some(kept) = self.kept.get_mut(id.index()) {
            kept.users = kept.users.saturating_add(1);
        }
    }
    /// The text has one user less.
    pub(crate) fn release(&mut self, id: TextId) {
        let Some(kept) = self.kept.get_mut(id.index()) else { return };
        kept.users -= 1;
        if kept.users > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&*kept.text);
        self.bytes -= kept.text.len();
        self.len -= 1;
        if let Ok(entry) = self.by_text.find_entry(hash, |index| *index == id.index()) {
            entry.remove();
        }
        self.kept.remove(id.index());
    }
    pub(crate) fn get(&self, id: TextId) -> &str {
        self.kept.get(id.index()).map_or("", |kept| &kept.text)
    }
    /// Bytes of the texts themselves.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    /// Bytes of memory, the texts with what finds them.
    pub(crate) fn heap_bytes(&self) -> usize {
        let most = self.kept.end() as usize;
        self.bytes + self.kept.heap_bytes() + of_table(most, size_of::<u32>())
    }
    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// A text without the forms in which recordings say that there is none.
pub(crate) fn said(text: &str) -> Option<&str> {
    let text = text.trim_matches('\0');
    (!text.is_empty() && text != "-").then_some(text)
}

/// At most `limit` bytes of a text, and whether it was cut.
pub(crate) fn cut(text: &str, limit: usize) -> (&str, bool) {
    match text.get(..text.floor_char_boundary(limit)) {
        Some(head) if head.len() < text.len() => (head, true),
        _ => (text, false),
    }
}

const _: () = assert!(size_of::<Option<TextId>>() == 4);
const _: () = assert!(NONE == u32::MAX, "the place after the last has no number of a text");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_forgotten_with_its_last_user() {
        let mut texts = Texts::default();
        let (a, b, other) = (texts.keep("cmd.exe"), texts.keep("cmd.exe"), texts.keep("x"));
        assert_eq!((a, texts.len(), texts.bytes()), (b, 2, 8));
        texts.release(a);
        assert_eq!((texts.get(b), texts.get(other)), ("cmd.exe", "x"));
        texts.release(b);
        assert_eq!((texts.len(), texts.bytes()), (1, 1));
        assert_eq!(texts.keep("y"), a, "its place is used again");
    }

    #[test]
    fn a_cut_falls_between_letters_and_is_told() {
        assert_eq!(cut("aää", 4), ("aä", true));
        assert_eq!(cut("aää", 5), ("aää", false));
        assert_eq!([said("-"), said(""), said("\0"), said("-x")], [None, None, None, Some("-x")]);
    }
}
