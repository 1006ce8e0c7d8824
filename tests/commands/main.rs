//! The command itself, run in a folder of its own.
//!
//! | module | about |
//! |---|---|
//! | `doctor` | what a doctor says where there is no Windows, and what it sends |
//! | `memory` | one limit for all that is remembered |
//! | `usage` | exit status, configuration, help |
//! | `printed` | what is printed, for people and for programs |
//! | `outputs` | streams and files that are written |
//! | `paths` | Windows' ways to write a path |
//! | `rule_tests` | `etwatch test`: which tests there are, which rule each means, whether it passes |
//! | `rule_test_outcomes` | how outcomes of tests are told |
//! | `run` | `etwatch run` with simulated sessions |
//! | `service` | etwatch as a service of Windows, and where there is none |
//! | `state` | windows of correlations that outlive a run |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod doctor;
mod memory;
mod outputs;
#[cfg(windows)]
mod paths;
mod printed;
mod rule_test_outcomes;
mod rule_tests;
mod run;
mod service;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod usage;
