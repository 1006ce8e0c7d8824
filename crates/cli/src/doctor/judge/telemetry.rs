//! What sessions tell: whether they run, which of their providers deliver, and whether our own acts are told with
//! all that rules look at.

use etwatch_capture::live::{ChannelSettings, SessionKind, SessionSettings};

use crate::doctor::act::{Act, NotDone, SHORT_LIVED, short_lived_mark};
use crate::doctor::canary::{CANARIES, Canary};
use crate::doctor::examination::Observations;
use crate::doctor::finding::Verdict;
use crate::doctor::judge::not_watched;
use crate::doctor::judge::questions::THREAT_INTELLIGENCE;
use crate::doctor::seen::Seen;
use crate::doctor::surroundings::{Refused, Started};

/// What the classic events of the kernel are told under: this, and their class.
const KERNEL: &str = "SystemTraceProvider-";
/// Providers that an act of ours makes write, with the act. The others may be silent on a healthy machine.
const MOVED: [(&str, Act); 9] = [
    ("Microsoft-Windows-Kernel-Process", Act::Child),
    ("Microsoft-Windows-Kernel-File", Act::File),
    ("Microsoft-Windows-Kernel-Registry", Act::Registry),
    ("Microsoft-Windows-Kernel-Network", Act::Connection),
    ("Microsoft-Windows-DNS-Client", Act::DnsQuery),
    ("Microsoft-Windows-PowerShell", Act::PowerShell),
    // Whoever starts a process opens it.
    ("Microsoft-Windows-Kernel-Audit-API-Calls", Act::Child),
    // Our own sessions are told, too.
    ("Microsoft-Windows-Kernel-EventTracing", Act::Child),
    (KERNEL, Act::Child),
];

/// Whether each session runs, as it was asked for.
pub(crate) fn sessions(observations: &Observations) -> Vec<Verdict> {
    let judged = |(settings, result): &(SessionSettings, Result<Started, Refused>)| {
        let verdict = match result {
            Err(refused) => Verdict::fail(refused.what.clone(), refused.remedy.clone()),
            Ok(started) if started.differences.is_empty() => Verdict::pass("runs as asked for"),
            Ok(started) => Verdict::unknown(
                format!("runs, but {}", started.differences.join("; ")),
                "Windows may be short of memory; `loss` says whether it matters",
            ),
        };
        verdict.about(settings.name.clone())
    };
    let mut verdicts: Vec<_> = observations.sessions.iter().map(judged).collect();
    verdicts.extend(observations.not_stopped.iter().map(|what| {
        Verdict::fail(
            format!("could not be stopped: {what}"),
            "stop it by `logman stop NAME -ets`; the next start of etwatch replaces it, too",
        )
    }));
    if verdicts.is_empty() {
        verdicts.push(Verdict::skipped("no session is planned"));
    }
    verdicts
}

/// Whether each channel can be read.
pub(crate) fn channels(observations: &Observations) -> Vec<Verdict> {
    let judged = |(channel, result): &(ChannelSettings, Result<bool, Refused>)| {
        let verdict = match result {
            Err(refused) => Verdict::fail(refused.what.clone(), refused.remedy.clone()),
            Ok(true) => Verdict::pass("can be read"),
            Ok(false) => Verdict::fail(
                "switched off, so nothing is written to it",
                format!("switch it on by `wevtutil sl {} /e:true`", channel.path),
            ),
        };
        verdict.about(channel.path.clone())
    };
    let verdicts: Vec<_> = observations.channels.iter().map(judged).collect();
    if verdicts.is_empty() { vec![Verdict::skipped("no channel is planned")] } else { verdicts }
}

