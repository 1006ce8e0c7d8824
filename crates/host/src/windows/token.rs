//! On whose behalf a process runs: what its token says.

use windows_sys::Win32::Security::{
    GetTokenInformation, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenIntegrityLevel, TokenSessionId,
    TokenStatistics, TokenUser,
};
use windows_sys::Win32::System::Threading::OpenProcessToken;

use crate::error::HostError;
use crate::process::Integrity;
use crate::windows::buffer::Buffer;
use crate::windows::handle::{Handle, succeeded};

/// Bytes of the largest answer that is asked for: a pointer, attributes and a SID of 15 parts.
const LENGTH: u32 = 256;

/// The token of a process.
pub(super) struct Token(Handle);

impl Token {
    /// Opens the token of a process, to ask it.
    pub(super) fn of(process: &Handle) -> Result<Self, HostError> {
        let mut token = std::ptr::null_mut();
        // SAFETY: the process is open, and `token` outlives the call.
        let result = unsafe { OpenProcessToken(process.raw(), TOKEN_QUERY, &raw mut token) };
        succeeded(result)?;
        Handle::new(token).map(Self)
    }

    fn information(&self, class: TOKEN_INFORMATION_CLASS) -> Option<Buffer> {
        let ask = |buffer| {
            let mut written = 0;
            // SAFETY: the token is open, `buffer` has room for `LENGTH` bytes, and all outlive the call.
            let result = unsafe {
                GetTokenInformation(self.0.raw(), class, buffer, LENGTH, &raw mut written)
            };
            succeeded(result).map(|()| written)
        };
        Buffer::filled(LENGTH as usize, ask).ok()
    }

    /// The user's SID: `TOKEN_USER` begins with a pointer to it.
    pub(super) fn user(&self) -> Option<Box<[u8]>> {
        self.information(TokenUser)?.sid(0).map(Box::from)
    }
    /// The label: `TOKEN_MANDATORY_LABEL` begins with a pointer to a SID, whose last part it is.
    pub(super) fn integrity(&self) -> Option<Integrity> {
        let information = self.information(TokenIntegrityLevel)?;
        let last = information.sid(0)?.last_chunk::<4>()?;
        Some(Integrity(u32::from_le_bytes(*last)))
    }
    /// The terminal session.
    pub(super) fn session(&self) -> Option<u32> {
        self.information(TokenSessionId)?.u32(0)
    }
    /// The logon session: `TOKEN_STATISTICS` has it behind the token's own id.
    pub(super) fn logon_id(&self) -> Option<u64> {
        self.information(TokenStatistics)?.u64(8)
    }
}
