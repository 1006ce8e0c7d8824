//! What an event is given after what others have told: a scenario is a table of events and what they are given.

use std::net::{IpAddr, Ipv4Addr};

use etwatch_event::Activity::{self, *};
use etwatch_event::Value::{self, Hex, Ip, Text, Unsigned};
use etwatch_state::names::Limits;

use crate::host::{Field, Host, fields};

/// Milliseconds, activity, process (0 if unknown), what the event says, what it is given.
type Step =
    (u64, Activity, u32, &'static [Field<'static>], &'static [(&'static str, &'static str)]);

/// Plays the steps; in the end so many events were given names and so many were not.
fn play(steps: &[Step], resolved: u64, unresolved: u64) {
    let mut host = Host::new(Limits::default());
    for (number, (millis, activity, pid, said, given)) in steps.iter().enumerate() {
        let found = host.tell(*millis, *activity, *pid, said);
        assert_eq!(fields(found), *given, "step {number}");
        assert_eq!(found.is_empty(), given.is_empty(), "step {number}");
    }
    let counts = host.names.counts();
    let kinds = [counts.files, counts.keys, counts.answers];
    let sum = |of: fn(&etwatch_state::names::KindCounts) -> u64| kinds.iter().map(of).sum::<u64>();
    assert_eq!((sum(|it| it.resolved), sum(|it| it.unresolved)), (resolved, unresolved));
    assert_eq!(sum(|it| it.evicted), 0);
}

const A: Field<'_> = ("TargetFilename", Text("C:\\a.txt"));
const B: Field<'_> = ("TargetFilename", Text("C:\\b.txt"));
const GIVEN_A: &[(&str, &str)] = &[("TargetFilename", "C:\\a.txt")];
const GIVEN_B: &[(&str, &str)] = &[("TargetFilename", "C:\\b.txt")];
const OBJECT_7: Field<'_> = ("FileObject", Hex(0xffff_a80b_1234_5070));
const OBJECT_8: Field<'_> = ("FileObject", Hex(0xffff_a80b_1234_5080));
const KEY_3: Field<'_> = ("FileKey", Hex(0xffff_d78f_8765_4030));
const KEY_4: Field<'_> = ("FileKey", Hex(0xffff_d78f_8765_4040));

#[test]
fn a_file_has_its_name_until_a_while_after_it_is_closed() {
    let steps: &[Step] = &[
        (0, FileUse, 1, &[OBJECT_7, KEY_3], &[]),
        (10, FileOpen, 1, &[OBJECT_7, A], &[]),
        (20, FileUse, 1, &[OBJECT_7, KEY_3], GIVEN_A),
        (30, FileClose, 1, &[OBJECT_7, KEY_3], GIVEN_A),
        (1_000, FileUse, 1, &[OBJECT_7], GIVEN_A),
        (2_030, FileUse, 1, &[OBJECT_7], GIVEN_A),
        (2_031, FileUse, 1, &[OBJECT_7], &[]),
        (2_032, FileUse, 1, &[OBJECT_7, KEY_3], GIVEN_A), // the file itself has its name still
        (2_040, FileNameEnd, 1, &[KEY_3], &[]),
        (4_041, FileUse, 1, &[OBJECT_7, KEY_3], &[]),
    ];
    play(steps, 5, 3);
}

#[test]
fn an_object_that_is_made_again_has_its_new_name() {
    let steps: &[Step] = &[
        (0, FileOpen, 1, &[OBJECT_7, A], &[]),
        (1, FileUse, 1, &[OBJECT_7, KEY_3], GIVEN_A),
        (2, FileClose, 1, &[OBJECT_7, KEY_3], GIVEN_A),
        (3, FileOpen, 1, &[OBJECT_7, B], &[]),
        (4, FileUse, 1, &[OBJECT_7, KEY_3], GIVEN_B), // and so has the key, used again too
        (5, FileUse, 1, &[OBJECT_8, KEY_3], GIVEN_B),
        (9_000, FileUse, 1, &[OBJECT_7], GIVEN_B), // the closing was the old one's
        (9_001, FileOpen, 1, &[OBJECT_7], &[]),    // opened by whatever name
        (9_002, FileUse, 1, &[OBJECT_7], &[]),
    ];
    play(steps, 5, 2);
}