/// Whether each provider of the sessions delivers.
pub(crate) fn providers(observations: &Observations) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (settings, result) in &observations.sessions {
        let Ok(started) = result else { continue };
        let refused = |name: &str| started.refused.iter().find(|(provider, _)| provider == name);
        let names = settings.providers.iter().map(|one| one.name.as_str());
        // That one is refused to all but protected processes: a question of its own.
        let mut names: Vec<&str> = names.filter(|name| *name != THREAT_INTELLIGENCE).collect();
        if matches!(settings.kind, SessionKind::System { flags } if flags != 0) {
            names.push(KERNEL);
        }
        for name in names {
            let verdict = match refused(name) {
                Some((_, refused)) => Verdict::fail(refused.what.clone(), refused.remedy.clone()),
                None => delivers(observations, name),
            };
            let subject = if name == KERNEL { "NT kernel (classic events)" } else { name };
            verdicts.push(verdict.about(subject));
        }
    }
    if verdicts.is_empty() { vec![Verdict::skipped("no session runs")] } else { verdicts }
}

fn delivers(observations: &Observations, name: &str) -> Verdict {
    let of_it =
        |provider: &str| provider == name || (name == KERNEL && provider.starts_with(KERNEL));
    let counts = observations.sightings.counts();
    let count: u64 = counts.filter(|(provider, ..)| of_it(provider)).map(|(.., count)| count).sum();
    let act = MOVED.iter().find(|(provider, _)| *provider == name).map(|(_, act)| *act);
    match act {
        _ if count > 0 => Verdict::pass(format!("{count} records")),
        None => Verdict::skipped("no record, and nothing that was done here makes it write"),
        Some(act) if observations.done(act).is_none() => {
            Verdict::skipped(format!("no record, and {} was not made", act.words()))
        }
        Some(act) => Verdict::fail(
            format!("no record, although {} was made", act.words()),
            "Windows accepts providers that it does not have: `logman query providers` lists those there are; \
             another program may have switched it off",
        ),
    }
}

/// Whether each act has its event.
pub(crate) fn log_sources(observations: &Observations) -> Vec<Verdict> {
    if let Some(skipped) = not_watched(observations) {
        return skipped;
    }
    CANARIES
        .iter()
        .map(|canary| log_source(observations, canary).about(canary.log_source))
        .collect()
}

fn log_source(observations: &Observations, canary: &Canary) -> Verdict {
    if let Some(verdict) = not_done(observations, canary.act) {
        return verdict;
    }
    let found = canaries(observations, canary);
    match found.first() {
        Some(seen) => Verdict::pass(format!("{} events, from {}", found.len(), seen.provider)),
        None if canary.act == Act::PowerShell => no_script(observations),
        None => Verdict::fail(
            format!("{} was made, and no event tells of it", canary.act.words()),
            format!(
                "rules of {} can't fire; see what `provider` and `loss` say",
                canary.log_source
            ),
        ),
    }
}

/// Script blocks are logged by a policy, or if they look suspicious to PowerShell.
fn no_script(observations: &Observations) -> Verdict {
    let remedy =
        "set the policy `Turn on PowerShell Script Block Logging`, for rules on what scripts do";
    match &observations.script_block_logging {
        Some(Ok(Some(1))) => Verdict::fail(
            "a script block was run, the policy asks for its event, and there is none",
            "see what `provider` says of Microsoft-Windows-PowerShell",
        ),
        _ => Verdict::unknown("no policy asks for script blocks, and none came", remedy),
    }
}

/// Whether the events of our acts have the fields that rules look at.
pub(crate) fn fields(observations: &Observations) -> Vec<Verdict> {
    if let Some(skipped) = not_watched(observations) {
        return skipped;
    }
    let judged = |canary: &Canary| {
        let found = canaries(observations, canary);
        if found.is_empty() {
            return Verdict::skipped("no event of ours to look at").about(canary.log_source);
        }
        // Of several events about one act, each may tell a part: a created file has no old name.
        let has = |name: &&&str| {
            found.iter().any(|seen| seen.text(name).is_some_and(|text| !text.is_empty()))
        };
        let missing: Vec<_> = canary.required.iter().filter(|name| !has(name)).copied().collect();
        let verdict = if missing.is_empty() {
            Verdict::pass(format!("has {}", canary.required.join(", ")))
        } else {
            Verdict::fail(
                format!("has no {}", missing.join(", ")),
                format!("`etwatch fields {}` tells where they come from", canary.log_source),
            )
        };
        verdict.about(canary.log_source)
    };
    CANARIES.iter().map(judged).collect()
}

