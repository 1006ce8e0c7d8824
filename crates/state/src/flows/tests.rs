//! Flows against a plain model, and their bounds. What events make of them is tested in `derived`.

use std::collections::BTreeMap;

use etwatch_event::Origin;
use proptest::prelude::*;

use super::contact::{Act, Contact, End};
use super::who::WhoKey;
use super::*;

const BEGIN: u64 = 134_000_000_000_000_000 / (24 * HOUR) * (24 * HOUR);

/// A contact of a process: minutes after the one before, pid, last part of the address, port, bytes, direction.
type Made = (u64, u32, u8, u16, u64, bool);

fn contact((time, _, host, port, bytes, sent): Made) -> Contact {
    Contact {
        time: Timestamp::from_filetime(time),
        act: if sent { Act::Sent } else { Act::Received },
        protocol: Protocol::TCP,
        remote: End { address: [192, 0, 2, host].into(), port },
        local: None,
        initiated: None,
        bytes: Some(bytes),
        is_followed: true,
    }
}

/// What is told of a flow: interval, end of it, pid, end, sums.
type Row = (Interval, u64, Option<u32>, Option<(u8, u16)>, [u64; 4]);

fn last_part(address: std::net::IpAddr) -> u8 {
    match address {
        std::net::IpAddr::V4(address) => address.octets()[3],
        std::net::IpAddr::V6(_) => 0,
    }
}

/// All flows of these contacts, whose first part has become a time.
fn flows(contacts: &[Made], limits: Limits) -> (Vec<Row>, u64) {
    let mut flows = Flows::new(limits, limits);
    let mut told = Vec::new();
    let mut tell = |flow: &Flow, interval: Interval, time: Timestamp| {
        let Passed { sent, received, packets_sent, packets_received, .. } = flow.passed;
        let pid = flow.key.who.and_then(|who| who.pid);
        let end = flow.key.end.map(|(address, port)| (last_part(address), port));
        let sums = [sent, received, packets_sent, packets_received];
        told.push((interval, time.filetime(), pid, end, sums));
    };
    let mut last = Timestamp::UNKNOWN;
    for made in contacts {
        let contact = contact(*made);
        last = contact.time;
        if last >= flows.end() {
            flows.close(last, false, &mut tell);
        }
        let who = WhoKey { process: None, pid: Some(made.1) };
        let end = Some((contact.remote.address, contact.remote.port));
        let key = FlowKey { who: Some(who), end, protocol: contact.protocol, initiated: None };
        let passed = Passed::of(&contact, false);
        let new = || Flow {
            key,
            who: None,
            lineage: [made.1, made.1 / 10_000, 1, 0],
            name: None,
            passed,
            first: last,
            last,
            origin: Origin::default(),
        };
        flows.count(None, &passed, new, (last, Origin::default()));
    }
    flows.close(last, true, &mut tell);
    (told, flows.together())
}

/// The same by looking at all contacts of each hour and day.
fn model(contacts: &[Made]) -> Vec<Row> {
    let last = contacts.last().map_or(0, |made| made.0);
    let mut rows = BTreeMap::new();
    for (interval, length) in [(Interval::Hour, HOUR), (Interval::Day, 24 * HOUR)] {
        for (time, pid, host, port, bytes, sent) in contacts {
            let end = (time / length + 1) * length;
            let key = (interval, end, Some(*pid), Some((*host, *port)));
            let sums: &mut [u64; 4] = rows.entry(key).or_default();
            let [bytes_of, packets_of] = if *sent { [0, 2] } else { [1, 3] };
            sums[bytes_of] += bytes;
            sums[packets_of] += 1;
        }
    }
    // What is not over at the end of the input is told then, which may be when the one before it was over.
    let mut rows: Vec<_> =
        rows.into_iter().map(|((a, b, c, d), sums)| (a, b.min(last), c, d, sums)).collect();
    rows.sort_unstable();
    rows
}

