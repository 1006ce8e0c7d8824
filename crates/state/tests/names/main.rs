//! Names behind handles are told, found, closed, forgotten and counted.

#![allow(
    clippy::unwrap_used,
    reason = "a test that fails must say where; lints know tests only by their attribute"
)]

mod bounds;
mod host;
mod properties;
mod scenarios;
