//! One order of time, and what is remembered about a host in it.
//!
//! Everything with a memory runs here, on one thread, in the order of event time; what it learns is
//! the same for any number of workers. Today that is the order itself ([`merge`]), and
//! who runs on a host ([`processes`]).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod merge;
pub mod processes;

pub use merge::{Heads, Watermarks};
pub use processes::{Process, ProcessTable};
