//! Whatever a recording claims, memory stays within its limits and what went is counted.

use std::fmt::Write as _;
use std::time::Duration;

use etwatch_event::Activity::{
    Connection, DnsQuery, FileClose, FileOpen, FileUse, KeyClose, KeyOpen, KeyUse,
};
use etwatch_event::Value::{Hex, Text, Unsigned};
use etwatch_state::names::{Limits, TableLimits};

use crate::host::{Host, fields};

fn tight(entries: usize, text_bytes: usize) -> Limits {
    let all = TableLimits { entries, text_bytes, name_bytes: 4_096 };
    Limits { files: all, keys: all, answers: all, queries: all, ..Limits::default() }
}

fn open(host: &mut Host, millis: u64, object: u64, name: &str) {
    host.tell(millis, FileOpen, 1, &[("FileObject", Hex(object)), ("TargetFilename", Text(name))]);
}

fn name_of(host: &mut Host, millis: u64, object: u64) -> Option<String> {
    let found = host.tell(millis, FileUse, 1, &[("FileObject", Hex(object))]);
    found.target_filename().map(str::to_owned)
}

#[test]
fn who_was_not_used_for_longest_goes_first_and_before_it_who_is_closed() {
    let mut host = Host::new(tight(3, 1 << 20));
    for object in 1..=3 {
        open(&mut host, object, object, &format!("C:\\{object}"));
    }
    assert_eq!(name_of(&mut host, 4, 1).as_deref(), Some("C:\\1"));
    open(&mut host, 5, 4, "C:\\4"); // 2 goes
    host.tell(6, FileClose, 1, &[("FileObject", Hex(4))]);
    open(&mut host, 7, 5, "C:\\5"); // 4 goes, though its grace period is not over
    let known = [1, 2, 3, 4, 5].map(|object| name_of(&mut host, 8, object).is_some());
    assert_eq!(known, [true, false, true, false, true]);
    let counts = host.names.counts().files;
    assert_eq!((counts.known, counts.evicted), (3, 2));
}

#[test]
fn endless_handles_take_the_memory_of_as_many_as_the_limits_allow() {
    let mut host = Host::new(tight(1_000, 1 << 20));
    let mut after_some = 0;
    for object in 1..=200_000 {
        open(&mut host, 0, object, "C:\\Windows\\System32\\a-name-as-long-as-most.dll");
        if object == 10_000 {
            after_some = host.names.heap_bytes();
        }
    }
    let counts = host.names.counts().files;
    assert_eq!((counts.known, counts.evicted), (1_000, 199_000));
    assert_eq!(host.names.heap_bytes(), after_some);
    assert!(after_some < 1 << 20, "{after_some}");
    assert!(name_of(&mut host, 0, 199_001).is_some());
    assert_eq!(name_of(&mut host, 0, 199_000), None);
}

#[test]
fn long_names_are_bounded_by_their_bytes_and_too_long_ones_refused() {
    let mut host = Host::new(tight(100_000, 1 << 20));
    let long = "x".repeat(4_096);
    for object in 1..=10_000 {
        open(&mut host, 0, object, &long);
    }
    let counts = host.names.counts().files;
    assert_eq!((counts.known as u64 + counts.evicted, counts.refused), (10_000, 0));
    assert!((200..=256).contains(&counts.known), "{}", counts.known);
    assert!(host.names.heap_bytes() < 3 << 20, "{}", host.names.heap_bytes());

    let longer = "x".repeat(4_097);
    open(&mut host, 0, 10_000, &longer);
    assert_eq!(name_of(&mut host, 0, 10_000), None, "the old name is no longer true");
    assert_eq!(host.names.counts().files.refused, 1);

    // The memory of long names is there for short ones.
    for object in 1..=1_000 {
        open(&mut host, 0, object, "C:\\a");
    }
    assert_eq!(name_of(&mut host, 0, 1).as_deref(), Some("C:\\a"));
}

