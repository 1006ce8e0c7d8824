//! One channel: when it is asked for, where it stands, what of it was lost.

use std::time::Duration;

use super::super::api::{ChannelEvents, EventLog, Start};
use super::super::bookmarks::{BookmarkError, Bookmarks};
use super::super::error::{Again, EventLogError, Kind};
use super::{ChannelRequest, ChannelState, ChannelStatus};
use crate::source::Damage;
use crate::xml::XmlBlock;

/// Delays after failures of the service: the first, and the longest.
const SOON: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// When a channel that is refused or missing is asked for again.
const LATER: Duration = Duration::from_secs(300);
/// The ledger's reasons.
const LOST: &str = "channel events lost";
const NOT_RENDERED: &str = "event not rendered";

/// What a channel is doing.
enum Doing {
    Reading(Box<dyn ChannelEvents>),
    /// It is asked for at this time.
    Waiting(Duration, Option<EventLogError>),
    GivenUp(EventLogError),
}

/// A channel that is wanted.
pub(super) struct Channel {
    request: ChannelRequest,
    doing: Doing,
    /// The bookmark behind the last event that was handed out.
    reached: Option<String>,
    /// The bookmark that is kept.
    kept: Option<String>,
    /// Whether it was read before, be it without an event.
    has_begun: bool,
    /// Whether the bookmark was not found: then reading begins with the oldest event.
    is_stale: bool,
    /// How long it is waited after the next failure.
    delay: Duration,
    /// Events to be asked for at once, if Windows does not take as many as are wanted.
    most: usize,
    events: u64,
    lost: u64,
    record: Option<u64>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, form: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.status().fmt(form)
    }
}

impl Channel {
    pub(super) fn new(request: ChannelRequest, bookmark: Option<String>) -> Self {
        Self {
            request,
            doing: Doing::Waiting(Duration::ZERO, None),
            record: bookmark.as_deref().and_then(record_of),
            reached: bookmark.clone(),
            kept: bookmark,
            has_begun: false,
            is_stale: false,
            delay: SOON,
            most: usize::MAX,
            events: 0,
            lost: 0,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.request.path
    }
    pub(super) fn has_request(&self, request: &ChannelRequest) -> bool {
        self.request == *request
    }
    /// The same channel, asked for otherwise, from where it was left.
    pub(super) fn anew(self, request: ChannelRequest) -> Self {
        Self { request, doing: Doing::Waiting(Duration::ZERO, None), ..self }
    }

    /// Subscribes if its time has come; whether there may be events now.
    pub(super) fn open_if_due(&mut self, log: &mut dyn EventLog, now: Duration) -> bool {
        while let Doing::Waiting(due, _) = self.doing
            && due <= now
        {
            let ChannelRequest { path, query, from_oldest } = &self.request;
            let start = match &self.reached {
                _ if self.is_stale => Start::Oldest,
                Some(bookmark) => Start::After(bookmark),
                // It had no event when it was read first, so all are new.
                None if *from_oldest || self.has_begun => Start::Oldest,
                None => Start::Now,
            };
            match log.subscribe(path, query, start) {
                Ok(mut events) => {
                    // Should the service end before there is an event, it is gone on from here.
                    if self.reached.is_none() && !self.is_stale {
                        self.reached = events.bookmark().ok().flatten();
                        self.record = self.reached.as_deref().and_then(record_of);
                    }
                    self.has_begun = true;
                    self.doing = Doing::Reading(events);
                    return true;
                }
                Err(error) => self.fail(error, now),
            }
        }
        false
    }

    /// What is to be done after a failure.
    fn fail(&mut self, error: EventLogError, now: Duration) {
        let delay = match error.kind() {
            // With the oldest event there is no bookmark that could be wrong.
            Kind::Stale if !self.is_stale => {
                self.is_stale = true;
                Duration::ZERO
            }
            // A bookmark that Windows does not understand says nothing of what came since.
            Kind::BadXml if self.reached.is_some() => {
                (self.reached, self.is_stale) = (None, true);
                Duration::ZERO
            }
            Kind::TooMany if self.most > 1 => {
                self.most = self.most.min(super::AT_ONCE) / 2;
                Duration::ZERO
            }
            kind => match kind.again() {
                Again::Never => {
                    self.doing = Doing::GivenUp(error);
                    return;
                }
                Again::Later => LATER,
                Again::Soon | Again::AtOnce => {
                    let delay = self.delay;
                    self.delay = delay.saturating_mul(2).min(LONGEST);
                    delay
                }
            },
        };
        self.doing = Doing::Waiting(now.saturating_add(delay), Some(error));
    }

    /// Adds the next events to `block`; whether there may be more.
    pub(super) fn read(&mut self, most: usize, block: &mut XmlBlock, now: Duration) -> bool {
        let Doing::Reading(events) = &mut self.doing else { return false };
        let mut count = Count::of(&self.request, self.record, self.is_stale);
        let mut take = |event: Result<&str, EventLogError>| match event {
            Ok(text) => {
                count.see(text, block);
                block.push(text);
            }
            Err(error) => block.before.skip(NOT_RENDERED, 1, 0, error.to_string()),
        };
        let read = events.next(most.min(self.most), &mut take);
        let bookmark = read.as_ref().is_ok_and(|count| *count > 0).then(|| events.bookmark());
        self.events += count.events;
        self.lost += count.lost;
        self.record = count.record;
        self.is_stale &= count.events == 0;
        match (read, bookmark) {
            (Ok(0), _) => false,
            (Ok(_), Some(Ok(bookmark))) => {
                self.reached = bookmark.or(self.reached.take());
                self.delay = SOON;
                true
            }
            // Without a bookmark it could not be gone on behind these events.
            (Ok(_), bookmark) => {
                if let Some(Err(error)) = bookmark {
                    self.fail(error, now);
                }
                false
            }
            (Err(error), _) => {
                self.fail(error, now);
                // It is opened again at once, if that is what is to be done.
                false
            }
        }
    }

    /// Keeps the bookmark, if it is another than the one that is kept.
    pub(super) fn save(&mut self, bookmarks: &Bookmarks) -> Result<(), BookmarkError> {
        if self.reached == self.kept {
            return Ok(());
        }
        match &self.reached {
            Some(bookmark) => bookmarks.save(&self.request.path, bookmark)?,
            None => bookmarks.forget(&self.request.path)?,
        }
        self.kept.clone_from(&self.reached);
        Ok(())
    }

    pub(super) fn status(&self) -> ChannelStatus {
        let state = match &self.doing {
            Doing::Reading(_) => ChannelState::Reading,
            Doing::Waiting(_, None) => ChannelState::Waiting,
            Doing::Waiting(_, Some(error)) => ChannelState::Refused(error.clone()),
            Doing::GivenUp(error) => ChannelState::GivenUp(error.clone()),
        };
        let Self { request, events, lost, record, .. } = self;
        ChannelStatus {
            path: request.path.clone(),
            state,
            events: *events,
            lost: *lost,
            record: *record,
        }
    }
}

/// Counts events as they are handed out, and what is missing between them.
struct Count<'a> {
    path: &'a str,
    /// Whether all of the channel's events are asked for, so that their numbers follow each other.
    is_whole: bool,
    is_stale: bool,
    record: Option<u64>,
    events: u64,
    lost: u64,
}

