//! One order of time, and what is remembered about a host in it.
//!
//! Everything with a memory runs here, on one thread, in the order of event time; what it learns is
//! the same for any number of workers.
//!
//! | module | holds |
//! |---|---|
//! | [`merge`] | the order: inputs by their next event, events that wait for their other half |
//! | [`state`] | [`State`]: events in, events with what their host knows out |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod host;
pub mod merge;
pub mod names;
pub mod state;

pub use merge::{Heads, Merge};
pub use names::ObjectNames;
pub use state::{Settings, State};
