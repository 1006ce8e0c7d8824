//! One session: started, in spite of what Windows refuses where it can do without.
//!
//! ```text
//! name is ours? ─▶ a stale one is replaced ─▶ start ─┬─▶ filters ─▶ capture state ─▶ what was granted?
//!                        milliseconds refused: seconds ┤
//!                        a provider refused: without it ┤
//!                        no slot: wait, then who has them
//! ```
//!
//! What the session can't do without is an error; what it can is a [`Note`], so that nobody believes to get what
//! does not come. Ids that Windows does not filter are filtered again where records are taken, so a note on them
//! speaks of cost, not of results.
//!
//! What Windows then says of masks and flags is kept as what is expected from now on: it may spell them otherwise
//! than they were asked for, and must not be "repaired" for that.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use etwatch_event::Guid;

use super::api::{
    EtwApi, Filters, LONGEST_NAME, MOST_FILTERED_IDS, Masks, SYSTEM_LOGGER_MODE, SessionState,
    StartRefusal, StartSession,
};
use super::callback::Callback;
use super::code;
use super::defaults;
use super::error::{Call, EtwError, Kind, Refusal};
use crate::etw::api::{Consumption, INDEPENDENT_MODE};
use crate::live::{ProviderSettings, SessionKind, SessionSettings};

/// Something about a session that is otherwise than was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A session of a run that crashed had this name, and was stopped.
    StaleReplaced,
    /// There was no slot at first, since these sessions had them.
    Waited {
        /// The sessions.
        holders: Vec<String>,
        /// How long.
        time: Duration,
    },
    /// The flush time is rounded up to seconds, since this Windows takes no milliseconds.
    FlushInSeconds,
    /// The session goes without this provider.
    ProviderRefused(EtwError),
    /// Nobody has registered this provider; nothing comes until someone does.
    NotRegistered(String),
    /// The ids of this provider are filtered by us alone, with Windows' reason, or since they are more than 64.
    IdsNotFiltered(String, Option<Refusal>),
    /// The provider's own filter is refused, so what it asks for does not come.
    FilterRefused(EtwError),
    /// What there is already is not told.
    NoCaptureState(EtwError),
    /// It can't be seen whether someone changes this provider's masks.
    NotWatched(EtwError),
    /// Windows granted something else.
    Granted {
        /// What.
        what: String,
        /// As it was asked for.
        wanted: u64,
        /// As it is.
        granted: u64,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaleReplaced => {
                f.write_str("a session of this name was left over, and replaced")
            }
            Self::Waited { holders, time } => {
                write!(f, "waited {time:?} for a slot; they are held by {}", holders.join(", "))
            }
            Self::FlushInSeconds => f.write_str("the flush time is rounded up to seconds"),
            Self::ProviderRefused(error) => write!(f, "goes without a provider: {error}"),
            Self::NotRegistered(name) => write!(f, "nobody has registered `{name}`"),
            Self::IdsNotFiltered(name, None) => {
                write!(f, "`{name}` has more ids than Windows filters; they are filtered here")
            }
            Self::IdsNotFiltered(name, Some(refusal)) => {
                write!(f, "the ids of `{name}` are filtered here, not by Windows: {refusal}")
            }
            Self::FilterRefused(error) => write!(f, "a filter is not set: {error}"),
            Self::NoCaptureState(error) => write!(f, "what there is already is not told: {error}"),
            Self::NotWatched(error) => write!(f, "its masks are not watched: {error}"),
            Self::Granted { what, wanted, granted } => {
                write!(f, "{what}: {granted:#x} is granted where {wanted:#x} was asked for")
            }
        }
    }
}

/// How a session was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionReport {
    /// Its name.
    pub name: String,
    /// What Windows says of it; `None` if it does not tell.
    pub granted: Option<SessionState>,
    /// What is otherwise than was asked for.
    pub notes: Vec<Note>,
}

