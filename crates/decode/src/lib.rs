//!
//! EVTX and JSON arrive with their fields named; a raw record of ETW ([`etwatch_event::RawRecord`]) needs
//! a [`Schema`]. Schemas come from four places and are one type: the recording itself, the event itself
//! (TraceLogging), our own tables, and Windows.
//!
//! | module | holds |
//! |---|---|
//! | [`schema`] | the layout of an event: fields, types, counts, lengths, names of values |
//! | [`trace_event_info`], [`event_map`] | schemas and names of values as Windows tells them |
//! | [`trace_logging`] | schemas that events carry themselves |
//! | [`key`] | what a schema is looked up by |
//! | [`text`] | text of Windows to UTF-8 |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod blob;
pub mod check;
pub mod event_map;
pub mod key;
pub mod schema;
pub mod text;
pub mod trace_event_info;
pub mod trace_logging;

pub use check::SchemaError;
pub use key::Key;
pub use schema::Schema;
