//! Who is handed the records of a session, on the thread that Windows calls back on.

use etwatch_event::{RawHeader, RawRecord};

/// Takes records on a thread that must not wait: while it does, Windows loses events.
pub trait Receive: Send {
    /// Whether a record with this header is wanted. Asked first, with the header alone, for every record that the
    /// session delivers; one that is not wanted is counted here and looked at no further.
    fn wants(&mut self, header: &RawHeader) -> bool;
    /// Takes a wanted record: copies it, or counts why it could not. Never waits, never allocates in steady
    /// state. [`RawHeader::number`] need not be set; whoever copies counts.
    fn take(&mut self, record: &RawRecord<'_>);
}
