//! All channels of a run, read by one thread: that of the caller.
//!
//! [`Subscription::next`] goes round the channels, some events of each at a time, until a block is full or all have
//! nothing more; then it waits for Windows' signal. Nobody is hurried: while the caller does not ask, events stay in
//! the files of their channels.
//!
//! ```text
//! Waiting ─due─▶ subscribe ─▶ Reading ─▶ events…
//!    ▲               │ refused      │ service ended: after its bookmark again, in 1, 2, 4 … 60 s
//!    └───────────────┴──────────────┘ refused or missing: again in 5 min; a query that is none: never
//! ```
//!
//! # What is lost is told
//! A bookmark that Windows no longer finds means that events were overwritten or the log was cleared before they were
//! read. Reading goes on with the oldest event there is; how many are missing is told by the record numbers (at least
//! one) and stands as `events_lost` in the ledger of the block, with channel and numbers in its damage. The same where
//! the numbers of a channel that is read whole jump.
//!
//! # A restart
//! Bookmarks are saved by [`Subscription::save`] or by themselves ([`SubscriptionSettings::save_every`]), and of what
//! was handed out by an earlier call alone. So after a crash the last blocks come again; they are the same events with
//! the same record numbers, and give the same alert ids. Whoever keeps state of his own saves both together.

mod channel;

use std::sync::Arc;
use std::time::Duration;

use etwatch_event::Clock;

use self::channel::Channel;
use super::api::EventLog;
use super::bookmarks::{BookmarkError, Bookmarks};
use super::error::EventLogError;
use crate::source::Piece;
use crate::xml::XmlBlock;

pub(super) use self::channel::record_of;

/// Events of a channel that are taken before the next one has its turn.
const AT_ONCE: usize = 64;
/// A block is handed out when it has so many events or bytes.
const BLOCK_EVENTS: usize = 1_024;
const BLOCK_BYTES: usize = 256 << 10;
/// Without a signal, channels are asked after this time all the same.
const LOOK_ANYWAY: Duration = Duration::from_secs(10);

/// A channel that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelRequest {
    /// Its path: `Microsoft-Windows-PowerShell/Operational`.
    pub path: String,
    /// Which of its events, as XPath or as a structured query; `*` is all.
    pub query: String,
    /// Whether reading begins with the oldest event if there is no bookmark; else with what is written from then on.
    pub from_oldest: bool,
}

/// How channels are read.
#[derive(Clone, Debug)]
pub struct SubscriptionSettings {
    /// Where bookmarks are kept; none are without.
    pub bookmarks: Option<Bookmarks>,
    /// How often bookmarks are saved by themselves; `None`: only by [`Subscription::save`].
    pub save_every: Option<Duration>,
}

impl Default for SubscriptionSettings {
    fn default() -> Self {
        Self { bookmarks: None, save_every: Some(Duration::from_secs(1)) }
    }
}

/// How a channel is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelState {
    /// It is read.
    Reading,
    /// It will be asked for.
    Waiting,
    /// It was refused, and will be asked for again.
    Refused(EventLogError),
    /// It was refused for good.
    GivenUp(EventLogError),
}

/// What is known of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its path.
    pub path: String,
    /// How it is doing.
    pub state: ChannelState,
    /// Events that were handed out.
    pub events: u64,
    /// Events that were gone before they were read, as far as can be told.
    pub lost: u64,
    /// Record number of the last event.
    pub record: Option<u64>,
}

/// What a subscription has next.
#[derive(Debug)]
pub enum Next {
    /// Events.
    Piece(Box<Piece>),
    /// Nothing came for as long as was to be waited.
    Quiet,
    /// It was stopped.
    Ended,
}

/// Reads channels; see the module.
pub struct Subscription {
    log: Box<dyn EventLog>,
    channels: Vec<Channel>,
    settings: SubscriptionSettings,
    clock: Arc<dyn Clock>,
    /// Whether some channel may have events.
    has_news: bool,
    looked: Duration,
    saved: Duration,
    /// Whose turn it is.
    turn: usize,
    is_stopped: bool,
    /// What went wrong with bookmarks since it was asked for.
    failures: Vec<BookmarkError>,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        form.debug_struct("Subscription").field("channels", &self.channels).finish_non_exhaustive()
    }
}

