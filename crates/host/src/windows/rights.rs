//! What our own token lets us do.

use windows_sys::Win32::Foundation::LUID;
use windows_sys::Win32::Security::{LookupPrivilegeNameW, SE_PRIVILEGE_ENABLED};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use crate::error::HostError;
use crate::rights::{Privilege, Rights};
use crate::windows::handle::succeeded;
use crate::windows::text::until_nul;
use crate::windows::token::Token;

/// Letters of the longest name of a privilege that is asked for; Windows' own have less than 50.
const LONGEST_NAME: usize = 256;

pub(super) fn rights() -> Result<Rights, HostError> {
    // SAFETY: it takes nothing and returns a constant that stands for our own process and needs no closing.
    let token = Token::of_raw(unsafe { GetCurrentProcess() })?;
    let elevated = token.is_elevated().ok_or(HostError::Other { code: 0 })?;
    let mut privileges = Vec::new();
    for (id, attributes) in token.privileges().ok_or(HostError::Other { code: 0 })? {
        let enabled = attributes & SE_PRIVILEGE_ENABLED != 0;
        privileges.push(Privilege { name: name(id)?, enabled });
    }
    Ok(Rights { elevated, privileges })
}

/// The name of a privilege; `id` is its LUID, low part first.
fn name(id: [u32; 2]) -> Result<String, HostError> {
    let [low, high] = id;
    let id = LUID { LowPart: low, HighPart: high.cast_signed() };
    let mut letters = vec![0_u16; LONGEST_NAME];
    let mut length = u32::try_from(letters.len()).unwrap_or(0);
    // SAFETY: a null system is this one; `letters` has room for `length` letters, and all outlive the call.
    let result = unsafe {
        LookupPrivilegeNameW(std::ptr::null(), &raw const id, letters.as_mut_ptr(), &raw mut length)
    };
    succeeded(result)?;
    Ok(until_nul(&letters))
}
