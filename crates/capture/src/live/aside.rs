//! Records that came while another thread had the desk.
//!
//! They lie in buffers of their own until somebody has the desk again, the callback with its next record or the
//! flusher with its next turn, who brings them there before anything else. The lock here is held for a copy by the
//! callback, and by others only to take all buffers away at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use etwatch_event::RawRecord;

use super::buffer::{BufferSize, RecordBuffer};
use super::counters::{Counters, Dropped};
use super::desk::{Desk, Layout};

/// Buffers that a session that may drop fills here. Handing a batch on wakes its reader, who may take the processor
/// from the flusher while that still has the desk, for some milliseconds: thousands of records.
const MOST: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Aside(Mutex<Buffers>);

#[derive(Debug)]
struct Buffers {
    /// The last one is being filled.
    filled: Vec<RecordBuffer>,
    /// For the next time.
    spare: Option<RecordBuffer>,
    size: BufferSize,
    most: usize,
    may_drop: bool,
}

impl Aside {
    pub(super) fn new(layout: &Layout) -> Self {
        let Layout { size, most, may_drop, .. } = *layout;
        let most = if may_drop { most.min(MOST) } else { most };
        let spare = Some(RecordBuffer::new(size));
        Self(Mutex::new(Buffers { filled: Vec::new(), spare, size, most, may_drop }))
    }
    fn buffers(&self) -> MutexGuard<'_, Buffers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies a record.
    ///
    /// # Errors
    /// Why it is lost.
    pub(super) fn push(&self, record: &RawRecord<'_>, counters: &Counters) -> Result<(), Dropped> {
        counters.count_aside();
        let mut buffers = self.buffers();
        if buffers.filled.last_mut().is_some_and(|last| last.push(record)) {
            return Ok(());
        }
        let mut next = match buffers.spare.take() {
            Some(spare) => spare,
            None if buffers.filled.len() >= buffers.most => {
                return Err(if buffers.may_drop { Dropped::HeldUp } else { Dropped::Limit });
            }
            None => {
                counters.count_grown();
                RecordBuffer::new(buffers.size)
            }
        };
        if next.push(record) {
            buffers.filled.push(next);
            return Ok(());
        }
        buffers.spare = Some(next);
        Err(Dropped::TooLarge)
    }

    /// Brings what lies here to the desk.
    pub(super) fn bring(&self, desk: &mut Desk, counters: &Counters) {
        let filled = std::mem::take(&mut self.buffers().filled);
        if filled.is_empty() {
            return;
        }
        desk.take_over(filled, counters);
        let spare = desk.take_empty(counters);
        let mut buffers = self.buffers();
        if buffers.spare.is_none() {
            buffers.spare = spare;
        }
    }
}
