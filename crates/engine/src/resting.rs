//! The inputs that hold decoded events while others have their turn.
//!
//! All of them together may hold a certain number of bytes; beyond it, the one whose turn is furthest
//! away has to give its events up.

use std::collections::BTreeMap;

use etwatch_event::Timestamp;

/// Those inputs by their next turn, and how many bytes they hold.
#[derive(Debug, Default)]
pub(crate) struct Resting {
    by_time: BTreeMap<(Timestamp, u32), usize>,
    bytes: usize,
}

impl Resting {
    pub(crate) fn add(&mut self, turn: (Timestamp, u32), bytes: usize) {
        self.by_time.insert(turn, bytes);
        self.bytes += bytes;
    }
    pub(crate) fn remove(&mut self, turn: (Timestamp, u32)) {
        self.bytes -= self.by_time.remove(&turn).unwrap_or(0);
    }
    /// The input whose turn is furthest away, if more than `allowed` bytes are held.
    pub(crate) fn too_much(&mut self, allowed: usize) -> Option<u32> {
        if self.bytes <= allowed {
            return None;
        }
        let ((_, number), bytes) = self.by_time.pop_last()?;
        self.bytes -= bytes;
        Some(number)
    }
}
