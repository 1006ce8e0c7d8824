//! ETW payload bytes to typed fields, by schema.
//!
//! EVTX and JSON arrive with their fields named; a raw record of ETW ([`etwatch_event::RawRecord`]) needs
//! a [`Schema`]. Schemas come from four places and are one type: the recording itself, the event itself
//! (TraceLogging), our own tables, and Windows.
//!
//! | module | holds |
//! |---|---|
//! | [`encode`] | from a schema to the bytes that merged recordings carry |
//! | [`schema`] | the layout of an event: fields, types, counts, lengths, names of values |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod encode;
pub mod schema;

pub use schema::Schema;
