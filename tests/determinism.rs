//! The same recordings give the same bytes, whoever works and however much at once.

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

use std::path::{Path, PathBuf};

use etwatch_engine::Options;
use support::{engine, files_under, options, root, run};

fn same_for_all(files: &[PathBuf], rules: &Path) {
    let (engine, _) = engine(&[rules]);
    let (first, _) = run(&engine, files, options(1, 1));
    let expected = first.text();
    assert!(expected.lines().count() > 20, "too little to compare");
    for workers in [1, 2, 7] {
        for batch in [1, 7, 4_096] {
            let (alerts, _) = run(&engine, files, options(workers, batch));
            assert!(alerts.text() == expected, "{workers} workers, batches of {batch}");
        }
    }
}

#[test]
fn alerts_depend_neither_on_workers_nor_on_batches() {
    root();
    same_for_all(&files_under(Path::new("fixtures"), ".jsonl"), Path::new("rules"));
}

#[test]
fn nor_do_those_of_event_logs_of_many_hosts_and_years() {
    let Some(corpus) = support::corpus() else { return };
    let folder = corpus.join("evtx/Credential Access");
    let rules = corpus.join("sigma/rules/windows/process_access");
    same_for_all(&files_under(&folder, ".evtx"), &rules);
}

/// Inputs that may hold nothing while others have their turn decode their pieces again: same alerts.
#[test]
fn nor_on_how_much_inputs_may_hold() {
    root();
    let mut files = files_under(Path::new("fixtures"), ".jsonl");
    // The same days three times over, so that every input waits for others.
    files = [files.clone(), files.clone(), files].concat();
    let (engine, _) = engine(&[Path::new("rules")]);
    let (plenty, first) = run(&engine, &files, options(2, 64));
    for workers in [1, 3] {
        let (nothing, report) = run(&engine, &files, Options { held: 0, ..options(workers, 64) });
        assert!(nothing.text() == plenty.text());
        assert_eq!(report.ledger, first.ledger);
    }
    let Some(corpus) = support::corpus() else { return };
    let logs = files_under(&corpus.join("evtx/Lateral Movement"), ".evtx");
    let logs = [logs.clone(), logs].concat();
    let (plenty, first) = run(&engine, &logs, options(2, 64));
    let (nothing, report) = run(&engine, &logs, Options { held: 0, ..options(2, 64) });
    assert!(nothing.text() == plenty.text());
    assert_eq!(report.ledger, first.ledger);
}

/// Of large alerts only some are written by the worker that matched; two rules of each event come to it.
#[test]
fn nor_on_how_many_alerts_are_written_ahead() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.jsonl");
    let line = |number: u32| {
        format!(
            "{{\"EventID\":1,\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"EventRecordID\":{number},\
             \"Image\":\"x\",\"CommandLine\":\"{}\"}}\n",
            "é\\\\ ".repeat(5_000)
        )
    };
    std::fs::write(&path, (0..100).map(line).collect::<String>()).unwrap();
    let rule = |title: &str| {
        format!(
            "title: {title}\nlogsource: {{category: process_creation}}\n\
             detection: {{s: {{Image: x}}, condition: s}}\n"
        )
    };
    let engine = support::engine_of(&[rule("one"), rule("other")].join("---\n"));
    let files = [path];
    let (single, _) = run(&engine, &files, options(1, 1));
    assert_eq!(single.alerts().len(), 200);
    assert!(single.text().len() > 4 * etwatch_engine::work::ALERT_BYTES);
    for (workers, batch) in [(1, 4_096), (2, 30)] {
        let (many, _) = run(&engine, &files, options(workers, batch));
        assert!(many.text() == single.text(), "{workers} workers, batches of {batch}");
    }
}

/// Alerts come in the order of event time, equal times in the order of inputs and records.
#[test]
fn alerts_come_in_event_order_across_overlapping_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let line = |host: &str, second: u32, number: u32| {
        format!(
            "{{\"EventID\":1,\"Provider_Name\":\"Microsoft-Windows-Sysmon\",\"Computer\":\"{host}\",\
             \"UtcTime\":\"2026-01-01 00:{:02}:{:02}\",\"EventRecordID\":{number},\"Image\":\"x\"}}\n",
            second / 60,
            second % 60
        )
    };
    let mut files = Vec::new();
    for (index, step) in [3_u32, 2, 7].into_iter().enumerate() {
        let text: String = (0..400).map(|n| line(&format!("h{index}"), n * step, n)).collect();
        let path = folder.path().join(format!("{index}.jsonl"));
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    let engine = support::engine_of(
        "title: t\nlogsource: {category: process_creation}\ndetection: {s: {Image: x}, condition: s}\n",
    );
    for (workers, batch) in [(1, 1), (2, 100), (7, 4_096)] {
        let (alerts, report) = run(&engine, &files, options(workers, batch));
        let seen: Vec<_> = alerts
            .alerts()
            .into_iter()
            .map(|alert| (alert.time.unwrap(), alert.event.source.file, alert.event.source.record))
            .collect();
        assert_eq!(seen.len(), 1_200);
        assert!(seen.is_sorted());
        assert_eq!(report.ledger.late, 0);
    }
}

