//! Where live events come from: this host, or recordings that are delivered as if they happened now.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use etwatch_capture::Limits;
use etwatch_capture::source::Location;
use etwatch_engine::Feed;
use etwatch_engine::run::Recorded;

use crate::commands::USAGE;

/// Where events come from; flags of a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Sources")]
pub(super) struct SourceFlags {
    /// Take events from this recording, as if they happened now, and not from this host; may be repeated,
    /// for recordings of the same time
    #[arg(long, value_name = "sim:FILE", value_parser = parse_source)]
    source: Vec<PathBuf>,
    /// How fast: so many times as fast as it was recorded, or `max` for as fast as may be [default: 1]
    #[arg(long, value_name = "N", value_parser = parse_speed, requires = "source")]
    speed: Option<Speed>,
}

/// What is kept of what was read; flags of a command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Recording")]
pub(super) struct RecordFlags {
    /// Keep what sessions deliver in this folder, as .etl files that can be replayed
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
}

impl RecordFlags {
    pub(super) fn folder(&self) -> Option<&Path> {
        self.record.as_deref()
    }
}

/// How fast a recording is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Speed {
    /// So many times as fast as it was recorded.
    Times(NonZeroU32),
    /// As fast as may be.
    #[default]
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

impl SourceFlags {
    /// The recordings.
    pub(super) fn locations(&self) -> Vec<Location> {
        self.source.iter().cloned().map(Location::File).collect()
    }

    /// How fast the time of events passes by the clock.
    pub(super) fn pace(&self) -> f64 {
        match self.speed.unwrap_or_default() {
            Speed::Fastest if !self.source.is_empty() => 0.0,
            Speed::Fastest => 1.0,
            Speed::Times(times) => f64::from(times.get()),
        }
    }

    /// Opens them.
    ///
    /// # Errors
    /// The exit status and a message, if there are none here or one can't be opened.
    pub(super) fn open(&self, _: &RecordFlags) -> Result<Vec<Box<dyn Feed>>, (u8, String)> {
        if self.source.is_empty() {
            return Err((
                USAGE,
                "live capture needs Windows; use --source sim:FILE here".to_owned(),
            ));
        }
        let open = |location: Location| -> Result<Box<dyn Feed>, (u8, String)> {
            let source = etwatch_capture::open(&location, Limits::default())
                .map_err(|error| (USAGE, error.to_string()))?;
            Ok(Box::new(Recorded::new(location.name(), source)))
        };
        self.locations().into_iter().map(open).collect()
    }
}
