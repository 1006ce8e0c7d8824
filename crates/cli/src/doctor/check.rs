//! The table of checks.

use crate::doctor::examination::Observations;
use crate::doctor::finding::Verdict;
use crate::doctor::judge::{loss, place, questions, rights, telemetry};

/// What has to be asked or done so that a check can be judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Windows is asked about itself and us.
    pub(crate) host: bool,
    /// Channels of the event log are asked for.
    pub(crate) channels: bool,
    /// Folders are written to.
    pub(crate) folders: bool,
    /// The webhook is sent to, if that was allowed.
    pub(crate) webhook: bool,
    /// Sessions are started, and all acts are done.
    pub(crate) sessions: bool,
}

/// A check.
#[derive(Debug)]
pub(crate) struct Check {
    /// Its name, as `--only` takes it.
    pub(crate) name: &'static str,
    /// What it does, in one line.
    pub(crate) about: &'static str,
    pub(crate) needs: Needs,
    /// Whether it is left out unless it is named: it answers a question about Windows rather than about this
    /// machine.
    pub(crate) is_question: bool,
    /// Judges what was seen.
    pub(crate) judge: fn(&Observations) -> Vec<Verdict>,
}

const NOTHING: Needs =
    Needs { host: false, channels: false, folders: false, webhook: false, sessions: false };
const HOST: Needs = Needs { host: true, ..NOTHING };
/// What a session tells is judged by what Windows says of itself, too.
const SESSIONS: Needs = Needs { host: true, sessions: true, ..NOTHING };

const fn check(
    name: &'static str,
    needs: Needs,
    judge: fn(&Observations) -> Vec<Verdict>,
    about: &'static str,
) -> Check {
    Check { name, about, needs, is_question: false, judge }
}

const fn question(
    name: &'static str,
    judge: fn(&Observations) -> Vec<Verdict>,
    about: &'static str,
) -> Check {
    Check { name, about, needs: SESSIONS, is_question: true, judge }
}

/// All checks, in the order in which they are told: what comes first explains what fails later.
pub(crate) const CHECKS: &[Check] = &[
    check("windows", HOST, rights::windows, "which Windows this is, and what it can tell"),
    check("elevation", HOST, rights::elevation, "whether we run as an administrator"),
    check(
        "privileges",
        HOST,
        rights::privileges,
        "whether the privileges are held that sessions need",
    ),
    check(
        "channel",
        Needs { channels: true, ..NOTHING },
        telemetry::channels,
        "whether each channel of the event log can be read, and is switched on",
    ),
    check(
        "sessions",
        SESSIONS,
        telemetry::sessions,
        "starts each session, and compares what was granted",
    ),
    check(
        "provider",
        SESSIONS,
        telemetry::providers,
        "whether each provider of them delivers anything",
    ),
    check(
        "log-source",
        SESSIONS,
        telemetry::log_sources,
        "does an act for each log source, and looks for its event",
    ),
    check(
        "fields",
        SESSIONS,
        telemetry::fields,
        "whether those events have the fields that rules need",
    ),
    check(
        "command-line",
        SESSIONS,
        telemetry::command_line,
        "whether an awkward command line comes whole",
    ),
    check(
        "short-lived",
        SESSIONS,
        telemetry::short_lived,
        "whether processes of a few milliseconds have command lines",
    ),
    check("loss", SESSIONS, loss::loss, "whether Windows or we lost anything meanwhile"),
    check(
        "clock",
        SESSIONS,
        place::clock,
        "whether clocks run evenly, and events have the time of their acts",
    ),
    check(
        "disk",
        Needs { folders: true, ..NOTHING },
        place::disk,
        "room and rights in the folders that are written to",
    ),
    check(
        "webhook",
        Needs { webhook: true, ..NOTHING },
        place::webhook,
        "with --send, posts a test message to the webhook",
    ),
    check(
        "rates",
        SESSIONS,
        loss::rates,
        "with --idle, how many records come while nothing is done",
    ),
    question(
        "registry-opcode",
        questions::registry_opcode,
        "which opcode headers of Kernel-Registry have",
    ),
    question(
        "rename-name",
        questions::rename_name,
        "whether a rename is told by its old or its new name",
    ),
    question(
        "delete-on-close",
        questions::delete_on_close,
        "whether a file that is deleted when it is closed is told as deleted",
    ),
    question(
        "registry-rename",
        questions::registry_rename,
        "by which event a key that is renamed is told",
    ),
    question(
        "registry-data",
        questions::registry_data,
        "whether values that are set come with their data",
    ),
    question("dns-process", questions::dns_process, "in whose name a DNS query is told"),
    question(
        "thread-start",
        questions::thread_start,
        "which start address of a thread is the program's",
    ),
    question(
        "connect-attempt",
        questions::connect_attempt,
        "whether a refused connection is told as one",
    ),
    question(
        "network-bytes",
        questions::network_bytes,
        "whether bytes are counted once, and under whose id",
    ),
    question(
        "kernel-images",
        questions::kernel_images,
        "under which process images of the kernel are told",
    ),
    question(
        "capture-state",
        questions::capture_state,
        "whether all processes that run are told when a session begins",
    ),
    question(
        "script-blocks",
        questions::script_blocks,
        "which script blocks come without a policy",
    ),
    question(
        "threat-intelligence",
        questions::threat_intelligence,
        "what Windows says when its protected provider is asked for",
    ),
    question("named-pipes", questions::named_pipes, "whether pipes are told as files"),
    question(
        "process-access",
        questions::process_access,
        "which rights of opened processes are told",
    ),
];

/// All that some of these checks need.
pub(crate) fn needs(checks: &[&Check]) -> Needs {
    checks.iter().fold(NOTHING, |all, check| Needs {
        host: all.host || check.needs.host,
        channels: all.channels || check.needs.channels,
        folders: all.folders || check.needs.folders,
        webhook: all.webhook || check.needs.webhook,
        sessions: all.sessions || check.needs.sessions,
    })
}
