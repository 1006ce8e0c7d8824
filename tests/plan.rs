//! `etwatch plan`: what rules need of a running Windows, what the configuration changes of it, and the plan for all
//! rules of SigmaHQ.

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

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use etwatch_capture::live::{ProviderSettings, SessionKind};
use etwatch_engine::live_plan::{Fate, NEWEST_BUILD};
use etwatch_engine::{Engine, LiveChanges, LiveConditions, LivePlan, Planner};
use serde::Deserialize;
use serde_json::Value;
use support::place::Place;
use support::{corpus, engine, engine_of, golden, root};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    rules: String,
    build: Option<u32>,
    #[serde(default)]
    sysmon: bool,
    channels: Option<BTreeSet<String>>,
    asks: Vec<String>,
    #[serde(default)]
    reads: Vec<String>,
    fates: Vec<String>,
}

/// An engine without rules.
fn nothing() -> Engine {
    Engine::new(Vec::new(), Vec::new(), etwatch_event::Vocabulary::default(), None).unwrap()
}

fn planned(engine: &Engine, conditions: &LiveConditions) -> LivePlan {
    let plan = Planner::built_in().unwrap().plan(engine, conditions, &LiveChanges::default());
    plan.unwrap()
}

fn joined(ids: &[u16]) -> String {
    ids.iter().map(|id| format!(" {id}")).collect()
}

/// What is asked for: flags, then providers.
fn asks(plan: &LivePlan) -> BTreeSet<String> {
    let flags = |kind| match kind {
        SessionKind::System { flags } => Some(format!("flags {flags:#x}")),
        SessionKind::User => None,
    };
    let provider = |it: &ProviderSettings| format!("{} {:#x}{}", it.name, it.any, joined(&it.ids));
    let sessions = plan.sessions.iter();
    sessions
        .flat_map(|session| {
            flags(session.kind).into_iter().chain(session.providers.iter().map(provider))
        })
        .collect()
}

fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Whole => "whole".to_owned(),
        Fate::Partly(missing) => format!("partly {}", missing.join(" ")),
        Fate::Never { missing, why } if missing.is_empty() => format!("never {why}"),
        Fate::Never { missing, why } => format!("never {}: {why}", missing.join(" ")),
    }
}

#[test]
fn rules_get_what_they_need_and_nothing_else() {
    let text = std::fs::read_to_string(root().join("tests/plan/cases.yaml")).unwrap();
    let cases: Vec<Case> = serde_yaml::from_str(&text).unwrap();
    let nothing = nothing();
    for case in cases {
        let conditions = LiveConditions {
            os_build: case.build.unwrap_or(NEWEST_BUILD),
            sysmon: case.sysmon,
            channels: case.channels,
            ..LiveConditions::default()
        };
        let always = asks(&planned(&nothing, &conditions));
        let plan = planned(&engine_of(&case.rules), &conditions);
        let name = &case.name;
        let fates: Vec<_> = plan.rules.iter().map(|rule| fate(&rule.fate)).collect();
        assert_eq!(fates, case.fates, "{name}");
        let asked: BTreeSet<_> = asks(&plan).difference(&always).cloned().collect();
        assert_eq!(asked, case.asks.into_iter().collect(), "{name}");
        let reads = plan.channels.iter().map(|it| format!("{}{}", it.path, joined(&it.ids)));
        assert_eq!(reads.collect::<Vec<_>>(), case.reads, "{name}");
    }
}

