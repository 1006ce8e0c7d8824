//! What sessions have lost, over all that had a name.
//!
//! Three things are lost in three places and need three answers: events, since no buffer was free (more buffers);
//! buffers on their way to a consumer (a faster one); buffers on their way to a log (none of ours has one). They are
//! kept apart, as totals of the run: a session that is started anew begins at 0, its totals go on.

use super::callback::CallbackCounts;
use crate::live::loss::{LossReading, since};

/// What a session has lost since it was first started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionLosses {
    /// Its name.
    pub session: String,
    /// Events for which there was no room in any buffer.
    pub events: u64,
    /// Buffers that could not be written to a log.
    pub log_buffers: u64,
    /// Buffers that could not be handed to us in time.
    pub real_time_buffers: u64,
    /// What came of the records that were delivered.
    pub callback: CallbackCounts,
    /// Records of providers that nobody asked for.
    pub undispatched: u64,
}

impl SessionLosses {
    /// Adds what was lost between two readings of the same session.
    pub(super) fn add(&mut self, last: LossReading, now: LossReading) {
        self.events += since(last.events_lost, now.events_lost);
        self.log_buffers += since(last.log_buffers_lost, now.log_buffers_lost);
        self.real_time_buffers += since(last.real_time_buffers_lost, now.real_time_buffers_lost);
    }
}
