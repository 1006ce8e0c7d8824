//! What is asked of Windows about sessions, in plain types.
//!
//! The trait is as narrow as the calls behind it: each method is one thing that Windows does, and answers with
//! Windows' own code when it refuses. Nothing here decides anything; that is for [`super::session`] and
//! [`super::manager`], which run unchanged over [`super::FakeEtw`].
//!
//! Sessions are named, never held by a handle: a handle of a session that someone has stopped and started anew
//! would lead to nothing, and the one who asks about losses is not the one who started it.

use std::sync::Arc;

use etwatch_event::{Guid, RawRecord};

use super::callback::Callback;
use super::error::Refusal;
use crate::live::loss::LossReading;
use crate::live::{Buffers, ProviderSettings, SessionKind};

/// `EVENT_TRACE_REAL_TIME_MODE`: records go to consumers, not to a file.
pub const REAL_TIME_MODE: u32 = 0x100;
/// `EVENT_TRACE_USE_MS_FLUSH_TIMER`: the flush timer counts milliseconds.
pub const MILLISECONDS_MODE: u32 = 0x10;
/// `EVENT_TRACE_SYSTEM_LOGGER_MODE`: the session takes events of the kernel by their flags.
pub const SYSTEM_LOGGER_MODE: u32 = 0x0200_0000;
/// `EVENT_TRACE_INDEPENDENT_SESSION_MODE`: a slow consumer of another session does not hold this one up.
pub const INDEPENDENT_MODE: u32 = 0x0800_0000;

/// How many ids one filter of Windows may name (`MAX_EVENT_FILTER_EVENT_ID_COUNT`).
pub const MOST_FILTERED_IDS: usize = 64;
/// Letters in the name of a session, in UTF-16 units, of which the whole way through is sure; more are cut off
/// without a word.
pub const LONGEST_NAME: usize = 200;

/// A session to be started.
#[derive(Clone, Copy, Debug)]
pub struct StartSession<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is a system logger, and with which flags.
    pub kind: SessionKind,
    /// Its buffers.
    pub buffers: Buffers,
    /// Whether its flush time is told in milliseconds, which not every Windows takes. If not, it is rounded up to
    /// seconds.
    pub in_milliseconds: bool,
    /// Whether a slow consumer of another session leaves this one alone.
    pub independent: bool,
    /// Its providers; they are enabled by masks, level and properties. Filters are for [`EtwApi::enable`].
    pub providers: &'a [ProviderSettings],
}

impl StartSession<'_> {
    /// The logging mode that is asked for.
    #[must_use]
    pub fn mode(&self) -> u32 {
        let system = if self.flags().is_some() { SYSTEM_LOGGER_MODE } else { 0 };
        let independent = if self.independent { INDEPENDENT_MODE } else { 0 };
        let milliseconds = if self.in_milliseconds { MILLISECONDS_MODE } else { 0 };
        REAL_TIME_MODE | system | independent | milliseconds
    }
    /// The kernel's flags; `None` for a session of providers.
    #[must_use]
    pub fn flags(&self) -> Option<u32> {
        match self.kind {
            SessionKind::System { flags } => Some(flags),
            SessionKind::User => None,
        }
    }
    /// The flush timer, in the unit that is asked for, at least 1.
    #[must_use]
    pub fn flush_timer(&self) -> u32 {
        let flush = self.buffers.flush;
        let count = if self.in_milliseconds {
            flush.as_millis()
        } else {
            u128::from(flush.as_secs()) + u128::from(flush.subsec_nanos() > 0)
        };
        u32::try_from(count.max(1)).unwrap_or(u32::MAX)
    }
}

/// Why a session was not started. Nothing of it is left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRefusal {
    /// The first refusal.
    pub refusal: Refusal,
    /// Which providers are refused, each tried alone, with Windows' code; without them the session may start.
    pub providers: Vec<(Guid, u32)>,
}

impl From<Refusal> for StartRefusal {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, providers: Vec::new() }
    }
}

/// Which filters go along when a provider is enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters {
    /// Ids of events (`EVENT_FILTER_TYPE_EVENT_ID`).
    pub ids: bool,
    /// The provider's own filter.
    pub own: bool,
}