const CORRELATIONS: &str = "title: failed
name: failed
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: success
name: success
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
---
title: logoff
logsource: {product: windows, service: security}
detection: {s: {EventID: 4634}, condition: s}
---
title: many failed
name: many
correlation: {type: event_count, rules: [failed], group-by: [TargetUserName], timespan: 30s, condition: {gte: 3}}
generate: true
---
title: few failed
correlation: {type: event_count, rules: [failed], group-by: [TargetUserName], timespan: 20s, condition: {lt: 3}}
---
title: from many places
correlation: {type: value_count, rules: [failed, success], group-by: [TargetUserName], timespan: 1m, condition: {gte: 4, field: IpAddress}}
---
title: many failed, then a success
correlation: {type: temporal_ordered, rules: [many, success], group-by: [TargetUserName], timespan: 1m}
generate: true
---
title: failed without success
correlation: {type: temporal, group-by: [TargetUserName], timespan: 10s, condition: failed and not success}
";

/// The next of a sequence of numbers that look random.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// Logons on two hosts over some minutes, no two at one time: milliseconds and line.
fn logons(seed: u64) -> Vec<(u64, String)> {
    let mut state = seed;
    let mut millis = 0;
    let mut line = |record: u64| {
        millis += 1 + next(&mut state) % 2_000;
        let id = [4625, 4625, 4625, 4624, 4634][next(&mut state) as usize % 5];
        let (host, user, from) = (next(&mut state) % 2, next(&mut state) % 3, next(&mut state) % 5);
        let (minute, second, rest) = (millis / 60_000, millis / 1_000 % 60, millis % 1_000);
        let line = format!(
            "{{\"Provider_Name\":\"Microsoft-Windows-Security-Auditing\",\"Channel\":\"Security\",\"EventID\":{id},\
             \"Computer\":\"host{host}\",\"EventRecordID\":{record},\
             \"TimeCreated\":\"2026-01-02T03:{minute:02}:{second:02}.{rest:03}Z\",\
             \"TargetUserName\":\"user{user}\",\"IpAddress\":\"192.0.2.{from}\"}}\n"
        );
        (millis, line)
    };
    (1..=400).map(&mut line).collect()
}

/// Alerts of correlations stand among the others in the order of events, whatever order these came in as long
/// as none came more than the hold too late.
#[test]
fn correlations_depend_neither_on_workers_nor_batches_nor_the_order_within_the_hold() {
    let engine = support::engine_of(CORRELATIONS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logons.jsonl");
    for seed in 1..=8 {
        let mut lines = logons(seed);
        let write = |lines: &[(u64, String)]| {
            let text: String = lines.iter().map(|(_, line)| line.as_str()).collect();
            std::fs::write(&path, text).unwrap();
        };
        write(&lines);
        let files = [path.clone()];
        let (first, report) = run(&engine, &files, options(1, 256));
        assert_eq!(report.rule_alerts.len(), 8, "{:?}", report.rule_alerts);
        let mut state = seed + 100;
        lines.sort_by_cached_key(|(millis, _)| millis + next(&mut state) % 5_000);
        assert!(!lines.is_sorted());
        write(&lines);
        for workers in [1, 2, 7] {
            for batch in [1, 7, 256] {
                let (alerts, report) = run(&engine, &files, options(workers, batch));
                assert_eq!(report.ledger.late, 0);
                assert!(
                    alerts.text() == first.text(),
                    "{seed}: {workers} workers, {batch} a batch"
                );
            }
        }
    }
}

/// An event that comes later than that takes no part, and the alerts of its time say that something is missing.
#[test]
fn what_was_lost_or_late_in_the_time_of_a_window_is_told() {
    let engine = support::engine_of(CORRELATIONS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logons.jsonl");
    let line = |second: u32, id: u32, user: &str| {
        format!(
            "{{\"Provider_Name\":\"Microsoft-Windows-Security-Auditing\",\"Channel\":\"Security\",\"EventID\":{id},\
             \"Computer\":\"h\",\"TimeCreated\":\"2026-01-02T03:00:{second:02}Z\",\"TargetUserName\":\"{user}\"}}\n"
        )
    };
    let reduced = |lines: &[String]| {
        std::fs::write(&path, lines.concat()).unwrap();
        let (alerts, report) = run(&engine, std::slice::from_ref(&path), options(2, 7));
        let text = alerts.text();
        let all = text.lines().filter(|line| line.contains("\"many failed\"")).map(|line| {
            let alert: serde_json::Value = serde_json::from_str(line).unwrap();
            let correlation = &alert["correlation"];
            (correlation["confidence"].clone(), correlation["missing"].clone())
        });
        (all.collect::<Vec<_>>(), report.correlation.late)
    };
    let failed = |second, user| line(second, 4625, user);
    let whole = [failed(10, "a"), failed(11, "a"), failed(12, "a")];
    assert_eq!(reduced(&whole), (vec![(serde_json::Value::Null, serde_json::Value::Null)], 0));
    // 20 lets go what lies 5 seconds before it.
    let late = [&whole[..2], &[line(20, 4634, "b"), failed(9, "a"), failed(21, "a")]].concat();
    let told = (serde_json::json!("reduced"), serde_json::json!({"late": 1}));
    assert_eq!(reduced(&late), (vec![told], 1));
    let damaged = [&whole[..2], &["{\"EventID\": 46\n".to_owned()], &whole[2..]].concat();
    let (all, _) = reduced(&damaged);
    assert_eq!(all, [(serde_json::json!("reduced"), serde_json::json!({"unreadable": 1}))]);
}
