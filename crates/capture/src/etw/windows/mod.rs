//! Sessions of this machine, by ferrisetw and, where that has no way, by Win32.
//!
//! | what | by whom |
//! |---|---|
//! | start a session with its buffers and modes, enable its providers by masks | ferrisetw |
//! | open it, deliver its records, dispatch them by provider | ferrisetw |
//! | stop it, one of our own or by name | ferrisetw |
//! | filters by id, a provider's own filter, properties it does not know | `EnableTraceEx2` |
//! | providers of the system in a system logger, capture state, disable | `EnableTraceEx2` |
//! | losses, settings as they were granted, changing them back | `ControlTraceW` |
//! | who holds the slots | `QueryAllTracesW` |
//! | who has enabled a provider, which names there are | `EnumerateTraceGuidsEx`, `TdhEnumerateProviders` |
//! | read a session of someone else, which ferrisetw only does with files | `OpenTraceW`, `ProcessTrace` |
//! | the layout of a record that was copied, not one in the callback | `TdhGetEventInformation` |
//!
//! Three things of ferrisetw shape what is here. It tells an error without the call that gave it, so after a start
//! that failed it is looked whether the session is there, and each provider is tried alone; it also leaves that
//! session running, so it is stopped. It dispatches to providers that it was told of, so a system logger is given
//! all classes of the kernel, and what still finds nobody is counted. And unwinding out of its callback ends the
//! process, so [`Callback`] lets none out.
//!
//! All `unsafe` of the crate is in this folder. Little of it follows a pointer of Windows: the bytes of a record
//! are seen by [`view`] alone, and answers that are lists are read as bytes by [`super::answers`].
#![expect(unsafe_code, reason = "the one home of calls to ETW")]

mod attach;
mod control;
mod describe;
mod enable;
mod machine;
mod properties;
mod text;
mod trace;
mod view;

use std::sync::Arc;

use etwatch_event::{Guid, RawRecord};

use super::api::{
    Consumption, EtwApi, Filters, NamedProvider, ProviderState, SessionState, StartRefusal,
    StartSession,
};
use super::callback::Callback;
use super::code;
use super::error::{Call, Refusal};
use crate::live::ProviderSettings;

/// The sessions of the machine this runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct WindowsEtw;

impl EtwApi for WindowsEtw {
    fn start(
        &self,
        session: &StartSession<'_>,
        callback: &Arc<Callback>,
    ) -> Result<Box<dyn Consumption>, StartRefusal> {
        if control::query(Call::Query, session.name).is_ok() {
            return Err(Refusal::new(Call::Start, code::ALREADY_EXISTS).into());
        }
        let started = trace::start(session, callback).map_err(|code| failed(session, code))?;
        let refused = trace::enable_rest(session);
        if let Some((_, code)) = refused.first() {
            let refusal = Refusal::new(Call::Enable, *code);
            drop(started);
            return Err(StartRefusal { refusal, providers: refused });
        }
        Ok(Box::new(started))
    }
    fn attach(
        &self,
        name: &str,
        callback: &Arc<Callback>,
    ) -> Result<Box<dyn Consumption>, Refusal> {
        let attached = attach::Attached::open(name, callback)?;
        Ok(Box::new(attached))
    }
    fn enable(
        &self,
        name: &str,
        provider: &ProviderSettings,
        filters: Filters,
    ) -> Result<(), Refusal> {
        enable::enable(name, provider, filters)
    }
    fn disable(&self, name: &str, provider: Guid) -> Result<(), Refusal> {
        enable::disable(name, provider)
    }
    fn capture_state(&self, name: &str, provider: Guid) -> Result<(), Refusal> {
        enable::capture_state(name, provider)
    }
    fn update(&self, wanted: &SessionState) -> Result<(), Refusal> {
        control::update(wanted)
    }
    fn query(&self, name: &str) -> Result<SessionState, Refusal> {
        control::query(Call::Query, name).map(|properties| properties.state())
    }
    fn stop(&self, name: &str) -> Result<(), Refusal> {
        trace::stop(name)
    }
    fn sessions(&self) -> Result<Vec<SessionState>, Refusal> {
        control::sessions()
    }
    fn providers(&self) -> Result<Vec<NamedProvider>, Refusal> {
        machine::providers()
    }
    fn provider(&self, provider: Guid) -> Result<ProviderState, Refusal> {
        machine::provider(provider)
    }
    fn describe(&self, record: &RawRecord<'_>) -> Result<Vec<u8>, Refusal> {
        describe::describe(record)
    }
}

/// Which call a start failed at, found out afterwards; the session is stopped if it is there.
fn failed(session: &StartSession<'_>, code: u32) -> StartRefusal {
    if control::query(Call::Query, session.name).is_err() {
        return Refusal::new(Call::Start, code).into();
    }
    let none = Filters { ids: false, own: false };
    let refused = session.providers.iter().filter_map(|provider| {
        let refusal = enable::enable(session.name, provider, none).err()?;
        Some((provider.provider, refusal.code))
    });
    let providers: Vec<_> = refused.collect();
    // Whether it can be stopped or not, it is the start that failed; the next one finds what is left.
    let _ = trace::stop(session.name);
    let call = if providers.is_empty() { Call::Open } else { Call::Enable };
    StartRefusal { refusal: Refusal::new(call, code), providers }
}

#[cfg(test)]
mod tests;
