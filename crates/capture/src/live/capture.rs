//! From the settings of a session to the two ends of its hand-off.
//!
//! ```
//! use std::time::Duration;
//! use etwatch_capture::live::{Capture, Next, Receive, SessionSettings};
//! use etwatch_event::{RawHeader, RawRecord};
//!
//! let Capture { mut intake, mut feed, flush } = Capture::builder(&SessionSettings::default())
//!     .channel_capacity(16)
//!     .filter(|header| header.id != 7)
//!     .build()?;
//! // A session hands its records to `intake`, on a thread of its own.
//! for id in [1, 7, 3] {
//!     let header = RawHeader { id, form: etwatch_event::RawForm::Classic, ..RawHeader::default() };
//!     if intake.wants(&header) {
//!         intake.take(&RawRecord { header, extended: &[], payload: b"bytes" });
//!     }
//! }
//! flush.tick();
//! let Next::Batch(batch) = feed.next_batch(Duration::from_secs(1)) else { panic!("a batch") };
//! assert!(batch.records().map(|record| record.header.id).eq([1, 3]));
//! assert_eq!(batch.ledger().filtered["own filter"], 1);
//! # Ok::<(), etwatch_capture::live::TooManyImages>(())
//! ```

use std::sync::Arc;
use std::time::Duration;

use etwatch_event::clock::SystemClock;
use etwatch_event::{Clock, RawHeader};

use crate::etl::Trace;

use super::buffer::{BufferSize, RecordBuffer};
use super::desk::{Layout, Shared};
use super::feed::{Feed, Reading};
use super::filter::HeaderFilter;
use super::flush::Flush;
use super::images::{ProcessFilter, ProcessImages, TooManyImages};
use super::intake::{Intake, OwnFilter};
use super::schemas::Schemas;
use super::settings::SessionSettings;

/// Buffers that readers may have at once, beside those in the queue.
const IN_HAND: usize = 16;
/// Buffers at the beginning; more are made when readers fall behind. Few that are used again and again stay in the
/// caches of the processor.
const FIRST: usize = 16;
/// Buffers that a session may grow to, however small they are.
const MOST: usize = 1 << 16;

/// The ends of a session's hand-off.
#[derive(Debug)]
pub struct Capture {
    /// Takes the records; given to who starts the session.
    pub intake: Intake,
    /// Reads them.
    pub feed: Feed,
    /// Hands on batches that are not full; given to a [`super::Flusher`].
    pub flush: Flush,
}

/// How a session is captured.
pub struct Builder {
    settings: SessionSettings,
    session: u32,
    trace: Arc<Trace>,
    size: BufferSize,
    channel: usize,
    limit: usize,
    own: Option<OwnFilter>,
    images: Option<Arc<ProcessImages>>,
    schemas: Schemas,
    deadline: Duration,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Capture {
    /// Begins with what the session is asked for: its filters, and whether it may drop.
    #[must_use]
    pub fn builder(settings: &SessionSettings) -> Builder {
        Builder {
            settings: settings.clone(),
            session: 0,
            trace: Arc::default(),
            size: BufferSize::default(),
            channel: 256,
            limit: 512 << 20,
            own: None,
            images: None,
            schemas: Schemas::default(),
            deadline: Duration::from_millis(200),
            clock: Arc::new(SystemClock::start()),
        }
    }
}

impl Builder {
    /// The number of the session, which its batches carry. 0 if it is not set.
    #[must_use]
    pub fn session(self, session: u32) -> Self {
        Self { session, ..self }
    }
    /// What is known of the host, which its batches carry: build, size of a pointer, volumes, time of boot.
    #[must_use]
    pub fn trace(self, trace: Arc<Trace>) -> Self {
        Self { trace, ..self }
    }
    /// How large batches are; 128 KiB and 1,024 records if it is not set.
    #[must_use]
    pub fn batch_size(self, size: BufferSize) -> Self {
        Self { size, ..self }
    }
    /// Batches that wait for a feed before further ones are dropped, 256 if it is not set (a quarter of
    /// a second of a million records a second, in at most 64 MiB). A session that must not drop
    /// goes by [`Builder::memory_limit`] instead.
    #[must_use]
    pub fn channel_capacity(self, batches: usize) -> Self {
        Self { channel: batches, ..self }
    }
    /// Bytes that a session that must not drop may grow to; 512 MiB if it is not set.
    #[must_use]
    pub fn memory_limit(self, bytes: usize) -> Self {
        Self { limit: bytes, ..self }
    }
    /// A filter beside that of the settings, asked on the thread that Windows calls back on: it must not wait.
    #[must_use]
    pub fn filter(self, wants: impl FnMut(&RawHeader) -> bool + Send + 'static) -> Self {
        Self { own: Some(Box::new(wants)), ..self }
    }
    /// The table of processes and images that the sessions of a run share. Without it the session has its own, and
    /// knows those whose start it is delivered itself.
    #[must_use]
    pub fn images(self, images: Option<Arc<ProcessImages>>) -> Self {
        Self { images, ..self }
    }
    /// The schemas of the run.
    #[must_use]
    pub fn schemas(self, schemas: &Schemas) -> Self {
        Self { schemas: schemas.clone(), ..self }
    }
    /// How long a batch waits for schemas that were asked for; 200 ms if it is not set.
    #[must_use]
    pub fn schema_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
    /// The clock that times waits and callbacks.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Makes both ends.
    ///
    /// # Errors
    /// [`TooManyImages`] if no table was given and the settings name more images than one can have.
    pub fn build(self) -> Result<Capture, TooManyImages> {
        let Self { settings, session, trace, size, channel, limit, .. } = self;
        let images = match self.images {
            Some(images) => Some(images),
            None => ProcessImages::of(std::slice::from_ref(&settings))?,
        };
        let processes = ProcessFilter::new(&settings, images.clone());
        let may_drop = settings.may_drop;
        let layout = if may_drop {
            let most = channel + IN_HAND;
            Layout { size, queue: channel, first: FIRST, most, may_drop }
        } else {
            let most = (limit / RecordBuffer::memory(size)).clamp(2, MOST);
            Layout { size, queue: most, first: FIRST, most, may_drop }
        };
        let shared = Arc::new(Shared::new(layout));
        let intake = Intake {
            filter: HeaderFilter::new(&settings, processes),
            own: self.own,
            images,
            shared: Arc::clone(&shared),
            is_aside: false,
            clock: Arc::clone(&self.clock),
            delivered: 0,
            is_awaited: false,
        };
        let (schemas, deadline, clock) = (self.schemas, self.deadline, self.clock);
        let flush = Flush(Arc::clone(&shared));
        let feed = Feed::new(Reading { session, trace, schemas, deadline, clock, shared });
        Ok(Capture { intake, feed, flush })
    }
}
