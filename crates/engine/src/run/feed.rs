//! Where live events come from: what each feed answers, whatever stands behind it.
//!
//! A feed has a thread of its own that waits for it, so it may take its time, but not beyond what it was told:
//! in between, the thread looks whether the run is to stop. What a feed has is a [`Piece`], the same that
//! recordings have, and workers decode it the same way.
//!
//! A recording that is read as if it happened now ([`Recorded`]) is a feed that can wait: while nobody takes its
//! pieces it reads no further. A session of Windows can't, and counts what it has to drop.

use std::time::Duration;

use etwatch_alert::telemetry::Tampering;
use etwatch_capture::{Piece, Source, SourceError};

/// What a feed has next.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "moved once a batch, and most are records")]
pub enum Next {
    /// Records.
    Piece(Piece),
    /// Somebody changed what is watched.
    Tampering(Tampering),
    /// There is one more feed.
    Feed(Box<dyn Feed>),
    /// Nothing came in time.
    Quiet,
    /// There will be nothing more.
    Ended,
}

impl std::fmt::Debug for dyn Feed {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.debug_tuple("Feed").field(&self.name()).finish()
    }
}

/// Something that live events come from.
pub trait Feed: Send {
    /// The name shown in reports and alerts.
    fn name(&self) -> String;
    /// What stands for the host that its events are of if they do not name one.
    fn host(&self) -> Option<String> {
        None
    }
    /// What it has next; waits for about that long.
    ///
    /// # Errors
    /// Why it ended before its end; there is nothing more.
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError>;
    /// It is to end: nothing new is to come, what it has is still to be had, and then [`Next::Ended`].
    fn stop(&mut self);
}

/// A recording, read as fast as its pieces are taken.
pub struct Recorded {
    name: String,
    source: Box<dyn Source>,
    is_stopped: bool,
}

impl Recorded {
    /// Reads `source` from its beginning.
    #[must_use]
    pub fn new(name: String, source: Box<dyn Source>) -> Self {
        Self { name, source, is_stopped: false }
    }
}

impl Feed for Recorded {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn host(&self) -> Option<String> {
        self.source.host()
    }
    fn next(&mut self, _: Duration) -> Result<Next, SourceError> {
        if self.is_stopped {
            return Ok(Next::Ended);
        }
        Ok(self.source.next_piece()?.map_or(Next::Ended, Next::Piece))
    }
    fn stop(&mut self) {
        self.is_stopped = true;
    }
}