#[test]
fn what_is_always_asked_for_tells_which_processes_run_and_who_tampers() {
    let asked = |os_build, sysmon| {
        asks(&planned(&nothing(), &LiveConditions { os_build, sysmon, ..Default::default() }))
    };
    let (process, tracing) =
        ("Microsoft-Windows-Kernel-Process", "Microsoft-Windows-Kernel-EventTracing");
    let expected = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect();
    let tracing = &format!("{tracing} 0x410 10 11 12 14 15");
    let all: BTreeSet<String> =
        expected(&["flags 0x5", &format!("{process} 0x10 1 2 15"), tracing]);
    assert_eq!(asked(NEWEST_BUILD, false), all);
    let windows_7 = expected(&[&format!("{process} 0x10 1 2"), tracing]);
    assert_eq!(asked(7601, false), windows_7);
    assert_eq!(asked(NEWEST_BUILD, true), expected(&[&format!("{process} 0x10 15"), tracing]));
    let conditions = LiveConditions { elevated: false, ..Default::default() };
    let plan = planned(&engine_of(support::place::RULE), &conditions);
    assert!(plan.sessions.is_empty());
    assert_eq!(fate(&plan.rules[0].fate), "never sessions of ETW need an elevated process");
}

fn plan(place: &Place, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_etwatch"));
    command.arg("plan").args(flags).current_dir(place.folder.path()).output().unwrap()
}

fn json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_plan_of_the_shipped_rules_is_the_golden_one() {
    for (file, flags) in [
        ("shipped.txt", &["--names"][..]),
        ("shipped-on-17763-with-sysmon.txt", &["--os-build", "17763", "--sysmon"]),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_etwatch"));
        let output = command.arg("plan").args(flags).current_dir(root()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        golden(&root().join("tests/plan").join(file), &text);
    }
}

#[test]
fn the_configuration_changes_the_plan() {
    let place = Place::new();
    place.write("rules/dns.yml", "title: d\nlogsource: {category: dns_query, product: windows}\ndetection: {s: {QueryName: x}, condition: s}\n");
    place.write(
        "etwatch.toml",
        "[sessions]\nexclude_providers = [\"{1c95126e-7eea-49a9-a3fe-a378b03ddb4d}\"]\n\
         exclude_processes = [\"backup.exe\", 7]\nsysmon = \"ignore\"\n\
         [sessions.lifecycle]\nbuffer_kilobytes = 128\n\
         [[providers]]\nname = \"Microsoft-Windows-Kernel-Process\"\nsession = \"lifecycle\"\nany = 0x20\nlevel = 5\nids = [3]\n\
         [[providers]]\nname = \"Microsoft-Windows-RPC\"\nlevel = 4\nids = [6, 5]\n\
         [[channels]]\npath = \"Setup\"\nids = [2]\n",
    );
    let shown = json(&plan(&place, &["--format", "json", "--sysmon"]));
    let session = |name: &str| {
        let sessions = shown["sessions"].as_array().unwrap();
        sessions.iter().find(|session| session["name"] == name).unwrap().clone()
    };
    let lifecycle = session("etwatch-lifecycle");
    assert_eq!(lifecycle["buffer_kilobytes"], 128);
    assert_eq!(lifecycle["exclude_processes"], Value::Null, "processes are needed to the last");
    let process = &lifecycle["providers"][0];
    assert_eq!(process["any"], "0x30");
    assert_eq!((&process["level"], &process["ids"]), (&5.into(), &vec![1, 2, 3, 15].into()));
    let noisy = session("etwatch-noisy");
    assert_eq!(noisy["exclude_processes"], Value::from(vec!["backup.exe", "7"]));
    let rpc = &noisy["providers"][0];
    assert_eq!(rpc["guid"], "{6ad52b32-d609-4be9-ae07-ce8dae937e39}");
    assert_eq!(rpc["ids"], Value::from(vec![5, 6]));
    // Its log tells the same, and is read as soon as the session doesn't.
    let paths: Vec<_> =
        shown["channels"].as_array().unwrap().iter().map(|it| &it["path"]).collect();
    assert_eq!(paths, ["Microsoft-Windows-DNS-Client/Operational", "Setup"]);
    assert_eq!(shown["channels"][1]["query"], "*[System[(EventID=2)]]");
}

#[test]
fn what_can_not_be_changed_is_wrong_usage() {
    for (text, expected) in [
        (
            "[sessions]\nexclude_providers = [\"Microsoft-Windows-Kernel-Fiel\"]",
            "did you mean `Microsoft-Windows-Kernel-File`?",
        ),
        ("[[providers]]\nname = \"No-Such-Provider\"", "give it as `guid`"),
        ("[sessions.noisy]\nminimum_buffers = 1", "minimum_buffers can't be 1"),
    ] {
        let place = Place::new();
        place.write("etwatch.toml", text);
        let output = plan(&place, &[]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expected) && output.stdout.is_empty(), "{error}");
    }
    let place = Place::new();
    assert_eq!(plan(&place, &["--os-build", "7"]).status.code(), Some(2));
    assert_eq!(plan(&place, &["--rules", "nowhere"]).status.code(), Some(2));
    std::fs::create_dir(place.folder.path().join("empty")).unwrap();
    assert_eq!(plan(&place, &["--rules", "empty"]).status.code(), Some(4));
}

