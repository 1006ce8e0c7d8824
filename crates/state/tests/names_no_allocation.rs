//! Once its tables are full, memory that names need is that which others have left.

#![allow(
    clippy::unwrap_used,
    reason = "a test that fails must say where; lints know tests only by their attribute"
)]

#[path = "../../../tests/support/allocations.rs"]
mod allocations;
#[path = "names/host.rs"]
mod host;

use allocations::allocations;
use etwatch_event::Activity::{
    Connection, DnsQuery, FileClose, FileOpen, FileRename, FileUse, KeyClose, KeyOpen, ValueUse,
};
use etwatch_event::Value::{Hex, Text, Unsigned};
use etwatch_state::names::{Limits, TableLimits};

use host::{Host, fields};

/// Opens, uses and closes 2,000 handles of each kind; half of the files are never closed.
fn one_round(host: &mut Host, names: &[String], start: u64) -> usize {
    let mut found = 0;
    for (number, name) in (1..).zip(names) {
        let millis = start + number;
        let object = ("FileObject", Hex(number * 16));
        let key = ("FileKey", Hex(number * 32));
        host.tell(millis, FileOpen, 1, &[object, ("TargetFilename", Text(name))]);
        found += host.tell(millis, FileUse, 1, &[object, key]).target_filename().map_or(0, |_| 1);
        let renamed = [object, key, ("TargetFilename", Text("C:\\another"))];
        found += host.tell(millis, FileRename, 1, &renamed).source_filename().map_or(0, |_| 1);
        if number % 2 == 0 {
            host.tell(millis, FileClose, 1, &[object, key]);
        }
        let object = ("KeyObject", Hex(number * 16));
        let opened =
            [object, ("BaseName", Text("\\REGISTRY\\MACHINE")), ("RelativeName", Text(name))];
        found += host.tell(millis, KeyOpen, 1, &opened).target_object().map_or(0, |_| 1);
        found += host.tell(millis, ValueUse, 1, &[object]).target_object().map_or(0, |_| 1);
        host.tell(millis, KeyClose, 1, &[object]);
        let asked = [("QueryName", Text(name)), ("QueryResults", Text("::ffff:192.0.2.7;"))];
        host.tell(millis, DnsQuery, 1, &asked);
        let address = ("DestinationIp", Text("192.0.2.7"));
        let connected = host.tell(millis, Connection, 1, &[address, ("QueryType", Unsigned(1))]);
        found += connected.destination_hostname().map_or(0, |_| 1);
    }
    found
}

#[test]
fn full_tables_allocate_nothing() {
    let names: Vec<String> =
        (0..2_000).map(|number| format!("C:\\Windows\\{number:040}.dll")).collect();
    let table = TableLimits { entries: 500, text_bytes: 1 << 20, name_bytes: 1 << 10 };
    let mut host =
        Host::new(Limits { files: table, keys: table, queries: table, ..Limits::default() });
    one_round(&mut host, &names, 0);
    one_round(&mut host, &names, 10_000);
    let counted = allocations(|| one_round(&mut host, &names, 20_000));
    assert_eq!(counted, (2_000 * 5, 0));
    assert!(host.names.counts().files.evicted > 0);
    let used = host.tell(30_000, FileUse, 1, &[("FileKey", Hex(2_000 * 32))]);
    assert_eq!(fields(used), [("TargetFilename", "C:\\another")]);
}
