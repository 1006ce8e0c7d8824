//! The line from source to sink while events happen.
//!
//! ```text
//! feeds ─pieces─▶ inbox ─▶ decode, by workers ─in order of arrival─▶ ordered stage ─▶ sinks
//! a thread each   bounded   at most so many                          holds events back, as a replay does not
//! ```
//!
//! What becomes of an event is what a replay does with it ([`crate::pipeline`]); only who brings events in differs,
//! and that time passes by itself. Sessions deliver their buffers when they are full or a flush time is over, so
//! events come out of order by that much: each is held back so long that older ones can overtake it. Whether
//! the time of an event has come is told by younger events, and on an idle host by a clock.
//!
//! | module | holds |
//! |---|---|
//! | [`feed`] | where live events come from |
//! | `gather` | a thread for each feed, and one queue |
//! | `line` | the thread of the run |
//! | `pulse` | heartbeats and gaps: what a run tells of itself |
//! | [`recorder`] | keeps what feeds deliver |
//! | [`session`] | a session as a feed |
//! | [`files`] | asks the host about files, and its answers as a feed |
//! | [`options`] | how a run is run |

pub mod feed;
pub mod files;
mod gather;
mod line;
pub mod options;
mod pulse;
pub mod recorder;
pub mod session;

use etwatch_alert::Sink;

use crate::engine::EngineError;
use crate::live::LiveEngine;
use crate::options::Observer;
use crate::report::Report;

pub use feed::{Feed, Next, Recorded};
pub use files::{FileCounts, FileLookUps, FilePlaces};
pub use gather::StopFlag;
pub use options::LiveOptions;
pub use recorder::Recorder;
pub use session::SessionFeed;

/// Hands the events of `feeds` through the rules of `engine`, which may be loaded again meanwhile, and the alerts
/// to `sinks`, until all feeds have ended or `stop` is set. Then feeds are told to end, what they have is worked
/// on, and sinks deliver what they hold.
///
/// # Errors
/// [`EngineError`] if a thread can't be started or a worker fails, or a sink can't be written to; a feed that
/// ends early, or a batch of alerts that a receiver refuses, is told in the report, and the rest goes on.
pub fn run_live(
    engine: &LiveEngine,
    feeds: Vec<Box<dyn Feed>>,
    sinks: &mut [Box<dyn Sink>],
    options: LiveOptions,
    stop: &StopFlag,
    observer: &mut dyn Observer,
) -> Result<Report, EngineError> {
    // If the run ends by an error, its feeds end as well.
    let ending = stop.child();
    let states = feeds.iter().map(|feed| line::FeedState::new(feed.as_ref())).collect();
    let (inbox, threads) = gather::gather(feeds, &ending)?;
    let result = line::Line::start(engine, inbox, states, sinks, options, observer)
        .and_then(|line| line.run(stop));
    ending.stop();
    threads.join();
    result
}
