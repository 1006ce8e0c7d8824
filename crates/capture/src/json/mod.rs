//! JSON recordings: lines, arrays, documents; in the shapes users have.
//!
//! [`Reader`] finds where records begin and end without parsing them (`split.rs`); workers then read
//! each record once, straight into the arena (`parse.rs`), naming every value by its path; then the
//! names of the shape it came in are turned into plain field names (`shape.rs`), and what the record says
//! about itself is told to it (`header.rs`). Of the whole way it is remembered what it did (`form.rs`), and
//! records that are written like earlier ones take the short cut (`recall.rs`, `scan.rs`).
//!
//! ```text
//! {"Event":{"System":{"EventID":1},"EventData":{"Image":"C:\\a.exe"}}}
//!   parse  Event.System.EventID = 1      Event.EventData.Image = C:\a.exe
//!   shape  EventID = 1                   Image = C:\a.exe
//! ```

mod block;
mod form;
mod header;
mod parse;
mod reader;
mod recall;
mod scan;
mod shape;
mod split;

pub use block::JsonBlock;
pub(crate) use form::Form;
pub use parse::{JsonError, RecordParser};
pub use reader::Reader;
