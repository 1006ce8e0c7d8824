//! The channels of the event log, as one feed.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use etwatch_capture::SourceError;
use etwatch_capture::eventlog::{
    self, Bookmarks, ChannelRequest, ChannelState, EventLog, Subscription, SubscriptionSettings,
};
use etwatch_capture::live::ChannelSettings;
use etwatch_engine::Feed;
use etwatch_engine::run::Next;
use etwatch_event::Clock;

use crate::terminal;

/// The channels of the event log.
pub(super) struct Channels {
    channels: Subscription,
    plans: Receiver<Vec<ChannelSettings>>,
    /// Those of which was told that they are refused.
    told: Vec<String>,
}

/// Reads these channels, from where an earlier run left them.
pub(super) fn open(
    log: Box<dyn EventLog>,
    channels: &[ChannelSettings],
    folder: &Path,
    plans: Receiver<Vec<ChannelSettings>>,
    clock: Arc<dyn Clock>,
) -> Channels {
    let bookmarks = Some(Bookmarks::in_folder(&folder.join("bookmarks")));
    let settings = SubscriptionSettings { bookmarks, ..SubscriptionSettings::default() };
    let channels = Subscription::new(log, requests(channels), settings, clock);
    Channels { channels, plans, told: Vec::new() }
}

fn requests(channels: &[ChannelSettings]) -> Vec<ChannelRequest> {
    let request = |channel: &ChannelSettings| ChannelRequest {
        path: channel.path.clone(),
        query: channel.query.clone(),
        from_oldest: false,
    };
    channels.iter().map(request).collect()
}

impl Channels {
    /// Tells what can't be read, once.
    fn tell(&mut self) {
        for failure in self.channels.take_failures() {
            terminal::error(&failure.to_string());
        }
        for status in self.channels.status() {
            match status.state {
                ChannelState::Refused(error) | ChannelState::GivenUp(error)
                    if !self.told.contains(&status.path) =>
                {
                    terminal::error(&format!("channel {}: {error}", status.path));
                    self.told.push(status.path);
                }
                ChannelState::Reading => self.told.retain(|told| *told != status.path),
                _ => {}
            }
        }
    }
}

impl Feed for Channels {
    fn name(&self) -> String {
        "event log".to_owned()
    }
    fn next(&mut self, wait: Duration) -> Result<Next, SourceError> {
        if let Some(channels) = self.plans.try_iter().last() {
            self.channels.change(requests(&channels));
        }
        let next = self.channels.next(wait);
        self.tell();
        Ok(match next {
            eventlog::Next::Piece(piece) => Next::Piece(*piece),
            eventlog::Next::Quiet => Next::Quiet,
            eventlog::Next::Ended => Next::Ended,
        })
    }
    fn stop(&mut self) {
        self.channels.stop();
    }
}
