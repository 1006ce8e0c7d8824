//! Parts become one process, ids are used again, parents are found, and everything stays in its bounds.

#![allow(clippy::unwrap_used, reason = "a failure in a test is a finding")]

use etwatch_event::{Guid, Timestamp};

use super::{Limits, MOST_ANCESTORS, MOST_OF_PID, ProcessEnd, ProcessPart, ProcessTable, Source};

/// Milliseconds after an hour in 2026.
fn at(millis: u64) -> Timestamp {
    Timestamp::from_filetime(134_000_000_000_000_000 + millis * 10_000)
}

fn table() -> ProcessTable {
    ProcessTable::new("WS-1", Limits::default())
}

fn part(source: Source, pid: u32) -> ProcessPart<'static> {
    ProcessPart { source, pid, ..ProcessPart::default() }
}

fn ended(source: Source, pid: u32) -> ProcessEnd {
    ProcessEnd { source, pid, ..ProcessEnd::default() }
}

fn guid(byte: u8) -> Option<Guid> {
    Some(Guid([byte; 16]))
}

#[test]
fn parts_of_one_start_are_one_process_and_the_best_source_has_the_word() {
    let classic = ProcessPart {
        name: Some("powershell.exe"),
        command_line: Some("powershell -nop"),
        user: Some("S-1-5-18"),
        parent_pid: Some(7),
        creator_pid: Some(9),
        ..part(Source::Classic, 42)
    };
    let manifest = ProcessPart {
        image: Some("\\Device\\HarddiskVolume3\\Windows\\powershell.exe"),
        created: Some(at(999)),
        sequence: Some(5),
        integrity: Some("High"),
        ..part(Source::Manifest, 42)
    };
    let security = ProcessPart {
        image: Some("C:\\Windows\\powershell.exe"),
        command_line: Some("another text"),
        user: Some("CORP\\eva"),
        logon_id: Some(0x3e7),
        ..part(Source::Security, 42)
    };
    let sysmon = ProcessPart { guid: guid(1), session: Some(1), ..part(Source::Sysmon, 42) };
    let parts = [(classic, 1_000), (manifest, 1_001), (security, 1_020), (sysmon, 1_030)];
    // In any order: 4! of them.
    for order in 0..24 {
        let mut rest = parts.to_vec();
        let mut table = table();
        let mut joined = Vec::new();
        for (count, choice) in [(4, order / 6), (3, order / 2 % 3), (2, order % 2), (1, 0)] {
            assert_eq!(rest.len(), count);
            let (part, time) = rest.remove(choice);
            joined.push(table.start(&part, at(time)).joined);
        }
        assert_eq!(joined, [false, true, true, true]);
        let process = table.at(42, at(2_000)).unwrap();
        assert_eq!(process.image(), Some("C:\\Windows\\powershell.exe"));
        assert_eq!((process.user(), process.integrity()), (Some("CORP\\eva"), Some("High")));
        assert_eq!((process.logon_id(), process.session()), (Some(0x3e7), Some(1)));
        assert_eq!((process.name(), process.guid()), (Some("powershell.exe"), Guid([1; 16])));
        assert_eq!(process.started(), Some(at(999)), "the kernel's own time, order {order}");
        assert_eq!(process.key().to_string(), "ws-1:sequence-5");
        assert!(process.is_spoofed() && process.creator().unwrap().pid() == 9);
        // Security's command line is trusted before the classic one, as it is as whole and comes alone.
        assert_eq!(process.command_line(), Some("another text"));
        assert_eq!((table.counts().joined, table.counts().reused_pids), (3, 0));
        assert_eq!(table.by_sequence(5).unwrap().id(), table.by_guid(&Guid([1; 16])).unwrap().id());
    }
}