impl<'a> Count<'a> {
    fn of(request: &'a ChannelRequest, record: Option<u64>, is_stale: bool) -> Self {
        let is_whole = request.query == "*";
        Self { path: &request.path, is_whole, is_stale, record, events: 0, lost: 0 }
    }

    fn see(&mut self, text: &str, block: &mut XmlBlock) {
        self.events += 1;
        let Some(record) = number_behind(text, "<EventRecordID>") else { return };
        let missing = self.record.and_then(|last| record.checked_sub(last)?.checked_sub(1));
        let lost = match missing {
            Some(missing) if self.is_whole => missing,
            // What lies between may be events that were not asked for; the numbers of a log that was cleared begin
            // anew. Something is gone in either case.
            Some(1..) | None if self.is_stale => 1,
            _ => 0,
        };
        if lost > 0 {
            let last =
                self.record.map_or_else(|| "its bookmark".to_owned(), |last| last.to_string());
            let detail = format!(
                "{}: at least {lost} events between {last} and {record} were gone before they were read",
                self.path
            );
            block.before.ledger.events_lost += lost;
            block.before.list(Damage { offset: 0, reason: LOST, detail });
        }
        self.lost += lost;
        (self.record, self.is_stale) = (Some(record), false);
    }
}

/// The record number that a bookmark names.
pub(in crate::eventlog) fn record_of(bookmark: &str) -> Option<u64> {
    number_behind(bookmark, "RecordId='").or_else(|| number_behind(bookmark, "RecordId=\""))
}

/// The number that stands behind the first `mark` in a text.
fn number_behind(text: &str, mark: &str) -> Option<u64> {
    let (_, rest) = text.split_once(mark)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}
