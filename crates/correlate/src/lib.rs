//! Sigma correlations: windows in event time over the matches of rules.
//!
//! It stands between matching and alerting and sees matches in event order on one thread. It is
//! empty until correlation rules are evaluated.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