#[test]
fn a_pid_that_is_used_again_is_another_process() {
    let mut table = table();
    let first =
        table.start(&ProcessPart { image: Some("C:\\a.exe"), ..part(Source::Security, 8) }, at(0));
    let second = table
        .start(&ProcessPart { image: Some("C:\\b.exe"), ..part(Source::Security, 8) }, at(5_000));
    assert!(first.id != second.id && !second.joined);
    let image = |time| table.at(8, at(time)).and_then(|process| process.image());
    let table_of_times =
        [(0, "C:\\a.exe"), (4_990, "C:\\a.exe"), (5_000, "C:\\b.exe"), (900_000, "C:\\b.exe")];
    for (time, path) in table_of_times {
        assert_eq!(image(time), Some(path), "{time}");
    }
    assert_eq!(table.get(first.id).unwrap().ended(), Some(at(5_000)));
    assert_eq!((table.counts().reused_pids, table.counts().live, table.counts().dead), (1, 1, 1));
}

#[test]
fn a_dead_process_is_found_for_the_time_of_grace() {
    let mut table = table();
    table.start(&part(Source::Sysmon, 8), at(1_000));
    let id = table
        .end(&ProcessEnd { exit_code: Some(3), ..ended(Source::Sysmon, 8) }, at(2_000))
        .unwrap();
    let found = |time| table.at(8, at(time)).map(|process| process.id());
    assert_eq!(found(949), None, "more than 50 ms before its start");
    for time in [950, 1_000, 2_000, 62_000] {
        assert_eq!(found(time), Some(id), "{time}");
    }
    assert_eq!(found(62_001), None, "after the grace");
    assert_eq!(table.get(id).unwrap().exit_code(), Some(3));
    // Of two lives the nearer one.
    table.start(&part(Source::Sysmon, 8), at(2_100));
    assert_eq!(table.at(8, at(2_010)).unwrap().id(), id);
    assert_ne!(table.at(8, at(2_090)).unwrap().id(), id);
}

#[test]
fn each_source_tells_an_end_once_also_after_the_pid_is_used_again() {
    let mut table = table();
    let first = table.start(&part(Source::Classic, 8), at(0)).id;
    assert_eq!(table.end(&ended(Source::Classic, 8), at(1_000)), Some(first));
    let second = table.start(&part(Source::Classic, 8), at(1_010)).id;
    assert_ne!(first, second);
    assert_eq!(table.end(&ended(Source::Security, 8), at(1_020)), Some(first));
    assert_eq!(table.get(second).unwrap().ended(), None);
    assert_eq!(table.end(&ended(Source::Classic, 8), at(1_030)), Some(second));
    assert_eq!(table.end(&ended(Source::Classic, 8), at(9_000)), None, "nobody lives");
    assert_eq!(table.end(&ended(Source::Classic, 9), at(9_000)), None, "nobody ever did");
}

#[test]
fn a_start_that_comes_late_does_not_end_its_successor() {
    let mut table = table();
    let now = table.start(&part(Source::Sysmon, 8), at(5_000)).id;
    let late = table.start(&part(Source::Sysmon, 8), at(1_000)).id;
    assert_eq!(table.get(late).unwrap().ended(), Some(at(5_000)));
    assert_eq!(table.at(8, at(6_000)).unwrap().id(), now);
    assert_eq!(table.at(8, at(3_000)).unwrap().id(), late);
    assert_eq!(table.seen(8, at(500)), None, "only later ones are known");
}

