//! What is done on the thread that Windows calls back on: filter, copy, hand off.
//!
//! The thread must not wait, so the desk is only tried for. While another thread has it (the flusher, for as long as
//! handing on half a batch takes), records are put *aside*, into a buffer that nobody else knows; with the first
//! record that finds the desk free they go there before it, so their order stays.
//!
//! Each delivered record ends in one place: filtered, dropped with a reason, or copied. One that was wanted and
//! never taken, since whoever was to hand it on failed in between, is noticed with the next one.

use std::sync::Arc;

use etwatch_event::{Clock, RawHeader, RawRecord};

use super::buffer::{BufferSize, RecordBuffer};
use super::counters::{Counters, Dropped, Filtered};
use super::desk::{Desk, Shared};
use super::filter::HeaderFilter;
use super::images::ProcessImages;
use super::receive::Receive;

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
    pub(super) aside: Aside,
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

/// Buffers beside the desk.
#[derive(Debug)]
pub(super) struct Aside {
    /// Filled ones, the last one still being filled.
    pub(super) buffers: Vec<RecordBuffer>,
    /// For the next time.
    pub(super) spare: Option<RecordBuffer>,
    pub(super) size: BufferSize,
    pub(super) most: usize,
    pub(super) may_drop: bool,
}

impl Aside {
    fn push(&mut self, record: &RawRecord<'_>, counters: &Counters) -> Result<(), Dropped> {
        if self.buffers.last_mut().is_some_and(|last| last.push(record)) {
            return Ok(());
        }
        let mut next = match self.spare.take() {
            Some(spare) => spare,
            None if self.may_drop => return Err(Dropped::HeldUp),
            None if self.buffers.len() >= self.most => return Err(Dropped::Limit),
            None => {
                counters.count_grown();
                RecordBuffer::new(self.size)
            }
        };
        let taken = next.push(record);
        self.buffers.push(next);
        if taken { Ok(()) } else { Err(Dropped::TooLarge) }
    }
}

impl Intake {
    /// What is counted; it can be read while the session runs and after it ended.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Begins with a record; returns whether it is wanted.
    fn judge(&mut self, header: &RawHeader) -> bool {
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
        let Self { shared, aside, clock, .. } = self;
        let counters = &*shared.counters;
        let is_timed = self.delivered.is_multiple_of(TIMED);
        let begin = is_timed.then(|| clock.elapsed());
        let mut desk = shared.try_desk();
        let is_free = aside.buffers.is_empty();
        let is_copied = desk.as_mut().is_some_and(|desk| is_free && desk.push(record));
        if is_copied && !is_timed {
            return Ok(());
        }
        let begin = begin.unwrap_or_else(|| clock.elapsed());
        let outcome = match &mut desk {
            _ if is_copied => Ok(()),
            Some(desk) => copy_on(desk, aside, record, counters),
            None => {
                counters.count_aside();
                aside.push(record, counters)
            }
        };
        counters.took(clock.elapsed().saturating_sub(begin));
        outcome
    }

    fn count_untaken(&mut self) {
        if std::mem::take(&mut self.is_awaited) {
            self.shared.counters.count_dropped(Dropped::NotTaken, 1);
        }
    }
}

/// Copies a record to a desk whose buffer is full, or to which there is something to be brought before.
#[cold]
fn copy_on(
    desk: &mut Desk,
    aside: &mut Aside,
    record: &RawRecord<'_>,
    counters: &Counters,
) -> Result<(), Dropped> {
    if !aside.buffers.is_empty() {
        desk.take_over(&mut aside.buffers, counters);
        aside.spare = aside.spare.take().or_else(|| desk.take_empty(counters));
    }
    desk.push_on(record, counters)
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
        desk.take_over(&mut self.aside.buffers, &shared.counters);
        desk.end(&shared.counters);
    }
}
