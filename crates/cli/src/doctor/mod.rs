//! `etwatch doctor`: whether this machine can be watched, shown by watching it.
//!
//! Much of what live capture needs can't be looked up: Windows accepts a provider that nobody has registered, and
//! gives nothing; a session runs, and loses half. So the doctor does harmless things of its own, each marked with a
//! token, and looks for them among the events that come.
//!
//! ```text
//! checks ─▶ what they need ─▶ examination: ask, start sessions, act, wait for events, stop ─▶ observations
//!                                                                                               │ judged,
//!                                                                              one line each ◀──┘ asking nobody
//! ```
//!
//! Acting and judging are apart: an [`Examination`] asks and does all through one trait, and leaves plain
//! [`Observations`]; a check is a function of those. So each judgement is tested with a host that is made up, for
//! each way in which it can fail.
//!
//! | module | holds |
//! |---|---|
//! | [`check`] | the table of checks: name, what each needs, who judges |
//! | [`examination`] | the order in which things are asked and done |
//! | [`act`] | the acts, and how each is taken back |
//! | [`canary`] | which act shows in which log source, and by what it is recognised |
//! | [`seen`] | records and events as they are kept |
//! | [`judge`] | judgements: rights, telemetry, loss, place, open questions |
//! | [`finding`] | a line of the result, and the exit status |
//! | [`surroundings`] | the trait behind which Windows is |
//! | [`local`] | this machine |
//! | [`wanted`] | which sessions are started |
//! | `watched` | sessions that run, and what comes of them |

pub(crate) mod act;
pub(crate) mod canary;
pub(crate) mod check;
pub(crate) mod examination;
pub(crate) mod finding;
pub(crate) mod judge;
pub(crate) mod local;
pub(crate) mod seen;
pub(crate) mod surroundings;
#[cfg(test)]
mod tests;
pub(crate) mod wanted;
mod watched;

pub(crate) use check::{CHECKS, Check};
pub(crate) use examination::{Examination, Observations};
pub(crate) use finding::{Finding, exit_status};

/// Judges: the lines of these checks, in their order.
pub(crate) fn findings(checks: &[&Check], observations: &Observations) -> Vec<Finding> {
    let lines = |check: &&Check| {
        let verdicts = (check.judge)(observations);
        let name = check.name;
        verdicts.into_iter().map(move |verdict| verdict.of(name)).collect::<Vec<_>>()
    };
    checks.iter().flat_map(lines).collect()
}