#[test]
fn parents_are_learned_from_their_children_and_recorded_values_stay() {
    let mut table = table();
    let child = ProcessPart {
        guid: guid(2),
        parent_guid: guid(1),
        parent_pid: Some(4_000),
        parent_image: Some("C:\\Windows\\explorer.exe"),
        parent_command_line: Some("-"),
        ..part(Source::Sysmon, 4_004)
    };
    table.start(&child, at(1_000));
    let parent = table.by_guid(&Guid([1; 16])).unwrap();
    assert_eq!((parent.pid(), parent.started()), (4_000, None));
    assert_eq!(parent.image(), Some("C:\\Windows\\explorer.exe"));
    let middle = table.at(4_004, at(1_500)).unwrap().id();
    let learned = Some("C:\\learned.exe");
    table.learn(middle, &ProcessPart { image: learned, ..part(Source::Sighting, 4_004) });
    let grandchild = ProcessPart { parent_pid: Some(4_004), ..part(Source::Security, 4_008) };
    table.start(&ProcessPart { parent_image: Some("C:\\own.exe"), ..grandchild }, at(2_000));
    table.start(&ProcessPart { pid: 4_012, ..grandchild }, at(2_100));
    let image = |pid| table.at(pid, at(3_000)).unwrap().parent_image();
    assert_eq!(image(4_008), Some("C:\\own.exe"), "what was recorded with it stays");
    assert_eq!(image(4_012), Some("C:\\learned.exe"));
    let ancestors: Vec<u32> =
        table.at(4_012, at(3_000)).unwrap().ancestors().map(|process| process.pid()).collect();
    assert_eq!(ancestors, [4_004, 4_000]);
    assert_eq!(table.at(4_004, at(3_000)).unwrap().parent_command_line(), None, "`-` is no value");
}

#[test]
fn a_child_keeps_the_names_of_a_parent_that_was_forgotten() {
    let mut table = ProcessTable::new("h", Limits { dead: 0, ..Limits::default() });
    table.start(&ProcessPart { image: Some("C:\\dropper.exe"), ..part(Source::Sysmon, 8) }, at(0));
    table.start(&ProcessPart { parent_pid: Some(8), ..part(Source::Sysmon, 12) }, at(100));
    table.end(&ended(Source::Sysmon, 8), at(200));
    table.start(&part(Source::Sysmon, 16), at(300));
    let child = table.at(12, at(400)).unwrap();
    assert!(child.parent().is_none());
    assert_eq!(child.parent_image(), Some("C:\\dropper.exe"));
}

#[test]
fn circles_and_long_lines_of_ancestors_end() {
    let mut table = table();
    let child =
        |pid, parent| ProcessPart { parent_pid: Some(parent), ..part(Source::Rundown, pid) };
    for (pid, parent) in [(4, 8), (8, 12), (12, 4), (20, 20)] {
        table.start(&child(pid, parent), at(u64::from(pid)));
    }
    let line = |table: &ProcessTable, pid| -> Vec<u32> {
        table.at(pid, at(9_000)).unwrap().ancestors().map(|process| process.pid()).collect()
    };
    assert_eq!((line(&table, 4), line(&table, 20)), (vec![8, 12], vec![]));
    for pid in 1_000..1_100 {
        table.start(&child(pid, pid - 1), at(10 * u64::from(pid)));
    }
    let ancestors: Vec<u32> = line(&table, 1_099);
    assert_eq!(ancestors.len(), MOST_ANCESTORS);
    assert_eq!(ancestors.last(), Some(&(1_099 - 16)));
}

#[test]
fn a_parent_that_started_after_its_child_is_another_process() {
    let mut table = table();
    let created =
        |part: ProcessPart<'static>, time| ProcessPart { created: Some(at(time)), ..part };
    let child = ProcessPart { parent_pid: Some(8), ..part(Source::Rundown, 12) };
    table.start(&part(Source::Rundown, 8), at(5_000));
    table.start(&created(child, 1_000), at(5_000));
    assert_eq!(table.at(12, at(5_000)).unwrap().parent().unwrap().pid(), 8);
    table.start(&created(part(Source::Manifest, 8), 900), at(5_001));
    assert_eq!(table.at(12, at(5_001)).unwrap().parent().unwrap().pid(), 8);
    table.start(&created(part(Source::Manifest, 8), 6_000), at(6_000));
    table.start(&created(ProcessPart { pid: 16, ..child }, 2_000), at(6_001));
    let parent = table.at(16, at(6_001)).unwrap().parent().unwrap();
    assert_eq!(parent.started(), Some(at(900)), "the one that lived then");
}

