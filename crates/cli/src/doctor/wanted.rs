//! The sessions that a doctor starts and the channels that it asks for: those that live capture would start for rules about each canary.
//!
//! The plan is made from rules, so the doctor makes some: one for each log source of a canary, which looks at the
//! fields that a canary must have, and with questions one for each log source that those are about. Rules of the
//! user's own may stand beside them; then their providers are tried as well. The sessions have names of their own,
//! so that those of a service that runs are left alone.

use std::path::PathBuf;

use etwatch_capture::live::{ChannelSettings, ProviderSettings, SessionKind, SessionSettings};
use etwatch_engine::{Engine, LivePlan, Planner};
use etwatch_event::Guid;
use etwatch_rules::load::LoadOptions;

use crate::config::Config;
use crate::doctor::canary::CANARIES;
use crate::doctor::judge::questions::THREAT_INTELLIGENCE;
use crate::this_host;

/// How names of our sessions begin.
const PREFIX: &str = "etwatch-doctor-";
/// Log sources that questions are about and that have no canary, with a field that rules on them look at.
const OF_QUESTIONS: [(&str, &str); 4] = [
    ("pipe_created", "PipeName"),
    ("process_access", "GrantedAccess"),
    ("create_remote_thread", "StartAddress"),
    ("network_flow", "BytesSent"),
];
/// The provider of script blocks. The plan reads them from the log; a session tells whether they are written at all.
const POWERSHELL: (&str, &str) =
    ("Microsoft-Windows-PowerShell", "a0c1853b-5c40-4b15-8766-3cf1c58f985a");
/// Channels that rules are most often about.
const CHANNELS: [&str; 3] = ["Security", "System", "Microsoft-Windows-PowerShell/Operational"];
const THREAT_INTELLIGENCE_GUID: &str = "f4e1897c-bb5d-5668-f1d8-040f4d8dd344";

/// What is examined.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// The sessions to start.
    pub(crate) sessions: Vec<SessionSettings>,
    /// The channels to ask for.
    pub(crate) channels: Vec<ChannelSettings>,
}

/// What is examined; `rules` are the user's own.
///
/// # Errors
/// What is wrong with rules, configuration or this machine, for a message.
pub(crate) fn wanted(
    rules: &[PathBuf],
    config: &Config,
    questions: bool,
) -> Result<Wanted, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let canaries = folder.path().join("canaries.yml");
    std::fs::write(&canaries, rules_of_canaries(questions)).map_err(|error| error.to_string())?;
    let mut paths = vec![canaries];
    paths.extend(rules.iter().cloned());
    let loaded = Engine::load(&paths, &LoadOptions::default(), None);
    let (engine, _) = loaded.map_err(|error| error.to_string())?;
    let planner = Planner::built_in().map_err(|error| error.to_string())?;
    let mut log = this_host::event_log().ok();
    // A log that tells nothing of its channels is found out when they are asked for.
    let here = this_host::conditions(log.as_mut().map(|log| log.as_mut() as _));
    let conditions = here.ok().flatten().unwrap_or_default();
    let plan = planner.plan(&engine, &conditions, &config.live_changes());
    let LivePlan { mut sessions, mut channels, .. } = plan.map_err(|error| error.to_string())?;
    for path in CHANNELS {
        if channels.iter().all(|channel| channel.path != path) {
            channels.push(ChannelSettings::new(path, []));
        }
    }
    let last = sessions.iter_mut().rfind(|session| matches!(session.kind, SessionKind::User));
    if let Some(session) = last {
        let (name, guid) = POWERSHELL;
        session.providers.retain(|provider| provider.name != name);
        session.providers.push(whole(name, guid));
        if questions {
            session.providers.push(whole(THREAT_INTELLIGENCE, THREAT_INTELLIGENCE_GUID));
        }
    }
    for session in &mut sessions {
        let name = session.name.strip_prefix("etwatch-").unwrap_or(&session.name);
        session.name = format!("{PREFIX}{name}");
    }
    Ok(Wanted { sessions, channels })
}

/// All of a provider.
fn whole(name: &str, guid: &str) -> ProviderSettings {
    ProviderSettings {
        provider: Guid::parse(guid).unwrap_or_default(),
        name: name.to_owned(),
        any: 0,
        all: 0,
        level: 5,
        ids: Vec::new(),
        capture_state: false,
        properties: 0,
        filter: None,
    }
}

/// A rule for each log source.
fn rules_of_canaries(questions: bool) -> String {
    let canaries = CANARIES.iter().map(|canary| (canary.log_source, canary.required));
    let of_questions =
        OF_QUESTIONS.iter().map(|(source, field)| (*source, std::slice::from_ref(field)));
    let all = canaries.chain(of_questions.take(if questions { OF_QUESTIONS.len() } else { 0 }));
    let rule = |(number, (source, fields)): (usize, (&str, &[&str]))| {
        let fields: Vec<_> = fields.iter().map(|field| format!("'{field}|exists': true")).collect();
        format!(
            "title: {source}\nid: 5a4c0d0e-6a2b-4a53-9d53-{number:012}\n\
             logsource: {{category: {source}, product: windows}}\n\
             detection: {{s: {{{}}}, condition: s}}\n---\n",
            fields.join(", ")
        )
    };
    all.enumerate().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_canary_has_a_provider_and_no_session_of_a_service_is_touched() {
        let Wanted { sessions, channels } = wanted(&[], &Config::default(), true).unwrap();
        assert!(channels.iter().any(|channel| channel.path == "Security"), "{channels:?}");
        assert!(sessions.len() >= 3, "{sessions:?}");
        let names: BTreeSet<_> = sessions.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names.len(), sessions.len());
        assert!(names.iter().all(|name| name.starts_with(PREFIX)), "{names:?}");
        let providers: BTreeSet<_> =
            sessions.iter().flat_map(|one| &one.providers).map(|one| one.name.as_str()).collect();
        for name in
            ["Kernel-Process", "Kernel-File", "Kernel-Registry", "Kernel-Network", "DNS-Client"]
        {
            assert!(
                providers.contains(format!("Microsoft-Windows-{name}").as_str()),
                "{providers:?}"
            );
        }
        assert!(providers.contains(POWERSHELL.0) && providers.contains(THREAT_INTELLIGENCE));
        assert!(
            sessions
                .iter()
                .flat_map(|one| &one.providers)
                .all(|one| one.provider != Guid::default())
        );
        let without = wanted(&[], &Config::default(), false).unwrap().sessions;
        let mut all = without.iter().flat_map(|one| &one.providers);
        assert!(all.all(|one| one.name != THREAT_INTELLIGENCE));
    }
}
