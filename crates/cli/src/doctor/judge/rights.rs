//! What Windows lets us do, and which Windows it is.

use crate::doctor::examination::Observations;
use crate::doctor::finding::Verdict;
use crate::doctor::judge::not_told;

/// What is missing before a build of Windows. Source: the manifests of Windows' own providers, build by build.
const BUILDS: [(u32, &str); 4] = [
    (9_200, "sessions of kernel events under a name of their own"),
    (10_240, "processes that run already, process access, script blocks"),
    (14_393, "who narrows a session"),
    (18_362, "integrity levels and sequence numbers of processes"),
];
/// Without these, a session is refused or sees less, each with what it is for.
const PRIVILEGES: [(&str, &str); 3] = [
    ("SeSystemProfilePrivilege", "the session of kernel events"),
    ("SeSecurityPrivilege", "the Security log"),
    ("SeDebugPrivilege", "processes of other users, looked at while they run"),
];

/// Which Windows this is.
pub(crate) fn windows(observations: &Observations) -> Vec<Verdict> {
    let verdict = match &observations.build {
        None => return Vec::new(),
        Some(Err(error)) => not_told("build", *error),
        Some(Ok(build)) => {
            let missing = BUILDS.iter().filter(|(since, _)| build < since);
            let missing: Vec<_> = missing.map(|(_, what)| *what).collect();
            if *build < 9_200 {
                Verdict::fail(
                    format!("build {build}; missing: {}", missing.join("; ")),
                    "live capture needs Windows 8 or later; recordings of this machine can be replayed",
                )
            } else if missing.is_empty() {
                Verdict::pass(format!("build {build}"))
            } else {
                Verdict::unknown(
                    format!("build {build}; missing: {}", missing.join("; ")),
                    "Windows 10 1903 (build 18362) or later tells all; rules that need more do not fire",
                )
            }
        }
    };
    vec![verdict]
}

/// Whether we are elevated.
pub(crate) fn elevation(observations: &Observations) -> Vec<Verdict> {
    let verdict = match &observations.rights {
        None => return Vec::new(),
        Some(Err(error)) => not_told("elevation", *error),
        Some(Ok(rights)) if rights.elevated => Verdict::pass("this process is elevated"),
        Some(Ok(_)) => Verdict::fail(
            "this process is not elevated, so Windows refuses its sessions",
            "start a console with `Run as administrator`, or run etwatch as a service",
        ),
    };
    vec![verdict]
}

/// Whether we hold the privileges that sessions need.
pub(crate) fn privileges(observations: &Observations) -> Vec<Verdict> {
    let rights = match &observations.rights {
        None => return Vec::new(),
        Some(Err(error)) => return vec![not_told("privileges", *error)],
        Some(Ok(rights)) => rights,
    };
    let judged = |(name, purpose): &(&str, &str)| {
        let verdict = if rights.privilege(name).is_some() {
            Verdict::pass(format!("held, for {purpose}"))
        } else {
            Verdict::fail(
                format!("not held, so there is no access to {purpose}"),
                "run as an administrator or as LocalSystem; if an administrator lacks it, a policy took it \
                 away: see `User Rights Assignment` in secpol.msc",
            )
        };
        verdict.about(*name)
    };
    PRIVILEGES.iter().map(judged).collect()
}
