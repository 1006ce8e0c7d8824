//! Where batches are made: between the thread that Windows calls back on and those that read.
//!
//! One buffer is being filled. It is handed on when it is full, or by the flusher when it is not, to each feed's
//! bounded queue by `try_send`; a feed whose queue is full loses that batch and no other feed does. Empty buffers
//! come back through a queue of their own. All of it lies behind one lock that is held for a copy or a
//! hand-off and nothing else; the callback never waits for it (see [`super::intake`]).
//!
//! ```text
//!            ┌─────────────── desk ───────────────┐        ┌─▶ feed
//! record ──▶ │ being filled ──full or flushed──▶  │ try_send
//!            │      ▲                             │        └─▶ feed
//!            └──────┼─────────────────────────────┘             │
//!                   └───────────── empty buffers ◀──────────────┘
//! ```
//!
//! There are a few buffers at the beginning. When readers fall behind, more are made: as many as a queue takes and
//! readers have in hand for a session that may drop, as many as its limit allows for one that must not.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use etwatch_event::RawRecord;

use super::aside::Aside;
use super::buffer::{BufferSize, Filled, RecordBuffer};
use super::counters::{Counters, DropCounters, Dropped, Tally};
use super::refilter::NextFilter;

/// What a session's callback, its flusher and its feeds have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) counters: Arc<Counters>,
    pub(super) aside: Aside,
    pub(super) next_filter: NextFilter,
    desk: Mutex<Desk>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    size: BufferSize,
    current: RecordBuffer,
    empty: Receiver<RecordBuffer>,
    home: SyncSender<RecordBuffer>,
    /// Buffers that were made, and how many may be.
    made: usize,
    most: usize,
    may_drop: bool,
    /// Batches that a feed's queue takes.
    queue: usize,
    outlets: Vec<Outlet>,
    is_over: bool,
}

/// A feed, as seen from here.
#[derive(Debug)]
struct Outlet {
    to: SyncSender<Arc<Filled>>,
    state: Arc<OutletState>,
}

/// What a feed and the desk say to each other beside the queue.
#[derive(Debug, Default)]
pub(super) struct OutletState {
    /// Batches in its queue.
    pub(super) queued: AtomicUsize,
    /// What it lost since its queue was full.
    pub(super) dropped: DropCounters,
    /// The last batch of the session, for which the queue had no room.
    pub(super) last: Mutex<Option<Arc<Filled>>>,
}

/// How a desk is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) size: BufferSize,
    /// Batches that a feed's queue takes.
    pub(super) queue: usize,
    /// Buffers at the beginning, and at most.
    pub(super) first: usize,
    pub(super) most: usize,
    pub(super) may_drop: bool,
}

impl Shared {
    pub(super) fn new(layout: Layout) -> Self {
        let Layout { size, queue, first, most, may_drop } = layout;
        let (home, empty) = sync_channel(most + 1);
        // One is being filled, the others wait for their turn.
        for _ in 1..first.min(most) {
            let _ = home.try_send(RecordBuffer::new(size));
        }
        let desk = Desk {
            size,
            current: RecordBuffer::new(size),
            empty,
            home,
            made: first.clamp(1, most.max(1)),
            most,
            may_drop,
            queue: queue.max(1),
            outlets: Vec::new(),
            is_over: false,
        };
        Self {
            counters: Arc::default(),
            aside: Aside::new(&layout),
            next_filter: NextFilter::default(),
            desk: Mutex::new(desk),
        }
    }

