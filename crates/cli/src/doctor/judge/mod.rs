//! Judgements: functions of what was seen, which ask nobody.
//!
//! Each gives one verdict for each thing that it is about; a verdict that something is not as it should be carries a
//! remedy.

pub(crate) mod loss;
pub(crate) mod place;
pub(crate) mod questions;
pub(crate) mod rights;
pub(crate) mod telemetry;

use etwatch_host::HostError;

use crate::doctor::examination::Observations;
use crate::doctor::finding::Verdict;

/// What is said where Windows did not tell.
fn not_told(what: &str, error: HostError) -> Verdict {
    match error {
        HostError::NotHere => Verdict::skipped(format!("{what}: this is no Windows")),
        error => Verdict::unknown(
            format!("{what}: Windows did not tell: {error}"),
            "run etwatch doctor as an administrator",
        ),
    }
}

/// What is said of everything that sessions tell while none runs; `None` if one does.
fn not_watched(observations: &Observations) -> Option<Vec<Verdict>> {
    (!observations.is_watched()).then(|| vec![Verdict::skipped("no session runs")])
}