#[test]
fn the_own_image_is_completed_by_the_first_that_is_mapped() {
    let mut table = table();
    let path = "C:\\Program Files\\Tool\\BackgroundTool32.exe";
    table.start(&ProcessPart { image: Some("BackgroundTool3"), ..part(Source::Classic, 8) }, at(0));
    assert_eq!(table.at(8, at(0)).unwrap().image(), None, "a short name is no image");
    table.load_image(8, 0x7000_0000, 0x1000, "C:\\Windows\\System32\\ntdll.dll", at(1));
    table.load_image(8, 0x40_0000, 0x1000, path, at(1));
    table.load_image(12, 0x40_0000, 0x1000, "C:\\seen.exe", at(2));
    table.load_image(12, 0x50_0000, 0x1000, "C:\\other.exe", at(3));
    assert_eq!(table.at(8, at(5)).unwrap().image(), Some(path));
    assert_eq!(table.at(12, at(5)).unwrap().image(), Some("C:\\seen.exe"));
    assert_eq!(table.counts().starts_unknown, 1);
}

#[test]
fn an_address_lies_in_an_image_of_the_process_or_the_kernel_or_in_none() {
    let mut table = table();
    table.start(&part(Source::Classic, 8), at(0));
    table.load_image(8, 0x7ff8_0000_0000, 0x1000, "C:\\a.dll", at(1));
    table.load_image(4, 0xffff_f800_0000_0000, 0x1000, "C:\\k.sys", at(1));
    let path = |table: &ProcessTable, address| {
        table.at(8, at(2)).unwrap().module_at(address).map(|module| module.path.to_owned())
    };
    assert_eq!(path(&table, 0x7ff8_0000_0fff).as_deref(), Some("C:\\a.dll"));
    assert_eq!(path(&table, 0x7ff8_0000_1000), None);
    assert_eq!(path(&table, 0xffff_f800_0000_0010).as_deref(), Some("C:\\k.sys"));
    table.unload_image(8, 0x7ff8_0000_0000, at(2));
    assert_eq!((path(&table, 0x7ff8_0000_0010), table.counts().modules), (None, 0));
}

#[test]
fn a_table_keeps_below_its_limits_and_counts_what_went() {
    let limits =
        Limits { live: 10, dead: 5, modules: 100, modules_of_process: 20, ..Limits::default() };
    let mut table = ProcessTable::new("h", limits);
    for pid in 1..=100 {
        let time = at(u64::from(pid) * 2_000);
        table.start(&part(Source::Classic, pid), time);
        for base in 1..=30 {
            table.load_image(pid, base << 20, 0x1000, "C:\\a.dll", time);
        }
        // The first one keeps acting, so it stays.
        table.seen(1, time);
        if pid % 2 == 0 {
            table.end(&ended(Source::Classic, pid), time);
        }
        let counts = table.counts();
        assert!(counts.live <= 10 && counts.dead <= 5 && counts.modules <= 100, "{counts:?}");
    }
    let counts = table.counts();
    assert_eq!((counts.live, counts.dead), (9, 5), "the last one has just ended");
    assert_eq!(counts.evicted_live + counts.evicted_dead, 86);
    assert!(counts.evicted_modules > 100 * 20);
    let first = table.at(1, at(200_000)).unwrap();
    assert!(first.ended().is_none() && first.modules_are_incomplete());
}

#[test]
fn texts_keep_below_their_limit_and_a_long_one_is_cut_between_letters() {
    let limits = Limits { texts: 10_000, text: 999, ..Limits::default() };
    let mut table = ProcessTable::new("h", limits);
    for pid in 1..=1_000_u32 {
        let text = format!("{pid}{}", "ä".repeat(1_000));
        let start = ProcessPart { command_line: Some(&text), ..part(Source::Classic, pid) };
        table.start(&start, at(u64::from(pid)));
        assert!(table.texts.bytes() <= 10_000);
    }
    let last = table.at(1_000, at(1_000)).unwrap();
    assert!(last.command_line_is_cut());
    assert_eq!(last.command_line().unwrap().len(), 998);
    let counts = table.counts();
    assert_eq!((counts.cut_texts, counts.live), (1_000, 10));
}

