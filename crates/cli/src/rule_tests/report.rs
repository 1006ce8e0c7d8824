//! Outcomes for people and for programs.
//!
//! The text is that of `cargo test`, so that nobody has to learn it. The JSON form is one object a line:
//! one for each test, then one for the run. Names and values come from files and events of anybody, so
//! nothing in them may act on a terminal.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use etwatch_alert::json::harmless_line;
use etwatch_alert::pretty::escape;
use etwatch_rules::sigma::Attributes;
use serde::Serialize;

use crate::rule_tests::junit;
use crate::rule_tests::rules::Subject;
use crate::rule_tests::{Expected, Outcome, Test};

/// Rules without a test that are named one by one.
const UNTESTED_SHOWN: usize = 20;

/// The form of the outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// As `cargo test` prints it, for people
    #[default]
    Text,
    /// JUnit XML, for CI services
    Junit,
    /// One JSON object a line, for programs
    Json,
}

/// What a run led to.
pub(crate) struct Run<'a> {
    /// The tests that were run, in order.
    pub(crate) outcomes: &'a [Outcome],
    /// Tests that were left out by `--filter`.
    pub(crate) filtered_out: usize,
    /// How many rules and correlations give alerts of their own.
    pub(crate) rules: usize,
    /// Those without a test.
    pub(crate) untested: &'a [Subject<'a>],
    /// How long it took.
    pub(crate) duration: Duration,
}

impl Run<'_> {
    /// How many tests failed.
    pub(crate) fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.failure.is_some()).count()
    }
    /// The outcomes in one of the forms.
    pub(crate) fn show(&self, form: Form) -> String {
        match form {
            Form::Text => self.text(),
            Form::Junit => junit::document(self),
            Form::Json => self.json(),
        }
    }

    fn text(&self) -> String {
        let bad = AnsiColor::Red.on_default();
        let good = AnsiColor::Green.on_default();
        let count = self.outcomes.len();
        let mut text = format!("running {}\n", counted(count, "test"));
        for outcome in self.outcomes {
            let (style, word) = word(outcome.failure.is_some(), bad, good, ["ok", "FAILED"]);
            text.push_str(&format!(
                "test {} ... {style}{word}{style:#}\n",
                escape(&outcome.name())
            ));
        }
        let failed = self.failed();
        if failed > 0 {
            text.push_str("\nfailures:\n");
        }
        for outcome in self.outcomes {
            let Some(failure) = &outcome.failure else { continue };
            text.push_str(&format!("\n---- {} ----\n", escape(&outcome.name())));
            failure.lines().for_each(|line| text.push_str(&format!("{}\n", escape(line))));
        }
        let (style, word) = word(failed > 0, bad, good, ["ok", "FAILED"]);
        text + &format!(
            "\ntest result: {style}{word}{style:#}. {} passed; {failed} failed; {} filtered out; \
             finished in {:.2}s\n",
            count - failed,
            self.filtered_out,
            self.duration.as_secs_f64()
        )
    }

    fn json(&self) -> String {
        let mut text = String::new();
        for outcome in self.outcomes {
            text.push_str(&harmless_line(&TestLine::of(outcome)));
            text.push('\n');
        }
        let failed = self.failed();
        let line = RunLine {
            kind: "run",
            passed: self.outcomes.len() - failed,
            failed,
            filtered_out: self.filtered_out,
            rules: self.rules,
            untested: self.untested.iter().map(UntestedRule::of).collect(),
            seconds: self.duration.as_secs_f64(),
        };
        text + &harmless_line(&line) + "\n"
    }

    /// How many rules there are, and which of them have no test.
    pub(crate) fn coverage(&self) -> String {
        let (all, without) = (self.rules, self.untested.len());
        let mut text = format!("{}, {without} without a test", counted(all, "rule"));
        for rule in self.untested.iter().take(UNTESTED_SHOWN) {
            text.push_str(&format!("\n  {}", escape(&rule.name())));
        }
        if without > UNTESTED_SHOWN {
            text.push_str(&format!("\n  and {} more", without - UNTESTED_SHOWN));
        }
        text
    }
}

fn word(failed: bool, bad: Style, good: Style, words: [&str; 2]) -> (Style, &str) {
    let [fine, wrong] = words;
    if failed { (bad, wrong) } else { (good, fine) }
}

/// The names of the tests, one a line, as `cargo test -- --list` prints them.
pub(crate) fn list(tests: &[Test]) -> String {
    let names: String =
        tests.iter().map(|test| format!("{}: test\n", escape(&test.name()))).collect();
    names + &format!("\n{}\n", counted(tests.len(), "test"))
}

/// A number of things.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[derive(Serialize)]
struct TestLine<'a> {
    kind: &'a str,
    name: String,
    file: &'a str,
    case: &'a str,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<ExpectedForm>,
    matches: Option<u64>,
    failure: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ExpectedForm {
    AtLeast(u64),
    Exactly(u64),
}

impl<'a> TestLine<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        Self {
            kind: "test",
            name: outcome.name(),
            file: &outcome.file,
            case: &outcome.case,
            passed: outcome.failure.is_none(),
            expected: outcome.expected.map(|expected| match expected {
                Expected::Match => ExpectedForm::AtLeast(1),
                Expected::Exactly(count) => ExpectedForm::Exactly(count),
            }),
            matches: outcome.matches,
            failure: outcome.failure.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct RunLine<'a> {
    kind: &'a str,
    passed: usize,
    failed: usize,
    filtered_out: usize,
    rules: usize,
    untested: Vec<UntestedRule<'a>>,
    seconds: f64,
}

#[derive(Serialize)]
struct UntestedRule<'a> {
    id: Option<&'a str>,
    title: &'a str,
    file: &'a str,
    line: usize,
}

impl<'a> UntestedRule<'a> {
    fn of(rule: &Subject<'a>) -> Self {
        let Attributes { id, title, .. } = rule.attributes();
        Self { id: id.as_deref(), title, file: rule.file(), line: rule.line() }
    }
}
