//! All that a doctor asks and does, behind one trait: Windows itself, or a host that was made up for a test.

use std::path::Path;
use std::time::Duration;

use etwatch_capture::live::{ChannelSettings, SessionSettings};
use etwatch_event::Timestamp;
use etwatch_host::{HostError, Rights};

use crate::doctor::act::{Act, Done, NotDone};
use crate::doctor::seen::Seen;

/// The machine that is examined.
pub(crate) trait Surroundings {
    /// The build of Windows.
    fn windows_build(&self) -> Result<u32, HostError>;
    /// What our process may do.
    fn rights(&self) -> Result<Rights, HostError>;
    /// What the clock on the wall shows, UTC.
    fn now(&self) -> Timestamp;
    /// Time since a fixed start, by a clock that nobody sets.
    fn elapsed(&self) -> Duration;
    /// Room in a folder.
    fn room(&self, folder: &Path) -> Room;
    /// How many processes run.
    fn process_count(&self) -> Result<usize, HostError>;
    /// What the policy says of logging script blocks; `None` if it says nothing.
    fn script_block_logging(&self) -> Result<Option<u32>, HostError>;
    /// Sends a test message to the webhook.
    fn send_to_webhook(&mut self) -> Result<String, String>;
    /// Asks to read these channels, and reads none; whether each is switched on, in their order.
    fn channels(&mut self, wanted: &[ChannelSettings]) -> Vec<Result<bool, Refused>>;
    /// Starts these sessions; one result each, in their order.
    fn start(&mut self, sessions: &[SessionSettings]) -> Vec<Result<Started, Refused>>;
    /// Does something that sessions should tell of, and takes it back.
    fn act(&mut self, act: Act, token: &str) -> Result<Done, NotDone>;
    /// Waits at most so long for events, and hands on what has come: each record as it was decoded, and each
    /// event as rules see it.
    fn events(&mut self, wait: Duration, each: &mut dyn FnMut(Seen));
    /// What Windows has lost since the sessions were started.
    fn losses(&mut self) -> Result<Losses, String>;
    /// Stops the sessions; what could not be stopped, and why.
    fn stop(&mut self) -> Vec<String>;
}

/// A session that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Started {
    /// What Windows granted otherwise than asked, each in words.
    pub(crate) differences: Vec<String>,
    /// Providers that Windows refused, each with the reason.
    pub(crate) refused: Vec<(String, Refused)>,
}

/// What Windows refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// What it said.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

/// What Windows counts as lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Events that found no buffer.
    pub(crate) events: u64,
    /// Buffers that were not delivered.
    pub(crate) buffers: u64,
    /// Records that we dropped ourselves.
    pub(crate) dropped: u64,
}

/// Room in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes that may still be written.
    pub(crate) free: Result<u64, HostError>,
    /// Whether a file could be written, replaced and deleted.
    pub(crate) writable: Result<(), String>,
}
