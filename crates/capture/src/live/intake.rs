//! What is done on the thread that Windows calls back on: filter, copy, hand off.
//!
//! The thread must not wait, so the desk is only tried for. While another thread has it (the flusher, for as long as
//! handing on half a batch takes), records are put *aside* (`aside`); whoever has the desk next brings them
//! there before anything else, so their order stays.
//!
//! Each delivered record ends in one place: filtered, dropped with a reason, or copied. One that was wanted and
//! never taken, since whoever was to hand it on failed in between, is noticed with the next one.

use std::sync::Arc;

use etwatch_event::{Clock, RawHeader, RawRecord};

use super::counters::{Counters, Dropped, Filtered};
use super::desk::Shared;
use super::filter::HeaderFilter;
use super::images::ProcessImages;
use super::receive::Receive;
use super::refilter::Refilter;

/// One of this many records is timed whatever becomes of it.
const TIMED: u64 = 64;

/// A filter of whoever captures.
pub type OwnFilter = Box<dyn FnMut(&RawHeader) -> bool + Send>;

/// Takes the records of a session; see the module.
pub struct Intake {
    pub(super) filter: HeaderFilter,
    pub(super) own: Option<OwnFilter>,
    /// To be told of the starts of processes.
    pub(super) images: Option<Arc<ProcessImages>>,
    pub(super) shared: Arc<Shared>,
    /// Whether a record was put aside since the desk was had.
    pub(super) is_aside: bool,
    pub(super) clock: Arc<dyn Clock>,
    /// Records that were delivered: the number of the next one.
    pub(super) delivered: u64,
    /// Whether a record was wanted and has not been taken yet.
    pub(super) is_awaited: bool,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.debug_struct("Intake").field("counters", &self.shared.counters).finish_non_exhaustive()
    }
}

impl Intake {
    /// What is counted; it can be read while the session runs and after it ended.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Changes which records are wanted while the session runs.
    #[must_use]
    pub fn refilter(&self) -> Refilter {
        Refilter { shared: Arc::clone(&self.shared), images: self.images.clone() }
    }

    /// Begins with a record; returns whether it is wanted.
    fn judge(&mut self, header: &RawHeader) -> bool {
        if let Some(filter) = self.shared.next_filter.take() {
            self.filter = filter;
        }
        let counters = &*self.shared.counters;
        let own = &mut self.own;
        let refused = self.filter.refuses(header).or_else(|| {
            let is_wanted = own.as_mut().is_none_or(|wants| wants(header));
            (!is_wanted).then_some(Filtered::Own)
        });
        if let Some(why) = refused {
            counters.count_filtered(why);
        }
        refused.is_none()
    }

    /// Copies a record, the number of which is that of records delivered.
    fn copy(&mut self, record: &RawRecord<'_>) -> Result<(), Dropped> {
        let Self { shared, clock, is_aside, .. } = self;
        let is_timed = self.delivered.is_multiple_of(TIMED);
        let begin = is_timed.then(|| clock.elapsed());
        let mut desk = shared.try_desk();
        let is_free = !*is_aside;
        let is_copied = desk.as_mut().is_some_and(|desk| is_free && desk.push(record));
        if is_copied && !is_timed {
            return Ok(());
        }
        let begin = begin.unwrap_or_else(|| clock.elapsed());
        let outcome = match &mut desk {
            _ if is_copied => Ok(()),
            Some(desk) => {
                if std::mem::take(is_aside) {
                    shared.aside.bring(desk, &shared.counters);
                }
                desk.push_on(record, &shared.counters)
            }
            None => {
                *is_aside = true;
                shared.aside.push(record, &shared.counters)
            }
        };
        shared.counters.took(clock.elapsed().saturating_sub(begin));
        outcome
    }

    fn count_untaken(&mut self) {
        if std::mem::take(&mut self.is_awaited) {
            self.shared.counters.count_dropped(Dropped::NotTaken, 1);
        }
    }
}

impl Receive for Intake {
    fn wants(&mut self, header: &RawHeader) -> bool {
        self.count_untaken();
        self.delivered += 1;
        self.shared.counters.count_delivered();
        // If judging fails, it counts as a record that was never taken.
        self.is_awaited = true;
        self.is_awaited = self.judge(header);
        self.is_awaited
    }

    fn take(&mut self, record: &RawRecord<'_>) {
        if !self.is_awaited {
            self.delivered += 1;
            self.shared.counters.count_delivered();
            self.is_awaited = true;
        }
        let header = RawHeader { number: self.delivered, ..record.header };
        let outcome = self.copy(&RawRecord { header, ..*record });
        self.is_awaited = false;
        match outcome {
            Ok(()) => self.shared.counters.count_copied(),
            Err(why) => self.shared.counters.count_dropped(why, 1),
        }
        if let Some(images) = &self.images {
            images.learn(record);
        }
    }
}

impl Drop for Intake {
    /// The session is over: feeds get what is left, then nothing.
    fn drop(&mut self) {
        self.count_untaken();
        let shared = &self.shared;
        let mut desk = shared.desk();
        shared.aside.bring(&mut desk, &shared.counters);
        desk.end(&shared.counters);
    }
}