/// What Windows says of a session that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Its name.
    pub name: String,
    /// Its number, by which providers know it.
    pub logger_id: u16,
    /// Its logging mode (`EVENT_TRACE_*_MODE`).
    pub mode: u32,
    /// Its flags, if it is a system logger.
    pub flags: u32,
    /// Its buffers, as they were granted.
    pub buffers: Buffers,
    /// Buffers that there are now.
    pub buffers_now: u32,
    /// What was lost since it was started.
    pub losses: LossReading,
}

/// A provider that is known to the machine, by its manifest or its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedProvider {
    /// Its GUID.
    pub provider: Guid,
    /// Its name.
    pub name: String,
}

/// How a session has enabled a provider (`TRACE_ENABLE_INFO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enabled {
    /// The number of the session.
    pub logger_id: u16,
    /// The masks.
    pub masks: Masks,
}

/// What a session takes of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Masks {
    /// Events with one of these keywords; 0 is all events.
    pub any: u64,
    /// Of those, events with all of these keywords.
    pub all: u64,
    /// The most verbose level; 0 is all.
    pub level: u8,
    /// What is written beside each event (`EVENT_ENABLE_PROPERTY_*`).
    pub properties: u32,
}

impl Masks {
    /// What is wanted of a provider.
    #[must_use]
    pub fn of(provider: &ProviderSettings) -> Self {
        let ProviderSettings { any, all, level, properties, .. } = *provider;
        Self { any, all, level, properties }
    }
    /// The same with one spelling for "all events" and "all levels", which Windows may tell as all ones.
    #[must_use]
    pub fn spelt_alike(self) -> Self {
        let any = if self.any == u64::MAX { 0 } else { self.any };
        let level = if self.level == u8::MAX { 0 } else { self.level };
        Self { any, level, ..self }
    }
    /// Whether something that `wanted` lets through, or has written beside events, is missing here.
    #[must_use]
    pub fn is_narrower_than(self, wanted: Self) -> bool {
        let (found, wanted) = (self.spelt_alike(), wanted.spelt_alike());
        let any = match (found.any, wanted.any) {
            (0, _) => false,
            (_, 0) => true,
            (found, wanted) => wanted & !found != 0,
        };
        let level = match (found.level, wanted.level) {
            (0, _) => false,
            (_, 0) => true,
            (found, wanted) => found < wanted,
        };
        any || level || found.all & !wanted.all != 0 || wanted.properties & !found.properties != 0
    }
}

/// What Windows knows of a provider now (`TRACE_GUID_INFO`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderState {
    /// Whether a process or driver has registered it; one that none has gives nothing, though enabling it succeeds.
    pub is_registered: bool,
    /// Which sessions have enabled it, and how.
    pub enabled: Vec<Enabled>,
}

/// A session whose records are being delivered. Dropping it ends the delivery, and a session that was started with
/// it is stopped; no record is delivered any more when the drop has returned.
pub trait Consumption: Send {
    /// Whether records may still come; not once the session has been stopped.
    fn is_running(&self) -> bool;
    /// Records that came from Windows but belong to no provider of the session, so that nobody was asked about
    /// them.
    fn undispatched(&self) -> u64;
}

