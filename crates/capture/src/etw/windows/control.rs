//! What sessions are like, which there are, and changing one (`ControlTraceW`, `QueryAllTracesW`).

use windows_sys::Win32::System::Diagnostics::Etw::{
    CONTROLTRACE_HANDLE, ControlTraceW, EVENT_TRACE_CONTROL, EVENT_TRACE_CONTROL_QUERY,
    EVENT_TRACE_CONTROL_UPDATE, QueryAllTracesW,
};

use super::properties::Properties;
use super::text::wide;
use crate::etw::api::SessionState;
use crate::etw::code;
use crate::etw::error::{Call, Refusal};

/// More sessions than Windows can have (`EtwMaxLoggers` is at most 256).
const MOST_SESSIONS: usize = 256;

/// What Windows says of a session; `call` is what it is asked for.
pub(super) fn query(call: Call, name: &str) -> Result<Box<Properties>, Refusal> {
    let mut properties = Properties::empty();
    control(call, name, &mut properties, EVENT_TRACE_CONTROL_QUERY)?;
    // Wine says yes to every name and fills in nothing.
    if properties.handle() == 0 {
        return Err(Refusal::new(call, code::INSTANCE_NOT_FOUND));
    }
    Ok(properties)
}

/// Gives a session what can be changed while it runs.
pub(super) fn update(wanted: &SessionState) -> Result<(), Refusal> {
    // What is not to be changed must be told as it is.
    let mut properties = query(Call::Update, &wanted.name)?;
    properties.set(wanted);
    control(Call::Update, &wanted.name, &mut properties, EVENT_TRACE_CONTROL_UPDATE)
}

fn control(
    call: Call,
    name: &str,
    properties: &mut Properties,
    what: EVENT_TRACE_CONTROL,
) -> Result<(), Refusal> {
    let name = wide(name);
    let none = CONTROLTRACE_HANDLE { Value: 0 };
    // SAFETY: `name` ends with a NUL and outlives the call. `properties` says how many bytes it has, with both
    // offsets within, and is borrowed for us alone until the call returns.
    let code = unsafe { ControlTraceW(none, name.as_ptr(), properties.as_mut_ptr(), what) };
    if code == 0 { Ok(()) } else { Err(Refusal::new(call, code)) }
}

/// All sessions.
pub(super) fn sessions() -> Result<Vec<SessionState>, Refusal> {
    let mut all: Vec<_> = (0..MOST_SESSIONS).map(|_| Properties::empty()).collect();
    let mut pointers: Vec<_> = all.iter_mut().map(|properties| properties.as_mut_ptr()).collect();
    let (mut found, most) = (0, u32::try_from(pointers.len()).unwrap_or(0));
    // SAFETY: each of the `most` pointers leads to properties that say how many bytes they have, that live until
    // the end of this function and are reached by nobody else meanwhile; `found` outlives the call.
    let code = unsafe { QueryAllTracesW(pointers.as_mut_ptr(), most, &raw mut found) };
    if code != 0 {
        return Err(Refusal::new(Call::List, code));
    }
    let found = usize::try_from(found).unwrap_or(0);
    Ok(all.iter().take(found).map(|properties| properties.state()).collect())
}
