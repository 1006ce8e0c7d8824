//! Where live events come from: this host, or recordings that are delivered as if they happened now.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etwatch_capture::Limits;
use etwatch_capture::live::{Capture, Flush, Flusher, Schemas, SessionSettings};
use etwatch_capture::ring::RingLimits;
use etwatch_capture::sim::{self, Recording, Session};
use etwatch_capture::source::Location;
use etwatch_engine::Feed;
use etwatch_engine::run::{Recorded, Recorder, SessionFeed};
use etwatch_event::clock::SystemClock;

use super::shown;
use crate::commands::{FAILED, USAGE};
use crate::size::{parse_age, parse_size};

/// Where events come from; flags of a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Sources")]
pub(super) struct SourceFlags {
    /// Take events from this recording, as if they happened now, and not from this host; may be repeated,
    /// for recordings of the same time
    #[arg(long, value_name = "sim:FILE", value_parser = parse_source)]
    source: Vec<PathBuf>,
    /// How fast: so many times as fast as it was recorded, or `max` for as fast as may be
    #[arg(long, value_name = "N", value_parser = parse_speed, default_value = "1",
        requires = "source")]
    speed: Speed,
    /// Records in a second, whatever their times are, in place of --speed; more than can be worked on
    /// are dropped, as of a session of Windows
    #[arg(long, value_name = "N", requires = "source", hide = true)]
    rate: Option<NonZeroU32>,
    /// Read this session, which somebody else has started, in place of our own; may be repeated
    #[arg(long, value_name = "SESSION", conflicts_with = "source")]
    pub(super) attach: Vec<String>,
    /// Where the lock of this host's sessions and the bookmarks of its channels are kept
    #[arg(long, value_name = "DIR", default_value = "etwatch-state", conflicts_with = "source")]
    pub(super) host_folder: PathBuf,
    /// How often each recording is delivered
    #[arg(long, value_name = "N", requires = "source", default_value_t = 1, hide = true)]
    times: u32,
}

/// What is kept of what was read; flags of a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recording")]
pub(super) struct RecordFlags {
    /// Keep what sessions deliver in this folder, as .etl files that can be replayed; the oldest ones go
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// How much to keep: bytes, or with K, M, G
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = parse_size,
        requires = "record")]
    record_size: u64,
    /// How long to keep it: seconds, or with m, h, d [default: any time]
    #[arg(long, value_name = "AGE", value_parser = parse_age, requires = "record")]
    record_age: Option<Duration>,
}

impl RecordFlags {
    /// Where recordings go.
    pub(super) fn folder(&self) -> Option<&Path> {
        self.record.as_deref()
    }
    pub(super) fn recorder(&self) -> Result<Option<Recorder>, (u8, String)> {
        let Some(folder) = &self.record else { return Ok(None) };
        let limits = RingLimits { bytes: self.record_size, age: self.record_age };
        let recorder = Recorder::open(folder, limits);
        recorder.map(Some).map_err(|error| (USAGE, format!("{}: {error}", shown(folder))))
    }
}

/// How fast a recording is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speed {
    /// So many times as fast as it was recorded.
    Times(NonZeroU32),
    /// As fast as may be.
    Fastest,
}

fn parse_source(text: &str) -> Result<PathBuf, String> {
    match text.split_once(':') {
        Some(("sim", file)) if !file.is_empty() => Ok(PathBuf::from(file)),
        _ => Err("not a source; write `sim:FILE` for a recording".to_owned()),
    }
}

fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" || text == "0" {
        return Ok(Speed::Fastest);
    }
    let times = text.parse::<NonZeroU32>().map(Speed::Times);
    times.map_err(|_| "not a speed; write a whole number, or `max`".to_owned())
}

/// Sources, open.
pub(super) struct Sources {
    /// What they have.
    pub(super) feeds: Vec<Box<dyn Feed>>,
    /// How fast the time of their events passes by the clock.
    pub(super) pace: f64,
    /// What keeps what they deliver.
    pub(super) recorder: Option<Recorder>,
    /// Hands on batches of recordings that are not full.
    _flusher: Option<Flusher>,
}

impl SourceFlags {
    /// The recordings.
    pub(super) fn locations(&self) -> Vec<Location> {
        self.source.iter().cloned().map(Location::File).collect()
    }

