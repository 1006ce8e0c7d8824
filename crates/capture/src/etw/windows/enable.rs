//! Providers of a session (`EnableTraceEx2`).

use etwatch_event::Guid;
use windows_sys::Win32::System::Diagnostics::Etw::{
    CONTROLTRACE_HANDLE, ENABLE_TRACE_PARAMETERS, ENABLE_TRACE_PARAMETERS_VERSION_2,
    EVENT_CONTROL_CODE_CAPTURE_STATE, EVENT_CONTROL_CODE_DISABLE_PROVIDER,
    EVENT_CONTROL_CODE_ENABLE_PROVIDER, EVENT_FILTER_DESCRIPTOR, EVENT_FILTER_TYPE_EVENT_ID,
    EnableTraceEx2,
};

use super::{control, text};
use crate::etw::api::{Filters, MOST_FILTERED_IDS, Masks};
use crate::etw::code;
use crate::etw::error::{Call, Refusal};
use crate::live::ProviderSettings;

/// Enables a provider, or changes how it is enabled.
pub(super) fn enable(
    name: &str,
    provider: &ProviderSettings,
    filters: Filters,
) -> Result<(), Refusal> {
    if filters.ids && provider.ids.len() > MOST_FILTERED_IDS {
        return Err(Refusal::new(Call::Enable, code::INVALID_PARAMETER));
    }
    let ids = if filters.ids { id_filter(&provider.ids) } else { Vec::new() };
    let own = provider.filter.as_ref().filter(|_| filters.own);
    let mut descriptors = Vec::with_capacity(2);
    if !ids.is_empty() {
        descriptors.push(descriptor(EVENT_FILTER_TYPE_EVENT_ID, &ids));
    }
    if let Some((kind, data)) = own {
        descriptors.push(descriptor(*kind, data));
    }
    let masks = Masks::of(provider);
    call(name, provider.provider, EVENT_CONTROL_CODE_ENABLE_PROVIDER, masks, &mut descriptors)
}

/// Takes a provider out of a session.
pub(super) fn disable(name: &str, provider: Guid) -> Result<(), Refusal> {
    let masks = Masks::default();
    call(name, provider, EVENT_CONTROL_CODE_DISABLE_PROVIDER, masks, &mut [])
}

/// Has a provider tell what there is already.
pub(super) fn capture_state(name: &str, provider: Guid) -> Result<(), Refusal> {
    let masks = Masks::default();
    call(name, provider, EVENT_CONTROL_CODE_CAPTURE_STATE, masks, &mut [])
}

/// `EVENT_FILTER_EVENT_ID`: one byte that says "these", one of nothing, their count, the ids.
fn id_filter(ids: &[u16]) -> Vec<u16> {
    const THESE: u16 = 1;
    let count = u16::try_from(ids.len()).unwrap_or(0);
    [THESE, count].into_iter().chain(ids.iter().copied()).collect()
}

/// A filter that Windows reads at the place where `data` lies; it must live until the call has returned.
fn descriptor<T>(kind: u32, data: &[T]) -> EVENT_FILTER_DESCRIPTOR {
    let place = u64::try_from(data.as_ptr().expose_provenance()).unwrap_or(0);
    let size = u32::try_from(size_of_val(data)).unwrap_or(0);
    EVENT_FILTER_DESCRIPTOR { Ptr: place, Size: size, Type: kind }
}

fn call(
    name: &str,
    provider: Guid,
    control_code: u32,
    masks: Masks,
    filters: &mut [EVENT_FILTER_DESCRIPTOR],
) -> Result<(), Refusal> {
    let session = CONTROLTRACE_HANDLE { Value: control::query(Call::Enable, name)?.handle() };
    let provider = text::guid(provider);
    let parameters = ENABLE_TRACE_PARAMETERS {
        Version: ENABLE_TRACE_PARAMETERS_VERSION_2,
        EnableProperty: masks.properties,
        ControlFlags: 0,
        SourceId: text::guid(Guid::default()),
        EnableFilterDesc: if filters.is_empty() {
            std::ptr::null_mut()
        } else {
            filters.as_mut_ptr()
        },
        FilterDescCount: u32::try_from(filters.len()).unwrap_or(0),
    };
    // SAFETY: `provider` and `parameters` outlive the call, and so do the descriptors and the data that they lead
    // to, which our callers hold; none is written to. The handle is a number that Windows checks.
    let code = unsafe {
        EnableTraceEx2(
            session,
            &raw const provider,
            control_code,
            masks.level,
            masks.any,
            masks.all,
            0,
            &raw const parameters,
        )
    };
    if code == 0 { Ok(()) } else { Err(Refusal::new(Call::Enable, code)) }
}
