//! Where records enter, every one of them counted.
//!
//! A [`Source`] reads its input in order and hands out [`Piece`]s: raw bytes that can be decoded
//! apart from each other, on any thread, into a [`etwatch_event::RecordBatch`]. Reading is cheap and
//! sequential, decoding is the work and fans out.
//!
//! | module | holds |
//! |---|---|
//! | [`mod@open`] | from a path or standard input to a source, by what the bytes say |
//! | [`walk`] | the recordings in a folder |
//! | [`evtx`] | Windows' event-log files, chunk by chunk |
//! | [`etl`] | the logs of ETW, slice by slice of time |
//! | [`json`] | JSON Lines, arrays and documents in the shapes users have |
//! | [`xml`] | events in the XML that Windows renders |
//! | [`eventlog`] | channels of the event log as they are written |
//! | [`decoder`] | from pieces to records |
//! | [`texts`] | the text of records as the recording has it |
//! | [`etw`] | Windows' sessions: started, watched, repaired, stopped |
//! | [`live`] | records as they happen: sessions, their settings, the hand-off |
//! | [`ring`] | what live sessions deliver, kept in files for some time |
//! | [`sim`] | a live session made of a log |
//! | [`limits`] | what input may ask for, each limit with its name |
#![cfg_attr(not(windows), forbid(unsafe_code))]
#![deny(unsafe_code)]
#![warn(missing_docs)]

mod credit;
pub mod decoder;
pub mod etl;
pub mod etw;
pub mod eventlog;
pub mod evtx;
mod input;
pub mod json;
pub mod limits;
pub mod live;
pub mod open;
mod packed;
mod reopen;
pub mod ring;
pub mod sim;
pub mod source;
pub mod texts;
pub mod walk;
pub mod xml;

pub use decoder::Decoder;
pub use limits::Limits;
pub use open::open;
pub use source::{Damage, Decoded, Mark, Piece, Source, SourceError};
pub use texts::RecordTexts;
pub use walk::{Found, find};