prop_compose! {
    fn traffic()(steps in prop::collection::vec(
        (0..200_u64, 0..3_u32, 0..4_u8, 1..3_u16, 0..10_000_u64, any::<bool>()), 1..200
    )) -> Vec<Made> {
        let mut now = BEGIN;
        let minute = 60 * TICKS_PER_SECOND;
        let made = |(minutes, pid, host, port, bytes, sent)| {
            now += minutes * minute;
            (now, pid, host, port, bytes, sent)
        };
        steps.into_iter().map(made).collect()
    }
}

proptest! {
    #[test]
    fn flows_are_those_of_the_plain_model(contacts in traffic()) {
        let (mut told, together) = flows(&contacts, Limits::default());
        prop_assert!(told.is_sorted_by_key(|row| row.1), "in order of time");
        told.sort_unstable();
        prop_assert_eq!(told, model(&contacts));
        prop_assert_eq!(together, 0);
    }

    #[test]
    fn whatever_there_is_room_for_nothing_is_lost(
        contacts in traffic(),
        most in 0..6_usize,
        of_process in 0..3_usize,
    ) {
        let limits = Limits { flows: most, of_process };
        let (told, together) = flows(&contacts, limits);
        for interval in [Interval::Hour, Interval::Day] {
            let mut sums = [0; 4];
            for row in told.iter().filter(|row| row.0 == interval) {
                sums.iter_mut().zip(row.4).for_each(|(sum, more)| *sum += more);
            }
            let packets = |sent| contacts.iter().filter(|made| made.5 == sent).count() as u64;
            let bytes = |sent| contacts.iter().filter(|made| made.5 == sent).map(|made| made.4).sum::<u64>();
            prop_assert_eq!(sums, [bytes(true), bytes(false), packets(true), packets(false)]);
        }
        let has_room = told.iter().all(|row| row.3.is_some());
        prop_assert_eq!(has_room, together == 0);
    }
}

#[test]
fn a_process_that_calls_everybody_takes_no_room_from_others() {
    let flood = (0..200_u8).map(|host| (BEGIN + u64::from(host), 7, host, 443, 1, true));
    let other = (0..3_u8).map(|host| (BEGIN + 1_000, 8, host, 443, 1, true));
    let contacts: Vec<_> = flood.chain(other).collect();
    let (told, together) = flows(&contacts, Limits { flows: 50, of_process: 10 });
    let of = |pid: u32| {
        let rows = told.iter().filter(|row| row.0 == Interval::Hour && row.2 == Some(pid));
        rows.map(|row| (row.3.is_some(), row.4[0])).collect::<Vec<_>>()
    };
    assert_eq!(of(8), [(true, 1); 3]);
    assert_eq!(of(7), [vec![(true, 1); 10], vec![(false, 190)]].concat());
    // Counted in the hour; of the day, the ten and the rest.
    assert_eq!(together, 190 + 1);
}

#[test]
fn ten_thousand_children_of_a_process_take_no_room_from_others() {
    let decoys = |second| (0..5_u8).map(move |host| (BEGIN + second, 7, host, 443, 1, true));
    // Each child calls one host, and none calls twice.
    let flood = (0..10_000).map(|child| (BEGIN + 10, 20_000 + child, 200, 443, 1, true));
    let contacts: Vec<_> = decoys(1).chain(flood).chain(decoys(20)).collect();
    let (told, together) = flows(&contacts, Limits { flows: 64, of_process: 16 });
    let of_decoys: Vec<_> = told.iter().filter(|row| row.2 == Some(7)).collect();
    assert_eq!(of_decoys.len(), 10, "of five ends, the hour and the day");
    assert!(of_decoys.iter().all(|row| row.3.is_some() && row.4[0] == 2), "{of_decoys:?}");
    assert!(told.len() < 4 * 64 + 10 && together > 9_000);
    let sum: u64 = told.iter().filter(|row| row.0 == Interval::Hour).map(|row| row.4[0]).sum();
    assert_eq!(sum, 10_010);
}
