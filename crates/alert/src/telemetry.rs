//! What etwatch tells of itself, as sinks get it beside alerts: that it is alive, that it lost something, that
//! somebody changed what it watches.
//!
//! Their JSON form is described in `docs/telemetry.schema.json`; the member `kind`, which alerts do not have,
//! tells them apart:
//!
//! ```text
//! {"kind":"telemetry_gap","time":…,"host":…,"gap":{"reason":"events lost by Windows","count":12,"total":40}}
//! ```
//!
//! A heartbeat says that silence means that nothing was found: what was read until then, and what was not.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use etwatch_event::{Ledger, Timestamp};
use serde::Serialize;

use crate::json::harmless_line;
use crate::pretty::harmless;
use crate::sink::Form;

/// Somebody changed what is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tampering {
    /// Which session it is about.
    pub session: String,
    /// What was changed: `stopped`, `provider disabled`, …
    pub change: String,
    /// More about it, for people; empty if there is none.
    pub detail: String,
    /// Whether it is again as it should be.
    pub repaired: bool,
}

/// Something was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Where, or why: a word of the ledger.
    pub reason: String,
    /// How many since that was told last.
    pub count: u64,
    /// How many since the run began.
    pub total: u64,
}

/// It is alive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Heartbeat {
    /// Since the run began.
    pub uptime_seconds: u64,
    /// Until the next one is to be expected.
    pub period_seconds: u64,
    /// Sources that events come from now.
    pub sources: usize,
    /// Rules in force.
    pub rules: usize,
    /// Correlations in force.
    pub correlations: usize,
    /// Alerts since the run began.
    pub alerts: u64,
    /// Where the records went.
    pub ledger: Counts,
}

/// The sums of a ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    read: u64,
    skipped: u64,
    undecodable: u64,
    filtered: u64,
    dropped: u64,
    bookkeeping: u64,
    joined: u64,
    evaluated: u64,
    split: u64,
    derived: u64,
    late: u64,
    events_lost: u64,
    buffers_lost: u64,
    unseen: u64,
}

impl From<&Ledger> for Counts {
    fn from(ledger: &Ledger) -> Self {
        let sum = |counts: &std::collections::BTreeMap<_, u64>| counts.values().sum();
        let Ledger { read, bookkeeping, joined, evaluated, split, derived, late, .. } = *ledger;
        let Ledger { events_lost, buffers_lost, .. } = *ledger;
        Self {
            read,
            skipped: sum(&ledger.skipped),
            undecodable: sum(&ledger.undecodable),
            filtered: sum(&ledger.filtered),
            dropped: sum(&ledger.dropped),
            bookkeeping,
            joined,
            evaluated,
            split,
            derived,
            late,
            events_lost,
            buffers_lost,
            unseen: sum(&ledger.unseen),
        }
    }
}

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Telemetry {
    /// It is alive.
    Heartbeat(Heartbeat),
    /// Something was lost.
    #[serde(rename = "gap")]
    TelemetryGap(Gap),
    /// Somebody changed what is watched.
    Tampering(Tampering),
}

#[derive(Serialize)]
struct Object<'a> {
    kind: &'static str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(flatten)]
    what: &'a Telemetry,
}

impl Telemetry {
    fn kind(&self) -> &'static str {
        match self {
            Self::Heartbeat(_) => "heartbeat",
            Self::TelemetryGap(_) => "telemetry_gap",
            Self::Tampering(_) => "tampering",
        }
    }

    /// Writes it down as told on `host` at a time of this machine's clock.
    #[must_use]
    pub fn write(&self, time: Timestamp, host: Option<&str>, form: Form) -> String {
        match form {
            Form::Json => {
                let kind = self.kind();
                harmless_line(&Object { kind, time: time.to_string(), host, what: self })
            }
            Form::Pretty => self.lines(time, host),
        }
    }

    fn lines(&self, time: Timestamp, host: Option<&str>) -> String {
        let style = match self {
            Self::Heartbeat(_) => Style::new().dimmed(),
            Self::TelemetryGap(_) => AnsiColor::Yellow.on_default().bold(),
            Self::Tampering(_) => AnsiColor::Red.on_default().bold(),
        };
        let word = self.kind().replace('_', " ").to_uppercase();
        let mut out = format!("{style}{word}{style:#} {time}");
        if let Some(host) = host {
            let _ = write!(out, "  {}", harmless(host));
        }
        let _ = match self {
            Self::Heartbeat(Heartbeat {
                alerts, ledger: Counts { read, evaluated, .. }, ..
            }) => {
                writeln!(out, "  {read} records read, {evaluated} evaluated, {alerts} alerts")
            }
            Self::TelemetryGap(Gap { reason, count, total }) => {
                writeln!(out, "  {}: {count} ({total} in all)", harmless(reason))
            }
            Self::Tampering(Tampering { session, change, detail, repaired }) => {
                let [session, change, detail] =
                    [session, change, detail].map(|text| harmless(text));
                let state = if *repaired { "repaired" } else { "not repaired" };
                let space = if detail.is_empty() { "" } else { " " };
                writeln!(out, "  session {session}: {change}{space}{detail} ({state})")
            }
        };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(what: &Telemetry) -> (serde_json::Value, String) {
        let time = Timestamp::from_unix_millis(0).unwrap();
        let json = what.write(time, Some("host\u{1b}"), Form::Json);
        assert!(!json.contains('\u{1b}') && !json.contains('\n'), "{json}");
        (serde_json::from_str(&json).unwrap(), what.write(time, Some("host\u{1b}"), Form::Pretty))
    }

    #[test]
    fn a_gap_tells_why_and_how_much() {
        let gap = Gap { reason: "queue full".to_owned(), count: 2, total: 5 };
        let (json, pretty) = both(&Telemetry::TelemetryGap(gap));
        let expected = serde_json::json!({
            "kind": "telemetry_gap",
            "time": "1970-01-01T00:00:00.0000000Z",
            "host": "host\u{1b}",
            "gap": {"reason": "queue full", "count": 2, "total": 5},
        });
        assert_eq!(json, expected);
        assert!(pretty.contains("queue full: 2 (5 in all)") && !pretty.contains("host\u{1b}"));
    }

    #[test]
    fn a_heartbeat_has_the_sums_of_the_ledger() {
        let mut ledger = Ledger { read: 7, evaluated: 4, ..Ledger::default() };
        ledger.dropped.insert("queue full", 2);
        ledger.dropped.insert("arena full", 1);
        let heartbeat = Heartbeat { ledger: (&ledger).into(), ..Heartbeat::default() };
        let (json, _) = both(&Telemetry::Heartbeat(heartbeat));
        let told = &json["heartbeat"]["ledger"];
        assert_eq!((&told["read"], &told["dropped"]), (&7.into(), &3.into()));
    }

    #[test]
    fn what_was_tampered_with_is_named() {
        let [session, change, detail] = ["etwatch", "stopped", "by\n8"].map(str::to_owned);
        let what = Tampering { session, change, detail, repaired: true };
        let (json, pretty) = both(&Telemetry::Tampering(what));
        assert_eq!(json["tampering"]["repaired"], true);
        assert!(pretty.ends_with("session etwatch: stopped by\\n8 (repaired)\n"), "{pretty}");
    }
}
