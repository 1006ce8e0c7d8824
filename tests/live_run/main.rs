//! The line while events happen: the same alerts as a replay, rules that change meanwhile, clean ends.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a failure in a test is a finding"
)]

#[path = "../support/mod.rs"]
mod support;

mod as_replay;
mod reload;
mod scripted;
mod time;
