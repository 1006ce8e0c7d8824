//! Questions about Windows that no document answers, asked of the machine at hand.
//!
//! The taxonomy and the plan of sessions rest on answers that were read off a few machines. Each function here looks
//! for one of them: pass means as etwatch takes it to be, fail otherwise, unknown that nothing came which says. The
//! answer is told with its evidence, so that it can be reported.

use std::collections::BTreeSet;

use etwatch_capture::live::SessionSettings;

use crate::doctor::act::Act;
use crate::doctor::canary::BYTES_SENT;
use crate::doctor::examination::Observations;
use crate::doctor::finding::Verdict;
use crate::doctor::judge::not_watched;
use crate::doctor::judge::telemetry::not_done;
use crate::doctor::seen::Seen;
use crate::doctor::surroundings::{Refused, Started};

const FILE: &str = "Microsoft-Windows-Kernel-File";
const REGISTRY: &str = "Microsoft-Windows-Kernel-Registry";
const NETWORK: &str = "Microsoft-Windows-Kernel-Network";
const PROCESS: &str = "Microsoft-Windows-Kernel-Process";
const DNS: &str = "Microsoft-Windows-DNS-Client";
const AUDIT: &str = "Microsoft-Windows-Kernel-Audit-API-Calls";
const POWERSHELL: &str = "Microsoft-Windows-PowerShell";
pub(crate) const THREAT_INTELLIGENCE: &str = "Microsoft-Windows-Threat-Intelligence";

/// Where an answer differs, the reader of it is asked for the same.
const REPORT: &str = "report it, with the build of Windows: etwatch takes it to be otherwise";
/// Where nothing came, the checks before say why.
const NOTHING_CAME: &str = "see what `provider` and `log-source` say";

/// The answer, unless no session runs or the act was not done.
fn asked(
    observations: &Observations,
    act: Act,
    answer: impl FnOnce(&Observations) -> Verdict,
) -> Vec<Verdict> {
    if let Some(skipped) = not_watched(observations) {
        return skipped;
    }
    vec![not_done(observations, act).unwrap_or_else(|| answer(observations))]
}

fn as_taken(holds: bool, seen: String) -> Verdict {
    if holds { Verdict::pass(seen) } else { Verdict::fail(seen, REPORT) }
}

fn own_pid() -> u64 {
    u64::from(std::process::id())
}

fn listed<T: ToString>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<_> = all.into_iter().map(|one| one.to_string()).collect();
    all.join(", ")
}

/// Which opcode headers of Kernel-Registry have. Events are told apart by their ids, so either will do.
pub(crate) fn registry_opcode(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Registry, |observations| {
        let records = observations.sightings.records(REGISTRY, &[1, 2, 3, 4, 5, 6, 7, 13]);
        let opcodes: BTreeSet<u64> = records.filter_map(|seen| seen.number("Opcode")).collect();
        if opcodes.is_empty() {
            return Verdict::unknown("no record of Kernel-Registry has an opcode", NOTHING_CAME);
        }
        let holds = opcodes.iter().all(|opcode| *opcode == 0 || (32..=46).contains(opcode));
        as_taken(holds, format!("opcodes {}", listed(&opcodes)))
    })
}

/// Whether Kernel-File 27 tells the new name.
pub(crate) fn rename_name(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::File, |observations| {
        let records = observations.sightings.records(FILE, &[27]);
        let paths = records.filter_map(|seen| seen.text("FilePath"));
        match paths.filter(|path| path.contains(&observations.token)).last() {
            None => Verdict::unknown("no Kernel-File 27 of our file", NOTHING_CAME),
            Some(path) => as_taken(path.ends_with(".second"), format!("FilePath is `{path}`")),
        }
    })
}

/// Whether a file that is deleted when it is closed is an event of file_delete.
pub(crate) fn delete_on_close(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::File, |observations| {
        let is_ours = |seen: &Seen| {
            seen.text("TargetFilename")
                .is_some_and(|path| path.contains(&observations.token) && path.ends_with(".third"))
        };
        let created = observations.sightings.events("file_event").any(is_ours);
        let deleted = observations.sightings.events("file_delete").any(is_ours);
        if deleted {
            Verdict::pass("told as file_delete")
        } else if created {
            Verdict::fail("told as created, not as deleted", REPORT)
        } else {
            Verdict::unknown("not told at all", NOTHING_CAME)
        }
    })
}

