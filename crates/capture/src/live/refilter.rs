//! Another filter for a session that runs.
//!
//! When rules are loaded again, a session may be asked for more or less. Whoever asks lays the new filter down, and the
//! thread that Windows calls back on takes it with its next record: of a record before that, one look at a flag is
//! all it costs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use super::desk::Shared;
use super::filter::HeaderFilter;
use super::images::{ProcessFilter, ProcessImages};
use super::settings::SessionSettings;

/// Where a filter is laid down.
#[derive(Debug, Default)]
pub(super) struct NextFilter {
    is_there: AtomicBool,
    filter: Mutex<Option<HeaderFilter>>,
}

impl NextFilter {
    /// The new filter, if there is one. Never waits: it is taken with a later record then.
    pub(super) fn take(&self) -> Option<HeaderFilter> {
        if !self.is_there.load(Ordering::Acquire) {
            return None;
        }
        let mut filter = match self.filter.try_lock() {
            Ok(filter) => filter,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.is_there.store(false, Ordering::Release);
        filter.take()
    }

    fn put(&self, filter: HeaderFilter) {
        let mut place = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(filter);
        self.is_there.store(true, Ordering::Release);
    }
}

/// Changes which records of a session are wanted.
#[derive(Clone, Debug)]
pub struct Refilter {
    pub(super) shared: Arc<Shared>,
    pub(super) images: Option<Arc<ProcessImages>>,
}

impl Refilter {
    /// From one of the next records on, those are wanted that these settings ask for. Names of images that no settings
    /// of the run named at its beginning are those of no process.
    pub fn set(&self, settings: &SessionSettings) {
        let processes = ProcessFilter::new(settings, self.images.clone());
        self.shared.next_filter.put(HeaderFilter::new(settings, processes));
    }
}
