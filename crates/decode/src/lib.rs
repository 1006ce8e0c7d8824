//! ETW payload bytes to typed fields, by schema.
//!
//! EVTX and JSON arrive with their fields named; a raw record of ETW ([`etwatch_event::RawRecord`]) needs
//! a [`Schema`]. Schemas come from four places and are one type: the recording itself, the event itself
//! (TraceLogging), our own tables, and Windows.
//!
//! | module | holds |
//! |---|---|
//! | [`manifest`] | schemas from the XML that a recording carries |
//! | [`schema`] | the layout of an event: fields, types, counts, lengths, names of values |
//! | [`kernel`] | what the kernel says happened, typed, from decoded records |
//! | [`table`] | our own tables of layouts, by provider, event, version and build |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod kernel;
pub mod manifest;
pub mod schema;
pub mod table;

pub use kernel::KernelEvent;
pub use schema::Schema;
pub use table::Tables;
