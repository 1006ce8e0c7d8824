//! Shared input of the benchmarks: the project's own recordings and rules, so that anyone can run them.

use std::path::{Path, PathBuf};

use etwatch_capture::source::Location;
use etwatch_capture::{Limits, Piece, find, open};
use etwatch_engine::Engine;
use etwatch_event::{EventBatch, RecordBatch};
use etwatch_normalise::normalise;
use etwatch_rules::load::LoadOptions;

/// The top folder of the project.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The folder of the shipped rules, or the one that `ETWATCH_BENCH_RULES` names.
#[must_use]
pub fn rules() -> PathBuf {
    let rules = std::env::var_os("ETWATCH_BENCH_RULES");
    rules.map_or_else(|| root().join("rules"), PathBuf::from)
}

/// An engine of these rules.
///
/// # Panics
/// If they can't be loaded: there is nothing to measure then.
#[must_use]
#[expect(clippy::expect_used, reason = "a benchmark without its input must stop")]
pub fn engine() -> Engine {
    Engine::load(&[rules()], &LoadOptions::default(), None).expect("the rules load").0
}

/// The recordings in a folder, or in the one that `ETWATCH_BENCH_EVENTS` names.
#[must_use]
pub fn recordings(folder: &str) -> Vec<Location> {
    let events = std::env::var_os("ETWATCH_BENCH_EVENTS");
    find(&[events.map_or_else(|| root().join(folder), PathBuf::from)]).inputs
}

/// All pieces of some recordings; made anew for each pass, since decoding uses them up.
///
/// # Panics
/// If a recording can't be read.
#[must_use]
#[expect(clippy::expect_used, reason = "a benchmark without its input must stop")]
pub fn pieces(recordings: &[Location]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for location in recordings {
        let mut source = open(location, Limits::default()).expect("the recording opens");
        while let Some(piece) = source.next_piece().expect("the recording is read") {
            pieces.push(piece);
        }
    }
    pieces
}

/// The shipped events, or those of `ETWATCH_BENCH_EVENTS`, decoded and normalised.
#[must_use]
pub fn events(engine: &Engine) -> Vec<EventBatch> {
    let normalised = |piece: Piece| {
        let mut records = RecordBatch::default();
        piece.decode(&mut records);
        normalise(&records, &engine.taxonomy, &engine.vocabulary)
    };
    pieces(&recordings("fixtures")).into_iter().map(normalised).collect()
}
