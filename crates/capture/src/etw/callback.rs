//! Who takes the records of a session, on the thread that Windows calls back on.
//!
//! A session is delivered once and may have several takers: what is recorded, what is matched, what watches over
//! the sessions themselves. Each record is offered to all of them:
//!
//! ```text
//! header ─▶ each: wants? ── none ─▶ done, nothing else of the record was looked at
//!             └─ some ─▶ items are written one behind the other, once ─▶ each that wanted: take
//! ```
//!
//! An unwinding must not leave this thread: below it are frames of Windows, and the session would be left running
//! with nobody to read it. It is caught for each taker by itself, so that the others still get the record, and
//! counted. The lock is never waited for in the ordinary course of things, since one thread delivers a session; it
//! is taken by another only to add a taker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use etwatch_event::{RawHeader, RawRecord};

use crate::live::Receive;

/// What came of the records that were offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallbackCounts {
    /// Records that Windows delivered.
    pub offered: u64,
    /// Records that some taker wanted.
    pub wanted: u64,
    /// How often a taker unwound over a record; it has lost that record.
    pub unwound: u64,
    /// Records whose items or payload could not be reached, so that they were taken without them.
    pub damaged: u64,
}

struct Taker {
    receive: Box<dyn Receive>,
    wants: bool,
}

#[derive(Default)]
struct Takers {
    all: Vec<Taker>,
    /// Extended items of the record at hand, in the form of a file; reused.
    items: Vec<u8>,
}

/// The takers of one session, and what came of its records.
#[derive(Default)]
pub struct Callback {
    takers: Mutex<Takers>,
    offered: AtomicU64,
    wanted: AtomicU64,
    unwound: AtomicU64,
    damaged: AtomicU64,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callback").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Callback {
    /// A callback with these takers.
    #[must_use]
    pub fn new(takers: Vec<Box<dyn Receive>>) -> Self {
        let all = takers.into_iter().map(|receive| Taker { receive, wants: false }).collect();
        Self { takers: Mutex::new(Takers { all, items: Vec::new() }), ..Self::default() }
    }

    /// Adds a taker, from the next record on.
    pub fn add(&self, receive: Box<dyn Receive>) {
        let mut takers = self.takers.lock().unwrap_or_else(PoisonError::into_inner);
        takers.all.push(Taker { receive, wants: false });
    }

    /// Offers a record. `items` writes its extended items in the form of a file, and says whether all could be
    /// reached; it is called only if someone wants the record. Never unwinds.
    pub fn offer(
        &self,
        header: &RawHeader,
        items: impl FnOnce(&mut Vec<u8>) -> bool,
        payload: &[u8],
    ) {
        self.offered.fetch_add(1, Ordering::Relaxed);
        let mut takers = self.takers.lock().unwrap_or_else(PoisonError::into_inner);
        let Takers { all, items: extended } = &mut *takers;
        let mut is_wanted = false;
        for Taker { receive, wants } in all.iter_mut() {
            *wants = self.guarded(|| receive.wants(header)).unwrap_or(false);
            is_wanted |= *wants;
        }
        if !is_wanted {
            return;
        }
        self.wanted.fetch_add(1, Ordering::Relaxed);
        extended.clear();
        if !items(extended) {
            self.count_damaged();
        }
        let record = RawRecord { header: *header, extended, payload };
        for Taker { receive, .. } in all.iter_mut().filter(|taker| taker.wants) {
            self.guarded(|| receive.take(&record));
        }
    }

    /// Counts a record whose items or payload could not be reached.
    pub fn count_damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// What came of the records so far.
    #[must_use]
    pub fn counts(&self) -> CallbackCounts {
        CallbackCounts {
            offered: self.offered.load(Ordering::Relaxed),
            wanted: self.wanted.load(Ordering::Relaxed),
            unwound: self.unwound.load(Ordering::Relaxed),
            damaged: self.damaged.load(Ordering::Relaxed),
        }
    }

    fn guarded<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        // What a taker leaves half done is its own: nothing of it is read here afterwards.
        let done = catch_unwind(AssertUnwindSafe(act));
        if done.is_err() {
            self.unwound.fetch_add(1, Ordering::Relaxed);
        }
        done.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use etwatch_event::raw::push_item;

    use super::*;

    type Taken = Arc<Mutex<Vec<(u16, Vec<u8>, Vec<u8>)>>>;

    /// Wants records whose id is at least this, and keeps them; unwinds over id 13.
    struct Keeps {
        from: u16,
        taken: Taken,
    }

    impl Receive for Keeps {
        fn wants(&mut self, header: &RawHeader) -> bool {
            header.id >= self.from
        }
        fn take(&mut self, record: &RawRecord<'_>) {
            assert_ne!(record.header.id, 13, "an unlucky record");
            let kept = (record.header.id, record.extended.to_vec(), record.payload.to_vec());
            self.taken.lock().unwrap().push(kept);
        }
    }

    fn keeps(from: u16) -> (Box<dyn Receive>, Taken) {
        let taken = Taken::default();
        (Box::new(Keeps { from, taken: Arc::clone(&taken) }), taken)
    }

    fn ids(taken: &Taken) -> Vec<u16> {
        taken.lock().unwrap().iter().map(|(id, _, _)| *id).collect()
    }

    fn offer(callback: &Callback, id: u16) {
        let header = RawHeader { id, ..RawHeader::default() };
        let items = |extended: &mut Vec<u8>| {
            push_item(extended, 2, &[1; 8], true);
            id != 5
        };
        callback.offer(&header, items, &[9]);
    }

    #[test]
    fn each_taker_gets_what_it_wants() {
        let ((first, of_first), (second, of_second)) = (keeps(2), keeps(4));
        let callback = Callback::new(vec![first]);
        offer(&callback, 3);
        callback.add(second);
        for id in [1, 4, 5] {
            offer(&callback, id);
        }
        assert_eq!(ids(&of_first), [3, 4, 5]);
        assert_eq!(ids(&of_second), [4, 5]);
        let (_, extended, payload) = of_second.lock().unwrap().remove(0);
        assert_eq!((extended.len(), payload), (16, vec![9]), "items do not pile up");
        let counts = CallbackCounts { offered: 4, wanted: 3, unwound: 0, damaged: 1 };
        assert_eq!(callback.counts(), counts);
    }

    #[test]
    fn unwinding_is_caught_and_the_next_taker_and_record_are_served() {
        let ((first, of_first), (second, of_second)) = (keeps(0), keeps(0));
        let callback = Callback::new(vec![first, second]);
        for id in [13, 14] {
            offer(&callback, id);
        }
        assert_eq!((ids(&of_first), ids(&of_second)), (vec![14], vec![14]));
        assert_eq!(callback.counts().unwound, 2);
    }
}
