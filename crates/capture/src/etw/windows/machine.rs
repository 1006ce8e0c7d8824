//! Which providers there are, and who has enabled one (`TdhEnumerateProviders`, `EnumerateTraceGuidsEx`).

use etwatch_event::Guid;
use windows_sys::Win32::System::Diagnostics::Etw::{
    EnumerateTraceGuidsEx, TdhEnumerateProviders, TraceGuidQueryInfo,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};

use super::text::{self, wide};
use crate::etw::answers::{named_providers, provider_state};
use crate::etw::api::{NamedProvider, ProviderState};
use crate::etw::code;
use crate::etw::error::{Call, Refusal};

/// `ERROR_INSUFFICIENT_BUFFER`.
const TOO_SMALL: u32 = 122;
/// Bytes of the largest answer that is taken.
const MOST: u32 = 16 << 20;

/// Refuses what Wine lacks: a call of a missing function ends the process there, and can't be caught.
pub(super) fn check_present(call: Call) -> Result<(), Refusal> {
    let library = wide("ntdll.dll");
    // SAFETY: the name ends with a NUL and outlives the call; no reference to the library is taken.
    let library = unsafe { GetModuleHandleW(library.as_ptr()) };
    // SAFETY: ntdll is in every process for as long as it lives; the name ends with a NUL.
    let is_wine = unsafe { GetProcAddress(library, c"wine_get_version".as_ptr().cast()) }.is_some();
    if is_wine { Err(Refusal::new(call, code::FUNCTION_MISSING)) } else { Ok(()) }
}

/// Bytes that a call fills, asked again with more room until they fit. Aligned for every structure of ETW.
pub(super) fn filled(
    call: Call,
    mut ask: impl FnMut(*mut u64, &mut u32) -> u32,
) -> Result<Vec<u8>, Refusal> {
    check_present(call)?;
    let mut size = 4096;
    loop {
        let words = usize::try_from(size).unwrap_or(0).div_ceil(8);
        let mut room = vec![0_u64; words];
        let mut used = size;
        match ask(room.as_mut_ptr(), &mut used) {
            0 => {
                let bytes = room.iter().flat_map(|word| word.to_ne_bytes());
                let used = usize::try_from(used.min(size)).unwrap_or(0);
                return Ok(bytes.take(used).collect());
            }
            TOO_SMALL if size < MOST => size = used.max(size * 2).min(MOST),
            code => return Err(Refusal::new(call, code)),
        }
    }
}

/// All providers with a name.
pub(super) fn providers() -> Result<Vec<NamedProvider>, Refusal> {
    let ask = |room: *mut u64, size: &mut u32| {
        // SAFETY: `room` has `size` bytes, aligned to 8, and both outlive the call.
        unsafe { TdhEnumerateProviders(room.cast(), size) }
    };
    filled(Call::Providers, ask).map(|bytes| named_providers(&bytes))
}

/// Who registered a provider, and which sessions have enabled it.
pub(super) fn provider(provider: Guid) -> Result<ProviderState, Refusal> {
    let provider = text::guid(provider);
    let ask = |room: *mut u64, size: &mut u32| {
        let (input, most) = (&raw const provider, *size);
        // SAFETY: 16 bytes of GUID are read; `room` has `most` bytes, aligned to 8; all outlive the call.
        unsafe {
            EnumerateTraceGuidsEx(TraceGuidQueryInfo, input.cast(), 16, room.cast(), most, size)
        }
    };
    filled(Call::Provider, ask).map(|bytes| provider_state(&bytes))
}
