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