    /// Whether events are those of this host.
    pub(super) fn is_this_host(&self) -> bool {
        self.source.is_empty()
    }

    /// Opens the recordings.
    ///
    /// # Errors
    /// The exit status and a message, if one can't be opened.
    pub(super) fn open(&self, record: &RecordFlags) -> Result<Sources, (u8, String)> {
        let recorder = record.recorder()?;
        // Nothing has to be dropped of what can wait; what is recorded goes the way that sessions go.
        let can_wait = self.speed == Speed::Fastest && self.rate.is_none() && recorder.is_none();
        let mut sources =
            Simulated { flags: self, feeds: Vec::new(), flushes: Vec::new(), pace: 0.0 };
        for (number, location) in (0..).zip(self.locations()) {
            if can_wait && self.times == 1 {
                sources.read(&location)?;
            } else {
                sources.simulate(&location, number)?;
            }
        }
        let Simulated { feeds, flushes, pace, .. } = sources;
        let flusher = Flusher::start(flushes).map_err(|error| (FAILED, error.to_string()))?;
        Ok(Sources { _flusher: Some(flusher), ..Sources::new(feeds, pace, recorder) })
    }
}

impl Sources {
    /// These feeds; what they deliver is kept by `recorder`.
    pub(super) fn new(feeds: Vec<Box<dyn Feed>>, pace: f64, recorder: Option<Recorder>) -> Self {
        let feeds = match &recorder {
            Some(recorder) => feeds.into_iter().map(|feed| recorder.record(feed)).collect(),
            None => feeds,
        };
        Self { feeds, pace, recorder, _flusher: None }
    }
    /// One feed more, the same way.
    pub(super) fn add(&mut self, feed: Option<impl Feed + 'static>) {
        let Some(feed) = feed else { return };
        let feed: Box<dyn Feed> = Box::new(feed);
        self.feeds.push(match &self.recorder {
            Some(recorder) => recorder.record(feed),
            None => feed,
        });
    }
}

/// Recordings on their way to be feeds.
struct Simulated<'f> {
    flags: &'f SourceFlags,
    feeds: Vec<Box<dyn Feed>>,
    flushes: Vec<Flush>,
    pace: f64,
}

impl Simulated<'_> {
    /// A recording that is read as its pieces are taken.
    fn read(&mut self, location: &Location) -> Result<(), (u8, String)> {
        let source = etwatch_capture::open(location, Limits::default())
            .map_err(|error| (USAGE, error.to_string()))?;
        self.feeds.push(Box::new(Recorded::new(location.name(), source)));
        Ok(())
    }

    /// A recording that a session delivers.
    fn simulate(&mut self, location: &Location, number: u32) -> Result<(), (u8, String)> {
        let recording = Recording::read(location, Limits::default());
        let recording = recording.map_err(|error| (USAGE, error.to_string()))?;
        let (speed, pace) = self.speed();
        self.pace = pace;
        let schemas = Schemas::default();
        recording.tell(&schemas);
        let settings = SessionSettings {
            name: location.name(),
            may_drop: self.flags.rate.is_some(),
            ..SessionSettings::default()
        };
        let Capture { intake, feed, flush } = Capture::builder(&settings)
            .session(number)
            .trace(Arc::clone(recording.trace()))
            .schemas(&schemas)
            .build()
            .map_err(|error| (FAILED, error.to_string()))?;
        let counters = intake.counters();
        let session = Session::new(Arc::new(recording)).speed(speed).times(self.flags.times);
        let running = session
            .start(intake, counters, Arc::new(SystemClock::start()))
            .map_err(|error| (FAILED, error.to_string()))?;
        let end = Box::new(move || running.stop());
        self.feeds.push(Box::new(SessionFeed::new(location.name(), feed, end)));
        self.flushes.push(flush);
        Ok(())
    }

    /// How fast recordings are delivered, and how fast their time passes then.
    fn speed(&self) -> (sim::Speed, f64) {
        match (self.flags.rate, self.flags.speed) {
            (Some(rate), _) => (sim::Speed::PerSecond(rate), 0.0),
            (None, Speed::Times(times)) => (sim::Speed::Times(times), f64::from(times.get())),
            (None, Speed::Fastest) => (sim::Speed::Fastest, 0.0),
        }
    }
}
