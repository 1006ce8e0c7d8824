//! A session, or what simulates one, as a feed.

use std::time::Duration;

use etwatch_capture::live;
use etwatch_capture::{Piece, SourceError};

use crate::run::feed::{Feed, Next};

/// How a session is told to end; its feed then has what it has, and ends.
pub type EndSession = Box<dyn FnMut() + Send>;

/// The batches of a session.
pub struct SessionFeed {
    name: String,
    feed: live::Feed,
    end: EndSession,
}

impl SessionFeed {
    /// The batches that `feed` hands out of the session `name`, which `end` tells to end.
    #[must_use]
    pub fn new(name: String, feed: live::Feed, end: EndSession) -> Self {
        Self { name, feed, end }
    }
}

impl Feed for SessionFeed {
    fn name(&self) -> String {
        self.name.clone()
    }
    fn host(&self) -> Option<String> {
        self.feed.trace().host()
    }
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        Ok(match self.feed.next_batch(wait) {
            live::Next::Batch(batch) => Next::Piece(Piece::Live(batch)),
            live::Next::Quiet => Next::Quiet,
            live::Next::Ended => Next::Ended,
        })
    }
    fn stop(&mut self) {
        (self.end)();
    }
}
