//! Where engines differ in meaning: one test for each difference seen in the field, with the answer
//! that the specification, or the event itself, gives.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a failure in a test is a finding"
)]

mod support;

use std::path::PathBuf;

use etwatch_engine::Report;
use etwatch_rules::load::{LoadOptions, load_text};
use support::{engine_of, options, run};

/// A rule with this log source and detection.
fn rule(log_source: &str, detection: &str) -> String {
    format!("title: t\nlogsource: {{product: windows, {log_source}}}\ndetection:\n{detection}\n")
}

/// How often `rule` matches events, given as JSON lines.
fn matches(rule: &str, events: &str) -> (usize, Report) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("events.jsonl");
    std::fs::write(&path, events).unwrap();
    let (alerts, report) = run(&engine_of(rule), &[path], options(2, 16));
    (alerts.alerts().len(), report)
}

fn sysmon(id: u32, fields: &str) -> String {
    format!(
        "{{\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"Channel\":\"Microsoft-Windows-Sysmon/Operational\",\
         \"EventID\":{id},{fields}}}\n"
    )
}

fn refused_with(rule: &str) -> Vec<&'static str> {
    let loaded = load_text("r.yml", rule, &LoadOptions::default(), &mut Default::default());
    assert!(loaded.is_balanced());
    loaded.diagnostics.iter().map(|one| one.code).collect()
}

/// Others refuse field names with `-`, `windash`, keywords, `cidr`, `fieldref`, `re|i`, `wide`.
#[test]
fn every_modifier_of_the_field_loads() {
    for item in [
        "    s: {c-uri|contains: x}",
        "    s: {CommandLine|contains|windash: ' -x '}",
        "    s: [word, other]",
        "    s: {Ip|cidr: 10.0.0.0/8}",
        "    s: {Image|fieldref: ParentImage}",
        "    s: {Image|re|i: 'a.c'}",
        "    s: {CommandLine|wide|base64offset|contains: x}",
    ] {
        let text = rule("category: process_creation", &format!("{item}\n    condition: s"));
        assert_eq!(refused_with(&text), Vec::<&str>::new(), "{item}");
    }
}

/// A placeholder without a value taken as text makes a filter that excludes nothing.
#[test]
fn an_unresolved_placeholder_is_refused_with_its_reason() {
    let detection = "    s: {TargetUserName: admin}\n    f: {WorkstationName|expand: '%Admins%'}\n    condition: s and not f";
    assert_eq!(refused_with(&rule("service: security", detection)), ["SIG017"]);
}

#[test]
fn an_item_on_an_absent_field_is_false_and_its_negation_true() {
    let detection = "    s: {SourceImage|endswith: '\\powershell.exe'}\n    f: {SourceParentImage|endswith: '\\CompatTelRunner.exe'}\n    condition: s and not f";
    let text = rule("category: create_remote_thread", detection);
    let event = sysmon(8, r#""SourceImage":"C:\\x\\powershell.exe""#);
    assert_eq!(matches(&text, &event).0, 1);
    let filtered = sysmon(
        8,
        r#""SourceImage":"C:\\x\\powershell.exe","SourceParentImage":"C:\\CompatTelRunner.exe""#,
    );
    assert_eq!(matches(&text, &filtered).0, 0);
}

/// Event 1 of any other provider is no process creation.
#[test]
fn a_category_is_provider_and_id() {
    let text = rule("category: process_creation", "    s: {Image|contains: a}\n    condition: s");
    let other = r#"{"Provider_Name":"Microsoft-Windows-Kernel-General","Channel":"System","EventID":1,"Image":"a"}"#;
    let events = sysmon(1, r#""Image":"a""#) + other;
    let (count, report) = matches(&text, &events);
    assert_eq!((count, report.ledger.evaluated), (1, 2));
}

#[test]
fn a_created_key_is_no_deleted_one() {
    let text = rule(
        "category: registry_delete",
        "    s: {TargetObject|endswith: '\\RunMRU'}\n    condition: s",
    );
    let of = |kind| {
        sysmon(12, &format!("\"EventType\":\"{kind}\",\"TargetObject\":\"HKU\\\\x\\\\RunMRU\""))
    };
    assert_eq!(matches(&text, &(of("CreateKey") + &of("DeleteKey") + &of("CreateKey"))).0, 1);
}

#[test]
fn an_event_is_in_two_categories_at_once() {
    let both = rule("category: registry_set", "    s: {TargetObject: x}\n    condition: s")
        + "---\n"
        + &rule("category: registry_event", "    s: {TargetObject: x}\n    condition: s")
        + "---\n"
        + &rule("service: sysmon", "    s: {EventID: 13}\n    condition: s");
    assert_eq!(matches(&both, &sysmon(13, r#""EventType":"SetValue","TargetObject":"x""#)).0, 3);
}

#[test]
fn keywords_of_a_service_look_at_events_of_its_channel_alone() {
    let text = rule("service: application", "    keywords: [Mimikatz]\n    condition: keywords");
    let of = |channel: &str| {
        format!(
            r#"{{"Provider_Name":"p","Channel":"{channel}","EventID":7,"Data":"a mimikatz b"}}"#
        ) + "\n"
    };
    assert_eq!(matches(&text, &(of("Application") + &of("Security") + &of("System"))).0, 1);
}

#[test]
fn four_backslashes_are_two() {
    let text = rule(
        "category: process_creation",
        "    s: {CommandLine|contains: '\\\\\\\\host'}\n    condition: s",
    );
    assert!(text.contains(r"'\\\\host'"));
    let events = sysmon(1, r#""CommandLine":"x \\\\host\\share""#)
        + &sysmon(1, r#""CommandLine":"x \\host""#);
    assert_eq!(matches(&text, &events).0, 1);
}

#[test]
fn user_data_is_flattened_like_event_data() {
    let text = rule(
        "service: wmi",
        "    s: {EventID: 5858, Operation|contains: 'Win32_Process'}\n    condition: s",
    );
    let event = r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-WMI-Activity"}},"EventID":5858,"Channel":"Microsoft-Windows-WMI-Activity/Operational"},"UserData":{"Operation_ClientFailure":{"#attributes":{"xmlns":"http://x"},"Operation":"Start IWbemServices::ExecMethod - Win32_Process::Create"}}}}"##;
    assert_eq!(matches(&text, event).0, 1);
}

#[test]
fn blanks_in_field_names_are_no_obstacle() {
    let text = rule(
        "service: windefend",
        "    s: {EventID: 1116, ThreatName|contains: EICAR}\n    condition: s",
    );
    let event = r#"{"Provider_Name":"Microsoft-Windows-Windows Defender","Channel":"Microsoft-Windows-Windows Defender/Operational","EventID":1116,"Threat Name":"Virus:DOS/EICAR_Test_File"}"#;
    assert_eq!(matches(&text, event).0, 1);
}
