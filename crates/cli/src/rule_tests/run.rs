//! Tests to outcomes, several at once.
//!
//! Each test is a replay of its own, so that tests can't see each other's events. All replays share one
//! pool of workers, which decode and match; a few threads beside it drive the replays and wait for them.
//! (They are none of the pool: a worker that waited for workers could wait for ever.) Outcomes are in the
//! order of the tests, whoever was done first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use etwatch_engine::{EngineError, Options, Report, Workers, replay_on};
use etwatch_rules::RuleIndex;
use etwatch_rules::sigma::correlation::Target;

use crate::rule_tests::rules::{Rules, Subject};
use crate::rule_tests::{Expected, Outcome, Test, why};

/// Runs the tests by `workers` threads, 0 for one a processor.
///
/// # Errors
/// [`EngineError::Workers`] if the operating system refuses the threads.
pub(crate) fn run(
    tests: &[Test],
    rules: &Rules,
    workers: usize,
) -> Result<Vec<Outcome>, EngineError> {
    let workers = Workers::start(rules.engine.clone(), workers)?;
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(tests.len()));
    let drive = || {
        while let Some((number, test)) = take(tests, &next) {
            let outcome = one(test, rules, &workers);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers.count().min(tests.len()) {
            // Where no thread can be had, those that are there do its share.
            let _ = std::thread::Builder::new().spawn_scoped(scope, drive);
        }
        drive();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
}

fn take<'t>(tests: &'t [Test], next: &AtomicUsize) -> Option<(usize, &'t Test)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    Some((number, tests.get(number)?))
}

/// A failed outcome for each rule that no test means.
pub(crate) fn untested_as_failures(untested: &[Subject<'_>]) -> Vec<Outcome> {
    let one = |rule: &Subject<'_>| Outcome {
        file: rule.file().to_owned(),
        case: format!("`{}` has a test", rule.attributes().title),
        expected: None,
        matches: None,
        failure: Some(
            "no test is for this rule\nwrite some into NAME.test.yaml beside it".to_owned(),
        ),
    };
    untested.iter().map(one).collect()
}

/// The rules and correlations that none of the tests means; what is silent is tested by what refers to it.
pub(crate) fn untested<'r>(tests: &[Test], rules: &'r Rules) -> Vec<Subject<'r>> {
    let tested: Vec<_> = tests.iter().filter_map(|test| rules.find(&test.rule).ok()).collect();
    let has_none =
        |one: &Subject<'_>| rules.is_visible(*one) && !tested.iter().any(|tested| tested.is(one));
    rules.all().filter(has_none).collect()
}

fn one(test: &Test, rules: &Rules, workers: &Workers) -> Outcome {
    let (matches, failure) = match judge(test, rules, workers) {
        Ok(matches) => (Some(matches), None),
        Err(Failure { matches, what }) => (matches, Some(what)),
    };
    let (file, case) = (test.file.clone(), test.case.clone());
    Outcome { file, case, expected: Some(test.expected), matches, failure }
}

/// Why a test failed, and how often its rule matched, if that was found out.
struct Failure {
    matches: Option<u64>,
    what: String,
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self { matches: None, what }
    }
}

/// How often the rule matched, which is as often as expected.
fn judge(test: &Test, rules: &Rules, workers: &Workers) -> Result<u64, Failure> {
    let subject = rules.find(&test.rule)?;
    let report = replayed(test, workers).map_err(|error| error.to_string())?;
    let matches = report.matches_of(subject.attributes(), subject.file());
    if let Some(what) = lost(&report) {
        return Err(what.into());
    }
    if !test.lines.is_empty() && report.events.contains_key("none") {
        return Err(why::no_log_source(test, workers).into());
    }
    let of_rule = format!("rule {}", subject.name());
    if !test.expected.is_met_by(matches) {
        let expected = test.expected;
        let details = match subject {
            Subject::Rule(index, rule) => why::otherwise(test, rule, index, workers),
            Subject::Correlation(planned) => why::of_correlation(planned, rules, &report),
        };
        let what = format!("expected {expected}, got {matches}\n{of_rule}\n{details}");
        return Err(Failure { matches: Some(matches), what });
    }
    if test.expected == Expected::Exactly(0)
        && let Some(sources) = applies_to_none(subject, rules, &report)
    {
        let what =
            format!("nothing was tested: the rule applies to no event\n{of_rule}\n{sources}");
        return Err(Failure { matches: Some(matches), what });
    }
    Ok(matches)
}

/// If the rule, or one that the correlation needs, applies to no event at all, that it does.
fn applies_to_none(subject: Subject<'_>, rules: &Rules, report: &Report) -> Option<String> {
    let plan = &rules.engine.correlations;
    match subject {
        Subject::Rule(index, rule) => {
            (report.events_for(index, rules.set()) == 0).then(|| why::log_sources(rule, report))
        }
        Subject::Correlation(planned) => {
            let below = planned.correlation.rules.iter().map(|reference| match reference.target {
                Target::Rule(index) => {
                    let rule = RuleIndex::from_index(index)?;
                    applies_to_none(Subject::Rule(rule, rules.set().get(rule)?), rules, report)
                }
                Target::Correlation(index) => {
                    let below = plan.correlations().get(index)?;
                    applies_to_none(Subject::Correlation(below), rules, report)
                }
            });
            // It is tested if any of its rules is.
            let all: Option<Vec<String>> = below.collect();
            all.map(|all| all.concat())
        }
    }
}

/// How the replay of a test went.
fn replayed(test: &Test, workers: &Workers) -> Result<Report, EngineError> {
    // Alerts are counted, but go nowhere.
    replay_on(workers, vec![test.events.clone()], &mut [], Options::default(), &mut ())
}

/// What was not read, if anything.
fn lost(report: &Report) -> Option<String> {
    if !report.ledger.is_balanced() {
        return Some("the counts of records do not add up: a fault of etwatch".to_owned());
    }
    if !report.input_was_lost() {
        return (report.ledger.events() == 0).then(|| "there is no event in it".to_owned());
    }
    let mut what = "some of the recording could not be read".to_owned();
    for message in &report.unreadable {
        what.push_str(&format!("\n{message}"));
    }
    for (file, damage) in &report.damage {
        let (offset, reason, detail) = (damage.offset, damage.reason, &damage.detail);
        what.push_str(&format!("\n{file}, byte {offset}: {reason}: {detail}"));
    }
    Some(what)
}
