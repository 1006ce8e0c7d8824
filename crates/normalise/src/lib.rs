//! Windows' fields to Sigma's names and log sources, without memory.
//!
//! What an event is, is decided by provider or channel *and* event id, from the tables in
//! `taxonomy/*.yaml`: a row gives the categories, the names that differ, and the conversions. The
//! channel gives the service. A record becomes one event: its fields go to the slots of the row's
//! layout, further ones to the overflow list, nothing is thrown away.
//!
//! ```text
//! Security 4688, NewProcessName=C:\a.exe, NewProcessId=0x1a4c, ProcessId=0x2b0
//!   → windows/process_creation/security
//!     Image=C:\a.exe  ProcessId=6732  ParentProcessId=688  NewProcessName=C:\a.exe …
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`table`] | the tables as they are written |
//! | [`condition`] | which events of an id a row is for |
//! | [`taxonomy`] | the tables compiled for a vocabulary: which row is an event's |
//! | `row` | a row compiled: the steps from a record to an event |
//! | `route` | what a record is and where its fields go, by their names |
//! | [`convert`] | conversions of single values |
//! | [`context`] | what of a host its values are read by: volumes, control set |
//! | [`inputs`] | how kinds of input differ: what is not told there, and why |
//! | [`normaliser`] | a record batch to an event batch |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod condition;
pub mod context;
pub mod convert;
pub mod inputs;
pub mod normaliser;
mod route;
mod row;
pub mod table;
pub mod taxonomy;

pub use context::{Context, Volumes};
pub use inputs::{InputKind, Inputs};
pub use normaliser::{Normaliser, normalise};
pub use table::{Log, Table, TableError};
pub use taxonomy::{Kind, Taxonomy};
