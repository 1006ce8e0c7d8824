//! Windows' own recordings of ETW, `.etl` files.
//!
//! | module | holds |
//! |---|---|
//! | [`hooks`] | hooks of the kernel logger and the classes that they stand for |
//! | [`writer`] | raw records to a file that any reader of `.etl` reads |

pub mod hooks;
pub mod writer;

pub use writer::{Metadata, TraceHeader, WriteError, Writer, Written};
