//! Whatever is told of processes: a table agrees with a plain list, and a hostile recording gains nothing.

use std::time::Duration;

use etwatch_event::{Guid, Timestamp};
use etwatch_state::processes::{
    Limits, MOST_ANCESTORS, MOST_OF_PID, ProcessEnd, ProcessPart, ProcessTable, Source,
};
use proptest::prelude::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_filetime(134_000_000_000_000_000 + millis * 10_000)
}

/// One step in time: what happens, and a question about the past.
#[derive(Clone, Debug)]
struct Step {
    wait_millis: u64,
    starts: bool,
    pid: u32,
    parent: u32,
    asked: u32,
    ago_millis: u64,
}

fn step() -> impl Strategy<Value = Step> {
    (200..30_000_u64, any::<bool>(), 1..6_u32, 1..6_u32, 1..6_u32, 0..200_000_u64).prop_map(
        |(wait_millis, starts, pid, parent, asked, ago_millis)| Step {
            wait_millis,
            starts,
            pid,
            parent,
            asked,
            ago_millis,
        },
    )
}

/// A process as a plain list has it.
struct Life {
    pid: u32,
    start: u64,
    end: Option<u64>,
    command_line: String,
    parent: Option<String>,
}

/// Who had the pid: the one that lived then, else the one whose life is nearest, from 50 ms before its start
/// until 60 s after its end; of a pid the newest nine are known.
fn who(lives: &[Life], pid: u32, time: u64) -> Option<&Life> {
    let distance = |life: &Life| match life.end {
        _ if time < life.start => Some(life.start - time).filter(|before| *before <= 50),
        Some(end) if time > end => Some(time - end).filter(|after| *after <= 60_000),
        _ => Some(0),
    };
    let known = lives.iter().rev().filter(|life| life.pid == pid).take(MOST_OF_PID + 1);
    let near = known.filter_map(|life| distance(life).map(|distance| (distance, life)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, life)| life)
}

proptest! {
    #[test]
    fn a_table_knows_who_had_a_pid_as_a_plain_list_does(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let limits = Limits { grace: Duration::from_secs(60), ..Limits::default() };
        let mut table = ProcessTable::new("h", limits);
        let mut lives: Vec<Life> = Vec::new();
        let mut now = 1_000_000;
        for (number, step) in steps.iter().enumerate() {
            now += step.wait_millis;
            let living = lives.iter_mut().find(|life| life.pid == step.pid && life.end.is_none());
            let had_one = living.is_some();
            if let Some(living) = living {
                living.end = Some(now);
            }
            if step.starts {
                let parent = Some(step.parent).filter(|parent| *parent != step.pid);
                let parent = parent.and_then(|pid| who(&lives, pid, now));
                let command_line = number.to_string();
                let part = ProcessPart {
                    source: Source::Sysmon,
                    pid: step.pid,
                    parent_pid: parent.map(|life| life.pid),
                    command_line: Some(&command_line),
                    ..ProcessPart::default()
                };
                prop_assert!(!table.start(&part, at(now)).joined);
                let parent = parent.map(|life| life.command_line.clone());
                lives.push(Life { pid: step.pid, start: now, end: None, command_line, parent });
            } else {
                let (source, pid) = (Source::Sysmon, step.pid);
                let end = ProcessEnd { source, pid, ..ProcessEnd::default() };
                prop_assert_eq!(table.end(&end, at(now)).is_some(), had_one);
            }
            let time = now - step.ago_millis;
            let (found, expected) = (table.at(step.asked, at(time)), who(&lives, step.asked, time));
            let found = found.map(|process| (process.command_line(), process.parent_command_line()));
            let expected = expected.map(|life| (Some(&*life.command_line), life.parent.as_deref()));
            prop_assert_eq!(found, expected);
        }
        let living = lives.iter().filter(|life| life.end.is_none()).count();
        prop_assert_eq!(table.counts().live, living);
    }
}

