//! The rows of the taxonomy as a plan for a running machine looks at them: who writes them, what they are, and with
//! which fields.
//!
//! They are those of the live input, but for two things that hang on the machine: events of Sysmon are there where
//! its log is, as event logs have them, and fields that Windows tells from some build on are absent before it.

use etwatch_event::Activity;
use etwatch_normalise::InputKind;
use etwatch_rules::lint::reach::{InputEvents, Presence};
use etwatch_state::Filled;

use super::facts::Fed;
use super::reach::events;
use super::row::RowSources;
use super::{FieldSources, SYSMON, Way};

/// A row of the taxonomy, or the other events of a log.
#[derive(Debug)]
pub(crate) struct LiveKind {
    /// Providers and classes that write it.
    pub(crate) providers: Vec<String>,
    /// The channels that it is in, every spelling.
    pub(crate) channels: Vec<String>,
    /// Its ids, of a class the opcodes; none: those that no row has.
    pub(crate) ids: Vec<u16>,
    pub(crate) activity: Activity,
    /// The categories that it has or may have.
    pub(crate) categories: Vec<String>,
    /// What its host may add, but for what its payload has already.
    pub(crate) filled: Vec<Filled>,
}

impl LiveKind {
    /// Whether a provider writes it.
    pub(crate) fn is_by(&self, provider: &str) -> bool {
        self.providers.iter().any(|name| name.eq_ignore_ascii_case(provider))
    }
}

/// All of them, and beside each which fields it has on this machine. `later` tells from which build on a field of a payload of a provider is told, if that is after the
/// machine's.
pub(crate) fn live_kinds(
    sources: &FieldSources,
    sysmon: bool,
    later: &dyn Fn(&str, &str) -> Option<u32>,
) -> (Vec<LiveKind>, Vec<InputEvents>) {
    let feds = [InputKind::Live, InputKind::Evtx].map(|kind| (kind, Fed::on(&sources.rows, kind)));
    let [live, recorded] = &feds;
    let kind = |row: &RowSources| {
        let of_sysmon = sysmon && row.is_by(SYSMON);
        let (on, fed) = if of_sysmon { recorded } else { live };
        let mut events = events(sources, row, *on, fed);
        if !of_sysmon {
            drop_later(sources, row, later, &mut events);
        }
        let is_told = |filled: &Filled| {
            let ways = row.on(*on).origins.get(filled.field).into_iter().flatten();
            ways.into_iter().any(|origin| matches!(origin.way, Way::Payload { .. }))
        };
        let kind = LiveKind {
            providers: row.providers.clone(),
            channels: row.channels.clone(),
            ids: row.ids.iter().filter_map(|id| u16::try_from(*id).ok()).collect(),
            activity: row.activity,
            categories: row.categories().into_iter().map(str::to_owned).collect(),
            filled: row.filled.iter().filter(|filled| !is_told(filled)).cloned().collect(),
        };
        (kind, events)
    };
    sources.rows.iter().map(kind).unzip()
}

/// Marks the fields as absent that come from payloads alone which do not have them yet, and of which the machine
/// isn't asked.
fn drop_later(
    sources: &FieldSources,
    row: &RowSources,
    later: &dyn Fn(&str, &str) -> Option<u32>,
    events: &mut InputEvents,
) {
    let categories = row.categories();
    for (field, origins) in &row.on(InputKind::Live).origins {
        let builds = origins.iter().map(|origin| match (&origin.way, &origin.provider) {
            (Way::Payload { name, .. }, Some(provider)) => later(provider, name),
            _ => None,
        });
        let Some(build) = builds.min().flatten() else { continue };
        let is_asked = sources.inputs.asked.iter().any(|asked| {
            asked.fields.contains(field)
                && asked.category.iter().any(|name| categories.contains(&name.as_str()))
        });
        if !is_asked {
            let why = format!("Windows tells it from build {build} on");
            events.fields.insert(field.clone(), Presence::Absent(why.into()));
        }
    }
}
