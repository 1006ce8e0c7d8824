//! On whose behalf a process runs: what its token says.

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::{
    GetTokenInformation, TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TokenElevation, TokenIntegrityLevel,
    TokenPrivileges, TokenSessionId, TokenStatistics, TokenUser,
};
use windows_sys::Win32::System::Threading::OpenProcessToken;

use crate::error::HostError;
use crate::process::Integrity;
use crate::windows::buffer::Buffer;
use crate::windows::handle::{Handle, succeeded};

/// Bytes of the largest answer that is asked for but for privileges: a pointer, attributes and a SID of 15 parts.
const LENGTH: u32 = 256;
/// Bytes of all privileges: a count, and for each (Windows has less than 40) its LUID and attributes.
const PRIVILEGES_LENGTH: u32 = 4 + 64 * 12;

/// The token of a process.
pub(super) struct Token(Handle);

impl Token {
    /// Opens the token of a process, to ask it.
    pub(super) fn of(process: &Handle) -> Result<Self, HostError> {
        Self::of_raw(process.raw())
    }
    /// Opens the token of a process; one that is not open gives an error.
    pub(super) fn of_raw(process: HANDLE) -> Result<Self, HostError> {
        let mut token = std::ptr::null_mut();
        // SAFETY: Windows checks the handle of the process, and `token` outlives the call.
        let result = unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) };
        succeeded(result)?;
        Handle::new(token).map(Self)
    }

    fn information(&self, class: TOKEN_INFORMATION_CLASS) -> Option<Buffer> {
        self.long_information(class, LENGTH)
    }
    /// What Windows says in at most `length` bytes.
    fn long_information(&self, class: TOKEN_INFORMATION_CLASS, length: u32) -> Option<Buffer> {
        let ask = |buffer| {
            let mut written = 0;
            // SAFETY: the token is open, `buffer` has room for `length` bytes, and all outlive the call.
            let result = unsafe {
                GetTokenInformation(self.0.raw(), class, buffer, length, &raw mut written)
            };
            succeeded(result).map(|()| written)
        };
        Buffer::filled(usize::try_from(length).ok()?, ask).ok()
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
    /// Whether it is elevated (`TOKEN_ELEVATION`).
    pub(super) fn is_elevated(&self) -> Option<bool> {
        Some(self.information(TokenElevation)?.u32(0)? != 0)
    }
    /// The privileges (`TOKEN_PRIVILEGES`): of each the LUID, low part first, and its attributes.
    pub(super) fn privileges(&self) -> Option<Vec<([u32; 2], u32)>> {
        let information = self.long_information(TokenPrivileges, PRIVILEGES_LENGTH)?;
        let count = usize::try_from(information.u32(0)?).ok()?;
        let places = (0..count).map(|number| number.checked_mul(12)?.checked_add(4));
        let one = |at: usize| {
            Some(([information.u32(at)?, information.u32(at + 4)?], information.u32(at + 8)?))
        };
        places.map(|at| one(at?)).collect()
    }
}
