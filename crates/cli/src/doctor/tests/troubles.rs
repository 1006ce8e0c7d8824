//! Each way in which a machine can't be watched, and the line that says so.

use std::time::Duration;

use etwatch_event::Timestamp;
use etwatch_host::{HostError, Rights};

use super::simulated::{PORTS, Simulated};
use super::{examined, lines};
use crate::doctor::act::{Act, NotDone};
use crate::doctor::finding::Outcome;
use crate::doctor::surroundings::{Losses, Refused, Room};
use crate::doctor::{Finding, exit_status};

/// A trouble: what it does to a healthy Windows, the check that finds it, and words of its line, the last of which
/// belong to the remedy.
type Trouble = (fn(&mut Simulated), &'static str, Outcome, &'static [&'static str]);

use Outcome::{Fail, Unknown};

const TROUBLES: &[Trouble] = &[
    (|host| host.build = Ok(7_601), "windows", Fail, &["build 7601", "Windows 8 or later"]),
    (|host| host.build = Ok(17_763), "windows", Unknown, &["integrity levels", "18362"]),
    (
        |host| host.build = Err(HostError::Other { code: 5 }),
        "windows",
        Unknown,
        &["did not tell", "administrator"],
    ),
    (
        |host| host.rights = Ok(Rights { elevated: false, ..host.rights.clone().unwrap() }),
        "elevation",
        Fail,
        &["not elevated", "Run as administrator"],
    ),
    (
        |host| host.rights = Ok(Rights { elevated: true, privileges: Vec::new() }),
        "privileges",
        Fail,
        &["SeSystemProfilePrivilege", "not held", "secpol.msc"],
    ),
    (
        |host| host.channel = Ok(false),
        "channel",
        Fail,
        &["Security: switched off", "wevtutil sl Security"],
    ),
    (
        |host| {
            host.channel =
                Err(Refused { what: "is refused".into(), remedy: "run elevated".into() });
        },
        "channel",
        Fail,
        &["is refused", "run elevated"],
    ),
    (
        |host| host.start = Err(Refused { what: "no slot".into(), remedy: "stop one".into() }),
        "sessions",
        Fail,
        &["no slot", "stop one"],
    ),
    (
        |host| host.start.as_mut().unwrap().differences.push("32 buffers, not 64".into()),
        "sessions",
        Unknown,
        &["32 buffers", "`loss` says"],
    ),
    (
        |host| host.not_stopped.push("etwatch: access denied".into()),
        "sessions",
        Fail,
        &["could not be stopped", "logman stop"],
    ),
    (
        |host| {
            let refused =
                Refused { what: "unknown provider".into(), remedy: "update Windows".into() };
            let name = "Microsoft-Windows-Kernel-File".to_owned();
            host.start.as_mut().unwrap().refused.push((name, refused));
        },
        "provider",
        Fail,
        &["Kernel-File", "unknown provider", "update Windows"],
    ),
    (
        |host| host.change = |line| !line.contains("Kernel-Registry"),
        "provider",
        Fail,
        &["Kernel-Registry: no record", "logman query providers"],
    ),
    (
        |host| host.change = |line| !line.contains("SystemTraceProvider"),
        "provider",
        Fail,
        &["NT kernel", "no record", "logman query providers"],
    ),
    (
        |host| host.change = |line| !line.contains("TargetFilename"),
        "log-source",
        Fail,
        &["file_event: a file was made, and no event", "file_event can't fire"],
    ),
    (
        |host| host.change = |line| !line.contains(r#""EventID":22"#) && !line.contains("3008"),
        "log-source",
        Fail,
        &["dns_query: a DNS query was made", "can't fire"],
    ),
    (
        |host| host.change = |line| !line.contains("4104"),
        "log-source",
        Unknown,
        &["no policy asks", "Script Block Logging"],
    ),
    (
        |host| {
            host.policy = Ok(Some(1));
            host.change = |line| !line.contains("4104");
        },
        "log-source",
        Fail,
        &["the policy asks", "Microsoft-Windows-PowerShell"],
    ),
    (
        |host| {
            host.not_done.insert(Act::File, NotDone::Failed("access denied".into()));
        },
        "log-source",
        Unknown,
        &["file_event: a file could not be made: access denied", "virus scanner"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace(r#""Details""#, r#""Nothing""#);
                true
            };
        },
        "fields",
        Fail,
        &["registry_set: has no Details", "etwatch fields registry_set"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace(r#"a\\\"b"#, "ab");
                true
            };
        },
        "command-line",
        Fail,
        &["came as", "report it"],
    ),
    (
        |host| host.change = |line| !line.contains("two words"),
        "command-line",
        Fail,
        &["no process start", "`sessions` and `loss`"],
    ),
    (
        |host| host.change = |line| !line.contains("-short-01"),
        "short-lived",
        Fail,
        &["10 of 20", "small buffers"],
    ),
    (
        |host| host.losses = Ok(Losses { events: 3, buffers: 0, dropped: 4 }),
        "loss",
        Fail,
        &["3 events that found no buffer, 4 records that we dropped", "more buffers"],
    ),
    (|host| host.losses = Err("gone".into()), "loss", Unknown, &["gone", "`sessions`"]),
    (
        |host| host.clock_start = Timestamp::parse("2001-01-01T00:00:00Z").unwrap(),
        "clock",
        Fail,
        &["never set", "w32tm"],
    ),
    (|host| host.clock_set = 60, "clock", Fail, &["the clock went from", "one time service"]),
    (|host| host.events_late = 3_600, "clock", Fail, &["outside of the act", "report it"]),
    (
        |host| host.room = Room { free: Ok(5 << 20), writable: Ok(()) },
        "disk",
        Fail,
        &["state state: 5 MB are free", "make room for 1024 MB"],
    ),
    (
        |host| host.room = Room { free: Ok(5 << 40), writable: Err("access denied".into()) },
        "disk",
        Fail,
        &["can't be written to: access denied", "another folder"],
    ),
    (|host| host.webhook = Err("answered 403".into()), "webhook", Fail, &["403", "[webhook]"]),
    (
        |host| {
            host.change = |line| {
                *line = line.replace(r#""Opcode":32"#, r#""Opcode":12"#);
                true
            };
        },
        "registry-opcode",
        Fail,
        &["opcodes 12", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace(".second", ".first");
                true
            };
        },
        "rename-name",
        Fail,
        &[".first", "report it"],
    ),
    (
        |host| host.change = |line| !(line.contains(r#""EventID":26"#) && line.contains(".third")),
        "delete-on-close",
        Fail,
        &["not as deleted", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace(r#""EventID":11,"TimeC"#, r#""EventID":7,"TimeC"#);
                true
            };
        },
        "registry-rename",
        Fail,
        &["ids 7", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace("DWORD (0x0e7a7c81)", "");
                true
            };
        },
        "registry-data",
        Fail,
        &["REG_DWORD ``", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                let own = format!(r#""Execution_ProcessID":{}"#, std::process::id());
                if line.contains("3008") {
                    *line = line.replace(&own, r#""Execution_ProcessID":1"#);
                }
                true
            };
        },
        "dns-process",
        Fail,
        &["told by process 1", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace("0x7ff700001000", "0x0");
                true
            };
        },
        "thread-start",
        Fail,
        &["Win32StartAddr", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                let [port, refused] = PORTS.map(|port| port.to_string());
                if line.contains(r#""Kernel-Network"#) || line.contains(r#""EventID":12,"TimeC"#) {
                    *line = line.replace(&port, &refused);
                }
                true
            };
        },
        "connect-attempt",
        Fail,
        &["refused connection is told", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace(r#""size":4096"#, r#""size":8192"#);
                true
            };
        },
        "network-bytes",
        Fail,
        &["received 8192", "report it"],
    ),
    (
        |host| {
            host.change = |line| {
                *line =
                    line.replace(r#""ProcessID":4,"ImageName""#, r#""ProcessID":88,"ImageName""#);
                true
            };
        },
        "kernel-images",
        Fail,
        &["process 88", "report it"],
    ),
    (|host| host.processes = 100, "capture-state", Fail, &["2 told, 100 in the list", "report it"]),
    (
        |host| host.change = |line| !line.contains("4104"),
        "script-blocks",
        Unknown,
        &["the policy is off; no 4104", "`provider`"],
    ),
    (
        |host| host.change = |line| !line.contains("NamedPipe"),
        "named-pipes",
        Unknown,
        &["no pipe is told", "--rules"],
    ),
    (
        |host| {
            host.change = |line| {
                *line = line.replace(r#""DesiredAccess":"0x1000""#, r#""DesiredAccess":"0x1010""#);
                true
            };
        },
        "process-access",
        Fail,
        &["told: 0x1010", "report it"],
    ),
];

#[test]
fn each_trouble_is_found_by_its_check_with_a_remedy() {
    let mut missed = Vec::new();
    for (number, (trouble, check, outcome, words)) in TROUBLES.iter().enumerate() {
        let mut host = Simulated::healthy();
        trouble(&mut host);
        let findings = examined(&mut host);
        let found = lines(&findings, check, *outcome);
        let says = |line: &String| {
            let (seen, remedy) = line.split_once("; remedy: ").unwrap();
            let (of_remedy, of_seen) = words.split_last().unwrap();
            of_seen.iter().all(|word| seen.contains(word)) && remedy.contains(of_remedy)
        };
        let told: Vec<_> =
            findings.iter().filter(|one| one.check == *check).map(Finding::line).collect();
        if !found.iter().any(says) {
            missed.push(format!("{number}, {check} {words:?}: {told:#?}"));
        }
        if *outcome == Fail {
            assert_eq!(exit_status(&findings), 1, "trouble {number}");
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn where_no_session_runs_nothing_else_is_blamed() {
    let mut host = Simulated::healthy();
    host.start = Err(Refused { what: "no".into(), remedy: "yes".into() });
    let findings = examined(&mut host);
    let failed: Vec<_> = findings.iter().filter(|one| one.outcome == Fail).collect();
    assert!(failed.len() == 1 && failed.iter().all(|one| one.check == "sessions"), "{failed:#?}");
}

#[test]
fn what_is_no_windows_is_skipped_not_failed() {
    let mut host = Simulated::healthy();
    host.build = Err(HostError::NotHere);
    host.rights = Err(HostError::NotHere);
    host.room = Room { free: Err(HostError::NotHere), writable: Ok(()) };
    let findings = examined(&mut host);
    for check in ["windows", "elevation", "privileges"] {
        assert_eq!(lines(&findings, check, Outcome::Skipped).len(), 1, "{check}: {findings:#?}");
    }
    assert_eq!(lines(&findings, "disk", Outcome::Pass).len(), 1);
}

#[test]
fn a_windows_that_tells_nothing_is_waited_for_until_the_deadline() {
    let mut host = Simulated::healthy();
    host.change = |_| false;
    let examination = super::examination();
    let start = crate::doctor::surroundings::Surroundings::elapsed(&host);
    super::examined_by(&examination, &mut host);
    let took = crate::doctor::surroundings::Surroundings::elapsed(&host) - start;
    let acts = Duration::from_millis(20) * u32::try_from(Act::ALL.len()).unwrap();
    assert_eq!(took, examination.deadline + acts);
}

#[test]
fn whatever_windows_says_of_its_protected_provider_is_an_answer_and_no_fault() {
    let mut host = Simulated::healthy();
    host.start.as_mut().unwrap().refused.clear();
    let findings = examined(&mut host);
    let answer = lines(&findings, "threat-intelligence", Outcome::Pass);
    assert_eq!(answer, ["pass     threat-intelligence: accepted, and nothing came"]);
    assert!(findings.iter().all(|one| one.outcome != Fail), "{findings:#?}");
}