/// Whether the awkward command line came whole.
pub(crate) fn command_line(observations: &Observations) -> Vec<Verdict> {
    if let Some(skipped) = not_watched(observations) {
        return skipped;
    }
    if let Some(verdict) = not_done(observations, Act::Child) {
        return vec![verdict];
    }
    let wanted = observations.done(Act::Child).and_then(|done| done.command_line.as_deref());
    let wanted = wanted.unwrap_or_default();
    let told: Vec<_> =
        process_starts(observations).filter(|text| text.contains(&observations.token)).collect();
    let of_child = |text: &&&str| !text.contains(&short_lived_prefix(observations));
    vec![match told.iter().find(of_child) {
        Some(text) if text.ends_with(wanted) => {
            Verdict::pass("quotes, blanks and letters of all kinds came whole")
        }
        Some(text) => Verdict::fail(
            format!("`{wanted}` came as `{text}`"),
            "rules on command lines may miss: report it, with the build of Windows",
        ),
        None => Verdict::fail(
            "no process start has the command line of our child",
            "only the session of kernel events tells command lines: see what `sessions` and `loss` say",
        ),
    }]
}

/// Whether processes that end at once have their command lines.
pub(crate) fn short_lived(observations: &Observations) -> Vec<Verdict> {
    if let Some(skipped) = not_watched(observations) {
        return skipped;
    }
    if let Some(verdict) = not_done(observations, Act::ShortLived) {
        return vec![verdict];
    }
    let starts: Vec<&str> = process_starts(observations).collect();
    let came = |number: &usize| {
        let mark = short_lived_mark(&observations.token, *number);
        starts.iter().any(|text| text.contains(&mark))
    };
    let came = (0..SHORT_LIVED).filter(came).count();
    vec![if came == SHORT_LIVED {
        Verdict::pass(format!("{came} of {SHORT_LIVED} processes have their command line"))
    } else {
        Verdict::fail(
            format!("{came} of {SHORT_LIVED} processes have their command line"),
            "the session of kernel events needs small buffers and a short flush time; see what `loss` says",
        )
    }]
}

fn short_lived_prefix(observations: &Observations) -> String {
    format!("{}-short-", observations.token)
}

/// The command lines of process starts.
fn process_starts(observations: &Observations) -> impl Iterator<Item = &str> {
    let starts = observations.sightings.events("process_creation");
    starts.filter_map(|seen| seen.text("CommandLine"))
}

/// The events of an act.
fn canaries<'a>(observations: &'a Observations, canary: &'a Canary) -> Vec<&'a Seen> {
    let Some(done) = observations.done(canary.act) else { return Vec::new() };
    let events = observations.sightings.events(canary.log_source);
    events.filter(|seen| canary.is_in(seen, &observations.token, done)).collect()
}

/// What is said of an act that was not done; `None` if it was.
pub(crate) fn not_done(observations: &Observations, act: Act) -> Option<Verdict> {
    let what = act.words();
    match observations.acts.get(&act).map(|acted| &acted.result) {
        Some(Ok(_)) => None,
        None => Some(Verdict::skipped(format!("{what} was not made"))),
        Some(Err(NotDone::NotHere)) => Some(Verdict::skipped(format!("{what} can't be made here"))),
        Some(Err(NotDone::Failed(why))) => Some(Verdict::unknown(
            format!("{what} could not be made: {why}"),
            "something on this machine prevents it: a policy, a virus scanner, a full disk",
        )),
    }
}
