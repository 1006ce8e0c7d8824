//! Who is handed the records of a session, on the thread that Windows calls back on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use etwatch_event::{RawHeader, RawRecord};

use super::counters::Counters;

/// Takes records on a thread that must not wait: while it does, Windows loses events.
pub trait Receive: Send {
    /// Whether a record with this header is wanted. Asked first, with the header alone, for every record that the
    /// session delivers; one that is not wanted is counted here and looked at no further.
    fn wants(&mut self, header: &RawHeader) -> bool;
    /// Takes a wanted record: copies it, or counts why it could not. Never waits, never allocates in steady
    /// state. [`RawHeader::number`] need not be set; whoever copies counts.
    fn take(&mut self, record: &RawRecord<'_>);
}

/// Does what a callback has to do. If that fails (a panic, which must not reach Windows), it is counted, and nothing
/// is returned; the record is counted as dropped with the next one.
pub fn guarded<T>(counters: &Counters, act: impl FnOnce() -> T) -> Option<T> {
    let outcome = catch_unwind(AssertUnwindSafe(act)).ok();
    if outcome.is_none() {
        counters.count_failure();
    }
    outcome
}
