//! Sigma correlations: windows in event time over the matches of rules.
//!
//! It stands between matching and alerting and sees matches in event order on one thread.
//!
//! | module | holds |
//! |---|---|
//! | [`plan`] | which matches contribute to which correlations, and what alerts by itself |
//! | [`correlator`] | matches in, alerts out |
//! | [`evidence`] | what is told of an event, kept small |
//! | `key` | what a contribution says of the fields that are looked at |
//! | `groups` | the groups of one correlation |
//! | `memory` | those of all, and what they take together |
//! | `window` | what one group remembers, and when its condition holds |
//! | `hosts` | the clock of each host |
//! | [`loss`] | what was lost, and when |
//! | `bytes` | what memory costs beyond the bytes that are asked for |
//! | [`saved`] | the memory, to be taken up again by another run |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod bytes;
pub mod correlator;
pub mod evidence;
mod groups;
mod hosts;
mod key;
pub mod loss;
mod memory;
pub mod plan;
pub mod saved;
mod window;

pub use correlator::{CorrelationMatch, Correlator, Counts, Limits};
pub use evidence::{Evidence, Templates};
pub use loss::Loss;
pub use plan::{Plan, Planned};
pub use saved::Saved;
pub use window::MOST_SHOWN;