#[test]
fn a_key_that_is_its_own_base_grows_to_the_limit_and_no_further() {
    let mut host = Host::new(tight(1_000, 1 << 20));
    let key = ("KeyObject", Hex(0x50));
    for round in 1..=20 {
        host.tell(0, KeyOpen, 1, &[key, ("RelativeName", Text("\\REGISTRY\\MACHINE"))]);
        let mut longest = 0;
        let said = [key, ("BaseObject", Hex(0x50)), ("RelativeName", Text("x\\x\\x\\x"))];
        while let Some(path) = host.tell(0, KeyOpen, 1, &said).target_object() {
            longest = path.len();
        }
        assert!((4_000..=4_096 + 8).contains(&longest), "{longest}");
        assert_eq!(host.names.counts().keys.refused, round);
    }
    let counts = host.names.counts().keys;
    assert_eq!(counts.known, 0);
    assert!(host.names.heap_bytes() < 128 << 10, "{}", host.names.heap_bytes());
}

#[test]
fn clocks_that_go_backwards_neither_hang_nor_grow() {
    let mut host = Host::new(tight(100, 1 << 20));
    let mut known = Vec::new();
    for round in 0..50_000_u64 {
        let millis = (50_000 - round) * 977 % 1_000_000;
        let key = ("KeyObject", Hex(round % 300 + 1));
        host.tell(millis, KeyOpen, 1, &[key, ("RelativeName", Text("\\REGISTRY\\USER\\x"))]);
        host.tell(millis, KeyClose, 1, &[key]);
        known.push(host.names.counts().keys.known);
        let found = host.tell(millis, KeyUse, 1, &[key]);
        assert_eq!(fields(found), [("TargetObject", "HKU\\x")]);
    }
    assert!(known.iter().all(|known| *known <= 100));
    assert!(known.iter().any(|known| *known > 10), "some are within their grace period");
}

#[test]
fn an_answer_without_end_leaves_the_others_in_place() {
    let mut host = Host::new(tight(1_000, 1 << 20));
    let asked = [("QueryName", Text("example.org")), ("QueryResults", Text("192.0.2.7;"))];
    host.tell(0, DnsQuery, 1, &asked);
    let mut results = String::new();
    for number in 0..100_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        write!(results, "::ffff:10.{a}.{b}.{c};").unwrap();
    }
    let asked = [("QueryName", Text("example.net")), ("QueryResults", Text(&results))];
    host.tell(0, DnsQuery, 1, &asked);
    let counts = host.names.counts().answers;
    assert_eq!((counts.known, counts.refused, counts.evicted), (2 * 65, 100_000 - 64, 0));
    let found = host.tell(0, Connection, 1, &[("DestinationIp", Text("192.0.2.7"))]);
    assert_eq!(found.destination_hostname(), Some("example.org"));
}

#[test]
fn endless_queries_are_bounded_too() {
    let mut host = Host::new(tight(100, 1 << 20));
    for number in 0..10_000 {
        let name = format!("{number}.example.org");
        let said = [("QueryName", Text(&name)), ("QueryType", Unsigned(1))];
        assert!(!host.tell(0, DnsQuery, 1, &said).is_duplicate_query);
        assert!(host.tell(0, DnsQuery, 1, &said).is_duplicate_query);
    }
    let counts = host.names.counts().queries;
    assert_eq!((counts.known, counts.evicted, counts.resolved), (100, 9_900, 10_000));
}

#[test]
fn limits_of_nothing_still_hold_one() {
    let none = TableLimits { entries: 0, text_bytes: 0, name_bytes: 0 };
    let mut host = Host::new(Limits {
        files: none,
        keys: TableLimits { entries: 0, text_bytes: 1 << 10, name_bytes: 1 << 10 },
        close_grace: Duration::ZERO,
        ..Limits::default()
    });
    open(&mut host, 0, 1, "C:\\a");
    assert_eq!(name_of(&mut host, 0, 1), None);
    assert_eq!(host.names.counts().files.refused, 1);
    let said = [("KeyObject", Hex(1)), ("RelativeName", Text("\\REGISTRY\\USER"))];
    host.tell(0, KeyOpen, 1, &said);
    assert_eq!(host.names.counts().keys.known, 1);
}