#[test]
fn images_of_the_kernel_are_bounded_too() {
    let limits = Limits { modules_of_process: 100, texts: 500, ..Limits::default() };
    let mut table = ProcessTable::new("h", limits);
    for number in 0..1_000_u64 {
        let path = format!("C:\\driver-{number:03}.sys");
        table.load_image(4, (1 << 63) + number * 0x1000, 0x1000, &path, at(number));
        assert!(table.kernel.len() <= 100 && table.texts.bytes() <= 500);
    }
    assert!(table.counts().evicted_modules >= 900);
}

#[test]
fn a_pid_that_is_used_again_at_each_event_keeps_few_rows() {
    let mut table = table();
    for start in 0..10_000 {
        // Every second one in the past of the others.
        let time = if start % 2 == 0 { 1_000_000 + start * 100 } else { 1_000_000 - start * 100 };
        table.start(&part(Source::Classic, 8), at(time));
        assert!(table.rows_of(8).count() <= MOST_OF_PID + 1);
    }
    let counts = table.counts();
    assert_eq!((counts.live, counts.dead), (1, MOST_OF_PID));
    assert_eq!(counts.evicted_dead, 10_000 - 9);
    assert_eq!(table.rows.iter().count(), 9);
}

#[test]
fn a_name_that_another_process_claims_is_not_believed_to_be_its_own() {
    let mut table = table();
    let start = |pid| ProcessPart { guid: guid(1), ..part(Source::Sysmon, pid) };
    let one = table.start(&start(8), at(0)).id;
    let other = table.start(&start(12), at(0)).id;
    assert_ne!(one, other);
    // Sequence numbers begin anew with a boot.
    let numbered = |time| ProcessPart {
        sequence: Some(77),
        created: Some(at(time)),
        ..part(Source::Manifest, 16)
    };
    let before = table.start(&numbered(0), at(0)).id;
    let after = table.start(&numbered(900_000), at(900_000)).id;
    assert_ne!(before, after);
    assert_eq!(table.by_sequence(77).unwrap().id(), after);
}

#[test]
fn a_made_name_is_the_same_in_each_run_and_stays_when_the_start_is_learned() {
    let name = |host: &str, time| {
        let mut table = ProcessTable::new(host, Limits::default());
        let id = table.seen(8, at(time)).unwrap();
        let before = table.get(id).unwrap().guid();
        table.start(
            &ProcessPart { created: Some(at(time - 1)), ..part(Source::Rundown, 8) },
            at(time),
        );
        assert_eq!(table.get(id).unwrap().guid(), before);
        before
    };
    assert_eq!(name("WS-1", 5), name("ws-1", 5));
    assert_ne!(name("WS-1", 5), name("WS-2", 5));
    assert_ne!(name("WS-1", 5), name("WS-1", 6));
}

#[test]
fn pids_that_are_none_and_unknown_times_do_no_harm() {
    let mut table = table();
    assert_eq!((table.seen(0, at(0)), table.seen(u32::MAX, at(0))), (None, None));
    table.start(&part(Source::Rundown, 8), Timestamp::UNKNOWN);
    table.start(&part(Source::Classic, 12), at(5));
    assert!(table.at(8, at(0)).is_some());
    let newest = table.start(&part(Source::Classic, 12), at(9_000)).id;
    assert_eq!(table.at(12, Timestamp::UNKNOWN).unwrap().id(), newest);
    assert!(table.at(12, Timestamp::from_filetime(u64::MAX)).is_some());
    assert!(table.end(&ended(Source::Classic, 12), Timestamp::from_filetime(u64::MAX)).is_some());
}
