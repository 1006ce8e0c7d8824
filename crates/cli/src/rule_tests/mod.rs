//! Tests of rules: events, a rule, and whether it must match.
//!
//! ```text
//! paths ──find──▶ NAME.test.yaml ──case_file──▶ Test ──┐
//!            ├──▶ info.yml ───────regression──▶ Test ──┼─run─▶ Outcome ──report, junit──▶ standard output
//!            └──▶ rule files ─────rules───────▶ Rules ─┘
//! ```
//!
//! All rules are loaded once. A test is a replay of its own through all of them, of which the matches of
//! its rule are counted; so it proves what a user would see, not what a mock says.
//!
//! | module | holds |
//! |---|---|
//! | [`find`] | test files and rule files below the paths |
//! | [`read`] | YAML read strictly: each slip with its place and its cure |
//! | [`case_file`] | our own form of tests, beside a rule |
//! | [`inline`] | events written in a test, as the JSON a recording would hold |
//! | [`regression`] | SigmaHQ's form of tests, beside recordings |
//! | [`rules`] | the rules that are tested, and which of them a test means |
//! | [`run`] | tests to outcomes, several at once |
//! | [`why`] | what to look at in a test that failed |
//! | [`report`], [`junit`] | outcomes for people and for programs |

mod case_file;
pub(crate) mod find;
mod inline;
mod junit;
mod read;
mod regression;
pub(crate) mod report;
pub(crate) mod rules;
pub(crate) mod run;
mod why;

use std::fmt;
use std::path::{Path, PathBuf};

use etwatch_capture::source::Location;
use etwatch_rules::Diagnostic;

use crate::rule_tests::find::Found;

/// Which rule a test means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meant {
    /// One of a file: the only one, or that with this id, name or title.
    InFile(PathBuf, Option<String>),
    /// The one with this id, name or title, wherever it is.
    Called(String),
}

/// How often the rule must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Once or more often.
    Match,
    /// Exactly so often; not at all if that is 0.
    Exactly(u64),
}

impl Expected {
    /// Whether so many matches are as expected.
    pub(crate) fn is_met_by(self, matches: u64) -> bool {
        match self {
            Self::Match => matches > 0,
            Self::Exactly(count) => matches == count,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match => f.write_str("a match"),
            Self::Exactly(0) => f.write_str("no match"),
            Self::Exactly(1) => f.write_str("exactly 1 match"),
            Self::Exactly(count) => write!(f, "exactly {count} matches"),
        }
    }
}

/// A test.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    /// The file it is written in.
    pub(crate) file: String,
    /// What it is called there.
    pub(crate) case: String,
    /// The rule.
    pub(crate) rule: Meant,
    /// The events.
    pub(crate) events: Location,
    /// The lines of the file on which the events stand, if they are written there.
    pub(crate) lines: Vec<usize>,
    /// What must come of it.
    pub(crate) expected: Expected,
}

impl Test {
    /// Its whole name, `file::case`.
    pub(crate) fn name(&self) -> String {
        format!("{}::{}", self.file, self.case)
    }
}

/// What came of a test.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The file it is written in.
    pub(crate) file: String,
    /// What it is called there.
    pub(crate) case: String,
    /// What was expected; nothing if the test is that there are tests.
    pub(crate) expected: Option<Expected>,
    /// How often the rule matched; nothing if that was not found out.
    pub(crate) matches: Option<u64>,
    /// If it failed, why: some lines.
    pub(crate) failure: Option<String>,
}

impl Outcome {
    /// The whole name, as that of the test.
    pub(crate) fn name(&self) -> String {
        format!("{}::{}", self.file, self.case)
    }
}

/// Reads the tests of the files that were found; what can't be read is in the second part.
pub(crate) fn read_tests(found: &Found) -> (Vec<Test>, Vec<Diagnostic>) {
    let (mut tests, mut problems) = (Vec::new(), Vec::new());
    let mut take = |path: &Path, parse: read::Parse| match read::file(path, parse) {
        Ok(of_file) => tests.extend(of_file),
        Err(of_file) => problems.extend(of_file),
    };
    found.case_files.iter().for_each(|path| take(path, case_file::parse));
    found.regression.iter().for_each(|path| take(path, regression::parse));
    (tests, problems)
}

/// A path as it is shown, with `/` between folders on every system.
fn shown(path: &Path) -> String {
    Location::File(path.to_owned()).name()
}

/// A path that is the same however the file was named.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
