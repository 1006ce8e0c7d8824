//! What to look at in a test that failed.
//!
//! The events are read once more and the rule is walked over them as it is written: of an event that
//! matched, which detections hold and by which items; where none matched, the event that came nearest
//! (the fewest detections that should hold and do not), and what fails in it.

use etwatch_capture::Limits;
use etwatch_capture::source::Location;
use etwatch_correlate::Planned;
use etwatch_engine::input::Input;
use etwatch_engine::{Report, Workers};
use etwatch_event::{Event, Ledger};
use etwatch_rules::sigma::correlation::Target;
use etwatch_rules::{Evaluator, Reasoning, Rule, RuleIndex, Shortfall, Verdict};

use crate::rule_tests::Test;
use crate::rule_tests::rules::{Rules, Subject};

/// Events that are shown one by one.
const EVENTS_SHOWN: usize = 3;
/// Values that are shown of an item.
const VALUES_SHOWN: usize = 4;
/// Characters of a value that are shown.
const CHARACTERS_SHOWN: usize = 200;

/// Why a rule matched more or less often than expected.
pub(crate) fn otherwise(test: &Test, rule: &Rule, index: RuleIndex, workers: &Workers) -> String {
    let rules = &workers.engine().rules;
    let mut evaluator = Evaluator::default();
    let (mut matched, mut shown) = (0, String::new());
    let mut nearest: Option<(usize, String)> = None;
    let mut sources = Vec::new();
    each_event(test, workers, |number, event| {
        if !rules.applying(event.source_set()).contains(&index) {
            let of_event: Vec<_> = event.log_sources().iter().map(ToString::to_string).collect();
            return sources.push(of_event.join(", "));
        }
        let verdicts = evaluator.verdicts(rule, event);
        let place = place(test, number, event);
        if evaluator.is_true(rule, event) {
            matched += 1;
            if matched <= EVENTS_SHOWN {
                let reasons = evaluator.reasons(rule, event).items;
                shown.push_str(&format!("{place}, matches\n{}", lines(&verdicts, &reasons)));
            }
            return;
        }
        let missing = verdicts.iter().filter(|verdict| verdict.wanted != verdict.holds).count();
        if nearest.as_ref().is_none_or(|(least, _)| missing < *least) {
            let text = format!("{place}, does not match\n{}", lines(&verdicts, &[]));
            nearest = Some((missing, text));
        }
    });
    if matched > EVENTS_SHOWN {
        shown.push_str(&format!("and {} more\n", matched - EVENTS_SHOWN));
    }
    match nearest {
        Some((_, text)) if matched == 0 || !test.expected.is_met_by(0) => shown + &text,
        None if matched == 0 => applies_to_none(rule, &sources),
        _ => shown,
    }
}

/// Why a correlation gave more or fewer alerts than expected: how often each of its rules matched, and what did
/// not take part.
pub(crate) fn of_correlation(planned: &Planned, rules: &Rules, report: &Report) -> String {
    let mut text = String::new();
    for reference in &planned.correlation.rules {
        let subject = match reference.target {
            Target::Rule(index) => rules.all().nth(index),
            Target::Correlation(index) => {
                rules.engine.correlations.correlations().get(index).map(Subject::Correlation)
            }
        };
        let count = subject.map(|one| report.matches_of(one.attributes(), one.file()));
        text.push_str(&format!("`{}` matched {} times\n", reference.text, count.unwrap_or(0)));
    }
    let counts = report.correlation;
    for (count, what) in [
        (counts.missing, "lack a field that a correlation groups by, or measures"),
        (counts.not_numeric, "have no number where numbers are measured"),
        (counts.late, "are of late events"),
    ] {
        if count > 0 {
            text.push_str(&format!("{count} matches took no part: they {what}\n"));
        }
    }
    text
}

