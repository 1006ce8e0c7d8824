//! Live sessions made of logs that Windows wrote: what is delivered is what is in the log, and under overload each
//! record is accounted for.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "a failure in a test is a finding"
)]

#[path = "../../../tests/support/allocations.rs"]
mod allocations;
#[path = "live/overload.rs"]
mod overload;
#[path = "../../../tests/support/corpus.rs"]
mod place;
#[path = "live/recorded.rs"]
mod recorded;
#[path = "live/steady.rs"]
mod steady;