    /// The desk, if nobody else has it.
    pub(super) fn try_desk(&self) -> Option<MutexGuard<'_, Desk>> {
        match self.desk.try_lock() {
            Ok(desk) => Some(desk),
            // Nothing is left half done where something could fail.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
    /// The desk, after waiting for it: not for the callback.
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// A queue for a further feed, and what was counted before it.
    pub(super) fn connect(
        &mut self,
        counters: &Counters,
    ) -> (Receiver<Arc<Filled>>, Arc<OutletState>, Tally) {
        let (to, from) = sync_channel(self.queue);
        let state = Arc::<OutletState>::default();
        if !self.is_over {
            // What is being filled was delivered before there was this feed.
            self.hand_on(counters, true);
            self.outlets.push(Outlet { to, state: Arc::clone(&state) });
        }
        (from, state, counters.tally())
    }

    /// Copies a record, if there is room in the buffer that is being filled.
    #[inline]
    pub(super) fn push(&mut self, record: &RawRecord<'_>) -> bool {
        self.current.push(record)
    }

    /// Copies a record, if need be to the next buffer.
    ///
    /// # Errors
    /// Why it is lost.
    pub(super) fn push_on(
        &mut self,
        record: &RawRecord<'_>,
        counters: &Counters,
    ) -> Result<(), Dropped> {
        if self.current.push(record) {
            return Ok(());
        }
        if self.current.is_empty() {
            return Err(Dropped::TooLarge);
        }
        if !self.hand_on(counters, false) {
            return Err(if self.may_drop { Dropped::NoBuffer } else { Dropped::Limit });
        }
        if self.current.push(record) { Ok(()) } else { Err(Dropped::TooLarge) }
    }

    /// Hands on what has been copied and goes on with an empty buffer; `false` if there is none.
    fn hand_on(&mut self, counters: &Counters, is_flush: bool) -> bool {
        if self.current.is_empty() {
            return true;
        }
        let Some(empty) = self.take_empty(counters) else { return false };
        let full = std::mem::replace(&mut self.current, empty);
        self.send(full, counters, is_flush);
        true
    }

    /// An empty buffer: one that came back, or a new one.
    pub(super) fn take_empty(&mut self, counters: &Counters) -> Option<RecordBuffer> {
        if let Ok(buffer) = self.empty.try_recv() {
            return Some(buffer);
        }
        if self.made >= self.most {
            return None;
        }
        self.made += 1;
        counters.count_grown();
        Some(RecordBuffer::new(self.size))
    }

    fn send(&mut self, buffer: RecordBuffer, counters: &Counters, is_flush: bool) {
        let records = buffer.len() as u64;
        counters.count_batch(is_flush);
        if self.outlets.is_empty() {
            counters.count_dropped(Dropped::NoReader, records);
        }
        let filled = self.filled(buffer, counters);
        self.outlets.retain(|outlet| {
            outlet.state.queued.fetch_add(1, Relaxed);
            let refused = match outlet.to.try_send(Arc::clone(&filled)) {
                Ok(()) => return true,
                Err(refused) => refused,
            };
            outlet.state.queued.fetch_sub(1, Relaxed);
            outlet.state.dropped.add(Dropped::QueueFull, records);
            matches!(refused, TrySendError::Full(_))
        });
    }

    fn filled(&self, buffer: RecordBuffer, counters: &Counters) -> Arc<Filled> {
        let home = Some(self.home.clone());
        Arc::new(Filled { buffer, tally: counters.tally(), home })
    }

    /// Hands on what has been copied for a while, unless no feed has read what it has: then it may as well be
    /// filled further.
    pub(super) fn flush(&mut self, counters: &Counters) {
        let is_read = |outlet: &Outlet| outlet.state.queued.load(Relaxed) == 0;
        if self.outlets.is_empty() || self.outlets.iter().any(is_read) {
            self.hand_on(counters, true);
        }
    }

    /// Goes on with buffers that were filled beside the desk while another thread had it.
    pub(super) fn take_over(&mut self, aside: Vec<RecordBuffer>, counters: &Counters) {
        for buffer in aside {
            let before = std::mem::replace(&mut self.current, buffer);
            if before.is_empty() {
                let _ = self.home.try_send(before);
            } else {
                self.send(before, counters, false);
            }
        }
    }

    /// Ends the session: each feed gets what is left, then learns that nothing follows.
    pub(super) fn end(&mut self, counters: &Counters) {
        self.is_over = true;
        let last = std::mem::take(&mut self.current);
        if !last.is_empty() {
            if self.outlets.is_empty() {
                counters.count_dropped(Dropped::NoReader, last.len() as u64);
            }
            counters.count_batch(true);
            let last = self.filled(last, counters);
            for outlet in &self.outlets {
                let mut place = outlet.state.last.lock().unwrap_or_else(PoisonError::into_inner);
                *place = Some(Arc::clone(&last));
            }
        }
        self.outlets.clear();
    }
}
