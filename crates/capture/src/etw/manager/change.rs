//! Sessions that are to be otherwise, since rules were loaded again.
//!
//! ```text
//! same kind and buffers, and no provider that is new ─▶ changed while it runs: disable, enable anew, flags
//! else                                                ─▶ stopped and started anew
//! ```
//!
//! A provider that is new needs a new start, since records are dispatched to the providers that a session was opened
//! with. Between the stop and the start nothing is delivered, so that is said ([`Changed::was_interrupted`]).

use std::sync::Arc;

use super::{BACK_OFF, Manager, Session};
use crate::etw::api::SessionState;
use crate::etw::code;
use crate::etw::error::{Call, EtwError};
use crate::etw::notice::EVENT_TRACING;
use crate::etw::session::{Expected, Note, Start};
use crate::live::{ProviderSettings, SessionKind, SessionSettings};

/// What became of a session that was to be otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// What is otherwise than was asked for.
    pub notes: Vec<Note>,
    /// Whether it was stopped and started anew: what happened in between was not seen.
    pub was_interrupted: bool,
}

impl Manager {
    /// Has a session be as these settings say, whose name it has.
    ///
    /// # Errors
    /// There is no session of ours with this name; or what was refused: if it could not be started anew, that is
    /// tried again each second.
    pub fn change(&mut self, settings: &SessionSettings) -> Result<Changed, EtwError> {
        let name = &settings.name;
        let place = self.sessions.iter().position(|it| it.is_ours && it.settings.name == *name);
        let Some(place) = place else {
            return Err(EtwError::new(Call::Query, code::INSTANCE_NOT_FOUND, name));
        };
        // Taken out so that the rest can be asked; put back whatever comes of it.
        let mut session = self.sessions.remove(place);
        let changed = self.adapt(&mut session, settings);
        self.sessions.insert(place, session);
        changed
    }

    /// Stops a session, or reads no more of one of someone else; `false` if there is none with this name.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|session| session.settings.name != name);
        self.sessions.len() < before
    }

    fn adapt(
        &self,
        session: &mut Session,
        settings: &SessionSettings,
    ) -> Result<Changed, EtwError> {
        if session.settings == *settings {
            return Ok(Changed::default());
        }
        if is_watched(settings) && !is_watched(&session.settings) {
            session.callback.add(Box::new(self.notices.clone()));
        }
        let callback = Arc::clone(&session.callback);
        let (api, pause) = (self.api.as_ref(), self.settings.pause.as_ref());
        let start = Start { api, pause, waits: &[], settings, callback: &callback };
        let wanted = start.resolved()?;
        if !session.is_delivered() || !can_stay(session, settings, &wanted) {
            session.end();
            session.settings = settings.clone();
            let started = self.begin(settings, &callback, &BACK_OFF)?;
            let notes = started.report.notes.clone();
            session.is_started(started);
            return Ok(Changed { notes, was_interrupted: true });
        }
        self.disable_unwanted(session, &wanted)?;
        session.settings = settings.clone();
        self.set_flags(session)?;
        let notes = enable_anew(session, wanted, &start);
        Ok(Changed { notes, was_interrupted: false })
    }

    fn disable_unwanted(
        &self,
        session: &mut Session,
        wanted: &[ProviderSettings],
    ) -> Result<(), EtwError> {
        let name = session.settings.name.clone();
        let is_unwanted = |expected: &Expected| {
            wanted.iter().all(|provider| provider.provider != expected.provider.provider)
        };
        while let Some(place) = session.expected.iter().position(is_unwanted) {
            // Gone from what is expected first, so that it is not taken for somebody's doing.
            let gone = session.expected.remove(place).provider;
            let disabled = self.api.disable(&name, gone.provider);
            disabled.map_err(|it| EtwError::of(it, format!("{} in {name}", gone.name)))?;
        }
        Ok(())
    }

    /// Gives a system logger the flags of its settings.
    fn set_flags(&self, session: &mut Session) -> Result<(), EtwError> {
        let SessionKind::System { flags } = session.settings.kind else { return Ok(()) };
        let Some(granted) = session.granted.clone().filter(|it| it.flags != flags) else {
            return Ok(());
        };
        let wanted = SessionState { flags, ..granted };
        let name = &wanted.name;
        self.api.update(&wanted).map_err(|refusal| EtwError::of(refusal, name))?;
        session.granted = Some(self.api.query(name).unwrap_or(wanted));
        Ok(())
    }
}

/// Enables anew what is otherwise than before.
fn enable_anew(
    session: &mut Session,
    wanted: Vec<ProviderSettings>,
    start: &Start<'_>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let logger_id = session.granted.as_ref().map(|granted| granted.logger_id);
    for provider in wanted {
        let is_it = |it: &&mut Expected| it.provider.provider == provider.provider;
        let Some(expected) = session.expected.iter_mut().find(is_it) else { continue };
        if expected.provider == provider {
            continue;
        }
        // What there is already was told when it was asked for first.
        let asks = provider.capture_state && !expected.provider.capture_state;
        let asked = ProviderSettings { capture_state: asks, ..provider.clone() };
        *expected = start.refine(asked, false, &mut notes);
        expected.masks = logger_id.and_then(|id| start.masks(expected, id, &mut notes));
        expected.provider = provider;
    }
    notes
}

/// Whether a session tells of acts on sessions.
fn is_watched(settings: &SessionSettings) -> bool {
    settings.providers.iter().any(|provider| provider.provider == EVENT_TRACING)
}

/// Whether a session can be changed while it runs. A provider that was refused when it was started is so still.
fn can_stay(session: &Session, settings: &SessionSettings, wanted: &[ProviderSettings]) -> bool {
    let old = &session.settings;
    let is_known = |provider: &ProviderSettings| {
        session.expected.iter().any(|it| it.provider.provider == provider.provider)
            || old.providers.iter().any(|it| it.provider == provider.provider)
    };
    session.granted.is_some()
        && old.buffers == settings.buffers
        && old.independent == settings.independent
        && std::mem::discriminant(&old.kind) == std::mem::discriminant(&settings.kind)
        && wanted.iter().all(is_known)
}
