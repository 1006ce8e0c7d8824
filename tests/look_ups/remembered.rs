//! Scripts in parts, names of accounts, starts of Windows.

use etwatch_event::{RecordBatch, Shape, Sid, Value};
use etwatch_state::Settings;

use crate::line::{CLASS, KERNEL, PATH, POWERSHELL, RULES, at, load, push, run, texts};
use crate::support::place::{Place, err, out};

/// Parts of a script whose telling string lies across the border.
fn script(records: &mut RecordBatch, shape: Shape, parts: &[(u64, &str)], total: u64) {
    for (number, text) in parts {
        let fields = [
            ("ScriptBlockId", Value::Text("0a1b2c3d-0000-0000-0000-000000000001")),
            ("ScriptBlockText", Value::Text(text)),
            ("MessageNumber", Value::Unsigned(*number)),
            ("MessageTotal", Value::Unsigned(total)),
        ];
        push(records, shape, POWERSHELL, 4104, 1_000 + number, &fields);
    }
}

#[test]
fn a_string_that_is_cut_in_two_fires() {
    for shape in [Shape::Evtx, Shape::Etw] {
        let mut records = RecordBatch::default();
        script(&mut records, shape, &[(1, "# long\nInvoke-Mi"), (2, "mikatz")], 2);
        push(&mut records, shape, POWERSHELL, 4105, 1_002, &[]);
        let names = ["ScriptBlockText", "MessageNumber", "EventID"];
        let (seen, ledger) = run(Settings::default(), &records, &names);
        let whole = texts(&["# long\nInvoke-Mimikatz", "", "4104"]);
        assert_eq!(seen.len(), 4, "{seen:?}");
        assert_eq!(seen[2], (1_002, whole, texts(&["script"])), "{shape:?}");
        assert!([0, 1, 3].iter().all(|index| seen[*index].2.is_empty()));
        assert_eq!((ledger.derived, ledger.by_provider[POWERSHELL].derived), (1, 1));
        assert_eq!((ledger.evaluated, ledger.incomplete.len()), (3, 0));
    }
}

#[test]
fn a_script_of_which_a_part_is_missing_is_counted_and_not_made_up() {
    let mut records = RecordBatch::default();
    script(&mut records, Shape::Evtx, &[(1, "Invoke-Mi"), (3, "mikatz")], 3);
    let (seen, ledger) = run(Settings::default(), &records, &[]);
    assert_eq!((seen.len(), ledger.derived), (2, 0));
    assert_eq!((ledger.incomplete["scripts"], ledger.forgotten.len()), (1, 0));
    let plain = Settings { enrich: false, ..Settings::default() };
    let mut records = RecordBatch::default();
    script(&mut records, Shape::Evtx, &[(1, "Invoke-Mi"), (2, "mikatz")], 2);
    assert_eq!(run(plain, &records, &[]).1.derived, 0, "recorded logs stay as they are");
}

const ANNA: [u8; 28] =
    [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0xe9, 3, 0, 0];

#[test]
fn a_sid_is_called_what_a_logon_called_it() {
    let mut records = RecordBatch::default();
    let start = |records: &mut RecordBatch, time, pid, parent| {
        let fields = [
            ("ProcessId", Value::Unsigned(pid)),
            ("ParentId", Value::Unsigned(parent)),
            ("UserSID", Value::Sid(Sid(&ANNA))),
        ];
        push(records, Shape::Etw, CLASS, 1, time, &fields);
    };
    start(&mut records, 1_000, 500, 4);
    let logon = [
        ("TargetUserSid", Value::Text("S-1-5-21-1-2-3-1001")),
        ("TargetUserName", Value::Text("anna")),
        ("TargetDomainName", Value::Text("CORP")),
    ];
    push(&mut records, Shape::Evtx, "Microsoft-Windows-Security-Auditing", 4624, 2_000, &logon);
    start(&mut records, 3_000, 672, 500);
    load(&mut records, 4_000, PATH);
    // A recorded log keeps what it has.
    let recorded =
        [("ProcessId", Value::Unsigned(9)), ("User", Value::Text("S-1-5-21-1-2-3-1001"))];
    push(&mut records, Shape::Evtx, "Microsoft-Windows-Sysmon", 1, 5_000, &recorded);
    let (seen, _) = run(Settings::default(), &records, &["User", "ParentUser"]);
    let users: Vec<_> = seen.into_iter().map(|(_, users, _)| users).collect();
    let (sid, name) = ("S-1-5-21-1-2-3-1001", r"CORP\anna");
    assert_eq!(
        users,
        [
            texts(&[sid, ""]),
            texts(&["", ""]),
            texts(&[name, name]),
            texts(&[name, ""]),
            texts(&[sid, ""])
        ]
    );
}

