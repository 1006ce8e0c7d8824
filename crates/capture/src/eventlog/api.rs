//! What the event log is asked, in plain types, so that all above runs the same against a script.

use std::time::Duration;

use super::error::EventLogError;

/// Where reading a channel begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'a> {
    /// With what is written from now on.
    Now,
    /// With the oldest event that is there.
    Oldest,
    /// Behind the event that this bookmark names; refused with [`super::Kind::Stale`] if it is no longer there.
    After(&'a str),
}

/// The event log of a machine.
pub trait EventLog: Send {
    /// Begins to read a channel. `query` is XPath (`*` for all events) or a structured query
    /// (`<QueryList>…`).
    ///
    /// # Errors
    /// [`EventLogError`] if there is no such channel, it is refused, or the query or bookmark is none.
    fn subscribe(
        &mut self,
        channel: &str,
        query: &str,
        start: Start<'_>,
    ) -> Result<Box<dyn ChannelEvents>, EventLogError>;
    /// Waits until some subscription of this log may have events, at most so long; whether it may. Once it was
    /// said of a subscription, it is said again only after [`ChannelEvents::next`] gave nothing.
    fn wait(&mut self, timeout: Duration) -> bool;
    /// The paths of all channels.
    ///
    /// # Errors
    /// [`EventLogError`] if the event log does not answer.
    fn channels(&mut self) -> Result<Vec<String>, EventLogError>;
    /// Whether a channel is switched on.
    ///
    /// # Errors
    /// [`EventLogError`] if there is no such channel or it is refused.
    fn is_enabled(&mut self, channel: &str) -> Result<bool, EventLogError>;
}

/// A channel that is read.
pub trait ChannelEvents: Send {
    /// Hands the next events to `take`, at most `most`, each as the XML that Windows renders, or why it could not be
    /// rendered; returns how many there were, 0 if there are none for now.
    ///
    /// # Errors
    /// [`EventLogError`] if the subscription has ended; what was handed out before is valid.
    fn next(
        &mut self,
        most: usize,
        take: &mut dyn FnMut(Result<&str, EventLogError>),
    ) -> Result<usize, EventLogError>;
    /// The bookmark behind the last event that was handed out, as XML; before the first, that of the event behind
    /// which reading begins. `None` if there was no event yet.
    ///
    /// # Errors
    /// [`EventLogError`] if Windows can't render it.
    fn bookmark(&mut self) -> Result<Option<String>, EventLogError>;
}
