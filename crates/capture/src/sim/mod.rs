//! A live session without Windows: the records of a log, delivered as if they happened now.
//!
//! ```text
//! .etl ──▶ Recording ──▶ Session: pace, faults ──▶ Receive, as a session of Windows calls it ──▶ …
//!          in memory     a seeded plan
//! ```
//!
//! The other end is the very [`crate::live::Intake`] that takes the records of Windows, so what is tested, measured
//! and tried out here is what runs there.
//!
//! | module | holds |
//! |---|---|
//! | [`recording`] | the records of a log, in memory |
//! | [`faults`] | what goes wrong, by a plan that a seed determines |
//! | [`session`] | who delivers them, how fast and how often |

pub mod faults;
pub mod recording;
pub mod session;

pub use faults::{Faults, Stalls};
pub use recording::{Recording, RecordingError};
pub use session::{Delivered, Running, Session, Speed};
