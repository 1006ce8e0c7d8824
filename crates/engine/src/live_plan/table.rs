//! What a running Windows can be asked for: `live.yaml`, read strictly.

use std::collections::BTreeMap;

use etwatch_capture::etw::defaults;
use etwatch_capture::live::Buffers;
use etwatch_event::{Activity, Guid};
use serde::{Deserialize, Serialize};

const FILE: &str = "crates/engine/src/live_plan/live.yaml";
const TEXT: &str = include_str!("live.yaml");

/// Why the table was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveTableError {
    /// It is not of the right form.
    #[error("{file}: {source}")]
    Form {
        /// The file.
        file: &'static str,
        /// What is wrong, with its line.
        source: serde_yaml::Error,
    },
}

/// What the events of a source cost, the dearest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// About one a second on an idle machine.
    Quiet,
    /// Tens a second.
    Moderate,
    /// Hundreds a second and more.
    Noisy,
}

impl Cost {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Moderate => "moderate",
            Self::Noisy => "noisy",
        }
    }
}

/// Which of our sessions it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionRole {
    /// The system logger, with the kernel's classic events of processes.
    System,
    /// Processes and tracing itself; never shed.
    Lifecycle,
    /// Everything else.
    Noisy,
}

impl SessionRole {
    /// All of them, in the order in which they are started.
    pub const ALL: [Self; 3] = [Self::System, Self::Lifecycle, Self::Noisy];

    /// Its buffers, unless the configuration says otherwise.
    #[must_use]
    pub fn buffers(self) -> Buffers {
        match self {
            Self::System | Self::Lifecycle => defaults::LIFECYCLE,
            Self::Noisy => defaults::NOISY,
        }
    }

    /// The word for it, in the table and in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Lifecycle => "lifecycle",
            Self::Noisy => "noisy",
        }
    }
}

/// How a session is set up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRow {
    /// Its name.
    pub name: String,
    /// Whether its records may be dropped under overload.
    pub may_drop: bool,
}

/// A GUID as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WrittenGuid(pub Guid);

impl TryFrom<String> for WrittenGuid {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Guid::parse(&text).map(Self).ok_or_else(|| format!("`{text}` is no GUID"))
    }
}

/// An [`Activity`] as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WrittenActivity(pub Activity);

impl TryFrom<String> for WrittenActivity {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Activity::parse(&text).map(Self).ok_or_else(|| format!("`{text}` is no activity"))
    }
}

/// Ids that come alike.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsRow {
    /// The ids; for a class its opcodes.
    pub ids: Vec<u16>,
    /// The keyword that brings them; 0 if they have none.
    #[serde(default)]
    pub keyword: u64,
    /// The first build of Windows that writes them.
    pub build: u32,
    /// What they cost.
    pub cost: Cost,
    /// The categories for whose rules they are left out if something else tells of the same.
    #[serde(default)]
    pub spare: Vec<String>,
    /// The ids behind whose handles they tell the names.
    #[serde(default)]
    pub names: Vec<u16>,
    /// Whether the provider tells them when it is asked what there is already.
    #[serde(default)]
    pub rundown: bool,
}

/// Data of a filter of the provider's own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilterRow {
    /// `EVENT_FILTER_TYPE_*`.
    #[serde(rename = "type")]
    pub kind: u32,
    /// Its bytes.
    pub data: Vec<u8>,
}

/// A provider, or a class of the kernel's logger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRow {
    /// Its name, as taxonomy and layouts have it.
    pub name: String,
    /// Its GUID.
    pub guid: WrittenGuid,
    /// The session that it is in.
    pub session: SessionRole,
    /// Of a class: the flag that brings it (`EVENT_TRACE_FLAG_*`).
    #[serde(default)]
    pub flags: u32,
    /// The most verbose level that is wanted.
    #[serde(default)]
    pub level: u8,
    /// `EVENT_ENABLE_PROPERTY_*`.
    #[serde(default)]
    pub properties: u32,
    /// What it is given beside that.
    #[serde(default)]
    pub filter: Option<FilterRow>,
    /// For what it is always wanted.
    #[serde(default)]
    pub always: Option<String>,
    /// What it writes.
    pub events: Vec<EventsRow>,
    /// Fields of payloads: the first build that tells them.
    #[serde(default)]
    pub later: BTreeMap<String, u32>,
}

impl ProviderRow {
    /// Whether it is a class of the kernel's logger.
    #[must_use]
    pub fn is_class(&self) -> bool {
        self.flags != 0
    }
    /// The rows of some ids, as far as it has them.
    pub fn rows_of(&self, ids: impl Fn(u16) -> bool) -> impl Iterator<Item = &EventsRow> {
        self.events.iter().filter(move |row| row.ids.iter().any(|id| ids(*id)))
    }
}

/// A channel of the event log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRow {
    /// Its path.
    pub path: String,
    /// What it costs.
    pub cost: Cost,
    /// What somebody should know who relies on it.
    #[serde(default)]
    pub note: Option<String>,
    /// Categories for which it is read though a session tells of them as well.
    #[serde(default)]
    pub beside: Vec<String>,
}

/// Channels that can't be subscribed to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedRow {
    /// Their paths.
    pub channels: Vec<String>,
    /// Why, a clause without a full stop.
    pub why: String,
}

/// What is made here of other events.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedRow {
    /// Its category.
    pub category: String,
    /// The events of which it is made.
    pub of: Vec<WrittenActivity>,
}

/// The table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveTable {
    /// The sessions, by what they are for.
    pub sessions: BTreeMap<SessionRole, SessionRow>,
    /// Providers and classes.
    pub providers: Vec<ProviderRow>,
    /// Channels.
    pub channels: Vec<ChannelRow>,
    /// What can't be had.
    pub closed: Vec<ClosedRow>,
    /// What is made here.
    pub derived: Vec<DerivedRow>,
}

impl LiveTable {
    /// Reads the table that is part of the program.
    ///
    /// # Errors
    /// [`LiveTableError::Form`] if it is malformed, which the tests of this crate exclude.
    pub fn built_in() -> Result<Self, LiveTableError> {
        serde_yaml::from_str(TEXT).map_err(|source| LiveTableError::Form { file: FILE, source })
    }
}
