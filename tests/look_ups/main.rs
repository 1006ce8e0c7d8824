//! What only the host or another event can say: from records to matches, with the host's answers among the records.
//!
//! | module | about |
//! |---|---|
//! | `line` | records, and the way from them to matches |
//! | `answers` | which events are told what the host answered, and which say that they lack it |
//! | `live` | a live run and its replay |
//! | `remembered` | scripts in parts, names of accounts, starts of Windows |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod answers;
mod line;
mod live;
mod remembered;
#[path = "../support/mod.rs"]
mod support;