/// By which event a renamed key is told.
pub(crate) fn registry_rename(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Registry, |observations| {
        let records = observations.sightings.records(REGISTRY, &[1, 2, 3, 4, 7, 11, 14]);
        let of_rename = |seen: &&Seen| {
            seen.number("InfoClass").is_some()
                || seen.fields.iter().any(|(_, text)| text.ends_with("after"))
        };
        let ids: BTreeSet<u32> = records.filter(of_rename).filter_map(|seen| seen.id).collect();
        if ids.is_empty() {
            return Verdict::unknown("no event tells of it", NOTHING_CAME);
        }
        as_taken(ids.contains(&11), format!("told by ids {}", listed(ids)))
    })
}

/// Whether a value that is set comes with its data.
pub(crate) fn registry_data(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Registry, |observations| {
        let details = |value: &str| {
            let mut events = observations.sightings.events("registry_set");
            events.find_map(|seen| {
                let target = seen.text("TargetObject")?;
                let is_it = target.contains(&observations.token) && target.ends_with(value);
                is_it.then(|| seen.text("Details").unwrap_or_default().to_owned())
            })
        };
        let (text, number, texts) = (details(r"\text"), details(r"\number"), details(r"\texts"));
        let (Some(text), Some(number)) = (text, number) else {
            return Verdict::unknown("our values are not told", NOTHING_CAME);
        };
        let holds = text == observations.token && number.eq_ignore_ascii_case("DWORD (0x0e7a7c81)");
        let texts = texts.unwrap_or_default();
        as_taken(holds, format!("REG_SZ `{text}`, REG_DWORD `{number}`, REG_MULTI_SZ `{texts}`"))
    })
}

/// Whether DNS-Client 3008 is told in the name of the process that asked.
pub(crate) fn dns_process(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::DnsQuery, |observations| {
        let mut records = observations.sightings.records(DNS, &[3008]);
        let of_ours = |seen: &&Seen| {
            seen.text("QueryName").is_some_and(|name| name.contains(&observations.token))
        };
        match records.find(of_ours).and_then(|seen| seen.number("Execution_ProcessID")) {
            None => Verdict::unknown("no DNS-Client 3008 of our query", NOTHING_CAME),
            Some(pid) => {
                as_taken(pid == own_pid(), format!("told by process {pid}, asked by {}", own_pid()))
            }
        }
    })
}

/// Whether `Win32StartAddr` of a thread is the address that the program gave.
pub(crate) fn thread_start(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Child, |observations| {
        let mut manifest = observations.sightings.records(PROCESS, &[3]);
        let addresses =
            |seen: &Seen| Some((seen.number("StartAddr")?, seen.number("Win32StartAddr")?));
        match manifest.find_map(addresses) {
            None => Verdict::unknown(
                "no start of a thread came with its addresses",
                "name rules on create_remote_thread with --rules, so that threads are asked for",
            ),
            Some((start, win32)) => as_taken(
                win32 != 0,
                format!(
                    "Win32StartAddr is {}",
                    if start == win32 { "the same as StartAddr" } else { "another than StartAddr" }
                ),
            ),
        }
    })
}

/// Whether Kernel-Network 12 tells attempts, or connections.
pub(crate) fn connect_attempt(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::RefusedConnection, |observations| {
        let port = |act| observations.done(act).and_then(|done| done.port).map(u64::from);
        let came = |port: Option<u64>| {
            let mut records = observations.sightings.records(NETWORK, &[12]);
            port.is_some() && records.any(|seen| seen.number("dport") == port)
        };
        match (came(port(Act::Connection)), came(port(Act::RefusedConnection))) {
            (true, false) => Verdict::pass("told when a connection is there"),
            (_, true) => Verdict::fail("a refused connection is told as one", REPORT),
            (false, false) => Verdict::unknown("no connection of ours is told", NOTHING_CAME),
        }
    })
}

/// Whether bytes that were received are counted once, under our id.
pub(crate) fn network_bytes(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Connection, |observations| {
        let port = observations.done(Act::Connection).and_then(|done| done.port).map(u64::from);
        let of_ours = |seen: &&Seen| seen.number("sport") == port || seen.number("dport") == port;
        let bytes = |id: u32| -> u64 {
            let ids = [id];
            let records = observations.sightings.records(NETWORK, &ids).filter(of_ours);
            records.filter_map(|seen| seen.number("size")).sum()
        };
        let (sent, received, copied) = (bytes(10), bytes(11), bytes(18));
        if received == 0 {
            return Verdict::unknown(
                "no received bytes of ours are told",
                "name rules on network_flow with --rules, so that bytes are asked for",
            );
        }
        as_taken(
            received == BYTES_SENT,
            format!("of {BYTES_SENT}: sent {sent}, received {received}, copied {copied}"),
        )
    })
}

