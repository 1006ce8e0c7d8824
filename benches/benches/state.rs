//! What the process table costs an event, beside the floor of one look-up in a hash map.
//!
//! Input: 10,000 and 100,000 live processes with 30 images each, asked for in an order without locality.
//! Unit: look-ups, or processes that start and end. Goal: 150 ns an event for all that is remembered of a
//! host. Every pass must find all.

#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a benchmark that fails must stop")]

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use etwatch_event::Timestamp;
use etwatch_state::processes::{Limits, ProcessEnd, ProcessPart, ProcessTable, Source};

const ASKED: u32 = 4_096;
const IMAGES: u32 = 30;

fn at(millis: u32) -> Timestamp {
    Timestamp::from_filetime(134_000_000_000_000_000 + u64::from(millis) * 10_000)
}

fn pid(number: u32) -> u32 {
    4 + number * 4
}

fn start(table: &mut ProcessTable, number: u32, pid: u32, command_line: &str) {
    let part = ProcessPart {
        source: Source::Classic,
        pid,
        parent_pid: Some(self::pid(number % 4_096 / 8)),
        image: Some("C:\\Windows\\System32\\cmd.exe"),
        command_line: Some(command_line),
        user: Some("CORP\\eva"),
        ..ProcessPart::default()
    };
    table.start(&part, at(number));
}

fn table(processes: u32) -> ProcessTable {
    let mut table = ProcessTable::new(
        "ws-1",
        Limits { modules: 4 << 20, module_bytes: usize::MAX, ..Limits::default() },
    );
    for number in 0..processes {
        let command_line = format!("cmd.exe /c task {number:0100}");
        start(&mut table, number, pid(number), &command_line);
        for image in 0..IMAGES {
            let path = format!("C:\\Windows\\System32\\library-{image}.dll");
            let base = 0x7ff8_0000_0000 + u64::from(image) * 0x20_0000;
            table.load_image(pid(number), base, 0x10_0000, &path, at(number));
        }
    }
    table
}

/// Pids in an order without locality.
fn asked(processes: u32) -> Vec<u32> {
    (0..ASKED).map(|number| pid(number.wrapping_mul(0x9e37_79b1) % processes)).collect()
}

fn look_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("processes");
    group.throughput(Throughput::Elements(ASKED.into()));
    for processes in [10_000, 100_000] {
        let mut table = table(processes);
        let (asked, now) = (asked(processes), at(processes));
        let count = |found: &dyn Fn(u32) -> bool| asked.iter().filter(|pid| found(**pid)).count();
        group.bench_function(BenchmarkId::new("at", processes), |b| {
            b.iter(|| {
                let found = count(&|pid| table.at(black_box(pid), now).is_some());
                assert_eq!(found, asked.len());
            });
        });
        group.bench_function(BenchmarkId::new("at, image and parent's image", processes), |b| {
            b.iter(|| {
                let found = count(&|pid| {
                    let process = table.at(black_box(pid), now);
                    process.is_some_and(|p| p.image().is_some() && p.parent_image().is_some())
                });
                assert!(found >= asked.len() - 1, "all but the first have a parent");
            });
        });
        group.bench_function(BenchmarkId::new("module_at", processes), |b| {
            b.iter(|| {
                let found = count(&|pid| {
                    let process = table.at(black_box(pid), now);
                    process.is_some_and(|process| process.module_at(0x7ff8_0040_1234).is_some())
                });
                assert_eq!(found, asked.len());
            });
        });
        group.bench_function(BenchmarkId::new("seen", processes), |b| {
            b.iter(|| {
                let seen = asked.iter().filter(|pid| table.seen(**pid, now).is_some()).count();
                assert_eq!(seen, asked.len());
            });
        });
        let map: HashMap<u32, u64> = (0..processes).map(|number| (pid(number), 1)).collect();
        group.bench_function(BenchmarkId::new("floor: a hash map", processes), |b| {
            b.iter(|| assert_eq!(count(&|pid| map.contains_key(&black_box(pid))), asked.len()));
        });
    }
    group.finish();
}

fn lives(c: &mut Criterion) {
    let mut group = c.benchmark_group("processes");
    group.throughput(Throughput::Elements(ASKED.into()));
    let command_lines: Vec<String> =
        (0..ASKED).map(|number| format!("cmd.exe /c task {number:0100}")).collect();
    for processes in [10_000, 100_000] {
        let mut table = table(processes);
        let mut number = processes;
        group.bench_function(BenchmarkId::new("start and end", processes), |b| {
            b.iter(|| {
                let mut ended = 0;
                for command_line in &command_lines {
                    number += 1;
                    start(&mut table, number, pid(number), command_line);
                    let (source, pid) = (Source::Classic, pid(number));
                    let end = ProcessEnd { source, pid, ..ProcessEnd::default() };
                    ended += u32::from(table.end(&end, at(number)).is_some());
                }
                assert_eq!(ended, ASKED);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, look_up, lives);
criterion_main!(benches);
