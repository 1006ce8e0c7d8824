//! Scenes of facts: each is told what was before an event, and not what the event itself tells.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failure in a test is a finding"
)]

#[path = "facts/scene.rs"]
mod scene;

use std::net::IpAddr;

use etwatch_event::Activity::{
    Connection, FileOpen, FileUse, ImageLoad, ImageRundown, KeyUse, ProcessAccess, ProcessEnd,
    ProcessRundown, ProcessStart, ThreadStart, Transfer,
};
use etwatch_event::Value::{Hex, Ip, Null, Text, Unsigned};
use etwatch_event::{Shape, Value};
use etwatch_state::Settings;

use scene::{Scene, all_names, at};

fn start(scene: &mut Scene, millis: u64, pid: u64, parent: u64) {
    let fields = [
        ("ProcessId", Unsigned(pid)),
        ("ParentProcessId", Unsigned(parent)),
        ("Image", Text("C:\\Windows\\System32\\cmd.exe")),
        ("CommandLine", Text("cmd")),
    ];
    scene.comes(millis, ProcessStart, &fields);
}

fn load(scene: &mut Scene, millis: u64, pid: u64, path: &str, more: &[(&str, Value<'_>)]) {
    let base = millis * 0x10_0000;
    let own = [
        ("ProcessId", Unsigned(pid)),
        ("ImageLoaded", Text(path)),
        ("ImageBase", Hex(base)),
        ("ImageSize", Hex(0x1000)),
    ];
    scene.comes(millis, ImageLoad, &[&own, more].concat());
}

const UNSIGNED: &[(&str, Value<'_>)] = &[("Signed", Text("false"))];
const SIGNED: &[(&str, Value<'_>)] = &[("Signed", Text("true"))];

#[test]
fn an_age_is_told_in_whole_seconds() {
    let mut scene = Scene::new(&["ProcessAge", "ProcessAgeSince"], &[]);
    start(&mut scene, 1_000, 8, 4);
    assert_eq!((scene.told("ProcessAge"), scene.told("ProcessAgeSince")), ("0".into(), at(1_000)));
    assert_eq!(scene.ask(3_999, 8, "ProcessAge"), "2");
    // It ran before, and nobody says since when.
    assert_eq!(scene.ask(4_000, 12, "ProcessAge"), "");
    assert_eq!(scene.told("ProcessAgeSince"), "");
}

#[test]
fn an_unsigned_image_counts_once_however_often_it_is_told() {
    let mut scene = Scene::new(&["ProcessUnsignedImages"], &[]);
    start(&mut scene, 1_000, 8, 4);
    load(&mut scene, 1_001, 8, "C:\\App\\x.dll", UNSIGNED);
    assert_eq!(scene.told("ProcessUnsignedImages"), "0", "as of before the event");
    load(&mut scene, 1_002, 8, "c:\\app\\X.DLL", UNSIGNED);
    assert_eq!(scene.told("ProcessUnsignedImages"), "1");
    load(&mut scene, 1_003, 8, "C:\\App\\y.dll", SIGNED);
    load(&mut scene, 1_004, 8, "C:\\App\\z.dll", &[]);
    assert_eq!(scene.ask(1_005, 8, "ProcessUnsignedImages"), "1");
    load(&mut scene, 1_006, 8, "C:\\App\\z.dll", &[("Signed", Value::Boolean(false))]);
    assert_eq!(scene.ask(1_007, 8, "ProcessUnsignedImages"), "2");
    assert_eq!(scene.ask(1_008, 12, "ProcessUnsignedImages"), "0");
}

#[test]
fn images_from_folders_of_users_are_counted_and_those_of_the_kernel_are_not() {
    let mut scene = Scene::new(&["ProcessUserWritableImages", "ProcessImageNames"], &[]);
    let rundown = [
        ("ProcessId", Unsigned(8)),
        ("ImageLoaded", Text("C:\\Users\\eva\\before.dll")),
        ("ImageBase", Hex(0x1000)),
        ("ImageSize", Hex(0x1000)),
    ];
    scene.comes(1_000, ImageRundown, &rundown);
    load(&mut scene, 1_001, 8, "D:\\Temp\\x.dll", &[]);
    assert_eq!(scene.told("ProcessUserWritableImages"), "1");
    load(&mut scene, 1_002, 8, "C:\\Windows\\System32\\ntdll.dll", &[]);
    let driver = [
        ("ProcessId", Unsigned(8)),
        ("ImageLoaded", Text("C:\\Users\\eva\\driver.sys")),
        ("ImageBase", Hex(0xffff_f800_0000_0000)),
        ("ImageSize", Hex(0x1000)),
    ];
    scene.comes(1_003, ImageLoad, &driver);
    assert_eq!(scene.ask(1_004, 8, "ProcessUserWritableImages"), "2");
    assert_eq!(scene.told("ProcessImageNames"), "before.dll|x.dll|ntdll.dll");
}

#[test]
fn names_of_images_are_several_values_each_once() {
    let mut scene = Scene::new(&["ProcessImageNames", "TargetProcessImageNames"], &[]);
    start(&mut scene, 1_000, 8, 4);
    assert_eq!(scene.told("ProcessImageNames"), "");
    for (millis, name) in [(1_001, "dbghelp.dll"), (1_002, "ntdll.dll"), (1_003, "dbghelp.dll")] {
        load(&mut scene, millis, 8, &format!("C:\\Windows\\System32\\{name}"), &[]);
    }
    assert_eq!(scene.told("ProcessImageNames"), "dbghelp.dll|ntdll.dll");
    let access = [("SourceProcessId", Unsigned(12)), ("TargetProcessId", Unsigned(8))];
    scene.comes(1_004, ProcessAccess, &access);
    assert_eq!(scene.told("TargetProcessImageNames"), "dbghelp.dll|ntdll.dll");
    assert_eq!(scene.told("ProcessImageNames"), "");
}

fn thread(source: u64, target: u64, thread: u64) -> [(&'static str, Value<'static>); 4] {
    [
        ("SourceProcessId", Unsigned(source)),
        ("TargetProcessId", Unsigned(target)),
        ("NewThreadId", Unsigned(thread)),
        ("StartAddress", Hex(0x7000_0000)),
    ]
}

#[test]
fn a_thread_that_another_started_counts_for_who_received_it() {
    let names = ["ProcessRemoteThreads", "TargetProcessRemoteThreads"];
    let mut scene = Scene::new(&names, &[]);
    start(&mut scene, 1_000, 8, 4);
    start(&mut scene, 1_000, 12, 4);
    scene.comes(1_001, ThreadStart, &thread(12, 8, 100));
    scene.comes(1_002, ThreadStart, &thread(8, 8, 101));
    assert_eq!(
        scene.told("TargetProcessRemoteThreads"),
        "0",
        "its first thread, and one of its own"
    );
    scene.comes(1_100, ThreadStart, &thread(12, 8, 102));
    assert_eq!(scene.told("TargetProcessRemoteThreads"), "0");
    // Another provider tells the same; then Windows uses the number again.
    scene.comes(1_101, ThreadStart, &thread(12, 8, 102));
    assert_eq!(scene.told("TargetProcessRemoteThreads"), "1");
    scene.comes(2_000, ThreadStart, &thread(12, 8, 102));
    assert_eq!(scene.told("TargetProcessRemoteThreads"), "1");
    assert_eq!(scene.ask(2_001, 8, "ProcessRemoteThreads"), "2");
    assert_eq!(scene.ask(2_002, 12, "ProcessRemoteThreads"), "0");
}

#[test]
fn a_thread_in_no_image_is_told_by_modules_or_by_sysmon() {
    let mut scene = Scene::new(&["TargetProcessUnbackedThreads", "ProcessUnbackedThreads"], &[]);
    start(&mut scene, 1_000, 8, 4);
    scene.comes(1_001, ThreadStart, &thread(8, 8, 100));
    assert_eq!(scene.told("StartUnbacked"), "", "nothing is known of its images");
    load(&mut scene, 1_002, 8, "C:\\Windows\\System32\\ntdll.dll", &[]);
    scene.comes(1_003, ThreadStart, &thread(8, 8, 101));
    assert_eq!(
        (scene.told("StartUnbacked").as_str(), scene.told("TargetProcessUnbackedThreads").as_str()),
        ("true", "0")
    );
    assert_eq!(scene.ask(1_004, 8, "ProcessUnbackedThreads"), "1");
    scene.shape = Shape::Evtx;
    let modules = [Text("-"), Text(""), Null, Text("C:\\Windows\\System32\\ntdll.dll")];
    for (number, module) in (0..).zip(modules) {
        let recorded = [&thread(12, 16, 200 + number)[..], &[("StartModule", module)]].concat();
        scene.comes_as("create_remote_thread", 2_000 + number, ThreadStart, &recorded);
    }
    assert_eq!(scene.told("TargetProcessUnbackedThreads"), "3");
    assert_eq!(scene.ask(2_004, 16, "ProcessUnbackedThreads"), "3");
}

#[test]
fn a_handle_to_a_sensitive_process_counts_if_it_can_do_more_than_look() {
    let mut scene = Scene::new(&["ProcessSensitiveHandles"], &[]);
    let lsass = "C:\\Windows\\System32\\lsass.exe";
    let access = |image, rights| {
        [
            ("SourceProcessId", Unsigned(8)),
            ("TargetProcessId", Unsigned(600)),
            ("TargetImage", Text(image)),
            ("GrantedAccess", rights),
        ]
    };
    scene.comes(1_000, ProcessAccess, &access(lsass, Text("0x1010")));
    assert_eq!(scene.told("ProcessSensitiveHandles"), "0");
    scene.comes(1_001, ProcessAccess, &access(lsass, Text("0x1000")));
    scene.comes(1_002, ProcessAccess, &access("C:\\Users\\eva\\lsass.exe", Hex(0x1f_ffff)));
    let own = [&access(lsass, Hex(0x10))[..2], &access(lsass, Hex(0x10))[2..]].concat();
    let of_itself: Vec<_> = own
        .into_iter()
        .map(
            |(name, value)| {
                if name == "SourceProcessId" { (name, Unsigned(600)) } else { (name, value) }
            },
        )
        .collect();
    scene.comes(1_003, ProcessAccess, &of_itself);
    assert_eq!(scene.ask(1_004, 600, "ProcessSensitiveHandles"), "0");
    assert_eq!(scene.ask(1_004, 8, "ProcessSensitiveHandles"), "1");
    // It asked for whatever it may have; and an audit of a request that failed.
    scene.comes(1_005, ProcessAccess, &access(lsass, Hex(0))[..3]);
    let failed = [&access(lsass, Hex(0x10))[..], &[("Keywords", Text("0x8010000000000000"))]];
    scene.comes(1_006, ProcessAccess, &failed.concat());
    assert_eq!(scene.ask(1_007, 8, "ProcessSensitiveHandles"), "2");
}

#[test]
fn a_file_that_is_written_several_times_in_a_row_counts_once() {
    let mut scene = Scene::new(&["ProcessFilesWritten"], &[]);
    let write = |name| [("ProcessId", Unsigned(8)), ("TargetFilename", Text(name))];
    scene.comes_as("file_event", 1_000, FileOpen, &write("C:\\a"));
    assert_eq!(scene.told("ProcessFilesWritten"), "0");
    scene.comes_as("file_event", 1_001, FileUse, &write("C:\\a"));
    assert_eq!(scene.told("ProcessFilesWritten"), "1");
    scene.comes_as("other", 1_002, FileOpen, &write("C:\\read"));
    scene.comes_as("file_event", 1_003, FileOpen, &write("C:\\b"));
    scene.comes_as("file_event", 1_004, FileOpen, &write("C:\\a"));
    assert_eq!(scene.told("ProcessFilesWritten"), "2");
    assert_eq!(scene.ask(1_005, 8, "ProcessFilesWritten"), "3");
}

#[test]
fn a_child_counts_once_for_its_creator_whoever_tells_it() {
    let mut scene = Scene::new(&["ProcessChildren", "ParentProcessChildren"], &[]);
    scene.shape = Shape::Evtx;
    start(&mut scene, 1_000, 8, 4);
    start(&mut scene, 2_000, 12, 8);
    assert_eq!(
        (scene.told("ProcessChildren"), scene.told("ParentProcessChildren")),
        ("0".into(), "0".into())
    );
    // The other log tells the same start with its own name of the process.
    let again = [
        ("ProcessId", Unsigned(12)),
        ("ParentProcessId", Unsigned(8)),
        ("Image", Text("C:\\Windows\\System32\\cmd.exe")),
        ("ProcessGuid", Text("{00000000-0000-0000-0000-000000000012}")),
    ];
    scene.comes(2_001, ProcessStart, &again);
    assert_eq!(scene.told("ParentProcessChildren"), "1");
    start(&mut scene, 3_000, 16, 8);
    assert_eq!(scene.told("ParentProcessChildren"), "1");
    assert_eq!(scene.ask(3_001, 8, "ProcessChildren"), "2");
    assert_eq!(scene.ask(3_002, 16, "ParentProcessChildren"), "2");
}

fn connection(
    initiated: &'static str,
    protocol: &'static str,
    ip: Value<'static>,
    port: u64,
) -> Vec<(&'static str, Value<'static>)> {
    vec![
        ("ProcessId", Unsigned(8)),
        ("Protocol", Text(protocol)),
        ("Initiated", Text(initiated)),
        ("DestinationIp", ip),
        ("DestinationPort", Unsigned(port)),
    ]
}

#[test]
fn bytes_are_those_of_tcp_and_udp_in_each_direction() {
    let mut scene = Scene::new(&["ProcessBytesOut", "ProcessBytesIn"], &[]);
    let passed = |id: &'static str, number, size| {
        [("ProcessId", Unsigned(8)), (id, Unsigned(number)), ("size", Unsigned(size))]
    };
    scene.comes(1_000, Transfer, &passed("EventID", 10, 100));
    assert_eq!(
        (scene.told("ProcessBytesOut"), scene.told("ProcessBytesIn")),
        ("0".into(), "0".into())
    );
    scene.comes(1_001, Transfer, &passed("EventID", 27, 30));
    scene.comes(1_002, Transfer, &passed("Opcode", 26, 1));
    scene.comes(1_003, Transfer, &passed("Opcode", 11, 2));
    let localhost = Ip(IpAddr::from([127, 0, 0, 1]));
    let size = ("size", Unsigned(4_000));
    for (millis, initiated, protocol) in
        [(1_004, "true", "udp"), (1_005, "false", "udp"), (1_006, "true", "tcp")]
    {
        let sent = [connection(initiated, protocol, localhost, 53), vec![size]].concat();
        scene.comes(millis, Connection, &sent);
    }
    assert_eq!(scene.ask(1_007, 8, "ProcessBytesOut"), "4101");
    assert_eq!(scene.told("ProcessBytesIn"), "4032");
}

#[test]
fn an_endpoint_counts_once_in_whatever_form_its_address_comes() {
    let mut scene = Scene::new(&["ProcessEndpoints"], &[]);
    let near = Ip(IpAddr::from([192, 0, 2, 7]));
    scene.comes(1_000, Connection, &connection("true", "tcp", near, 443));
    assert_eq!(scene.told("ProcessEndpoints"), "0");
    scene.comes(1_001, Connection, &connection("true", "tcp", Text("192.0.2.7"), 443));
    scene.comes(1_002, Connection, &connection("true", "tcp", near, 80));
    scene.comes(1_003, Connection, &connection("false", "tcp", near, 9_999));
    assert_eq!(scene.ask(1_004, 8, "ProcessEndpoints"), "2");
}

#[test]
fn a_creator_that_is_not_the_parent_is_told_where_the_creator_is_known() {
    let names =
        ["ProcessCreatorDiffers", "ParentProcessCreatorDiffers", "ProcessCreatorDiffersSince"];
    let mut scene = Scene::new(&names, &[]);
    let of_etw = |pid, parent, creator| {
        [
            ("ProcessId", Unsigned(pid)),
            ("ParentProcessId", Unsigned(parent)),
            ("Image", Text("C:\\x.exe")),
            ("CommandLine", Text("x")),
            ("Execution_ProcessID", Unsigned(creator)),
        ]
    };
    scene.comes(1_000, ProcessStart, &of_etw(8, 4, 4));
    assert_eq!(scene.told("ProcessCreatorDiffers"), "false");
    scene.comes(2_000, ProcessStart, &of_etw(12, 8, 500));
    assert_eq!(
        (
            scene.told("ProcessCreatorDiffers").as_str(),
            scene.told("ParentProcessCreatorDiffers").as_str()
        ),
        ("true", "false")
    );
    assert_eq!(scene.told("ProcessCreatorDiffersSince"), at(2_000));
    scene.shape = Shape::Evtx;
    start(&mut scene, 3_000, 16, 8);
    assert_eq!(
        (scene.told("ProcessCreatorDiffers"), scene.told("ProcessCreatorDiffersSince")),
        (String::new(), String::new())
    );
}

#[test]
fn since_is_the_start_if_it_was_seen_and_else_the_beginning() {
    let mut scene = Scene::new(&["ProcessEndpointsSince"], &["ProcessChildrenSince"]);
    let rundown = [
        ("ProcessId", Unsigned(4_000)),
        ("CreateTime", Value::Time(etwatch_event::Timestamp::from_filetime(5))),
    ];
    scene.comes(1_000, ProcessRundown, &rundown);
    start(&mut scene, 2_000, 8, 4_000);
    assert_eq!(scene.told("ProcessEndpointsSince"), at(2_000));
    for pid in [4_000, 12] {
        assert_eq!(scene.ask(3_000, pid, "ProcessEndpointsSince"), at(1_000), "{pid}");
    }
    // A rule that is loaded later names another.
    scene.reload();
    assert_eq!(scene.ask(4_000, 8, "ProcessChildrenSince"), at(4_000));
    assert_eq!(scene.told("ProcessEndpointsSince"), at(2_000));
    start(&mut scene, 5_000, 16, 8);
    assert_eq!(scene.told("ProcessChildrenSince"), at(5_000));
}

#[test]
fn a_fact_that_a_later_rule_names_is_counted_from_then_on() {
    let mut scene = Scene::new(&["ProcessEndpoints"], &["ProcessUnsignedImages"]);
    load(&mut scene, 1_000, 8, "C:\\App\\x.dll", UNSIGNED);
    let near = Ip(IpAddr::from([192, 0, 2, 7]));
    scene.comes(1_001, Connection, &connection("true", "tcp", near, 443));
    scene.reload();
    assert_eq!(scene.ask(1_002, 8, "ProcessUnsignedImages"), "0");
    load(&mut scene, 1_003, 8, "C:\\App\\y.dll", UNSIGNED);
    assert_eq!(scene.ask(1_004, 8, "ProcessUnsignedImages"), "1");
    assert_eq!(scene.told("ProcessEndpoints"), "1", "what was kept is kept on");
}

#[test]
fn without_a_name_nothing_is_told() {
    let names = all_names();
    let later: Vec<_> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::new(&[], &later);
    start(&mut scene, 1_000, 8, 4);
    load(&mut scene, 1_001, 8, "C:\\Users\\eva\\x.dll", UNSIGNED);
    scene.comes(1_002, ThreadStart, &thread(12, 8, 100));
    let told: Vec<_> = later.iter().filter(|name| !scene.told(name).is_empty()).collect();
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn facts_outlive_a_process_by_as_long_as_its_row_and_no_other_with_its_id_has_them() {
    let mut scene = Scene::new(&["ProcessUnsignedImages", "ProcessUnsignedImagesSince"], &[]);
    start(&mut scene, 1_000, 8, 4);
    load(&mut scene, 1_001, 8, "C:\\App\\x.dll", UNSIGNED);
    scene.comes(2_000, ProcessEnd, &[("ProcessId", Unsigned(8))]);
    assert_eq!(scene.told("ProcessUnsignedImages"), "1", "the end itself");
    assert_eq!(scene.ask(2_500, 8, "ProcessUnsignedImages"), "1", "what comes after it");
    start(&mut scene, 3_000, 8, 4);
    assert_eq!(scene.told("ProcessUnsignedImages"), "0");
    assert_eq!(scene.told("ProcessUnsignedImagesSince"), at(3_000));
    assert_eq!(scene.ask(3_001, 8, "ProcessUnsignedImages"), "0");
}

#[test]
fn a_late_event_is_told_what_is_known_and_changes_nothing() {
    let mut scene = Scene::new(&["ProcessUnsignedImages"], &[]);
    start(&mut scene, 1_000, 8, 4);
    load(&mut scene, 5_000, 8, "C:\\App\\x.dll", UNSIGNED);
    load(&mut scene, 4_000, 8, "C:\\App\\y.dll", UNSIGNED);
    assert_eq!((scene.ledger.late, scene.told("ProcessUnsignedImages").as_str()), (1, "1"));
    assert_eq!(scene.ask(6_000, 8, "ProcessUnsignedImages"), "1");
}

#[test]
fn what_was_recorded_is_not_replaced_and_without_enrichment_nothing_is_added() {
    let settings = Settings { enrich: false, ..Settings::default() };
    for (settings, expected) in [(Settings::default(), "1"), (settings, "")] {
        let mut scene = Scene::with(&["ProcessUnsignedImages"], &[], settings);
        scene.shape = Shape::Evtx;
        load(&mut scene, 1_000, 8, "C:\\App\\x.dll", UNSIGNED);
        assert_eq!(scene.ask(1_001, 8, "ProcessUnsignedImages"), expected);
        let recorded = [("ProcessId", Unsigned(8)), ("ProcessUnsignedImages", Text("-"))];
        scene.comes(1_002, KeyUse, &recorded);
        assert_eq!(scene.told("ProcessUnsignedImages"), "-");
    }
}

#[test]
fn what_is_told_does_not_count_as_recorded() {
    let names = all_names();
    let named: Vec<_> = names.iter().map(String::as_str).collect();
    let mut scene = Scene::new(&named, &[]);
    start(&mut scene, 1_000, 8, 4);
    for name in ["a.dll", "b.dll"] {
        load(&mut scene, 1_001, 8, &format!("C:\\Users\\{name}"), UNSIGNED);
    }
    scene.comes(1_002, ThreadStart, &thread(8, 8, 100));
    let event = scene.out.get(scene.out.len() - 1).unwrap();
    let told = named
        .iter()
        .map(|name| event.get_named(name))
        .filter(etwatch_event::FieldValues::is_present);
    let recorded: Vec<_> = told.map(|values| event.is_recorded(&values)).collect();
    assert!(recorded.len() > 20 && !recorded.contains(&true), "{recorded:?}");
}

#[test]
fn hosts_know_nothing_of_each_others_facts() {
    let mut scene = Scene::new(&["ProcessUnsignedImages"], &[]);
    load(&mut scene, 1_000, 8, "C:\\App\\x.dll", &[UNSIGNED, &[("Computer", Text("a"))]].concat());
    load(&mut scene, 1_001, 8, "C:\\App\\y.dll", &[UNSIGNED, &[("Computer", Text("b"))]].concat());
    assert_eq!(scene.told("ProcessUnsignedImages"), "0");
}