/// Under which process an image of the kernel is told.
pub(crate) fn kernel_images(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Child, |observations| {
        let of_kernel = |seen: &&Seen| {
            seen.text("ImageName").is_some_and(|path| path.to_ascii_lowercase().ends_with(".sys"))
        };
        let records = observations.sightings.records(PROCESS, &[5]).filter(of_kernel);
        let pids: BTreeSet<u64> = records.filter_map(|seen| seen.number("ProcessID")).collect();
        if pids.is_empty() {
            return Verdict::unknown(
                "no driver was loaded meanwhile",
                "plug in a device that needs one while etwatch doctor runs with --idle 60",
            );
        }
        as_taken(pids.iter().all(|pid| matches!(pid, 0 | 4)), format!("process {}", listed(pids)))
    })
}

/// Whether capture state tells all processes that run.
pub(crate) fn capture_state(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Child, |observations| {
        let told = observations.sightings.count(PROCESS, 15);
        let Some(Ok(runs)) = observations.processes else {
            return Verdict::unknown("the process list could not be read", NOTHING_CAME);
        };
        let seen = format!("{told} told, {runs} in the list");
        if told == 0 {
            return Verdict::fail(
                seen,
                "processes that run already have no parents and images; Windows 10 or later tells them",
            );
        }
        // A few begin and end in between.
        as_taken(told.saturating_mul(10) >= (runs as u64).saturating_mul(9), seen)
    })
}

/// Which script blocks are told.
pub(crate) fn script_blocks(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::PowerShell, |observations| {
        let policy = match &observations.script_block_logging {
            Some(Ok(Some(1))) => "the policy is on",
            Some(Ok(_)) => "the policy is off",
            _ => "the policy is not known",
        };
        let blocks = observations.sightings.records(POWERSHELL, &[4104]);
        let ours = blocks.filter(|seen| {
            seen.text("ScriptBlockText").is_some_and(|text| text.contains(&observations.token))
        });
        let levels: BTreeSet<u64> = ours.filter_map(|seen| seen.number("Level")).collect();
        let others = observations.sightings.count(POWERSHELL, 7937);
        if levels.is_empty() {
            return Verdict::unknown(
                format!("{policy}; no 4104 of ours, {others} of id 7937"),
                NOTHING_CAME,
            );
        }
        Verdict::pass(format!("{policy}; 4104 at level {}, {others} of id 7937", listed(levels)))
    })
}

/// What Windows says when its protected provider is asked for.
pub(crate) fn threat_intelligence(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Child, |observations| {
        let wanted = |(settings, result): &(SessionSettings, Result<Started, Refused>)| {
            let has = settings.providers.iter().any(|one| one.name == THREAT_INTELLIGENCE);
            has.then(|| result.as_ref().ok().cloned()).flatten()
        };
        let Some(started) = observations.sessions.iter().find_map(wanted) else {
            return Verdict::skipped("it was not asked for");
        };
        let records = observations.sightings.count_of(THREAT_INTELLIGENCE);
        match started.refused.iter().find(|(name, _)| name == THREAT_INTELLIGENCE) {
            Some((_, refused)) => Verdict::pass(format!("refused: {}", refused.what)),
            None if records == 0 => Verdict::pass("accepted, and nothing came"),
            None => Verdict::fail(format!("{records} records came"), REPORT),
        }
    })
}

/// Whether pipes are told by Kernel-File. PowerShell makes one when it starts.
pub(crate) fn named_pipes(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::PowerShell, |observations| {
        let records = observations.sightings.records(FILE, &[12, 30]);
        let of_pipes = |seen: &&Seen| {
            seen.text("FileName").is_some_and(|path| path.starts_with(r"\Device\NamedPipe\"))
        };
        let ids: BTreeSet<u32> = records.filter(of_pipes).filter_map(|seen| seen.id).collect();
        if ids.is_empty() {
            return Verdict::unknown(
                "no pipe is told",
                "name rules on pipe_created with --rules, so that opened files are asked for",
            );
        }
        Verdict::pass(format!("told by ids {}", listed(ids)))
    })
}

/// Which rights of opened processes are told. We open all processes with the lowest right when we count them.
pub(crate) fn process_access(observations: &Observations) -> Vec<Verdict> {
    asked(observations, Act::Child, |observations| {
        let records = observations.sightings.records(AUDIT, &[5]);
        let by_us = |seen: &&Seen| seen.number("Execution_ProcessID") == Some(own_pid());
        let rights: BTreeSet<u64> =
            records.filter(by_us).filter_map(|seen| seen.number("DesiredAccess")).collect();
        if rights.is_empty() {
            return Verdict::unknown(
                "no process that we opened is told",
                "name rules on process_access with --rules, so that they are asked for",
            );
        }
        let told = listed(rights.iter().map(|right| format!("{right:#x}")));
        as_taken(rights.contains(&0x1000), format!("opened with 0x1000 and 0x1010, told: {told}"))
    })
}
