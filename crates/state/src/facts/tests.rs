//! Bounds of what is remembered, beside the scenes in `tests/facts.rs`.

use etwatch_event::Timestamp;

use super::entry::MOST;
use super::kept::FactTable;
use super::table::{Fact, FactSet};
use crate::processes::{Limits, ProcessEnd, ProcessId, ProcessPart, ProcessTable, Source};

fn at(second: u64) -> Timestamp {
    Timestamp::from_filetime(second * 10_000_000)
}

fn kept() -> FactSet {
    [Fact::Endpoints, Fact::ImageNames, Fact::Children].into_iter().collect()
}

fn table(limits: Limits) -> ProcessTable {
    let mut table = ProcessTable::new("ws-1", limits);
    table.facts.follow(kept(), at(1));
    table
}

fn start(table: &mut ProcessTable, pid: u32, second: u64) -> ProcessId {
    let source = Source::Classic;
    table.start(&ProcessPart { source, pid, ..ProcessPart::default() }, at(second)).id
}

fn endpoint(table: &mut FactTable, process: ProcessId, number: u64) {
    let hash = table.hasher().hash(&number.to_le_bytes());
    table.add_to(process, |entry| &mut entry.endpoints, hash);
}

fn count(table: &ProcessTable, process: ProcessId, fact: Fact) -> u64 {
    table.facts.of(process).map_or(0, |entry| entry.count(fact))
}

#[test]
fn a_row_that_is_given_away_takes_its_facts_along() {
    let mut table = table(Limits { dead: 1, ..Limits::default() });
    let (first, second) = (start(&mut table, 8, 2), start(&mut table, 12, 2));
    for process in [first, second] {
        endpoint(&mut table.facts, process, 1);
        table.facts.add_name(process, "ntdll.dll");
    }
    for pid in [8, 12] {
        assert_eq!((table.facts.len(), table.facts.names.len()), (2, 1));
        let end = ProcessEnd { source: Source::Classic, pid, ..ProcessEnd::default() };
        table.end(&end, at(3));
    }
    assert!(table.get(first).is_none() && table.facts.of(first).is_none());
    assert_eq!(count(&table, second, Fact::Endpoints), 1, "the graveyard keeps its facts");
    // Another takes the place of the row, and has nothing of the one before.
    let third = start(&mut table, 16, 4);
    assert_eq!(count(&table, third, Fact::Endpoints), 0);
    endpoint(&mut table.facts, third, 7);
    assert_eq!((count(&table, third, Fact::Endpoints), table.facts.len()), (1, 2));
    assert_eq!(table.facts.known(table.get(third).unwrap()).since(Fact::Endpoints), at(4));
    assert_eq!(table.facts.counts(), Default::default(), "nothing went for want of room");
}

#[test]
fn a_full_list_refuses_more_and_counts_it() {
    let mut table = table(Limits::default());
    let process = start(&mut table, 8, 2);
    for number in 0..MOST as u64 + 10 {
        endpoint(&mut table.facts, process, number);
        endpoint(&mut table.facts, process, number);
        table.facts.add_name(process, &format!("{number}.dll"));
    }
    assert_eq!(count(&table, process, Fact::Endpoints), MOST as u64);
    assert_eq!(table.facts.of(process).unwrap().names.len(), MOST);
    assert_eq!(table.facts.names.len(), MOST, "a name that is refused is not kept");
    assert_eq!(table.facts.counts().refused, 30);
}

#[test]
fn for_want_of_room_the_process_with_most_is_forgotten_and_since_tells() {
    let mut table = table(Limits::default());
    table.facts.limits.bytes = 4_096;
    let quiet: Vec<_> = (1..8).map(|number| start(&mut table, number * 4, 2)).collect();
    quiet.iter().for_each(|process| endpoint(&mut table.facts, *process, 1));
    let loud = start(&mut table, 400, 2);
    table.facts.follow(kept(), at(9));
    for number in 0..500 {
        endpoint(&mut table.facts, loud, number);
    }
    assert_eq!(count(&table, loud, Fact::Endpoints), 500, "the one that grows now stays");
    let other = start(&mut table, 404, 2);
    table.facts.follow(kept(), at(10));
    endpoint(&mut table.facts, other, 1);
    assert_eq!(count(&table, loud, Fact::Endpoints), 0);
    let since = |process| table.facts.known(table.get(process).unwrap()).since(Fact::Endpoints);
    assert_eq!((since(loud), since(other)), (at(10), at(9)));
    let left = quiet.iter().filter(|process| count(&table, **process, Fact::Endpoints) == 1);
    let (left, evicted) = (left.count() as u64, table.facts.counts().evicted);
    assert_eq!(left + evicted, 8, "those who went while the loud one grew, and it");
}

#[test]
fn a_fact_that_is_no_longer_named_is_forgotten() {
    let mut table = table(Limits::default());
    let process = start(&mut table, 8, 2);
    endpoint(&mut table.facts, process, 1);
    table.facts.add_name(process, "ntdll.dll");
    let before = table.facts.heap_bytes();
    table.facts.follow([Fact::Children].into_iter().collect(), at(3));
    assert_eq!((count(&table, process, Fact::Endpoints), table.facts.names.len()), (0, 0));
    assert!(table.facts.heap_bytes() < before);
    assert_eq!(
        table.facts.known(table.get(process).unwrap()).since(Fact::Endpoints),
        Timestamp::UNKNOWN
    );
    table.facts.follow(kept(), at(5));
    let since = |fact| table.facts.known(table.get(process).unwrap()).since(fact);
    assert_eq!([since(Fact::Endpoints), since(Fact::Children)], [at(5), at(2)]);
}

#[test]
fn without_facts_there_is_no_memory() {
    let mut table = ProcessTable::new("ws-1", Limits::default());
    (1..100).for_each(|number| {
        start(&mut table, number * 4, 2);
        table.facts.follow(FactSet::default(), at(2));
    });
    assert_eq!((table.facts.heap_bytes(), table.facts.len()), (0, 0));
}
