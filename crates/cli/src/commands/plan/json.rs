//! A plan as one JSON object; `docs/plan.md` describes it.

use etwatch_alert::json::harmless_line;
use etwatch_capture::live::{
    ChannelSettings, ProcessSelector, ProviderSettings, SessionKind, SessionSettings,
};
use etwatch_engine::live_plan::{PlannedRule, PlannedSource};
use serde::Serialize;

use super::Shown;

#[derive(Serialize)]
struct Whole<'a> {
    os_build: u32,
    sysmon: bool,
    sessions: Vec<Session<'a>>,
    channels: Vec<Channel<'a>>,
    sources: &'a [PlannedSource],
    rules: &'a [PlannedRule],
    notes: &'a [String],
}

#[derive(Serialize)]
struct Session<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<String>,
    buffer_kilobytes: u32,
    minimum_buffers: u32,
    maximum_buffers: u32,
    flush_milliseconds: u128,
    independent: bool,
    may_drop: bool,
    providers: Vec<Provider<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only_processes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude_processes: Vec<String>,
}

#[derive(Serialize)]
struct Provider<'a> {
    name: &'a str,
    guid: String,
    any: String,
    all: String,
    level: u8,
    ids: &'a [u16],
    capture_state: bool,
    properties: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<Filter<'a>>,
}

#[derive(Serialize)]
struct Filter<'a> {
    #[serde(rename = "type")]
    kind: String,
    data: &'a [u8],
}

#[derive(Serialize)]
struct Channel<'a> {
    path: &'a str,
    ids: &'a [u16],
    query: &'a str,
}

impl<'a> Channel<'a> {
    fn of(settings: &'a ChannelSettings) -> Self {
        let ChannelSettings { path, ids, query } = settings;
        Self { path, ids, query }
    }
}

/// The plan as a line.
pub(super) fn write(shown: &Shown<'_>) -> String {
    let Shown { plan, conditions, .. } = shown;
    let whole = Whole {
        os_build: conditions.os_build,
        sysmon: conditions.sysmon,
        sessions: plan.sessions.iter().map(session).collect(),
        channels: plan.channels.iter().map(Channel::of).collect(),
        sources: &plan.sources,
        rules: &plan.rules,
        notes: &plan.notes,
    };
    harmless_line(&whole) + "\n"
}

fn session(settings: &SessionSettings) -> Session<'_> {
    let (kind, flags) = match settings.kind {
        SessionKind::System { flags } => ("system", Some(format!("{flags:#x}"))),
        SessionKind::User => ("user", None),
    };
    let words = |selectors: &[ProcessSelector]| selectors.iter().map(process).collect();
    Session {
        name: &settings.name,
        kind,
        flags,
        buffer_kilobytes: settings.buffers.kilobytes,
        minimum_buffers: settings.buffers.minimum,
        maximum_buffers: settings.buffers.maximum,
        flush_milliseconds: settings.buffers.flush.as_millis(),
        independent: settings.independent,
        may_drop: settings.may_drop,
        providers: settings.providers.iter().map(provider).collect(),
        only_processes: words(&settings.only_processes),
        exclude_processes: words(&settings.not_processes),
    }
}

fn process(selector: &ProcessSelector) -> String {
    match selector {
        ProcessSelector::Id(id) => id.to_string(),
        ProcessSelector::Image(name) => name.clone(),
    }
}

fn provider(settings: &ProviderSettings) -> Provider<'_> {
    let filter = settings.filter.as_ref();
    Provider {
        name: &settings.name,
        guid: settings.provider.to_string(),
        any: format!("{:#x}", settings.any),
        all: format!("{:#x}", settings.all),
        level: settings.level,
        ids: &settings.ids,
        capture_state: settings.capture_state,
        properties: settings.properties,
        filter: filter.map(|(kind, data)| Filter { kind: format!("{kind:#x}"), data }),
    }
}
