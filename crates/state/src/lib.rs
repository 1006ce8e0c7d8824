//! One order of time, and what is remembered about a host in it.
//!
//! Everything with a memory runs here, on one thread, in the order of event time; what it learns is
//! the same for any number of workers.
//!
//! | module | holds |
//! |---|---|
//! | [`merge`] | the order: inputs by their next event, events that wait for their other half |
//! | [`state`] | [`State`]: events in, events with what their host knows out |
//! | `host` | the memory of one host, and what events change in it |
//! | `release` | an event's turn: what it teaches, what it is told |
//! | `fill` | which fields of a layout are filled with what is known of a process |
//! | `file_facts` | what the host has said of files: hashes, version information, signatures |
//! | `accounts` | what SIDs are called |
//! | `scripts` | scripts that came in parts |
//! | `boots` | when Windows was started |
//! | [`mod@filled`] | which fields events are given here, and by what |
//! | [`facts`] | what a process did so far, as fields |
//! | [`processes`] | [`ProcessTable`]: who is and was running |
//! | [`saved`] | all of it, to be taken up again by another run |
//! | `hash` | hashes that are the same in each run |
//! | [`mod@derived`] | flows and beacons as events of their own |
//! | [`flows`] | what passed between processes and other hosts |
//! | [`beacons`] | who calls the same endpoint by a timer |
//! | [`limits`] | how much memory all of it may take, and each table of that |
//! | `bytes` | what memory costs |
//! | `fair` | a table that no lineage of processes can take for itself |
//! | `passing` | time that passes on a host of which nothing comes |
//! | [`names`] | [`ObjectNames`]: names behind handles and addresses |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod accounts;
pub mod beacons;
mod boots;
mod bytes;
mod datagrams;
pub mod derived;
pub mod facts;
mod fair;
mod fields;
mod file_facts;
mod fill;
pub mod filled;
pub mod flows;
mod hash;
mod host;
mod hosts;
pub mod limits;
pub mod merge;
pub mod names;
mod passing;
pub mod processes;
mod release;
pub mod saved;
mod scripts;
pub mod state;
mod threads;

pub use derived::{Derivation, DerivedKind};
pub use facts::Facts;
pub use fields::Outline;
pub use file_facts::{FileQuestion, NeededFacts};
pub use fill::Relation;
pub use filled::{Filled, FilledFrom, filled};
pub use merge::{Heads, Merge};
pub use names::ObjectNames;
pub use processes::ProcessTable;
pub use state::{Ancestors, Settings, State, Wanted};
