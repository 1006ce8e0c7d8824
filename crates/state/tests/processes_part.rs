//! What events say of processes, in the spellings of their sources.

#![allow(clippy::unwrap_used, reason = "a failure in a test is a finding")]

use std::sync::Arc;

use etwatch_event::{
    Activity, Event, EventBatch, FieldId, Guid, LogSourceSetId, Origin, Role, Shape, Sid,
    Timestamp, Value, Vocabulary,
};
use etwatch_state::processes::{ProcessEnd, ProcessFields, ProcessPart, Source, Whose};

const SYSMON: &str = "{CB1855FE-1353-69DE-BB00-000000000E00}";

/// Asks one event that has these fields.
fn of<R>(
    activity: Activity,
    shape: Shape,
    values: &[(&str, Value<'_>)],
    ask: impl FnOnce(&Event<'_>, &ProcessFields) -> R,
) -> R {
    let mut vocabulary = Vocabulary::default();
    let fields = ProcessFields::intern(&mut vocabulary.fields);
    let intern = |(name, _): &(&str, Value<'_>)| vocabulary.fields.intern(name);
    let ids: Vec<FieldId> = values.iter().map(intern).collect();
    let layout = vocabulary.add_layout_of(&ids, Role { activity, ..Role::default() });
    let mut batch = EventBatch::new(Arc::new(vocabulary));
    let mut event = batch.begin(layout, LogSourceSetId::NONE);
    event.set_origin(Origin { shape, ..Origin::default() });
    for (id, (_, value)) in ids.iter().zip(values) {
        event.set(*id, *value);
    }
    event.finish();
    ask(&batch.get(0).unwrap(), &fields)
}

#[test]
fn each_source_is_known_by_what_it_says() {
    let text = Value::Text;
    let pid = ("ProcessId", Value::Unsigned(6_820));
    let header = ("Execution_ProcessID", Value::Unsigned(4));
    let sysmon = [pid, ("ProcessGuid", text(SYSMON)), header];
    let security = [("ProcessId", text("0x1aa4")), header];
    let manifest = [pid, ("CreateTime", Value::Time(Timestamp::UNIX_EPOCH)), header];
    let classic = [pid, ("ImageFileName", text("cmd.exe")), header];
    let start = Activity::ProcessStart;
    let rows = [
        (start, Shape::Flat, &sysmon[..], Source::Sysmon, None),
        (start, Shape::Evtx, &security[..], Source::Security, None),
        (start, Shape::Etw, &manifest[..], Source::Manifest, Some(4)),
        (start, Shape::Etw, &classic[..], Source::Classic, Some(4)),
        (Activity::ProcessRundown, Shape::Etw, &classic[..], Source::Rundown, None),
    ];
    for (activity, shape, values, source, creator_pid) in rows {
        let told = of(activity, shape, values, |event, fields| {
            let mut scratch = String::new();
            let part = ProcessPart::of(event, fields, &mut scratch).unwrap();
            (part.source, part.pid, part.creator_pid)
        });
        assert_eq!(told, (source, 6_820, creator_pid));
    }
}

#[test]
fn values_are_read_in_all_spellings_and_what_says_nothing_is_none() {
    let values = [
        ("ProcessId", Value::Text("6820")),
        ("ParentProcessId", Value::Hex(u64::from(u32::MAX))),
        ("ProcessGuid", Value::Text(SYSMON)),
        ("ParentProcessGuid", Value::Text("{00000000-0000-0000-0000-000000000000}")),
        ("LogonId", Value::Text("0xd5126")),
        ("TerminalSessionId", Value::Signed(1)),
        ("CreateTime", Value::Text("2026-04-14 10:13:39.428")),
        ("ProcessSequenceNumber", Value::Unsigned(0)),
        ("CommandLine", Value::Text("-")),
        ("CurrentDirectory", Value::Text("")),
        ("ParentImage", Value::Text("C:\\p.exe")),
        ("User", Value::Sid(Sid(&[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]))),
    ];
    of(Activity::ProcessStart, Shape::Flat, &values, |event, fields| {
        let mut scratch = String::new();
        let part = ProcessPart::of(event, fields, &mut scratch).unwrap();
        let expected = ProcessPart {
            source: Source::Sysmon,
            pid: 6_820,
            guid: Guid::parse(SYSMON),
            logon_id: Some(0xd_5126),
            session: Some(1),
            created: Timestamp::parse("2026-04-14T10:13:39.428Z"),
            parent_image: Some("C:\\p.exe"),
            user: Some("S-1-5-18"),
            ..ProcessPart::default()
        };
        assert_eq!(part, expected);
    });
}

#[test]
fn an_event_without_a_process_or_of_another_kind_says_nothing() {
    let tells = |activity, pid| {
        of(activity, Shape::Etw, &[("ProcessId", Value::Unsigned(pid))], |event, fields| {
            let mut scratch = String::new();
            let part = ProcessPart::of(event, fields, &mut scratch).is_some();
            (part, ProcessEnd::of(event, fields).is_some())
        })
    };
    assert_eq!(tells(Activity::ProcessStart, 8), (true, false));
    assert_eq!(tells(Activity::ProcessEnd, 8), (false, true));
    assert_eq!(tells(Activity::ImageLoad, 8), (false, false));
    for none in [0, u64::from(u32::MAX), 1 << 40] {
        assert_eq!(tells(Activity::ProcessStart, none), (false, false), "{none}");
    }
}

#[test]
fn an_end_says_whose_it_is() {
    let values = [
        ("ProcessId", Value::Unsigned(8)),
        ("CreateTime", Value::Time(Timestamp::UNIX_EPOCH)),
        ("ProcessSequenceNumber", Value::Unsigned(77)),
        ("ExitCode", Value::Text("0xc0000005")),
    ];
    let told = of(Activity::ProcessEnd, Shape::Etw, &values, ProcessEnd::of);
    let expected = ProcessEnd {
        source: Source::Manifest,
        pid: 8,
        created: Some(Timestamp::UNIX_EPOCH),
        sequence: Some(77),
        guid: None,
        exit_code: Some(0xc000_0005),
    };
    assert_eq!(told, Some(expected));
}

#[test]
fn a_sighting_tells_of_both_processes_of_an_event() {
    let values = [
        ("SourceProcessId", Value::Unsigned(8)),
        ("SourceImage", Value::Text("C:\\a.exe")),
        ("TargetProcessId", Value::Text("12")),
        ("TargetProcessGUID", Value::Text(SYSMON)),
        ("TargetUser", Value::Text("CORP\\eva")),
    ];
    of(Activity::ProcessAccess, Shape::Evtx, &values, |event, fields| {
        let told = [Whose::Source, Whose::Target, Whose::Actor]
            .map(|whose| ProcessPart::sighting(event, fields, whose));
        let sighting = ProcessPart { source: Source::Sighting, ..ProcessPart::default() };
        let source = ProcessPart { pid: 8, image: Some("C:\\a.exe"), ..sighting };
        let guid = Guid::parse(SYSMON);
        let target = ProcessPart { pid: 12, guid, user: Some("CORP\\eva"), ..sighting };
        assert_eq!(told, [Some(source), Some(target), None]);
    });
}