#[test]
fn a_renamed_file_has_its_old_name_as_source() {
    let steps: &[Step] = &[
        (0, FileOpen, 1, &[OBJECT_7, A], &[]),
        (1, FileOpen, 2, &[OBJECT_8, A], &[]),
        (2, FileUse, 2, &[OBJECT_8, KEY_3], GIVEN_A),
        (3, FileRename, 1, &[OBJECT_7, KEY_3, B], &[("SourceFilename", "C:\\a.txt")]),
        (4, FileUse, 1, &[OBJECT_7], GIVEN_B),
        (5, FileUse, 2, &[OBJECT_8, KEY_3], GIVEN_B), // opened under the old name
        (6, FileRename, 1, &[OBJECT_7, KEY_3, B], &[]), // told twice
        (7, FileRename, 1, &[OBJECT_7, KEY_3, A, ("SourceFilename", Text("C:\\c"))], &[]),
        (8, FileUse, 1, &[OBJECT_7, KEY_3], GIVEN_A),
        (9, FileRename, 1, &[OBJECT_7, KEY_3], &[("SourceFilename", "C:\\a.txt")]),
        (10, FileUse, 1, &[OBJECT_7, KEY_3], &[]), // its new name was not told
    ];
    play(steps, 6, 2);
}

#[test]
fn names_of_keys_are_told_under_either_field() {
    let steps: &[Step] = &[
        (0, FileName, 0, &[KEY_3, ("FileName", Text("C:\\a.txt"))], &[]),
        (1, FileUse, 1, &[OBJECT_7, KEY_3], GIVEN_A),
        (2, FileUse, 1, &[KEY_3], GIVEN_A),
        // The class FileIo has a field for objects alone.
        (3, FileName, 0, &[OBJECT_8, ("FileName", Text("C:\\b.txt"))], &[]),
        (4, FileUse, 1, &[OBJECT_8], GIVEN_B),
        (5, FileUse, 1, &[OBJECT_7, KEY_4, B], &[]), // tells its own name
        (6, FileUse, 1, &[KEY_4], GIVEN_B),
    ];
    play(steps, 4, 0);
}

#[test]
fn handles_are_read_in_each_form_and_zero_is_none() {
    let steps: &[Step] = &[
        (0, FileOpen, 1, &[("FileObject", Text("0xffffa80b12345070")), A], &[]),
        (1, FileUse, 1, &[OBJECT_7], GIVEN_A),
        (2, FileUse, 1, &[("FileObject", Text("18446647364236365936"))], GIVEN_A),
        (3, FileUse, 1, &[("FileObject", Value::Signed(-0x57f4_edcb_af90))], GIVEN_A),
        (4, FileOpen, 1, &[("FileObject", Hex(0)), B], &[]),
        (5, FileUse, 1, &[("FileObject", Hex(0))], &[]),
        (6, FileUse, 1, &[("FileObject", Text("none"))], &[]),
        (7, FileUse, 1, &[], &[]),
    ];
    play(steps, 3, 3);
}

const BASE: Field<'_> = ("BaseObject", Hex(0x50));
const RUN: Field<'_> = ("RelativeName", Text("Microsoft\\Run"));
const SOFTWARE: Field<'_> = ("RelativeName", Text("\\REGISTRY\\MACHINE\\SOFTWARE"));
const KEY_50: Field<'_> = ("KeyObject", Hex(0x50));
const KEY_60: Field<'_> = ("KeyObject", Hex(0x60));
const DONE: Field<'_> = ("Status", Unsigned(0));
const FAILED: Field<'_> = ("Status", Hex(0xc000_0034));
const GIVEN_SOFTWARE: &[(&str, &str)] = &[("TargetObject", "HKLM\\SOFTWARE")];
const GIVEN_RUN: &[(&str, &str)] = &[("TargetObject", "HKLM\\SOFTWARE\\Microsoft\\Run")];

#[test]
fn the_path_of_a_key_is_put_together_from_its_bases() {
    let steps: &[Step] = &[
        (0, KeyOpen, 1, &[KEY_50, ("BaseObject", Hex(0)), SOFTWARE, DONE], GIVEN_SOFTWARE),
        (1, KeyOpen, 1, &[KEY_60, BASE, RUN, DONE], GIVEN_RUN),
        (2, KeyClose, 1, &[KEY_50, DONE], &[]),
        (
            9_000,
            ValueUse,
            1,
            &[KEY_60, ("KeyName", Text("")), ("ValueName", Text("Updater"))],
            &[("TargetObject", "HKLM\\SOFTWARE\\Microsoft\\Run\\Updater")],
        ),
        (
            9_001,
            ValueUse,
            1,
            &[KEY_60, ("ValueName", Text(""))],
            &[("TargetObject", "HKLM\\SOFTWARE\\Microsoft\\Run\\(Default)")],
        ),
        (
            9_002,
            KeyUse,
            1,
            &[KEY_60, ("KeyName", Text("Below"))],
            &[("TargetObject", "HKLM\\SOFTWARE\\Microsoft\\Run\\Below")],
        ),
        (9_003, KeyUse, 1, &[KEY_60, ("TargetObject", Text(""))], GIVEN_RUN),
        (9_004, KeyUse, 1, &[KEY_60, ("TargetObject", Text("HKLM\\X"))], &[]), // has its name
        (9_005, KeyUse, 1, &[KEY_50], &[]),
    ];
    play(steps, 6, 1);
}