/// A provider as it is expected to stay.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) provider: ProviderSettings,
    pub(super) filters: Filters,
    /// As Windows spells them; `None` while it has not told.
    pub(super) masks: Option<Masks>,
}

/// A session that was started.
pub(super) struct Started {
    pub(super) consumption: Box<dyn Consumption>,
    pub(super) expected: Vec<Expected>,
    pub(super) report: SessionReport,
}

/// What is needed to start a session.
pub(super) struct Start<'a> {
    pub(super) api: &'a dyn EtwApi,
    /// Waits; a test does not.
    pub(super) pause: &'a dyn Fn(Duration),
    /// How long is waited for a slot, time after time.
    pub(super) waits: &'a [Duration],
    pub(super) settings: &'a SessionSettings,
    pub(super) callback: &'a Arc<Callback>,
}

impl Start<'_> {
    /// Starts the session.
    pub(super) fn run(&self) -> Result<Started, EtwError> {
        let name = &self.settings.name;
        check_name(name)?;
        let mut notes = Vec::new();
        let mut providers = self.resolved()?;
        self.replace_stale(&mut notes)?;
        let consumption = self.start(&mut providers, &mut notes)?;
        let mut expected: Vec<_> =
            providers.into_iter().map(|provider| self.refine(provider, true, &mut notes)).collect();
        let granted = self.api.query(name).ok();
        if let Some(granted) = &granted {
            self.differences(granted, &mut notes);
            for provider in &mut expected {
                provider.masks = self.masks(provider, granted.logger_id, &mut notes);
            }
        }
        let report = SessionReport { name: name.clone(), granted, notes };
        Ok(Started { consumption, expected, report })
    }

    fn error(&self, refusal: Refusal) -> EtwError {
        EtwError::of(refusal, &self.settings.name)
    }

    /// The providers, those known by name alone with their GUIDs, none twice.
    pub(super) fn resolved(&self) -> Result<Vec<ProviderSettings>, EtwError> {
        let mut known = None;
        let mut all: Vec<ProviderSettings> = Vec::new();
        for provider in &self.settings.providers {
            let mut provider = provider.clone();
            if provider.provider == Guid::default() {
                let known = match &mut known {
                    Some(known) => known,
                    none => {
                        none.insert(self.api.providers().map_err(|refusal| self.error(refusal))?)
                    }
                };
                let found = known.iter().find(|it| it.name.eq_ignore_ascii_case(&provider.name));
                let unknown = || EtwError::new(Call::Providers, code::NOT_FOUND, &provider.name);
                provider.provider = found.ok_or_else(unknown)?.provider;
            }
            if all.iter().all(|other| other.provider != provider.provider) {
                all.push(provider);
            }
        }
        Ok(all)
    }

    /// Stops a session of ours that a crash has left; one of someone else's is left alone.
    fn replace_stale(&self, notes: &mut Vec<Note>) -> Result<(), EtwError> {
        let name = &self.settings.name;
        if self.api.query(name).is_err() {
            return Ok(()); // there is none, or it can't be seen, which the start will tell
        }
        if !is_ours(name) {
            return Err(EtwError::new(Call::Start, code::ALREADY_EXISTS, name));
        }
        match self.api.stop(name) {
            Err(refusal) if !refusal.is_gone() => Err(self.error(refusal)),
            _ => {
                notes.push(Note::StaleReplaced);
                Ok(())
            }
        }
    }

    /// Starts it, with seconds if there are no milliseconds, without the providers that are refused, when there is
    /// a slot.
    fn start(
        &self,
        providers: &mut Vec<ProviderSettings>,
        notes: &mut Vec<Note>,
    ) -> Result<Box<dyn Consumption>, EtwError> {
        let settings = self.settings;
        let mut in_milliseconds = settings.buffers.flush.subsec_nanos() > 0;
        let mut waits = self.waits.iter();
        let mut waited = Duration::ZERO;
        loop {
            let session = StartSession {
                name: &settings.name,
                kind: settings.kind,
                buffers: settings.buffers,
                in_milliseconds,
                independent: settings.independent,
                providers,
            };
            let StartRefusal { refusal, providers: refused } =
                match self.api.start(&session, self.callback) {
                    Ok(consumption) => return Ok(consumption),
                    Err(refused) => refused,
                };
            let error = self.error(refusal);
            if self.drop_refused(providers, &refused, notes) {
                if providers.is_empty() && settings.kind == SessionKind::User {
                    return Err(error);
                }
            } else if error.kind() == Kind::BadSettings && in_milliseconds {
                in_milliseconds = false;
                notes.push(Note::FlushInSeconds);
            } else if error.kind() == Kind::SessionLimit {
                let holders = self.holders();
                let Some(wait) = waits.next() else { return Err(EtwError { holders, ..error }) };
                (self.pause)(*wait);
                waited += *wait;
                notes.retain(|note| !matches!(note, Note::Waited { .. }));
                notes.push(Note::Waited { holders, time: waited });
            } else {
                return Err(error);
            }
        }
    }

    /// Takes the refused providers out; `false` if there was none to take out.
    fn drop_refused(
        &self,
        providers: &mut Vec<ProviderSettings>,
        refused: &[(Guid, u32)],
        notes: &mut Vec<Note>,
    ) -> bool {
        let before = providers.len();
        providers.retain(|provider| {
            let code = refused.iter().find(|(guid, _)| *guid == provider.provider);
            let Some((_, code)) = code else { return true };
            let subject = format!("{} in {}", provider.name, self.settings.name);
            notes.push(Note::ProviderRefused(EtwError::new(Call::Enable, *code, subject)));
            false
        });
        providers.len() < before
    }

    /// Who has the slots: system loggers if one was refused, else all sessions.
    fn holders(&self) -> Vec<String> {
        let is_system = matches!(self.settings.kind, SessionKind::System { .. });
        let sessions = self.api.sessions().unwrap_or_default();
        let holds = |session: &SessionState| !is_system || session.mode & SYSTEM_LOGGER_MODE != 0;
        sessions.into_iter().filter(holds).map(|session| session.name).collect()
    }

    /// Sets the filters of a provider, as far as Windows takes them, and has it tell its state. `is_enabled`: whether
    /// it has the masks that it is to have.
    pub(super) fn refine(
        &self,
        provider: ProviderSettings,
        is_enabled: bool,
        notes: &mut Vec<Note>,
    ) -> Expected {
        let named =
            |refusal| EtwError::of(refusal, format!("{} in {}", provider.name, self.settings.name));
        let too_many = provider.ids.len() > MOST_FILTERED_IDS;
        if too_many {
            notes.push(Note::IdsNotFiltered(provider.name.clone(), None));
        }
        let mut filters =
            Filters { ids: !provider.ids.is_empty() && !too_many, own: provider.filter.is_some() };
        let set = |filters: Filters| match filters {
            Filters { ids: false, own: false } if is_enabled => Ok(()),
            filters => self.api.enable(&self.settings.name, &provider, filters),
        };
        if let Err(refusal) = set(filters) {
            // Each by itself: the ids can be done without, so they are given up first.
            let with_ids = std::mem::replace(&mut filters.ids, false);
            if let Err(refusal) = set(filters) {
                filters = Filters { ids: with_ids, own: false };
                notes.push(Note::FilterRefused(named(refusal)));
                filters.ids = set(filters).is_ok() && with_ids;
            }
            if with_ids && !filters.ids {
                notes.push(Note::IdsNotFiltered(provider.name.clone(), Some(refusal)));
            }
        }
        if provider.capture_state
            && let Err(refusal) = self.api.capture_state(&self.settings.name, provider.provider)
        {
            notes.push(Note::NoCaptureState(named(refusal)));
        }
        Expected { provider, filters, masks: None }
    }

    /// What of the session is otherwise than was asked for.
    fn differences(&self, granted: &SessionState, notes: &mut Vec<Note>) {
        let (wanted, has) = (&self.settings.buffers, &granted.buffers);
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (flags, system) = match self.settings.kind {
            SessionKind::System { flags } => (flags, SYSTEM_LOGGER_MODE),
            SessionKind::User => (granted.flags, 0),
        };
        let independent = if self.settings.independent { INDEPENDENT_MODE } else { 0 };
        let modes = independent | system;
        let rows: [(&str, u64, u64); 6] = [
            ("kilobytes of a buffer", wanted.kilobytes.into(), has.kilobytes.into()),
            ("least buffers", wanted.minimum.into(), has.minimum.into()),
            ("most buffers", wanted.maximum.into(), has.maximum.into()),
            ("milliseconds of flush time", milliseconds(wanted.flush), milliseconds(has.flush)),
            ("flags", flags.into(), granted.flags.into()),
            ("modes", modes.into(), (granted.mode & modes).into()),
        ];
        notes.extend(rows.into_iter().filter(|(_, wanted, granted)| wanted != granted).map(
            |(what, wanted, granted)| Note::Granted { what: what.to_owned(), wanted, granted },
        ));
    }

    /// The masks of a provider as Windows tells them.
    pub(super) fn masks(
        &self,
        expected: &Expected,
        logger_id: u16,
        notes: &mut Vec<Note>,
    ) -> Option<Masks> {
        let provider = &expected.provider;
        let state = match self.api.provider(provider.provider) {
            Ok(state) => state,
            Err(refusal) if refusal.kind() == Kind::NotRegistered => {
                notes.push(Note::NotRegistered(provider.name.clone()));
                return None;
            }
            Err(refusal) => {
                notes.push(Note::NotWatched(EtwError::of(refusal, &provider.name)));
                return None;
            }
        };
        if !state.is_registered {
            notes.push(Note::NotRegistered(provider.name.clone()));
        }
        let granted = state.enabled.iter().find(|it| it.logger_id == logger_id)?.masks;
        let wanted = Masks::of(provider);
        if granted.is_narrower_than(wanted) {
            let (what, wanted, granted) = first_difference(wanted, granted);
            let what = format!("{what} of {}", provider.name);
            notes.push(Note::Granted { what, wanted, granted });
        }
        Some(granted)
    }
}