#[test]
fn ids_of_processes_do_not_reach_across_a_start_of_windows() {
    let started = "1601-01-01T00:01:50.0000000Z"; // 110 s
    let general = "Microsoft-Windows-Kernel-General";
    let security = "Microsoft-Windows-Security-Auditing";
    for (provider, id, fields) in [
        (general, 12, &[("StartTime", Value::Text(started))][..]),
        (general, 12, &[("StartTime", Value::Time(at(110_000)))]),
        ("EventLog", 6005, &[]),
        (security, 4608, &[]),
    ] {
        // What knows no time is believed to come a minute late at most.
        let time = if id == 12 { 110_500 } else { 170_000 };
        let mut records = RecordBatch::default();
        let start = |records: &mut RecordBatch, time, pid| {
            let image = [
                ("ProcessId", Value::Unsigned(pid)),
                ("Image", Value::Text(r"C:\Windows\explorer.exe")),
            ];
            push(records, Shape::Evtx, "Microsoft-Windows-Sysmon", 1, time, &image);
        };
        start(&mut records, 100_000, 672);
        load(&mut records, 109_000, PATH);
        start(&mut records, 110_200, 700);
        push(&mut records, Shape::Evtx, provider, id, time, fields);
        load(&mut records, time + 1, PATH);
        let act = [
            ("ProcessID", Value::Unsigned(700)),
            ("ImageBase", Value::Hex(0x7ff6_0000_0000)),
            ("ImageName", Value::Text(PATH)),
        ];
        push(&mut records, Shape::Etw, KERNEL, 5, time + 2, &act);
        let (seen, ledger) = run(Settings::default(), &records, &["Image"]);
        let images: Vec<_> = seen.iter().map(|(_, texts, _)| texts[0].as_str()).collect();
        let explorer = r"C:\Windows\explorer.exe";
        assert_eq!(images, [explorer, explorer, explorer, "", "", explorer], "{provider} {id}");
        assert!(ledger.forgotten.is_empty(), "{:?}", ledger.forgotten);
    }
}

#[test]
fn alerts_of_a_part_and_of_the_whole_have_ids_of_their_own() {
    let place = Place::new();
    place.write("rules/r.yml", RULES.split("---").last().unwrap());
    let part = |number: u32, text: &str| {
        serde_json::json!({
            "EventID": 4104, "Provider_Name": POWERSHELL, "Computer": "WS-1", "MessageTotal": 2,
            "Channel": "Microsoft-Windows-PowerShell/Operational", "MessageNumber": number,
            "TimeCreated": format!("2026-05-04T09:00:0{number}Z"), "ScriptBlockText": text,
            "ScriptBlockId": "0a1b2c3d-0000-0000-0000-000000000001",
        })
    };
    let parts = [part(1, "# long"), part(2, "Invoke-Mimikatz")];
    place.write("parts.jsonl", format!("{}\n{}\n", parts[0], parts[1]));
    let arguments = ["replay", "--rules", "rules", "--format", "json", "parts.jsonl"];
    let output = place.run(&arguments);
    let ids = || {
        let alert = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        out(&output).lines().map(|line| alert(line)["id"].clone()).collect::<Vec<_>>()
    };
    let ids = ids();
    assert!(ids.len() == 2 && ids[0] != ids[1], "{ids:?} {}", err(&output));
    assert!(err(&output).contains("2 read = 2 evaluated (1 derived)"), "{}", err(&output));
    assert_eq!(out(&place.run(&arguments)), out(&output));
}
