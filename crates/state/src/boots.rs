//! When Windows was started, as far as events tell.
//!
//! Process ids begin anew with each start, so that what is known of them from before means nothing any more.
//! Kernel-General 12 tells the time of the start. Other events tell that Windows has been started a while ago; what
//! began in the minute before them may be of this start already and is kept. Several events tell of one start: those
//! in the ten minutes after it tell nothing new, unless one knows the time.

use etwatch_event::time::TICKS_PER_SECOND;
use etwatch_event::{Event, FieldId, Timestamp, Value};

/// How long Windows takes until it writes of its start, at most, in units of 100 ns.
const START: u64 = 60 * TICKS_PER_SECOND;
/// What tells of a start in this time after it tells of the same.
const SAME: u64 = 600 * TICKS_PER_SECOND;

/// When Windows was started according to an event, which has the time in `start_time` if it knows it; `None` if it
/// tells of the start at `last`, which is known.
pub(crate) fn boot(event: &Event<'_>, start_time: FieldId, last: Timestamp) -> Option<Timestamp> {
    let told = match event.get(start_time).first() {
        Some(Value::Time(time)) => Some(time),
        Some(Value::Text(text)) => Timestamp::parse(text),
        _ => None,
    };
    let ago = event.time().filetime().saturating_sub(last.filetime());
    let boot = match told.filter(|told| told.is_known()) {
        // The clock is set while Windows starts.
        Some(told) => told.min(event.time()),
        None if last.is_known() && ago <= SAME => return None,
        None => Timestamp::from_filetime(event.time().filetime().checked_sub(START)?),
    };
    (boot > last).then_some(boot)
}
