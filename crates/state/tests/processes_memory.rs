//! What processes cost: bytes for each that is remembered, and no allocation to look one up.
//!
//! `cargo test -p etwatch-state --test processes_memory -- --nocapture` prints the figures.

#[path = "../../../tests/support/allocations.rs"]
mod allocations;

use allocations::{allocations, held, most_held};
use etwatch_event::Timestamp;
use etwatch_state::processes::{Limits, ProcessPart, ProcessTable, Source};

const PROCESSES: u32 = 100_000;
const MOST: usize = 60_000_000;

fn at(second: u32) -> Timestamp {
    Timestamp::from_filetime(134_000_000_000_000_000 + u64::from(second) * 10_000_000)
}

/// Images of 50 bytes from 300 different ones, command lines of 120 bytes that are all different, users from
/// ten; parents among the processes themselves.
fn start(table: &mut ProcessTable, number: u32) {
    let image = format!("C:\\Program Files\\Vendor {:03}\\bin\\application-64.exe", number % 300);
    let command_line = format!("{:<120}", format!("\"{image}\" --task {number}"));
    let user = format!("CORP\\user-{}", number % 10);
    assert_eq!((image.len(), command_line.len()), (50, 120));
    let part = ProcessPart {
        source: Source::Manifest,
        pid: 4 + number * 4,
        parent_pid: Some(4 + number / 8 * 4),
        creator_pid: Some(4 + number / 8 * 4),
        created: Some(at(number)),
        sequence: Some(u64::from(number) + 1),
        image: Some(&image),
        command_line: Some(&command_line),
        user: Some(&user),
        logon_id: Some(0x3e7),
        session: Some(1),
        integrity: Some("Medium"),
        ..ProcessPart::default()
    };
    table.start(&part, at(number));
}

fn load_images(table: &mut ProcessTable, number: u32) {
    for image in 0..30 {
        let path = format!("C:\\Windows\\System32\\library-{:03}.dll", (number + image * 11) % 400);
        let base = 0x7ff8_0000_0000 + u64::from(image) * 0x20_0000;
        table.load_image(4 + number * 4, base, 0x10_0000, &path, at(number));
    }
}

fn megabytes(bytes: usize) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}

#[test]
fn a_hundred_thousand_live_processes_take_at_most_60_megabytes() {
    let limits = Limits { modules: 4 << 20, module_bytes: usize::MAX, ..Limits::default() };
    let before = held();
    let (mut table, most) = most_held(|| {
        let mut table = ProcessTable::new("ws-1", limits);
        (0..PROCESSES).for_each(|number| start(&mut table, number));
        table
    });
    let bare = held() - before;
    assert_eq!(table.counts().live, PROCESSES as usize);
    assert_eq!(table.memory_bytes(), bare - table.host().len(), "the table knows its own size");
    (0..PROCESSES).for_each(|number| load_images(&mut table, number));
    let full = held() - before;
    assert_eq!(table.counts().modules, PROCESSES as usize * 30);
    assert_eq!(table.memory_bytes(), full - table.host().len());
    drop(table);
    assert_eq!(held(), before, "nothing is left behind");
    let each = |bytes: usize| bytes / PROCESSES as usize;
    println!(
        "{PROCESSES} processes: {} bytes each, {}, while growing {}; with 30 images each: {} bytes each, {}",
        each(bare),
        megabytes(bare),
        megabytes(most),
        each(full),
        megabytes(full),
    );
    assert!(bare <= MOST, "{bare}");
}

#[test]
fn a_million_pids_take_no_more_than_the_limits_allow() {
    let limits = Limits { live: 1_000, dead: 1_000, ..Limits::default() };
    let mut table = ProcessTable::new("ws-1", limits);
    let mut after_some = 0;
    for number in 0..1_000_000 {
        start(&mut table, number);
        if number == 50_000 {
            after_some = table.memory_bytes();
        }
    }
    let counts = table.counts();
    assert_eq!(counts.live, 1_000);
    assert!(counts.dead <= 1_000 && counts.evicted_live >= 900_000);
    assert!(after_some > 0 && table.memory_bytes() <= after_some * 5 / 4);
}

#[test]
fn to_look_a_process_up_nothing_is_allocated() {
    let mut table = ProcessTable::new("ws-1", Limits::default());
    for number in 0..1_000 {
        start(&mut table, number);
        load_images(&mut table, number);
    }
    let mut one_round = || {
        let mut found = 0;
        for number in 0..1_000 {
            let pid = 4 + number * 4;
            let time = at(2_000 + number);
            found += usize::from(table.seen(pid, time).is_some());
            let Some(process) = table.at(pid, time) else { continue };
            found += usize::from(process.parent_image().is_some());
            found += usize::from(process.module_at(0x7ff8_0000_1234).is_some());
            found += usize::from(table.by_guid(&process.guid()).is_some());
            found += process.ancestors().count();
        }
        found
    };
    let first = one_round();
    assert_eq!(allocations(one_round), (first, 0));
    assert!(first > 5_000, "{first}");
}