/// All rules of SigmaHQ, on several Windows: none gets lost between what is asked for and what can't be.
#[test]
fn each_rule_needs_something_or_can_not_fire_for_a_reason() {
    let Some(corpus) = corpus() else { return };
    let (engine, loaded) = engine(&[&corpus.join("sigma")]);
    assert!(loaded.documents > 3000, "{}", loaded.documents);
    let mut fired = BTreeMap::new();
    for (os_build, sysmon) in
        [(7601, false), (9600, false), (17_763, false), (22_631, true), (NEWEST_BUILD, false)]
    {
        let conditions = LiveConditions { os_build, sysmon, ..LiveConditions::default() };
        let plan = planned(&engine, &conditions);
        assert_eq!(plan, planned(&engine, &conditions), "equal rules come to equal plans");
        assert_eq!(plan.rules.len(), engine.rules.rules().len());
        let needing: BTreeSet<_> = plan.sources.iter().flat_map(|it| it.rules.clone()).collect();
        let mut counts = [0; 3];
        for (index, (rule, planned)) in engine.rules.rules().iter().zip(&plan.rules).enumerate() {
            let what = format!("{os_build} {}: {planned:?}", rule.file);
            let of_windows = rule.log_source.product.as_deref() == Some("windows");
            match &planned.fate {
                Fate::Never { why, .. } => {
                    counts[2] += 1;
                    assert!(!why.is_empty() && !needing.contains(&index), "{what}");
                }
                Fate::Whole | Fate::Partly(_) => {
                    counts[usize::from(planned.fate != Fate::Whole)] += 1;
                    assert!(needing.contains(&index), "{what}");
                    assert!(of_windows || rule.log_source.product.is_none(), "{what}");
                }
            }
        }
        println!("build {os_build}, Sysmon {sysmon}: {counts:?} whole, in part, never");
        fired.insert((sysmon, os_build), counts[0] + counts[1]);
        check_settings(&plan);
    }
    assert!(fired[&(false, NEWEST_BUILD)] > 2800, "{fired:?}");
    assert!(fired[&(true, 22_631)] >= fired[&(false, NEWEST_BUILD)], "{fired:?}");
    let by_build = [7601, 9600, 17_763, NEWEST_BUILD].map(|build| fired[&(false, build)]);
    assert!(by_build.is_sorted(), "a newer Windows tells no less: {by_build:?}");
}

/// What Windows would not take, or not do.
fn check_settings(plan: &LivePlan) {
    for session in &plan.sessions {
        let names: BTreeSet<_> =
            session.providers.iter().map(|it| it.provider.to_string()).collect();
        assert_eq!(names.len(), session.providers.len(), "a provider comes twice");
        for provider in &session.providers {
            assert!(provider.ids.is_sorted() && !provider.ids.is_empty(), "{provider:?}");
            assert!(provider.ids.len() <= 64, "the kernel filters 64 ids: {provider:?}");
        }
    }
    let sources = plan.sources.iter().map(|source| &source.name).collect::<BTreeSet<_>>();
    assert_eq!(sources.len(), plan.sources.len());
}