/// That the rule is for other log sources.
pub(crate) fn log_sources(rule: &Rule, report: &Report) -> String {
    let sources: Vec<_> = report.events.keys().cloned().collect();
    applies_to_none(rule, &sources)
}

fn applies_to_none(rule: &Rule, sources: &[String]) -> String {
    let mut sources: Vec<_> =
        sources.iter().map(|source| if source.is_empty() { "none" } else { source }).collect();
    sources.sort_unstable();
    sources.dedup();
    let (wanted, found) = (&rule.log_source, sources.join("; "));
    format!("the rule is for the log source {wanted}, that of the events is: {found}\n")
}

/// Which of the events written in the test have no log source, and what they need.
pub(crate) fn no_log_source(test: &Test, workers: &Workers) -> String {
    let mut text = String::from("an event has no log source, so no rule can apply to it\n");
    each_event(test, workers, |number, event| {
        if event.log_sources().is_empty() {
            text.push_str(&format!("{}\n", place(test, number, event)));
        }
    });
    text + "give it EventID, and Provider_Name or Channel, as the recording would have them"
}

/// Calls `visit` for each event, numbered from 1. What can't be read was told before.
fn each_event(test: &Test, workers: &Workers, mut visit: impl FnMut(usize, &Event<'_>)) {
    let mut input = Input::new(test.events.clone(), 0);
    if input.begin(workers, Limits::default()).is_err() {
        return;
    }
    let mut number = 0;
    while let Ok(Some(_)) = input.advance(workers, 1, &mut Ledger::default()) {
        number += 1;
        if let Some((events, row)) = input.next()
            && let Some(event) = events.get(row)
        {
            visit(number, &event);
        }
        input.step();
    }
}

/// Where an event lies.
fn place(test: &Test, number: usize, event: &Event<'_>) -> String {
    match (&test.events, test.lines.get(number.saturating_sub(1))) {
        (_, Some(line)) => format!("event {number}, {}:{line}", test.file),
        (Location::File(_), None) => {
            format!("event {number}, {} record {}", test.events.name(), event.origin().record)
        }
        (_, None) => format!("event {number}"),
    }
}

/// A line a detection, and one for each item that speaks for or against it.
fn lines(verdicts: &[Verdict], reasons: &[Reasoning<'_>]) -> String {
    let mut text = String::new();
    for Verdict { detection, holds, wanted, failed } in verdicts {
        let holds = if *holds { "holds" } else { "does not hold" };
        let negated = if *wanted { "" } else { " (the condition negates it)" };
        text.push_str(&format!("  {detection} {holds}{negated}\n"));
        for reason in reasons.iter().filter(|reason| reason.detection == *detection) {
            let Reasoning { item, pattern, value, .. } = reason;
            let value = value.as_deref().map_or("no value".to_owned(), quoted);
            text.push_str(&format!("    {item} {} by {value}\n", quoted(pattern)));
        }
        if *wanted {
            failed.iter().for_each(|item| text.push_str(&shortfall(item)));
        }
    }
    text
}

fn shortfall(failed: &Shortfall) -> String {
    let Shortfall { item, patterns, values } = failed;
    let found = match values.as_slice() {
        [] if item.is_empty() => "found nowhere".to_owned(),
        [] => "the event has no such field".to_owned(),
        values => format!("found {}", several(values)),
    };
    let item = if item.is_empty() { "keyword" } else { item };
    format!("    {item} {}: {found}\n", several(patterns))
}

fn several(values: &[String]) -> String {
    let shown: Vec<_> = values.iter().take(VALUES_SHOWN).map(|value| quoted(value)).collect();
    let more = values.len().saturating_sub(VALUES_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    shown.join(", ") + &more
}

fn quoted(value: &str) -> String {
    match value.char_indices().nth(CHARACTERS_SHOWN) {
        Some((end, _)) => format!("'{}…'", value.get(..end).unwrap_or_default()),
        None => format!("'{value}'"),
    }
}