/// What can be asked of Windows. Every error is a refusal with Windows' code.
pub trait EtwApi: Send + Sync {
    /// Starts a session, enables its providers without filters and delivers its records on a thread of its own.
    ///
    /// # Errors
    /// What was refused; the session is then gone again.
    fn start(
        &self,
        session: &StartSession<'_>,
        callback: &Arc<Callback>,
    ) -> Result<Box<dyn Consumption>, StartRefusal>;
    /// Delivers the records of a session that someone else has started; it is never stopped.
    ///
    /// # Errors
    /// No such session, or no right to read it.
    fn attach(&self, name: &str, callback: &Arc<Callback>)
    -> Result<Box<dyn Consumption>, Refusal>;
    /// Enables a provider in a session, or changes how it is enabled.
    ///
    /// # Errors
    /// No such session, no right, too many sessions have it, or a filter that it does not take.
    fn enable(
        &self,
        name: &str,
        provider: &ProviderSettings,
        filters: Filters,
    ) -> Result<(), Refusal>;
    /// Takes a provider out of a session.
    ///
    /// # Errors
    /// No such session or no right.
    fn disable(&self, name: &str, provider: Guid) -> Result<(), Refusal>;
    /// Asks a provider to tell, into the session, what there is already.
    ///
    /// # Errors
    /// No such session, no right, or a provider that cannot.
    fn capture_state(&self, name: &str, provider: Guid) -> Result<(), Refusal>;
    /// Gives a session the flags, the most buffers and the flush time of `wanted` again.
    ///
    /// # Errors
    /// No such session, or no right.
    fn update(&self, wanted: &SessionState) -> Result<(), Refusal>;
    /// What a session is like, and what it has lost.
    ///
    /// # Errors
    /// No such session, or no right.
    fn query(&self, name: &str) -> Result<SessionState, Refusal>;
    /// Stops a session, whoever started it.
    ///
    /// # Errors
    /// No such session, or no right.
    fn stop(&self, name: &str) -> Result<(), Refusal>;
    /// All sessions of the machine that we may see.
    ///
    /// # Errors
    /// Windows does not tell.
    fn sessions(&self) -> Result<Vec<SessionState>, Refusal>;
    /// All providers with a name.
    ///
    /// # Errors
    /// Windows does not tell.
    fn providers(&self) -> Result<Vec<NamedProvider>, Refusal>;
    /// What Windows knows of a provider: who registered it, which sessions have enabled it.
    ///
    /// # Errors
    /// Nobody knows it (4200), or no right.
    fn provider(&self, provider: Guid) -> Result<ProviderState, Refusal>;
    /// The layout of a record, a `TRACE_EVENT_INFO` as TDH gives it. May take milliseconds: never to be asked on the
    /// thread that delivers records.
    ///
    /// # Errors
    /// TDH knows no layout (1168), or is not there.
    fn describe(&self, record: &RawRecord<'_>) -> Result<Vec<u8>, Refusal>;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn masks_are_narrower_where_something_is_missing() {
        let wanted = Masks { any: 0x30, all: 0, level: 4, properties: 0x80 };
        let rows = [
            (wanted, false),
            (Masks { any: 0x70, ..wanted }, false),
            (Masks { any: 0, ..wanted }, false),
            (Masks { any: u64::MAX, ..wanted }, false),
            (Masks { any: 0x10, ..wanted }, true),
            (Masks { all: 0x10, ..wanted }, true),
            (Masks { level: 3, ..wanted }, true),
            (Masks { level: 5, ..wanted }, false),
            (Masks { level: 0, ..wanted }, false),
            (Masks { properties: 0, ..wanted }, true),
            (Masks { properties: 0x81, ..wanted }, false),
        ];
        for (found, expected) in rows {
            assert_eq!(found.is_narrower_than(wanted), expected, "{found:x?}");
        }
        let everything = Masks { properties: 0x80, ..Masks::default() };
        assert!(wanted.is_narrower_than(everything));
        assert!(!everything.is_narrower_than(wanted));
    }

    #[test]
    fn a_flush_time_is_never_shorter_than_what_is_wanted_in_seconds() {
        let mut session = StartSession {
            name: "etwatch-test",
            kind: SessionKind::User,
            buffers: Buffers { kilobytes: 64, minimum: 4, maximum: 8, flush: Duration::ZERO },
            in_milliseconds: true,
            independent: true,
            providers: &[],
        };
        for (flush, milliseconds, seconds) in
            [(0, 1, 1), (20, 20, 1), (1_000, 1_000, 1), (1_001, 1_001, 2)]
        {
            session.buffers.flush = Duration::from_millis(flush);
            session.in_milliseconds = true;
            assert_eq!(session.flush_timer(), milliseconds);
            assert_eq!(session.mode(), 0x0800_0110);
            session.in_milliseconds = false;
            assert_eq!(session.flush_timer(), seconds);
        }
        session.kind = SessionKind::System { flags: 5 };
        assert_eq!((session.mode(), session.flags()), (0x0a00_0100, Some(5)));
    }
}
