//! Conversions of single values from Windows' spelling to Sigma's.
//!
//! A value comes typed, as ETW has it (a number, a SID, bytes), or as text, as event logs write it; both
//! become the same. A value that is not of the form that a conversion converts stays as it was. Facts:
//! Sysmon's spellings counted in real recordings, `winnt.h`, `ntstatus.h`.
//!
//! ```text
//! path            \Device\HarddiskVolume3\a.exe   → C:\a.exe
//! registry_path   \REGISTRY\MACHINE\SOFTWARE\X    → HKLM\SOFTWARE\X
//! registry_data   04 00 00 00, Type 4             → DWORD (0x00000004)
//! access_asked    0x410                           → 0x1410
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `path` | names of files |
//! | `registry` | names of keys, data of values |
//! | `number` | numbers and how they are written |
//! | `account` | accounts, integrity levels |
//! | `text` | text in bytes, times |
//!
//! Nothing is allocated in the steady state: what has to be written goes to a buffer of the caller.

mod account;
mod number;
mod path;
mod registry;
mod text;

use etwatch_event::Value;
use serde::Deserialize;

use crate::context::Context;

pub(crate) use account::account;
pub use etwatch_event::registry::registry_path;
pub use number::number;
pub use path::windows_path;

/// A conversion of a value; in the tables by these names in small letters.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// `0x1a4c` to the number.
    Hexadecimal,
    /// A number of all ones, "unknown" to Windows, to nothing.
    ProcessId,
    /// A number to `0x3e7`.
    LogonId,
    /// A number to `0x1fffff`.
    AccessMask,
    /// What a process asked for to what it is granted, `0x410` to `0x1410`; to nothing if that can't be told.
    AccessAsked,
    /// A number to `0x` and 16 upper-case digits.
    StartAddress,
    /// An `NTSTATUS` to `0xC0000022`.
    Status,
    /// An address to whether it is one of IPv6.
    IsIpv6,
    /// The level at which the kernel has checked an image to `true` or `false`; to nothing if it has not.
    SignatureLevel,
    /// `S-1-16-12288` to `High`.
    IntegrityLevel,
    /// `S-1-5-18` to `NT AUTHORITY\SYSTEM`.
    Account,
    /// `\Device\HarddiskVolume3\…` to `C:\…`.
    Path,
    /// `\Device\NamedPipe\x` to `\x`.
    PipeName,
    /// `\REGISTRY\MACHINE\…` to `HKLM\…`.
    RegistryPath,
    /// The bytes of a registry value to `DWORD (0x00000001)`, by the fields `Type` and `DataSize`.
    RegistryData,
    /// Bytes of UTF-16 to text.
    Utf16,
    /// A time to `2026-11-21 23:34:10.123`.
    UtcTime,
}

/// What a value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Converted {
    /// A number.
    Number(u64),
    /// A number that is written in hex.
    Hex(u64),
    /// One of few words.
    Word(&'static str),
    /// The text in the buffer.
    Written,
    /// Nothing: the event does not say what the field is for.
    Nothing,
}

/// Numbers of other fields of the event that a conversion looks at, see [`Conversion::others`].
pub type Others = [Option<u64>; 2];

impl Conversion {
    /// The names of other fields that it looks at.
    #[must_use]
    pub fn others(self) -> Option<[&'static str; 2]> {
        (self == Self::RegistryData).then_some(["Type", "DataSize"])
    }
    /// What `value` becomes; `None` if it is not of the form that is converted. `out` is cleared and used for
    /// what is written.
    #[must_use]
    pub fn convert(
        self,
        value: &Value<'_>,
        others: Others,
        context: &Context,
        out: &mut String,
    ) -> Option<Converted> {
        out.clear();
        let written = |yes: bool| yes.then_some(Converted::Written);
        match self {
            Self::Hexadecimal => number::hexadecimal(value),
            Self::ProcessId => number::process_id(value),
            Self::LogonId | Self::AccessMask => number(value).map(Converted::Hex),
            Self::AccessAsked => number(value).map(number::access_asked),
            Self::StartAddress => written(number::start_address(value, out)),
            Self::Status => written(number::status(value, out)),
            Self::IsIpv6 => number::is_ipv6(value),
            Self::SignatureLevel => number(value).map(number::signature_level),
            Self::IntegrityLevel => account::integrity_level(value).map(Converted::Word),
            Self::Account => account(value).map(Converted::Word),
            Self::RegistryData => registry::data(value, others, out),
            Self::Utf16 => written(text::utf16(value, out)),
            Self::UtcTime => written(text::utc_time(value, out)),
            Self::Path | Self::PipeName | Self::RegistryPath => {
                let Value::Text(text) = value else { return None };
                written(match self {
                    Self::Path => windows_path(text, context, out),
                    Self::PipeName => path::pipe_name(text, out),
                    _ => registry_path(text, context.control_set(), out),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