#[test]
fn a_base_may_be_told_by_name_and_a_path_by_the_event() {
    let steps: &[Step] = &[
        (
            0,
            KeyOpen,
            1,
            &[
                KEY_50,
                ("BaseName", Text("\\REGISTRY\\MACHINE\\SYSTEM")),
                ("RelativeName", Text("ControlSet001")),
            ],
            &[("TargetObject", "HKLM\\System\\CurrentControlSet")],
        ),
        (1, KeyUse, 1, &[KEY_50], &[("TargetObject", "HKLM\\System\\CurrentControlSet")]),
        (2, KeyOpen, 1, &[KEY_60, BASE, RUN, ("TargetObject", Text("HKU\\S-1-5-18"))], &[]),
        (3, KeyUse, 1, &[KEY_60], &[("TargetObject", "HKU\\S-1-5-18")]),
        // Key control blocks, and a use that tells the path itself.
        (4, KeyName, 0, &[KEY_50, ("KeyName", Text("\\REGISTRY\\MACHINE\\SAM"))], &[]),
        (5, KeyOpen, 1, &[KEY_60, BASE], &[("TargetObject", "HKLM\\SAM")]),
        (
            6,
            ValueUse,
            1,
            &[
                ("KeyObject", Hex(0x70)),
                ("KeyName", Text("\\REGISTRY\\A\\x")),
                ("ValueName", Text("v")),
            ],
            &[("TargetObject", "\\REGISTRY\\A\\x\\v")],
        ),
        (7, KeyUse, 1, &[("KeyObject", Hex(0x70))], &[("TargetObject", "\\REGISTRY\\A\\x")]),
    ];
    play(steps, 6, 0);
}

#[test]
fn opens_that_fail_and_bases_that_nobody_told_teach_nothing() {
    let steps: &[Step] = &[
        (0, ValueUse, 1, &[KEY_60, ("ValueName", Text("v"))], &[]), // opened before recording began
        (1, KeyOpen, 1, &[KEY_60, SOFTWARE, FAILED], GIVEN_SOFTWARE),
        (2, KeyUse, 1, &[KEY_60], &[]),
        (3, KeyOpen, 1, &[("KeyObject", Hex(0)), SOFTWARE, DONE], GIVEN_SOFTWARE),
        (4, KeyUse, 1, &[("KeyObject", Hex(0))], &[]),
        (5, KeyOpen, 1, &[KEY_60, SOFTWARE, DONE], GIVEN_SOFTWARE),
        (6, KeyOpen, 1, &[KEY_60, BASE, RUN, FAILED], &[]), // the address is still the first one's
        (7, KeyClose, 1, &[KEY_60, FAILED], &[]),
        (8_000, KeyUse, 1, &[KEY_60], GIVEN_SOFTWARE),
        (8_001, KeyOpen, 1, &[KEY_60, BASE, RUN, DONE], &[]), // used again, by whatever path
        (8_002, KeyUse, 1, &[KEY_60], &[]),
    ];
    play(steps, 4, 6);
}

#[test]
fn a_write_may_be_told_after_its_key_was_closed() {
    let steps: &[Step] = &[
        (0, KeyOpen, 1, &[KEY_50, SOFTWARE, DONE], GIVEN_SOFTWARE),
        (100, KeyClose, 1, &[KEY_50, DONE], &[]),
        (200, KeyClose, 1, &[KEY_50, DONE], &[]), // once closed, closed
        (2_100, KeyUse, 1, &[KEY_50], GIVEN_SOFTWARE),
        (2_101, KeyUse, 1, &[KEY_50], &[]),
        (2_000, KeyUse, 1, &[KEY_50], &[]), // forgotten is forgotten
        (3_000, KeyOpen, 1, &[KEY_50, SOFTWARE, DONE], GIVEN_SOFTWARE),
        (3_001, KeyClose, 1, &[KEY_50, DONE], &[]),
        (
            3_002,
            KeyOpen,
            1,
            &[KEY_50, ("RelativeName", Text("\\REGISTRY\\USER")), DONE],
            &[("TargetObject", "HKU")],
        ),
        (9_000, KeyUse, 1, &[KEY_50], &[("TargetObject", "HKU")]),
    ];
    play(steps, 5, 2);
}

