//! Keeps what feeds deliver before anybody decodes it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etwatch_capture::ring::{Recorded, Ring, RingLimits};
use etwatch_capture::{Piece, SourceError};

use crate::run::feed::{Feed, Next};

/// A ring of recordings that the feeds of a run share.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Mutex<Ring>>);

impl Recorder {
    /// A recorder into `folder`.
    ///
    /// # Errors
    /// If the folder can't be made or read.
    pub fn open(folder: &Path, limits: RingLimits) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(Ring::open(folder, limits)?))))
    }
    /// The same feed, with what sessions deliver kept on its way. A disk that takes no more costs the recording
    /// alone.
    #[must_use]
    pub fn record(&self, feed: Box<dyn Feed>) -> Box<dyn Feed> {
        Box::new(RecordedFeed { feed, recorder: self.clone() })
    }
    /// Completes the files; returns what was recorded.
    #[must_use]
    pub fn close(&self) -> Recorded {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.close();
        tell(&mut ring);
        ring.recorded()
    }
}

fn tell(ring: &mut Ring) {
    if let Some(error) = ring.take_error() {
        tracing::error!("what is read is not recorded: {error}");
    }
}

struct RecordedFeed {
    feed: Box<dyn Feed>,
    recorder: Recorder,
}

impl Feed for RecordedFeed {
    fn name(&self) -> String {
        self.feed.name()
    }
    fn host(&self) -> Option<String> {
        self.feed.host()
    }
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        let next = match self.feed.next(wait)? {
            Next::Feed(feed) => Next::Feed(self.recorder.record(feed)),
            next => next,
        };
        if let Next::Piece(Piece::Live(batch)) = &next {
            let mut ring = self.recorder.0.lock().unwrap_or_else(PoisonError::into_inner);
            ring.record(batch);
            tell(&mut ring);
        }
        Ok(next)
    }
    fn stop(&mut self) {
        self.feed.stop();
    }
}
