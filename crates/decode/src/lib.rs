//! ETW payload bytes to typed fields, by schema.
//!
//! EVTX and JSON arrive with their fields named; a raw record of ETW ([`etwatch_event::RawRecord`]) needs
//! a [`Schema`]. Schemas come from four places and are one type: the recording itself, the event itself
//! (TraceLogging), our own tables, and Windows.
//!
//! | module | holds |
//! |---|---|
//! | [`schema`] | the layout of an event: fields, types, counts, lengths, names of values |
//! | [`check`] | whether a payload can be walked by a schema |
//! | [`trace_event_info`], [`event_map`] | schemas and names of values as Windows tells them |
//! | [`encode`] | the same the other way: schemas as Windows tells them |
//! | [`manifest`] | schemas from the XML that a recording carries |
//! | [`trace_logging`] | schemas that events carry themselves |
//! | [`table`] | our own tables of layouts, by provider, event, version and build |
//! | [`key`] | what a schema is looked up by |
//! | [`store`] | [`SchemaStore`], all schemas of a recording or session |
//! | [`text`] | text of Windows to UTF-8 |
//! | [`payload`] | the walk of a payload by its schema |
//! | [`decoder`] | [`Decoder`], raw records to records with named fields |
//! | [`kernel`] | what the kernel says happened, typed, from decoded records |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod blob;
pub mod check;
pub mod decoder;
mod described;
pub mod encode;
pub mod event_map;
mod header;
pub mod kernel;
pub mod key;
pub mod manifest;
pub mod payload;
mod prepared;
pub mod schema;
pub mod store;
pub mod table;
mod templates;
pub mod text;
pub mod trace_event_info;
pub mod trace_logging;
mod value;

pub use check::SchemaError;
pub use decoder::{Decoder, Outcome, Why};
pub use kernel::KernelEvent;
pub use key::Key;
pub use payload::{Fit, Misfit};
pub use schema::Schema;
pub use store::{Candidates, NoTables, SchemaStore, SchemaTables};
pub use table::Tables;