/// Anything, in any order.
#[derive(Clone, Debug)]
enum Act {
    Start { source: Source, created: bool, sequence: Option<u64>, guid: Option<u8>, parent: u32 },
    End { sequence: Option<u64>, guid: Option<u8> },
    Seen,
    Load { base: u64, size: u64 },
    Unload { base: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let name = || (prop::option::of(0..4_u64), prop::option::of(0..4_u8));
    let sources = vec![Source::Classic, Source::Security, Source::Rundown, Source::Manifest];
    let base = || prop_oneof![0..64_u64, Just(u64::MAX), Just(1 << 63), Just(1 << 31)];
    prop_oneof![
        4 => (prop::sample::select(sources), any::<bool>(), name(), 0..8_u32).prop_map(
            |(source, created, (sequence, guid), parent)| {
                Act::Start { source, created, sequence, guid, parent }
            }
        ),
        2 => name().prop_map(|(sequence, guid)| Act::End { sequence, guid }),
        1 => Just(Act::Seen),
        2 => (base(), prop_oneof![0..64_u64, any::<u64>()])
            .prop_map(|(base, size)| Act::Load { base, size }),
        1 => base().prop_map(|base| Act::Unload { base }),
    ]
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        6 => (0..400_u64).prop_map(at),
        1 => any::<u64>().prop_map(Timestamp::from_filetime),
        1 => Just(Timestamp::UNKNOWN),
    ]
}

fn perform(table: &mut ProcessTable, act: &Act, pid: u32, time: Timestamp) {
    let guid_of = |guid: &Option<u8>| guid.map(|byte| Guid([byte; 16]));
    let text = format!("C:\\{}.exe", pid % 3);
    match act {
        Act::Start { source, created, sequence, guid, parent } => {
            let part = ProcessPart {
                source: *source,
                pid,
                parent_pid: Some(*parent),
                creator_pid: Some(pid % 5),
                created: created.then_some(time),
                sequence: *sequence,
                guid: guid_of(guid),
                parent_guid: guid_of(guid),
                image: Some(&text),
                command_line: Some(&text),
                parent_image: Some("C:\\a long path of a parent.exe"),
                ..ProcessPart::default()
            };
            let id = table.start(&part, time).id;
            assert!(table.get(id).is_some_and(|process| process.pid() == pid));
        }
        Act::End { sequence, guid } => {
            let (sequence, guid) = (*sequence, guid_of(guid));
            let end = ProcessEnd { pid, sequence, guid, ..ProcessEnd::default() };
            table.end(&end, time);
        }
        Act::Seen => assert!(table.seen(pid, time).is_none_or(|id| table.get(id).is_some())),
        Act::Load { base, size } => table.load_image(pid, *base, *size, &text, time),
        Act::Unload { base } => table.unload_image(pid, *base, time),
    }
}

proptest! {
    #[test]
    fn whatever_is_told_bounds_hold_and_answers_are_sound(
        acts in prop::collection::vec((act(), 0..8_u32, time()), 1..200)
    ) {
        let limits = Limits {
            live: 4,
            dead: 3,
            modules: 12,
            modules_of_process: 5,
            texts: 200,
            text: 20,
            ..Limits::default()
        };
        let mut table = ProcessTable::new("h", limits);
        for (act, pid, time) in &acts {
            perform(&mut table, act, *pid, *time);
            let counts = table.counts();
            let within = counts.live <= 4 && counts.dead <= 3 && counts.modules <= 12;
            prop_assert!(within, "{counts:?}");
            for pid in 0..8 {
                let Some(process) = table.at(pid, *time) else { continue };
                prop_assert_eq!(process.pid(), pid);
                prop_assert_eq!(table.get(process.id()).map(|found| found.pid()), Some(pid));
                prop_assert!(process.module_count() <= 5);
                prop_assert!(process.ended().is_none() || process.module_count() == 0);
                prop_assert!(process.image().is_none_or(|image| image.len() <= 20));
                let mut line: Vec<_> = process.ancestors().map(|ancestor| ancestor.id()).collect();
                prop_assert!(line.len() <= MOST_ANCESTORS && !line.contains(&process.id()));
                line.sort_unstable();
                line.dedup();
                prop_assert_eq!(line.len(), process.ancestors().count());
            }
        }
    }
}
