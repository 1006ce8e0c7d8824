//! An event log that says what it was told to.
//!
//! Channels are lists of events; a test writes to them, clears them, lets the oldest be overwritten, refuses them with
//! any of Windows' codes, or restarts the service, which ends all subscriptions. Bookmarks are those of Windows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::api::{ChannelEvents, EventLog, Start};
use super::error::{Call, EventLogError};

/// Windows' code for a service that has ended.
const UNAVAILABLE: u32 = 1_722;
const MISSING: u32 = 15_007;
const MALFORMED: u32 = 15_008;
const STALE: u32 = 15_011;
const TOO_MANY: u32 = 1_734;

#[derive(Debug, Default)]
struct Channel {
    events: VecDeque<(u64, String)>,
    /// Record number of the event that was written last.
    last: u64,
    is_disabled: bool,
    refusal: Option<u32>,
    /// Events that can't be rendered, by their record numbers.
    unrenderable: Vec<u64>,
}

#[derive(Debug, Default)]
struct Log {
    channels: BTreeMap<String, Channel>,
    /// How often the service was started.
    run: u32,
    /// Events that one call can give.
    most: Option<usize>,
    has_news: bool,
    /// Channel, query and start of each subscription that was asked for.
    asked: Vec<String>,
}

/// A scripted event log; copies share it.
#[derive(Clone, Debug, Default)]
pub struct FakeEventLog(Arc<Mutex<Log>>);

impl FakeEventLog {
    /// A log with these channels, empty.
    #[must_use]
    pub fn new(channels: &[&str]) -> Self {
        let log = Self::default();
        for channel in channels {
            log.change(channel, |_| ());
        }
        log
    }
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn change<T>(&self, channel: &str, change: impl FnOnce(&mut Channel) -> T) -> T {
        change(self.lock().channels.entry(channel.to_owned()).or_default())
    }
    /// Writes an event with this text in its data (`EventData`, field `Text`); returns its record number.
    pub fn write(&self, channel: &str, id: u16, text: &str) -> u64 {
        let number = self.change(channel, |log| {
            log.last += 1;
            let event = event(channel, id, log.last, text);
            log.events.push_back((log.last, event));
            log.last
        });
        self.lock().has_news = true;
        number
    }
    /// Overwrites the oldest `count` events.
    pub fn overwrite(&self, channel: &str, count: usize) {
        self.change(channel, |log| log.events.drain(..count.min(log.events.len())).count());
    }
    /// Clears a channel; its record numbers go on.
    pub fn clear(&self, channel: &str) {
        self.change(channel, |log| log.events.clear());
    }
    /// Refuses all that is asked of a channel with this code, or no longer.
    pub fn refuse(&self, channel: &str, code: Option<u32>) {
        self.change(channel, |log| log.refusal = code);
    }
    /// Switches a channel on or off.
    pub fn enable(&self, channel: &str, enabled: bool) {
        self.change(channel, |log| log.is_disabled = !enabled);
    }
    /// One event can't be rendered.
    pub fn break_event(&self, channel: &str, number: u64) {
        self.change(channel, |log| log.unrenderable.push(number));
    }
    /// A call for more than `most` events fails.
    pub fn limit(&self, most: usize) {
        self.lock().most = Some(most);
    }
    /// Restarts the service: all subscriptions have ended.
    pub fn restart(&self) {
        let mut log = self.lock();
        log.run += 1;
        log.has_news = true;
    }
    /// What was subscribed to since this was asked last: channel, query, start.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }
}

/// An event as Windows renders it.
fn event(channel: &str, id: u16, number: u64, text: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>\
         <Provider Name='Fake'/><EventID>{id}</EventID>\
         <TimeCreated SystemTime='2026-03-02T09:06:21.634{:04}Z'/>\
         <EventRecordID>{number}</EventRecordID><Channel>{}</Channel><Computer>WS-1</Computer></System>\
         <EventData><Data Name='Text'>{}</Data></EventData></Event>",
        number % 10_000,
        escaped(channel),
        escaped(text),
    )
}

fn refused(call: Call, code: u32, channel: &str) -> EventLogError {
    EventLogError { call, code, channel: channel.to_owned() }
}

impl Log {
    /// The channel, unless it is refused.
    fn channel(&mut self, call: Call, path: &str) -> Result<&mut Channel, EventLogError> {
        let channel = self.channels.get_mut(path);
        let channel = channel.ok_or_else(|| refused(call, MISSING, path))?;
        match channel.refusal {
            Some(code) => Err(refused(call, code, path)),
            None => Ok(channel),
        }
    }
}

impl EventLog for FakeEventLog {
    fn subscribe(
        &mut self,
        channel: &str,
        query: &str,
        start: Start<'_>,
    ) -> Result<Box<dyn ChannelEvents>, EventLogError> {
        let mut log = self.lock();
        log.asked.push(format!("{channel} {query} {start:?}"));
        let run = log.run;
        let found = log.channel(Call::Subscribe, channel)?;
        let oldest = found.events.front().map_or(found.last + 1, |(number, _)| *number);
        let position = match start {
            Start::Now => found.last,
            Start::Oldest => oldest - 1,
            Start::After(bookmark) => {
                let number = super::subscription::record_of(bookmark)
                    .ok_or_else(|| refused(Call::Bookmark, MALFORMED, channel))?;
                if number < oldest || number > found.last {
                    return Err(refused(Call::Subscribe, STALE, channel));
                }
                number
            }
        };
        log.has_news = true;
        let log = Arc::clone(&self.0);
        Ok(Box::new(FakeChannel { log, path: channel.to_owned(), run, position }))
    }
    fn wait(&mut self, _: Duration) -> bool {
        std::mem::take(&mut self.lock().has_news)
    }
    fn channels(&mut self) -> Result<Vec<String>, EventLogError> {
        Ok(self.lock().channels.keys().cloned().collect())
    }
    fn is_enabled(&mut self, channel: &str) -> Result<bool, EventLogError> {
        self.lock().channel(Call::Configuration, channel).map(|channel| !channel.is_disabled)
    }
}

/// A subscription.
struct FakeChannel {
    log: Arc<Mutex<Log>>,
    path: String,
    run: u32,
    position: u64,
}

impl ChannelEvents for FakeChannel {
    fn next(
        &mut self,
        most: usize,
        take: &mut dyn FnMut(Result<&str, EventLogError>),
    ) -> Result<usize, EventLogError> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.run != self.run {
            return Err(refused(Call::Read, UNAVAILABLE, &self.path));
        }
        let at_once = log.most;
        let channel = log.channel(Call::Read, &self.path)?;
        let unread = channel.events.iter().filter(|(number, _)| *number > self.position);
        let next: Vec<_> = unread.take(most).cloned().collect();
        if at_once.is_some_and(|limit| next.len() > limit) {
            return Err(refused(Call::Read, TOO_MANY, &self.path));
        }
        let broken = channel.unrenderable.clone();
        drop(log);
        for (number, text) in &next {
            self.position = *number;
            if broken.contains(number) {
                take(Err(refused(Call::Render, 13, &self.path)));
            } else {
                take(Ok(text));
            }
        }
        Ok(next.len())
    }
    fn bookmark(&mut self) -> Result<Option<String>, EventLogError> {
        let bookmark = format!(
            "<BookmarkList>\r\n  <Bookmark Channel='{}' RecordId='{}' IsCurrent='true'/>\r\n</BookmarkList>",
            self.path, self.position
        );
        Ok((self.position > 0).then_some(bookmark))
    }
}