impl Subscription {
    /// Is going to read these channels of `log`, each from its bookmark on. Nothing is asked yet.
    #[must_use]
    pub fn new(
        log: Box<dyn EventLog>,
        requests: Vec<ChannelRequest>,
        settings: SubscriptionSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let now = clock.elapsed();
        let mut subscription = Self {
            log,
            channels: Vec::new(),
            settings,
            clock,
            has_news: true,
            looked: now,
            saved: now,
            turn: 0,
            is_stopped: false,
            failures: Vec::new(),
        };
        subscription.channels =
            requests.into_iter().map(|request| subscription.open(request)).collect();
        subscription
    }

    /// A channel that is going to be read from its bookmark on.
    fn open(&mut self, request: ChannelRequest) -> Channel {
        let Self { settings, failures, .. } = self;
        let kept = settings.bookmarks.as_ref().map(|kept| kept.load(&request.path)).transpose();
        let bookmark = kept.unwrap_or_else(|error| {
            failures.push(error);
            None
        });
        Channel::new(request, bookmark.flatten())
    }

    /// From now on these channels are read. Those that were read with the same query go on; of the others it is saved
    /// where they were left, and a channel with another query goes on from there.
    pub fn change(&mut self, requests: Vec<ChannelRequest>) {
        self.save();
        let mut old = std::mem::take(&mut self.channels);
        for request in requests {
            let place = old.iter().position(|channel| channel.path() == request.path);
            let known = place.map(|place| old.swap_remove(place));
            let channel = match known {
                Some(channel) if channel.has_request(&request) => channel,
                Some(channel) => channel.anew(request),
                None => self.open(request),
            };
            self.channels.push(channel);
        }
        self.has_news = true;
    }

    /// The next events; waits for them at most so long. What was handed out before counts as taken.
    pub fn next(&mut self, wait: Duration) -> Next {
        let now = self.clock.elapsed();
        let is_due = |every: Duration| now.saturating_sub(self.saved) >= every;
        if self.settings.save_every.is_some_and(is_due) {
            self.save();
        }
        if self.is_stopped {
            return Next::Ended;
        }
        let mut block = XmlBlock::default();
        self.gather(&mut block);
        if !block.has_anything() {
            self.has_news |= self.log.wait(wait);
            self.gather(&mut block);
        }
        if block.has_anything() { Next::Piece(Box::new(Piece::Xml(block))) } else { Next::Quiet }
    }

    /// Opens the channels that are due, and goes round them until the block is full or they have nothing more.
    fn gather(&mut self, block: &mut XmlBlock) {
        let now = self.clock.elapsed();
        for channel in &mut self.channels {
            self.has_news |= channel.open_if_due(self.log.as_mut(), now);
        }
        self.has_news |= now.saturating_sub(self.looked) >= LOOK_ANYWAY;
        if !self.has_news {
            return;
        }
        self.looked = now;
        let count = self.channels.len();
        let mut quiet = 0;
        while quiet < count && block.len() < BLOCK_EVENTS && block.bytes() < BLOCK_BYTES {
            let turn = self.turn.checked_rem(count).unwrap_or_default();
            self.turn = turn + 1;
            let Some(channel) = self.channels.get_mut(turn) else { break };
            quiet = if channel.read(AT_ONCE, block, now) { 0 } else { quiet + 1 };
        }
        self.has_news = quiet < count;
    }

    /// Saves where each channel was left, as of what was handed out. What fails is told by
    /// [`Subscription::take_failures`], and tried again the next time.
    pub fn save(&mut self) {
        self.saved = self.clock.elapsed();
        let Some(bookmarks) = &self.settings.bookmarks else { return };
        for channel in &mut self.channels {
            self.failures.extend(channel.save(bookmarks).err());
        }
    }

    /// What went wrong with bookmarks since this was asked last.
    pub fn take_failures(&mut self) -> Vec<BookmarkError> {
        std::mem::take(&mut self.failures)
    }

    /// Ends: saves, and nothing more comes.
    pub fn stop(&mut self) {
        if self.settings.save_every.is_some() {
            self.save();
        }
        self.is_stopped = true;
    }

    /// How the channels are doing, in the order in which they were asked for.
    pub fn status(&self) -> impl Iterator<Item = ChannelStatus> {
        self.channels.iter().map(Channel::status)
    }
}

#[cfg(test)]
mod tests;
