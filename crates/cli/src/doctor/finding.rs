//! What a check led to: one line, with a remedy wherever something is not as it should be.

use etwatch_alert::json::harmless_line;
use etwatch_alert::pretty::harmless;
use serde::Serialize;

use crate::commands::{DONE, FAILED, NOTHING_TESTED};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// It is as it should be.
    Pass,
    /// It was not looked at: it was not asked for, or there is no such thing here.
    Skipped,
    /// It was looked at, and what was seen does not decide it.
    Unknown,
    /// It is not as it should be.
    Fail,
}

impl Outcome {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// A line of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The check's name, as `--only` takes it.
    pub(crate) check: &'static str,
    /// What it is about where a check is about several: a provider, a log source, a folder.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) subject: String,
    /// How it went.
    pub(crate) outcome: Outcome,
    /// What was seen.
    pub(crate) seen: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
}

/// A finding before it is known of which check it is.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    subject: String,
    outcome: Outcome,
    seen: String,
    remedy: Option<String>,
}

impl Verdict {
    pub(crate) fn pass(seen: impl Into<String>) -> Self {
        Self::new(Outcome::Pass, seen, None)
    }
    pub(crate) fn skipped(seen: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, seen, None)
    }
    /// What was seen does not decide; `remedy` says what would.
    pub(crate) fn unknown(seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Outcome::Unknown, seen, Some(remedy.into()))
    }
    pub(crate) fn fail(seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Outcome::Fail, seen, Some(remedy.into()))
    }
    fn new(outcome: Outcome, seen: impl Into<String>, remedy: Option<String>) -> Self {
        Self { subject: String::new(), outcome, seen: seen.into(), remedy }
    }
    /// The same about one of several.
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }
    /// As a finding of this check.
    pub(crate) fn of(self, check: &'static str) -> Finding {
        let Self { subject, outcome, seen, remedy } = self;
        Finding { check, subject, outcome, seen, remedy }
    }
}

impl Finding {
    /// The line for people; the first word is padded, so that outcomes stand in a column.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{:8} {}", self.outcome.name(), self.check);
        if !self.subject.is_empty() {
            line.push_str(&format!(" {}", harmless(&self.subject)));
        }
        line.push_str(&format!(": {}", harmless(&self.seen)));
        if let Some(remedy) = &self.remedy {
            line.push_str(&format!("; remedy: {}", harmless(remedy)));
        }
        line
    }
    /// The line for programs.
    pub(crate) fn json(&self) -> String {
        harmless_line(self)
    }
}

/// The exit status: what is worst decides. What was skipped does not count, but with nothing else there was no
/// check at all.
pub(crate) fn exit_status(findings: &[Finding]) -> u8 {
    match findings
        .iter()
        .map(|finding| finding.outcome)
        .filter(|one| *one != Outcome::Skipped)
        .max()
    {
        Some(Outcome::Pass) => DONE,
        Some(Outcome::Fail) => FAILED,
        Some(Outcome::Skipped | Outcome::Unknown) | None => NOTHING_TESTED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worst_decides_the_exit_status() {
        let [pass, skipped] = [Verdict::pass("a").of("x"), Verdict::skipped("b").of("x")];
        let [unknown, fail] = [Verdict::unknown("c", "d").of("x"), Verdict::fail("e", "f").of("x")];
        for (findings, status) in [
            (&[][..], NOTHING_TESTED),
            (&[Verdict::skipped("b").of("x")], NOTHING_TESTED),
            (&[pass.clone(), skipped.clone()], DONE),
            (&[pass.clone(), unknown.clone()], NOTHING_TESTED),
            (&[unknown, fail, pass, skipped], FAILED),
        ] {
            assert_eq!(exit_status(findings), status, "{findings:?}");
        }
    }

    #[test]
    fn a_finding_is_one_line_whatever_was_seen() {
        let finding = Verdict::fail("a\nb\u{1b}[2J", "do\nthis").about("some\rone").of("disk");
        assert_eq!(finding.line().lines().count(), 1, "{:?}", finding.line());
        assert!(
            !finding.line().contains('\u{1b}') && finding.line().starts_with("fail     disk some")
        );
        assert_eq!(finding.json().lines().count(), 1);
        let json: serde_json::Value = serde_json::from_str(&finding.json()).unwrap();
        assert_eq!((&json["outcome"], &json["remedy"]), (&"fail".into(), &"do\nthis".into()));
        let bare: serde_json::Value =
            serde_json::from_str(&Verdict::pass("x").of("disk").json()).unwrap();
        assert!(bare.get("remedy").is_none() && bare.get("subject").is_none());
    }
}