/// The first mask in which the two differ.
fn first_difference(wanted: Masks, granted: Masks) -> (&'static str, u64, u64) {
    let (wanted, granted) = (wanted.spelt_alike(), granted.spelt_alike());
    let rows = [
        ("keywords", wanted.any, granted.any),
        ("keywords that all must be there", wanted.all, granted.all),
        ("level", wanted.level.into(), granted.level.into()),
    ];
    let last = ("properties", wanted.properties.into(), granted.properties.into());
    rows.into_iter().find(|(_, wanted, granted)| wanted != granted).unwrap_or(last)
}

/// Whether a session of this name is one that etwatch starts.
pub(super) fn is_ours(name: &str) -> bool {
    let prefix = name.get(..defaults::NAME_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(defaults::NAME_PREFIX))
}

/// Names of the system, and such as Windows would cut or not take, are refused before it is asked.
fn check_name(name: &str) -> Result<(), EtwError> {
    let is_system = defaults::SYSTEM_NAMES.iter().any(|system| system.eq_ignore_ascii_case(name));
    if name.is_empty() || name.contains('\0') || is_system {
        return Err(EtwError::new(Call::Settings, code::INVALID_NAME, name));
    }
    if name.encode_utf16().count() > LONGEST_NAME {
        return Err(EtwError::new(Call::Settings, code::NAME_TOO_LONG, name));
    }
    Ok(())
}
