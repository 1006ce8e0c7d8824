//! Whole examinations of a Windows that is made up: a healthy one, and one for each way to be otherwise.

mod sessions;
mod simulated;
mod troubles;

use std::path::PathBuf;
use std::time::Duration;

use etwatch_capture::live::ChannelSettings;

use crate::doctor::check::needs;
use crate::doctor::examination::Webhook;
use crate::doctor::finding::Outcome;
use crate::doctor::{CHECKS, Check, Examination, Finding, exit_status, findings};
use simulated::{Simulated, sessions};

fn examination() -> Examination {
    Examination {
        token: "etwatch-doctor-1f".to_owned(),
        sessions: sessions(),
        channels: vec![ChannelSettings::new("Security", [4_688])],
        folders: vec![("state", PathBuf::from("state"))],
        webhook: Webhook::Send,
        deadline: Duration::from_secs(2),
        idle: Duration::ZERO,
    }
}

/// What all checks find on this host.
fn examined(host: &mut Simulated) -> Vec<Finding> {
    examined_by(&examination(), host)
}

fn examined_by(examination: &Examination, host: &mut Simulated) -> Vec<Finding> {
    let checks: Vec<&Check> = CHECKS.iter().collect();
    findings(&checks, &examination.run(needs(&checks), host, &mut |_| ()))
}

/// The findings of a check that went like this, as lines.
fn lines(findings: &[Finding], check: &str, outcome: Outcome) -> Vec<String> {
    let is_one = |one: &&Finding| one.check == check && one.outcome == outcome;
    findings.iter().filter(is_one).map(Finding::line).collect()
}

#[test]
fn on_a_healthy_windows_every_check_passes() {
    let findings = examined(&mut Simulated::healthy());
    for check in CHECKS {
        let passed = lines(&findings, check.name, Outcome::Pass);
        // Nobody asked for rates.
        let expected = usize::from(check.name != "rates");
        assert!(passed.len() >= expected, "{}: {findings:#?}", check.name);
    }
    let bad: Vec<_> = findings
        .iter()
        .filter(|one| matches!(one.outcome, Outcome::Fail | Outcome::Unknown))
        .map(Finding::line)
        .collect();
    assert_eq!(bad, [""; 0]);
    // What nothing moves is no fault.
    let silent = lines(&findings, "provider", Outcome::Skipped);
    assert!(silent.len() == 1 && silent.iter().all(|line| line.contains("LDAP")), "{silent:?}");
}

#[test]
fn a_healthy_windows_without_questions_is_all_well() {
    let checks: Vec<&Check> = CHECKS.iter().filter(|check| !check.is_question).collect();
    let mut examination = examination();
    for session in &mut examination.sessions {
        session.providers.retain(|one| !one.name.ends_with("Threat-Intelligence"));
    }
    let observations = examination.run(needs(&checks), &mut Simulated::healthy(), &mut |_| ());
    let findings = findings(&checks, &observations);
    assert_eq!(exit_status(&findings), 0, "{findings:#?}");
}

#[test]
fn only_what_a_check_needs_is_done() {
    for check in CHECKS {
        let mut told = 0;
        let observations =
            examination().run(check.needs, &mut Simulated::healthy(), &mut |_| told += 1);
        assert_eq!(observations.acts.is_empty(), !check.needs.sessions, "{}", check.name);
        assert_eq!(told == 0, !check.needs.sessions, "{}", check.name);
        assert_eq!(observations.channels.is_empty(), !check.needs.channels, "{}", check.name);
        assert_eq!(observations.rooms.is_empty(), !check.needs.folders, "{}", check.name);
        assert_eq!(observations.webhook_answer.is_none(), !check.needs.webhook, "{}", check.name);
        // What was asked for is enough: the check finds something.
        assert!(!(check.judge)(&observations).is_empty(), "{}", check.name);
    }
}

#[test]
fn rates_are_what_comes_while_nothing_is_done() {
    let mut host = Simulated::healthy();
    host.idle =
        r#"{"Provider_Name":"P","EventID":7,"TimeCreated_SystemTime":"2026-03-02T09:00:00Z"}"#
            .to_owned()
            + "\n";
    let examination = Examination { idle: Duration::from_secs(3), ..examination() };
    let findings = examined_by(&examination, &mut host);
    // One each tenth of a second.
    let rates = lines(&findings, "rates", Outcome::Pass);
    assert_eq!(rates, ["pass     rates P: id 7 10.0/s"], "{findings:#?}");
}

#[test]
fn names_of_checks_are_told_apart_and_can_be_typed() {
    let mut names: Vec<_> = CHECKS.iter().map(|check| check.name).collect();
    assert!(
        names.iter().all(|name| name.chars().all(|one| one.is_ascii_lowercase() || one == '-'))
    );
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CHECKS.len());
}

#[test]
fn the_page_for_administrators_names_each_check() {
    let page = include_str!("../../../../../docs/windows.md");
    let missing = CHECKS.iter().map(|check| check.name);
    let missing: Vec<_> = missing.filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert_eq!(missing, [""; 0]);
}
