//! The line from source to sink as a library: recordings in, alerts out.
//!
//! ```text
//! sources ─pieces─▶ decode + normalise ─events─▶ merge, ordered stage ─▶ match, write alerts ─▶ sinks
//! rayon workers     rayon workers               one thread, event time   rayon workers          in order
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`mod@engine`] | rules and tables, loaded and numbered for each other |
//! | [`mod@known_fields`] | which fields log sources have, for the examination of rules |
//! | [`mod@field_sources`] | where each field of a log source comes from, or why from nowhere |
//! | [`endpoints`] | known-good endpoints as they are written |
//! | [`mod@live_plan`] | what a running Windows is asked for, and which rules can't fire there |
//! | [`live`] | an engine whose rules can be loaded again while it runs |
//! | [`options`] | how a replay is run, and who is told how it goes |
//! | [`pipeline`] | the wiring of a replay: which input has its turn |
//! | [`memory`] | one limit for all that is remembered, and how much of it is taken |
//! | `ordered` | the ordered stage: state, batches, what is being matched |
//! | `delivery` | from matched batches to correlations and sinks |
//! | [`input`] | one recording being read: pieces in flight, the next event |
//! | `resting` | the inputs that hold decoded events while others have their turn |
//! | [`pending`] | results of work that somebody else does |
//! | [`watch`] | folders of rules that are watched |
//! | [`work`] | what a worker does with a piece and with a batch |
//! | [`etw`] | slices of ETW logs and live batches to records, by the schemas of their log or host |
//! | [`decoded_feed`] | the batches of a live session, decoded: a library's way to live events |
//! | `derived` | derived events on their way to sinks |
//! | [`mod@run`] | the line while events happen: feeds, time that passes, heartbeats |
//! | [`report`] | what a run led to: ledger, counts, damage |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod correlating;
pub mod decoded_feed;
mod delivery;
mod derived;
pub mod endpoints;
pub mod engine;
pub mod etw;
pub mod field_sources;
pub mod input;
pub mod known_fields;
pub mod live;
pub mod live_plan;
pub mod memory;
pub mod options;
mod ordered;
pub mod pending;
pub mod pipeline;
pub mod report;
mod resting;
pub mod run;
pub mod saved;
pub mod watch;
pub mod work;

pub use decoded_feed::DecodedFeed;
pub use engine::{Engine, EngineError};
pub use field_sources::FieldSources;
pub use known_fields::known_fields;
pub use live::LiveEngine;
pub use live_plan::{LiveChanges, LiveConditions, LivePlan, Planner};
pub use memory::MemoryLimit;
pub use options::{Observer, Options, Progress};
pub use pipeline::{replay, replay_live, replay_on};
pub use report::Report;
pub use run::{Feed, LiveOptions, StopFlag, run_live};
pub use watch::RuleWatcher;
pub use work::Workers;
