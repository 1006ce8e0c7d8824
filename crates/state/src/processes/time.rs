//! Times that different sources give to the same moment.
//!
//! The kernel's time of a start, the time of the record that tells it, and the time at which a service wrote
//! it to a log differ by some milliseconds. Two times within [`TOLERANCE`] may be the same moment.

use std::time::Duration;

use etwatch_event::Timestamp;
use etwatch_event::time::TICKS_PER_SECOND;

/// How far the times may lie apart that sources give to one moment: 50 ms, in 100 ns units.
pub(super) const TOLERANCE: u64 = TICKS_PER_SECOND / 20;

/// Whether both may be the same moment.
pub(super) fn same(one: Timestamp, other: Timestamp) -> bool {
    one.filetime().abs_diff(other.filetime()) <= TOLERANCE
}

/// How long `time` is after `earlier`, in 100 ns units; zero if it is before by no more than the tolerance,
/// `None` if it is before by more.
pub(super) fn later(time: Timestamp, earlier: Timestamp) -> Option<u64> {
    let (time, earlier) = (time.filetime(), earlier.filetime());
    (time.saturating_add(TOLERANCE) >= earlier).then(|| time.saturating_sub(earlier))
}

/// A duration in 100 ns units.
pub(super) fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos() / 100).unwrap_or(u64::MAX)
}
