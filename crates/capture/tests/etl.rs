//! Logs of ETW: real ones, logs of kinds that no real one here has, and damaged ones.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

#[path = "../../../tests/support/allocations.rs"]
mod allocations;
#[path = "etl/corpus.rs"]
mod corpus;
#[path = "etl/damage.rs"]
mod damage;
#[path = "etl/made.rs"]
mod made;
#[path = "../../../tests/support/corpus.rs"]
mod place;
#[path = "etl/reading.rs"]
mod reading;
#[path = "etl/writer.rs"]
mod writer;