const TO_7: Field<'_> = ("DestinationIp", Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))));
const ORG: Field<'_> = ("QueryName", Text("example.org"));
const NET: Field<'_> = ("QueryName", Text("example.net"));
const IS_7: Field<'_> = ("QueryResults", Text("type:  5 cdn.example.com;::ffff:192.0.2.7;"));
const GIVEN_ORG: &[(&str, &str)] = &[("DestinationHostname", "example.org")];
const GIVEN_NET: &[(&str, &str)] = &[("DestinationHostname", "example.net")];

#[test]
fn a_connection_has_the_name_its_process_asked_for_else_anyones() {
    let steps: &[Step] = &[
        (0, Connection, 4, &[TO_7], &[]),
        (1, DnsQuery, 4, &[ORG, IS_7, ("QueryStatus", Unsigned(0))], &[]),
        (2, DnsQuery, 5, &[NET, IS_7, ("QueryStatus", Text("0"))], &[]),
        (3, Connection, 4, &[TO_7], GIVEN_ORG),
        (4, Connection, 5, &[TO_7], GIVEN_NET),
        (5, Connection, 6, &[TO_7], GIVEN_NET),
        (6, Connection, 0, &[("DestinationIp", Text("192.0.2.7"))], GIVEN_NET),
        (7, Connection, 4, &[("DestinationIp", Text("::ffff:192.0.2.7"))], GIVEN_ORG),
        (8, Connection, 4, &[TO_7, ("DestinationHostname", Text("own"))], &[]), // has its name
        (9, Connection, 4, &[TO_7, ("Initiated", Text("false"))], &[]),         // from outside
        (10, Connection, 4, &[("DestinationIp", Text("192.0.2.8"))], &[]),
        (11, Connection, 4, &[], &[]),
        (600_001, Connection, 4, &[TO_7], GIVEN_ORG),
        (600_002, Connection, 4, &[TO_7], GIVEN_NET), // ten minutes after process 4 was answered
        (600_003, Connection, 4, &[TO_7], &[]),
    ];
    play(steps, 7, 3);
}

#[test]
fn an_answer_has_all_its_addresses_unless_it_failed() {
    let several = "type:  5 a.example;2001:db8::1;::ffff:192.0.2.7;fe80::1%12; 192.0.2.9 ;-;x;;";
    let results: [Field<'_>; 2] = [ORG, ("QueryResults", Text(several))];
    let mut host = Host::new(Limits::default());
    host.tell(0, DnsQuery, 4, &[results[0], results[1], ("QueryStatus", Unsigned(9_003))]);
    assert_eq!(host.names.counts().answers.known, 0);
    host.tell(1, DnsQuery, 4, &results);
    for address in ["2001:db8::1", "192.0.2.7", "fe80::1", "192.0.2.9"] {
        let found = host.tell(2, Connection, 4, &[("DestinationIp", Text(address))]);
        assert_eq!(fields(found), GIVEN_ORG, "{address}");
    }
    assert_eq!(host.names.counts().answers.known, 8);
}

#[test]
fn of_the_events_of_one_query_one_in_a_second_is_new() {
    let duplicate: &[(&str, &str)] = &[("duplicate", "yes")];
    let address: Field<'_> = ("QueryType", Unsigned(1));
    let steps: [(u64, u32, &[Field<'_>], bool); 12] = [
        (0, 4, &[ORG, address], false),
        (10, 4, &[ORG, address], true),
        (20, 4, &[("QueryName", Text("EXAMPLE.org")), ("QueryType", Text("1"))], true),
        (30, 4, &[NET, address], false),
        (40, 4, &[ORG, ("QueryType", Unsigned(28))], false),
        (50, 5, &[ORG, address], false),
        (60, 0, &[ORG, address], false),
        (61, 0, &[ORG, address], false),
        (999, 4, &[ORG, address], true),
        (1_000, 4, &[ORG, address], false), // the second is that of the new one
        (900, 4, &[ORG, address], true),    // told late
        (901, 4, &[("QueryType", Unsigned(1))], false),
    ];
    let mut host = Host::new(Limits::default());
    for (millis, pid, said, is_duplicate) in steps {
        let found = host.tell(millis, DnsQuery, pid, said);
        assert_eq!(fields(found), if is_duplicate { duplicate } else { &[] }, "{millis}");
    }
    assert_eq!(host.names.counts().queries.resolved, 4);
}
