//! Correlations over matches, without anything being matched.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a failure in a test is a finding"
)]

mod cases;
mod change;
mod properties;
mod support;
