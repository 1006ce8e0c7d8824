//! What the configuration changes of a plan: buffers, what is left out, what is asked for besides.

use std::collections::BTreeMap;

use etwatch_capture::live::{Buffers, ProcessSelector};
use etwatch_event::Guid;
use etwatch_rules::diagnostic::nearest;

use super::settings::guid_of;
use super::table::{LiveTable, SessionRole};

/// Why changes can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangesError {
    /// A provider is to be left out that no plan has.
    #[error("`{name}` is no provider of any plan{hint}")]
    UnknownProvider {
        /// What was written.
        name: String,
        /// What is like it, as the end of the message.
        hint: String,
    },
    /// A provider is asked for whose GUID nobody knows.
    #[error("the GUID of the provider `{name}` is not known here; give it as `guid`")]
    NoGuid {
        /// What was written.
        name: String,
    },
}

/// What of a session's buffers is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BufferChanges {
    /// Kilobytes of one.
    pub kilobytes: Option<u32>,
    /// How many at least.
    pub minimum: Option<u32>,
    /// How many at most.
    pub maximum: Option<u32>,
    /// After how many milliseconds one is handed on.
    pub flush_milliseconds: Option<u64>,
    /// Whether a slow consumer of another session leaves it alone.
    pub independent: Option<bool>,
}

impl BufferChanges {
    pub(super) fn apply(&self, buffers: &mut Buffers) {
        let Self { kilobytes, minimum, maximum, flush_milliseconds, .. } = *self;
        buffers.kilobytes = kilobytes.unwrap_or(buffers.kilobytes);
        buffers.minimum = minimum.unwrap_or(buffers.minimum);
        buffers.maximum = maximum.unwrap_or(buffers.maximum).max(buffers.minimum);
        buffers.flush = flush_milliseconds.map_or(buffers.flush, std::time::Duration::from_millis);
    }
}

/// A provider that is wanted whatever the rules are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraProvider {
    /// Its name; one of a plan is widened by it.
    pub name: String,
    /// Its GUID, if the name is not known here.
    pub guid: Option<Guid>,
    /// Its session.
    pub session: SessionRole,
    /// Events with one of these keywords; 0 is all events.
    pub any: u64,
    /// Of those, events with all of these keywords.
    pub all: u64,
    /// The most verbose level; 0 is all.
    pub level: u8,
    /// The ids; none is all.
    pub ids: Vec<u16>,
    /// `EVENT_ENABLE_PROPERTY_*`.
    pub properties: u32,
}

/// A channel that is wanted whatever the rules are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraChannel {
    /// Its path.
    pub path: String,
    /// The ids; none is all.
    pub ids: Vec<u16>,
}

/// What is changed of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiveChanges {
    /// Of the buffers, by session.
    pub buffers: BTreeMap<SessionRole, BufferChanges>,
    /// The processes whose records alone are wanted from the noisy session; all if there are none.
    pub only_processes: Vec<ProcessSelector>,
    /// The processes whose records are not wanted from the noisy session.
    pub not_processes: Vec<ProcessSelector>,
    /// Providers that are left out, by name or GUID.
    pub not_providers: Vec<String>,
    /// Providers that are asked for besides.
    pub providers: Vec<ExtraProvider>,
    /// Channels that are asked for besides.
    pub channels: Vec<ExtraChannel>,
    /// Whether sessions tell what Sysmon tells, though its log is there.
    pub ignore_sysmon: bool,
}

impl LiveChanges {
    /// Whether what they name is there.
    ///
    /// # Errors
    /// [`ChangesError`] for the first that is not.
    pub fn check(&self, table: &LiveTable) -> Result<(), ChangesError> {
        for name in &self.not_providers {
            let names = || table.providers.iter().map(|row| row.name.as_str());
            let is_known = names().any(|known| known.eq_ignore_ascii_case(name))
                || Guid::parse(name)
                    .is_some_and(|guid| table.providers.iter().any(|row| row.guid.0 == guid));
            if !is_known {
                let near = nearest(name, names());
                let hint = near.map(|near| format!("; did you mean `{near}`?"));
                let hint = hint.unwrap_or_default();
                return Err(ChangesError::UnknownProvider { name: name.clone(), hint });
            }
        }
        match self.providers.iter().find(|extra| guid_of(extra).is_none()) {
            Some(extra) => Err(ChangesError::NoGuid { name: extra.name.clone() }),
            None => Ok(()),
        }
    }

    /// Whether a provider is left out.
    pub(super) fn leaves_out(&self, name: &str, guid: Guid) -> bool {
        self.not_providers
            .iter()
            .any(|left| left.eq_ignore_ascii_case(name) || Guid::parse(left) == Some(guid))
    }
}
