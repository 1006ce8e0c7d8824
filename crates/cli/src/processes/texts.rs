//! Texts that many processes share, within a budget.

use std::collections::HashSet;
use std::sync::Arc;

/// Bytes of all texts.
pub(crate) const BUDGET: usize = 256 << 20;
/// Bytes of one text: Windows' own limit of a command line, and some.
const LONGEST: usize = 64 << 10;

/// Texts, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    shared: HashSet<Arc<str>>,
    bytes: usize,
    /// Texts for which there was no room.
    pub(crate) left_out: u64,
}

impl Texts {
    /// The text, kept once however often it is asked for.
    pub(crate) fn share(&mut self, text: &str) -> Option<Arc<str>> {
        let text = text.get(..text.floor_char_boundary(LONGEST)).unwrap_or(text);
        if let Some(shared) = self.shared.get(text) {
            return Some(Arc::clone(shared));
        }
        if self.bytes + text.len() > BUDGET {
            self.left_out += 1;
            return None;
        }
        self.bytes += text.len();
        let shared: Arc<str> = text.into();
        self.shared.insert(Arc::clone(&shared));
        Some(shared)
    }
}
